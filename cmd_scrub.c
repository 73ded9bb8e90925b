/*
 * scrub: check every copy of everything on the devices of an unmounted filesystem (spec 06 section
 * 14, 09 section 16). So far only as --dry-run: nothing is written.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cli/checkpoint.h"
#include "cli/cli.h"
#include "cli/open.h"
#include "cli/progress.h"
#include "cli/scrub_json.h"
#include "cmds.h"
#include "data/scrub.h"
#include "fs/namei.h"
#include "sb/opts.h"

#define CHECKPOINT_EVERY (30ULL * 1000000000) /* ns */

/* Exit status: a mask. */
enum {
	SCRUB_EXIT_INTERRUPTED = 1,
	SCRUB_EXIT_REPAIRABLE = 2, /* bad copies, all of which something can stand in for */
	SCRUB_EXIT_LOST = 4,	   /* bad copies that nothing can stand in for, or not for sure */
	SCRUB_EXIT_FAILED = 8,
	SCRUB_EXIT_USAGE = 16,
};

static const char *const remedy_text[SCRUB_REMEDY_NR] = {
	[SCRUB_other_copy] = "other copy good",
	[SCRUB_other_unverified] = "other copy can be read, but has no checksum",
	[SCRUB_stripe] = "reconstructable from stripe",
	[SCRUB_dispensable] = "only cached, not needed",
	[SCRUB_lost] = "lost",
	[SCRUB_undecided] = "which one is right is not known",
};

struct scrub {
	const struct cli_cmd *cmd;
	struct bch_scrub s;
	struct cli_paths paths;
	struct bch_open_args open;
	struct cli_progress progress;
	bool dry_run, json, verbose, force_progress;
	u64 started; /* ns */
	struct printbuf out;
	struct json j;
	const char *device; /* option: only this one */
	bool keep;	    /* a checkpoint */
	bool restart, status, cancel, resumed;
	struct cli_checkpoint checkpoint;
	u64 saved; /* ns: when the checkpoint was last written */
	struct {   /* being told */
		struct bch_scrub_finding *finding;
		u64 inum, offset, len;
	} file;
	bool found_paths; /* that are not yet in the checkpoint */
	void (*show_viewer)(void *t, u32 snapshot);
};

static volatile sig_atomic_t interrupted;

/* The first one asks for an orderly end, a second one does not ask. */
static void on_signal(int sig)
{
	interrupted = 1;
	signal(sig, SIG_DFL);
}

static void save_checkpoint(struct scrub *t)
{
	int ret = cli_checkpoint_save(&t->checkpoint, &t->s);

	t->saved = ktime_get_ns();
	if (ret) {
		cli_progress_clear(&t->progress);
		cli_error(t->cmd, "%s: the checkpoint cannot be written: %s", t->checkpoint.path,
			  strerror(-ret));
	}
}

static bool tick(struct bch_scrub *s)
{
	struct scrub *t = s->private;
	u64 done = __atomic_load_n(&s->done, __ATOMIC_RELAXED);

	cli_progress_show(&t->progress, done, done ? s->total : 0);
	if (t->keep && ktime_get_ns() - t->saved > CHECKPOINT_EVERY)
		save_checkpoint(t);
	return !interrupted;
}

static void silence(struct bch_fs *c, const char *line)
{
}

static int exit_status(const struct scrub *t)
{
	const struct bch_scrub *s = &t->s;

	return (s->stopped ? SCRUB_EXIT_INTERRUPTED : 0) |
	       (s->all.repairable ? SCRUB_EXIT_REPAIRABLE : 0) |
	       (s->all.lost || s->all.undecided || s->lost_btrees ? SCRUB_EXIT_LOST : 0);
}

static u64 bucket_of(const struct scrub *t, const struct bch_scrub_item *item)
{
	return item->sector / bch_dev(t->s.c, item->dev)->mi.bucket_size;
}

/* A place in a file, in bytes: told for each subvolume that sees it. */
static void show_file(void *arg, u64 inum, u32 snapshot, u64 offset, u64 len)
{
	struct scrub *t = arg;

	t->file.inum = inum;
	t->file.offset = offset;
	t->file.len = len;
	bch_extent_viewers(t->s.c, inum, snapshot, offset >> 9, (offset + len) >> 9, t->show_viewer,
			   t);
}

/* Show the files of findings @i to @end, which are about the same bytes; false: not all found. */
static bool find_files(struct scrub *t, size_t i, size_t end)
{
	bool all = true;

	t->file.finding = &t->s.findings.data[i];
	for (; i < end; i++)
		all &= !bch_scrub_files(&t->s, &t->s.findings.data[i], show_file, t);
	return all;
}

/* Print a path of the file that is shown; the first one of a finding is kept for the checkpoint. */
static void file_path_to_text(struct scrub *t, struct printbuf *out, u32 snapshot)
{
	struct bch_scrub_finding *f = t->file.finding;
	struct printbuf path = PRINTBUF;

	bch_inode_path_to_text(&path, t->s.c, snapshot, t->file.inum);
	prt_bytes(out, printbuf_str(&path), path.pos);
	if (!f->path) {
		f->path = strdup(printbuf_str(&path));
		t->found_paths = true;
	}
	printbuf_exit(&path);
}

/* ---- Text ---- */

static void prt_viewer(void *arg, u32 snapshot)
{
	struct scrub *t = arg;

	prt_str(&t->out, "  ");
	file_path_to_text(t, &t->out, snapshot);
	prt_printf(&t->out, " (inode %llu snapshot %u) offset %llu length %llu\n", t->file.inum,
		   snapshot, t->file.offset, t->file.len);
}

static void prt_finding(struct scrub *t, const struct bch_scrub_finding *f)
{
	const struct bch_scrub_item *item = &f->item;
	struct printbuf *out = &t->out;

	prt_printf(out, "%s sector %llu (bucket %llu): %s: ", bch_dev(t->s.c, item->dev)->path,
		   item->sector, bucket_of(t, item), bch_scrub_kind_names[item->kind]);
	cli_scrub_why_to_text(out, &t->s, f);
	prt_printf(out, "; %s\n", remedy_text[f->remedy]);
	if (item->kind == SCRUB_node) {
		prt_str(out, "  btree ");
		bch_btree_id_to_text(out, item->btree);
		prt_printf(out, " level %u, node that ends at ", item->level);
		bch_bpos_to_text(out, item->pos);
		prt_newline(out);
	} else if (item->kind == SCRUB_journal) {
		prt_printf(out, "  journal entry %llu\n", item->seq);
	} else if (cli_scrub_is_of_stripe(item)) {
		prt_printf(out, "  stripe %llu block %u\n", item->pos.offset, item->block);
	}
}

static void prt_findings(struct scrub *t)
{
	struct bch_scrub *s = &t->s;
	size_t i, end;

	for (i = 0; i < s->findings.nr; i = end) {
		end = cli_scrub_group_end(s, i);
		prt_finding(t, &s->findings.data[i]);
		if (!find_files(t, i, end))
			prt_str(&t->out, "  and files that cannot be found\n");
		cli_flush(&t->out);
	}
	for (i = 0; i < 64; i++)
		if (s->lost_btrees >> i & 1) {
			prt_str(&t->out, "btree ");
			bch_btree_id_to_text(&t->out, i);
			prt_str(&t->out, ": its root is lost; run 'bcachefs fsck'\n");
		}
}

static void prt_part(struct printbuf *out, const char *what, u64 bytes)
{
	if (!bytes)
		return;
	prt_printf(out, ", %s ", what);
	prt_human_bytes(out, bytes);
}

static void prt_dev(struct scrub *t, const struct bch_dev *ca)
{
	const struct bch_scrub_dev *d = &t->s.devs[ca->idx];
	struct printbuf *out = &t->out;

	prt_printf(out, "%s: btree ", ca->path);
	prt_human_bytes(out, d->bytes[SCRUB_node]);
	prt_str(out, ", data ");
	prt_human_bytes(out, d->bytes[SCRUB_extent]);
	prt_part(out, "cached", d->bytes[SCRUB_cached]);
	prt_part(out, "stripe data blocks", d->bytes[SCRUB_stripe_data]);
	prt_part(out, "parity", d->bytes[SCRUB_parity]);
	prt_part(out, "journal", d->bytes[SCRUB_journal]);
	prt_part(out, "unverified", d->unverified);
	prt_printf(out, "; %llu bad copies", bch_scrub_dev_bad(d));
	if (bch_scrub_dev_bad(d))
		prt_printf(out, " (%llu repairable, %llu lost", d->repairable, d->lost);
	if (d->undecided)
		prt_printf(out, ", %llu undecided", d->undecided);
	prt_str(out, bch_scrub_dev_bad(d) ? ")\n" : "\n");
}

static void prt_report(struct scrub *t)
{
	u64 pending = 0;
	unsigned i;

	t->show_viewer = prt_viewer;
	prt_findings(t);
	for (i = 0; i < t->s.c->nr_devices; i++)
		if (bch_dev_online(bch_dev(t->s.c, i)) &&
		    (!t->s.only || t->s.only == bch_dev(t->s.c, i)))
			prt_dev(t, bch_dev(t->s.c, i));
	if (t->s.missing)
		prt_printf(&t->out, "%llu copies on missing devices were not checked\n",
			   t->s.missing);
	darray_for_each(t->s.recheck, p)
		pending += cli_scrub_is_pending(&t->s, p);
	if (pending)
		prt_printf(&t->out, "%llu bad copies found before were not looked at again\n",
			   pending);
	cli_flush(&t->out);
}

/* ---- JSON ---- */

static void json_viewer(void *arg, u32 snapshot)
{
	struct scrub *t = arg;
	struct printbuf path = PRINTBUF;
	struct json *j = &t->j;

	file_path_to_text(t, &path, snapshot);
	json_object_begin(j, NULL);
	json_strn(j, "path", printbuf_str(&path), path.pos);
	json_u64(j, "inode", t->file.inum);
	json_u64(j, "snapshot", snapshot);
	json_u64(j, "offset", t->file.offset);
	json_u64(j, "length", t->file.len);
	json_object_end(j);
	printbuf_exit(&path);
}

static void json_finding(struct scrub *t, size_t i, size_t end)
{
	const struct bch_scrub_finding *f = &t->s.findings.data[i];
	struct json *j = &t->j;

	json_object_begin(j, NULL);
	cli_scrub_finding_to_json(j, &t->s, f);
	json_array_begin(j, "files");
	find_files(t, i, end);
	json_array_end(j);
	if (f->path)
		json_str(j, "path", f->path);
	json_object_end(j);
}

static void json_errors(struct scrub *t)
{
	const struct bch_scrub *s = &t->s;
	struct json *j = &t->j;

	json_array_begin(j, "errors");
	for (size_t i = 0, end; i < s->findings.nr; i = end) {
		end = cli_scrub_group_end(s, i);
		json_finding(t, i, end);
	}
	darray_for_each(s->recheck, p)
		if (cli_scrub_is_pending(s, p))
			json_raw(j, NULL, p->told, p->told_bytes);
	json_array_end(j);
}

static void json_report(struct scrub *t)
{
	struct bch_scrub *s = &t->s;
	struct json *j = &t->j;

	t->show_viewer = json_viewer;
	json_object_begin(j, NULL);
	json_str(j, "schema", "bcachefs/scrub/1");
	json_str(j, "tool_version", BCACHEFS_VERSION);
	cli_scrub_pass_to_json(j, s, t->checkpoint.started);
	json_bool(j, "dry_run", true);
	cli_scrub_devs_to_json(j, s);
	json_errors(t);
	json_object_begin(j, "totals");
	cli_scrub_totals_to_json(j, s);
	json_u64(j, "bytes_done", s->done);
	json_u64(j, "repairable", s->all.repairable);
	json_u64(j, "lost", s->all.lost);
	json_u64(j, "undecided", s->all.undecided);
	json_u64(j, "on_missing_devices", s->missing);
	json_object_end(j);
	json_bool(j, "resumed", t->resumed);
	json_u64(j, "seconds", (ktime_get_ns() - t->started) / 1000000000);
	json_u64(j, "exit_status", exit_status(t));
	json_object_end(j);
	prt_newline(&t->out);
	cli_flush(&t->out);
}

/* ---- Options ---- */

enum {
	OPT_METADATA,
	OPT_DATA,
	OPT_DRY_RUN,
	OPT_NO_REPAIR,
	OPT_REPAIR,
	OPT_DECOMPRESS,
	OPT_PARITY,
	OPT_CHECKPOINT,
	OPT_RESTART,
	OPT_STATUS,
	OPT_CANCEL,
	OPT_NICE,
	OPT_ONLY_DEVICE,
	OPT_RATE,
	OPT_DEGRADED,
	OPT_PROGRESS,
	OPT_JSON,
	OPT_PASSPHRASE_FILE,
	OPT_MEMORY,
	OPT_VERBOSE,
};

static const struct cli_opt scrub_opts[] = {
	[OPT_METADATA] = {"metadata", 'm', NULL, "check only the nodes of the btrees"},
	[OPT_DATA] = {"data", 'd', NULL, "check only extents and stripes"},
	[OPT_DRY_RUN] = {"dry-run", 'n', NULL, "read and check, and write nothing"},
	[OPT_NO_REPAIR] = {"no-repair", 0, NULL, "the same as --dry-run"},
	[OPT_REPAIR] = {"repair", 'r', NULL, "write bad copies anew (not supported yet)"},
	[OPT_DECOMPRESS] = {"decompress", 0, NULL,
			    "also decrypt and decompress compressed data that have a checksum"},
	[OPT_PARITY] = {"parity", 0, NULL,
			"also compute parity anew from the data, as for stripes without checksums"},
	[OPT_CHECKPOINT] = {"checkpoint", 0, "[=FILE]",
			    "keep in FILE how far it is, and continue from there (default "
			    "/var/lib/bcachefs/scrub-UUID.json)"},
	[OPT_RESTART] = {"restart", 0, NULL, "begin anew, whatever the checkpoint says"},
	[OPT_STATUS] = {"status", 0, NULL, "show the checkpoint, check nothing"},
	[OPT_CANCEL] = {"cancel", 0, NULL, "remove the checkpoint, check nothing"},
	[OPT_NICE] = {"nice", 0, NULL, "leave processor and devices to others that want them"},
	[OPT_ONLY_DEVICE] = {"device", 0, "DEVICE", "check only this member, by its path or index"},
	[OPT_RATE] = {"rate", 0, "SIZE", "read at most SIZE a second of each member"},
	[OPT_DEGRADED] = {"degraded", 0, NULL, "go on when members are missing"},
	[OPT_PROGRESS] = {"progress", 0, NULL,
			  "show progress also where standard error is no terminal"},
	[OPT_JSON] = {"json", 0, NULL, "one JSON document"},
	[OPT_PASSPHRASE_FILE] = {"passphrase_file", 0, "FILE",
				 "read the passphrase of an encrypted filesystem from FILE"},
	[OPT_MEMORY] = {"memory", 0, "SIZE", "memory for btree nodes (default a quarter of all)"},
	[OPT_VERBOSE] = {"verbose", 'v', NULL, "also tell what the walk over the btrees finds"},
	{}};

/* The lowest priority of all, for the threads to come, too. */
static void be_nice(void)
{
	const int idle = 3 << 13; /* IOPRIO_CLASS_IDLE */

	if (setpriority(PRIO_PROCESS, 0, 19) ||
	    syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, idle))
		cli_error(NULL, "--nice: %s", strerror(errno));
}

static void parse_opt(struct scrub *t, int opt, const char *value)
{
	switch (opt) {
	case CLI_OPERAND:
		cli_paths_add(&t->paths, value);
		break;
	case OPT_METADATA:
		t->s.metadata = true;
		break;
	case OPT_DATA:
		t->s.data = true;
		break;
	case OPT_DRY_RUN:
	case OPT_NO_REPAIR:
		t->dry_run = true;
		break;
	case OPT_REPAIR:
		t->dry_run = false;
		break;
	case OPT_DECOMPRESS:
		t->s.decompress = true;
		break;
	case OPT_PARITY:
		t->s.parity = true;
		break;
	case OPT_CHECKPOINT:
		t->keep = true;
		t->checkpoint.path = value ? strdup(value) : NULL;
		break;
	case OPT_RESTART:
		t->restart = true;
		break;
	case OPT_CANCEL:
		t->cancel = true;
		/* fallthrough */
	case OPT_STATUS:
		t->status = t->keep = true;
		break;
	case OPT_NICE:
		be_nice();
		break;
	case OPT_ONLY_DEVICE:
		t->device = value;
		break;
	case OPT_RATE:
		if (bch_parse_size(value, &t->s.rate) || !t->s.rate)
			cli_usage_error(t->cmd, "'%s' is not a size", value);
		break;
	case OPT_DEGRADED:
		t->open.degraded = t->open.very_degraded = true;
		break;
	case OPT_PROGRESS:
		t->force_progress = true;
		break;
	case OPT_JSON:
		t->json = true;
		break;
	case OPT_PASSPHRASE_FILE:
		t->open.get_key_arg = (void *)value;
		break;
	case OPT_MEMORY:
		if (bch_parse_size(value, &t->open.memory))
			cli_usage_error(t->cmd, "'%s' is not a size", value);
		break;
	case OPT_VERBOSE:
		t->verbose = true;
		break;
	}
}

/* The member that --device names, by path or index; false: there is none. */
static bool choose_device(struct scrub *t)
{
	struct bch_fs *c = t->s.c;
	char index[16];
	unsigned i;

	for (i = 0; t->device && i < c->nr_devices && !t->s.only; i++) {
		struct bch_dev *ca = bch_dev(c, i);

		snprintf(index, sizeof(index), "%u", i);
		if (bch_dev_online(ca) &&
		    (!strcmp(ca->path, t->device) || !strcmp(index, t->device)))
			t->s.only = ca;
	}
	return !t->device || t->s.only;
}

static void need_checkpoint_path(struct scrub *t)
{
	if (!t->checkpoint.path)
		t->checkpoint.path = cli_checkpoint_default_path(t->s.c);
	if (!t->checkpoint.path)
		cli_die(t->cmd, "out of memory");
}

/* Take up where the checkpoint was left; false: told why not. */
static bool load_checkpoint(struct scrub *t)
{
	struct printbuf err = PRINTBUF;
	int ret = 0;

	t->checkpoint.started = ktime_get_real_seconds();
	if (!t->keep)
		return true;
	t->saved = ktime_get_ns();
	need_checkpoint_path(t);
	if (!t->restart)
		ret = cli_checkpoint_load(&t->checkpoint, &t->s, &err);
	if (ret < 0)
		cli_error(t->cmd, "%s", printbuf_str(&err));
	t->resumed = ret > 0;
	printbuf_exit(&err);
	return ret >= 0;
}

/* --status, --cancel */
static int show_status(struct scrub *t)
{
	struct printbuf err = PRINTBUF;
	int ret;

	need_checkpoint_path(t);
	ret = cli_checkpoint_to_text(&t->out, t->checkpoint.path, &err);
	/* Other files are not removed. */
	if (!ret && t->cancel && unlink(t->checkpoint.path)) {
		ret = -errno;
		prt_printf(&err, "%s: %s", t->checkpoint.path, strerror(errno));
	}
	if (ret)
		cli_error(t->cmd, "%s", printbuf_str(&err));
	if (!t->cancel)
		cli_flush(&t->out);
	printbuf_exit(&err);
	return ret ? SCRUB_EXIT_FAILED : 0;
}

static int run(struct scrub *t)
{
	int ret = bch_fs_start_reading(t->s.c);

	if (ret)
		return ret;
	ret = bch_scrub_run(&t->s);
	if (t->keep)
		save_checkpoint(t);
	return ret;
}

/* All that was found, and at last also to the checkpoint which files that is about. */
static void report(struct scrub *t)
{
	if (t->json)
		json_report(t);
	else
		prt_report(t);
	if (t->keep && t->found_paths)
		save_checkpoint(t);
	darray_for_each(t->s.findings, f)
		free(f->path);
}

static int scrub(struct scrub *t)
{
	struct bch_scrub *s = &t->s;
	int ret;

	if (cli_open(t->cmd, &s->c, &t->paths, &t->open, t->json ? "scrub" : NULL))
		return SCRUB_EXIT_FAILED;
	if (t->status) {
		ret = show_status(t);
		bch_fs_close(s->c);
		return ret;
	}
	if (!choose_device(t)) {
		cli_error(t->cmd, "%s is none of the devices that are here", t->device);
		bch_fs_close(s->c);
		return SCRUB_EXIT_FAILED;
	}
	if (!load_checkpoint(t)) {
		bch_scrub_exit(s);
		bch_fs_close(s->c);
		return SCRUB_EXIT_FAILED;
	}
	/* Each bad copy is reported once, by the scrub itself. */
	if (!t->verbose)
		s->c->log = silence;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	t->started = ktime_get_ns();
	cli_progress_start(&t->progress, "scrub", t->force_progress);
	ret = run(t);
	cli_progress_end(&t->progress);
	if (ret && !s->stopped) {
		cli_error(t->cmd, "%s: stopped: %s", s->c->name, bch_err_str(ret));
		if (t->json)
			cli_json_error("scrub", ret, "the scrub could not be finished");
		ret = SCRUB_EXIT_FAILED;
	} else {
		report(t);
		if (s->stopped)
			cli_error(t->cmd, "interrupted; not all was checked%s",
				  t->keep ? ": the same command continues" : "");
		ret = exit_status(t);
	}
	bch_scrub_exit(s);
	bch_fs_close(s->c);
	return ret;
}

static int run_scrub(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct scrub t = {.cmd = cmd};
	int opt, status;

	t.s.tick = tick;
	t.s.private = &t;
	t.j = JSON(&t.out);
	while ((opt = cli_next(&p)) != CLI_END)
		parse_opt(&t, opt, p.value);
	if (!t.paths.d.nr)
		cli_usage_error(cmd, "please supply a device");
	if (!t.dry_run && !t.status)
		cli_die(cmd,
			"repair is not supported yet; '--dry-run' checks all and writes nothing");
	if (!t.s.metadata && !t.s.data)
		t.s.metadata = t.s.data = true;
	if (t.status)
		t.open.nostart = true;
	else
		cli_refuse_mounted(cmd, &t.paths);
	status = scrub(&t);
	cli_checkpoint_exit(&t.checkpoint);
	cli_paths_exit(&t.paths);
	printbuf_exit(&t.out);
	return status;
}

const struct cli_cmd cmd_scrub = {
	.name = "scrub",
	.group = "Repair",
	.operands = "DEVICE...",
	.summary = "check every copy of all data and metadata",
	.details =
		"Reads every copy of every btree node and extent, every block of every stripe, the "
		"superblocks and what the journal holds to be replayed, "
		"in the order of the devices and on all of them at once, and checks it. Each bad "
		"copy is told with its device, sector and bucket, what could stand in for it, and "
		"the files that it belongs to. The filesystem must not be mounted.\n"
		"\n"
		"What has a checksum is checked by that: for encrypted data it is the MAC of what "
		"is stored. Data without checksum are read, decompressed where they are "
		"compressed, compared with their other copies, and counted as unverified, never as "
		"good. A checksum does not tell of what went wrong before it was made: with "
		"--decompress all compressed data are decrypted and decompressed, too, which costs "
		"processor time. Data that a newer kernel marked as bad when it moved them are "
		"told as lost, though their new checksum is right.\n"
		"\n"
		"The exit status is a sum: 1 interrupted, 2 bad copies that something can stand in "
		"for, 4 bad copies that are lost or of which nothing tells what is right, 8 could "
		"not run, 16 usage; 0: all is good.",
	.opts = scrub_opts,
	.exit_usage = SCRUB_EXIT_USAGE,
	.exit_fail = SCRUB_EXIT_FAILED,
	.run = run_scrub,
};
