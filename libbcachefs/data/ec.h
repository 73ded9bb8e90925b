/* Stripes of erasure coding (spec 03 section 21.1, spec 07, spec 10 section 6.10). */
#ifndef _BCH_DATA_EC_H
#define _BCH_DATA_EC_H

#include "btree/bkey_ops.h"
#include "format/stripe.h"

/* Where the parts of a stripe's value lie: bytes from its start. Only for checked stripes. */
struct bch_stripe_layout {
	unsigned csums_per_block, csum_bytes;
	unsigned csums;	      /* [block][chunk] */
	unsigned blockcounts; /* le16 each */
	unsigned end;
};

struct bch_stripe_layout bch_stripe_layout(const struct bch_stripe *s);
/* Sectors of live data in @block; -1: the value does not say. */
int bch_stripe_blockcount(struct bkey_view k, unsigned block);

/*
 * Compute parity anew from the data of stripe @k: @fn is told of each run of sectors, as sectors
 * from the start of parity block @block, that is not what it should be. Where not all blocks can be
 * read, or their checksums do not match, nothing is compared. 0 or -ENOMEM.
 */
int bch_stripe_parity_check(struct bch_fs *c, const struct bkey_i *k,
			    int (*fn)(void *arg, unsigned block, u32 at, u32 sectors), void *arg);

void bch_stripe_key_types_init(void);

#endif
