/*
 * Backpointers: which key points to a place on a device (spec 03 section 16, spec 10 section 6.8).
 * Position: device : (sector << shift) + offset into the checksummed extent.
 */
#ifndef _BCH_ALLOC_BACKPOINTERS_H
#define _BCH_ALLOC_BACKPOINTERS_H

#include "btree/bkey_ops.h"
#include "format/backpointers.h"
#include "sb/fs.h"

/* Decoded; @flags and @bucket_gen only from 1.14 on, @bucket_offset only before. */
struct bch_backpointer_unpacked {
	u8 btree, level, data_type, bucket_gen;
	u32 flags;
	u64 bucket_offset; /* (sector in the bucket << 10) + offset in the extent */
	u32 bucket_len;	   /* sectors */
	struct bpos pos;   /* of the key that points here */
};

struct bch_backpointer_unpacked bch_backpointer_unpack(const struct bch_fs *c, struct bkey_view k);

/* Bits of a position below the sector. */
static inline unsigned bch_backpointer_shift(const struct bch_fs *c)
{
	return c && c->extent_bp_shift && c->extent_bp_shift < 64 ? c->extent_bp_shift :
								    BACKPOINTER_SHIFT;
}

/* From the other byte order to ours. */
void bch_backpointer_swab(struct bch_backpointer *bp);

void bch_backpointer_key_types_init(void);

#endif
