/*
 * Where a tree of files is written to: a directory (host/tree_dir.c) or a tar stream
 * (host/tree_tar.c). The caller gives objects in the order of a walk, directories before what is in
 * them and once more when all of that is done.
 */
#ifndef _HOST_TREE_OUT_H
#define _HOST_TREE_OUT_H

#include <linux/types.h>
#include <time.h>
#include "util/darray.h"
#include "util/printbuf.h"

/* What of an object is recreated besides its content and times. */
enum tree_keep {
	TREE_KEEP_xattr = 1U << 0, /* ACLs, too */
	TREE_KEEP_owner = 1U << 1,
	TREE_KEEP_mode = 1U << 2,
	TREE_KEEP_sparse = 1U << 3,
	TREE_KEEP_hardlinks = 1U << 4,
	TREE_KEEP_symlinks = 1U << 5,
	TREE_KEEP_special = 1U << 6,
	TREE_KEEP_ALL = (1U << 7) - 1,
};

/* What to do about files that are there already. */
enum tree_exists {
	TREE_EXISTS_error,
	TREE_EXISTS_replace,
	TREE_EXISTS_resume, /* keep those of the same size and mtime, replace others */
};

struct tree_xattr {
	size_t name, value; /* where in bytes; the name ends with NUL */
	size_t len;
};

struct tree_xattrs {
	DARRAY(struct tree_xattr) d;
	struct printbuf bytes;
};

struct tree_meta {
	u32 mode; /* with the type */
	u32 uid, gid;
	u32 major, minor; /* of devices */
	u32 nlink;
	u64 size;
	struct timespec atime, mtime, ctime;
	struct tree_xattrs xattrs;
	/* What could not be recreated, in sentences joined by "; ": not fatal. */
	struct printbuf notes;
};

/* A directory of the target; names are escaped. */
struct tree_dir {
	struct tree_dir *parent; /* NULL: the top */
	char *name;
	u32 refs;
	bool may_exist; /* set before it is entered */
	int fd;		/* while it is open; of tree_dir.c */
};

struct tree_range {
	u64 start, end; /* bytes */
};

struct tree_file {
	struct tree_dir *dir;
	const char *name;
	struct tree_meta *meta;
	/* For streams: where there is data, ascending; the rest are holes. */
	DARRAY(struct tree_range) data;
	bool whole; /* set before the end: all of it could be read */
	int fd;	    /* private to the back end */
	u64 done;
	char temp[40];
};

struct tree_out;

/* All return 0 or a negative errno; what they say of single attributes goes to the notes. */
struct tree_ops {
	/*
	 * One stream: all is called in the order of the walk by one thread at a time. Else files,
	 * symlinks and special files come from any thread, while their directory is open.
	 */
	bool in_order;
	/* Is a finished @name of this size and mtime there? */
	bool (*is_there)(struct tree_out *t, struct tree_dir *dir, const char *name,
			 const struct tree_meta *m);
	int (*dir_enter)(struct tree_out *t, struct tree_dir *dir, struct tree_meta *m);
	/* @m NULL: keeps the attributes that it was made with. */
	int (*dir_leave)(struct tree_out *t, struct tree_dir *dir, struct tree_meta *m);
	int (*file_begin)(struct tree_out *t, struct tree_file *f);
	/* Ascending offsets; streams get all of f->data and nothing else. */
	int (*file_write)(struct tree_out *t, struct tree_file *f, u64 offset, const void *buf,
			  size_t len);
	/*
	 * Make bytes from @offset on a clone of those of another file, @len or as many as the
	 * target can: how many. NULL: it cannot.
	 */
	s64 (*file_clone)(struct tree_out *t, struct tree_file *f, u64 offset,
			  struct tree_dir *src_dir, const char *src_name, u64 src_offset, u64 len);
	int (*file_end)(struct tree_out *t, struct tree_file *f);
	void (*file_abort)(struct tree_out *t, struct tree_file *f);
	/* @target: of symlinks. -EOPNOTSUPP: the target cannot hold the type. */
	int (*other)(struct tree_out *t, struct tree_dir *dir, const char *name,
		     struct tree_meta *m, const char *target);
	int (*link)(struct tree_out *t, struct tree_dir *dir, const char *name,
		    struct tree_dir *first_dir, const char *first_name, struct tree_meta *m);
	/* All is done. */
	int (*finish)(struct tree_out *t);
	void (*free)(struct tree_out *t);
};

struct tree_out {
	const struct tree_ops *ops;
	unsigned keep; /* TREE_KEEP_* */
	u8 exists;     /* enum tree_exists */
};

/*
 * Below directory @path, which is made if it is not there, and nowhere else: no symlink is
 * followed. ERR_PTR after a sentence in @err.
 */
struct tree_out *tree_dir_open(const char *path, unsigned keep, enum tree_exists exists,
			       struct printbuf *err);

/*
 * A tar stream to @fd. Sockets cannot be in it, and what is not whole keeps its time. NULL without
 * memory.
 */
struct tree_out *tree_tar_open(int fd, unsigned keep);

/* A directory with one reference, which holds one of @parent; NULL without memory. */
struct tree_dir *tree_dir_new(struct tree_dir *parent, const char *name);
struct tree_dir *tree_dir_ref(struct tree_dir *d);
void tree_dir_put(struct tree_dir *d);
/* "a/b/NAME"; @name NULL: the directory itself, the top is "". */
void tree_path_to_text(struct printbuf *out, const struct tree_dir *d, const char *name);

/*
 * A stored name as the name of a file: "." and "..", '/' and NUL are escaped as %XX, the empty name
 * is "%00". To be freed; NULL without memory.
 */
char *tree_name(const char *name, size_t len);

/* Add to m->notes. */
void tree_note(struct tree_meta *m, const char *fmt, ...) __printf(2, 3);
void tree_meta_exit(struct tree_meta *m);

#endif
