/* Devices of a filesystem by its UUID (host/discover.h). */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <libudev.h>
#include <stdio.h>
#include <stdlib.h>
#include "host/discover.h"
#include "sb/super.h"

static int add(struct host_devices *list, const char *path)
{
	char *copy = strdup(path);

	return !copy ? -ENOMEM : darray_push(&list->paths, copy);
}

void host_devices_exit(struct host_devices *found)
{
	darray_for_each(found->paths, path)
		free(*path);
	darray_exit(&found->paths);
}

/* Block devices that udev takes for a bcachefs. */
static int from_udev(struct host_devices *list)
{
	struct udev *udev = udev_new();
	struct udev_enumerate *e = udev ? udev_enumerate_new(udev) : NULL;
	struct udev_list_entry *entry;
	int ret = 0;

	if (e) {
		udev_enumerate_add_match_subsystem(e, "block");
		udev_enumerate_add_match_property(e, "ID_FS_TYPE", "bcachefs");
		udev_enumerate_scan_devices(e);
		udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(e))
		{
			const char *name = udev_list_entry_get_name(entry);
			struct udev_device *dev = udev_device_new_from_syspath(udev, name);
			const char *node = dev ? udev_device_get_devnode(dev) : NULL;

			ret = ret ?: node ? add(list, node) : 0;
			udev_device_unref(dev);
		}
	}
	udev_enumerate_unref(e);
	udev_unref(udev);
	return ret;
}

static int from_partitions(struct host_devices *list)
{
	FILE *f = fopen("/proc/partitions", "re");
	char line[256], name[128], path[160];
	int ret = 0;

	while (f && !ret && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*u %*u %*u %127s", name) == 1) {
			snprintf(path, sizeof(path), "/dev/%s", name);
			ret = add(list, path);
		}
	if (f)
		fclose(f);
	return ret;
}

static bool has_uuid(const char *path, const u8 user_uuid[16])
{
	struct bch_sb_read_args args = {.access = SB_READ, .no_version_check = true};
	struct block_device *bdev = bdev_open(path, BLK_OPEN_READ);
	struct bch_sb_handle sb = {};
	struct printbuf err = PRINTBUF;
	bool found;

	if (IS_ERR(bdev))
		return false;
	found = !bch_sb_read(&sb, bdev, &args, &err) && !memcmp(sb.sb->user_uuid, user_uuid, 16);
	bch_sb_free(&sb);
	bdev_close(bdev);
	printbuf_exit(&err);
	return found;
}

/* Add to @found what of the candidates has the UUID. */
static int take(struct host_devices *found, const u8 user_uuid[16],
		int (*candidates)(struct host_devices *list))
{
	struct host_devices all = {};
	int ret = candidates(&all);

	darray_for_each(all.paths, path)
		if (!ret && has_uuid(*path, user_uuid))
			ret = add(found, *path);
	host_devices_exit(&all);
	return ret;
}

int host_find_devices(const u8 user_uuid[16], struct host_devices *found)
{
	int ret = getenv("BCACHEFS_BLOCK_SCAN") ? 0 : take(found, user_uuid, from_udev);

	/* udev may not run, or not know of them yet. */
	if (!ret && !found->paths.nr)
		ret = take(found, user_uuid, from_partitions);
	return ret;
}
