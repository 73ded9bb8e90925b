/*
 * Counters of what is used. Which counter it is stands in the position, as 20 bytes; the value is
 * 1 to 3 signed words (spec 03 section 18, spec 10 section 6.9).
 */
#ifndef _BCH_FORMAT_ACCOUNTING_H
#define _BCH_FORMAT_ACCOUNTING_H

#include <linux/types.h>

/* x(name, number, bytes used of the 20; 0: told by its own rule). Newer: from 9 on. */
#define BCH_ACCOUNTING_TYPES()		\
	x(nr_inodes, 0, 1)		\
	x(persistent_reserved, 1, 2)	\
	x(replicas, 2, 0)		\
	x(dev_data_type, 3, 3)		\
	x(compression, 4, 2)		\
	x(snapshot, 5, 5)		\
	x(btree, 6, 5)			\
	x(rebalance_work, 7, 1)		\
	x(inum, 8, 9)			\
	x(reconcile_work, 9, 2)		\
	x(dev_leaving, 10, 5)

enum bch_accounting_type {
#define x(name, nr, bytes) BCH_ACCOUNTING_##name = nr,
	BCH_ACCOUNTING_TYPES()
#undef x
	BCH_ACCOUNTING_NR
};

#define BCH_ACCOUNTING_NR_1_13 9
#define ACCOUNTING_COUNTERS_MAX 3
#define ACCOUNTING_DEVS_MAX	16

/* The position as bytes; numbers in it are little endian. */
struct bch_accounting_pos {
	u8 type;
	union {
		struct {
			u8 nr_replicas;
		} persistent_reserved;
		struct {
			u8 data_type;
			u8 nr_devs;
			u8 nr_required;
			u8 devs[ACCOUNTING_DEVS_MAX];
		} replicas;
		struct {
			u8 dev;
			u8 data_type;
		} dev_data_type;
		struct {
			u8 type;
		} compression;
		struct {
			__le32 id;
			__le32 btree; /* from 1.39 on */
		} __packed snapshot;
		struct {
			__le32 id;
		} __packed btree;
		struct {
			__le64 inum;
		} __packed inum;
		struct {
			u8 kind;
		} reconcile_work;
		struct {
			__le32 dev;
		} __packed dev_leaving;
		u8 bytes[19];
	};
} __packed;

/* x(name, number): kinds of reconcile_work. */
#define BCH_RECONCILE_KINDS()	\
	x(replicas, 0)		\
	x(checksum, 1)		\
	x(erasure_code, 2)	\
	x(compression, 3)	\
	x(target, 4)		\
	x(high_priority, 5)	\
	x(pending, 6)		\
	x(stripes, 7)

extern const char *const bch_accounting_type_names[];
extern const char *const bch_reconcile_kind_names[];

_Static_assert(sizeof(struct bch_accounting_pos) == 20, "accounting_pos");

#endif
