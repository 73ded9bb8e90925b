/*
 * Deleted files, listed or copied out (spec 09 section 15.2): which of them are wanted, and a tree
 * of them at a target. What is found and how good it is comes from fs/undelete.h.
 */
#ifndef _HOST_UNDELETE_H
#define _HOST_UNDELETE_H

#include "fs/undelete.h"
#include "host/restore.h"

struct undelete_obj {
	struct bch_undelete_file *f; /* with its quality */
	const char *path;	     /* without the leading slash; "?/..." when it is not known */
	size_t path_len;
	u64 deleted_seq;       /* when this name went; 0: not known */
	bool is_link;	       /* it has come under another name already */
	struct tree_meta meta; /* its notes tell what is amiss */
	DARRAY(struct restore_lost) lost;
	int err; /* the target's */
};

struct undelete {
	struct bch_undelete d; /* filled in */
	struct tree_out *out;  /* NULL: nothing is written */

	/* What is wanted; nothing: all. */
	const char *const *patterns; /* paths, subtrees, or with *, ? and [] */
	unsigned nr_patterns;
	const u64 *inums;
	unsigned nr_inums;
	s64 since; /* seconds since the epoch; 0: any time */

	/* A file is done. */
	void (*report)(struct undelete *u, const struct undelete_obj *obj);
	/* Called often; false stops. */
	bool (*tick)(struct undelete *u);
	void *private;

	/* Results: names wanted, by quality; bytes that came out; files that the target refused. */
	u64 nr[BCH_UNDELETE_QUALITY_NR], bytes, refused;
	u64 done; /* bytes looked at */
};

/*
 * List or restore all that is wanted, by path. 0; -EINTR (tick); -ENOMEM; -ENOSPC and the like of
 * the target.
 */
int undelete_run(struct undelete *u);

/* Percent of it that could be read. */
unsigned undelete_percent(const struct bch_undelete_file *f);

#endif
