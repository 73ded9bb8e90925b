/* Opening all members of an unmounted filesystem, to change their superblocks. */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <string.h>
#include "cli/offline.h"
#include "host/probe.h"

void cli_offline_close(struct cli_offline *o)
{
	if (!o)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(o->c.devs); i++)
		kfree(o->c.devs[i]);
	for (unsigned i = 0; i < o->nr; i++) {
		bch_sb_free(&o->sbs[i]);
		bdev_close(o->bdevs[i]);
	}
	bch_sb_free(&o->shared);
	kfree(o);
}

static int open_device(struct cli_offline *o, unsigned i)
{
	struct bch_sb_read_args args = {.access = SB_WRITE};
	struct printbuf err = PRINTBUF;
	struct block_device *bdev;
	int ret;

	if (host_in_use(o->paths[i], &err)) {
		cli_error(o->cmd, "%s", printbuf_str(&err));
		printbuf_exit(&err);
		return -EBUSY;
	}
	bdev = bdev_open(o->paths[i], BLK_OPEN_READ | BLK_OPEN_WRITE | BLK_OPEN_EXCL);
	ret = PTR_ERR_OR_ZERO(bdev);
	if (ret) {
		prt_str(&err, strerror(-ret));
	} else {
		o->bdevs[i] = bdev;
		ret = bch_sb_read(&o->sbs[i], bdev, &args, &err) ?:
			      bch_sb_may_write(o->sbs[i].sb, &err);
	}
	if (ret)
		cli_error(o->cmd, "Error opening %s: %s", o->paths[i], printbuf_str(&err));
	printbuf_exit(&err);
	return ret;
}

/* Index of the device with the newest superblock; all others must belong to it. */
static int choose(struct cli_offline *o)
{
	struct bch_sb_handle *handles[BCH_MAX_DEVS];
	struct printbuf notes = PRINTBUF;
	int errs[BCH_MAX_DEVS] = {}, best;

	for (unsigned i = 0; i < o->nr; i++)
		handles[i] = &o->sbs[i];
	best = bch_sb_choose(handles, o->paths, o->nr, false, errs, &notes);
	if (notes.pos)
		fputs(printbuf_str(&notes), stderr);
	printbuf_exit(&notes);
	if (best < 0)
		cli_error(o->cmd, "the devices are not one filesystem: %s", bch_err_str(best));
	for (unsigned i = 0; best >= 0 && i < o->nr; i++)
		if (errs[i]) {
			cli_error(o->cmd, "%s cannot be used with %s: %s", o->paths[i],
				  o->paths[best], bch_err_str(errs[i]));
			return errs[i];
		}
	return best;
}

static int attach(struct cli_offline *o)
{
	for (unsigned i = 0; i < o->nr; i++) {
		struct bch_dev *ca = bch_dev(&o->c, o->sbs[i].sb->dev_idx);

		if (!ca || ca->bdev) {
			cli_error(o->cmd, "%s is no member of the filesystem, or given twice",
				  o->paths[i]);
			return -EINVAL;
		}
		ca->bdev = o->bdevs[i];
		ca->sb = &o->sbs[i];
		ca->name = o->paths[i];
	}
	return 0;
}

static int require_all(struct cli_offline *o)
{
	struct printbuf missing = PRINTBUF;
	unsigned nr = 0;

	for (unsigned i = 0; i < o->c.nr_devices; i++) {
		const struct bch_dev *ca = bch_dev(&o->c, i);

		if (!ca || ca->bdev)
			continue;
		prt_printf(&missing, "%s%u (", nr++ ? ", " : "", i);
		prt_uuid(&missing, ca->mi.uuid);
		prt_char(&missing, ')');
	}
	if (nr)
		cli_error(o->cmd, "member %s is missing: give all devices of the filesystem",
			  printbuf_str(&missing));
	printbuf_exit(&missing);
	return nr ? -EINVAL : 0;
}

static int open_all(struct cli_offline *o)
{
	int ret = 0, best;

	for (unsigned i = 0; i < o->nr && !ret; i++)
		ret = open_device(o, i);
	if (ret)
		return ret;
	best = choose(o);
	if (best < 0)
		return best;
	ret = bch_sb_dup(&o->shared, &o->sbs[best]);
	o->shared.bdev = NULL;
	o->shared.no_layout = true;
	o->c.sb = &o->shared;
	o->c.name = o->paths[0];
	ret = ret ?: bch_fs_from_sb(&o->c);
	if (ret)
		cli_error(o->cmd, "%s: %s", o->paths[best], bch_err_str(ret));
	return ret ?: attach(o) ?: require_all(o);
}

struct cli_offline *cli_offline_open(const struct cli_cmd *cmd, const char *const *paths,
				     unsigned nr)
{
	struct cli_offline *o;

	if (nr > BCH_MAX_DEVS)
		cli_usage_error(cmd, "%u devices, but a filesystem has at most %u", nr,
				BCH_MAX_DEVS);
	o = kzalloc(sizeof(*o), GFP_KERNEL);
	if (!o)
		cli_die(cmd, "out of memory");
	o->cmd = cmd;
	o->nr = nr;
	memcpy(o->paths, paths, nr * sizeof(*paths));
	if (!open_all(o))
		return o;
	cli_offline_close(o);
	return NULL;
}

int cli_offline_write(struct cli_offline *o)
{
	struct printbuf err = PRINTBUF;
	int ret = bch_sb_write(&o->c, SB_WRITE_UNINITIALIZED | SB_WRITE_VERIFY, &err);

	if (ret)
		cli_error(o->cmd, "%s", err.pos ? printbuf_str(&err) : bch_err_str(ret));
	printbuf_exit(&err);
	return ret;
}
