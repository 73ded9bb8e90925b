/* What the files of block I/O share with each other. */
#ifndef _BCH_LINUX_BLOCK_IO_H
#define _BCH_LINUX_BLOCK_IO_H

#include <linux/blkdev.h>

/* Do the transfer in this thread, no checks, no hooks: 0 or a negative errno. */
int block_transfer(struct bio *bio);
/* The transfer is over with @err: hooks, statistics, bi_end_io. */
void block_finish(struct bio *bio, int err);
/* @bio can go to the device as it is, without bounce buffer and flush. */
bool block_bio_is_plain(const struct bio *bio);

/* Have threads do the transfer and finish it. */
void block_pool_submit(struct bio *bio);
/* Have the kernel do a plain transfer of a direct device; false: it does not take it now. */
bool block_aio_submit(struct bio *bio);

/* End the threads; there are no transfers. */
void block_pool_stop(void);
void block_aio_stop(void);

#endif
