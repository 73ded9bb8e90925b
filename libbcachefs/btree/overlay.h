/*
 * The journal overlay: keys of journal entries that are not yet in the nodes (spec 02 section 25,
 * 04 section 9). Filled by the journal floor when it reads, sorted once, then only looked at.
 *
 * Order: btree, level, position, seq, offset. Of equal positions the newest stays; accounting keys
 * are deltas and all stay.
 */
#ifndef _BCH_BTREE_OVERLAY_H
#define _BCH_BTREE_OVERLAY_H

#include "format/bkey.h"
#include "util/darray.h"

struct bch_fs;

struct overlay_key {
	const struct bkey_i *k; /* owned by the overlay */
	u64 seq;		/* of the journal entry */
	u32 offset;		/* words into the entry */
	u8 btree;
	u8 level;
	bool overwritten; /* a newer version is in the btree: ignore */
};

struct overlay_chunk;

struct btree_overlay {
	DARRAY(struct overlay_key) keys;
	struct overlay_chunk *chunks; /* memory of the keys */
	u64 nr_added;		      /* before sorting and compacting */
	bool sorted;
};

/*
 * Remember a copy of @k. @seq and @offset tell how new it is. The key's size must have been
 * checked (u64s >= 5); pointer keys lose their mem_ptr. 0 or -ENOMEM.
 */
int bch_overlay_add(struct bch_fs *c, unsigned btree, unsigned level, const struct bkey_i *k,
		    u64 seq, u32 offset);
/* Sort and drop what is older than another key at its position. Needed before any look-up. */
void bch_overlay_sort(struct bch_fs *c);
/* Forget all keys. */
void bch_overlay_clear(struct bch_fs *c);

/* Index of the first key of @btree and @level at or after @pos; keys.nr if there is none. */
size_t bch_overlay_seek(const struct btree_overlay *o, unsigned btree, unsigned level,
			struct bpos pos);
/* Is keys.data[@i] (any @i) a key of @btree and @level? */
static inline bool overlay_key_is_of(const struct btree_overlay *o, size_t i, unsigned btree,
				     unsigned level)
{
	return i < o->keys.nr && o->keys.data[i].btree == btree && o->keys.data[i].level == level;
}
/* The key exactly at @pos (the newest delta of accounting), or NULL. */
const struct overlay_key *bch_overlay_lookup(const struct btree_overlay *o, unsigned btree,
					     unsigned level, struct bpos pos);

/*
 * Accounting (spec 04 section 9.5): the counters at one position after replay. @i: index of the
 * first delta; @base: the btree's key there, or NULL. Writes to @out (room for 255 u64s) the sum of
 * base and the deltas with newer versions; returns the index behind the last delta.
 */
size_t bch_overlay_sum_accounting(const struct btree_overlay *o, size_t i,
				  const struct bkey_view *base, struct bkey_i *out);

#endif
