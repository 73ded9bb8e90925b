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

void bch_stripe_key_types_init(void);

#endif
