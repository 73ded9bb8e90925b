/*
 * Superblock on disk: layout, head, flag words, sections, members (spec 01 sections 1 to 4, 10 to
 * 12, 18; 10 section 3). All integers are little endian; sectors are 512 bytes.
 */
#ifndef _BCH_FORMAT_SB_H
#define _BCH_FORMAT_SB_H

#include <linux/kernel.h>
#include "format/btree.h"

#define BCH_SB_LAYOUT_SECTOR	7
#define BCH_SB_SECTOR		8
#define BCH_SB_MAX_SIZE_BITS	16   /* of one superblock: log2 of sectors */
#define BCH_SB_SIZE_BITS_DEFAULT 11
#define BCH_SB_LAYOUT_NR	61
#define BCH_SB_LABEL_SIZE	32
#define BCH_SB_MEMBERS_MAX	64   /* slots that 1.13 allows; newer: 255 */
#define BCH_SB_BLOCK_SECTORS_MAX 8   /* 1.13 */
#define BCH_SB_BLOCK_SECTORS_MAX_READ 64
#define BCH_MIN_NR_BUCKETS	64
#define BCH_MAX_NR_BUCKETS	2147483583ULL

/* Bytes as stored; the second is accepted on read. */
#define BCH_SB_MAGIC_BYTES \
	{0xc6, 0x85, 0x73, 0xf6, 0x66, 0xce, 0x90, 0xa9, \
	 0xd9, 0x6a, 0x60, 0xcf, 0x80, 0x3d, 0xf7, 0xef}
#define BCH_SB_MAGIC_OLD_BYTES \
	{0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca, \
	 0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81}
/* A member that was removed while references to it remain (1.27). */
#define BCH_MEMBER_DELETED_UUID_BYTES \
	{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, \
	 0xd9, 0x6a, 0x60, 0xcf, 0x80, 0x3d, 0xf7, 0xef}

#define BCH_STATFS_MAGIC    0xca451a4eU

struct bch_sb_layout {
	u8 magic[16];
	u8 layout_type;
	u8 sb_max_size_bits; /* log2 of sectors */
	u8 nr_superblocks;
	u8 pad[5];
	__le64 sb_offset[BCH_SB_LAYOUT_NR]; /* sectors, ascending */
} __packed __aligned(8);

struct bch_sb {
	struct bch_csum csum; /* of everything behind it */
	__le16 version;
	__le16 version_min;
	__le16 pad[2];
	u8 magic[16];
	u8 uuid[16];	  /* internal */
	u8 user_uuid[16]; /* external */
	u8 label[BCH_SB_LABEL_SIZE]; /* zero padded, not terminated when full */
	__le64 offset;	  /* sector of this copy */
	__le64 seq;
	__le16 block_size; /* sectors */
	u8 dev_idx;
	u8 nr_devices;	  /* slots */
	__le32 u64s;	  /* of all sections */
	__le64 time_base_lo; /* ns since the epoch */
	__le32 time_base_hi;
	__le32 time_precision; /* ns */
	__le64 flags[7];
	__le64 write_time; /* s since the epoch */
	__le64 features[2];
	__le64 compat[2];
	struct bch_sb_layout layout;
	u64 sections[];
} __packed __aligned(8);

_Static_assert(sizeof(struct bch_sb_layout) == 512, "sb layout");
_Static_assert(sizeof(struct bch_sb) == 752, "sb");

/* Flag words: x(name, word, first bit, last bit) (spec 01 sections 4, 18.2). */
#define BCH_SB_FLAGS()					\
	x(initialized, 0, 0, 0)				\
	x(clean, 0, 1, 1)				\
	x(csum_type, 0, 2, 7)				\
	x(error_action, 0, 8, 11)			\
	x(btree_node_size, 0, 12, 27)			\
	x(gc_reserve, 0, 28, 32)			\
	x(root_reserve, 0, 33, 39)			\
	x(meta_csum_type, 0, 40, 43)			\
	x(data_csum_type, 0, 44, 47)			\
	x(meta_replicas_want, 0, 48, 51)		\
	x(data_replicas_want, 0, 52, 55)		\
	x(posix_acl, 0, 56, 56)				\
	x(usrquota, 0, 57, 57)				\
	x(grpquota, 0, 58, 58)				\
	x(prjquota, 0, 59, 59)				\
	x(has_errors, 0, 60, 60)			\
	x(has_topology_errors, 0, 61, 61)		\
	x(big_endian, 0, 62, 62)			\
	x(promote_whole_extents, 0, 63, 63)		\
	x(str_hash_type, 1, 0, 3)			\
	x(compression_type_lo, 1, 4, 7)			\
	x(inode_32bit, 1, 8, 8)				\
	x(wide_macs, 1, 9, 9)				\
	x(encryption_type, 1, 10, 13)			\
	x(encoded_extent_max_bits, 1, 14, 19)		\
	x(meta_replicas_req, 1, 20, 23)			\
	x(data_replicas_req, 1, 24, 27)			\
	x(promote_target, 1, 28, 39)			\
	x(foreground_target, 1, 40, 51)			\
	x(background_target, 1, 52, 63)			\
	x(background_compression_type_lo, 2, 0, 3)	\
	x(gc_reserve_bytes, 2, 4, 63)			\
	x(erasure_code, 3, 0, 15)			\
	x(metadata_target, 3, 16, 27)			\
	x(shard_inums, 3, 28, 28)			\
	x(inodes_use_key_cache, 3, 29, 29)		\
	x(journal_flush_delay, 3, 30, 61)		\
	x(journal_flush_disabled, 3, 62, 62)		\
	x(multi_device, 3, 63, 63)			\
	x(journal_reclaim_delay, 4, 0, 31)		\
	x(journal_transaction_names, 4, 32, 32)		\
	x(nocow, 4, 33, 33)				\
	x(write_buffer_size, 4, 34, 53)			\
	x(version_upgrade, 4, 54, 55)			\
	x(compression_type_hi, 4, 56, 59)		\
	x(background_compression_type_hi, 4, 60, 63)	\
	x(version_upgrade_complete, 5, 0, 15)		\
	x(allocator_stuck_timeout, 5, 16, 31)		\
	x(version_incompat, 5, 32, 47)			\
	x(version_incompat_allowed, 5, 48, 63)		\
	x(shard_inums_nbits, 6, 0, 3)			\
	x(write_error_timeout, 6, 4, 13)		\
	x(csum_err_retry_nr, 6, 14, 19)			\
	x(degraded_action, 6, 20, 21)			\
	x(casefold, 6, 22, 22)				\
	x(rebalance_ac_only, 6, 23, 23)			\
	x(writeback_timeout, 6, 24, 39)			\
	x(extent_bp_shift, 6, 40, 47)			\
	x(scrub_journal, 6, 48, 49)			\
	x(ec_max_data_blocks, 6, 50, 57)		\
	x(move_writes_fua, 6, 58, 58)			\
	x(dirents_sanitized, 6, 59, 59)

static inline u64 bits_get(__le64 word, unsigned lo, unsigned hi)
{
	return le64_to_cpu(word) >> lo & (U64_MAX >> (63 - (hi - lo)));
}

static inline void bits_set(__le64 *word, unsigned lo, unsigned hi, u64 v)
{
	u64 mask = U64_MAX >> (63 - (hi - lo));

	*word = cpu_to_le64((le64_to_cpu(*word) & ~(mask << lo)) | (v & mask) << lo);
}

/* sb_clean(sb), sb_set_clean(sb, v) and so on; values too wide are cut. */
#define x(name, word, lo, hi)						\
static inline u64 sb_##name(const struct bch_sb *sb)			\
{									\
	return bits_get(sb->flags[word], lo, hi);			\
}									\
static inline void sb_set_##name(struct bch_sb *sb, u64 v)		\
{									\
	bits_set(&sb->flags[word], lo, hi, v);				\
}
BCH_SB_FLAGS()
#undef x

/* Places of the flags, for tables: SB_FLAG_clean is word << 16 | first bit << 8 | last bit. */
enum bch_sb_flag {
#define x(name, word, lo, hi) SB_FLAG_##name = (word) << 16 | (lo) << 8 | (hi),
	BCH_SB_FLAGS()
#undef x
};

/* Sections: x(name, type) (spec 01 section 10). Types from 15 on are newer than 1.13. */
#define BCH_SB_SECTIONS()		\
	x(journal, 0)			\
	x(members_v1, 1)		\
	x(crypt, 2)			\
	x(replicas_v0, 3)		\
	x(quota, 4)			\
	x(disk_groups, 5)		\
	x(clean, 6)			\
	x(replicas, 7)			\
	x(journal_seq_blacklist, 8)	\
	x(journal_v2, 9)		\
	x(counters, 10)			\
	x(members_v2, 11)		\
	x(errors, 12)			\
	x(ext, 13)			\
	x(downgrade, 14)		\
	x(recovery_passes, 15)		\
	x(extent_type_u64s, 16)		\
	x(errors_v2, 17)

enum bch_sb_section_type {
#define x(name, nr) SB_SECTION_##name = nr,
	BCH_SB_SECTIONS()
#undef x
	SB_SECTION_NR
};

#define SB_SECTION_NR_1_13 15

extern const char *const bch_sb_section_names[]; /* NULL-terminated */

/* Head of each section; u64s counts it too and is never 0. */
struct sb_section {
	__le32 u64s;
	__le32 type;
} __packed __aligned(8);

static inline size_t sb_section_bytes(const struct sb_section *s)
{
	return (size_t)le32_to_cpu(s->u64s) * sizeof(u64);
}

static inline void *sb_section_end(const struct sb_section *s)
{
	return (char *)s + sb_section_bytes(s);
}

static inline size_t sb_bytes(const struct bch_sb *sb)
{
	return sizeof(*sb) + (size_t)le32_to_cpu(sb->u64s) * sizeof(u64);
}

/* Bytes that the layout leaves for one superblock. */
static inline size_t sb_max_bytes(const struct bch_sb_layout *l)
{
	return (size_t)512 << min_t(unsigned, l->sb_max_size_bits, BCH_SB_MAX_SIZE_BITS);
}

struct sb_journal {
	struct sb_section head;
	__le64 buckets[];
};

struct sb_journal_range {
	__le64 start;
	__le64 nr;
} __packed __aligned(8);

struct sb_journal_v2 {
	struct sb_section head;
	struct sb_journal_range ranges[];
};

/* One member slot; members_v1 holds the first 56 bytes, 1.13 writes 144, 1.39 writes 328. */
struct bch_member {
	u8 uuid[16]; /* all zero: slot not in use */
	__le64 nbuckets;
	__le16 first_bucket;
	__le16 bucket_size; /* sectors */
	u8 btree_bitmap_shift; /* log2 of sectors per bit */
	u8 pad[3];
	__le64 last_mount; /* s since the epoch */
	__le64 flags;
	__le32 iops[4]; /* seqread, seqwrite, randread, randwrite */
	__le64 errors[3]; /* read, write, checksum */
	__le64 errors_at_reset[3];
	__le64 errors_reset_time;
	__le64 seq;
	__le64 btree_allocated_bitmap;
	__le32 last_journal_bucket; /* index in the journal's bucket list */
	__le32 last_journal_bucket_offset; /* sectors */
	/* newer */
	u8 device_name[16];
	u8 device_model[64];
	__le64 flush_errors;
	u8 device_serial[64];
	u8 failure_domain[32];
} __packed __aligned(8);

#define BCH_MEMBER_V1_BYTES   56
#define BCH_MEMBER_BYTES      144 /* what we write */
#define BCH_MEMBER_BYTES_READ 328

_Static_assert(sizeof(struct bch_member) == BCH_MEMBER_BYTES_READ, "member");
_Static_assert(offsetof(struct bch_member, device_name) == BCH_MEMBER_BYTES, "member 1.13");

/* x(name, first bit, last bit) of a member's flags (spec 01 sections 11.2, 18.2). */
#define BCH_MEMBER_FLAGS()			\
	x(state, 0, 3)				\
	x(discard, 14, 14)			\
	x(data_allowed, 15, 19)			\
	x(group, 20, 27) /* 0 or label index + 1 */ \
	x(durability, 28, 29) /* 0 or durability + 1 */ \
	x(freespace_initialized, 30, 30)	\
	x(resize_on_mount, 31, 31)		\
	x(rotational, 32, 32)			\
	x(rotational_set, 33, 33)		\
	x(initialized, 34, 37)

#define x(name, lo, hi)							\
static inline u64 member_##name(const struct bch_member *m)		\
{									\
	return bits_get(m->flags, lo, hi);				\
}									\
static inline void member_set_##name(struct bch_member *m, u64 v)	\
{									\
	bits_set(&m->flags, lo, hi, v);					\
}
BCH_MEMBER_FLAGS()
#undef x

enum bch_member_flag {
#define x(name, lo, hi) MEMBER_FLAG_##name = (lo) << 8 | (hi),
	BCH_MEMBER_FLAGS()
#undef x
};

/* Member states: x(name, number); from 1.33 on "failed" is called "evacuating". */
#define BCH_MEMBER_STATES()	\
	x(rw, 0)		\
	x(ro, 1)		\
	x(failed, 2)		\
	x(spare, 3)

enum bch_member_state {
#define x(name, nr) BCH_MEMBER_STATE_##name = nr,
	BCH_MEMBER_STATES()
#undef x
	BCH_MEMBER_STATE_NR
};

extern const char *const bch_member_state_names[]; /* NULL-terminated */

struct sb_members_v1 {
	struct sb_section head;
	u8 members[]; /* BCH_MEMBER_V1_BYTES each */
};

struct sb_members_v2 {
	struct sb_section head;
	__le16 member_bytes;
	u8 pad[6];
	u8 members[]; /* member_bytes each */
};

#define BCH_KEY_MAGIC 0x79656b2a2a686362ULL /* "bch**key": the key is in the clear */

struct sb_crypt {
	struct sb_section head;
	__le64 flags;	  /* bits 0..3: KDF, 0 = scrypt */
	__le64 kdf_flags; /* log2 of N: bits 0..15, r: 16..31, p: 32..47 */
	__le64 key_magic;
	u8 key[32];
} __packed __aligned(8);

_Static_assert(sizeof(struct sb_crypt) == 64, "sb crypt");

/* Byte-packed, from the end of the head; a data type of 0 ends the list. */
struct bch_replicas_entry_v0 {
	u8 data_type;
	u8 nr_devs;
	u8 devs[];
} __packed;

struct bch_replicas_entry {
	u8 data_type;
	u8 nr_devs;
	u8 nr_required;
	u8 devs[];
} __packed;

struct sb_replicas {
	struct sb_section head;
	u8 entries[];
};

struct sb_quota_counter {
	__le32 timelimit;
	__le32 warnlimit;
} __packed;

struct sb_quota {
	struct sb_section head;
	struct {
		__le64 flags;
		struct sb_quota_counter c[2]; /* space, inodes */
	} __packed q[3]; /* user, group, project */
} __packed __aligned(8);

_Static_assert(sizeof(struct sb_quota) == 80, "sb quota");

struct sb_disk_group {
	u8 label[32];
	__le64 flags[2];
} __packed __aligned(8);

#define x(name, lo, hi)							\
static inline u64 disk_group_##name(const struct sb_disk_group *g)	\
{									\
	return bits_get(g->flags[0], lo, hi);				\
}									\
static inline void disk_group_set_##name(struct sb_disk_group *g, u64 v) \
{									\
	bits_set(&g->flags[0], lo, hi, v);				\
}
x(deleted, 0, 0)
x(data_allowed, 1, 5)
x(parent, 6, 23) /* 0: root, else index + 1 */
#undef x

struct sb_disk_groups {
	struct sb_section head;
	struct sb_disk_group entries[];
};

struct sb_clean {
	struct sb_section head;
	__le32 flags;
	__le16 clock[2];
	__le64 journal_seq;
	u64 entries[]; /* journal entry records (spec 04) */
} __packed __aligned(8);

_Static_assert(sizeof(struct sb_clean) == 24, "sb clean");

struct sb_blacklist_range {
	__le64 start;
	__le64 end; /* exclusive */
} __packed __aligned(8);

struct sb_journal_seq_blacklist {
	struct sb_section head;
	struct sb_blacklist_range ranges[];
};

struct sb_counters {
	struct sb_section head;
	__le64 d[];
};

struct sb_error_entry {
	__le64 v; /* bits 0..15 id, 16..63 count */
	__le64 last; /* s since the epoch */
} __packed __aligned(8);

struct sb_errors {
	struct sb_section head;
	struct sb_error_entry entries[];
};

struct sb_ext {
	struct sb_section head;
	__le64 passes_required[2]; /* bit: stable number of a pass */
	__le64 errors_silent[8];   /* bit: error id */
	__le64 btrees_lost_data;   /* bit: btree id */
	/* newer, from byte 96 */
	__le64 flags0;
	__le64 btrees_lost_data_ever;
	__le64 btrees_clean;
} __packed __aligned(8);

#define SB_EXT_BYTES_MIN 88
#define SB_EXT_BYTES	 96 /* what we write */

_Static_assert(offsetof(struct sb_ext, flags0) == SB_EXT_BYTES, "sb ext");

/* x(name, first bit, last bit) of sb_ext.flags0. */
#define BCH_SB_EXT_FLAGS()			\
	x(dev_readahead, 0, 19)	/* sectors */	\
	x(ec_stripe_buf_limit, 20, 25)		\
	x(scrub_max_rewind_secs, 26, 37)	\
	x(discard_buffer, 38, 41)		\
	x(btree_cache_shrinker_seeks, 42, 48)

enum bch_sb_ext_flag {
#define x(name, lo, hi) SB_EXT_FLAG_##name = (lo) << 8 | (hi),
	BCH_SB_EXT_FLAGS()
#undef x
};

/* Byte-packed, each entry aligned to 2. */
struct sb_downgrade_entry {
	__le16 version;
	__le64 passes[2];
	__le16 nr_errors;
	__le16 errors[];
} __packed;

struct sb_downgrade {
	struct sb_section head;
	u8 entries[];
};

struct sb_recovery_pass {
	__le64 last_run;     /* s since the epoch */
	__le32 last_runtime; /* s */
	__le32 flags;	     /* bit 0: no_ratelimit */
} __packed __aligned(8);

struct sb_recovery_passes {
	struct sb_section head;
	struct sb_recovery_pass entries[]; /* by stable number */
};

struct sb_extent_type_u64s {
	struct sb_section head;
	u8 d[];
};

struct sb_error_entry_v2 {
	__le64 w[2]; /* id 0..15, count 16..47, last 48..63 and 0..23, first 24..63 */
} __packed __aligned(8);

struct sb_errors_v2 {
	struct sb_section head;
	struct sb_error_entry_v2 entries[];
};

#endif
