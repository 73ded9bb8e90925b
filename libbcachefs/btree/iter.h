/*
 * Iterators over the keys or the nodes of a btree (spec 02 section 12), with the journal overlay
 * merged in at every level.
 *
 * An iterator read-locks the nodes from the root to its place until bch_iter_unlock() or
 * bch_iter_exit(). What it returns is valid until its next call. One thread uses it at a time.
 */
#ifndef _BCH_BTREE_ITER_H
#define _BCH_BTREE_ITER_H

#include "btree/node.h"
#include "btree/state.h"

enum btree_iter_flags {
	BTREE_ITER_all_snapshots = 1U << 0, /* every key, whatever its snapshot */
	BTREE_ITER_not_extents	 = 1U << 1, /* treat extents as points at their end */
	BTREE_ITER_no_overlay	 = 1U << 2, /* what is in the nodes only */
	BTREE_ITER_prefetch	 = 1U << 3, /* a scan: read ahead far */
	BTREE_ITER_intent	 = 1U << 4, /* intent lock on the leaf */
	/* Set by bch_iter_init(): */
	BTREE_ITER_is_extents	    = 1U << 8,
	BTREE_ITER_filter_snapshots = 1U << 9,
};

/* Where the iterator stands in one node. */
struct btree_iter_level {
	struct btree *b;	       /* NULL: not in use */
	const struct bkey_packed *at;  /* next key of the node */
	size_t overlay;		       /* next overlay key of this level */
};

struct btree_iter {
	struct bch_fs *c;
	u8 btree;
	u8 min_level; /* of the keys returned: 0 leaves */
	u16 flags;
	u32 snapshot;	 /* filter_snapshots: seen from here */
	struct bpos pos; /* spec 02 section 12 */

	/* After an error -BCH_ERR_btree_node_read_error: the range that cannot be read. */
	struct bpos unreadable_start, unreadable_end;

	struct btree_iter_level l[BTREE_MAX_DEPTH]; /* by level of the node */
	struct bkey k; /* header of the current key */
	struct bkey_view cur;
	struct bkey_i *sum; /* accounting: the key made of btree and deltas */
};

/*
 * @pos.snapshot is the snapshot to look from when the btree has snapshots and all_snapshots is not
 * given. Takes no lock, cannot fail.
 */
void bch_iter_init(struct btree_iter *iter, struct bch_fs *c, unsigned btree, struct bpos pos,
		   unsigned flags);
/* Keys of interior nodes, or nodes (bch_iter_next_node()), from @min_level up. */
void bch_iter_init_level(struct btree_iter *iter, struct bch_fs *c, unsigned btree,
			 struct bpos pos, unsigned min_level, unsigned flags);
void bch_iter_exit(struct btree_iter *iter);
/* Drop the locks; the position is kept and found again by the next call. */
void bch_iter_unlock(struct btree_iter *iter);
/* Look from @pos next. */
void bch_iter_set_pos(struct btree_iter *iter, struct bpos pos);

/*
 * All of these: 0, with k->k NULL when there is no (further) key; or a negative error. After
 * -BCH_ERR_btree_node_read_error bch_iter_skip_unreadable() steps over the lost range and the walk
 * may go on.
 */
int bch_iter_peek(struct btree_iter *iter, struct bkey_view *k);
int bch_iter_peek_upto(struct btree_iter *iter, struct bpos end, struct bkey_view *k);
int bch_iter_next(struct btree_iter *iter, struct bkey_view *k);
int bch_iter_peek_prev(struct btree_iter *iter, struct bkey_view *k);
int bch_iter_prev(struct btree_iter *iter, struct bkey_view *k);
/* Never NULL: what is at the position, or a hole (type deleted). */
int bch_iter_peek_slot(struct btree_iter *iter, struct bkey_view *k);
int bch_iter_next_slot(struct btree_iter *iter, struct bkey_view *k);

/* false: the range ends at SPOS_MAX, nothing can follow. */
bool bch_iter_skip_unreadable(struct btree_iter *iter);

/*
 * The next node in post order: the nodes of iter->min_level below one parent, then the parent.
 * Starts with the one that contains iter->pos. *b is NULL behind the root. Locked by the iterator.
 */
int bch_iter_next_node(struct btree_iter *iter, struct btree **b);

/*
 * for_each_btree_key(iter, k, ret): the body runs for each key from the iterator's position on;
 * afterwards ret is 0 or the error that ended the walk.
 */
#define for_each_btree_key(_iter, _k, _ret)					\
	for (_ret = bch_iter_peek(_iter, &(_k)); !(_ret) && (_k).k;		\
	     _ret = bch_iter_next(_iter, &(_k)))

/* The key at exactly @pos as seen from pos.snapshot, copied to @k (room: 255 u64s); -ENOENT. */
int bch_btree_lookup(struct bch_fs *c, unsigned btree, struct bpos pos, struct bkey_i *k);

#endif
