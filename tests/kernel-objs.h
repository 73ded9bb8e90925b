/*
 * Included first by kernel-objs.sh: headers whose macros must not meet ours, and what our linux/
 * floor has beyond the kernel's.
 */
#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/string.h>

#undef POS /* of fortify-string.h; ours is a position in a btree */

int local_ctime(u64 seconds, char *buf, size_t size);
