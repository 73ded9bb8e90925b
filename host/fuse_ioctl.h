/* The ioctls that files of a FUSE mount answer (spec 09 section 8.2). */
#ifndef _HOST_FUSE_IOCTL_H
#define _HOST_FUSE_IOCTL_H

#include "fs/inode.h"

struct bch_fs;

#define FUSE_IOCTL_REPLY_MAX 256 /* bytes */

/*
 * What @cmd tells of the file @u into @reply (FUSE_IOCTL_REPLY_MAX bytes): the number of bytes.
 * -EROFS: it would change something; -ENOTTY: not known.
 */
int fuse_ioctl_reply(const struct bch_fs *c, const struct bch_inode_unpacked *u, unsigned cmd,
		     void *reply);

#endif
