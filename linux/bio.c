/* Making bios, copying to and from them, and the results of block I/O. */
#include <linux/bio.h>
#include <linux/errno.h>

static const struct {
	int err;
	const char *text;
} blk_errors[] = {
	[BLK_STS_OK] = {0, "OK"},
	[BLK_STS_NOTSUPP] = {-EOPNOTSUPP, "operation not supported"},
	[BLK_STS_TIMEOUT] = {-ETIMEDOUT, "timeout"},
	[BLK_STS_NOSPC] = {-ENOSPC, "critical space allocation"},
	[BLK_STS_TRANSPORT] = {-ENOLINK, "recoverable transport"},
	[BLK_STS_TARGET] = {-EREMOTEIO, "critical target"},
	[BLK_STS_MEDIUM] = {-ENODATA, "critical medium"},
	[BLK_STS_RESOURCE] = {-ENOMEM, "kernel resource"},
	[BLK_STS_IOERR] = {-EIO, "I/O"},
	[BLK_STS_INVAL] = {-EINVAL, "invalid"},
	[BLK_STS_ROFS] = {-EROFS, "read-only device"},
};

static bool status_known(blk_status_t status)
{
	return status < ARRAY_SIZE(blk_errors) && blk_errors[status].text;
}

int blk_status_to_errno(blk_status_t status)
{
	return status_known(status) ? blk_errors[status].err : -EIO;
}

blk_status_t errno_to_blk_status(int err)
{
	for (blk_status_t i = 0; i < ARRAY_SIZE(blk_errors); i++)
		if (status_known(i) && blk_errors[i].err == err)
			return i;
	return BLK_STS_IOERR;
}

const char *blk_status_to_str(blk_status_t status)
{
	return status_known(status) ? blk_errors[status].text : "(unknown)";
}

struct bio *bio_alloc(struct block_device *bdev, unsigned short nr_vecs, blk_opf_t opf, gfp_t gfp)
{
	struct bio *bio = kmalloc(sizeof(*bio) + nr_vecs * sizeof(struct bio_vec), gfp);

	if (!bio)
		return NULL;
	bio_init(bio, bdev, (struct bio_vec *)(bio + 1), nr_vecs, opf);
	bio->bi_allocated = true;
	return bio;
}

void bio_put(struct bio *bio)
{
	if (bio->bi_allocated)
		kfree(bio);
}

bool bio_add_virt(struct bio *bio, void *p, unsigned int len)
{
	struct bio_vec *last = &bio->bi_io_vec[bio->bi_vcnt - 1];

	if (len > BIO_MAX_BYTES - bio->bi_iter.bi_size)
		return false;
	if (bio->bi_vcnt && (char *)last->bv_addr + last->bv_len == p) {
		last->bv_len += len;
	} else {
		if (bio->bi_vcnt == bio->bi_max_vecs)
			return false;
		bio->bi_io_vec[bio->bi_vcnt++] = (struct bio_vec){p, len};
	}
	bio->bi_iter.bi_size += len;
	return true;
}

void memcpy_from_bio(void *dst, const struct bio *bio, struct bvec_iter iter, size_t len)
{
	struct bvec_iter i;
	struct bio_vec bv;
	char *p = dst;

	__bio_for_each_segment(bv, bio, i, iter) {
		size_t n = min_t(size_t, len, bv.bv_len);

		memcpy(p, bv.bv_addr, n);
		p += n;
		len -= n;
		if (!len)
			break;
	}
}

void memcpy_to_bio(const struct bio *bio, struct bvec_iter iter, const void *src, size_t len)
{
	struct bvec_iter i;
	struct bio_vec bv;
	const char *p = src;

	__bio_for_each_segment(bv, bio, i, iter) {
		size_t n = min_t(size_t, len, bv.bv_len);

		memcpy(bv.bv_addr, p, n);
		p += n;
		len -= n;
		if (!len)
			break;
	}
}
