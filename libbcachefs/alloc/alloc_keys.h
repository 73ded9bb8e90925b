/*
 * Keys of buckets: alloc in one form for the four on disk, bucket_gens, lru (spec 03 sections 15
 * and 17, spec 10 section 6.7). Sizes in sectors of 512 bytes.
 */
#ifndef _BCH_ALLOC_ALLOC_KEYS_H
#define _BCH_ALLOC_ALLOC_KEYS_H

#include "btree/bkey_ops.h"
#include "format/alloc.h"
#include "format/data_type.h"
#include "sb/fs.h"

/* State of a bucket. A missing key is all zero: free, never used. */
struct bch_alloc {
	u64 journal_seq;       /* from 1.38 on: of the last change to nonempty */
	u64 journal_seq_empty; /* from 1.38 on */
	u64 io_time[2];	       /* read, write */
	u32 dirty_sectors, cached_sectors, stripe_sectors;
	u32 stripe; /* index, 0: none; from 1.35 on number of stripes */
	u8 gen, oldest_gen, data_type, stripe_redundancy;
	bool need_discard, need_inc_gen;
	u8 backpointers_start; /* u64s; 8 after conversion from another form */
};

/*
 * From any key of the alloc btree. Fields that the value does not have, or that old inline
 * backpointers occupy, are 0. -EINVAL: not an alloc key, or it does not unpack; @a is then what
 * could be read.
 */
int bch_alloc_unpack(struct bkey_view k, struct bch_alloc *a);

/* Data type that follows from the counts if the bucket is to hold @type (spec 03 section 15.3). */
unsigned bch_alloc_data_type(const struct bch_fs *c, const struct bch_alloc *a, unsigned type);
/* Index in the fragmentation LRU; 0: not in it (spec 03 section 17). */
u64 bch_alloc_lru_idx_fragmentation(const struct bch_fs *c, const struct bch_alloc *a,
				    const struct bch_dev *dev);

/* The member whose slot is p.inode, as in positions of most btrees here; NULL: none. */
static inline const struct bch_dev *bch_pos_dev(const struct bch_fs *c, struct bpos p)
{
	const struct bch_dev *dev = c && p.inode < BCH_DEV_INVALID ? bch_dev(c, p.inode) : NULL;

	return dev && dev->mi.bucket_size ? dev : NULL;
}

/* "user", or "(unknown data_type 77)". */
void bch_data_type_to_text(struct printbuf *out, const struct bch_fs *c, unsigned type);

void bch_alloc_key_types_init(void);

#endif
