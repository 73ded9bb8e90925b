/* Journal entries (jset) and their sub-entries on disk (spec 04 sections 1 and 2, 17.1). */
#ifndef _BCH_FORMAT_JSET_H
#define _BCH_FORMAT_JSET_H

#include "format/btree.h"

#define JSET_MAGIC_XOR 0x245235c1a3625032ULL

/* Largest entry on disk, bytes; no writer has larger buffers. */
#define JSET_BYTES_MAX (4U << 20)

struct jset_entry {
	__le16 u64s; /* of the payload, without this header */
	u8 btree_id; /* meaning depends on the type */
	u8 level;
	u8 type; /* enum bch_jset_entry_type; more may come */
	u8 pad[3];
	u64 data[];
} __packed __aligned(8);

struct jset {
	struct bch_csum csum; /* covers the bytes from magic to the end of the sub-entries */
	__le64 magic;
	__le64 seq;
	__le32 version;
	__le32 flags; /* JSET_* */
	__le32 u64s;  /* of the sub-entries */
	__le16 read_clock, write_clock; /* unused; encrypted from here on */
	__le64 last_seq;
	struct jset_entry start[];
} __packed __aligned(8);

/* Word 3 of the nonce of an entry; words 1 and 2 are its seq. */
#define JSET_NONCE (3U << 28)

#define JSET_CSUM_TYPE(flags) ((flags) & 0xf)
#define JSET_BIG_ENDIAN	      (1U << 4)
#define JSET_NO_FLUSH	      (1U << 5)
#define JSET_HAS_OVERWRITES   (1U << 6)

/* Sub-entries: x(name, number); from 13 on newer than 1.13. */
#define BCH_JSET_ENTRY_TYPES()		\
	x(btree_keys, 0)		\
	x(btree_root, 1)		\
	x(prio_ptrs, 2)			\
	x(blacklist, 3)			\
	x(blacklist_v2, 4)		\
	x(usage, 5)			\
	x(data_usage, 6)		\
	x(clock, 7)			\
	x(dev_usage, 8)			\
	x(log, 9)			\
	x(overwrite, 10)		\
	x(write_buffer_keys, 11)	\
	x(datetime, 12)			\
	x(log_bkey, 13)			\
	x(rewind_limit, 14)		\
	x(rewind, 15)

enum bch_jset_entry_type {
#define x(name, nr) JSET_ENTRY_##name = nr,
	BCH_JSET_ENTRY_TYPES()
#undef x
	JSET_ENTRY_NR
};

/* Kinds of usage sub-entries (field btree_id): x(name, number). */
#define BCH_FS_USAGE_TYPES()	\
	x(reserved, 0)		\
	x(inodes, 1)		\
	x(key_version, 2)

enum bch_fs_usage_type {
#define x(name, nr) FS_USAGE_##name = nr,
	BCH_FS_USAGE_TYPES()
#undef x
	FS_USAGE_NR
};

/* NULL-terminated (format/jset.c). */
extern const char *const bch_jset_entry_type_names[];
extern const char *const bch_fs_usage_type_names[];

/* Payloads, as they lie in jset_entry.data. */

struct jset_blacklist {
	__le64 seq;
} __packed __aligned(8);

struct jset_blacklist_v2 {
	__le64 start;
	__le64 end; /* inclusive */
} __packed __aligned(8);

struct jset_usage {
	__le64 v;
} __packed __aligned(8);

/* A replicas entry v1 follows the number. */
struct jset_data_usage {
	__le64 v;
	u8 data_type;
	u8 nr_devs;
	u8 nr_required;
	u8 devs[];
} __packed __aligned(8);

struct jset_clock {
	u8 rw; /* 0: read, 1: write */
	u8 pad[7];
	__le64 time; /* sectors */
} __packed __aligned(8);

struct jset_dev_usage_type {
	__le64 buckets;
	__le64 sectors;
	__le64 fragmented;
} __packed;

struct jset_dev_usage {
	__le32 dev;
	u8 pad[4];
	__le64 unused[2];
	struct jset_dev_usage_type d[];
} __packed __aligned(8);

struct jset_datetime {
	__le64 seconds;
} __packed __aligned(8);

struct jset_rewind_limit {
	__le64 seq;
} __packed __aligned(8);

struct jset_rewind {
	__le64 from;
	__le64 to;
} __packed __aligned(8);

_Static_assert(sizeof(struct jset) == 56, "jset");
_Static_assert(sizeof(struct jset_entry) == 8, "jset_entry");
_Static_assert(sizeof(struct jset_clock) == 16, "jset_clock");
_Static_assert(sizeof(struct jset_dev_usage) == 24, "jset_dev_usage");

static inline size_t jset_bytes(const struct jset *j)
{
	return sizeof(*j) + (size_t)le32_to_cpu(j->u64s) * sizeof(u64);
}

static inline bool jset_is_flush(const struct jset *j)
{
	return !(le32_to_cpu(j->flags) & JSET_NO_FLUSH);
}

/* Header and payload, in words. */
static inline unsigned jset_entry_u64s(const struct jset_entry *e)
{
	return 1 + le16_to_cpu(e->u64s);
}

static inline size_t jset_entry_bytes(const struct jset_entry *e)
{
	return jset_entry_u64s(e) * sizeof(u64);
}

static inline struct jset_entry *jset_entry_next(const struct jset_entry *e)
{
	return (struct jset_entry *)((u64 *)e + jset_entry_u64s(e));
}

static inline struct jset_entry *jset_last(const struct jset *j)
{
	return (struct jset_entry *)((u64 *)j->start + le32_to_cpu(j->u64s));
}

/* Walk over the sub-entries in [@_start, @_last): only after validation has bounded them. */
#define for_each_jset_entry(e, _start, _last) \
	for (struct jset_entry *e = (void *)(_start), *_end = (void *)(_last); e < _end; \
	     e = jset_entry_next(e))

/* The payload is whole unpacked keys. */
static inline bool jset_entry_type_has_keys(unsigned type)
{
	return type == JSET_ENTRY_btree_keys || type == JSET_ENTRY_btree_root ||
	       type == JSET_ENTRY_overwrite || type == JSET_ENTRY_write_buffer_keys ||
	       type == JSET_ENTRY_log_bkey;
}

static inline struct bkey_i *jset_key_next(const struct bkey_i *k)
{
	return (struct bkey_i *)((u64 *)k + k->k.u64s);
}

/* Keys of a validated sub-entry. */
#define for_each_jset_key(k, _e)							\
	for (struct bkey_i *k = (struct bkey_i *)(_e)->data;				\
	     (u64 *)k < (_e)->data + le16_to_cpu((_e)->u64s); k = jset_key_next(k))

#endif
