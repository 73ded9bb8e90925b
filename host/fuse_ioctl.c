/*
 * The flags, project and generation of a file and the filesystem's label, as the ioctls that all
 * filesystems share tell them (host/fuse_ioctl.h): lsattr, lsproj and xfs_io ask for them.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <sys/ioctl.h>
#include "fs/namei.h"
#include "host/fuse_ioctl.h"
#include "sb/fs.h"
#include "sb/super.h"

struct file_xattr { /* struct fsxattr of linux/fs.h */
	u32 xflags, extsize, nextents, projid, cowextsize;
	u8 pad[8];
};

#define GET_FLAGS      _IOR('f', 1, long)
#define SET_FLAGS      _IOW('f', 2, long)
#define GET_VERSION    _IOR('v', 1, long)
#define SET_VERSION    _IOW('v', 2, long)
#define GET_FILE_XATTR _IOR('X', 31, struct file_xattr)
#define SET_FILE_XATTR _IOW('X', 32, struct file_xattr)
#define GET_LABEL      _IOR(0x94, 49, char[FUSE_IOCTL_REPLY_MAX])
#define SET_LABEL      _IOW(0x94, 50, char[FUSE_IOCTL_REPLY_MAX])

#define FLAG_CASEFOLD	   0x40000000
#define XFLAG_PROJ_INHERIT 0x200

static const struct {
	u32 inode, flag, xflag;
} flags[] = {
	{BCH_INODE_FLAG_sync, 0x8, 0x20},     {BCH_INODE_FLAG_immutable, 0x10, 0x8},
	{BCH_INODE_FLAG_append, 0x20, 0x10},  {BCH_INODE_FLAG_nodump, 0x40, 0x80},
	{BCH_INODE_FLAG_noatime, 0x80, 0x40},
};

static u32 flags_of(const struct bch_fs *c, const struct bch_inode_unpacked *u)
{
	u32 v = bch_dir_is_casefolded(c, u) ? FLAG_CASEFOLD : 0;

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
		if (u->bi_flags & flags[i].inode)
			v |= flags[i].flag;
	return v;
}

static struct file_xattr xattr_of(const struct bch_inode_unpacked *u)
{
	struct file_xattr x = {.projid = u->bi_project ? u->bi_project - 1 : 0};

	for (unsigned i = 0; i < ARRAY_SIZE(flags); i++)
		if (u->bi_flags & flags[i].inode)
			x.xflags |= flags[i].xflag;
	if (u->bi_fields_set & BIT(BCH_INODE_OPT_project))
		x.xflags |= XFLAG_PROJ_INHERIT;
	return x;
}

static int put(void *reply, const void *v, unsigned bytes)
{
	memcpy(reply, v, bytes);
	return bytes;
}

int fuse_ioctl_reply(const struct bch_fs *c, const struct bch_inode_unpacked *u, unsigned cmd,
		     void *reply)
{
	const struct bch_sb *sb = c->sb->sb;
	struct file_xattr x;
	u32 v;

	switch (cmd) {
	case GET_FLAGS:
		v = flags_of(c, u);
		return put(reply, &v, sizeof(v));
	case GET_VERSION:
		v = u->bi_generation;
		return put(reply, &v, sizeof(v));
	case GET_FILE_XATTR:
		x = xattr_of(u);
		return put(reply, &x, sizeof(x));
	case GET_LABEL:
		memset(reply, 0, FUSE_IOCTL_REPLY_MAX);
		put(reply, sb->label, strnlen((const char *)sb->label, sizeof(sb->label)));
		return FUSE_IOCTL_REPLY_MAX;
	case SET_FLAGS:
	case SET_VERSION:
	case SET_FILE_XATTR:
	case SET_LABEL:
		return -EROFS;
	}
	return -ENOTTY;
}
