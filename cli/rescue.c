/* What restore and undelete share (cli/rescue.h). */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "btree/state.h"
#include "cli/rescue.h"
#include "format/errcode.h"
#include "journal/journal.h"
#include "sb/opts.h"

static volatile bool interrupted;

/* The first one asks for an orderly end, a second one does not ask. */
static void on_signal(int sig)
{
	interrupted = true;
	signal(sig, SIG_DFL);
}

static void silence(struct bch_fs *c, const char *line)
{
}

static void scan_progress(struct bch_fs *c, u64 done, u64 total, void *arg)
{
	struct cli_rescue *r = arg;

	cli_progress_show(&r->progress, done << 9, total << 9);
}

void cli_rescue_init(struct cli_rescue *r, const struct cli_cmd *cmd)
{
	*r = (struct cli_rescue){.cmd = cmd};
	r->open.degraded = r->open.very_degraded = r->open.salvage = true;
	r->open.cancel = &interrupted;
	r->open.scan_progress = scan_progress;
	r->open.scan_progress_arg = r;
	r->j = JSON(&r->out);
}

void cli_rescue_exit(struct cli_rescue *r)
{
	darray_for_each(r->troubles, text)
		free(*text);
	darray_exit(&r->troubles);
	free(r->err_text);
	darray_exit(&r->wanted);
	cli_paths_exit(&r->devices);
	printbuf_exit(&r->out);
}

/* ---- Options ---- */

void cli_rescue_add_path(struct cli_rescue *r, const char *path)
{
	if (darray_push(&r->wanted, path))
		cli_die(r->cmd, "out of memory");
}

void cli_rescue_no_target(struct cli_rescue *r)
{
	if (r->target)
		cli_paths_add(&r->devices, r->target);
	r->target = NULL;
}

void cli_rescue_parse(struct cli_rescue *r, int label, int opt, const char *value)
{
	if (opt == CLI_OPERAND) {
		cli_rescue_no_target(r);
		r->target = value;
	}
	if (opt < label)
		return;
	switch (opt - label) {
	case RESCUE_OPT_OVERWRITE:
		r->overwrite = true;
		break;
	case RESCUE_OPT_PASSPHRASE_FILE:
		r->open.get_key_arg = (void *)value;
		break;
	case RESCUE_OPT_MEMORY:
		if (bch_parse_size(value, &r->open.memory))
			cli_usage_error(r->cmd, "'%s' is not a size", value);
		break;
	case RESCUE_OPT_PROGRESS:
		r->force_progress = true;
		break;
	case RESCUE_OPT_JSON:
		r->json = true;
		break;
	case RESCUE_OPT_VERBOSE:
		r->verbose = true;
		break;
	case RESCUE_OPT_QUIET:
		r->quiet = true;
		r->open.log = silence;
		break;
	}
}

void cli_rescue_check(struct cli_rescue *r, bool needs_target)
{
	if (!r->devices.d.nr)
		cli_usage_error(r->cmd, "please supply a device%s",
				needs_target ? " and a directory" : "");
}

/* ---- Opening ---- */

bool cli_rescue_goes_on(void)
{
	return !interrupted;
}

/* It is read as far as it goes. */
static void tell_version(struct cli_rescue *r, struct bch_fs *c)
{
	if (c->version > BCH_VERSION_MAX_READ)
		cli_rescue_trouble(r,
				   "%s: its version %u.%u is newer than %u.%u, the newest that is "
				   "known: what is new in it may be missing",
				   c->name, BCH_VERSION_MAJOR(c->version),
				   BCH_VERSION_MINOR(c->version),
				   BCH_VERSION_MAJOR(BCH_VERSION_MAX_READ),
				   BCH_VERSION_MINOR(BCH_VERSION_MAX_READ));
}

int cli_rescue_open(struct cli_rescue *r, struct bch_fs **c, const char *name)
{
	int ret;

	cli_refuse_mounted(r->cmd, &r->devices);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (!r->quiet && r->open.scan)
		cli_progress_start(&r->progress, "scan", r->force_progress);
	ret = cli_open(r->cmd, c, &r->devices, &r->open, r->json ? name : NULL);
	cli_progress_end(&r->progress);
	if (ret)
		return ret;
	if (!r->verbose)
		(*c)->log = silence;
	tell_version(r, *c);
	return 0;
}

bool cli_rescue_has_no_roots(const struct bch_fs *c)
{
	return c->initialized && !c->clean && !c->journal->replay_last;
}

u64 cli_rescue_journal_faults(const struct bch_fs *c)
{
	return c->nr_errors - c->btree->nr_findings + c->journal->nr_bad;
}

unsigned cli_rescue_keep(unsigned asked)
{
	return asked ?: TREE_KEEP_ALL & (geteuid() ? ~TREE_KEEP_owner : ~0);
}

struct tree_out *cli_rescue_target(struct cli_rescue *r, unsigned keep, enum tree_exists exists)
{
	struct printbuf err = PRINTBUF;
	struct tree_out *out = tree_dir_open(r->target, keep, exists, &err);

	if (IS_ERR(out)) {
		cli_rescue_fail(r, PTR_ERR(out), "%s",
				err.pos ? printbuf_str(&err) : "out of memory");
		out = NULL;
	}
	printbuf_exit(&err);
	return out;
}

/* ---- What goes wrong ---- */

static char *sentence(struct cli_rescue *r, const char *fmt, va_list args)
{
	char *s;

	cli_rescue_flush(r, 1);
	cli_progress_clear(&r->progress);
	if (vasprintf(&s, fmt, args) < 0)
		cli_die(r->cmd, "out of memory");
	cli_error(r->cmd, "%s", s);
	return s;
}

int cli_rescue_fail(struct cli_rescue *r, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	free(r->err_text);
	r->err_text = sentence(r, fmt, args);
	va_end(args);
	r->err = err;
	if (r->json && !r->json_begun)
		cli_json_error(r->cmd->name, err, r->err_text);
	return err;
}

void cli_rescue_trouble(struct cli_rescue *r, const char *fmt, ...)
{
	va_list args;
	char *s;

	va_start(args, fmt);
	s = sentence(r, fmt, args);
	va_end(args);
	if (darray_push(&r->troubles, s))
		cli_die(r->cmd, "out of memory");
}

/* ---- Output ---- */

void cli_rescue_flush(struct cli_rescue *r, size_t at_least)
{
	if (r->out.pos < at_least || !r->out.pos)
		return;
	cli_progress_clear(&r->progress);
	cli_flush(&r->out);
}

void cli_rescue_tell(struct cli_rescue *r, struct printbuf *line)
{
	cli_rescue_flush(r, 1);
	cli_progress_clear(&r->progress);
	fprintf(stderr, "%s\n", printbuf_str(line));
	printbuf_exit(line);
}

void cli_rescue_json_head(struct cli_rescue *r, const char *name, const u8 uuid[16],
			  const char *mode, bool is_mode)
{
	struct json *j = &r->j;

	r->json_begun = true;
	json_object_begin(j, NULL);
	json_fmt(j, "schema", "bcachefs/%s/1", name);
	json_str(j, "tool_version", BCACHEFS_VERSION);
	json_uuid(j, "uuid", uuid);
	json_bool(j, mode, is_mode);
	json_array_begin(j, "files");
}

void cli_rescue_json_tail(struct cli_rescue *r, int status)
{
	json_array_begin(&r->j, "errors");
	darray_for_each(r->troubles, text)
		cli_rescue_json_error(r, 0, 0, *text);
	json_array_end(&r->j);
	if (r->err)
		cli_json_error_object(&r->j, r->err, r->err_text);
	json_u64(&r->j, "exit_status", status);
	json_object_end(&r->j);
	prt_newline(&r->out);
}

void cli_rescue_json_error(struct cli_rescue *r, u64 start, u64 end, const char *why)
{
	struct json *j = &r->j;

	json_object_begin(j, NULL);
	if (end) {
		json_u64(j, "offset", start);
		json_u64(j, "length", end - start);
	}
	json_str(j, "reason", why);
	json_object_end(j);
}

void cli_rescue_prt_time(struct printbuf *out, s64 seconds)
{
	const time_t t = seconds;
	char when[40] = "";
	struct tm tm;

	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	prt_str(out, when);
}
