/* Stripes of erasure coding (spec 03 section 21.1, spec 10 section 6.10). */
#ifndef _BCH_FORMAT_STRIPE_H
#define _BCH_FORMAT_STRIPE_H

#include <linux/types.h>

/*
 * Behind the pointers: checksums [block][chunk] of the type's size, then a le16 of live sectors
 * per block.
 */
struct bch_stripe {
	__le16 sectors; /* per block */
	u8 algorithm;	/* 0..3; from 1.37 on 4 needs_reconcile, 5..7 can_widen */
	u8 nr_blocks;	/* data and parity */
	u8 nr_redundant;
	u8 csum_granularity_bits; /* a checksum per 1 << bits sectors */
	u8 csum_type;
	u8 disk_label; /* index + 1, 0: none */
	__le64 ptrs[]; /* extent pointers in the machine's byte order, data blocks first */
} __packed __aligned(8);

#define STRIPE_ALGORITHM(v)	  ((v) & 0xf)
#define STRIPE_NEEDS_RECONCILE(v) ((v) >> 4 & 1)
#define STRIPE_CAN_WIDEN(v)	  ((v) >> 5)
#define STRIPE_IDX_MAX		  0xffffffffU
#define STRIPE_BLOCKS_MAX	  16
#define STRIPE_GRANULARITY_BITS_MAX 31

#endif
