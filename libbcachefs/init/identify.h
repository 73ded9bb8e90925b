/*
 * Devices that have lost their superblocks: which members they were (spec 09 section 15.1).
 */
#ifndef _BCH_INIT_IDENTIFY_H
#define _BCH_INIT_IDENTIFY_H

#include "sb/fs.h"
#include "sb/super.h"

/*
 * Match @nr devices with the missing members of @c, whose journal has been read: by btree nodes
 * that lie where pointers say, then by checksums of data, and the last one by its size. slots[i]:
 * of device i, or -1. What is read on the way is not told. 0 or -ENOMEM.
 */
int bch_identify_devices(struct bch_fs *c, struct block_device *const *bdevs, unsigned nr,
			 int *slots);

/*
 * A superblock for @bdev as member @slot: the filesystem's, with the journal buckets that are found
 * on the device. 0 or a negative error.
 */
int bch_identify_make_sb(struct bch_fs *c, struct block_device *bdev, unsigned slot,
			 struct bch_sb_handle *h);

#endif
