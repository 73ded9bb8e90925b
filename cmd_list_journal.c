/*
 * list_journal: the entries of the journal as text or JSON (spec 04 section 15, 09 section 12.2).
 *
 * Differs from the tool of 1.13 on purpose (spec 04 section 18.6): -n works; with -t the head of an
 * entry is printed when anything of it is, and what precedes the first transaction is not; the
 * ends of a range are part of it. Messages of the engine go to standard error.
 */
#include <linux/err.h>
#include <linux/string.h>
#include <stdio.h>
#include <stdlib.h>

#include "btree/bkey.h"
#include "btree/bkey_ops.h"
#include "cli/open.h"
#include "cmds.h"
#include "init/open.h"
#include "journal/entry_text.h"
#include "journal/read.h"
#include "util/darray.h"

#define SCHEMA	   "bcachefs/list_journal/1"
#define FLUSH_SIZE (256U << 10) /* bytes of text that are written together */

/* A key position with its btree, and a range of them, ends included. */
struct bbpos {
	unsigned btree;
	struct bpos pos;
};

struct bbpos_range {
	struct bbpos start, end;
};

struct list_journal {
	const struct cli_cmd *cmd;
	struct bch_fs *c;
	bool all;
	bool json;
	bool verbose;
	const char *passphrase_file;
	u64 nr_newest; /* 0: all */
	DARRAY(struct bbpos_range) ranges;
	u64 btrees[DIV_ROUND_UP(256, 64)]; /* -k: bits */
	bool filter_btrees;
	struct cli_paths paths;
	struct printbuf out;
};

/* --- arguments --- */

static unsigned parse_btree(const struct list_journal *l, const char *name)
{
	int id = bch_btree_id_parse(name);

	if (id < 0)
		cli_usage_error(l->cmd, "Bad btree id %s", name);
	return id;
}

static u64 parse_number(const struct list_journal *l, const char *s, const char *what, u64 max)
{
	unsigned long long v;
	char *end;

	if (!strcmp(s, "U64_MAX") && max == U64_MAX)
		return U64_MAX;
	if (!strcmp(s, "U32_MAX"))
		return U32_MAX;
	v = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || v > max)
		cli_usage_error(l->cmd, "invalid bpos.%s %s", what, s);
	return v;
}

/* "BTREE:INODE:OFFSET[:SNAPSHOT]"; @snapshot when it is not given. */
static struct bbpos parse_bbpos(const struct list_journal *l, char *s, u32 snapshot)
{
	char *whole = strdup(s), *field[4] = {};
	struct bbpos ret;
	unsigned nr = 0;

	if (!whole)
		cli_die(l->cmd, "out of memory");
	for (char *f; nr < 4 && (f = strsep(&s, ":"));)
		field[nr++] = f;
	if (s || nr < 2)
		cli_usage_error(l->cmd, "invalid bbpos %s", whole);
	if (nr < 3)
		cli_usage_error(l->cmd, "invalid bpos %s", strchr(whole, ':') + 1);
	ret.btree = parse_btree(l, field[0]);
	ret.pos = SPOS(parse_number(l, field[1], "inode", U64_MAX),
		       parse_number(l, field[2], "offset", U64_MAX),
		       nr == 4 ? parse_number(l, field[3], "snapshot", U32_MAX) : snapshot);
	free(whole);
	return ret;
}

static void parse_range(struct list_journal *l, const char *arg)
{
	char *start = strdup(arg), *end, *dash;
	struct bbpos_range r;

	if (!start)
		cli_die(l->cmd, "out of memory");
	dash = strchr(start, '-');
	if (dash)
		*dash = 0;
	end = strdup(dash ? dash + 1 : start);
	if (!end)
		cli_die(l->cmd, "out of memory");
	r.start = parse_bbpos(l, start, 0);
	r.end = parse_bbpos(l, end, U32_MAX);
	if (darray_push(&l->ranges, r))
		cli_die(l->cmd, "out of memory");
	free(start);
	free(end);
}

static u64 parse_nr_entries(const struct list_journal *l, const char *s)
{
	unsigned long long v;
	char *end;

	v = strtoull(s, &end, 10);
	if (*s < '0' || *s > '9' || *end || !v)
		cli_usage_error(l->cmd, "error parsing nr_entries %s", s);
	return v;
}

enum {
	OPT_ALL,
	OPT_NR_ENTRIES,
	OPT_TRANSACTION_FILTER,
	OPT_KEY_FILTER,
	OPT_JSON,
	OPT_PASSPHRASE_FILE,
	OPT_VERBOSE,
};

static void parse_args(struct list_journal *l, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(l->cmd, argc, argv);
	unsigned btree;
	int o;

	while ((o = cli_next(&p)) != CLI_END) {
		switch (o) {
		case CLI_OPERAND:
			cli_paths_add(&l->paths, p.value);
			break;
		case OPT_ALL:
			l->all = true;
			break;
		case OPT_NR_ENTRIES:
			l->nr_newest = parse_nr_entries(l, p.value);
			break;
		case OPT_TRANSACTION_FILTER:
			parse_range(l, p.value);
			break;
		case OPT_KEY_FILTER:
			btree = parse_btree(l, p.value);
			l->btrees[btree / 64] |= 1ULL << btree % 64;
			l->filter_btrees = true;
			break;
		case OPT_JSON:
			l->json = true;
			break;
		case OPT_PASSPHRASE_FILE:
			l->passphrase_file = p.value;
			break;
		case OPT_VERBOSE:
			l->verbose = true;
			break;
		}
	}
	if (!l->paths.d.nr)
		cli_usage_error(l->cmd, "Please supply device(s) to open");
}

/* --- filters --- */

static int bbpos_cmp(struct bbpos a, struct bbpos b)
{
	if (a.btree != b.btree)
		return a.btree < b.btree ? -1 : 1;
	return bpos_cmp(a.pos, b.pos);
}

/* Does the key, which covers size sectors up to its position, touch the range? */
static bool key_in_range(const struct bbpos_range *r, unsigned btree, const struct bkey *k)
{
	struct bbpos first = {btree, k->p}, last = first;

	if (k->size) {
		first.pos.offset -= min_t(u64, k->size, first.pos.offset);
		last.pos.offset--;
	}
	return bbpos_cmp(first, r->end) <= 0 && bbpos_cmp(last, r->start) >= 0;
}

static bool entry_is_filterable(const struct jset_entry *e)
{
	return e->type == JSET_ENTRY_btree_root || e->type == JSET_ENTRY_btree_keys ||
	       e->type == JSET_ENTRY_overwrite;
}

static bool entry_in_ranges(const struct list_journal *l, const struct jset_entry *e)
{
	if (!entry_is_filterable(e))
		return false;
	for_each_jset_key(k, e)
		darray_for_each(l->ranges, r)
			if (key_in_range(r, e->btree_id, &k->k))
				return true;
	return false;
}

/* -k: is the sub-entry to be printed? */
static bool entry_in_btrees(const struct list_journal *l, const struct jset_entry *e)
{
	if (!l->filter_btrees || !entry_is_filterable(e))
		return true;
	return e->u64s && l->btrees[e->btree_id / 64] >> e->btree_id % 64 & 1;
}

static bool entry_is_transaction_start(const struct jset_entry *e)
{
	return e->type == JSET_ENTRY_log && !e->level;
}

/* The end of the transaction that starts at @e. */
static struct jset_entry *transaction_end(struct jset_entry *e, struct jset_entry *last)
{
	do
		e = jset_entry_next(e);
	while (e < last && !entry_is_transaction_start(e));
	return e;
}

/*
 * The next piece of the entry to print, from @e on: all of it, or with -t the next transaction with
 * a key in one of the ranges. False: there is none.
 */
static bool next_piece(const struct list_journal *l, struct jset_entry *e, struct jset_entry *last,
		       struct jset_entry **start, struct jset_entry **end)
{
	*start = e;
	*end = last;
	if (!l->ranges.nr)
		return e < last;
	while (e < last) {
		*start = e;
		*end = transaction_end(e, last);
		if (entry_is_transaction_start(e))
			for_each_jset_entry(i, *start, *end)
				if (entry_in_ranges(l, i))
					return true;
		e = *end;
	}
	return false;
}

/* --- output --- */

static bool is_blacklisted(const struct list_journal *l, const struct journal_entry *e)
{
	return e->state == JOURNAL_ENTRY_DROPPED || bch_journal_seq_is_blacklisted(l->c, e->seq);
}

/* In entries that do not count the first character of each line, if it is a blank, is a star. */
static void mark_lines(struct printbuf *out, size_t from)
{
	char *p = out->buf + from, *end = out->buf + out->pos;

	while (!printbuf_failed(out) && p && p < end) {
		if (*p == ' ')
			*p = '*';
		p = memchr(p, '\n', end - p);
		if (p)
			p++;
	}
}

static void head_to_text(struct printbuf *out, const struct journal_entry *e, const struct jset *j,
			 bool blacklisted)
{
	size_t from = out->pos;

	prt_printf(out, "%sjournal entry     %llu\n", blacklisted ? "blacklisted " : "", e->seq);
	prt_printf(out, "  version         %u\n", le32_to_cpu(j->version));
	prt_printf(out, "  last seq        %llu\n", le64_to_cpu(j->last_seq));
	prt_printf(out, "  flush           %u\n", jset_is_flush(j));
	prt_str(out, "  written at      ");
	bch_journal_ptrs_to_text(out, e);
	prt_newline(out);
	if (blacklisted)
		mark_lines(out, from);
}

static void sub_entry_to_text(struct list_journal *l, const struct jset_entry *e, bool blacklisted)
{
	bool highlight = l->ranges.nr && entry_in_ranges(l, e);
	struct printbuf *out = &l->out;
	size_t from;

	if (entry_is_transaction_start(e))
		prt_newline(out);
	if (highlight)
		prt_bytes(out, "\033[31m", 5);
	from = out->pos;
	printbuf_indent_add(out, 4);
	bch_jset_entry_to_text(out, l->c, e);
	prt_newline(out);
	printbuf_indent_sub(out, 4);
	if (blacklisted)
		mark_lines(out, from);
	if (highlight)
		prt_bytes(out, "\033[0m", 4);
}

static void entry_to_text(struct list_journal *l, const struct journal_entry *entry,
			  const struct jset *j)
{
	struct jset_entry *start, *end = (struct jset_entry *)j->start, *last = jset_last(j);
	bool blacklisted = is_blacklisted(l, entry), head = !l->ranges.nr;

	if (head)
		head_to_text(&l->out, entry, j, blacklisted);
	while (next_piece(l, end, last, &start, &end)) {
		if (!head)
			head_to_text(&l->out, entry, j, blacklisted);
		head = true;
		for_each_jset_entry(e, start, end)
			if (entry_in_btrees(l, e))
				sub_entry_to_text(l, e, blacklisted);
	}
}

static void head_to_json(struct json *js, const struct list_journal *l,
			 const struct journal_entry *e, const struct jset *j)
{
	json_object_begin(js, NULL);
	json_str(js, "schema", SCHEMA);
	json_str(js, "tool_version", BCACHEFS_VERSION);
	json_u64(js, "seq", e->seq);
	json_u64(js, "last_seq", le64_to_cpu(j->last_seq));
	json_u64(js, "version", le32_to_cpu(j->version));
	json_bool(js, "flush", jset_is_flush(j));
	json_bool(js, "blacklisted", is_blacklisted(l, e));
	json_array_begin(js, "ptrs");
	for (const struct journal_ptr *p = e->ptrs.data; p < e->ptrs.data + e->ptrs.nr; p++) {
		json_object_begin(js, NULL);
		json_u64(js, "dev", p->dev);
		json_u64(js, "idx", p->idx);
		json_u64(js, "offset_sectors", p->offset);
		json_u64(js, "sector", p->sector);
		json_bool(js, "csum_good", p->csum_good);
		json_object_end(js);
	}
	json_array_end(js);
	json_array_begin(js, "entries");
}

static void entry_to_json(struct list_journal *l, const struct journal_entry *entry,
			  const struct jset *j)
{
	struct jset_entry *start, *end = (struct jset_entry *)j->start, *last = jset_last(j);
	struct json js = JSON(&l->out);
	bool head = !l->ranges.nr;

	if (head)
		head_to_json(&js, l, entry, j);
	while (next_piece(l, end, last, &start, &end)) {
		if (!head)
			head_to_json(&js, l, entry, j);
		head = true;
		for_each_jset_entry(e, start, end)
			if (entry_in_btrees(l, e))
				bch_jset_entry_to_json(&js, l->c, e);
	}
	if (head) {
		json_array_end(&js);
		json_object_end(&js);
		prt_newline(&l->out);
	}
}

static void print_entries(struct list_journal *l)
{
	const struct bch_journal *journal = l->c->journal;
	size_t i = 0;

	if (l->nr_newest && l->nr_newest < journal->entries.nr)
		i = journal->entries.nr - l->nr_newest;
	for (; i < journal->entries.nr; i++) {
		struct journal_entry *entry = journal->entries.data[i];
		struct jset *j = bch_journal_entry_load(l->c, entry);

		if (IS_ERR(j))
			continue;
		if (l->json)
			entry_to_json(l, entry, j);
		else
			entry_to_text(l, entry, j);
		bch_journal_entry_put(entry, j);
		if (l->out.pos >= FLUSH_SIZE)
			cli_flush(&l->out);
	}
	cli_flush(&l->out);
}

static void print_rings(const struct list_journal *l)
{
	const struct bch_journal *j = l->c->journal;

	for (unsigned i = 0; i < ARRAY_SIZE(j->devs); i++)
		if (j->devs[i])
			bch_log(l->c,
				"%s: %u journal buckets, newest entry %llu in bucket %u, "
				"%u sectors free behind it",
				l->c->devs[i]->name, j->devs[i]->nr, j->devs[i]->newest_seq,
				j->devs[i]->cur_idx, j->devs[i]->sectors_free);
}

static int run(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct list_journal l = {.cmd = cmd};
	struct bch_open_args args = {
		.degraded = true,
		.very_degraded = true,
		.journal_only = true,
	};
	int ret;

	parse_args(&l, argc, argv);
	args.get_key_arg = (void *)l.passphrase_file;
	args.read_entire_journal = l.all || l.nr_newest;
	ret = cli_open(cmd, &l.c, &l.paths, &args, l.json ? "list_journal" : NULL);
	if (!ret) {
		if (l.verbose)
			print_rings(&l);
		print_entries(&l);
		ret = l.c->nr_errors ? EXIT_UNREADABLE : EXIT_OK;
		bch_fs_close(l.c);
	} else {
		ret = EXIT_FAIL;
	}
	printbuf_exit(&l.out);
	darray_exit(&l.ranges);
	cli_paths_exit(&l.paths);
	return ret;
}

static const struct cli_opt opts[] = {
	[OPT_ALL] = {.letter = 'a',
		     .name = "all",
		     .help = "the whole journal, not only entries that would be replayed"},
	[OPT_NR_ENTRIES] = {.letter = 'n',
			    .name = "nr-entries",
			    .arg = "N",
			    .help = "only the N newest entries, replayed or not"},
	[OPT_TRANSACTION_FILTER] = {.letter = 't',
				    .name = "transaction-filter",
				    .arg = "BBPOS[-BBPOS]",
				    .help = "only transactions with a key in this range"},
	[OPT_KEY_FILTER] = {.letter = 'k',
			    .name = "key-filter",
			    .arg = "BTREE",
			    .help = "of keys only those of this btree"},
	[OPT_JSON] = {.name = "json", .help = "one JSON object per entry and line"},
	[OPT_PASSPHRASE_FILE] = {.name = "passphrase-file",
				 .arg = "FILE",
				 .help = "passphrase of an encrypted filesystem"},
	[OPT_VERBOSE] = {.letter = 'v',
			 .name = "verbose",
			 .help = "also tell where each member's journal is written next"},
	{},
};

const struct cli_cmd cmd_list_journal = {
	.name = "list_journal",
	.group = "Debug",
	.operands = "DEVICE...",
	.summary = "list the contents of the journal",
	.details =
		"Prints journal entries, oldest first. Without -a and -n these are the entries "
		"that "
		"an unclean filesystem would replay and any newer ones, or after a clean "
		"shutdown the "
		"last one. Entries that do not count are called blacklisted, and their lines "
		"begin with "
		"a star.\n"
		"\n"
		"-k and -t may be given more than once. BBPOS is BTREE:INODE:OFFSET[:SNAPSHOT]; "
		"the ends "
		"are part of the range, and U64_MAX and U32_MAX are understood. With -t the keys "
		"that "
		"match are red.\n"
		"\n"
		"Nothing is written. Exit status: 0; 1 when the filesystem could not be opened; "
		"4 when "
		"something could not be read or was damaged.",
	.opts = opts,
	.run = run,
};
