/* Declarations that our linux/ floor has beyond the kernel's; included first by kernel-objs.sh. */
#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/errno.h>

int local_ctime(u64 seconds, char *buf, size_t size);
