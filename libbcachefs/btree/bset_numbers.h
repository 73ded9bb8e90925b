/*
 * The two numbers about search trees that `list -m formats` prints (spec 02 section 26.3): they
 * describe the tree that upstream would build, not ours.
 */
#ifndef _BCH_BTREE_BSET_NUMBERS_H
#define _BCH_BTREE_BSET_NUMBERS_H

#include "btree/sort.h"

struct bset_numbers {
	u32 floats;	     /* entries of the tree */
	u32 failed_unpacked; /* entries that cannot be used */
};

/* @set: the live keys of a node whose range is @min .. @max. */
struct bset_numbers bch_bset_numbers(const struct bkey_format *f, struct bset_keys set,
				     struct bpos min, struct bpos max);

#endif
