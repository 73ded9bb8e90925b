/* Opening block devices and image files, and transfers without a bio. */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/blkdev.h>
#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/log2.h>
#include "block_io.h"

/* Numbers of <linux/fs.h>, which contradicts <sys/mount.h>. */
#ifndef BLKPBSZGET
#define BLKPBSZGET _IO(0x12, 123)
#endif
#ifndef BLKROTATIONAL
#define BLKROTATIONAL _IO(0x12, 126)
#endif

#define ZERO_CHUNK (64U << 10)

/* Threads that do transfers live while a device is open. */
static struct {
	struct mutex lock;
	int nr;
} open_devices;

static void open_devices_add(int n)
{
	guard(mutex)(&open_devices.lock);
	open_devices.nr += n;
	if (!open_devices.nr) {
		block_pool_stop();
		block_aio_stop();
	}
}

int bdev_update_size(struct block_device *bdev)
{
	struct stat st;
	u64 size;

	if (!bdev->is_file) {
		if (ioctl(bdev->fd, BLKGETSIZE64, &size))
			return -errno;
	} else {
		if (fstat(bdev->fd, &st))
			return -errno;
		size = st.st_size;
	}
	bdev->size = size;
	return 0;
}

static bool block_size_ok(u32 bytes)
{
	return bytes >= SECTOR_SIZE && bytes <= (1U << 20) && is_power_of_2(bytes);
}

static int device_geometry(struct block_device *bdev)
{
	unsigned short rotational = 1;
	int lbs, ro;
	unsigned int pbs;

	if (ioctl(bdev->fd, BLKSSZGET, &lbs) || ioctl(bdev->fd, BLKROGET, &ro))
		return -errno;
	if (ioctl(bdev->fd, BLKPBSZGET, &pbs))
		pbs = lbs;
	if (!block_size_ok(lbs) || !block_size_ok(pbs))
		return -EINVAL;
	ioctl(bdev->fd, BLKROTATIONAL, &rotational);
	bdev->logical_block_size = lbs;
	bdev->physical_block_size = pbs;
	bdev->nonrot = !rotational;
	bdev->read_only |= ro;
	return bdev_update_size(bdev);
}

static int file_geometry(struct block_device *bdev, const struct stat *st)
{
	bdev->logical_block_size = SECTOR_SIZE;
	bdev->physical_block_size = block_size_ok(st->st_blksize) ? st->st_blksize : PAGE_SIZE;
	bdev->nonrot = true;
	return bdev_update_size(bdev);
}

/* A device that may only be read says EACCES to who wants to write; we say what is wrong. */
static int open_errno(const char *path, blk_mode_t mode)
{
	int err = -errno, fd, ro = 0;

	if ((err != -EACCES && err != -EPERM) || !(mode & BLK_OPEN_WRITE))
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err;
	if (!ioctl(fd, BLKROGET, &ro) && ro)
		err = -EROFS;
	close(fd);
	return err;
}

static int open_fd(struct block_device *bdev, const char *path, blk_mode_t mode)
{
	int flags = O_CLOEXEC | (mode & BLK_OPEN_WRITE ? O_RDWR : O_RDONLY);

	if (!bdev->is_file && (mode & BLK_OPEN_EXCL))
		flags |= O_EXCL;
	bdev->direct = !bdev->is_file && !(mode & BLK_OPEN_BUFFERED);
	if (bdev->direct) {
		bdev->fd = open(path, flags | O_DIRECT);
		if (bdev->fd >= 0 || errno != EINVAL)
			return bdev->fd < 0 ? open_errno(path, mode) : 0;
		bdev->direct = false;
	}
	bdev->fd = open(path, flags);
	return bdev->fd < 0 ? open_errno(path, mode) : 0;
}

static int open_device_or_file(struct block_device *bdev, const char *path, blk_mode_t mode)
{
	struct stat st, opened;
	int ret;

	if (stat(path, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return -ENOTBLK;
	bdev->is_file = S_ISREG(st.st_mode);
	bdev->rdev = bdev->is_file ? 0 : st.st_rdev;
	bdev->read_only = !(mode & BLK_OPEN_WRITE);
	ret = open_fd(bdev, path, mode);
	if (ret)
		return ret;
	if (fstat(bdev->fd, &opened))
		return -errno;
	if ((opened.st_mode & S_IFMT) != (st.st_mode & S_IFMT))
		return -ENOTBLK; /* replaced in between */
	if (bdev->is_file && (mode & BLK_OPEN_EXCL) &&
	    flock(bdev->fd, (mode & BLK_OPEN_WRITE ? LOCK_EX : LOCK_SH) | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	ret = bdev->is_file ? file_geometry(bdev, &opened) : device_geometry(bdev);
	return ret ?: bdev->read_only && (mode & BLK_OPEN_WRITE) ? -EROFS : 0;
}

struct block_device *bdev_open(const char *path, blk_mode_t mode)
{
	struct block_device *bdev = kzalloc(sizeof(*bdev), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!bdev)
		return ERR_PTR(ret);
	INIT_LIST_HEAD(&bdev->hooks);
	bdev->fd = -1;
	open_devices_add(1);
	bdev->path = kmemdup(path, strlen(path) + 1, GFP_KERNEL);
	if (bdev->path)
		ret = open_device_or_file(bdev, path, mode);
	if (ret) {
		bdev_close(bdev);
		return ERR_PTR(ret);
	}
	return bdev;
}

void bdev_close(struct block_device *bdev)
{
	if (!bdev)
		return;
	if (bdev->fd >= 0)
		close(bdev->fd);
	kfree(bdev->path);
	kfree(bdev);
	open_devices_add(-1);
}

void block_hook_add(struct block_device *bdev, struct block_hook *hook)
{
	list_add_tail(&hook->list, &bdev->hooks);
}

void block_hook_del(struct block_hook *hook)
{
	list_del(&hook->list);
}

int bdev_rw(struct block_device *bdev, blk_opf_t opf, sector_t sector, void *buf, size_t bytes)
{
	char *p = buf;
	int ret = 0;

	while (bytes && !ret) {
		unsigned int n = min_t(size_t, bytes, BIO_MAX_BYTES);
		struct bio_vec bv;
		struct bio bio;

		bio_init(&bio, bdev, &bv, 1, opf);
		bio.bi_iter.bi_sector = sector;
		bio_add_virt_nofail(&bio, p, n);
		ret = submit_bio_wait(&bio);
		opf &= ~REQ_PREFLUSH;
		sector += n >> SECTOR_SHIFT;
		p += n;
		bytes -= n;
	}
	return ret;
}

int bdev_read(struct block_device *bdev, sector_t sector, void *buf, size_t bytes)
{
	return bdev_rw(bdev, REQ_OP_READ, sector, buf, bytes);
}

int bdev_write(struct block_device *bdev, sector_t sector, const void *buf, size_t bytes)
{
	return bdev_rw(bdev, REQ_OP_WRITE, sector, (void *)buf, bytes);
}

int blkdev_issue_flush(struct block_device *bdev)
{
	struct bio bio;

	bio_init(&bio, bdev, NULL, 0, REQ_OP_FLUSH);
	return submit_bio_wait(&bio);
}

int blkdev_issue_discard(struct block_device *bdev, sector_t sector, sector_t nr_sects, gfp_t gfp)
{
	int ret = 0;

	while (nr_sects && !ret) {
		sector_t n = min_t(sector_t, nr_sects, BIO_MAX_BYTES >> SECTOR_SHIFT);
		struct bio bio;

		bio_init(&bio, bdev, NULL, 0, REQ_OP_DISCARD);
		bio.bi_iter.bi_sector = sector;
		bio.bi_iter.bi_size = n << SECTOR_SHIFT;
		ret = submit_bio_wait(&bio);
		sector += n;
		nr_sects -= n;
	}
	return ret;
}

int blkdev_issue_zeroout(struct block_device *bdev, sector_t sector, sector_t nr_sects, gfp_t gfp,
			 unsigned int flags)
{
	void *zeros = kvzalloc(ZERO_CHUNK, gfp);
	int ret = zeros ? 0 : -ENOMEM;

	while (nr_sects && !ret) {
		sector_t n = min_t(sector_t, nr_sects, ZERO_CHUNK >> SECTOR_SHIFT);

		ret = bdev_write(bdev, sector, zeros, n << SECTOR_SHIFT);
		sector += n;
		nr_sects -= n;
	}
	kvfree(zeros);
	return ret;
}

int block_raw_read(struct block_device *bdev, sector_t sector, void *buf, size_t bytes)
{
	struct bio_vec bv;
	struct bio bio;

	bio_init(&bio, bdev, &bv, 1, REQ_OP_READ);
	bio.bi_iter.bi_sector = sector;
	if (!bio_add_virt(&bio, buf, bytes) || bytes % SECTOR_SIZE ||
	    sector > bdev_nr_sectors(bdev) || bio_sectors(&bio) > bdev_nr_sectors(bdev) - sector)
		return -EINVAL;
	return block_transfer(&bio);
}
