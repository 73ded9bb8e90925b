/*
 * The superblocks of a new filesystem: spec 01 sections 16.3 to 16.5.
 *
 * But for uuids, times and keys each byte equals what the real tool's `format --no_initialize`
 * writes, zeros where that leaves what was in its memory. Everything is checked for all devices
 * before anything is written to one (01 section 19.8).
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/uuid.h>
#include "sb/crypt.h"
#include "sb/format.h"
#include "sb/geometry.h"
#include "sb/labels.h"
#include "sb/members.h"

static int __printf(2, 3) refuse(struct printbuf *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	prt_vprintf(err, fmt, args);
	va_end(args);
	return -BCH_ERR_format_refused;
}

void bch_format_init(struct bch_format *f)
{
	*f = (struct bch_format){.version = BCH_VERSION_CURRENT,
				 .targets = {
					 {.opt = Opt_metadata_target},
					 {.opt = Opt_foreground_target},
					 {.opt = Opt_background_target},
					 {.opt = Opt_promote_target},
				 }};
	bch_opts_init(&f->opts);
}

void bch_format_exit(struct bch_format *f)
{
	for (unsigned i = 0; i < f->nr_devs; i++)
		bch_sb_free(&f->devs[i].sb);
}

int bch_format_version_check(unsigned version, struct printbuf *err)
{
	if (version >= BCH_VERSION_major_minor && version <= BCH_VERSION_CURRENT)
		return 0;
	return refuse(err, "format version %u.%u cannot be made, only 1.0 to %u.%u",
		      BCH_VERSION_MAJOR(version), BCH_VERSION_MINOR(version),
		      BCH_VERSION_MAJOR(BCH_VERSION_CURRENT),
		      BCH_VERSION_MINOR(BCH_VERSION_CURRENT));
}

/* --- checks --- */

static int check_devices(const struct bch_format *f, struct printbuf *err)
{
	u64 usable = 0;

	if (!f->nr_devs)
		return refuse(err, "no device given");
	if (f->nr_devs > BCH_SB_MEMBERS_MAX)
		return refuse(err, "%u devices, but a filesystem has at most %u", f->nr_devs,
			      BCH_SB_MEMBERS_MAX);
	for (unsigned i = 0; i < f->nr_devs; i++) {
		const struct bch_format_dev *d = &f->devs[i];

		if (d->durability > 2)
			return refuse(err, "durability %u of %s: only 0, 1 and 2 can be stored",
				      d->durability, d->name);
		if (d->durability)
			usable |= d->data_allowed;
	}
	if (!(usable & 1U << BCH_DATA_journal))
		return refuse(err, "no device of durability above 0 allows the journal");
	if (!(usable & 1U << BCH_DATA_btree))
		return refuse(err, "no device of durability above 0 allows btree nodes");
	return 0;
}

/* The journal must get as many copies as are required, or the first mount fails. */
static int check_replicas(const struct bch_format *f, struct printbuf *err)
{
	unsigned required = min(f->opts.metadata_replicas, f->opts.metadata_replicas_required);
	unsigned have = 0;

	for (unsigned i = 0; i < f->nr_devs; i++)
		if (f->devs[i].data_allowed & 1U << BCH_DATA_journal)
			have += f->devs[i].durability;
	if (have < required)
		return refuse(
			err,
			"%u copies of metadata are required, but devices that allow the journal "
			"count for %u",
			required, have);
	return 0;
}

static int check_texts(const struct bch_format *f, struct printbuf *err)
{
	if (f->label && strlen(f->label) > BCH_SB_LABEL_SIZE)
		return refuse(err, "filesystem label '%s' is longer than %u bytes", f->label,
			      BCH_SB_LABEL_SIZE);
	if (f->passphrase && !f->encrypted)
		return refuse(err, "a passphrase is given, but no encryption");
	return bch_format_version_check(f->version, err);
}

static int choose_geometry(struct bch_format *f, struct bch_geometry *g, struct printbuf *err)
{
	const struct bch_opts *o = &f->opts;

	for (unsigned i = 0; i < f->nr_devs; i++) {
		const struct bch_format_dev *d = &f->devs[i];

		g->devs[i] = (struct bch_geometry_dev){
			.name = d->name,
			.size = d->size,
			.fs_size = d->fs_size,
			.bucket_size = d->bucket_size,
			.block_size = d->block_size,
		};
	}
	g->nr_devs = f->nr_devs;
	g->block_size = bch_opt_defined(o, Opt_block_size) ? o->block_size : 0;
	g->node_size = bch_opt_defined(o, Opt_btree_node_size) ? o->btree_node_size : 0;
	g->sb_size = f->sb_size;
	g->metadata_replicas = o->metadata_replicas;
	g->gc_reserve_percent = o->gc_reserve_percent;
	g->gc_reserve_bytes = o->gc_reserve_bytes;
	return bch_geometry_choose(g, err);
}

/* --- the superblock that all devices share --- */

static int make_head(const struct bch_format *f, const struct bch_geometry *g,
		     struct bch_sb_handle *h)
{
	static const u8 none[16];
	int ret = bch_sb_alloc(h, ilog2(g->sb_size >> 9));
	struct bch_sb *sb = h->sb;

	if (ret)
		return ret;
	sb->version = cpu_to_le16(f->version);
	sb->version_min = cpu_to_le16(f->version);
	memcpy(sb->magic, bch_sb_magic, sizeof(sb->magic));
	generate_random_uuid(sb->uuid);
	if (memcmp(f->user_uuid, none, sizeof(none)))
		memcpy(sb->user_uuid, f->user_uuid, sizeof(sb->user_uuid));
	else
		generate_random_uuid(sb->user_uuid);
	if (f->label)
		memcpy(sb->label, f->label, strnlen(f->label, sizeof(sb->label)));
	sb->time_base_lo = cpu_to_le64(ktime_get_real_ns());
	sb->time_precision = cpu_to_le32(1);
	return 0;
}

/*
 * Every option that a superblock of 1.13 stores: what was given, else its default. Features of
 * options, compression say, are left to the first mount.
 */
static void store_options(const struct bch_format *f, const struct bch_geometry *g,
			  struct bch_sb *sb)
{
	struct bch_opts opts;

	bch_opts_init(&opts);
	bch_opts_apply(&opts, &f->opts);
	bch_opt_set(&opts, Opt_block_size, g->block_size);
	bch_opt_set(&opts, Opt_btree_node_size, g->node_size);
	for (unsigned id = 0; id < BCH_OPT_NR; id++)
		if (bch_opt_in_sb(id) && !(bch_option_table[id].flags & OPT_NEWER))
			bch_opt_to_sb(sb, id, bch_opt_get(&opts, id), 0);
	sb->features[0] = cpu_to_le64(f->version == BCH_VERSION_CURRENT ? BCH_FEATURES_ALL : 0);
}

static int make_members(const struct bch_format *f, const struct bch_geometry *g,
			struct bch_sb_handle *h)
{
	int ret = bch_members_resize(h, f->nr_devs);

	for (unsigned i = 0; !ret && i < f->nr_devs; i++) {
		const struct bch_format_dev *d = &f->devs[i];
		struct bch_member m = {
			.nbuckets = cpu_to_le64(g->devs[i].nbuckets),
			.bucket_size = cpu_to_le16(g->devs[i].bucket_size >> 9),
		};

		generate_random_uuid(m.uuid);
		member_set_discard(&m, d->discard);
		member_set_data_allowed(&m, d->data_allowed);
		member_set_durability(&m, d->durability + 1);
		bch_member_put(h->sb, i, &m);
	}
	return ret;
}

static int make_labels(const struct bch_format *f, struct bch_sb_handle *h, struct printbuf *err)
{
	for (unsigned i = 0; i < f->nr_devs; i++) {
		const char *path = f->devs[i].label;
		struct bch_member m;
		int idx;

		if (!path || !*path)
			continue;
		idx = bch_label_create(h, path);
		if (idx < 0)
			return refuse(err,
				      "label '%s': the parts between the dots have 1 to 32 bytes",
				      path);
		if (idx > BCH_LABEL_DEV_MAX)
			return refuse(err,
				      "label '%s' is one more than the %u that devices can have",
				      path, BCH_LABEL_DEV_MAX + 1);
		m = bch_member_get(h->sb, i);
		member_set_group(&m, idx + 1);
		bch_member_put(h->sb, i, &m);
	}
	return 0;
}

/* A target is the name of a device as it was given, or a label. */
static int resolve_target(const struct bch_format *f, const struct bch_sb *sb, const char *text,
			  u64 *target)
{
	for (unsigned i = 0; i < f->nr_devs; i++)
		if (!strcmp(text, f->devs[i].name)) {
			*target = bch_target_of_dev(i);
			return 0;
		}
	return bch_target_parse(sb, text, target);
}

static int store_targets(const struct bch_format *f, struct bch_sb *sb, struct printbuf *err)
{
	for (unsigned i = 0; i < BCH_FORMAT_TARGETS; i++) {
		const struct bch_format_target *t = &f->targets[i];
		u64 target;

		if (!t->text)
			continue;
		if (resolve_target(f, sb, t->text, &target))
			return refuse(err, "Invalid target %s", t->text);
		bch_opt_to_sb(sb, t->opt, target, 0);
	}
	return 0;
}

static int make_crypt(const struct bch_format *f, struct bch_sb_handle *h)
{
	struct bch_crypt_key master;
	struct sb_crypt *crypt;
	int ret = 0;

	if (!f->encrypted)
		return 0;
	crypt = sb_section_resize(h, crypt, sizeof(*crypt) / sizeof(u64));
	if (!crypt)
		return -BCH_ERR_ENOSPC_sb;
	sb_set_encryption_type(h->sb, 1);
	get_random_bytes(&master, sizeof(master));
	if (f->passphrase)
		ret = bch_crypt_lock(crypt, h->sb->uuid, &master, f->passphrase,
				     strlen(f->passphrase), NULL);
	else
		bch_crypt_store_clear(crypt, &master);
	memzero_explicit(&master, sizeof(master));
	return ret;
}

/* The order of these is the order of the sections. */
static int make_shared(const struct bch_format *f, const struct bch_geometry *g,
		       struct bch_sb_handle *h, struct printbuf *err)
{
	int ret = make_head(f, g, h);

	if (ret)
		return ret;
	store_options(f, g, h->sb);
	ret = make_members(f, g, h);
	if (!ret)
		ret = make_labels(f, h, err);
	if (!ret)
		ret = store_targets(f, h->sb, err);
	if (!ret)
		ret = make_crypt(f, h);
	return ret ?: bch_members_v1_update(h);
}

/* --- each device's --- */

static int make_device(struct bch_format *f, const struct bch_geometry *g, unsigned i,
		       const struct bch_sb_handle *shared, struct printbuf *err)
{
	struct bch_format_dev *d = &f->devs[i];
	const struct bch_geometry_dev *gd = &g->devs[i];
	size_t start = err->pos;
	int ret = bch_sb_dup(&d->sb, shared);

	if (ret)
		return ret;
	d->sb.sb->dev_idx = i;
	ret = bch_sb_layout_init(&d->sb.sb->layout, g->block_size >> 9, gd->bucket_size >> 9,
				 g->sb_size >> 9, BCH_SB_SECTOR, bch_geometry_dev_size(gd) >> 9,
				 err);
	if (!ret)
		ret = bch_sb_validate(d->sb.sb, SB_WRITE, SB_VALIDATE_WRITE, err);
	if (ret && err->pos > start)
		prt_printf(err, " (%s)", d->name);
	return ret;
}

int bch_format_prepare(struct bch_format *f, struct printbuf *err)
{
	struct bch_geometry_dev devs[BCH_SB_MEMBERS_MAX];
	struct bch_geometry g = {.devs = devs};
	struct bch_sb_handle shared = {};
	int ret = check_devices(f, err);

	if (!ret)
		ret = check_replicas(f, err);
	if (!ret)
		ret = check_texts(f, err);
	if (!ret)
		ret = choose_geometry(f, &g, err);
	if (!ret)
		ret = make_shared(f, &g, &shared, err);
	for (unsigned i = 0; !ret && i < f->nr_devs; i++)
		ret = make_device(f, &g, i, &shared, err);
	bch_sb_free(&shared);
	if (ret && !err->pos)
		prt_printf(err, "cannot make the superblock: %s", bch_err_str(ret));
	return ret;
}

int bch_format_write(struct bch_format *f, struct printbuf *err)
{
	for (unsigned i = 0; i < f->nr_devs; i++) {
		struct bch_format_dev *d = &f->devs[i];
		int ret = bch_sb_write_copies(&d->sb, d->bdev, err);

		if (ret)
			return ret;
		d->written = true;
	}
	return 0;
}
