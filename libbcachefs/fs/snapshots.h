/*
 * Snapshots and subvolumes of an open filesystem (spec 02 section 13, 08): the table of all
 * snapshots in memory, who is whose ancestor, and what each subvolume shows.
 */
#ifndef _BCH_FS_SNAPSHOTS_H
#define _BCH_FS_SNAPSHOTS_H

#include <linux/types.h>

struct bch_fs;

#define BCH_ROOT_SUBVOL 1
#define BCH_ROOT_INUM	4096

/*
 * Read the snapshots btree into c->snapshots, and let the btree floor ask for ancestors. Needed
 * before any iterator filters snapshots. What cannot be read is reported and counted; a damaged
 * tree (cycles, absurd depth) is cut, never followed endlessly. 0 or -ENOMEM.
 */
int bch_snapshots_load(struct bch_fs *c);
void bch_snapshots_exit(struct bch_fs *c);

/* @id == @ancestor, or @ancestor is reached from @id by parents. Fast: hot in every lookup. */
bool bch_snapshot_is_ancestor(const struct bch_fs *c, u32 id, u32 ancestor);
bool bch_snapshot_exists(const struct bch_fs *c, u32 id);
u32 bch_snapshot_parent(const struct bch_fs *c, u32 id);

struct bch_subvol {
	u32 id;
	u32 snapshot;
	u64 root_inum;
	u32 creation_parent; /* 0: none */
	u32 fs_path_parent;
	u64 otime; /* ns since the epoch, 0: unknown */
	bool read_only, is_snapshot, unlinked;
};

/* Subvolume @id; -ENOENT: there is none; or an error of reading. */
int bch_subvol_get(struct bch_fs *c, u32 id, struct bch_subvol *subvol);
/* Call @fn for all, ascending; stops at and returns the first nonzero result. */
int bch_subvols_for_each(struct bch_fs *c,
			 int (*fn)(struct bch_fs *c, const struct bch_subvol *s, void *arg),
			 void *arg);

#endif
