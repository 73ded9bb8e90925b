/* Making and walking bios. */
#ifndef _BCH_LINUX_BIO_H
#define _BCH_LINUX_BIO_H

#include <linux/blk_types.h>
#include <linux/slab.h>
#include <linux/string.h>

#define BIO_MAX_VECS 256U
#define BIO_MAX_BYTES (1U << 30)

#define bio_sectors(bio)    ((bio)->bi_iter.bi_size >> SECTOR_SHIFT)
#define bio_end_sector(bio) ((bio)->bi_iter.bi_sector + bio_sectors(bio))

/* Set up a bio in memory of the caller's, with room for @max_vecs at @table. */
static inline void bio_init(struct bio *bio, struct block_device *bdev, struct bio_vec *table,
			    unsigned short max_vecs, blk_opf_t opf)
{
	*bio = (struct bio){
		.bi_bdev = bdev,
		.bi_opf = opf,
		.bi_max_vecs = max_vecs,
		.bi_io_vec = table,
	};
}

/* Back to what bio_init() made, for another transfer. */
static inline void bio_reset(struct bio *bio, struct block_device *bdev, blk_opf_t opf)
{
	bool allocated = bio->bi_allocated;

	bio_init(bio, bdev, bio->bi_io_vec, bio->bi_max_vecs, opf);
	bio->bi_allocated = allocated;
}

/* NULL without memory; bio_put() frees it. */
struct bio *bio_alloc(struct block_device *bdev, unsigned short nr_vecs, blk_opf_t opf, gfp_t gfp);
void bio_put(struct bio *bio);

static inline void bio_set_dev(struct bio *bio, struct block_device *bdev)
{
	bio->bi_bdev = bdev;
}

/* Append @len bytes at @p, joined to the last piece when they follow it; false: no room. */
bool bio_add_virt(struct bio *bio, void *p, unsigned int len);

static inline void bio_add_virt_nofail(struct bio *bio, void *p, unsigned int len)
{
	if (!bio_add_virt(bio, p, len))
		abort();
}

/* The piece that @iter is at. */
static inline struct bio_vec bio_iter_iovec(const struct bio *bio, struct bvec_iter iter)
{
	const struct bio_vec *bv = &bio->bi_io_vec[iter.bi_idx];

	return (struct bio_vec){
		(char *)bv->bv_addr + iter.bi_bvec_done,
		min(bv->bv_len - iter.bi_bvec_done, iter.bi_size),
	};
}

/* Step over @bytes, at most bi_size. */
static inline void bio_advance_iter(const struct bio *bio, struct bvec_iter *iter,
				    unsigned int bytes)
{
	iter->bi_sector += bytes >> SECTOR_SHIFT;
	iter->bi_size -= bytes;
	bytes += iter->bi_bvec_done;
	while (bytes && bytes >= bio->bi_io_vec[iter->bi_idx].bv_len)
		bytes -= bio->bi_io_vec[iter->bi_idx++].bv_len;
	iter->bi_bvec_done = bytes;
}

static inline void bio_advance(struct bio *bio, unsigned int bytes)
{
	bio_advance_iter(bio, &bio->bi_iter, bytes);
}

#define __bio_for_each_segment(bvec, bio, iter, start)					\
	for ((iter) = (start); (iter).bi_size && ((bvec) = bio_iter_iovec(bio, iter), 1);	\
	     bio_advance_iter(bio, &(iter), (bvec).bv_len))

#define bio_for_each_segment(bvec, bio, iter)						\
	__bio_for_each_segment(bvec, bio, iter, (bio)->bi_iter)

/* Copy between a linear buffer and the pieces from @iter on: min(@len, bi_size) bytes. */
void memcpy_from_bio(void *dst, const struct bio *bio, struct bvec_iter iter, size_t len);
void memcpy_to_bio(const struct bio *bio, struct bvec_iter iter, const void *src, size_t len);

/* The transfer is over: call bi_end_io. */
static inline void bio_endio(struct bio *bio)
{
	if (bio->bi_end_io)
		bio->bi_end_io(bio);
}

static inline void bio_io_error(struct bio *bio)
{
	bio->bi_status = BLK_STS_IOERR;
	bio_endio(bio);
}

/* Start the transfer; see struct bio. Errors come in bi_status. */
void submit_bio(struct bio *bio);
/* Wait for its end: 0 or a negative errno. bi_end_io is not called. */
int submit_bio_wait(struct bio *bio);

#endif
