/*
 * Searching in a bset, and in the up to three bsets of a node as if they were one (spec 02
 * sections 9, 27).
 *
 * A bset that no longer changes gets an index: a tree in Eytzinger order with one word for a key in
 * each BSET_BLOCK_BYTES ("landmark"): 48 bits of its position and where the block before it starts.
 * A search goes down this tree without touching a key and then scans a block, comparing packed
 * words. Only where 48 bits do not tell landmarks apart keys are compared on the way.
 *
 * Readers need the node locked against changes, nothing more. Nothing here fails on any content
 * that is sorted and whole (struct bset_keys).
 */
#ifndef _BCH_BTREE_BSET_H
#define _BCH_BTREE_BSET_H

#include "btree/sort.h"

#define BSET_BLOCK_BYTES 256

/* How positions become prefixes (bset.c): ranges of fields, and where these stand. */
struct bset_prefix {
	struct bpos min, max;
	u64 mask[3];
	u8 rotate[3];
};

struct bset_index {
	u64 *keys;
	u64 *tree; /* slot: prefix | u64s from @keys to the landmark before; or NULL */
	u32 u64s;
	u16 nr; /* landmarks besides the first key: the tree's slots */
	bool all_packed;
	struct bpos first, last;
	struct bset_prefix prefix;
	u16 *landmarks; /* in order, with the first key, nr + 1 of them; or NULL */
	u16 max;	/* room for landmarks besides the first */
	void *mem;	/* of tree, aligned to cache lines, and landmarks */
};

/*
 * Index the sorted keys @set of a node. They must stay where they are, unchanged, until
 * bch_bset_index_exit(). -ENOMEM leaves an index that works slowly.
 */
int bch_bset_index_init(struct bset_index *t, const struct bkey_unpacker *u, struct bset_keys set);
/*
 * Index an empty bset that will change, by bch_bset_replace() only: landmarks in order, without a
 * tree. @keys has room for @max_u64s, at most 65535.
 */
int bch_bset_index_init_writable(struct bset_index *t, u64 *keys, unsigned max_u64s);
void bch_bset_index_exit(struct bset_index *t);

static inline struct bkey_packed *bset_start(const struct bset_index *t)
{
	return (struct bkey_packed *)t->keys;
}

static inline struct bkey_packed *bset_end(const struct bset_index *t)
{
	return (struct bkey_packed *)(t->keys + t->u64s);
}

/* The first key at or behind @pos; bset_end() if there is none. */
struct bkey_packed *bch_bset_search(const struct bset_index *t, const struct bkey_unpacker *u,
				    struct bpos pos);
/* The key before @p, a key of the bset or its end; NULL at the start. */
struct bkey_packed *bch_bset_prev(const struct bset_index *t, const struct bkey_packed *p);

/*
 * Put @key (packed or not, of the node's format) at @where, where bch_bset_search() for its
 * position leads; a key at the same position goes. With @key NULL: remove the key @where. The
 * bset is writable and has room.
 */
void bch_bset_replace(struct bset_index *t, const struct bkey_unpacker *u,
		      struct bkey_packed *where, const struct bkey_packed *key);

/* ---- The bsets of a node as one ---- */

#define BSET_LIST_MAX 3

/* Oldest first: a key hides those at its position in older bsets; deleted keys are not seen. */
struct bset_list {
	struct bkey_unpacker u;
	u8 nr;
	struct bset_index set[BSET_LIST_MAX];
};

struct bset_iter {
	const struct bset_list *list;
	const struct bkey_packed *at[BSET_LIST_MAX]; /* the next key of each bset */
};

/* All return the live key at the new place of the iterator, NULL at the end (or start). */
const struct bkey_packed *bch_bset_iter_seek(struct bset_iter *iter, const struct bset_list *list,
					     struct bpos pos);
const struct bkey_packed *bch_bset_iter_peek(struct bset_iter *iter);
const struct bkey_packed *bch_bset_iter_next(struct bset_iter *iter);
/* The last live key before the iterator's place; NULL leaves the iterator at the first key. */
const struct bkey_packed *bch_bset_iter_prev(struct bset_iter *iter);

#endif
