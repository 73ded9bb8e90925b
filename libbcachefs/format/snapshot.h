/* Snapshots, their trees and subvolumes (spec 03 section 19, spec 10 section 6.6). */
#ifndef _BCH_FORMAT_SNAPSHOT_H
#define _BCH_FORMAT_SNAPSHOT_H

#include <linux/types.h>

struct bch_time128 {
	__le64 lo;
	__le64 hi;
} __packed __aligned(4);

#define SNAPSHOT_SKIPS 3

struct bch_snapshot {
	__le32 flags;
	__le32 parent;
	__le32 children[2];
	__le32 subvol;
	__le32 tree;
	__le32 depth;
	__le32 skip[SNAPSHOT_SKIPS];
	struct bch_time128 btime;
	__le32 state; /* from 1.39 on */
	__le32 pad;
} __packed __aligned(8);

/* Names of flags: x(name of 1.39, bit). */
#define BCH_SNAPSHOT_FLAGS()	\
	x(will_delete, 0)	\
	x(subvol, 1)		\
	x(deleted, 2)		\
	x(no_keys, 3)

enum bch_snapshot_flag {
#define x(name, bit) BCH_SNAPSHOT_FLAG_##name = 1U << (bit),
	BCH_SNAPSHOT_FLAGS()
#undef x
};

/* x(name, codeword) */
#define BCH_SNAPSHOT_STATES()		\
	x(live, 0x757c47a2)		\
	x(will_delete, 0x3316a8d2)	\
	x(no_keys, 0x372b5a01)		\
	x(deleted, 0x7cd4a225)

enum bch_snapshot_state {
#define x(name, word) BCH_SNAPSHOT_STATE_##name = word,
	BCH_SNAPSHOT_STATES()
#undef x
};

struct bch_snapshot_tree {
	__le32 master_subvol;
	__le32 root_snapshot;
} __packed __aligned(8);

struct bch_subvolume {
	__le32 flags;
	__le32 snapshot;
	__le64 inode;
	__le32 creation_parent;
	__le32 fs_path_parent;
	struct bch_time128 otime;
	__le32 state; /* from 1.39 on */
	__le32 pad;
} __packed __aligned(8);

#define BCACHEFS_ROOT_SUBVOL 1
#define SUBVOL_ID_MAX	     0x7fffffffU

enum bch_subvol_flag {
	BCH_SUBVOL_FLAG_ro	 = 1U << 0,
	BCH_SUBVOL_FLAG_snapshot = 1U << 1,
	BCH_SUBVOL_FLAG_unlinked = 1U << 2,
};

/* x(name, codeword) */
#define BCH_SUBVOL_STATES()	\
	x(live, 0x4ad5447e)	\
	x(unlinked, 0x2d358e8f)	\
	x(deleted, 0x3c6b2d4c)

enum bch_subvol_state {
#define x(name, word) BCH_SUBVOL_STATE_##name = word,
	BCH_SUBVOL_STATES()
#undef x
};

_Static_assert(sizeof(struct bch_snapshot) == 64, "snapshot");
_Static_assert(sizeof(struct bch_subvolume) == 48, "subvolume");

#endif
