/*
 * A filesystem shown through FUSE, read-only (spec 09 section 7.5). Built without libfuse3 the
 * functions say so.
 */
#ifndef _HOST_FUSE_SESSION_H
#define _HOST_FUSE_SESSION_H

#include "fs/namei.h"

struct host_fuse_args {
	struct bch_fs *c;	/* ready for reading (bch_fs_start_reading()) */
	struct bch_ino root;	/* directory that the mount point shows */
	const char *mountpoint; /* absolute */
	const char *fuse_opts;	/* for libfuse, comma separated */
	bool debug, single_thread;
	/* Called once, when the mount is there; before any operation is served. */
	void (*mounted)(void *arg);
	void *arg;
};

/* "3.14.0", or NULL: built without. */
const char *host_fuse_version(void);

/* Mount and serve until it is unmounted or SIGTERM, SIGINT, SIGHUP come. 0 or a negative errno. */
int host_fuse_run(const struct host_fuse_args *args);

#endif
