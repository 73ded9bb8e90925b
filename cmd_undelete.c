/* undelete: list deleted files, or copy them out (spec 09 sections 15.2, 17). */
#include <linux/kernel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/rescue.h"
#include "cmds.h"
#include "format/errcode.h"
#include "host/undelete.h"
#include "journal/journal.h"

struct cmd_undelete {
	struct cli_rescue r;
	struct undelete u;
	DARRAY(u64) inums;
};

static bool tick(struct undelete *u)
{
	struct cmd_undelete *t = u->private;

	cli_progress_show(&t->r.progress, u->done, 0);
	return cli_rescue_goes_on();
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
	char seq[24] = "-", text[24];

	if (f->quality == BCH_UNDELETE_partial) {
		snprintf(text, sizeof(text), "%s %u%%", quality, undelete_percent(f));
		quality = text;
	}
	if (obj->deleted_seq)
		snprintf(seq, sizeof(seq), "%llu", obj->deleted_seq);
	else if (f->deleted_until)
		snprintf(seq, sizeof(seq), "<=%llu", f->deleted_until);
	prt_printf(out, "%-11s %10llu %12llu ", quality, f->inum, f->u.bi_size);
	cli_rescue_prt_time(out, obj->meta.mtime.tv_sec);
	prt_printf(out, " %8s ", seq);
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
	cli_rescue_tell(&t->r, &line);
}

/* ---- JSON ---- */

static void json_problems(struct cli_rescue *r, const struct undelete_obj *obj)
{
	json_array_begin(&r->j, "errors");
	darray_for_each(obj->lost, l)
		cli_rescue_json_error(r, l->start, l->end, l->why);
	if (obj->f->doubt)
		cli_rescue_json_error(r, 0, 0, obj->f->doubt);
	if (obj->err)
		cli_rescue_json_error(r, 0, 0, strerror(-bch_err_class(obj->err)));
	if (obj->meta.notes.pos)
		cli_rescue_json_error(r, 0, 0, printbuf_str(&obj->meta.notes));
	json_array_end(&r->j);
}

static void json_obj(struct cmd_undelete *t, const struct undelete_obj *obj)
{
	const struct bch_undelete_file *f = obj->f;
	struct printbuf path = PRINTBUF;
	struct json *j = &t->r.j;
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
	if (obj->deleted_seq)
		json_u64(j, "deleted_seq", obj->deleted_seq);
	else if (f->deleted_until)
		json_u64(j, "deleted_until_seq", f->deleted_until);
	json_str(j, "source", bch_undelete_source_names[f->source]);
	json_str(j, "quality", bch_undelete_quality_names[f->quality]);
	json_u64(j, "percent", undelete_percent(f));
	if (obj->is_link)
		json_bool(j, "link", true);
	if (!t->r.list)
		json_u64(j, "restored_bytes", came_out ? f->verified + f->unverified : 0);
	json_problems(&t->r, obj);
	json_object_end(j);
	printbuf_exit(&path);
}

static void json_tail(struct cmd_undelete *t, int status)
{
	struct json *j = &t->r.j;
	unsigned q;

	json_array_end(j);
	json_object_begin(j, "totals");
	for (q = 0; q < BCH_UNDELETE_QUALITY_NR; q++)
		json_u64(j, bch_undelete_quality_names[q], t->u.nr[q]);
	json_u64(j, "bytes", t->u.bytes);
	json_u64(j, "refused", t->u.refused);
	json_u64(j, "nodes_unreadable", t->u.d.nr_unreadable);
	json_object_end(j);
	cli_rescue_json_tail(&t->r, status);
}

/* ---- The run ---- */

static void report(struct undelete *u, const struct undelete_obj *obj)
{
	struct cmd_undelete *t = u->private;

	if (t->r.json)
		json_obj(t, obj);
	else if (t->r.list || t->r.verbose)
		prt_listed(&t->r.out, obj);
	cli_rescue_flush(&t->r, RESCUE_FLUSH_AT);
	if ((!t->r.list || t->r.verbose) &&
	    (obj->lost.nr || obj->f->doubt || obj->err || obj->meta.notes.pos))
		print_problems(t, obj);
}

static void print_totals(struct cmd_undelete *t)
{
	const u64 *nr = t->u.nr;

	prt_printf(&t->r.out, "%s: %llu intact, ", t->r.list ? "deleted files" : "restored",
		   nr[BCH_UNDELETE_intact]);
	if (nr[BCH_UNDELETE_kept])
		prt_printf(&t->r.out, "%llu kept, ", nr[BCH_UNDELETE_kept]);
	prt_printf(&t->r.out, "%llu unverified, %llu partial, %llu lost; %llu bytes\n",
		   nr[BCH_UNDELETE_unverified], nr[BCH_UNDELETE_partial], nr[BCH_UNDELETE_lost],
		   t->u.bytes);
}

/* What no single file can be blamed for; true: something may be missing. */
static bool report_gathering(struct cmd_undelete *t)
{
	struct bch_undelete *d = &t->u.d;
	const u64 *nr = t->u.nr;
	u64 faults = cli_rescue_journal_faults(d->c);
	bool amiss = d->nr_unreadable || d->out_of_memory || d->too_many || faults ||
		     d->c->journal->end_is_lost || cli_rescue_has_no_roots(d->c);

	if (faults || cli_rescue_has_no_roots(d->c))
		cli_rescue_trouble(&t->r, "%s: the journal is damaged: files may be missing",
				   d->c->name);
	else if (d->c->journal->end_is_lost)
		cli_rescue_trouble(&t->r,
				   "%s: journal entries behind seq %llu are lost: what was deleted "
				   "last may be missing",
				   d->c->name, d->c->journal->replay_last);
	if (d->nr_unreadable)
		cli_rescue_trouble(&t->r,
				   "%s: %llu btree nodes cannot be read: files may be missing",
				   d->c->name, d->nr_unreadable);
	if (d->out_of_memory)
		cli_rescue_trouble(&t->r,
				   "%s: there are more old keys than '--memory' has room for",
				   d->c->name);
	if (d->too_many)
		cli_rescue_trouble(&t->r, "%s: one inode number had more files than are looked for",
				   d->c->name);
	if ((t->r.wanted.nr || t->inums.nr) && !(nr[0] | nr[1] | nr[2] | nr[3] | nr[4])) {
		cli_rescue_trouble(&t->r, "%s: nothing that is deleted matches", d->c->name);
		amiss = true;
	}
	return amiss;
}

static int open_all(struct cmd_undelete *t)
{
	struct bch_undelete *d = &t->u.d;
	int ret = cli_rescue_open(&t->r, &d->c, "undelete");

	if (ret)
		return ret;
	if (cli_rescue_has_no_roots(d->c) && !t->r.open.scan)
		return cli_rescue_fail(&t->r, -EINVAL,
				       "%s: no journal entry names the roots of the btrees; "
				       "'--scan' looks on the devices for what can stand in",
				       d->c->name);
	ret = bch_fs_start_reading(d->c) ?: bch_undelete_init(d);
	if (ret)
		cli_rescue_fail(&t->r, ret, "%s: %s", d->c->name, bch_err_sentence(ret));
	if (ret || t->r.list)
		return ret;
	t->u.out = cli_rescue_target(&t->r, cli_rescue_keep(0),
				     t->r.overwrite ? TREE_EXISTS_replace : TREE_EXISTS_error);
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
	if (!t->r.quiet)
		cli_progress_start(&t->r.progress, t->r.list ? "reading" : "undelete",
				   t->r.force_progress);
	if (t->r.json)
		cli_rescue_json_head(&t->r, "undelete", u->d.c->user_uuid, "list", t->r.list);
	ret = undelete_run(u);
	cli_progress_end(&t->r.progress);
	cli_rescue_flush(&t->r, 1);
	if (ret)
		cli_rescue_fail(&t->r, ret, "%s: stopped: %s", t->r.target ?: u->d.c->name,
				strerror(-bch_err_class(ret)));
	amiss = report_gathering(t) || ret || u->refused;
	if (!t->r.list)
		amiss |= u->nr[BCH_UNDELETE_unverified] || u->nr[BCH_UNDELETE_partial] ||
			 u->nr[BCH_UNDELETE_lost];
	status = amiss ? RESCUE_EXIT_INCOMPLETE : EXIT_OK;
	if (t->r.json)
		json_tail(t, status);
	else if (!t->r.quiet)
		print_totals(t);
	cli_rescue_flush(&t->r, 1);
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
	OPT_SHARED,
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
	CLI_RESCUE_OPTS(OPT_SHARED,
			"memory for btree nodes (default a quarter of all), and as much for old "
			"keys (default 256M)"),
	{}};

static void add_inode(struct cmd_undelete *t, const char *value)
{
	char *end;
	u64 inum = strtoull(value, &end, 10);

	if (*end || end == value)
		cli_usage_error(t->r.cmd, "'%s' is not the number of an inode", value);
	if (darray_push(&t->inums, inum))
		cli_die(t->r.cmd, "out of memory");
}

static void parse(struct cmd_undelete *t, int opt, const char *value)
{
	switch (opt) {
	case OPT_PATH:
		cli_rescue_add_path(&t->r, value);
		break;
	case OPT_INUM:
		add_inode(t, value);
		break;
	case OPT_LIST:
		t->r.list = true;
		break;
	case OPT_SINCE:
		t->u.since = cli_time(t->r.cmd, value);
		break;
	case OPT_SCAN:
		t->r.open.scan = BCH_SCAN_always;
		break;
	default:
		cli_rescue_parse(&t->r, OPT_SHARED, opt, value);
	}
}

static void check_usage(struct cmd_undelete *t)
{
	if (t->r.list)
		cli_rescue_no_target(&t->r);
	cli_rescue_check(&t->r, !t->r.list);
	t->u.patterns = t->r.wanted.data;
	t->u.nr_patterns = t->r.wanted.nr;
	t->u.inums = t->inums.data;
	t->u.nr_inums = t->inums.nr;
	t->u.d.memory = t->r.open.memory;
}

static int run_undelete(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct cmd_undelete t = {};
	int opt, status;

	cli_rescue_init(&t.r, cmd);
	t.r.open.read_entire_journal = true;
	t.u.report = report;
	t.u.tick = tick;
	t.u.private = &t;
	while ((opt = cli_next(&p)) != CLI_END)
		parse(&t, opt, p.value);
	check_usage(&t);
	status = undelete(&t);
	darray_exit(&t.inums);
	cli_rescue_exit(&t.r);
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
		"are no longer in use; and from snapshots that still have the file. Files of "
		"subvolumes and snapshots that were deleted are found, too; where others still "
		"have the file with other data, as far as the journal tells; who saw last what "
		"snapshots shared is not always certain: it is called unverified then, and its "
		"path may be that of another subvolume which shared the file. A hard link "
		"that was removed while the file has other names is listed as kept. What files "
		"that are still there held earlier, or those that were emptied before they were "
		"deleted, is not looked for: 'restore --at-seq' goes back to it.\n"
		"\n"
		"--list prints of each file its quality, inode, size, time of modification, the "
		"journal sequence number of the deletion, and path; <=N where the deletion is "
		"not in the journal any more, but the btree knew of it with entry N, and - where "
		"nothing is known. It is intact when its "
		"state is known to be the last and a checksum vouches for all of its data; "
		"unverified when nothing speaks against it, but some data has no checksum or there "
		"may have been a later state; partial, with the share that can be read; or lost. "
		"Files whose directory is not known are listed as ?/NAME and restored to "
		"lost+found. Of several files of one path the one deleted last has the name, the "
		"others NAME.INODE, NAME.INODE~2, and so on. Several names of one file are hard "
		"links again.\n"
		"\n"
		"The exit status is 0 when all that matches was listed, or restored intact; 4 when "
		"something is not intact or may be missing; 1 when the filesystem cannot be opened "
		"or for wrong usage.",
	.opts = undelete_opts,
	.exit_usage = EXIT_FAIL,
	.run = run_undelete,
};
