/*
 * Which bytes of indirect extents are already in a restored file, so that the next file that shares
 * them becomes a clone of it.
 */
#ifndef _HOST_RESTORE_SHARE_H
#define _HOST_RESTORE_SHARE_H

#include "host/restore_job.h"

/* Where shared bytes are in the target. */
struct restore_shared_at {
	struct tree_dir *dir; /* the caller has a reference */
	char *name;	      /* to be freed */
	u64 offset;	      /* in the file */
	u64 len;	      /* bytes, at most as many as asked for; 0: nowhere */
};

struct restore_shares *restore_shares_new(void);
void restore_shares_free(struct restore_shares *s);

/*
 * @job needs bytes [@at, @at + @len) of the reflink btree at @offset of its file. If an earlier job
 * is about to write them, wait for it. Else @job is the one that writes them. 0 or -ENOMEM.
 */
int restore_share_find(struct restore_shares *s, struct restore_job *job, u64 at, u64 len,
		       u64 offset, struct restore_shared_at *found);
/* The file of @job has its name; @whole: and all of its data. */
void restore_share_done(struct restore_shares *s, struct restore_job *job, bool whole);

#endif
