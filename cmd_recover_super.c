/*
 * recover-super: find a superblock that is left on a device whose others are lost, or make one from
 * another member's (spec 09 section 2.5).
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <string.h>
#include "cmds.h"
#include "host/probe.h"
#include "init/open.h"
#include "sb/members.h"
#include "sb/opts.h"
#include "sb/super.h"

#define SCAN_START   4096
#define SCAN_DEFAULT (16U << 20)
#define SCAN_CHUNK   (1U << 20)

struct recover {
	const struct cli_cmd *cmd;
	const char *path, *src_path;
	struct block_device *bdev;
	u64 dev_size; /* bytes; 0: the real one */
	u64 offset;   /* bytes; 0: scan */
	u64 scan_len;
	int dev_idx; /* -1: not given */
	bool yes, verbose;
	struct bch_sb_handle found; /* sb NULL: none yet */
};

static const char *reason(int err)
{
	return -err < BCH_ERR_START ? strerror(-err) : bch_err_str(err);
}

/* --- scanning --- */

/* When any member was last mounted. */
static u64 last_mount(const struct bch_sb *sb)
{
	u64 latest = 0;
	unsigned i;

	for (i = 0; i < sb->nr_devices; i++) {
		struct bch_member m = bch_member_get(sb, i);

		if (bch_member_alive(&m))
			latest = max(latest, (u64)le64_to_cpu(m.last_mount));
	}
	return latest;
}

static bool better(const struct bch_sb *a, const struct bch_sb *b)
{
	if (last_mount(a) != last_mount(b))
		return last_mount(a) > last_mount(b);
	return le64_to_cpu(a->seq) > le64_to_cpu(b->seq);
}

/* Read what begins at @sector, and keep it if it is the best so far. */
static void candidate_try(struct recover *r, u64 sector)
{
	struct bch_sb_read_args args = {.access = SB_READ, .sector = sector};
	struct printbuf err = PRINTBUF;
	struct bch_sb_handle h = {};
	int ret = bch_sb_read(&h, r->bdev, &args, &err);

	if (!ret && le64_to_cpu(h.sb->offset) != sector) {
		prt_printf(&err, "Bad sb offset (got %llu, read from %llu)",
			   le64_to_cpu(h.sb->offset), sector);
		ret = -BCH_ERR_invalid_sb_offset;
	}
	if (ret)
		cli_error(r->cmd, "found sb %llu that failed to validate: %s", sector << 9,
			  printbuf_str(&err));
	else if (!r->found.sb || better(h.sb, r->found.sb))
		swap(r->found, h);
	bch_sb_free(&h);
	printbuf_exit(&err);
}

/* Look at each sector of [start, end), bytes. */
static void range_scan(struct recover *r, u64 start, u64 end, u8 *buf)
{
	u64 at, i;

	for (at = start; at < end; at += SCAN_CHUNK) {
		u64 bytes = min_t(u64, SCAN_CHUNK, end - at);

		if (bdev_read(r->bdev, at >> 9, buf, bytes)) {
			cli_error(r->cmd, "%s: bytes %llu to %llu cannot be read", r->path, at,
				  at + bytes);
			continue;
		}
		for (i = 0; i + 512 <= bytes; i += 512) {
			const struct bch_sb *sb = (const void *)(buf + i);

			if (!memcmp(sb->magic, bch_sb_magic, 16) ||
			    !memcmp(sb->magic, bch_sb_magic_old, 16))
				candidate_try(r, (at + i) >> 9);
		}
	}
}

static u64 usable_size(const struct recover *r)
{
	u64 size = r->dev_size ?: bdev_nr_bytes(r->bdev);

	return round_down(min(size, bdev_nr_bytes(r->bdev)), 512ULL);
}

static int scan(struct recover *r)
{
	u64 size = usable_size(r), len = min(r->scan_len, size);
	u8 *buf = kvmalloc(SCAN_CHUNK, GFP_KERNEL);

	if (!buf)
		return -ENOMEM;
	if (r->offset) {
		candidate_try(r, r->offset >> 9);
	} else {
		range_scan(r, SCAN_START, len, buf);
		range_scan(r, max3(size - len, len, (u64)SCAN_START), size, buf);
	}
	kvfree(buf);
	if (r->found.sb)
		return 0;
	cli_error(r->cmd, "Found no bcachefs superblocks");
	return -BCH_ERR_invalid_sb;
}

/* --- from another member --- */

/* What is the lost device's own: index, layout, journal. */
static int become_member(struct recover *r, struct printbuf *err)
{
	struct bch_sb *sb = r->found.sb;
	struct bch_member m = bch_member_get(sb, r->dev_idx);
	u64 sectors = usable_size(r) >> 9;

	if (!bch_member_exists(sb, r->dev_idx)) {
		prt_printf(err, "%s knows no member %d", r->src_path, r->dev_idx);
		return -BCH_ERR_device_has_been_removed;
	}
	if (sectors < le64_to_cpu(m.nbuckets) * le16_to_cpu(m.bucket_size)) {
		prt_printf(err, "%s is smaller than member %d was", r->path, r->dev_idx);
		return -BCH_ERR_device_size_too_small;
	}
	sb->dev_idx = r->dev_idx;
	/* As old as the others believe it to be: else they take it for a split brain. */
	if (m.seq && le64_to_cpu(m.seq) < le64_to_cpu(sb->seq)) {
		sb->seq = m.seq;
	} else {
		m.seq = sb->seq;
		bch_member_put(sb, r->dev_idx, &m);
	}
	bch_sb_section_delete(&r->found, SB_SECTION_journal);
	bch_sb_section_delete(&r->found, SB_SECTION_journal_v2);
	sb = r->found.sb;
	return bch_sb_layout_init(&sb->layout, le16_to_cpu(sb->block_size),
				  le16_to_cpu(m.bucket_size), 1U << sb->layout.sb_max_size_bits,
				  BCH_SB_SECTOR, sectors, err);
}

static int from_member(struct recover *r)
{
	struct bch_sb_read_args args = {.access = SB_WRITE};
	struct printbuf err = PRINTBUF;
	struct block_device *src = bdev_open(r->src_path, BLK_OPEN_READ);
	int ret = PTR_ERR_OR_ZERO(src);

	if (ret) {
		cli_error(r->cmd, "Error opening %s: %s", r->src_path, reason(ret));
		return ret;
	}
	ret = bch_sb_read(&r->found, src, &args, &err) ?: become_member(r, &err);
	if (ret)
		cli_error(r->cmd, "%s: %s", r->src_path, printbuf_str(&err));
	bdev_close(src);
	printbuf_exit(&err);
	return ret;
}

/* --- the command --- */

static bool confirmed(struct recover *r)
{
	struct printbuf out = PRINTBUF;

	out.human_units = true;
	prt_str(&out, "Found superblock:\n");
	bch_sb_to_text(&out, r->found.sb, true, 1ULL << SB_SECTION_members_v2);
	cli_flush(&out);
	printbuf_exit(&out);
	return r->yes || cli_yes("Recover? (y,n) ");
}

static int write_found(struct recover *r)
{
	struct printbuf err = PRINTBUF;
	int ret = bch_sb_write_copies(&r->found, r->bdev, &err);

	if (ret)
		cli_error(r->cmd, "%s: %s", r->path, printbuf_str(&err));
	printbuf_exit(&err);
	return ret;
}

static int recover_super(struct recover *r)
{
	struct printbuf why = PRINTBUF;
	int ret;

	bch_engine_init();
	if (host_in_use(r->path, &why))
		cli_die(r->cmd, "%s", printbuf_str(&why));
	r->bdev = bdev_open(r->path, BLK_OPEN_READ | BLK_OPEN_WRITE | BLK_OPEN_EXCL);
	if (IS_ERR(r->bdev))
		cli_die(r->cmd, "Error opening %s: %s", r->path, reason(PTR_ERR(r->bdev)));
	ret = r->src_path ? from_member(r) : scan(r);
	if (!ret && !confirmed(r))
		ret = -EINTR;
	ret = ret ?: write_found(r);
	if (!ret && r->src_path) {
		struct printbuf out = PRINTBUF;

		prt_printf(&out,
			   "%s has no journal now: run 'bcachefs fsck' on all devices of the "
			   "filesystem\n",
			   r->path);
		cli_flush(&out);
		printbuf_exit(&out);
	}
	bch_sb_free(&r->found);
	bdev_close(r->bdev);
	return ret ? EXIT_FAIL : EXIT_OK;
}

enum {
	RECOVER_DEV_SIZE,
	RECOVER_OFFSET,
	RECOVER_SCAN_LEN,
	RECOVER_SRC_DEVICE,
	RECOVER_DEV_IDX,
	RECOVER_YES,
	RECOVER_VERBOSE,
};

static const struct cli_opt recover_super_opts[] = {
	[RECOVER_DEV_SIZE] = {"dev_size", 'd', "SIZE", "size of the device when it was formatted"},
	[RECOVER_OFFSET] = {"offset", 'o', "BYTES", "where the superblock is; a multiple of 512"},
	[RECOVER_SCAN_LEN] = {"scan_len", 'l', "SIZE", "how much to scan at either end (16M)"},
	[RECOVER_SRC_DEVICE] = {"src_device", 's', "DEVICE", "make it from that of another member"},
	[RECOVER_DEV_IDX] = {"dev_idx", 'i', "N", "number of the lost member, with --src_device"},
	[RECOVER_YES] = {"yes", 'y', NULL, "do not ask"},
	[RECOVER_VERBOSE] = {"verbose", 'v', NULL, "print more messages"},
	{},
};

static u64 size_value(const struct cli_parse *p)
{
	u64 v;

	if (bch_parse_size(p->value, &v))
		cli_usage_error(p->cmd, "bad size %s", p->value);
	return v;
}

static void take_option(struct recover *r, const struct cli_parse *p, int opt)
{
	switch (opt) {
	case CLI_OPERAND:
		if (r->path)
			cli_usage_error(r->cmd, "too many arguments");
		r->path = p->value;
		break;
	case RECOVER_DEV_SIZE:
		r->dev_size = size_value(p);
		break;
	case RECOVER_OFFSET:
		r->offset = size_value(p);
		if (!r->offset || r->offset & 511)
			cli_usage_error(r->cmd, "offset must be a multiple of 512");
		break;
	case RECOVER_SCAN_LEN:
		r->scan_len = round_up(size_value(p), 512ULL);
		break;
	case RECOVER_SRC_DEVICE:
		r->src_path = p->value;
		break;
	case RECOVER_DEV_IDX:
		r->dev_idx = min_t(u64, size_value(p), BCH_MAX_DEVS);
		break;
	case RECOVER_YES:
		r->yes = true;
		break;
	case RECOVER_VERBOSE:
		r->verbose = true;
		break;
	}
}

static int cmd_recover_super_run(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct recover r = {.cmd = cmd, .scan_len = SCAN_DEFAULT, .dev_idx = -1};
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	int opt;

	while ((opt = cli_next(&p)) != CLI_END)
		take_option(&r, &p, opt);
	if (!r.path)
		cli_usage_error(cmd, "please supply a device");
	if (!r.src_path != (r.dev_idx < 0))
		cli_usage_error(cmd, "--src_device and --dev_idx need each other");
	return recover_super(&r);
}

const struct cli_cmd cmd_recover_super = {
	.name = "recover-super",
	.group = "Superblock commands",
	.operands = "DEVICE",
	.summary = "Attempt to recover overwritten superblock from backups",
	.details =
		"Looks for superblocks at both ends of the device, shows the one that was mounted "
		"last, asks, and writes all its copies. With --src_device a superblock is made "
		"from another member's; fsck must run afterwards.",
	.opts = recover_super_opts,
	.run = cmd_recover_super_run,
};
