/* The kernel's request for statx(2), as it is on the wire (host/fuse_statx.h). */
#include <errno.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "host/fuse_statx.h"

#define OPCODE_STATX 52
#define MASK_BASIC   0x7ff /* STATX_BASIC_STATS */
#define MASK_BIRTH   0x800

struct request_head {
	u32 len, opcode;
	u64 unique, nodeid;
	u32 uid, gid, pid;
	u16 extensions, pad;
};

struct wire_time {
	s64 sec;
	u32 nsec, pad;
};

struct statx_reply {
	u32 len;
	s32 error;
	u64 unique;
	u64 valid; /* seconds */
	u32 valid_nsec, flags;
	u64 spare[2];
	u32 mask, blksize;
	u64 attributes;
	u32 nlink, uid, gid;
	u16 mode, pad;
	u64 ino, size, blocks, attributes_mask;
	struct wire_time atime, btime, ctime, mtime;
	u32 rdev_major, rdev_minor, dev_major, dev_minor;
	u64 more[14];
};

_Static_assert(sizeof(struct request_head) == 40, "request_head");
_Static_assert(sizeof(struct statx_reply) == 16 + 32 + 256, "statx_reply");

bool fuse_is_statx(const void *request, size_t len, u64 *nodeid)
{
	const struct request_head *r = request;

	if (len < sizeof(*r) || r->opcode != OPCODE_STATX)
		return false;
	*nodeid = r->nodeid;
	return true;
}

static struct wire_time wire_time(struct timespec t)
{
	return (struct wire_time){.sec = t.tv_sec, .nsec = t.tv_nsec};
}

void fuse_statx_reply(int fd, const void *request, const struct stat *st, struct timespec birth,
		      unsigned valid)
{
	const struct request_head *r = request;
	struct statx_reply reply = {
		.len = sizeof(reply),
		.unique = r->unique,
		.valid = valid,
		.mask = MASK_BASIC | MASK_BIRTH,
		.blksize = st->st_blksize,
		.nlink = st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mode = st->st_mode,
		.ino = st->st_ino,
		.size = st->st_size,
		.blocks = st->st_blocks,
		.atime = wire_time(st->st_atim),
		.btime = wire_time(birth),
		.ctime = wire_time(st->st_ctim),
		.mtime = wire_time(st->st_mtim),
		.rdev_major = major(st->st_rdev),
		.rdev_minor = minor(st->st_rdev),
	};

	/* Whoever asked may have gone; that is all that can go wrong. */
	while (write(fd, &reply, sizeof(reply)) < 0 && errno == EINTR)
		;
}
