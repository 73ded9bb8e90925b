/*
 * Block devices and image files under one interface. Every transfer, by bio or by one of the
 * functions below, takes the same path: checked against the size, `nochanges` and the alignment,
 * shown to the hooks, counted, done. Threads do so for bios while a device is open: a process that
 * forks without exec does it before.
 */
#ifndef _BCH_LINUX_BLKDEV_H
#define _BCH_LINUX_BLKDEV_H

#include <linux/atomic.h>
#include <linux/bio.h>
#include <linux/blk_types.h>
#include <linux/list.h>

#define BLK_OPEN_READ	  (1U << 0)
#define BLK_OPEN_WRITE	  (1U << 1)
/*
 * Nobody else has it open so, nor mounted: O_EXCL on a device; on a file flock(), exclusive when
 * writing, else shared.
 */
#define BLK_OPEN_EXCL	  (1U << 2)
#define BLK_OPEN_BUFFERED (1U << 3) /* through the page cache also on a device */

/* Transfers and bytes since the open. */
struct block_stats {
	atomic64_t reads, writes, flushes, discards;
	atomic64_t bytes_read, bytes_written, bytes_discarded;
	atomic64_t errors;
};

struct block_device {
	char *path;	/* as it was opened */
	u64 size;	/* bytes */
	u32 logical_block_size;	 /* bytes, power of two, at least 512: unit of writes */
	u32 physical_block_size; /* bytes; of a file: st_blksize */
	u64 rdev;	/* st_rdev of a device, 0 of a file */
	bool is_file;
	bool direct;	/* bypasses the page cache */
	bool read_only; /* opened so, or the device is */
	bool nonrot;	/* no seek time */
	bool nochanges;	/* refuse what changes it with -EROFS; set by the owner before I/O */
	int fd;
	struct list_head hooks;
	struct block_stats stats;
};

/* What a hook returns to let a transfer seem done; a read's has filled the memory itself. */
#define BLOCK_HOOK_SWALLOW 1

/*
 * Looks at transfers, and may refuse them. Each function gets the bio before the transfer, in the
 * submitting thread, and returns 0 to let it go on, a negative errno as its result, or
 * BLOCK_HOOK_SWALLOW. read_done gets a successful read's data before its submitter does, and may
 * change it or return an errno. Functions may be NULL, and run in many threads at once; they may
 * do I/O of their own on the device by block_raw_read(). Hooks come and go only while there is no
 * I/O.
 */
struct block_hook {
	struct list_head list;
	int (*read)(struct block_hook *hook, struct bio *bio);
	int (*read_done)(struct block_hook *hook, struct bio *bio);
	int (*write)(struct block_hook *hook, struct bio *bio);
	int (*flush)(struct block_hook *hook, struct bio *bio);
	int (*discard)(struct block_hook *hook, struct bio *bio);
};

void block_hook_add(struct block_device *bdev, struct block_hook *hook);
void block_hook_del(struct block_hook *hook);

/*
 * Open a block device or regular file. ERR_PTR: -EBUSY when exclusive and in use, -EROFS, -ENOTBLK
 * for other files, errors of open(2).
 */
struct block_device *bdev_open(const char *path, blk_mode_t mode);
/* All transfers have ended. NULL is fine. */
void bdev_close(struct block_device *bdev);
/* Ask for the size again, after it was changed. */
int bdev_update_size(struct block_device *bdev);

static inline u64 bdev_nr_bytes(const struct block_device *bdev)
{
	return bdev->size;
}

static inline sector_t bdev_nr_sectors(const struct block_device *bdev)
{
	return bdev->size >> SECTOR_SHIFT;
}

static inline unsigned int bdev_logical_block_size(const struct block_device *bdev)
{
	return bdev->logical_block_size;
}

static inline unsigned int bdev_physical_block_size(const struct block_device *bdev)
{
	return bdev->physical_block_size;
}

static inline bool bdev_read_only(const struct block_device *bdev)
{
	return bdev->read_only;
}

static inline bool bdev_nonrot(const struct block_device *bdev)
{
	return bdev->nonrot;
}

/* Whether transfers bypass the page cache. */
static inline bool bdev_is_direct(const struct block_device *bdev)
{
	return bdev->direct;
}

/* Transfer @bytes at @sector: 0 or a negative errno. */
int bdev_read(struct block_device *bdev, sector_t sector, void *buf, size_t bytes);
int bdev_write(struct block_device *bdev, sector_t sector, const void *buf, size_t bytes);
/* The same with flags of REQ_FUA, REQ_PREFLUSH, REQ_META... */
int bdev_rw(struct block_device *bdev, blk_opf_t opf, sector_t sector, void *buf, size_t bytes);

/* All writes that have ended are on stable storage: 0 or a negative errno. */
int blkdev_issue_flush(struct block_device *bdev);
/* The contents of the range are not needed any more. -EOPNOTSUPP where that is not known. */
int blkdev_issue_discard(struct block_device *bdev, sector_t sector, sector_t nr_sects, gfp_t gfp);
/* Write zeros. */
int blkdev_issue_zeroout(struct block_device *bdev, sector_t sector, sector_t nr_sects, gfp_t gfp,
			 unsigned int flags);

/* Read past hooks and statistics, for hooks: 0 or a negative errno. */
int block_raw_read(struct block_device *bdev, sector_t sector, void *buf, size_t bytes);

#endif
