/* Merging the bsets of a node into one (spec 02 section 9.4). */
#ifndef _BCH_BTREE_SORT_H
#define _BCH_BTREE_SORT_H

#include "btree/unpack.h"

/* Keys of one bset: sorted, whole (no key reaches behind the end, no u64s is 0). */
struct bset_keys {
	u64 *keys;
	unsigned u64s;
};

/* What is in a sorted set of keys. */
struct bset_counts {
	u32 u64s;
	u32 nr_packed, nr_unpacked; /* keys */
};

enum bset_merge_flags {
	BSET_MERGE_KEEP_DELETED = 1U << 0, /* the result does not replace the whole node */
};

/*
 * Merge @nr bsets, oldest first, into @dst, which overlaps none of them and has room for the sum
 * of their u64s. Of keys at one position the one of the latest bset wins, within a bset the last;
 * deleted keys go, unless flags keep them; whiteouts stay. Keys are copied as they are.
 * 0 or -ENOMEM.
 */
int bch_bset_merge(const struct bkey_unpacker *u, u64 *dst, const struct bset_keys *sets,
		   unsigned nr, unsigned flags, struct bset_counts *counts);

#endif
