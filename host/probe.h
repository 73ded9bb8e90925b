/*
 * What is on a device, and who uses it: asked before anything is overwritten.
 */
#ifndef _HOST_PROBE_H
#define _HOST_PROBE_H

#include "util/printbuf.h"

/*
 * Append a line ("PATH contains a ext4 filesystem labelled 'L'") for each filesystem, RAID or LVM
 * member, swap area and partition table found. @fd is open for reading. How many, or a negative
 * errno.
 */
int host_probe(int fd, const char *path, struct printbuf *found);

/*
 * Overwrite the signatures of all that host_probe() finds; of a bcachefs also its backup
 * superblocks. @fd is open for writing. 0 or a negative errno.
 */
int host_wipe(int fd);

/*
 * Is the device or file in use: mounted, swapped to, part of another device, behind a loop device?
 * Then a sentence ("PATH is mounted on /mnt") is appended to @why. What this misses, opening with
 * O_EXCL still finds.
 */
bool host_in_use(const char *path, struct printbuf *why);
/* The same, but for our own mounts through FUSE, which only read. */
bool host_may_be_written(const char *path, struct printbuf *why);
/*
 * The same, but for the kernel's mounts that the same filesystem may be mounted beside: by Linux
 * 6.12 a second one with the other state, read-only or not, stops the first one's threads.
 */
bool host_in_use_for_mount(const char *path, bool ro, struct printbuf *why);

#endif
