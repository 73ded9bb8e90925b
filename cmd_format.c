/*
 * format (mkfs): spec 01 section 16, 09 section 2.1.
 *
 * All devices are opened, probed and checked, and all superblocks are made in memory, before the
 * first byte is written to any of them. The filesystem is initialised by its first mount.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/uuid.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "cli/fs_opts.h"
#include "cmds.h"
#include "host/probe.h"
#include "sb/format.h"
#include "util/darray.h"

enum {
	O_REPLICAS,
	O_ENCRYPTED,
	O_NO_PASSPHRASE,
	O_PASSPHRASE_FILE,
	O_FS_LABEL,
	O_UUID,
	O_SUPERBLOCK_SIZE,
	O_VERSION,
	O_NO_INITIALIZE,
	O_SOURCE,
	O_FORCE,
	O_QUIET,
	O_VERBOSE,
	O_FS_SIZE,
	O_BUCKET_SIZE,
	O_LABEL,
	O_DISCARD,
	O_NO_DISCARD,
	O_DATA_ALLOWED,
	O_DURABILITY,
};

static const struct cli_opt opts[] = {
	[O_REPLICAS] = {"replicas", 0, "N", "copies of data and of metadata wanted, 1 to 3"},
	[O_ENCRYPTED] = {"encrypted", 0, NULL, "encrypt everything with a random key"},
	[O_NO_PASSPHRASE] = {"no_passphrase", 0, NULL, "store that key in the clear"},
	[O_PASSPHRASE_FILE] = {"passphrase_file", 0, "FILE",
			       "take the passphrase from a file, without its last newline"},
	[O_FS_LABEL] = {"fs_label", 'L', "LABEL", "label of the filesystem, at most 32 bytes"},
	[O_UUID] = {"uuid", 'U', "UUID", "external UUID; random by default"},
	[O_SUPERBLOCK_SIZE] = {"superblock_size", 0, "SIZE",
			       "space reserved for a superblock; 1M by default"},
	[O_VERSION] = {"version", 0, "VERSION",
		       "format version, as 1.12 or as a number; the newest by default"},
	[O_NO_INITIALIZE] = {"no_initialize", 0, NULL, "is always so: the first mount does it"},
	[O_SOURCE] = {"source", 0, "DIR", "copy a tree into the filesystem; refused so far"},
	[O_FORCE] = {"force", 'f', NULL, "do not ask before overwriting what is on the devices"},
	[O_QUIET] = {"quiet", 'q', NULL, "do not print the superblock"},
	[O_VERBOSE] = {"verbose", 'v', NULL, "say what is done"},
	[O_FS_SIZE] = {"fs_size", 0, "SIZE", "(device) part to use of the next device only"},
	[O_BUCKET_SIZE] = {"bucket_size", 0, "SIZE", "(device) size of a bucket, a power of two"},
	[O_LABEL] = {"label", 'l', "PATH", "(device) label such as ssd.fast; none when empty"},
	[O_DISCARD] = {"discard", 0, NULL,
		       "(device) discard the device now and freed buckets later"},
	[O_NO_DISCARD] = {"no_discard", 0, NULL, "(device) do not, as is the default"},
	[O_DATA_ALLOWED] = {"data_allowed", 0, "TYPES",
			    "(device) comma separated list of journal, btree, user; default: all"},
	[O_DURABILITY] = {"durability", 0, "N",
			  "(device) how many copies one copy here counts for: 0, 1, 2; default: 1"},
	{}};

#define DATA_TYPES_ALLOWED (1U << BCH_DATA_journal | 1U << BCH_DATA_btree | 1U << BCH_DATA_user)

struct format {
	const struct cli_cmd *cmd;
	struct bch_format f;
	DARRAY(struct bch_format_dev) devs;
	struct bch_format_dev next; /* what holds for the devices that follow */
	bool device_option;	    /* one was given, but no device since */
	const char *passphrase_file;
	bool no_passphrase, force, quiet, verbose;
};

/* --- the command line --- */

static u64 parse_size(struct format *ctx, const char *s, const char *what)
{
	u64 v;

	if (bch_parse_size(s, &v))
		cli_usage_error(ctx->cmd, "%s %s", what, s);
	return v;
}

/* "1.12" or "1036" */
static unsigned parse_version(struct format *ctx, const char *s)
{
	struct printbuf err = PRINTBUF;
	unsigned long v, minor = 0;
	char *end;

	errno = 0;
	v = strtoul(s, &end, 10);
	if (*end == '.' && end != s) {
		minor = strtoul(end + 1, &end, 10);
		v = v > 63 || minor > 1023 ? U16_MAX : BCH_VERSION(v, minor);
	}
	if (!*s || *end || errno || *s == '-' || v > U16_MAX)
		cli_usage_error(ctx->cmd, "invalid version %s", s);
	if (bch_format_version_check(v, &err))
		cli_usage_error(ctx->cmd, "%s", printbuf_str(&err));
	return v;
}

static unsigned parse_number(struct format *ctx, const char *s, unsigned min, unsigned max,
			     const char *what)
{
	char *end;
	unsigned long v = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || v < min || v > max)
		cli_usage_error(ctx->cmd, "invalid %s %s: %u to %u", what, s, min, max);
	return v;
}

static u64 parse_data_allowed(struct format *ctx, const char *s)
{
	struct printbuf err = PRINTBUF;
	u64 v;

	if (bch_opt_parse(Opt_data_allowed, s, NULL, &v, &err) || !v || v & ~DATA_TYPES_ALLOWED)
		cli_usage_error(ctx->cmd, "bad data type %s: journal, btree, user", s);
	printbuf_exit(&err);
	return v;
}

static void parse_uuid(struct format *ctx, const char *s)
{
	uuid_t uuid;

	if (uuid_parse(s, &uuid) || uuid_is_null(&uuid))
		cli_usage_error(ctx->cmd, "bad uuid %s", s);
	memcpy(ctx->f.user_uuid, &uuid, sizeof(ctx->f.user_uuid));
}

static void fs_option(struct format *ctx, const struct cli_parse *p)
{
	u64 v;
	int id, ret = cli_fs_opt_get(p, NULL, &v, &id);

	if (!ret) {
		bch_opt_set(&ctx->f.opts, id, v);
		return;
	}
	for (unsigned i = 0; i < BCH_FORMAT_TARGETS; i++)
		if (ctx->f.targets[i].opt == id)
			ctx->f.targets[i].text = p->value;
}

/* True: it is for the devices that follow. */
static bool device_option(struct format *ctx, int o, const char *value)
{
	struct bch_format_dev *d = &ctx->next;

	switch (o) {
	case O_FS_SIZE:
		d->fs_size = parse_size(ctx, value, "invalid filesystem size");
		return true;
	case O_BUCKET_SIZE:
		d->bucket_size = parse_size(ctx, value, "bad bucket_size");
		return true;
	case O_LABEL:
		d->label = value;
		return true;
	case O_DISCARD:
	case O_NO_DISCARD:
		d->discard = o == O_DISCARD;
		return true;
	case O_DATA_ALLOWED:
		d->data_allowed = parse_data_allowed(ctx, value);
		return true;
	case O_DURABILITY:
		d->durability = parse_number(ctx, value, 0, 2, "durability");
		return true;
	default:
		return false;
	}
}

static void option(struct format *ctx, int o, const char *value)
{
	struct bch_format *f = &ctx->f;
	unsigned replicas;

	switch (o) {
	case O_REPLICAS:
		replicas = parse_number(ctx, value, 1, 3, "replicas");
		bch_opt_set(&f->opts, Opt_metadata_replicas, replicas);
		bch_opt_set(&f->opts, Opt_data_replicas, replicas);
		break;
	case O_ENCRYPTED:
		f->encrypted = true;
		break;
	case O_NO_PASSPHRASE:
		ctx->no_passphrase = true;
		break;
	case O_PASSPHRASE_FILE:
		ctx->passphrase_file = value;
		break;
	case O_FS_LABEL:
		f->label = value;
		break;
	case O_UUID:
		parse_uuid(ctx, value);
		break;
	case O_SUPERBLOCK_SIZE:
		f->sb_size = parse_size(ctx, value, "invalid superblock size");
		break;
	case O_VERSION:
		f->version = parse_version(ctx, value);
		break;
	case O_SOURCE:
		cli_usage_error(ctx->cmd,
				"--source is not possible yet; format, mount, and copy %s then",
				value);
	case O_FORCE:
		ctx->force = true;
		break;
	case O_QUIET:
		ctx->quiet = true;
		break;
	case O_VERBOSE:
		ctx->verbose = true;
		break;
	}
}

static void parse(struct format *ctx, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(ctx->cmd, argc, argv);
	int o;

	while ((o = cli_next(&p)) != CLI_END) {
		if (o == CLI_FS_OPT) {
			fs_option(ctx, &p);
		} else if (o == CLI_OPERAND) {
			ctx->next.name = p.value;
			darray_push(&ctx->devs, ctx->next);
			ctx->next.fs_size = 0;
			ctx->device_option = false;
		} else if (device_option(ctx, o, p.value)) {
			ctx->device_option = true;
		} else {
			option(ctx, o, p.value);
		}
	}
	if (!ctx->devs.nr)
		cli_usage_error(ctx->cmd, "Please supply a device");
	if (ctx->device_option)
		cli_usage_error(ctx->cmd, "Options for devices apply to subsequent devices; got a "
					  "device option with no device");
	if (ctx->passphrase_file && (!ctx->f.encrypted || ctx->no_passphrase))
		cli_usage_error(ctx->cmd, "--passphrase_file needs --encrypted without "
					  "--no_passphrase");
	ctx->f.devs = ctx->devs.data;
	ctx->f.nr_devs = ctx->devs.nr;
}

/* --- the devices --- */

/* The first device that is the same as @dev, which may be @dev itself. */
static const struct bch_format_dev *first_same(const struct format *ctx,
					       const struct bch_format_dev *dev)
{
	const struct bch_format_dev *d;
	struct stat a, b;

	if (stat(dev->name, &a))
		return dev;
	for (d = ctx->devs.data; d < dev; d++)
		if (!stat(d->name, &b) &&
		    (S_ISBLK(a.st_mode) ? S_ISBLK(b.st_mode) && a.st_rdev == b.st_rdev :
					  a.st_dev == b.st_dev && a.st_ino == b.st_ino))
			break;
	return d;
}

static int open_devices(struct format *ctx)
{
	struct printbuf why = PRINTBUF;
	int ret = 0;

	darray_for_each(ctx->devs, d) {
		const struct bch_format_dev *same = first_same(ctx, d);

		if (same != d)
			prt_printf(&why, "%s is the same device as %s", d->name, same->name);
		if (same != d || host_in_use(d->name, &why)) {
			cli_error(ctx->cmd, "%s", printbuf_str(&why));
			ret = -EBUSY;
			break;
		}
		d->bdev = bdev_open(d->name, BLK_OPEN_READ | BLK_OPEN_WRITE | BLK_OPEN_EXCL |
						     BLK_OPEN_BUFFERED);
		if (IS_ERR(d->bdev)) {
			ret = PTR_ERR(d->bdev);
			d->bdev = NULL;
			cli_error(ctx->cmd, "Error opening device to format %s: %s", d->name,
				  strerror(-ret));
			break;
		}
		d->size = bdev_nr_bytes(d->bdev);
		d->block_size = bdev_physical_block_size(d->bdev);
	}
	printbuf_exit(&why);
	return ret;
}

/* What is on the devices, and may it be overwritten? */
static int ask(struct format *ctx)
{
	struct printbuf found = PRINTBUF;
	int ret = 0, nr = 0;

	darray_for_each(ctx->devs, d) {
		ret = host_probe(d->bdev->fd, d->name, &found);
		if (ret < 0) {
			cli_error(ctx->cmd, "%s cannot be probed: %s", d->name, strerror(-ret));
			break;
		}
		nr += ret;
		ret = 0;
	}
	cli_flush(&found);
	if (!ret && nr && !ctx->force && !cli_yes("Proceed anyway? (y,n) "))
		ret = -ECANCELED;
	printbuf_exit(&found);
	return ret;
}

static int wipe(struct format *ctx)
{
	darray_for_each(ctx->devs, d) {
		int ret = host_wipe(d->bdev->fd) ?: blkdev_issue_flush(d->bdev);

		if (ret) {
			cli_error(ctx->cmd, "%s cannot be wiped: %s", d->name, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

/* What cannot be discarded is not: superblocks are written either way. */
static void discard(const struct format *ctx)
{
	darray_for_each(ctx->devs, d) {
		u64 bytes = d->fs_size ?: d->size;

		if (d->discard)
			blkdev_issue_discard(d->bdev, 0, bytes >> SECTOR_SHIFT, GFP_KERNEL);
	}
}

static char *get_passphrase(const struct format *ctx)
{
	if (ctx->passphrase_file)
		return cli_passphrase_file(ctx->passphrase_file);
	return cli_read_new_passphrase();
}

/* --- the work --- */

static void print_written(const struct format *ctx)
{
	darray_for_each(ctx->devs, d)
		cli_error(ctx->cmd, "%s: %s", d->name,
			  d->written ? "formatted" : "NOT formatted, old contents may be damaged");
}

static void print_superblock(const struct format *ctx)
{
	struct printbuf out = PRINTBUF;

	out.human_units = true;
	bch_sb_to_text(&out, ctx->devs.data[ctx->devs.nr - 1].sb.sb, false,
		       1ULL << SB_SECTION_members_v2);
	cli_flush(&out);
	printbuf_exit(&out);
}

static int format(struct format *ctx)
{
	struct printbuf err = PRINTBUF;
	int ret = open_devices(ctx) ?: bch_format_prepare(&ctx->f, &err);

	if (!ret)
		ret = ask(ctx) ?: wipe(ctx);
	if (!ret) {
		discard(ctx);
		ret = bch_format_write(&ctx->f, &err);
		if (ret)
			print_written(ctx);
	}
	if (ret && err.pos)
		cli_error(ctx->cmd, "%s", printbuf_str(&err));
	if (!ret && !ctx->quiet)
		print_superblock(ctx);
	if (!ret && ctx->verbose)
		fprintf(stderr,
			"%zu superblock%s written; the first mount initialises the "
			"filesystem\n",
			ctx->devs.nr, ctx->devs.nr > 1 ? "s" : "");
	printbuf_exit(&err);
	return ret;
}

static int run(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct format ctx = {.cmd = cmd, .next = BCH_FORMAT_DEV};
	char *passphrase = NULL;
	int ret = 0;

	bch_format_init(&ctx.f);
	parse(&ctx, argc, argv);
	if (ctx.f.encrypted && !ctx.no_passphrase) {
		passphrase = get_passphrase(&ctx);
		if (!passphrase)
			ret = -EINVAL;
		ctx.f.passphrase = passphrase;
	}
	ret = ret ?: format(&ctx);
	cli_wipe(passphrase);
	bch_format_exit(&ctx.f);
	darray_for_each(ctx.devs, d)
		bdev_close(d->bdev);
	darray_exit(&ctx.devs);
	return ret ? EXIT_FAIL : EXIT_OK;
}

const struct cli_cmd cmd_format = {
	.name = "format",
	.alias = "mkfs",
	.group = "Superblock commands",
	.operands = "DEVICE...",
	.summary = "Format one or more devices as a new filesystem",
	.details =
		"Options and devices form one ordered list: options marked (device) hold for all "
		"devices that follow, until they are given again; the others may stand "
		"anywhere.\n\n"
		"All devices are checked before anything is written. Devices that are mounted or "
		"otherwise in use are refused; what is on the others is listed, and one question "
		"is asked for all of them.\n\n"
		"The filesystem is initialised by its first mount.",
	.opts = opts,
	.opt_flags = OPT_FORMAT,
	.run = run,
};
