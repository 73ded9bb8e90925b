/*
 * The one path of all transfers: block_begin() checks them and shows them to the hooks,
 * block_transfer() does them in the calling thread, block_finish() counts them and tells the
 * submitter. The threads of block_pool.c and the kernel, by block_aio.c, are other places to do
 * them.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/blkdev.h>
#include <linux/errno.h>
#include <linux/falloc.h>
#include <linux/sched.h>
#include "block_io.h"

#ifndef BLKDISCARD
#define BLKDISCARD _IO(0x12, 119) /* of <linux/fs.h>, which contradicts <sys/mount.h> */
#endif

#ifndef RWF_DSYNC
#define RWF_DSYNC 2
#endif

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

#define IOV_BATCH    64		/* pieces of memory a system call */
#define BOUNCE_BYTES (1U << 20) /* at a time; a multiple of every logical block */

static bool bio_is_flush(const struct bio *bio)
{
	return bio_op(bio) == REQ_OP_FLUSH ||
	       (bio_op(bio) == REQ_OP_WRITE && !bio->bi_iter.bi_size);
}

/* 0 or the errno of a transfer that the device cannot do. */
static int block_check(const struct bio *bio)
{
	const struct block_device *bdev = bio->bi_bdev;
	const struct bvec_iter *it = &bio->bi_iter;

	if (bio_op(bio) > REQ_OP_DISCARD)
		return -EOPNOTSUPP;
	if (bio_op(bio) != REQ_OP_READ && !bio_is_flush(bio)) {
		u32 mask = bdev->direct ? bdev->logical_block_size - 1 : SECTOR_SIZE - 1;

		if (bdev->nochanges || bdev->read_only)
			return -EROFS;
		if (((it->bi_sector << SECTOR_SHIFT) | it->bi_size) & mask)
			return -EINVAL;
	}
	if (it->bi_size % SECTOR_SIZE || it->bi_sector > bdev_nr_sectors(bdev) ||
	    bio_sectors(bio) > bdev_nr_sectors(bdev) - it->bi_sector)
		return -EINVAL;
	return 0;
}

typedef int (*block_hook_fn)(struct block_hook *hook, struct bio *bio);

static block_hook_fn hook_for(const struct block_hook *h, const struct bio *bio)
{
	if (bio_is_flush(bio))
		return h->flush;
	if (bio_op(bio) == REQ_OP_READ)
		return h->read;
	return bio_op(bio) == REQ_OP_WRITE ? h->write : h->discard;
}

static int block_show_hooks(struct bio *bio)
{
	struct block_hook *h;
	int ret = 0;

	list_for_each_entry(h, &bio->bi_bdev->hooks, list) {
		block_hook_fn fn = hook_for(h, bio);

		ret = fn ? fn(h, bio) : 0;
		if (ret)
			break;
	}
	return ret;
}

/* 0: go on; else it is over, with a negative errno or BLOCK_HOOK_SWALLOW. */
static int block_begin(struct bio *bio)
{
	return block_check(bio) ?: block_show_hooks(bio);
}

static void block_count(struct bio *bio)
{
	struct block_stats *s = &bio->bi_bdev->stats;
	u32 bytes = bio->bi_iter.bi_size;

	if (bio_is_flush(bio)) {
		atomic64_inc(&s->flushes);
	} else if (bio_op(bio) == REQ_OP_READ) {
		atomic64_inc(&s->reads);
		atomic64_add(bytes, &s->bytes_read);
	} else if (bio_op(bio) == REQ_OP_WRITE) {
		atomic64_inc(&s->writes);
		atomic64_add(bytes, &s->bytes_written);
	} else {
		atomic64_inc(&s->discards);
		atomic64_add(bytes, &s->bytes_discarded);
	}
}

static int block_end(struct bio *bio, int err)
{
	struct block_hook *h;

	if (err == BLOCK_HOOK_SWALLOW)
		err = 0;
	if (!err && bio_op(bio) == REQ_OP_READ)
		list_for_each_entry(h, &bio->bi_bdev->hooks, list) {
			err = h->read_done ? h->read_done(h, bio) : 0;
			if (err)
				break;
		}
	if (err)
		atomic64_inc(&bio->bi_bdev->stats.errors);
	else
		block_count(bio);
	bio->bi_status = errno_to_blk_status(err);
	return err;
}

void block_finish(struct bio *bio, int err)
{
	block_end(bio, err);
	bio_endio(bio);
}

static int block_flush(struct block_device *bdev)
{
	if (bdev->nochanges)
		return 0;
	return fdatasync(bdev->fd) ? -errno : 0;
}

static int block_discard(struct bio *bio)
{
	u64 range[2] = {bio->bi_iter.bi_sector << SECTOR_SHIFT, bio->bi_iter.bi_size};
	int fd = bio->bi_bdev->fd, ret;

	if (!range[1])
		return 0;
	if (bio->bi_bdev->is_file)
		ret = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range[0], range[1]);
	else
		ret = ioctl(fd, BLKDISCARD, range);
	return ret ? -errno : 0;
}

/* preadv2() and pwritev2() by @nr_call, which not every C library has; bytes, or -1 and errno. */
static ssize_t vectored_flags(long nr_call, int fd, const struct iovec *iov, int nr, u64 pos,
			      int flags)
{
	return syscall(nr_call, fd, iov, (long)nr, (long)pos,
		       (long)(pos >> (BITS_PER_LONG / 2) >> (BITS_PER_LONG / 2)), flags);
}

/* What of the read is in the page cache, and else whoever wants to know is told of the sleep. */
static ssize_t read_cached(struct bio *bio, const struct iovec *iov, int nr, u64 pos)
{
	ssize_t n = 0;

	if (!bio->bi_bdev->direct && current->will_sleep)
		n = vectored_flags(SYS_preadv2, bio->bi_bdev->fd, iov, nr, pos, RWF_NOWAIT);
	if (n <= 0)
		task_will_sleep();
	return n;
}

/* A negative errno or bytes. */
static ssize_t vectored(struct bio *bio, const struct iovec *iov, int nr, u64 pos)
{
	bool write = bio_op(bio) == REQ_OP_WRITE;
	int flags = write && (bio->bi_opf & REQ_FUA) ? RWF_DSYNC : 0;
	int fd = bio->bi_bdev->fd;
	ssize_t n = write ? 0 : read_cached(bio, iov, nr, pos);

	if (n > 0)
		return n;
	do {
		if (flags)
			n = vectored_flags(SYS_pwritev2, fd, iov, nr, pos, flags);
		else
			n = write ? pwritev(fd, iov, nr, pos) : preadv(fd, iov, nr, pos);
		if (n < 0 && flags && (errno == EOPNOTSUPP || errno == ENOSYS)) {
			n = pwritev(fd, iov, nr, pos);
			if (n >= 0 && fdatasync(fd))
				n = -1;
		}
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Move @bio's bytes between its memory and the device, in as many calls as it takes. */
static int transfer_pieces(struct bio *bio)
{
	struct bvec_iter iter = bio->bi_iter;
	u64 pos = iter.bi_sector << SECTOR_SHIFT;

	while (iter.bi_size) {
		struct iovec iov[IOV_BATCH];
		struct bvec_iter i;
		struct bio_vec bv;
		ssize_t n;
		int nr = 0;

		__bio_for_each_segment(bv, bio, i, iter) {
			iov[nr++] = (struct iovec){bv.bv_addr, bv.bv_len};
			if (nr == IOV_BATCH)
				break;
		}
		n = vectored(bio, iov, nr, pos);
		if (n <= 0)
			return n ? n : -EIO; /* nothing at all: past the end */
		pos += n;
		bio_advance_iter(bio, &iter, n);
	}
	return 0;
}

static bool bio_memory_aligned(const struct bio *bio, u32 mask)
{
	struct bvec_iter i;
	struct bio_vec bv;

	bio_for_each_segment(bv, bio, i)
		if (((unsigned long)bv.bv_addr | bv.bv_len) & mask)
			return false;
	return true;
}

static bool bio_is_aligned(const struct bio *bio)
{
	u32 mask = bio->bi_bdev->logical_block_size - 1;

	return !bio->bi_bdev->direct ||
	       (!(((bio->bi_iter.bi_sector << SECTOR_SHIFT) | bio->bi_iter.bi_size) & mask) &&
		bio_memory_aligned(bio, mask));
}

bool block_bio_is_plain(const struct bio *bio)
{
	return bio_op(bio) <= REQ_OP_WRITE && bio->bi_iter.bi_size &&
	       !(bio->bi_opf & REQ_PREFLUSH) && bio_is_aligned(bio);
}

/* The part of the transfer at @iter, through memory of whole logical blocks at @buf. */
static int bounce_piece(struct bio *bio, struct bvec_iter iter, u32 bytes, void *buf)
{
	u32 block = bio->bi_bdev->logical_block_size;
	u64 pos = iter.bi_sector << SECTOR_SHIFT;
	u64 start = round_down(pos, block), end = round_up(pos + bytes, block);
	struct bio_vec bv = {buf, end - start};
	struct bio b;
	int ret;

	if (bio_op(bio) == REQ_OP_WRITE)
		memcpy_from_bio(buf, bio, iter, bytes);
	bio_init(&b, bio->bi_bdev, &bv, 1, bio->bi_opf);
	b.bi_iter.bi_sector = start >> SECTOR_SHIFT;
	b.bi_iter.bi_size = end - start;
	ret = transfer_pieces(&b);
	if (!ret && bio_op(bio) == REQ_OP_READ)
		memcpy_to_bio(bio, iter, (char *)buf + (pos - start), bytes);
	return ret;
}

static int transfer_bounced(struct bio *bio)
{
	u32 block = bio->bi_bdev->logical_block_size;
	struct bvec_iter iter = bio->bi_iter;
	int ret = 0;
	void *buf;

	if (posix_memalign(&buf, max_t(size_t, block, PAGE_SIZE),
			   min(iter.bi_size, BOUNCE_BYTES) + 2 * block))
		return -ENOMEM;
	while (iter.bi_size && !ret) {
		u32 n = min(iter.bi_size, BOUNCE_BYTES);

		ret = bounce_piece(bio, iter, n, buf);
		bio_advance_iter(bio, &iter, n);
	}
	free(buf);
	return ret;
}

int block_transfer(struct bio *bio)
{
	int ret = 0;

	if (bio_op(bio) == REQ_OP_DISCARD)
		return block_discard(bio);
	if (bio_is_flush(bio))
		return block_flush(bio->bi_bdev);
	if (bio->bi_opf & REQ_PREFLUSH)
		ret = block_flush(bio->bi_bdev);
	if (ret)
		return ret;
	return bio_is_aligned(bio) ? transfer_pieces(bio) : transfer_bounced(bio);
}

void submit_bio(struct bio *bio)
{
	int ret = block_begin(bio);

	if (ret)
		block_finish(bio, ret);
	else if (!bio->bi_bdev->direct || !block_bio_is_plain(bio) || !block_aio_submit(bio))
		block_pool_submit(bio);
}

int submit_bio_wait(struct bio *bio)
{
	return block_end(bio, block_begin(bio) ?: block_transfer(bio));
}
