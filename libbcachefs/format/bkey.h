/*
 * Keys: positions, the unpacked key, packed keys and their formats (spec 02 sections 1 to 4).
 *
 * Positions, versions, key headers and values are in the byte order of the machine that wrote
 * them (bset flag BIG_ENDIAN); in memory they are in ours. Everything else is little endian.
 */
#ifndef _BCH_FORMAT_BKEY_H
#define _BCH_FORMAT_BKEY_H

#include <linux/kernel.h>

/* A 160-bit unsigned integer inode:offset:snapshot. */
struct bpos {
	u32 snapshot;
	u64 offset;
	u64 inode;
} __packed __aligned(4);

#define KEY_INODE_MAX	 U64_MAX
#define KEY_OFFSET_MAX	 U64_MAX
#define KEY_SNAPSHOT_MAX U32_MAX
#define KEY_SIZE_MAX	 U32_MAX

#define SPOS(_inode, _offset, _snapshot) \
	((struct bpos){.inode = (_inode), .offset = (_offset), .snapshot = (_snapshot)})
#define POS(_inode, _offset) SPOS(_inode, _offset, 0)
#define POS_MIN		     SPOS(0, 0, 0)
#define POS_MAX		     SPOS(U64_MAX, U64_MAX, 0)
#define SPOS_MAX	     SPOS(U64_MAX, U64_MAX, U32_MAX)

/* Compared hi first; zero: no version. */
struct bversion {
	u64 lo;
	u32 hi;
} __packed __aligned(4);

/* Byte 1 of a key: bits 0..6 format, bit 7 needs_whiteout (in memory only). */
#define KEY_FORMAT_LOCAL_BTREE 0 /* packed with the node's format */
#define KEY_FORMAT_CURRENT     1 /* unpacked */
#define KEY_FORMAT_MASK	       0x7f
#define KEY_NEEDS_WHITEOUT     0x80

/* The unpacked key header; the value follows. For extents p.offset is the END. */
struct bkey {
	u8 u64s;   /* of header and value */
	u8 format; /* and needs_whiteout */
	u8 type;   /* enum bch_bkey_type */
	u8 pad;
	struct bversion bversion;
	u32 size; /* sectors; 0 for non-extents */
	struct bpos p;
} __packed __aligned(8);

#define BKEY_U64s	  5
#define BKEY_U64s_MAX	  255
#define BKEY_VAL_U64s_MAX (BKEY_U64s_MAX - BKEY_U64s)

/*
 * Head of any key in a bset, packed or not; fields follow from byte 3, in as many words as the
 * format says. Never a variable of its own.
 */
struct bkey_packed {
	u8 u64s;
	u8 format;
	u8 type;
	u8 fields[];
} __packed __aligned(8);

/* An unpacked key with its value behind it. */
struct bkey_i {
	struct bkey k;
	u64 v[];
};

/* A key to look at: unpacked header and value apart (the value may lie in a node). */
struct bkey_view {
	const struct bkey *k; /* NULL: no key */
	const void *v;
};

enum bch_bkey_field {
	BKEY_FIELD_INODE,
	BKEY_FIELD_OFFSET,
	BKEY_FIELD_SNAPSHOT,
	BKEY_FIELD_SIZE,
	BKEY_FIELD_VERSION_HI,
	BKEY_FIELD_VERSION_LO,
	BKEY_NR_FIELDS,
};

struct bkey_format {
	u8 key_u64s;
	u8 nr_fields;
	u8 bits_per_field[BKEY_NR_FIELDS];
	__le64 field_offset[BKEY_NR_FIELDS];
} __packed __aligned(8);

/* Key types: x(name, number, smallest value in bytes) (spec 03 section 5, 23.1). */
#define BCH_BKEY_TYPES()		\
	x(deleted, 0, 0)		\
	x(whiteout, 1, 0)		\
	x(error, 2, 0)			\
	x(cookie, 3, 8)			\
	x(hash_whiteout, 4, 0)		\
	x(btree_ptr, 5, 0)		\
	x(extent, 6, 0)			\
	x(reservation, 7, 8)		\
	x(inode, 8, 16)			\
	x(inode_generation, 9, 8)	\
	x(dirent, 10, 16)		\
	x(xattr, 11, 8)			\
	x(alloc, 12, 8)			\
	x(quota, 13, 32)		\
	x(stripe, 14, 8)		\
	x(reflink_p, 15, 16)		\
	x(reflink_v, 16, 8)		\
	x(inline_data, 17, 0)		\
	x(btree_ptr_v2, 18, 40)		\
	x(indirect_inline_data, 19, 8)	\
	x(alloc_v2, 20, 8)		\
	x(subvolume, 21, 16)		\
	x(snapshot, 22, 24)		\
	x(inode_v2, 23, 32)		\
	x(alloc_v3, 24, 16)		\
	x(set, 25, 0)			\
	x(lru, 26, 8)			\
	x(alloc_v4, 27, 48)		\
	x(backpointer, 28, 32)		\
	x(inode_v3, 29, 48)		\
	x(bucket_gens, 30, 0)		\
	x(snapshot_tree, 31, 8)		\
	x(logged_op_truncate, 32, 24)	\
	x(logged_op_finsert, 33, 24)	\
	x(accounting, 34, 8)		\
	x(inode_alloc_cursor, 35, 16)	\
	x(extent_whiteout, 36, 0)	\
	x(logged_op_stripe_update, 37, 40) \
	x(damage, 38, 16)

enum bch_bkey_type {
#define x(name, nr, ...) KEY_TYPE_##name = nr,
	BCH_BKEY_TYPES()
#undef x
	KEY_TYPE_NR
};

/* The first key type that version 1.13 does not know. */
#define KEY_TYPE_NR_1_13 35

/* Btree flags (spec 02 section 3). */
#define BTREE_IS_EXTENTS     (1U << 0) /* keys are ranges ending at p */
#define BTREE_IS_SNAPSHOTS   (1U << 1) /* snapshot field is inherited, never 0 */
#define BTREE_IS_SNAPSHOT_FIELD (1U << 2) /* snapshot field used, may be 0 */
#define BTREE_IS_DATA	     (1U << 3) /* holds data pointers */
#define BTREE_IS_WRITE_BUFFER (1U << 4)
#define BTREE_IS_KEY_CACHED  (1U << 5)
#define BTREE_IS_ALLOC	     (1U << 6) /* rebuilt by allocation passes */

#define KT(name) (1ULL << KEY_TYPE_##name)

/*
 * Btrees: x(name, id, flags, key types allowed besides deleted). Ids above 20 are newer than 1.13
 * (spec 02 section 28.1); rebalance_work is called reconcile_work from 1.33 on.
 */
#define BCH_BTREE_IDS()									\
	x(extents, 0, BTREE_IS_EXTENTS | BTREE_IS_SNAPSHOTS | BTREE_IS_DATA,		\
	  KT(whiteout) | KT(error) | KT(cookie) | KT(extent) | KT(reservation) |	\
	  KT(reflink_p) | KT(inline_data) | KT(extent_whiteout))			\
	x(inodes, 1, BTREE_IS_SNAPSHOTS | BTREE_IS_KEY_CACHED,				\
	  KT(whiteout) | KT(inode) | KT(inode_v2) | KT(inode_v3) | KT(inode_generation)) \
	x(dirents, 2, BTREE_IS_SNAPSHOTS, KT(whiteout) | KT(hash_whiteout) | KT(dirent)) \
	x(xattrs, 3, BTREE_IS_SNAPSHOTS,						\
	  KT(whiteout) | KT(cookie) | KT(hash_whiteout) | KT(xattr))			\
	x(alloc, 4, BTREE_IS_KEY_CACHED | BTREE_IS_ALLOC,				\
	  KT(alloc) | KT(alloc_v2) | KT(alloc_v3) | KT(alloc_v4))			\
	x(quotas, 5, 0, KT(quota))							\
	x(stripes, 6, 0, KT(stripe))							\
	x(reflink, 7, BTREE_IS_EXTENTS | BTREE_IS_DATA,					\
	  KT(reflink_v) | KT(indirect_inline_data) | KT(error))				\
	x(subvolumes, 8, 0, KT(subvolume))						\
	x(snapshots, 9, 0, KT(snapshot))						\
	x(lru, 10, BTREE_IS_WRITE_BUFFER, KT(set))					\
	x(freespace, 11, BTREE_IS_EXTENTS | BTREE_IS_ALLOC, KT(set))			\
	x(need_discard, 12, BTREE_IS_ALLOC, KT(set))					\
	x(backpointers, 13, BTREE_IS_WRITE_BUFFER | BTREE_IS_ALLOC, KT(backpointer))	\
	x(bucket_gens, 14, BTREE_IS_ALLOC, KT(bucket_gens))				\
	x(snapshot_trees, 15, 0, KT(snapshot_tree))					\
	x(deleted_inodes, 16, BTREE_IS_SNAPSHOT_FIELD | BTREE_IS_WRITE_BUFFER, KT(set)) \
	x(logged_ops, 17, BTREE_IS_KEY_CACHED,						\
	  KT(logged_op_truncate) | KT(logged_op_finsert) |				\
	  KT(logged_op_stripe_update) | KT(inode_alloc_cursor))				\
	x(rebalance_work, 18, BTREE_IS_SNAPSHOT_FIELD | BTREE_IS_WRITE_BUFFER,		\
	  KT(set) | KT(cookie))								\
	x(subvolume_children, 19, 0, KT(set))						\
	x(accounting, 20, BTREE_IS_SNAPSHOT_FIELD | BTREE_IS_WRITE_BUFFER, KT(accounting)) \
	x(reconcile_hipri, 21, BTREE_IS_SNAPSHOT_FIELD | BTREE_IS_WRITE_BUFFER, KT(set)) \
	x(reconcile_pending, 22, BTREE_IS_SNAPSHOT_FIELD | BTREE_IS_WRITE_BUFFER, KT(set)) \
	x(reconcile_scan, 23, 0, KT(cookie) | KT(backpointer))				\
	x(reconcile_work_phys, 24, BTREE_IS_WRITE_BUFFER, KT(set))			\
	x(reconcile_hipri_phys, 25, BTREE_IS_WRITE_BUFFER, KT(set))			\
	x(bucket_to_stripe, 26, 0, KT(set))						\
	x(stripe_backpointers, 27, BTREE_IS_WRITE_BUFFER, KT(backpointer))		\
	x(damage, 28, BTREE_IS_SNAPSHOTS, KT(whiteout) | KT(damage))

enum btree_id {
#define x(name, id, ...) BTREE_ID_##name = id,
	BCH_BTREE_IDS()
#undef x
	BTREE_ID_NR
};

#define BTREE_ID_NR_1_13 21 /* btrees that version 1.13 knows */
#define BTREE_ID_NR_MAX	 63
#define BTREE_MAX_DEPTH	 4

/* Value of a btree_ptr_v2 key; extent pointers (format/extents.h) follow. */
struct bch_btree_ptr_v2 {
	__le64 mem_ptr;
	__le64 seq;
	__le16 sectors_written;
	__le16 flags; /* bit 0: range_updated */
	struct bpos min_key;
	__le64 start[];
} __packed __aligned(8);

#define BTREE_PTR_RANGE_UPDATED 1U

/* Tables of names and properties (format/names.c). */
extern const char *const bch_bkey_type_names[];	/* NULL-terminated */
extern const u16 bch_bkey_type_min_val[];	/* bytes */
extern const char *const bch_btree_names[];	/* NULL-terminated */
extern const u32 bch_btree_flags_table[];
extern const u64 bch_btree_key_types[];

static inline u32 btree_id_flags(unsigned id)
{
	return id < BTREE_ID_NR ? bch_btree_flags_table[id] : 0;
}

#endif
