/*
 * Keys that point to data: extent, btree_ptr, btree_ptr_v2, reservation, error (spec 03 sections
 * 7 to 10), and the lists of extent entries that other types hold.
 *
 * All sizes and offsets are in sectors of 512 bytes.
 */
#ifndef _BCH_DATA_EXTENTS_H
#define _BCH_DATA_EXTENTS_H

#include "btree/bkey_ops.h"
#include "format/btree.h"
#include "format/enums.h"
#include "format/extents.h"
#include "sb/fs.h"

struct json;

/* A crc entry, decoded; or what holds for pointers without one. */
struct extent_crc {
	u8 csum_type;
	u8 compression_type;
	u16 nonce;
	u32 compressed_size; /* on disk */
	u32 uncompressed_size;
	u32 offset;    /* of the live part, into the uncompressed data */
	u32 live_size; /* size of the key */
	struct bch_csum csum;
};

/* A pointer, decoded, with what applies to it. */
struct extent_ptr {
	u64 offset; /* sector of the whole checksummed extent on the device */
	u8 dev;	    /* slot; BCH_DEV_INVALID: removed */
	u8 gen;
	bool cached, unwritten;
	bool has_ec; /* a stripe_ptr precedes it: */
	u8 ec_block, ec_redundancy;
	u64 ec_idx;
	struct extent_crc crc;
};

/* Walks over the pointers of a key. */
struct extent_ptr_iter {
	struct extent_entries entries;
	const struct extent_entry_sizes *sizes;
	struct extent_crc crc;
};

void bch_extent_ptr_iter_init(struct extent_ptr_iter *iter, const struct bch_fs *c,
			      struct bkey_view k);
/* The next pointer; false at the end of the list or before an entry that cannot be skipped. */
bool bch_extent_ptr_next(struct extent_ptr_iter *iter, struct extent_ptr *p);

/* Was the data known to be bad when it was moved, and given a new checksum (since 1.25)? */
bool bch_extent_is_poisoned(const struct bch_fs *c, struct bkey_view k);

/* What holds for the pointers of a key of @size sectors before its first crc entry. */
struct extent_crc bch_extent_crc_none(u32 size);
/* Decode an entry of one of the three crc types. */
struct extent_crc bch_extent_crc_unpack(const u64 *entry, u32 live_size);

static inline bool extent_crc_is_compressed(const struct extent_crc *crc)
{
	return crc->compression_type != BCH_COMPRESSION_TYPE_none &&
	       crc->compression_type != BCH_COMPRESSION_TYPE_incompressible;
}

/* Checksummed or compressed: only readable as a whole. */
static inline bool extent_crc_is_encoded(const struct extent_crc *crc)
{
	return crc->csum_type || extent_crc_is_compressed(crc);
}

/* The member that pointer @ptr names; NULL: none, or no filesystem open. */
static inline const struct bch_dev *bch_ptr_dev(const struct bch_fs *c, u64 ptr)
{
	unsigned idx = EXTENT_PTR_DEV(ptr);
	const struct bch_dev *dev = c && idx != BCH_DEV_INVALID ? bch_dev(c, idx) : NULL;

	return dev && dev->mi.bucket_size ? dev : NULL;
}

/* bucket gen - pointer gen as signed byte, if positive; 0: not stale. */
static inline unsigned extent_ptr_stale(const struct bch_dev *dev, u64 offset, u8 gen)
{
	u64 bucket = offset / dev->mi.bucket_size;
	s8 diff;

	if (dev->gens_unknown)
		return 0;
	if (!dev->bucket_gens || bucket >= dev->mi.nbuckets)
		diff = -gen;
	else
		diff = dev->bucket_gens[bucket] - gen;
	return diff > 0 ? diff : 0;
}

/* The checks of spec 03 section 7.6 on the list @e of key @k. */
int bch_extent_entries_validate(const struct bch_fs *c, struct bkey_view k, struct extent_entries e,
				struct bkey_where where, struct finding *f);
/* Turn a list of entries from the other byte order to ours. */
void bch_extent_entries_swab(u64 *v, unsigned u64s);
/* "durability: 1 ptr: 0:46:0 gen 0" (spec 03 section 7.5, spec 10 section 7.5). */
void bch_extent_entries_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k);
/* Members durability, ptrs[], crc[] ... */
void bch_extent_entries_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k);
/* One pointer, without the leading "ptr: ". */
void bch_extent_ptr_to_text(struct printbuf *out, const struct bch_fs *c, u64 ptr);
/* Members dev, offset_sectors, gen, bucket, cached, unwritten, stale of an open object. */
void bch_extent_ptr_to_json(struct json *j, const struct bch_fs *c, u64 ptr);

/* "zstd:15"; invalid values print as none. */
void bch_compression_opt_to_text(struct printbuf *out, unsigned v);
/* "none", "/dev/sda", "offline device 1", "invalid device 9", "ssd.fast" (spec 03 section 3). */
void bch_fs_target_to_text(struct printbuf *out, const struct bch_fs *c, unsigned target);
/* Label path or "invalid label N". */
void bch_fs_label_to_text(struct printbuf *out, const struct bch_fs *c, unsigned idx);

void bch_extent_key_types_init(void);

#endif
