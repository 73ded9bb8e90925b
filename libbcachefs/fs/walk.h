/*
 * Walking over the objects of a subvolume, depth first (spec 09 section 15.1): every directory is
 * entered once, whatever the entries of a damaged filesystem say, and not deeper than
 * BCH_WALK_DEPTH_MAX. Memory: the directories seen, and some entries of each that is open.
 */
#ifndef _BCH_FS_WALK_H
#define _BCH_FS_WALK_H

#include "fs/namei.h"
#include "util/darray.h"

#define BCH_WALK_DEPTH_MAX 4096

/* Why a directory is not entered. */
enum bch_walk_cut {
	BCH_WALK_enter,
	BCH_WALK_seen, /* it was, under another name */
	BCH_WALK_too_deep,
	BCH_WALK_subvol, /* it is another subvolume, and not wanted */
};

struct bch_walk_obj {
	const char *name; /* as stored: any bytes; not terminated */
	unsigned name_len;
	struct bch_ino ino;
	u32 snapshot;	/* that its keys are to be looked for from */
	u8 d_type;	/* DT_*: what the entry says */
	bool is_dir;	/* by the inode, or without one by the entry */
	bool named;	/* the inode says that this is its name, or it is a subvolume's root */
	u8 cut;		/* enum bch_walk_cut */
	unsigned depth; /* 1: in the directory that the walk began with */
	/* 0: @u is the inode; -ENOENT: there is none; else it cannot be read. */
	int err;
	struct bch_inode_unpacked u;
};

struct bch_walk;

struct bch_walk_ops {
	/*
	 * An object in the directory for which this returned @dir. For one that is to be entered,
	 * set *@child and return 0; 1: do not enter it; negative: end the walk with this.
	 */
	int (*object)(struct bch_walk *w, void *dir, const struct bch_walk_obj *obj, void **child);
	/* All in @dir was visited; @err: some of its entries could not be read. */
	int (*leave)(struct bch_walk *w, void *dir, int err);
};

struct bch_walk_entry;
struct bch_walk_frame;
struct bch_walk_set;

struct bch_walk {
	struct bch_fs *c;
	const struct bch_walk_ops *ops;
	void *private;	   /* of the caller */
	bool one_subvol;   /* do not enter other subvolumes */
	bool remember_all; /* for bch_walk_lost() */

	/* Internal. */
	DARRAY(struct bch_walk_frame *) stack;
	struct bch_walk_set *seen;
};

int bch_walk_init(struct bch_walk *w);
void bch_walk_exit(struct bch_walk *w);

/*
 * Visit all below directory @top, for which the caller has @dir; then ops->leave() is called for
 * @dir, too. 0, what an operation returned, or -ENOMEM.
 */
int bch_walk_tree(struct bch_walk *w, struct bch_ino top, void *dir);
/*
 * After walks with remember_all: the inodes of subvolume @subvol that were not met, each with its
 * number as its name and with all that is below it; directories come before what they contain.
 * Those that are deleted, but were open, are left out. @dir as above.
 */
int bch_walk_lost(struct bch_walk *w, u32 subvol, void *dir);

#endif
