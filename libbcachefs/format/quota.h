/* Quota limits (spec 03 section 20). */
#ifndef _BCH_FORMAT_QUOTA_H
#define _BCH_FORMAT_QUOTA_H

#include <linux/types.h>

/* x(name, number): p.inode of quota keys. */
#define BCH_QUOTA_TYPES()	\
	x(user, 0)		\
	x(group, 1)		\
	x(project, 2)

enum bch_quota_type {
#define x(name, nr) BCH_QUOTA_##name = nr,
	BCH_QUOTA_TYPES()
#undef x
	BCH_QUOTA_NR
};

/* x(name, number): what is counted; space in sectors. */
#define BCH_QUOTA_COUNTERS()	\
	x(space, 0)		\
	x(inodes, 1)

enum bch_quota_counter {
#define x(name, nr) BCH_QUOTA_COUNTER_##name = nr,
	BCH_QUOTA_COUNTERS()
#undef x
	BCH_QUOTA_COUNTER_NR
};

struct bch_quota_limits {
	__le64 hardlimit; /* 0: none */
	__le64 softlimit;
} __packed __aligned(8);

struct bch_quota {
	struct bch_quota_limits c[BCH_QUOTA_COUNTER_NR];
} __packed __aligned(8);

#endif
