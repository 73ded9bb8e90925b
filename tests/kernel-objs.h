/*
 * Included first by kernel-objs.sh: headers whose macros must not meet ours, and what our linux/
 * floor has beyond the kernel's.
 */
#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/string.h>

#undef POS /* of fortify-string.h; ours is a position in a btree */

struct block_device;

bool bdev_is_direct(const struct block_device *bdev);
int bdev_read(struct block_device *bdev, sector_t sector, void *buf, size_t bytes);
int bdev_write(struct block_device *bdev, sector_t sector, const void *buf, size_t bytes);
int local_ctime(u64 seconds, char *buf, size_t size);
