/* Backpointers: which key points to a place on a device (spec 03 section 16, 10 section 6.8). */
#ifndef _BCH_FORMAT_BACKPOINTERS_H
#define _BCH_FORMAT_BACKPOINTERS_H

#include "format/bkey.h"

struct bch_backpointer {
	u8 btree_id;
	u8 level; /* 0: a leaf key */
	u8 data_type;
	u8 bucket_offset[5]; /* 40 bits; from 1.14 on: bucket_gen (u8), flags (le32) */
	__le32 bucket_len; /* sectors */
	struct bpos pos;
} __packed __aligned(4);

/* Shift of sectors in positions; the low bits are the offset into a checksummed extent. */
#define BACKPOINTER_SHIFT 10

#define BACKPOINTER_RECONCILE_PHYS(f) ((f) & 3)
#define BACKPOINTER_ERASURE_CODED     (1U << 2)
#define BACKPOINTER_STRIPE_PTR	      (1U << 3)

_Static_assert(sizeof(struct bch_backpointer) == 32, "backpointer");

#endif
