/*
 * Copying trees of files out of an open filesystem (spec 09 section 15.1): what the walk finds
 * (fs/walk.h) goes, read by data/read.h, to a back end (host/tree_out.h). Several files are on
 * their way at once; reports come in the order of the walk.
 */
#ifndef _HOST_RESTORE_H
#define _HOST_RESTORE_H

#include "fs/namei.h"
#include "host/tree_out.h"
#include "sb/fs.h"

enum restore_quality {
	RESTORE_intact,
	RESTORE_unverified, /* all came out, but some of the data has no checksum */
	RESTORE_partial,    /* some of the data, or of the attributes, or entries are missing */
	RESTORE_lost,	    /* nothing came out */
	RESTORE_present,    /* was there already */
};

extern const char *const restore_quality_names[];

/* Bytes of a file that did not come out. */
struct restore_lost {
	u64 start, end;
	char *why;
};

/* What became of one object. */
struct restore_obj {
	const struct tree_dir *dir;
	const char *name; /* NULL: @dir itself */
	struct bch_ino ino;
	const struct tree_meta *meta;	 /* its notes tell what else is amiss */
	const char *target;		 /* of a symlink, or NULL */
	bool is_link;			 /* a further name of a file */
	u8 quality;			 /* enum restore_quality */
	u64 restored;			 /* bytes of meta->size */
	u64 unchecked;			 /* bytes of these without a checksum */
	const struct restore_lost *lost; /* ascending */
	size_t nr_lost;
};

enum restore_fill {
	RESTORE_FILL_hole,
	RESTORE_FILL_zeros,
	RESTORE_FILL_pattern,
};

/* The text repeated over what could not be read. */
#define RESTORE_PATTERN "[unreadable] "

struct restore {
	struct bch_fs *c;
	struct tree_out *out; /* NULL: nothing is written */
	bool read_data;	      /* without @out: read it all the same */
	unsigned keep;	      /* TREE_KEEP_* */
	u8 fill;	      /* enum restore_fill */
	bool keep_bad;	      /* write what fails its checksum; it is told as lost all the same */
	bool lost;	      /* also inodes without a name, to lost+found */
	u32 subvol;	      /* 0: all, each in subvol-ID */
	const char *const *paths; /* only these subtrees; NULL: all */
	unsigned nr_paths;	  /* at most 64 */

	/* A directory is about to be filled (may be NULL); an object is done. */
	void (*entered)(struct restore *r, const struct restore_obj *obj);
	void (*report)(struct restore *r, const struct restore_obj *obj);
	/* Called often; false stops. May be NULL. */
	bool (*tick)(struct restore *r);
	void *private;

	/* Results: */
	u64 files, dirs, bytes, errors; /* files: all that are no directories; objects amiss */
	u64 unchecked_files, unchecked; /* files with bytes without a checksum; these bytes */
	u64 done;			/* bytes read so far, from any thread */
	u64 paths_found;		/* bits */
	int err;			/* what ended it early */

	struct restore_state *state;
	struct restore_shares *shares; /* NULL: the target makes no clones */
};

/*
 * 0 when the walk came to its end, whatever was found; -EINTR (tick), -ENOSPC and the like of the
 * target, -ENOMEM, or why the subvolume cannot be found.
 */
int restore_run(struct restore *r);

/* What the inode @u says of an object. */
struct tree_meta restore_meta(const struct bch_fs *c, const struct bch_inode_unpacked *u);
/* "file", "dir", "symlink" ... */
const char *restore_type_name(u32 mode);

#endif
