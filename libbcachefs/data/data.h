/* What the files of the read path share; not for other floors. */
#ifndef _BCH_DATA_DATA_H
#define _BCH_DATA_DATA_H

#include <linux/workqueue.h>
#include "data/extents.h"
#include "data/read.h"

struct bch_data {
	struct workqueue_struct *wq;
	struct read_cache *decoded;
	/* Path of an inode for messages; set by the floor that knows. */
	void (*path_to_text)(struct printbuf *out, struct bch_fs *c, u32 snapshot, u64 inum);
	u64 latency_ns[BCH_MAX_DEVS + 1]; /* of reads, average */
};

struct bch_nonce bch_extent_nonce(struct bversion version, const struct extent_crc *crc);
/* Check the crc.compressed_size sectors at @buf as they are on disk. */
int bch_extent_csum_check(struct bch_fs *c, const struct bkey *k, const struct extent_crc *crc,
			  const void *buf);
/* Decipher @bytes that begin @skip sectors into what the crc covers. */
void bch_extent_decrypt(struct bch_fs *c, const struct bkey *k, const struct extent_crc *crc,
			void *buf, u32 skip, size_t bytes);

/* Read from member @dev: 0, -BCH_ERR_device_offline, -EIO and the like. */
int bch_dev_read(struct bch_fs *c, unsigned dev, u64 sector, void *buf, size_t bytes);

#endif
