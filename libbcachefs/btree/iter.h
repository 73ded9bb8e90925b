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
	BTREE_ITER_not_extents = 1U << 1,   /* treat extents as points at their end */
	BTREE_ITER_prefetch = 1U << 2,	    /* a walk: read nodes ahead */
	BTREE_ITER_once = 1U << 3,	    /* leaves are not kept in the cache */
	/* Set by bch_iter_init(): */
	BTREE_ITER_is_extents = 1U << 8,
	BTREE_ITER_filter_snapshots = 1U << 9,
};

/* A place in the keys of a node merged with those of the overlay. */
struct btree_cursor {
	const struct bkey_packed *at;	    /* next key of the node */
	size_t overlay;			    /* next overlay key */
	const struct bkey_packed *at_after; /* both behind the current key */
	size_t overlay_after;
};

struct btree_iter_level {
	struct btree *b; /* locked; NULL: not in use */
	struct btree_cursor cur;
	struct btree_cursor ahead; /* interior: the next child to prefetch */
	u32 nr_ahead;		   /* children prefetched, from the current one on */
	struct bpos child_end;	   /* interior: of the current child */
	struct bpos next;	   /* interior: what the current child must contain */
	bool sequential;	   /* and start with */
	bool is_root;
};

struct btree_iter {
	struct bch_fs *c;
	u8 btree;
	u8 min_level; /* of the keys, or nodes, returned: 0 leaves */
	u16 flags;
	u32 snapshot;	 /* filter_snapshots: seen from here */
	struct bpos pos; /* spec 02 section 12 */
	struct bpos end; /* nothing behind is prefetched */

	/* After -BCH_ERR_btree_node_read_error: what cannot be read. */
	struct bpos unreadable_start, unreadable_end;
	u64 unreadable_ptr; /* the node's first pointer (struct bch_extent_ptr), 0: not known */

	u8 level;	 /* lowest locked one; BTREE_MAX_DEPTH: none */
	bool path_valid; /* path_pos is */
	bool hole;	 /* the current key is none: peek_slot made it */
	bool nodes;	 /* used by bch_iter_next_node() */
	bool returned;	 /* the lowest node was */
	struct btree_iter_level l[BTREE_MAX_DEPTH];
	struct bpos path_pos; /* the path stands at the first key at or behind it */
	struct bkey k;	      /* header of the current key */
	struct bkey_view cur; /* the current key; cur.k NULL: none */
	struct bkey_i *copy;  /* keys that are in no node: 255 u64s */
};

/*
 * @pos.snapshot is the snapshot to look from when the btree has snapshots and all_snapshots is not
 * given. Takes no lock, cannot fail.
 */
void bch_iter_init(struct btree_iter *iter, struct bch_fs *c, unsigned btree, struct bpos pos,
		   unsigned flags);
/* Keys of interior nodes, or nodes (bch_iter_next_node()), from @min_level up. */
void bch_iter_init_level(struct btree_iter *iter, struct bch_fs *c, unsigned btree, struct bpos pos,
			 unsigned min_level, unsigned flags);
void bch_iter_exit(struct btree_iter *iter);
/*
 * Drop the locks; the position is kept and found again by the next call. To go on behind the
 * current key bch_iter_advance() comes first: there is none afterwards.
 */
void bch_iter_unlock(struct btree_iter *iter);
/* Look from @pos next. */
void bch_iter_set_pos(struct btree_iter *iter, struct bpos pos);

/*
 * All of these: 0, with k->k NULL when there is no (further) key; or a negative error. After
 * -BCH_ERR_btree_node_read_error bch_iter_skip_unreadable() steps over the lost range, and the
 * call that failed is to be repeated.
 */
int bch_iter_peek(struct btree_iter *iter, struct bkey_view *k);
/* Not beyond @end: inclusive, or for extents exclusive (section 12). */
int bch_iter_peek_upto(struct btree_iter *iter, struct bpos end, struct bkey_view *k);
/* Behind what the last call gave; stays where it is if that was nothing, or an error. */
void bch_iter_advance(struct btree_iter *iter);
int bch_iter_next(struct btree_iter *iter, struct bkey_view *k);
int bch_iter_peek_prev(struct btree_iter *iter, struct bkey_view *k);
int bch_iter_prev(struct btree_iter *iter, struct bkey_view *k);
/* Never NULL: what is at the position, or a hole (type deleted). */
int bch_iter_peek_slot(struct btree_iter *iter, struct bkey_view *k);
int bch_iter_next_slot(struct btree_iter *iter, struct bkey_view *k);

/* Forwards only. False: the range ends at SPOS_MAX, nothing can follow. */
bool bch_iter_skip_unreadable(struct btree_iter *iter);
/* bch_iter_peek() of what can be read; *@nr_skipped counts ranges that cannot. */
int bch_iter_peek_readable(struct btree_iter *iter, struct bkey_view *k, u64 *nr_skipped);

/*
 * The next node in post order: the nodes of iter->min_level below one parent, then the parent.
 * Starts with the one that contains iter->pos. *b is NULL behind the root. Locked by the iterator.
 */
int bch_iter_next_node(struct btree_iter *iter, struct btree **b);

/*
 * for_each_btree_key(iter, k, ret): the body runs for each key from the iterator's position on;
 * afterwards ret is 0 or the error that ended the walk.
 */
#define for_each_btree_key(_iter, _k, _ret)                         \
	for (_ret = bch_iter_peek(_iter, &(_k)); !(_ret) && (_k).k; \
	     _ret = bch_iter_next(_iter, &(_k)))

/* The key at exactly @pos as seen from pos.snapshot, copied to @k (room: 255 u64s); -ENOENT. */
int bch_btree_lookup(struct bch_fs *c, unsigned btree, struct bpos pos, struct bkey_i *k);

#endif
