/*
 * Files that were deleted (spec 09 section 15.2): what of their keys is still somewhere, and what
 * of their data. Sources in order of trust: the old keys that the journal notes before each update;
 * bsets of leaves with keys that later ones hide; leaves that nothing refers to any more, if the
 * filesystem was opened with a scan; snapshots.
 *
 * The journal tells the state of a file when it lost its last name exactly, as far as it reaches
 * back. Of the other sources nobody knows whether there was a later state.
 */
#ifndef _BCH_FS_UNDELETE_H
#define _BCH_FS_UNDELETE_H

#include "fs/inode.h"
#include "util/darray.h"
#include "util/printbuf.h"

struct bch_fs;

enum bch_undelete_source {
	BCH_UNDELETE_journal,
	BCH_UNDELETE_node,     /* hidden keys of leaves that are in use */
	BCH_UNDELETE_scan,     /* leaves out of use */
	BCH_UNDELETE_snapshot, /* a snapshot still has the file */
	BCH_UNDELETE_SOURCE_NR
};

enum bch_undelete_quality {
	BCH_UNDELETE_intact,	 /* its last state; all data has a good checksum */
	BCH_UNDELETE_unverified, /* not known to be bad, but not known to be good either */
	BCH_UNDELETE_partial,
	BCH_UNDELETE_lost,
	BCH_UNDELETE_kept, /* the file has other names; all data has a good checksum */
	BCH_UNDELETE_QUALITY_NR
};

extern const char *const bch_undelete_source_names[];
extern const char *const bch_undelete_quality_names[];

/* A place in the journal. */
struct bch_undelete_time {
	u64 seq;
	u32 offset;
};

struct bch_undelete_file {
	u64 inum;
	u32 snapshot;
	u32 view;	   /* snapshot from which keys that are still there are seen; 0: none */
	u32 seen_from;	   /* snapshot whose names it had: one below it, or its own */
	u8 source;	   /* of the inode; enum bch_undelete_source */
	bool exact;	   /* the journal has all updates since it lost its last name */
	bool kept;	   /* it is there: a name of it went while it has others */
	bool of_dead;	   /* went with its subvolume or snapshot */
	bool is_version;   /* and others still have the file, with other data */
	bool size_guessed; /* its inode is from before data was written: from the extents */
	struct bch_undelete_time born, unlinked, deleted;
	u64 deleted_seq;   /* 0: not known */
	u64 deleted_until; /* not known: not after this one; 0: not known either */
	struct bch_inode_unpacked u;

	/* By bch_undelete_read(): bytes below the size. */
	u8 quality;
	u64 verified, unverified, lost;
	const char *doubt; /* unverified: why */
};

struct undelete_keys;

struct bch_undelete {
	struct bch_fs *c;
	u64 memory; /* bytes of keys to keep, 0: 256 MiB */

	/* By inode number and snapshot; directories, too. */
	DARRAY(struct bch_undelete_file) files;
	u64 nr_unreadable;  /* nodes */
	bool out_of_memory; /* keys were left out */
	bool too_many;	    /* files of one inode number: some were left out */

	/* Internal. */
	struct undelete_keys *keys;
};

/* Find what was deleted. 0 or -ENOMEM; bch_undelete_exit() in any case. */
int bch_undelete_init(struct bch_undelete *d);
void bch_undelete_exit(struct bch_undelete *d);

/*
 * Call @fn for each name that went with @f, or of which only it is known: its path from the root of
 * the filesystem, "?/NAME" or "?/#INODE" where that is not known; @seq: when that name went, 0 if
 * that is not known. A name may come twice. 0, what @fn returned, or -ENOMEM.
 */
int bch_undelete_names(struct bch_undelete *d, const struct bch_undelete_file *f,
		       int (*fn)(void *arg, const char *path, size_t len, u64 seq), void *arg);

/* When entry @seq of the journal was written, seconds since the epoch; 0: not known. */
u64 bch_undelete_time_of(const struct bch_undelete *d, u64 seq);

/*
 * Read all data of @f, ascending: @data gets what is good, or at least not known to be bad; holes
 * are left out; @lost gets the rest. Either may be NULL. Fills in the quality. 0, what one of them
 * returned, or -ENOMEM.
 */
struct bch_undelete_sink {
	int (*data)(void *arg, u64 offset, const void *buf, size_t len);
	int (*lost)(void *arg, u64 start, u64 end, const char *why);
	void *arg;
};

int bch_undelete_read(struct bch_undelete *d, struct bch_undelete_file *f,
		      const struct bch_undelete_sink *sink);

/* Call @fn for each extended attribute that it had. 0, what @fn returned, or -ENOMEM. */
int bch_undelete_xattrs(struct bch_undelete *d, const struct bch_undelete_file *f,
			int (*fn)(void *arg, const char *name, const void *value, size_t len),
			void *arg);

#endif
