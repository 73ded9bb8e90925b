/*
 * The request of statx(2), which libfuse does not know before 3.17: it alone tells the time of
 * birth. Kernels send it from 6.6 on.
 */
#ifndef _HOST_FUSE_STATX_H
#define _HOST_FUSE_STATX_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/stat.h>

/* Is the request such a one? *@nodeid is the inode it asks about. */
bool fuse_is_statx(const void *request, size_t len, u64 *nodeid);
/* Answer it on the session's @fd; what is told is valid for @valid seconds. */
void fuse_statx_reply(int fd, const void *request, const struct stat *st, struct timespec birth,
		      unsigned valid);

#endif
