/*
 * Extent entries: pointers, checksums and what else a value that is a list of entries holds
 * (spec 03 section 7, spec 10 section 6.1).
 *
 * An entry is 1 to 3 words in the machine's byte order; its type is the position of the lowest
 * set bit of the first. All sizes are in sectors of 512 bytes.
 */
#ifndef _BCH_FORMAT_EXTENTS_H
#define _BCH_FORMAT_EXTENTS_H

#include "format/bkey.h"
#include "format/field.h"

/* x(name, number, words). From flags on newer than 1.13. */
#define BCH_EXTENT_ENTRY_TYPES()	\
	x(ptr, 0, 1)			\
	x(crc32, 1, 1)			\
	x(crc64, 2, 2)			\
	x(crc128, 3, 3)			\
	x(stripe_ptr, 4, 1)		\
	x(rebalance, 5, 1)		\
	x(flags, 6, 1)			\
	x(reconcile, 7, 1)		\
	x(reconcile_bp, 8, 1)

enum bch_extent_entry_type {
#define x(name, nr, u64s) EXTENT_ENTRY_##name = nr,
	BCH_EXTENT_ENTRY_TYPES()
#undef x
	EXTENT_ENTRY_NR
};

#define EXTENT_ENTRY_NR_1_13 6
#define EXTENT_ENTRY_NR_MAX  64 /* a word has no further bits */

#define BKEY_PTRS_MAX		     16
#define BTREE_PTR_REPLICAS_MAX	     4	/* 1.13; newer: 8 */
#define BTREE_PTR_VAL_U64s_MAX	     BTREE_PTR_REPLICAS_MAX
#define BTREE_PTR_V2_VAL_U64s_MAX    9
#define BTREE_PTR_V2_VAL_U64s_MAX_NEW 15 /* from 1.33 on */
#define BCH_REPLICAS_MAX	     4
#define EXTENT_VAL_U64s_MAX	     21 /* that 1.13 writes */

/* ptr */
WORD_FIELD(EXTENT_PTR_CACHED, 1, 2)
WORD_FIELD(EXTENT_PTR_UNWRITTEN, 3, 4)
WORD_FIELD(EXTENT_PTR_OFFSET, 4, 48) /* sector on the device */
WORD_FIELD(EXTENT_PTR_DEV, 48, 56)
WORD_FIELD(EXTENT_PTR_GEN, 56, 64)

/* crc32: one word; sizes are stored minus 1 */
WORD_FIELD(EXTENT_CRC32_COMPRESSED_SIZE, 2, 9)
WORD_FIELD(EXTENT_CRC32_UNCOMPRESSED_SIZE, 9, 16)
WORD_FIELD(EXTENT_CRC32_OFFSET, 16, 23)
WORD_FIELD(EXTENT_CRC32_CSUM_TYPE, 24, 28)
WORD_FIELD(EXTENT_CRC32_COMPRESSION_TYPE, 28, 32)
WORD_FIELD(EXTENT_CRC32_CSUM, 32, 64)

/* crc64: two words, the second is csum.lo */
WORD_FIELD(EXTENT_CRC64_COMPRESSED_SIZE, 3, 12)
WORD_FIELD(EXTENT_CRC64_UNCOMPRESSED_SIZE, 12, 21)
WORD_FIELD(EXTENT_CRC64_OFFSET, 21, 30)
WORD_FIELD(EXTENT_CRC64_NONCE, 30, 40)
WORD_FIELD(EXTENT_CRC64_CSUM_TYPE, 40, 44)
WORD_FIELD(EXTENT_CRC64_COMPRESSION_TYPE, 44, 48)
WORD_FIELD(EXTENT_CRC64_CSUM_HI, 48, 64)

/* crc128: three words, the second is csum.lo, the third csum.hi */
WORD_FIELD(EXTENT_CRC128_COMPRESSED_SIZE, 4, 17)
WORD_FIELD(EXTENT_CRC128_UNCOMPRESSED_SIZE, 17, 30)
WORD_FIELD(EXTENT_CRC128_OFFSET, 30, 43)
WORD_FIELD(EXTENT_CRC128_NONCE, 43, 56)
WORD_FIELD(EXTENT_CRC128_CSUM_TYPE, 56, 60)
WORD_FIELD(EXTENT_CRC128_COMPRESSION_TYPE, 60, 64)

#define CRC32_SIZE_MAX	128
#define CRC64_SIZE_MAX	512
#define CRC128_SIZE_MAX 8192
#define CRC64_NONCE_MAX	 1023
#define CRC128_NONCE_MAX 8191

/* stripe_ptr: belongs to the next pointer */
WORD_FIELD(EXTENT_STRIPE_BLOCK, 5, 13)
WORD_FIELD(EXTENT_STRIPE_REDUNDANCY, 13, 17)
WORD_FIELD(EXTENT_STRIPE_IDX, 17, 64)

/* rebalance; the bits below 40 have a meaning from 1.16 on */
WORD_FIELD(EXTENT_REBALANCE_FROM_INODE, 9, 15)
WORD_FIELD(EXTENT_REBALANCE_PROMOTE_TARGET, 15, 31)
WORD_FIELD(EXTENT_REBALANCE_ERASURE_CODE, 31, 32)
WORD_FIELD(EXTENT_REBALANCE_DATA_CHECKSUM, 32, 36)
WORD_FIELD(EXTENT_REBALANCE_DATA_REPLICAS, 36, 40)
WORD_FIELD(EXTENT_REBALANCE_COMPRESSION, 40, 48) /* option byte */
WORD_FIELD(EXTENT_REBALANCE_TARGET, 48, 64)

/* Bits of EXTENT_REBALANCE_FROM_INODE. */
enum extent_rebalance_from_inode {
	REBALANCE_INODE_promote_target,
	REBALANCE_INODE_erasure_code,
	REBALANCE_INODE_data_checksum,
	REBALANCE_INODE_background_compression,
	REBALANCE_INODE_data_replicas,
	REBALANCE_INODE_background_target,
};

/* flags */
WORD_FIELD(EXTENT_FLAGS, 7, 64)
#define EXTENT_FLAG_POISONED 1ULL

/* reconcile */
WORD_FIELD(EXTENT_RECONCILE_PTRS_MOVING, 10, 15)
WORD_FIELD(EXTENT_RECONCILE_HIPRI, 15, 16)
WORD_FIELD(EXTENT_RECONCILE_PENDING, 16, 17)
WORD_FIELD(EXTENT_RECONCILE_NEED_RB, 17, 22)
WORD_FIELD(EXTENT_RECONCILE_FROM_INODE, 22, 28)
WORD_FIELD(EXTENT_RECONCILE_DATA_REPLICAS, 28, 31)
WORD_FIELD(EXTENT_RECONCILE_DATA_CHECKSUM, 31, 35)
WORD_FIELD(EXTENT_RECONCILE_ERASURE_CODE, 35, 36)
WORD_FIELD(EXTENT_RECONCILE_BACKGROUND_COMPRESSION, 36, 44)
WORD_FIELD(EXTENT_RECONCILE_BACKGROUND_TARGET, 44, 54)
WORD_FIELD(EXTENT_RECONCILE_PROMOTE_TARGET, 54, 64)

/* Bits of EXTENT_RECONCILE_NEED_RB (without the last) and EXTENT_RECONCILE_FROM_INODE. */
#define BCH_RECONCILE_OPTS()		\
	x(data_replicas, 0)		\
	x(data_checksum, 1)		\
	x(erasure_code, 2)		\
	x(background_compression, 3)	\
	x(background_target, 4)		\
	x(promote_target, 5)

enum bch_reconcile_opt {
#define x(name, nr) RECONCILE_OPT_##name = nr,
	BCH_RECONCILE_OPTS()
#undef x
	RECONCILE_OPT_NR
};

/* reconcile_bp: of a btree pointer, index of its backpointer in reconcile_scan */
WORD_FIELD(EXTENT_RECONCILE_BP_IDX, 9, 64)

/* Words of each entry type; those the filesystem names itself follow (superblock section 16). */
struct extent_entry_sizes {
	u8 nr;
	u8 u64s[EXTENT_ENTRY_NR_MAX];
};

extern const struct extent_entry_sizes extent_entry_sizes_known, extent_entry_sizes_1_13;
extern const char *const bch_extent_entry_names[];
extern const char *const bch_reconcile_opt_names[];

/* Type of an entry from its first word; EXTENT_ENTRY_NR_MAX: none. */
static inline unsigned extent_entry_type(u64 word)
{
	return word ? __builtin_ctzll(word) : EXTENT_ENTRY_NR_MAX;
}

static inline bool extent_entry_is_crc(unsigned type)
{
	return type >= EXTENT_ENTRY_crc32 && type <= EXTENT_ENTRY_crc128;
}

/* What remains of a list of entries. */
struct extent_entries {
	const u64 *pos, *end;
};

/* The entries of a key of any type; empty for types without. */
static inline struct extent_entries bkey_extent_entries(struct bkey_view k)
{
	const u64 *v = k.v;
	unsigned head, u64s = k.k->u64s > BKEY_U64s ? k.k->u64s - BKEY_U64s : 0;

	switch (k.k->type) {
	case KEY_TYPE_btree_ptr:
	case KEY_TYPE_extent:
		head = 0;
		break;
	case KEY_TYPE_btree_ptr_v2:
		head = sizeof(struct bch_btree_ptr_v2) / sizeof(u64);
		break;
	case KEY_TYPE_reflink_v:
		head = 1;
		break;
	default:
		head = u64s;
	}
	return (struct extent_entries){v + (head < u64s ? head : u64s), v + u64s};
}

/*
 * The next entry, or NULL at the end and before an entry that is cut off or of unknown size;
 * then e->pos != e->end.
 */
static inline const u64 *extent_entry_next(struct extent_entries *e,
					   const struct extent_entry_sizes *sizes)
{
	const u64 *entry = e->pos;
	unsigned type;

	if (entry == e->end)
		return NULL;
	type = extent_entry_type(*entry);
	if (type >= sizes->nr || !sizes->u64s[type] || sizes->u64s[type] > e->end - entry)
		return NULL;
	e->pos += sizes->u64s[type];
	return entry;
}

/* The pointers of a btree_ptr or btree_ptr_v2 key and of whatever else, one after the other. */
static inline bool extent_next_ptr(struct extent_entries *e, const struct extent_entry_sizes *sizes,
				   u64 *ptr)
{
	const u64 *entry;

	while ((entry = extent_entry_next(e, sizes)))
		if (extent_entry_type(*entry) == EXTENT_ENTRY_ptr) {
			*ptr = *entry;
			return true;
		}
	return false;
}

#define bkey_for_each_ptr(k, sizes, ptr)						\
	for (struct extent_entries _e = bkey_extent_entries(k);				\
	     extent_next_ptr(&_e, sizes, &(ptr));)

/* reservation: space without data; size * nr_replicas sectors are reserved. */
struct bch_reservation {
	__le32 generation; /* 0 */
	u8 nr_replicas;
	u8 pad[3];
} __packed __aligned(8);

/* Value of an error key from 1.34 on. */
struct bch_extent_error {
	u8 reason;
	u8 pad[7];
} __packed __aligned(8);

/* x(name, number): why the data of an error key is gone. */
#define BCH_EXTENT_ERROR_REASONS()			\
	x(unknown, 0)					\
	x(device_removed, 1)				\
	x(double_allocation, 2)				\
	x(no_valid_pointers_repair, 3)			\
	x(decompress_exceeded_max_encoded_extent, 4)	\
	x(decompress_lz4_old, 5)			\
	x(decompress_lz4, 6)				\
	x(decompress_gzip, 7)				\
	x(decompress_gzip_size_mismatch, 8)		\
	x(decompress_zstd_src_len_bad, 9)		\
	x(decompress_zstd_size_mismatch, 10)		\
	x(decompress_zstd_corruption_detected, 11)	\
	x(decompress_zstd_checksum_wrong, 12)		\
	x(decompress_zstd_prefix_unknown, 13)		\
	x(decompress_zstd_src_size_wrong, 14)		\
	x(decompress_zstd_dst_size_too_small, 15)	\
	x(decompress_zstd_memory_allocation, 16)	\
	x(decompress_zstd_unknown, 17)			\
	x(decompress_unknown, 18)

extern const char *const bch_extent_error_names[];

_Static_assert(sizeof(struct bch_reservation) == 8, "reservation");

#endif
