/* Devices of a filesystem by its UUID or label (host/discover.h). */
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

	return !copy ? -ENOMEM : darray_push(&list->d, ((struct host_device){.path = copy}));
}

void host_devices_exit(struct host_devices *found)
{
	darray_for_each(found->d, dev)
		free(dev->path);
	darray_exit(&found->d);
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

/* What is looked for; the other is NULL. */
struct wanted {
	const u8 *user_uuid;
	const char *label;
};

/* Is it wanted? Then its UUID is set. */
static bool examine(struct host_device *dev, const struct wanted *wanted)
{
	struct bch_sb_read_args args = {.access = SB_READ, .no_version_check = true};
	struct block_device *bdev = bdev_open(dev->path, BLK_OPEN_READ);
	struct bch_sb_handle sb = {};
	struct printbuf err = PRINTBUF;
	bool found;

	if (IS_ERR(bdev))
		return false;
	found = !bch_sb_read(&sb, bdev, &args, &err) &&
		(wanted->label ? strlen(wanted->label) <= sizeof(sb.sb->label) &&
					 !strncmp((const char *)sb.sb->label, wanted->label,
						  sizeof(sb.sb->label)) :
				 !memcmp(sb.sb->user_uuid, wanted->user_uuid, 16));
	if (found)
		memcpy(dev->user_uuid, sb.sb->user_uuid, 16);
	bch_sb_free(&sb);
	bdev_close(bdev);
	printbuf_exit(&err);
	return found;
}

/* Move to @found what is wanted of the candidates. */
static int take(struct host_devices *found, const struct wanted *wanted,
		int (*candidates)(struct host_devices *list))
{
	struct host_devices all = {};
	int ret = candidates(&all);

	darray_for_each(all.d, dev)
		if (!ret && examine(dev, wanted)) {
			ret = darray_push(&found->d, *dev);
			if (!ret)
				dev->path = NULL;
		}
	host_devices_exit(&all);
	return ret;
}

static int find(const struct wanted *wanted, struct host_devices *found)
{
	int ret = getenv("BCACHEFS_BLOCK_SCAN") ? 0 : take(found, wanted, from_udev);

	/* udev may not run, or not know of them yet. */
	if (!ret && !found->d.nr)
		ret = take(found, wanted, from_partitions);
	return ret;
}

int host_find_devices(const u8 user_uuid[16], struct host_devices *found)
{
	return find(&(struct wanted){.user_uuid = user_uuid}, found);
}

int host_find_labelled(const char *label, struct host_devices *found)
{
	return find(&(struct wanted){.label = label}, found);
}
