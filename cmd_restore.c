/*
 * restore: copy files out of an unmounted, perhaps damaged filesystem, without writing to it (spec
 * 09 sections 15.1, 17).
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "alloc/usage.h"
#include "btree/damage.h"
#include "btree/state.h"
#include "cli/rescue.h"
#include "cmds.h"
#include "format/errcode.h"
#include "fs/snapshots.h"
#include "host/restore.h"
#include "journal/journal.h"
#include "journal/rewind.h"

struct cmd_restore {
	struct cli_rescue c;
	struct restore r;
	struct bch_rewind rewind;
	const char *subvol; /* number or path, or NULL */
	bool dry_run, all_subvols, resume;
	bool tar, stale; /* a member is an old copy */
	u64 total;	 /* bytes, 0: not known */
};

static bool tick(struct restore *r)
{
	struct cmd_restore *t = r->private;

	cli_progress_show(&t->c.progress, __atomic_load_n(&r->done, __ATOMIC_RELAXED), t->total);
	return cli_rescue_goes_on();
}

/* ---- Text ---- */

static void prt_path(struct printbuf *out, const struct restore_obj *obj)
{
	struct printbuf path = PRINTBUF;

	tree_path_to_text(&path, obj->dir, obj->name);
	prt_char(out, '/');
	cli_prt_path(out, path.buf, path.pos);
	printbuf_exit(&path);
}

static void prt_mode(struct printbuf *out, u32 mode)
{
	static const char types[] = "?pc?d?b?-?l?s???", bits[] = "rwxrwxrwx";
	char text[11] = {types[mode >> 12 & 15]};
	unsigned i;

	for (i = 0; i < 9; i++)
		text[1 + i] = mode & 0400 >> i ? bits[i] : '-';
	if (mode & S_ISUID)
		text[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = mode & S_IXOTH ? 't' : 'T';
	prt_str(out, text);
}

/* As `ls -l` shows it. */
static void prt_listed(struct printbuf *out, const struct restore_obj *obj)
{
	const struct tree_meta *m = obj->meta;

	prt_mode(out, m->mode);
	prt_printf(out, " %3u %5u %5u ", m->nlink, m->uid, m->gid);
	if (S_ISCHR(m->mode) || S_ISBLK(m->mode))
		prt_printf(out, "%5u, %5u", m->major, m->minor);
	else
		prt_printf(out, "%12llu", m->size);
	prt_char(out, ' ');
	cli_rescue_prt_time(out, m->mtime.tv_sec);
	prt_char(out, ' ');
	prt_path(out, obj);
	if (obj->target)
		prt_printf(out, " -> %s", obj->target);
	prt_newline(out);
}

/* "PATH: 0..4096, 8192..12288: REASON; NOTES": one line for an object that is not whole. */
static void print_problems(struct cmd_restore *t, const struct restore_obj *obj)
{
	struct printbuf line = PRINTBUF;
	size_t i;

	prt_path(&line, obj);
	prt_str(&line, ": ");
	for (i = 0; i < obj->nr_lost; i++) {
		const struct restore_lost *l = &obj->lost[i];
		bool more = i + 1 < obj->nr_lost;

		prt_printf(&line, "%llu..%llu", l->start, l->end);
		if (more && !strcmp(l->why, l[1].why))
			prt_str(&line, ", ");
		else
			prt_printf(&line, ": %s%s", l->why, more ? "; " : "");
	}
	if (obj->meta->notes.pos)
		prt_printf(&line, "%s%s", obj->nr_lost ? "; " : "",
			   printbuf_str(&obj->meta->notes));
	if (obj->unchecked)
		prt_printf(&line, "%s%llu bytes have no checksum: unverified",
			   obj->nr_lost || obj->meta->notes.pos ? "; " : "", obj->unchecked);
	cli_rescue_tell(&t->c, &line);
}

static void entered(struct restore *r, const struct restore_obj *obj)
{
	struct cmd_restore *t = r->private;

	if ((t->c.list || t->dry_run || t->c.verbose) && !t->c.json && !t->tar) {
		prt_listed(&t->c.out, obj);
		cli_rescue_flush(&t->c, RESCUE_FLUSH_AT);
	}
}

/* ---- JSON ---- */

static void json_problems(struct cli_rescue *c, const struct restore_obj *obj)
{
	size_t i;

	json_array_begin(&c->j, "errors");
	for (i = 0; i < obj->nr_lost; i++)
		cli_rescue_json_error(c, obj->lost[i].start, obj->lost[i].end, obj->lost[i].why);
	if (obj->meta->notes.pos)
		cli_rescue_json_error(c, 0, 0, printbuf_str(&obj->meta->notes));
	json_array_end(&c->j);
}

static void json_obj(struct cmd_restore *t, const struct restore_obj *obj)
{
	struct printbuf path = PRINTBUF;
	struct json *j = &t->c.j;

	prt_char(&path, '/');
	tree_path_to_text(&path, obj->dir, obj->name);
	json_object_begin(j, NULL);
	json_strn(j, "path", printbuf_str(&path), path.pos);
	json_u64(j, "inode", obj->ino.inum);
	json_u64(j, "subvolume", obj->ino.subvol);
	json_str(j, "type", restore_type_name(obj->meta->mode));
	json_u64(j, "size", obj->meta->size);
	json_fmt(j, "mode", "%04o", obj->meta->mode & 07777);
	json_u64(j, "uid", obj->meta->uid);
	json_u64(j, "gid", obj->meta->gid);
	json_s64(j, "mtime", obj->meta->mtime.tv_sec);
	if (obj->target)
		json_str(j, "target", obj->target);
	if (S_ISREG(obj->meta->mode) && !t->c.list)
		json_u64(j, "restored_bytes", obj->restored);
	if (obj->is_link)
		json_bool(j, "link", true);
	if (!t->c.list)
		json_str(j, "quality", restore_quality_names[obj->quality]);
	if (obj->unchecked)
		json_u64(j, "unverified_bytes", obj->unchecked);
	json_problems(&t->c, obj);
	json_object_end(j);
	printbuf_exit(&path);
}

/* Which state of the filesystem this is. */
static void json_journal(struct cmd_restore *t)
{
	const struct bch_journal *j = t->r.c->journal;
	bool back = t->c.open.rewind;
	u64 seq = back ? t->rewind.seq : j->replay_last ?: j->start_seq - !!j->start_seq;
	u64 time = back ? t->rewind.reached_time : j->newest_time;

	json_object_begin(&t->c.j, "journal");
	json_bool(&t->c.j, "clean", t->r.c->clean);
	json_u64(&t->c.j, "seq", seq);
	if (t->c.open.no_journal && !t->r.c->clean)
		json_bool(&t->c.j, "left_out", true);
	if (time)
		json_u64(&t->c.j, "time", time);
	json_object_end(&t->c.j);
}

static void json_tail(struct cmd_restore *t, int status)
{
	struct json *j = &t->c.j;

	json_array_end(j);
	json_journal(t);
	json_object_begin(j, "totals");
	json_u64(j, "files", t->r.files);
	json_u64(j, "directories", t->r.dirs);
	json_u64(j, "bytes", t->r.bytes);
	if (t->r.unchecked) {
		json_u64(j, "unverified_files", t->r.unchecked_files);
		json_u64(j, "unverified_bytes", t->r.unchecked);
	}
	json_u64(j, "errors", t->r.errors);
	json_object_end(j);
	cli_rescue_json_tail(&t->c, status);
}

/* ---- Reports ---- */

/* Is anything known to be amiss? Then data that nothing verifies is worth a line a file. */
static bool is_damaged(const struct cmd_restore *t)
{
	const struct bch_fs *c = t->r.c;

	return t->stale || t->c.verbose || t->r.errors || c->nr_errors || c->journal->end_is_lost ||
	       c->btree->scan;
}

static void report(struct restore *r, const struct restore_obj *obj)
{
	struct cmd_restore *t = r->private;
	bool dir = !obj->name;

	if (t->c.json)
		json_obj(t, obj);
	else if ((t->c.list || t->dry_run || t->c.verbose) && !dir && !t->tar)
		prt_listed(&t->c.out, obj);
	cli_rescue_flush(&t->c, RESCUE_FLUSH_AT);
	if (obj->nr_lost || obj->meta->notes.pos || (obj->unchecked && is_damaged(t)))
		print_problems(t, obj);
}

/* Tell what no single file can be blamed for. */
#define trouble(_t, ...) ((_t)->r.errors++, cli_rescue_trouble(&(_t)->c, __VA_ARGS__))

static void report_btrees(struct cmd_restore *t)
{
	static const u8 btrees[] = {BTREE_ID_subvolumes, BTREE_ID_snapshots};
	struct bch_fs *c = t->r.c;
	struct printbuf name = PRINTBUF;
	enum btree_damage kind;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(btrees); i++) {
		kind = bch_btree_damage(c, btrees[i], POS_MIN, SPOS_MAX);
		if (!kind)
			continue;
		printbuf_reset(&name);
		bch_btree_id_to_text(&name, btrees[i]);
		trouble(t, "%s: btree %s is damaged (%s): files may be missing", c->name,
			printbuf_str(&name), bch_btree_damage_name(kind));
	}
	printbuf_exit(&name);
}

/* A damaged end of the journal looks like one that is torn. */
static void report_journal(struct cmd_restore *t)
{
	struct bch_fs *c = t->r.c;
	const struct bch_journal *j = c->journal;
	u64 newest = __atomic_load_n(&c->btree->newest_seq, __ATOMIC_RELAXED);
	u64 faults = cli_rescue_journal_faults(c);

	if (faults)
		trouble(t,
			"%s: the journal has %llu faults: what was changed last may be older or "
			"missing ('-v' tells more)",
			c->name, faults);
	if (j->end_is_lost)
		trouble(t,
			"%s: journal entries behind seq %llu are lost: what was changed last is "
			"older or missing ('-v' tells more)",
			c->name, j->replay_last);
	else if (j->start_seq && newest >= j->start_seq && !faults)
		trouble(t,
			"%s: btree nodes know of journal seq %llu, but the journal ends with %llu: "
			"what was changed last may be older or missing",
			c->name, newest, j->start_seq - 1);
}

/* Without checksums nothing tells old data from new. */
static void report_stale(struct cmd_restore *t)
{
	unsigned i;

	for (i = 0; i < t->r.c->nr_devices && t->stale && t->r.unchecked; i++) {
		const struct bch_dev *ca = bch_dev(t->r.c, i);

		if (ca && ca->stale)
			trouble(t,
				"%s: an old copy of the member: data without checksums that only "
				"it has may be older than the filesystem",
				ca->path);
	}
}

/* Of the btrees that is what tells which files there are. */
static void report_metadata(struct cmd_restore *t)
{
	struct bch_fs *c = t->r.c;
	unsigned i;

	report_btrees(t);
	report_journal(t);
	report_stale(t);
	if (c->btree->nr_findings && !t->c.open.scan && t->r.errors)
		cli_error(t->c.cmd,
			  "%s: nodes of the btrees cannot be read; '--scan' looks on the devices "
			  "for what can stand in for them",
			  c->name);
	if (!t->r.lost &&
	    bch_btree_damage(c, BTREE_ID_dirents, POS_MIN, SPOS_MAX) == BTREE_DAMAGE_lost)
		cli_error(t->c.cmd, "%s: names are lost; '--lost' also copies files without a name",
			  c->name);
	for (i = 0; i < t->r.nr_paths; i++)
		if (!(t->r.paths_found >> i & 1))
			trouble(t, "%s: not found", t->r.paths[i]);
}

static void print_totals(struct cmd_restore *t)
{
	if (t->r.unchecked)
		prt_printf(&t->c.out,
			   "%llu files have %llu bytes without a checksum: nothing verifies them\n",
			   t->r.unchecked_files, t->r.unchecked);
	prt_printf(&t->c.out, "%s %llu files, %llu directories, %llu bytes; %llu errors\n",
		   t->c.list || t->dry_run ? "would restore" : "restored", t->r.files, t->r.dirs,
		   t->r.bytes, t->r.errors);
	if (t->tar)
		fputs(printbuf_str(&t->c.out), stderr);
	else
		cli_flush(&t->c.out);
	printbuf_reset(&t->c.out);
}

/* ---- The run ---- */

/* The number of the subvolume asked for; 0: all. */
static int find_subvol(struct cmd_restore *t, u32 *id)
{
	const char *what = t->subvol ?: "the root subvolume";
	struct bch_fs *c = t->r.c;
	bool no_roots = cli_rescue_has_no_roots(c);
	struct bch_dir_target target;
	struct bch_subvol subvol;
	u64 number;
	char *end;
	int ret = 0;

	*id = t->all_subvols ? 0 : BCH_ROOT_SUBVOL;
	if (t->all_subvols)
		return 0;
	if (t->subvol) {
		number = strtoull(t->subvol, &end, 10);
		*id = min_t(u64, number, U32_MAX);
		if (*end || end == t->subvol) {
			ret = bch_path_lookup(c, BCH_ROOT_SUBVOL, t->subvol, &target);
			*id = target.ino.subvol;
		}
	}
	ret = ret ?: bch_subvol_get(c, *id, &subvol);
	if (!ret && t->subvol && (*end || end == t->subvol) &&
	    subvol.root_inum != target.ino.inum) {
		return cli_rescue_fail(&t->c, -EINVAL, "%s: %s is not a subvolume", c->name, what);
	}
	if (ret)
		cli_rescue_fail(&t->c, ret, "%s: %s: %s%s", c->name, what,
				no_roots ? "no journal entry names the roots of the btrees" :
					   bch_err_sentence(ret),
				!t->c.open.scan && (no_roots ||
						    ret == -BCH_ERR_btree_node_read_error) ?
					"; '--scan' looks on the devices for what can stand in" :
					"");
	return ret;
}

/* Bytes to read, about: what is used, without the further copies. */
static void estimate(struct cmd_restore *t)
{
	struct bch_usage u;

	if (t->c.progress.on && !t->r.nr_paths && !bch_usage_get(t->r.c, &u))
		t->total = u.data_once << 9;
}

static int open_target(struct cmd_restore *t)
{
	if (t->c.list || t->dry_run)
		return 0;
	if (t->tar)
		t->r.out = tree_tar_open(STDOUT_FILENO, t->r.keep);
	else
		t->r.out = cli_rescue_target(&t->c, t->r.keep,
					     t->resume	    ? TREE_EXISTS_resume :
					     t->c.overwrite ? TREE_EXISTS_replace :
							      TREE_EXISTS_error);
	if (!t->r.out && t->tar)
		cli_rescue_fail(&t->c, -ENOMEM, "out of memory");
	return t->r.out ? 0 : -EINVAL;
}

static void tell_rewind(struct cmd_restore *t)
{
	struct printbuf out = PRINTBUF;

	if (!t->c.open.rewind || t->c.quiet)
		return;
	prt_printf(&out, "the state after journal seq %llu", t->rewind.seq);
	if (t->rewind.reached_time) {
		prt_str(&out, " of ");
		prt_date(&out, t->rewind.reached_time);
	}
	prt_printf(&out, " (the newest is %llu)", t->rewind.newest);
	fprintf(stderr, "%s\n", printbuf_str(&out));
	printbuf_exit(&out);
}

/* After a crash nothing says what was on its way to the devices: tell what it is that comes out. */
static void tell_unclean(struct cmd_restore *t)
{
	const struct bch_journal *j = t->r.c->journal;
	struct printbuf out = PRINTBUF;

	if (t->r.c->clean || !j->replay_last || t->c.open.rewind || t->c.quiet)
		return;
	prt_printf(&out, "%s: was not shut down cleanly: its state is %s journal seq %llu",
		   t->r.c->name, t->c.open.no_journal ? "older than" : "that of", j->replay_last);
	if (j->newest_time) {
		prt_str(&out, " of ");
		prt_date(&out, j->newest_time);
	}
	cli_rescue_tell(&t->c, &out);
}

/* The walk ended early. */
static void stopped(struct cmd_restore *t, int err)
{
	bool resumes = t->r.out && !t->tar;

	if (err == -EINTR)
		cli_rescue_fail(&t->c, err, "interrupted%s", resumes ? "; '--resume' goes on" : "");
	else
		cli_rescue_fail(&t->c, err, "%s: stopped: %s%s", t->c.target ?: t->r.c->name,
				strerror(-bch_err_class(err)),
				resumes ? "; '--resume' goes on" : "");
}

static int restore(struct cmd_restore *t)
{
	struct restore *r = &t->r;
	int ret, status;
	unsigned i;

	if (cli_rescue_open(&t->c, &r->c, "restore"))
		return EXIT_FAIL;
	for (i = 0; i < r->c->nr_devices; i++)
		t->stale |= bch_dev(r->c, i) && bch_dev(r->c, i)->stale;
	ret = bch_fs_start_reading(r->c);
	if (ret)
		cli_rescue_fail(&t->c, ret, "%s: %s", r->c->name, bch_err_sentence(ret));
	ret = ret ?: find_subvol(t, &r->subvol) ?: open_target(t);
	if (ret) {
		bch_fs_close(r->c);
		return EXIT_FAIL;
	}
	if (!t->c.quiet && !t->c.list)
		cli_progress_start(&t->c.progress, t->dry_run ? "reading" : "restore",
				   t->c.force_progress);
	estimate(t);
	tell_rewind(t);
	tell_unclean(t);
	if (t->c.json)
		cli_rescue_json_head(&t->c, "restore", r->c->user_uuid, "dry_run",
				     t->c.list || t->dry_run);
	ret = restore_run(r);
	cli_progress_end(&t->c.progress);
	cli_rescue_flush(&t->c, 1);
	if (ret)
		stopped(t, ret);
	report_metadata(t);
	status = ret || r->errors ? RESCUE_EXIT_INCOMPLETE : EXIT_OK;
	if (t->c.json)
		json_tail(t, status);
	else if (!t->c.quiet)
		print_totals(t);
	cli_rescue_flush(&t->c, 1);
	if (r->out)
		r->out->ops->free(r->out);
	bch_fs_close(r->c);
	return status;
}

/* ---- Options ---- */

enum {
	OPT_PATH,
	OPT_SUBVOLUME,
	OPT_ALL_SUBVOLUMES,
	OPT_AT_SEQ,
	OPT_AT_TIME,
	OPT_DRY_RUN,
	OPT_LIST,
	OPT_XATTR,
	OPT_OWNER,
	OPT_MODE,
	OPT_SPARSE,
	OPT_HARDLINKS,
	OPT_SYMLINKS,
	OPT_SPECIAL,
	OPT_IGNORE_ERRORS,
	OPT_FILL,
	OPT_KEEP_BAD,
	OPT_LOST,
	OPT_RESUME,
	OPT_SCAN,
	OPT_NO_JOURNAL,
	OPT_SHARED,
};

static const struct cli_opt restore_opts[] = {
	[OPT_PATH] = {"path", 'p', "PATH", "only this subtree; may be given several times"},
	[OPT_SUBVOLUME] = {"subvolume", 'S', "ID|PATH", "this subvolume instead of the root's"},
	[OPT_ALL_SUBVOLUMES] = {"all-subvolumes", 'A', NULL,
				"every subvolume and snapshot, each as DIR/subvol-ID"},
	[OPT_AT_SEQ] = {"at-seq", 0, "N", "the state after journal entry N"},
	[OPT_AT_TIME] = {"at-time", 0, "TIME",
			 "the state at TIME: YYYY-MM-DD[ HH:MM[:SS]] or @SECONDS since the epoch"},
	[OPT_DRY_RUN] = {"dry-run", 'n', NULL,
			 "read and check everything, list it, and write nothing"},
	[OPT_LIST] = {"list", 'l', NULL, "list what would be restored, without reading any data"},
	[OPT_XATTR] = {"xattr", 'x', NULL, "recreate extended attributes and ACLs"},
	[OPT_OWNER] = {"owner", 'o', NULL, "recreate owner and group"},
	[OPT_MODE] = {"mode", 'm', NULL, "recreate modes"},
	[OPT_SPARSE] = {"sparse", 's', NULL, "leave holes"},
	[OPT_HARDLINKS] = {"hardlinks", 0, NULL, "recreate hard links"},
	[OPT_SYMLINKS] = {"symlinks", 0, NULL, "recreate symlinks"},
	[OPT_SPECIAL] = {"special", 0, NULL, "recreate devices, pipes and sockets"},
	[OPT_IGNORE_ERRORS] = {"ignore-errors", 'i', NULL,
			       "leave holes where data cannot be read (the default)"},
	[OPT_FILL] = {"fill", 0, "zeros|pattern",
		      "write zeros, or a text that can be searched for, where data cannot be read"},
	[OPT_KEEP_BAD] =
		{"keep-bad", 0, NULL,
		 "write data that fails its checksum, and tell it as missing all the same"},
	[OPT_LOST] = {"lost", 0, NULL, "inodes without a reachable name, too, as lost+found/INODE"},
	[OPT_RESUME] = {"resume", 0, NULL,
			"keep files of the same size and modification time, replace others"},
	[OPT_SCAN] = {"scan", 0, NULL,
		      "look for btree nodes on all of the devices where the btrees cannot be read"},
	[OPT_NO_JOURNAL] = {"no-journal", 0, NULL,
			    "leave out changes that are only in the journal"},
	CLI_RESCUE_OPTS(OPT_SHARED, "memory for btree nodes (default a quarter of all)"),
	{}};

/* Options that say what to recreate, and what they stand for. */
static const struct {
	u8 opt;
	unsigned keep;
} keeps[] = {
	{OPT_XATTR, TREE_KEEP_xattr},	      {OPT_OWNER, TREE_KEEP_owner},
	{OPT_MODE, TREE_KEEP_mode},	      {OPT_SPARSE, TREE_KEEP_sparse},
	{OPT_HARDLINKS, TREE_KEEP_hardlinks}, {OPT_SYMLINKS, TREE_KEEP_symlinks},
	{OPT_SPECIAL, TREE_KEEP_special},
};

static void parse_fill(struct cmd_restore *t, const char *value)
{
	if (!strcmp(value, "zeros"))
		t->r.fill = RESTORE_FILL_zeros;
	else if (!strcmp(value, "pattern"))
		t->r.fill = RESTORE_FILL_pattern;
	else
		cli_usage_error(t->c.cmd, "--fill is 'zeros' or 'pattern', not '%s'", value);
}

static void parse_at_seq(struct cmd_restore *t, const char *value)
{
	char *end;

	t->rewind = (struct bch_rewind){.seq = strtoull(value, &end, 10)};
	if (*end || end == value)
		cli_usage_error(t->c.cmd, "'%s' is not the number of a journal entry", value);
	t->c.open.rewind = &t->rewind;
}

static void parse_at_time(struct cmd_restore *t, const char *value)
{
	t->rewind = (struct bch_rewind){.by_time = true, .time = cli_time(t->c.cmd, value)};
	t->c.open.rewind = &t->rewind;
}

static void parse_value(struct cmd_restore *t, int opt, const char *value)
{
	switch (opt) {
	case OPT_PATH:
		cli_rescue_add_path(&t->c, value);
		break;
	case OPT_SUBVOLUME:
		t->subvol = value;
		break;
	case OPT_FILL:
		parse_fill(t, value);
		break;
	case OPT_AT_SEQ:
		parse_at_seq(t, value);
		break;
	case OPT_AT_TIME:
		parse_at_time(t, value);
		break;
	case OPT_SCAN:
		t->c.open.scan = BCH_SCAN_if_needed;
		break;
	}
}

static void parse_switch(struct cmd_restore *t, int opt)
{
	bool *const switches[] = {
		[OPT_ALL_SUBVOLUMES] = &t->all_subvols,
		[OPT_DRY_RUN] = &t->dry_run,
		[OPT_LIST] = &t->c.list,
		[OPT_KEEP_BAD] = &t->r.keep_bad,
		[OPT_LOST] = &t->r.lost,
		[OPT_NO_JOURNAL] = &t->c.open.no_journal,
		[OPT_RESUME] = &t->resume,
	};
	unsigned i;

	if (opt >= 0 && opt < (int)ARRAY_SIZE(switches) && switches[opt])
		*switches[opt] = true;
	for (i = 0; i < ARRAY_SIZE(keeps); i++)
		if (keeps[i].opt == opt)
			t->r.keep |= keeps[i].keep;
}

static void check_usage(struct cmd_restore *t)
{
	struct stat st;

	/* Where nothing is written a target is not needed, and not harmful. */
	if (t->c.target && (t->c.list || t->dry_run) &&
	    (stat(t->c.target, &st) || !S_ISDIR(st.st_mode)))
		cli_rescue_no_target(&t->c);
	cli_rescue_check(&t->c, !t->c.list && !t->dry_run);
	t->tar = t->c.target && !strcmp(t->c.target, "-");
	if (t->tar && t->c.json)
		cli_usage_error(t->c.cmd, "standard output is for the tar stream or for --json");
	if (t->tar && isatty(STDOUT_FILENO))
		cli_usage_error(t->c.cmd, "a tar stream is not for a terminal");
	if (t->subvol && t->all_subvols)
		cli_usage_error(t->c.cmd, "either --subvolume or --all-subvolumes");
	if (t->c.wanted.nr > 64)
		cli_usage_error(t->c.cmd, "at most 64 paths");
	t->r.keep = cli_rescue_keep(t->r.keep);
	t->r.paths = t->c.wanted.data;
	t->r.nr_paths = t->c.wanted.nr;
	t->r.read_data = t->dry_run && !t->c.list;
}

static int run_restore(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct cmd_restore t = {};
	int opt, status;

	cli_rescue_init(&t.c, cmd);
	t.r.entered = entered;
	t.r.report = report;
	t.r.tick = tick;
	t.r.private = &t;
	while ((opt = cli_next(&p)) != CLI_END) {
		cli_rescue_parse(&t.c, OPT_SHARED, opt, p.value);
		parse_value(&t, opt, p.value);
		parse_switch(&t, opt);
	}
	check_usage(&t);
	status = restore(&t);
	cli_rescue_exit(&t.c);
	return status;
}

const struct cli_cmd cmd_restore = {
	.name = "restore",
	.group = "Repair",
	.operands = "DEVICE... DIR",
	.summary = "copy files out of an unmounted, perhaps damaged filesystem",
	.details =
		"Copies the files of an unmounted filesystem to DIR, or with - as DIR as a tar "
		"stream (pax) to standard output, however damaged or incomplete it is, and writes "
		"nothing to its devices. What one copy cannot give comes from "
		"another one or from the stripe; only what its checksum vouches for is written. "
		"Modes, owners, times, extended attributes, ACLs, hard links, holes, symlinks and "
		"special files are recreated: all of them (owners only by root), or those that are "
		"asked for.\n"
		"\n"
		"For each file that is not whole standard error has a line with the byte ranges "
		"that are missing and the reason. Such a file has the time of restoring as its "
		"modification time, so that --resume tries it again. A file whose inode is lost is "
		"named NAME.missing-inode. Names that cannot be in a directory are escaped as %XX; "
		"nothing is ever written outside of DIR. Data without a checksum is "
		"counted, and named file by file as soon as anything is amiss: nothing verifies "
		"it.\n"
		"\n"
		"Of a filesystem that was not shut down cleanly it is told which journal entry, "
		"and so which moment, the files are of. Signs that there were later ones are told "
		"as errors; entries that were overwritten as a whole leave none.\n"
		"\n"
		"With --at-seq or --at-time the files are those of an earlier moment, as long as "
		"the journal reaches back to it: what later transactions changed is undone in "
		"memory. Space may have been used again since; the checksums decide what can still "
		"be read.\n"
		"\n"
		"The exit status is 0 when everything was restored, 4 when something is missing, 1 "
		"when the filesystem cannot be opened or for wrong usage.",
	.opts = restore_opts,
	.exit_usage = EXIT_FAIL,
	.run = run_restore,
};
