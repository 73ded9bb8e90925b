/* Operations and results of block I/O, and struct bio. */
#ifndef _BCH_LINUX_BLK_TYPES_H
#define _BCH_LINUX_BLK_TYPES_H

#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/types.h>

struct block_device;
struct bio;

typedef u8 blk_status_t;
typedef u32 blk_opf_t;
typedef unsigned int blk_mode_t;

#define BLK_STS_OK	  ((blk_status_t)0)
#define BLK_STS_NOTSUPP	  ((blk_status_t)1)
#define BLK_STS_TIMEOUT	  ((blk_status_t)2)
#define BLK_STS_NOSPC	  ((blk_status_t)3)
#define BLK_STS_TRANSPORT ((blk_status_t)4)
#define BLK_STS_TARGET	  ((blk_status_t)5)
#define BLK_STS_MEDIUM	  ((blk_status_t)7)
#define BLK_STS_RESOURCE  ((blk_status_t)9)
#define BLK_STS_IOERR	  ((blk_status_t)10)
#define BLK_STS_INVAL	  ((blk_status_t)19)
#define BLK_STS_ROFS	  ((blk_status_t)20) /* the device is read-only or `nochanges` */

int blk_status_to_errno(blk_status_t status);
blk_status_t errno_to_blk_status(int err);
const char *blk_status_to_str(blk_status_t status);

enum req_op {
	REQ_OP_READ    = 0,
	REQ_OP_WRITE   = 1,
	REQ_OP_FLUSH   = 2,
	REQ_OP_DISCARD = 3, /* bi_iter says what; there are no pieces of memory */
};

#define REQ_OP_MASK  0xffU
#define REQ_SYNC     (1U << 11)
#define REQ_META     (1U << 12)
#define REQ_PRIO     (1U << 13)
#define REQ_IDLE     (1U << 15)
#define REQ_FUA	     (1U << 17) /* on stable storage when it ends */
#define REQ_PREFLUSH (1U << 18) /* all writes that ended before are, first */
#define REQ_RAHEAD   (1U << 19)
#define REQ_BACKGROUND (1U << 20)

/* A piece of memory. */
struct bio_vec {
	void *bv_addr;
	unsigned int bv_len;
};

/* Where a bio is: what has been done is advanced over. */
struct bvec_iter {
	sector_t bi_sector;	   /* 512 bytes each */
	unsigned int bi_size;	   /* bytes left */
	unsigned int bi_idx;	   /* of the current vec */
	unsigned int bi_bvec_done; /* bytes of it done */
};

typedef void (bio_end_io_t)(struct bio *bio);

/*
 * One transfer between a contiguous range of a device and pieces of memory. bi_end_io is called
 * once, in any thread, also before submit_bio() returns; it may free the bio. Keep it short: it
 * holds up other completions. bi_iter is then as it was when the bio was submitted.
 */
struct bio {
	struct block_device *bi_bdev;
	blk_opf_t bi_opf; /* enum req_op | REQ_* */
	blk_status_t bi_status;
	bool bi_allocated; /* bio_put() frees it */
	unsigned short bi_vcnt, bi_max_vecs;
	struct bvec_iter bi_iter;
	bio_end_io_t *bi_end_io;
	void *bi_private;
	struct bio_vec *bi_io_vec;
	struct bio *bi_next; /* for whoever owns the bio */
};

static inline enum req_op bio_op(const struct bio *bio)
{
	return bio->bi_opf & REQ_OP_MASK;
}

static inline bool op_is_write(blk_opf_t opf)
{
	return opf & 1;
}

#endif
