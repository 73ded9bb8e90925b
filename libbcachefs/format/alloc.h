/* Buckets: alloc keys of all versions, generations (spec 03 section 15, spec 10 section 6.7). */
#ifndef _BCH_FORMAT_ALLOC_H
#define _BCH_FORMAT_ALLOC_H

#include <linux/types.h>

struct bch_alloc_v1 {
	u8 fields; /* bit i: field i is present */
	u8 gen;
	u8 data[];
} __packed __aligned(8);

/* Fields in order: x(name, bytes). */
#define BCH_ALLOC_V1_FIELDS()		\
	x(read_time, 2)			\
	x(write_time, 2)		\
	x(data_type, 1)			\
	x(dirty_sectors, 2)		\
	x(cached_sectors, 2)		\
	x(oldest_gen, 1)		\
	x(stripe, 4)			\
	x(stripe_redundancy, 1)

#define ALLOC_V1_DATA 2 /* bytes before the fields */

struct bch_alloc_v2 {
	u8 nr_fields;
	u8 gen;
	u8 oldest_gen;
	u8 data_type;
	u8 data[]; /* varints */
} __packed __aligned(8);

struct bch_alloc_v3 {
	__le64 journal_seq;
	__le32 flags;
	u8 nr_fields;
	u8 gen;
	u8 oldest_gen;
	u8 data_type;
	u8 data[]; /* varints */
} __packed __aligned(8);

/* Varints of alloc_v2 and alloc_v3: x(name, bits) in order. */
#define BCH_ALLOC_V2_FIELDS()		\
	x(read_time, 64)		\
	x(write_time, 64)		\
	x(dirty_sectors, 32)		\
	x(cached_sectors, 32)		\
	x(stripe, 32)			\
	x(stripe_redundancy, 8)

struct bch_alloc_v4 {
	__le64 journal_seq; /* from 1.38 on: of the last change from empty to nonempty */
	__le32 flags;
	u8 gen;
	u8 oldest_gen;
	u8 data_type;
	u8 stripe_redundancy;
	__le32 dirty_sectors;
	__le32 cached_sectors;
	__le64 io_time[2];
	__le32 stripe; /* from 1.35 on: number of stripes */
	__le32 nr_external_backpointers;
	__le64 journal_seq_empty; /* from 1.38 on; before: an index of no use */
	__le32 stripe_sectors;
	__le32 pad;
} __packed __aligned(8);

#define ALLOC_NEED_DISCARD	     (1U << 0)
#define ALLOC_NEED_INC_GEN	     (1U << 1)
#define ALLOC_BACKPOINTERS_START(f)  ((f) >> 2 & 0x3f) /* u64s */
#define ALLOC_NR_BACKPOINTERS(f)     ((f) >> 8 & 0x3f)
#define ALLOC_V4_U64s_MIN	     6 /* what BACKPOINTERS_START 0 stands for */
#define ALLOC_V4_U64s		     8
#define ALLOC_BACKPOINTER_U64s	     4
#define ALLOC_IO_TIME_MAX	     ((1ULL << 48) - 1)
#define ALLOC_GC_GENS_MAX	     96 /* gen - oldest_gen that needs garbage collection */

/* Gens of buckets p.offset * 256 ... of device p.inode. */
#define BUCKET_GENS_NR 256

struct bch_bucket_gens {
	u8 gens[BUCKET_GENS_NR];
};

/* Key type lru: obsolete. */
struct bch_lru {
	__le64 idx;
} __packed __aligned(8);

/* The lru btree: p.inode = id << 48 | time, p.offset = what is to be evicted. */
#define LRU_TIME_BITS	     48
#define LRU_TIME_MAX	     ((1ULL << LRU_TIME_BITS) - 1)
#define LRU_ID_FRAGMENTATION 0xffff
#define LRU_ID_STRIPES	     0xfffe
#define LRU_ID_DEV_FRAGMENTATION 8192 /* + device, from 1.39 on */

_Static_assert(sizeof(struct bch_alloc_v4) == ALLOC_V4_U64s * 8, "alloc_v4");
_Static_assert(sizeof(struct bch_alloc_v3) == 16, "alloc_v3");

#endif
