/* Accounting keys: counters whose identity is their position (spec 03 section 18). */
#ifndef _BCH_ALLOC_ACCOUNTING_H
#define _BCH_ALLOC_ACCOUNTING_H

#include "btree/bkey_ops.h"
#include "format/accounting.h"

/* Which counter is at position @p; the order of bytes depends on the filesystem's version. */
struct bch_accounting_pos bch_accounting_pos_unpack(const struct bch_fs *c, struct bpos p);
/* The position of a counter. */
struct bpos bch_accounting_pos_pack(const struct bch_fs *c, const struct bch_accounting_pos *a);

/* "dev_data_type dev=0 data_type=btree"; types without anything else end with a blank. */
void bch_accounting_pos_to_text(struct printbuf *out, const struct bch_fs *c,
				const struct bch_accounting_pos *a);

void bch_accounting_key_types_init(void);

#endif
