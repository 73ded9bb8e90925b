/* undelete: list deleted files, or copy them out (spec 09 sections 15.2, 17). */
#include <linux/kernel.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/open.h"
#include "cli/progress.h"
#include "cmds.h"
#include "format/errcode.h"
#include "fs/namei.h"
#include "host/undelete.h"
#include "sb/opts.h"

#define UNDELETE_EXIT_INCOMPLETE 4
#define FLUSH_AT		 (64U << 10) /* bytes of output */

struct cmd_undelete {
	const struct cli_cmd *cmd;
	struct undelete u;
	struct cli_paths paths; /* of devices */
	struct bch_open_args open;
	DARRAY(const char *) patterns;
	DARRAY(u64) inums;
	const char *target;
	bool list, json, quiet, verbose, force_progress, overwrite;
	struct cli_progress progress;
	struct printbuf out;
	struct json j;
};

static volatile bool interrupted;

static void on_signal(int sig)
{
	interrupted = true;
}

static void silence(struct bch_fs *c, const char *line)
{
}

static bool tick(struct undelete *u)
{
	struct cmd_undelete *t = u->private;

	cli_progress_show(&t->progress, u->done, 0);
	return !interrupted;
}

static void scan_progress(struct bch_fs *c, u64 done, u64 total, void *arg)
{
	struct cmd_undelete *t = arg;

	cli_progress_show(&t->progress, done << 9, total << 9);
}

static void flush(struct cmd_undelete *t, size_t at_least)
{
	if (t->out.pos < at_least || !t->out.pos)
		return;
	cli_progress_clear(&t->progress);
	cli_flush(&t->out);
}

/* ---- Text ---- */

static void prt_path(struct printbuf *out, const struct undelete_obj *obj)
{
	if (obj->path[0] != '?')
		prt_char(out, '/');
	cli_prt_path(out, obj->path, obj->path_len);
}

/* "partial 47%     4098      300001 2026-01-02 03:04:05       17 /a/b" */
static void prt_listed(struct printbuf *out, const struct undelete_obj *obj)
{
	const struct bch_undelete_file *f = obj->f;
	const char *quality = bch_undelete_quality_names[f->quality];
	char when[40] = "", seq[24] = "-", text[24];
	struct tm tm;

	if (f->quality == BCH_UNDELETE_partial) {
		snprintf(text, sizeof(text), "%s %u%%", quality, undelete_percent(f));
		quality = text;
	}
	if (f->deleted_seq)
		snprintf(seq, sizeof(seq), "%llu", f->deleted_seq);
	if (localtime_r(&obj->meta.mtime.tv_sec, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	prt_printf(out, "%-11s %10llu %12llu %s %8s ", quality, f->inum, f->u.bi_size, when, seq);
	prt_path(out, obj);
	prt_newline(out);
}

/* "PATH: 0..4096: REASON; NOTES" for a file that is not as it should be. */
static void print_problems(struct cmd_undelete *t, const struct undelete_obj *obj)
{
	struct printbuf line = PRINTBUF;
	const char *sep = ": ";

	prt_path(&line, obj);
	darray_for_each(obj->lost, l) {
		prt_str(&line, sep);
		if (l->end > l->start)
			prt_printf(&line, "%llu..%llu: ", l->start, l->end);
		prt_str(&line, l->why);
		sep = "; ";
	}
	if (obj->f->doubt) {
		prt_printf(&line, "%s%s", sep, obj->f->doubt);
		sep = "; ";
	}
	if (obj->err) {
		prt_printf(&line, "%snot written: %s", sep, strerror(-bch_err_class(obj->err)));
		sep = "; ";
	}
	if (obj->meta.notes.pos)
		prt_printf(&line, "%s%s", sep, printbuf_str(&obj->meta.notes));
	flush(t, 1);
	cli_progress_clear(&t->progress);
	fprintf(stderr, "%s\n", printbuf_str(&line));
	printbuf_exit(&line);
}

/* ---- JSON ---- */

static void json_reason(struct json *j, const char *why)
{
	json_object_begin(j, NULL);
	json_str(j, "reason", why);
	json_object_end(j);
}

static void json_problems(struct json *j, const struct undelete_obj *obj)
{
	json_array_begin(j, "errors");
	darray_for_each(obj->lost, l) {
		json_object_begin(j, NULL);
		if (l->end > l->start) {
			json_u64(j, "offset", l->start);
			json_u64(j, "length", l->end - l->start);
		}
		json_str(j, "reason", l->why);
		json_object_end(j);
	}
	if (obj->f->doubt)
		json_reason(j, obj->f->doubt);
	if (obj->err)
		json_reason(j, strerror(-bch_err_class(obj->err)));
	if (obj->meta.notes.pos)
		json_reason(j, printbuf_str(&obj->meta.notes));
	json_array_end(j);
}

static void json_obj(struct cmd_undelete *t, const struct undelete_obj *obj)
{
	const struct bch_undelete_file *f = obj->f;
	struct printbuf path = PRINTBUF;
	struct json *j = &t->j;
	bool came_out = !obj->err && f->quality != BCH_UNDELETE_lost;

	if (obj->path[0] != '?')
		prt_char(&path, '/');
	prt_bytes(&path, obj->path, obj->path_len);
	json_object_begin(j, NULL);
	json_strn(j, "path", printbuf_str(&path), path.pos);
	json_u64(j, "inode", f->inum);
	json_u64(j, "snapshot", f->snapshot);
	json_str(j, "type", restore_type_name(f->u.bi_mode));
	json_u64(j, "size", f->u.bi_size);
	json_s64(j, "mtime", obj->meta.mtime.tv_sec);
	if (f->deleted_seq)
		json_u64(j, "deleted_seq", f->deleted_seq);
	json_str(j, "source", bch_undelete_source_names[f->source]);
	json_str(j, "quality", bch_undelete_quality_names[f->quality]);
	json_u64(j, "percent", undelete_percent(f));
	if (!t->list)
		json_u64(j, "restored_bytes", came_out ? f->verified + f->unverified : 0);
	json_problems(j, obj);
	json_object_end(j);
	printbuf_exit(&path);
}

static void json_head(struct cmd_undelete *t)
{
	json_object_begin(&t->j, NULL);
	json_str(&t->j, "schema", "bcachefs/undelete/1");
	json_str(&t->j, "tool_version", BCACHEFS_VERSION);
	json_uuid(&t->j, "uuid", t->u.d.c->user_uuid);
	json_bool(&t->j, "list", t->list);
	json_array_begin(&t->j, "files");
}

static void json_tail(struct cmd_undelete *t, int status)
{
	struct json *j = &t->j;
	unsigned q;

	json_array_end(j);
	json_object_begin(j, "totals");
	for (q = 0; q <= BCH_UNDELETE_lost; q++)
		json_u64(j, bch_undelete_quality_names[q], t->u.nr[q]);
	json_u64(j, "bytes", t->u.bytes);
	json_u64(j, "refused", t->u.refused);
	json_u64(j, "nodes_unreadable", t->u.d.nr_unreadable);
	json_object_end(j);
	json_u64(j, "exit_status", status);
	json_object_end(j);
	prt_newline(&t->out);
}

/* ---- The run ---- */

static void report(struct undelete *u, const struct undelete_obj *obj)
{
	struct cmd_undelete *t = u->private;

	if (t->json)
		json_obj(t, obj);
	else if (t->list || t->verbose)
		prt_listed(&t->out, obj);
	flush(t, FLUSH_AT);
	if ((!t->list || t->verbose) &&
	    (obj->lost.nr || obj->f->doubt || obj->err || obj->meta.notes.pos))
		print_problems(t, obj);
}

static void print_totals(struct cmd_undelete *t)
{
	const u64 *nr = t->u.nr;

	prt_printf(&t->out,
		   "%s: %llu intact, %llu unverified, %llu partial, %llu lost; %llu bytes\n",
		   t->list ? "deleted files" : "restored", nr[BCH_UNDELETE_intact],
		   nr[BCH_UNDELETE_unverified], nr[BCH_UNDELETE_partial], nr[BCH_UNDELETE_lost],
		   t->u.bytes);
}

/* What no single file can be blamed for; true: something may be missing. */
static bool report_gathering(struct cmd_undelete *t)
{
	struct bch_undelete *d = &t->u.d;
	const u64 *nr = t->u.nr;
	bool amiss = d->nr_unreadable || d->out_of_memory;

	if (d->nr_unreadable)
		cli_error(t->cmd, "%s: %llu btree nodes cannot be read: files may be missing",
			  d->c->name, d->nr_unreadable);
	if (d->out_of_memory)
		cli_error(t->cmd, "%s: there are more old keys than '--memory' has room for",
			  d->c->name);
	if ((t->patterns.nr || t->inums.nr) && !(nr[0] | nr[1] | nr[2] | nr[3])) {
		cli_error(t->cmd, "%s: nothing that is deleted matches", d->c->name);
		amiss = true;
	}
	return amiss;
}

static int open_all(struct cmd_undelete *t)
{
	struct bch_undelete *d = &t->u.d;
	struct printbuf err = PRINTBUF;
	int ret;

	if (!t->quiet && t->open.scan)
		cli_progress_start(&t->progress, "scan", t->force_progress);
	ret = cli_open(t->cmd, &d->c, &t->paths, &t->open, t->json ? "undelete" : NULL);
	cli_progress_end(&t->progress);
	if (ret)
		return ret;
	if (!t->verbose)
		d->c->log = silence;
	ret = bch_fs_start_reading(d->c) ?: bch_undelete_init(d);
	if (ret)
		cli_error(t->cmd, "%s: %s", d->c->name, bch_err_sentence(ret));
	if (ret || t->list)
		return ret;
	t->u.out = tree_dir_open(t->target, TREE_KEEP_ALL & (geteuid() ? ~TREE_KEEP_owner : ~0),
				 t->overwrite ? TREE_EXISTS_replace : TREE_EXISTS_error, &err);
	if (!t->u.out)
		cli_error(t->cmd, "%s", err.pos ? printbuf_str(&err) : "out of memory");
	printbuf_exit(&err);
	return t->u.out ? 0 : -EINVAL;
}

static int undelete(struct cmd_undelete *t)
{
	struct undelete *u = &t->u;
	int ret, status;
	bool amiss;

	if (open_all(t)) {
		bch_undelete_exit(&u->d);
		bch_fs_close(u->d.c);
		return EXIT_FAIL;
	}
	if (!t->quiet)
		cli_progress_start(&t->progress, t->list ? "reading" : "undelete",
				   t->force_progress);
	if (t->json)
		json_head(t);
	ret = undelete_run(u);
	cli_progress_end(&t->progress);
	flush(t, 1);
	if (ret)
		cli_error(t->cmd, "%s: stopped: %s", t->target ?: u->d.c->name,
			  strerror(-bch_err_class(ret)));
	amiss = report_gathering(t) || ret || u->refused;
	if (!t->list)
		amiss |= u->nr[BCH_UNDELETE_unverified] || u->nr[BCH_UNDELETE_partial] ||
			 u->nr[BCH_UNDELETE_lost];
	status = amiss ? UNDELETE_EXIT_INCOMPLETE : EXIT_OK;
	if (t->json)
		json_tail(t, status);
	else if (!t->quiet)
		print_totals(t);
	flush(t, 1);
	if (u->out)
		u->out->ops->free(u->out);
	bch_undelete_exit(&u->d);
	bch_fs_close(u->d.c);
	return status;
}

/* ---- Options ---- */

enum {
	OPT_PATH,
	OPT_INUM,
	OPT_LIST,
	OPT_SINCE,
	OPT_SCAN,
	OPT_OVERWRITE,
	OPT_PASSPHRASE_FILE,
	OPT_MEMORY,
	OPT_PROGRESS,
	OPT_JSON,
	OPT_VERBOSE,
	OPT_QUIET,
};

static const struct cli_opt undelete_opts[] = {
	[OPT_PATH] =
		{"path", 'p', "PATH",
		 "only this file or subtree, or what matches PATH with *, ? and []; may be given "
		 "several times"},
	[OPT_INUM] = {"inode", 'i', "INODE", "only this inode; may be given several times"},
	[OPT_LIST] = {"list", 'l', NULL, "list what is found, and how good it is"},
	[OPT_SINCE] = {"since", 0, "TIME",
		       "only what was deleted since: YYYY-MM-DD[ HH:MM[:SS]] or @SECONDS since "
		       "the epoch"},
	[OPT_SCAN] = {"scan", 0, NULL,
		      "also look for btree nodes that are no longer in use, on all of the devices"},
	[OPT_OVERWRITE] = {"overwrite", 'O', NULL, "replace files that are there already"},
	[OPT_PASSPHRASE_FILE] = {"passphrase_file", 0, "FILE",
				 "read the passphrase of an encrypted filesystem from FILE"},
	[OPT_MEMORY] = {"memory", 0, "SIZE",
			"memory for btree nodes (default a quarter of all), and as much for old "
			"keys (default 256M)"},
	[OPT_PROGRESS] = {"progress", 0, NULL,
			  "show progress also where standard error is no terminal"},
	[OPT_JSON] = {"json", 0, NULL, "one JSON document"},
	[OPT_VERBOSE] = {"verbose", 'v', NULL, "list what is restored, tell all that is found"},
	[OPT_QUIET] = {"quiet", 'q', NULL, "nothing but errors"},
	{}};

static void add_inode(struct cmd_undelete *t, const char *value)
{
	char *end;
	u64 inum = strtoull(value, &end, 10);

	if (*end || end == value)
		cli_usage_error(t->cmd, "'%s' is not the number of an inode", value);
	if (darray_push(&t->inums, inum))
		cli_die(t->cmd, "out of memory");
}

static void parse(struct cmd_undelete *t, int opt, const char *value)
{
	bool *const switches[] = {
		[OPT_LIST] = &t->list,
		[OPT_OVERWRITE] = &t->overwrite,
		[OPT_PROGRESS] = &t->force_progress,
		[OPT_JSON] = &t->json,
		[OPT_VERBOSE] = &t->verbose,
		[OPT_QUIET] = &t->quiet,
	};

	if (opt >= 0 && opt < (int)ARRAY_SIZE(switches) && switches[opt])
		*switches[opt] = true;
	switch (opt) {
	case CLI_OPERAND:
		/* The last one is the target. */
		if (t->target)
			cli_paths_add(&t->paths, t->target);
		t->target = value;
		break;
	case OPT_PATH:
		if (darray_push(&t->patterns, value))
			cli_die(t->cmd, "out of memory");
		break;
	case OPT_INUM:
		add_inode(t, value);
		break;
	case OPT_SINCE:
		t->u.since = cli_time(t->cmd, value);
		break;
	case OPT_SCAN:
		t->open.scan = BCH_SCAN_always;
		break;
	case OPT_PASSPHRASE_FILE:
		t->open.get_key_arg = (void *)value;
		break;
	case OPT_MEMORY:
		if (bch_parse_size(value, &t->open.memory))
			cli_usage_error(t->cmd, "'%s' is not a size", value);
		t->u.d.memory = t->open.memory;
		break;
	}
}

static void check_usage(struct cmd_undelete *t)
{
	if (t->list && t->target) {
		cli_paths_add(&t->paths, t->target);
		t->target = NULL;
	}
	if (!t->paths.d.nr)
		cli_usage_error(t->cmd, "please supply a device%s",
				t->list ? "" : " and a directory");
	t->u.patterns = t->patterns.data;
	t->u.nr_patterns = t->patterns.nr;
	t->u.inums = t->inums.data;
	t->u.nr_inums = t->inums.nr;
	if (t->quiet)
		t->open.log = silence;
}

static int run_undelete(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct cmd_undelete t = {.cmd = cmd};
	int opt, status;

	t.open.degraded = t.open.very_degraded = t.open.salvage = true;
	t.open.read_entire_journal = true;
	t.open.cancel = &interrupted;
	t.open.scan_progress = scan_progress;
	t.open.scan_progress_arg = &t;
	t.u.report = report;
	t.u.tick = tick;
	t.u.private = &t;
	t.j = JSON(&t.out);
	while ((opt = cli_next(&p)) != CLI_END)
		parse(&t, opt, p.value);
	check_usage(&t);
	cli_refuse_mounted(cmd, &t.paths);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	status = undelete(&t);
	darray_exit(&t.patterns);
	darray_exit(&t.inums);
	cli_paths_exit(&t.paths);
	printbuf_exit(&t.out);
	return status;
}

const struct cli_cmd cmd_undelete = {
	.name = "undelete",
	.group = "Repair",
	.operands = "DEVICE... DIR",
	.summary = "find deleted files of an unmounted filesystem, and copy them out",
	.details =
		"Looks for what is left of deleted files and symlinks, and copies it to DIR; with "
		"--list it only tells what there is. Nothing is written to the devices. The sooner "
		"after the deletion the filesystem is unmounted, the more is found. What was not "
		"yet "
		"written to the devices when a file was deleted is not there.\n"
		"\n"
		"The old keys come from the journal, which notes what each update replaces; from "
		"btree nodes that still have them behind newer ones; with --scan from nodes that "
		"are no longer in use; and from snapshots that still have the file. A file whose "
		"last name only is gone, while it has others, is not deleted.\n"
		"\n"
		"--list prints of each file its quality, inode, size, time of modification, the "
		"journal sequence number of the deletion (or -), and path. It is intact when its "
		"state is known to be the last and a checksum vouches for all of its data; "
		"unverified when nothing speaks against it, but some data has no checksum or there "
		"may have been a later state; partial, with the share that can be read; or lost. "
		"Files whose directory is not known are listed as ?/NAME and restored to "
		"lost+found. Of several files of one path the one deleted last has the name, the "
		"others NAME.INODE.\n"
		"\n"
		"The exit status is 0 when all that matches was listed, or restored intact; 4 when "
		"something is not intact or may be missing; 1 when the filesystem cannot be opened "
		"or for wrong usage.",
	.opts = undelete_opts,
	.exit_usage = EXIT_FAIL,
	.run = run_undelete,
};
