/*
 * Opening a filesystem from its devices, for reading (spec 01 section 17, 04 section 12).
 *
 * The order: superblocks of all devices -> the newest -> who is a member -> members attached ->
 * may it start -> the key -> journal and roots. Nothing is opened for writing.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "alloc/gens.h"
#include "btree/state.h"
#include "data/data.h"
#include "format/data_type.h"
#include "fs/namei.h"
#include "fs/snapshots.h"
#include "init/identify.h"
#include "init/key_types.h"
#include "init/open.h"
#include "init/salvage.h"
#include "journal/blacklist.h"
#include "journal/clean.h"
#include "journal/journal.h"
#include "journal/recover.h"
#include "journal/rewind.h"
#include "sb/members.h"
#include "sb/super.h"

/* One device while it is not yet known whether it is a member. */
struct candidate {
	struct block_device *bdev;
	struct bch_sb_handle *sb;
	const char *path;
};

void bch_engine_init(void)
{
	static bool done;

	if (done)
		return;
	bch_key_types_init();
	bch_journal_sections_register();
	done = true;
}

static void candidate_exit(struct candidate *d)
{
	if (d->sb)
		bch_sb_free(d->sb);
	kfree(d->sb);
	if (d->bdev)
		bdev_close(d->bdev);
	*d = (struct candidate){};
}

/* What is refused otherwise for what it says: features that are not known may not matter. */
static int salvage_anyway(struct bch_fs *c, const struct candidate *d, struct printbuf *err)
{
	struct printbuf why = PRINTBUF;
	int ret = bch_sb_version_validate(d->sb->sb, SB_READ, 0, err);

	if (!ret && bch_sb_features_validate(d->sb->sb, &why))
		bch_log(c, "%s: %s: reading it all the same", d->path, printbuf_str(&why));
	printbuf_exit(&why);
	return ret;
}

/* Each line of @notes with the device's name. */
static void log_notes(struct bch_fs *c, const struct candidate *d, const struct printbuf *notes)
{
	const char *p, *end;

	for (p = printbuf_str(notes); *p; p = end + !!*end) {
		end = strchrnul(p, '\n');
		if (end > p)
			bch_log(c, "%s: %.*s", d->path, (int)(end - p), p);
	}
}

static int candidate_read(struct bch_fs *c, struct candidate *d, bool salvage, struct printbuf *err)
{
	struct printbuf notes = PRINTBUF, why = PRINTBUF;
	struct bch_sb_read_args args = {
		.access = SB_READ,
		.no_version_check = salvage,
		.notes = &notes,
	};
	int ret;

	d->bdev = bdev_open(d->path, BLK_OPEN_READ);
	if (IS_ERR(d->bdev)) {
		ret = PTR_ERR(d->bdev);
		d->bdev = NULL;
		prt_printf(err, "%s: cannot be opened: %s", d->path, bch_err_sentence(ret));
		return ret;
	}
	d->sb = kzalloc(sizeof(*d->sb), GFP_KERNEL);
	if (!d->sb)
		return -ENOMEM;
	ret = bch_sb_read(d->sb, d->bdev, &args, &why);
	log_notes(c, d, &notes);
	ret = ret ?: salvage ? salvage_anyway(c, d, &why) : 0;
	if (ret)
		prt_printf(err, "%s: %s", d->path,
			   why.pos ? printbuf_str(&why) : bch_err_sentence(ret));
	printbuf_exit(&notes);
	printbuf_exit(&why);
	return ret;
}

/*
 * The newest superblock knows up to which one each member was written; the last one may not have
 * come through in a crash.
 */
static bool is_stale(struct bch_fs *c, const struct bch_dev *ca, const struct bch_sb *sb)
{
	u64 seq = le64_to_cpu(sb->seq);

	if (c->version < BCH_VERSION_member_seq || ca->mi.seq <= seq + 1)
		return false;
	bch_log(c,
		"%s: an old copy: its superblock has seq %llu, but %llu was written to it; what "
		"was written since is not on it",
		ca->path, seq, ca->mi.seq);
	return true;
}

/* The device becomes the online member of its slot. */
static int dev_attach(struct bch_fs *c, struct candidate *d, struct printbuf *err)
{
	unsigned idx = d->sb->sb->dev_idx;
	struct bch_dev *ca = bch_dev(c, idx);
	const char *slash = strrchr(d->path, '/');
	u64 sectors;

	if (!ca) {
		prt_printf(err, "%s: slot %u is not in use", d->path, idx);
		return -BCH_ERR_device_has_been_removed;
	}
	if (bch_dev_online(ca)) {
		prt_printf(err, "%s: the same member as %s (device %u): leave one of them out",
			   d->path, ca->path, idx);
		return -BCH_ERR_device_already_online;
	}
	sectors = bdev_nr_sectors(d->bdev);
	if (sectors / ca->mi.bucket_size < ca->mi.nbuckets)
		bch_log(c,
			"%s: smaller than the filesystem says (%llu sectors, %llu buckets of %u): "
			"what lies behind its end is lost",
			d->path, sectors, ca->mi.nbuckets, ca->mi.bucket_size);
	ca->path = kmemdup(d->path, strlen(d->path) + 1, GFP_KERNEL);
	if (!ca->path)
		return -ENOMEM;
	ca->name = slash ? ca->path + (slash + 1 - d->path) : ca->path;
	ca->bdev = d->bdev;
	ca->sb = d->sb;
	ca->stale = is_stale(c, ca, d->sb->sb);
	d->bdev = NULL;
	d->sb = NULL;
	return 0;
}

/* Choose the newest superblock and attach every device that belongs to it. */
static int devs_attach(struct bch_fs *c, struct candidate *devs, unsigned nr,
		       const struct bch_open_args *args, struct printbuf *err)
{
	struct bch_sb_handle **handles = kcalloc(nr, sizeof(*handles), GFP_KERNEL);
	const char **names = kcalloc(nr, sizeof(*names), GFP_KERNEL);
	int *errs = kcalloc(nr, sizeof(*errs), GFP_KERNEL), best, ret = -ENOMEM;
	struct printbuf notes = PRINTBUF;
	unsigned i;

	if (!handles || !names || !errs)
		goto out;
	for (i = 0; i < nr; i++) {
		handles[i] = devs[i].sb;
		names[i] = devs[i].path;
	}
	best = ret = bch_sb_choose(handles, names, nr, args->no_splitbrain_check || args->salvage,
				   errs, &notes);
	if (notes.pos)
		bch_log(c, "%s", printbuf_str(&notes));
	if (ret < 0) {
		for (i = 0; i < nr && !errs[i]; i++)
			;
		prt_printf(err, "%s: %s", names[i < nr ? i : 0], bch_err_sentence(ret));
		goto out;
	}
	ret = bch_sb_dup(c->sb, handles[best]) ?: bch_fs_from_sb(c);
	for (i = 0; i < nr && !ret; i++) {
		if (!errs[i])
			ret = dev_attach(c, &devs[i], err);
		else
			bch_log(c, "%s: not used: %s", names[i], bch_err_sentence(errs[i]));
	}
out:
	printbuf_exit(&notes);
	kfree(handles);
	kfree(names);
	kfree(errs);
	return ret;
}

/* Spec 01 section 17.4: are enough members here? */
static int may_start(struct bch_fs *c, const struct bch_open_args *args, struct printbuf *err)
{
	unsigned flags = (args->degraded ? SB_START_DEGRADED : 0) |
			 (args->very_degraded || args->salvage ? SB_START_VERY_DEGRADED : 0);
	bool online[BCH_MAX_DEVS + 1] = {};
	struct printbuf missing = PRINTBUF;
	unsigned i;
	int ret;

	for (i = 0; i < c->nr_devices; i++) {
		online[i] = bch_dev_online(bch_dev(c, i));
		if (bch_dev(c, i) && !online[i] && flags) {
			printbuf_reset(&missing);
			bch_member_missing_to_text(&missing, c->sb->sb, i);
			bch_log(c, "%s", printbuf_str(&missing));
		}
	}
	printbuf_exit(&missing);
	ret = bch_sb_may_start(c->sb->sb, online, flags, err);
	if (ret && !args->very_degraded)
		prt_str(err, flags ? "; option 'very_degraded' opens what is left of the data" :
				     "; option 'degraded' goes on without it if no data is lost");
	return ret;
}

static int get_key(struct bch_fs *c, const struct bch_open_args *args, struct printbuf *err)
{
	int ret;

	if (!c->encrypted)
		return 0;
	c->key = kzalloc(sizeof(*c->key), GFP_KERNEL);
	if (!c->key)
		return -ENOMEM;
	ret = args->get_key ? args->get_key(c, c->key, args->get_key_arg) :
			      -BCH_ERR_no_encryption_key;
	if (ret) {
		memzero_explicit(c->key, sizeof(*c->key));
		kfree(c->key);
		c->key = NULL;
		if (!err->pos)
			prt_printf(err, "%s: encrypted: %s", c->name, bch_err_sentence(ret));
	}
	return ret;
}

/* The journal and the roots. *@lost: something of them is missing, and that was told. */
static int journal_recover(struct bch_fs *c, const struct bch_open_args *args, bool *lost)
{
	struct bch_journal_recover_args recover = {
		.journal_only = args->journal_only,
		.read_all =
			args->read_entire_journal || args->rewind || (args->salvage && args->scan),
		.no_overlay = args->no_journal,
		.salvage = args->salvage,
	};
	int ret = bch_journal_recover_ro(c, &recover);

	if (!args->salvage || args->journal_only)
		return ret;
	if (!ret) {
		*lost = c->journal->nr_lost;
		if (*lost)
			bch_log(c,
				"%llu journal entries are lost: what they changed may be seen "
				"as it was before",
				c->journal->nr_lost);
		return 0;
	}
	if (ret == -ENOMEM)
		return ret;
	bch_log(c, "the journal cannot be used (%s): what it held is lost", bch_err_sentence(ret));
	c->nr_errors++;
	bch_overlay_sort(c);
	*lost = true;
	return 0;
}

/* The btrees and the journal. */
static int state_init(struct bch_fs *c, const struct bch_open_args *args, bool *journal_lost)
{
	int ret = 0;

	*journal_lost = false;
	if (!args->journal_only) {
		ret = bch_btree_init(c, args->memory);
		if (!ret)
			c->btree->ops.seq_is_blacklisted = bch_journal_seq_is_blacklisted;
	}
	return ret ?: journal_recover(c, args, journal_lost);
}

/* Attach those of @devs, which have no superblock, that are found to be members. */
static int devs_adopt(struct bch_fs *c, struct candidate *devs, unsigned nr, unsigned *nr_adopted,
		      struct printbuf *err)
{
	struct block_device **bdevs = kcalloc(nr, sizeof(*bdevs), GFP_KERNEL);
	int *slots = kcalloc(nr, sizeof(*slots), GFP_KERNEL), ret = -ENOMEM;

	*nr_adopted = 0;
	if (!bdevs || !slots)
		goto out;
	for (unsigned i = 0; i < nr; i++)
		bdevs[i] = devs[i].bdev;
	ret = bch_identify_devices(c, bdevs, nr, slots);
	for (unsigned i = 0; i < nr && !ret; i++) {
		if (slots[i] < 0) {
			bch_log(c, "%s: not used: nothing on it tells which member it is",
				devs[i].path);
			continue;
		}
		devs[i].sb = kzalloc(sizeof(*devs[i].sb), GFP_KERNEL);
		ret = devs[i].sb ? bch_identify_make_sb(c, devs[i].bdev, slots[i], devs[i].sb) :
				   -ENOMEM;
		if (ret)
			break;
		bch_log(c, "%s: without a superblock, but found to be device %u", devs[i].path,
			slots[i]);
		ret = dev_attach(c, &devs[i], err);
		++*nr_adopted;
	}
out:
	kfree(bdevs);
	kfree(slots);
	return ret;
}

/* @lost: devices without a superblock. */
static int rewind_to(struct bch_fs *c, struct bch_rewind *r, struct printbuf *err)
{
	int ret;

	prt_printf(err, "%s: ", c->name);
	ret = bch_journal_rewind(c, r, err);
	if (!ret)
		printbuf_reset(err);
	return ret;
}

static int fs_start(struct bch_fs *c, const struct bch_open_args *args, struct candidate *lost,
		    unsigned nr_lost, struct printbuf *err)
{
	unsigned nr_adopted = 0;
	bool journal_lost;
	int ret = state_init(c, args, &journal_lost);

	if (!ret && nr_lost && !args->journal_only)
		ret = devs_adopt(c, lost, nr_lost, &nr_adopted, err);
	if (!ret && nr_adopted) {
		/* Once more, with the nodes and journal entries that they hold. */
		bch_btree_exit(c);
		bch_journal_exit(c);
		ret = state_init(c, args, &journal_lost);
	}
	if (!ret && args->salvage && !args->journal_only)
		ret = bch_salvage_btrees(c, args, journal_lost);
	if (!ret && args->rewind)
		ret = rewind_to(c, args->rewind, err);
	if (ret && !err->pos)
		prt_printf(err, "%s: %s", c->name, bch_err_sentence(ret));
	return ret;
}

const char *bch_lost_sb_advice(int err, bool degraded)
{
	/* What is too new is too new on all of them. */
	if (bch_err_class(err) != -EINVAL || err == -BCH_ERR_invalid_sb_version ||
	    err == -BCH_ERR_invalid_sb_features)
		return "";
	return degraded ? "; leave this device out: the others are opened without it" :
			  "; leave this device out: option 'degraded' opens the others, if no "
			  "data is lost";
}

/*
 * Read the superblocks. With salvage, devices without one come last, *@nr_good says where, and
 * those that cannot be opened are left out of *@nr.
 */
static int candidates_read(struct bch_fs *c, struct candidate *devs, unsigned *nr,
			   unsigned *nr_good, const struct bch_open_args *args,
			   struct printbuf *err)
{
	struct printbuf why = PRINTBUF;
	unsigned i = 0, end = *nr;
	int ret = 0, first = 0;

	while (i < end) {
		printbuf_reset(&why);
		ret = candidate_read(c, &devs[i], args->salvage, &why);
		if (!ret) {
			i++;
			continue;
		}
		if (!first)
			prt_str(err, printbuf_str(&why));
		else
			bch_log(c, "%s", printbuf_str(&why));
		first = first ?: ret;
		if (!args->salvage && *nr > 1)
			prt_str(err,
				bch_lost_sb_advice(ret, args->degraded || args->very_degraded));
		if (!args->salvage || ret == -ENOMEM)
			break;
		end--;
		swap(devs[i], devs[end]);
		if (devs[end].bdev) {
			bch_sb_free(devs[end].sb);
			kfree(devs[end].sb);
			devs[end].sb = NULL;
		} else {
			--*nr;
			swap(devs[end], devs[*nr]);
		}
	}
	printbuf_exit(&why);
	*nr_good = i;
	if (args->salvage && i && ret != -ENOMEM) {
		if (err->pos)
			bch_log(c, "%s", printbuf_str(err));
		printbuf_reset(err);
		return 0;
	}
	return first;
}

int bch_fs_open(struct bch_fs **ret_c, char *const *paths, unsigned nr,
		const struct bch_open_args *args, struct printbuf *err)
{
	struct candidate *devs = kcalloc(nr, sizeof(*devs), GFP_KERNEL);
	struct bch_fs *c = kzalloc(sizeof(*c), GFP_KERNEL);
	unsigned i, nr_open = nr, nr_good = 0;
	int ret = -ENOMEM;

	*ret_c = NULL;
	bch_engine_init();
	if (!c || !devs)
		goto out;
	c->log = args->log;
	c->name = paths[0];
	c->nochanges = true;
	c->sb = kzalloc(sizeof(*c->sb), GFP_KERNEL);
	if (!c->sb)
		goto out;
	for (i = 0; i < nr; i++)
		devs[i].path = paths[i];
	ret = candidates_read(c, devs, &nr_open, &nr_good, args, err) ?:
		      devs_attach(c, devs, nr_good, args, err)	      ?:
		      may_start(c, args, err)			      ?:
									get_key(c, args, err);
	if (!ret && !args->nostart)
		ret = fs_start(c, args, devs + nr_good, nr_open - nr_good, err);
out:
	for (i = 0; devs && i < nr; i++)
		candidate_exit(&devs[i]);
	kfree(devs);
	if (!ret) {
		*ret_c = c;
		return 0;
	}
	if (!err->pos)
		prt_printf(err, "%s: %s", paths[0], bch_err_sentence(ret));
	bch_fs_close(c);
	return ret;
}

int bch_fs_start_reading(struct bch_fs *c)
{
	int ret = bch_bucket_gens_load(c) ?: bch_snapshots_load(c) ?: bch_data_init(c);

	if (!ret)
		c->data->path_to_text = bch_inode_path_to_text;
	return ret;
}

static void dev_free(struct bch_dev *ca)
{
	if (!ca)
		return;
	if (ca->sb)
		bch_sb_free(ca->sb);
	kfree(ca->sb);
	if (ca->bdev)
		bdev_close(ca->bdev);
	kfree(ca->bucket_gens);
	kfree(ca->path);
	kfree(ca);
}

void bch_fs_close(struct bch_fs *c)
{
	unsigned i;

	if (!c)
		return;
	bch_data_exit(c);
	bch_snapshots_exit(c);
	bch_btree_exit(c);
	bch_journal_exit(c);
	for (i = 0; i < ARRAY_SIZE(c->devs); i++)
		dev_free(c->devs[i]);
	if (c->sb)
		bch_sb_free(c->sb);
	kfree(c->sb);
	kfree(c->opts);
	if (c->key)
		memzero_explicit(c->key, sizeof(*c->key));
	kfree(c->key);
	kfree(c);
}
