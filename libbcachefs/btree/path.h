/*
 * The path of an iterator: locked nodes from the root down, and the merged keys in them. What
 * iter.c (visibility) is built on.
 */
#ifndef _BCH_BTREE_PATH_H
#define _BCH_BTREE_PATH_H

#include "btree/iter.h"

/* Unlock all. */
void bch_path_exit(struct btree_iter *iter);

/*
 * The first key at or behind @s, of any snapshot, not deleted: iter->cur, k NULL if there is none.
 * Cheap when @s is where bch_path_advance() went.
 */
int bch_path_peek(struct btree_iter *iter, struct bpos s);
/* Behind iter->cur. */
void bch_path_advance(struct btree_iter *iter);
/* The last key at or before @s; iter->cur. */
int bch_path_peek_prev(struct btree_iter *iter, struct bpos s);

/* Lock the root, to go down to the node that contains @s. 1: the btree is not so high. */
int bch_path_lock_root(struct btree_iter *iter, struct bpos s);
/* Lock the nodes down to that of min_level which contains @s. 1: there is none. */
int bch_path_seek(struct btree_iter *iter, struct bpos s);

/* From the lowest node down along the next children, until min_level or a node without them. */
int bch_path_down_node(struct btree_iter *iter);
/* Unlock the lowest node, its parent stands behind it. False: it was the root. */
bool bch_path_leave_node(struct btree_iter *iter);
/* The child that could not be read: stand behind it. */
void bch_path_skip_child(struct btree_iter *iter);

/* iter->copy, allocated; NULL without memory. */
struct bkey_i *bch_path_copy_buf(struct btree_iter *iter);

#endif
