/* Inodes of all versions (spec 03 section 11, spec 10 section 6.4). */
#ifndef _BCH_FORMAT_INODE_H
#define _BCH_FORMAT_INODE_H

#include "format/field.h"

#define BCACHEFS_ROOT_INO	4096
#define BCACHEFS_LOSTFOUND_INO	4097
#define BLOCKDEV_INODE_MAX	4096 /* inode numbers below are reserved */

struct bch_inode {
	u8 bi_hash_seed[8];
	__le32 bi_flags;
	__le16 bi_mode;
	u8 fields[];
} __packed __aligned(8);

struct bch_inode_v2 {
	__le64 bi_journal_seq;
	u8 bi_hash_seed[8];
	__le64 bi_flags;
	__le16 bi_mode;
	u8 fields[];
} __packed __aligned(8);

struct bch_inode_v3 {
	__le64 bi_journal_seq;
	u8 bi_hash_seed[8];
	__le64 bi_flags; /* with the mode */
	__le64 bi_sectors;
	__le64 bi_size; /* bytes */
	__le64 bi_version;
	u8 fields[];
} __packed __aligned(8);

#define INODE_V1_FIELDS 14 /* bytes before the fields */
#define INODE_V2_FIELDS 26
#define INODE_V3_FIELDS 48

/* bi_flags: 0 to 19 are flags of the inode. */
WORD_FIELD(INODE_STR_HASH, 20, 24)
WORD_FIELD(INODE_NR_FIELDS, 24, 31)
WORD_FIELD(INODE_V1_NEW_VARINT, 31, 32)
WORD_FIELD(INODE_V3_FIELDS_START, 31, 36) /* u64s */
WORD_FIELD(INODE_V3_MODE, 36, 52)

#define INODE_FLAG_BITS 20

/* x(name, bit). From has_case_insensitive on newer than 1.13. */
#define BCH_INODE_FLAGS()		\
	x(sync, 0)			\
	x(immutable, 1)			\
	x(append, 2)			\
	x(nodump, 3)			\
	x(noatime, 4)			\
	x(i_size_dirty, 5)		\
	x(i_sectors_dirty, 6)		\
	x(unlinked, 7)			\
	x(backptr_untrusted, 8)		\
	x(has_child_snapshot, 9)	\
	x(has_case_insensitive, 10)	\
	x(31bit_dirent_offset, 11)	\
	x(has_inode_opts, 12)		\
	x(has_access_acl, 13)		\
	x(has_default_acl, 14)

enum bch_inode_flag {
#define x(name, bit) BCH_INODE_FLAG_##name = 1U << (bit),
	BCH_INODE_FLAGS()
#undef x
};

#define INODE_FLAG_NR_1_13 10

/*
 * The packed fields of inode_v3 in order: x(name, bits). From bi_depth on newer than 1.13. Fields
 * of 96 bits hold 64: the rest must be 0.
 */
#define BCH_INODE_FIELDS_V3()			\
	x(bi_atime, 96)				\
	x(bi_ctime, 96)				\
	x(bi_mtime, 96)				\
	x(bi_otime, 96)				\
	x(bi_uid, 32)				\
	x(bi_gid, 32)				\
	x(bi_nlink, 32)				\
	x(bi_generation, 32)			\
	x(bi_dev, 32)				\
	x(bi_data_checksum, 8)			\
	x(bi_compression, 8)			\
	x(bi_project, 32)			\
	x(bi_background_compression, 8)		\
	x(bi_data_replicas, 8)			\
	x(bi_promote_target, 16)		\
	x(bi_foreground_target, 16)		\
	x(bi_background_target, 16)		\
	x(bi_erasure_code, 16)			\
	x(bi_fields_set, 16)			\
	x(bi_dir, 64)				\
	x(bi_dir_offset, 64)			\
	x(bi_subvol, 32)			\
	x(bi_parent_subvol, 32)			\
	x(bi_nocow, 8)				\
	x(bi_depth, 32)				\
	x(bi_inodes_32bit, 8)			\
	x(bi_casefold, 8)			\
	x(bi_unused_ec_max_data_blocks, 8)

/* The packed fields of inode and inode_v2. */
#define BCH_INODE_FIELDS_V2()			\
	x(bi_atime, 96)				\
	x(bi_ctime, 96)				\
	x(bi_mtime, 96)				\
	x(bi_otime, 96)				\
	x(bi_size, 64)				\
	x(bi_sectors, 64)			\
	x(bi_uid, 32)				\
	x(bi_gid, 32)				\
	x(bi_nlink, 32)				\
	x(bi_generation, 32)			\
	x(bi_dev, 32)				\
	x(bi_data_checksum, 8)			\
	x(bi_compression, 8)			\
	x(bi_project, 32)			\
	x(bi_background_compression, 8)		\
	x(bi_data_replicas, 8)			\
	x(bi_promote_target, 16)		\
	x(bi_foreground_target, 16)		\
	x(bi_background_target, 16)		\
	x(bi_erasure_code, 16)			\
	x(bi_fields_set, 16)			\
	x(bi_dir, 64)				\
	x(bi_dir_offset, 64)			\
	x(bi_subvol, 32)			\
	x(bi_parent_subvol, 32)

#define INODE_V3_NR_FIELDS_1_13 24
#define INODE_V3_NR_FIELDS_1_28 27

/* Options of an inode: x(name, bit in bi_fields_set). Stored as value + 1; 0: not set. */
#define BCH_INODE_OPTS()		\
	x(data_checksum, 0)		\
	x(compression, 1)		\
	x(project, 2)			\
	x(background_compression, 3)	\
	x(data_replicas, 4)		\
	x(promote_target, 5)		\
	x(foreground_target, 6)		\
	x(background_target, 7)		\
	x(erasure_code, 8)		\
	x(nocow, 9)			\
	x(inodes_32bit, 10)		\
	x(casefold, 11)

enum bch_inode_opt {
#define x(name, bit) BCH_INODE_OPT_##name = bit,
	BCH_INODE_OPTS()
#undef x
};

/* What the next inode of this number gets as bi_generation. */
struct bch_inode_generation {
	__le32 bi_generation;
	__le32 pad;
} __packed __aligned(8);

_Static_assert(offsetof(struct bch_inode, fields) == INODE_V1_FIELDS, "inode");
_Static_assert(offsetof(struct bch_inode_v2, fields) == INODE_V2_FIELDS, "inode_v2");
_Static_assert(offsetof(struct bch_inode_v3, fields) == INODE_V3_FIELDS, "inode_v3");

#endif
