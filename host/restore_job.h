/* What the files of restore share (host/restore.c, host/restore_file.c). */
#ifndef _HOST_RESTORE_JOB_H
#define _HOST_RESTORE_JOB_H

#include <linux/completion.h>
#include <linux/workqueue.h>
#include "host/restore.h"

enum restore_job_kind {
	RESTORE_JOB_enter, /* a directory */
	RESTORE_JOB_leave,
	RESTORE_JOB_file,
	RESTORE_JOB_other,
	RESTORE_JOB_link,
};

/* A directory on the way of the walk. */
struct restore_dir {
	struct tree_dir *d;
	u64 wanted; /* of the paths asked for, those that go through here: bits */
	bool full;  /* all below is wanted */
	unsigned depth;
	bool made_up; /* of the target only; else: */
	struct bch_ino ino;
	u32 snapshot;
	int inode_err;	  /* 0: @u is the inode */
	const char *note; /* what is amiss, or NULL */
	struct bch_inode_unpacked u;
};

/* One object on its way. */
struct restore_job {
	struct restore *r;
	struct work_struct work;
	struct completion worked;
	bool queued;
	u8 kind;
	struct restore_dir *dir; /* that it is in; enter and leave: itself */
	char *name;
	struct bch_ino ino;
	u32 snapshot;
	bool has_inode;
	struct bch_inode_unpacked u;
	struct tree_meta meta;
	struct printbuf target;	    /* of a symlink */
	struct restore_link *first; /* of a file with several names */
	int entries_err;	    /* leave: of reading entries */
	int err;		    /* it did not come out */
	bool present;
	u64 seq; /* in the order of the walk */

	/* Of files: */
	DARRAY(struct restore_lost) lost;
	u64 bytes_lost;
	u64 bytes_unchecked;		   /* of data without a checksum, readable or not */
	u8 shared_damage;		   /* enum btree_damage: of extents that it shares */
	struct tree_file *file;		   /* while it is written */
	struct restore_share_file *shares; /* what others may clone from it, or NULL */
	DARRAY(struct tree_range) data;	   /* for streams */
	void *content;			   /* read ahead, for streams */
	size_t content_len;
};

/* Of a file's bytes; returns 0 or a negative error that ends the copy. */
typedef int (*restore_sink)(struct restore_job *job, void *arg, u64 offset, const void *buf,
			    size_t len);

/*
 * Give all data of the file below its size to @sink, ascending; what cannot be read goes to
 * job->lost and, when r->fill or @streams says so, as filling to @sink.
 */
int restore_file_copy(struct restore_job *job, restore_sink sink, void *arg, bool streams);
/* Fill in job->data. 0 or -ENOMEM, -EINTR. */
int restore_file_map(struct restore_job *job);
/* Remember that bytes did not come out. */
void restore_file_lost(struct restore_job *job, u64 start, u64 end, const char *why);

/* Bytes of the reflink btree that the file points to. */
void restore_damage_shared(struct restore_job *job, u64 at, u64 len);
/* At the end: tell what the object may lack. */
void restore_damage(struct restore_job *job);

/* Ask everybody to stop; the first reason stays. */
void restore_stop(struct restore *r, int err);

static inline int restore_stopped(struct restore *r)
{
	return __atomic_load_n(&r->err, __ATOMIC_RELAXED);
}

#endif
