/*
 * list: the keys or the nodes of a btree (spec 02 section 26.3, 09 section 12.1).
 *
 * Nothing is written. What cannot be read is told on stderr and stepped over; the exit status is
 * then 4.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <stdlib.h>
#include "alloc/gens.h"
#include "btree/bset_numbers.h"
#include "btree/iter.h"
#include "btree/node_scan.h"
#include "btree/read.h"
#include "cli/cli.h"
#include "cli/open.h"
#include "cmds.h"
#include "sb/opts.h"

#define FLUSH_BYTES (1U << 16)

enum list_mode {
	LIST_KEYS,
	LIST_FORMATS,
	LIST_NODES,
	LIST_NODES_ONDISK,
	LIST_FOUND_NODES,
	LIST_MODE_NR,
};

static const char *const mode_names[] = {"keys",	 "formats",	"nodes",
					 "nodes-ondisk", "found-nodes", NULL};

struct list {
	const struct cli_cmd *cmd;
	struct bch_fs *c;
	unsigned btree, level;
	int type; /* -1: all */
	enum list_mode mode;
	struct bpos start, end;
	bool json;
	struct printbuf out;
	void *buf; /* nodes-ondisk: a raw node */
};

static void flush(struct list *l)
{
	if (l->out.pos >= FLUSH_BYTES)
		cli_flush(&l->out);
}

/* JSON */

/* Each line is a document. */
static void json_document_begin(struct json *j)
{
	json_object_begin(j, NULL);
	json_str(j, "schema", "bcachefs/list/1");
	json_str(j, "tool_version", BCACHEFS_VERSION);
}

static void json_node_head(struct json *j, struct list *l, const struct btree *b)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(&b->key.k);
	const struct bkey_format *f = &b->unpack.format;

	json_document_begin(j);
	if (l->btree < BTREE_ID_NR)
		json_str(j, "btree", bch_btree_names[l->btree]);
	else
		json_u64(j, "btree", l->btree);
	json_u64(j, "level", b->level);
	bch_bpos_to_json(j, "min_key", b->data->min_key);
	bch_bpos_to_json(j, "max_key", b->data->max_key);
	if (v2) {
		json_u64(j, "seq", le64_to_cpu(v2->seq));
		json_u64(j, "written_sectors", le16_to_cpu(v2->sectors_written));
	}
	json_object_begin(j, "format");
	json_u64(j, "key_u64s", f->key_u64s);
	json_array_begin(j, "fields");
	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++) {
		json_object_begin(j, NULL);
		json_u64(j, "bits", f->bits_per_field[i]);
		json_u64(j, "offset", le64_to_cpu(f->field_offset[i]));
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
	json_u64(j, "live_bytes", le16_to_cpu(b->data->keys.u64s) * sizeof(u64));
	json_u64(j, "packed_keys", b->nr_packed);
	json_u64(j, "unpacked_keys", b->nr_unpacked);
}

static void json_raw_set(struct json *j, struct list *l, struct raw_node *n, unsigned level)
{
	struct bkey_where where = {.btree = l->btree, .level = level};
	struct bkey_view k;
	struct bkey u;

	json_object_begin(j, NULL);
	json_u64(j, "offset_sectors", n->offset);
	json_u64(j, "version", le16_to_cpu(n->set->version));
	json_u64(j, "journal_seq", le64_to_cpu(n->set->journal_seq));
	json_u64(j, "csum_type", BSET_CSUM_TYPE(le32_to_cpu(n->set->flags)));
	json_bool(j, "csum_good", !n->csum_unknown && !n->csum_bad);
	json_array_begin(j, "keys");
	while (bch_raw_node_next_key(n, &u, &k))
		bch_bkey_to_json(j, l->c, k, where);
	json_array_end(j);
	json_object_end(j);
}

/* Modes */

static void prt_formats(struct list *l, const struct btree *b)
{
	struct printbuf *out = &l->out;
	const struct bkey_ops *ops = bch_bkey_ops(b->key.k.k.type);
	unsigned live = le16_to_cpu(b->data->keys.u64s);
	size_t node_u64s = (bch_node_bytes(l->c) - sizeof(struct btree_node)) / sizeof(u64);
	unsigned sib = test_bit(BTREE_NODE_fake, &b->flags) ? 0 : live;
	struct bset_numbers nr =
		bch_bset_numbers(&b->unpack.format, (struct bset_keys){b->data->keys.keys, live},
				 b->data->min_key, b->data->max_key);

	prt_printf(out, "l %u ", b->level);
	bch_bpos_to_text(out, b->data->min_key);
	prt_str(out, " - ");
	bch_bpos_to_text(out, b->data->max_key);
	prt_str(out, ":\n    ptrs: ");
	if (ops && ops->to_text)
		ops->to_text(out, l->c, btree_ptr_view(b));
	prt_str(out, "\n    format: ");
	bch_bkey_format_to_text(out, &b->unpack.format);
	prt_printf(out, "    unpack fn len: 0\n    bytes used %zu/%zu (%zu%% full)\n",
		   live * sizeof(u64), node_u64s * sizeof(u64), live * 100UL / node_u64s);
	prt_printf(out, "    sib u64s: %u, %u (merge threshold %zu)\n", sib, sib, node_u64s / 3);
	prt_printf(out, "    nr packed keys %u\n    nr unpacked keys %u\n", b->nr_packed,
		   b->nr_unpacked);
	prt_printf(out, "    floats %u\n    failed unpacked %u\n\n", nr.floats, nr.failed_unpacked);
}

/* Read the node raw. False: told why not. */
static bool read_raw(struct list *l, const struct btree *b, struct raw_node *n)
{
	int ret = bch_btree_node_read_raw(l->c, &b->key.k, l->buf);

	bch_raw_node_init(n, l->c, l->buf);
	if (!ret)
		return true;
	if (ret == -BCH_ERR_no_device_to_read_from)
		prt_str(&l->out, "error getting device to read from: invalid device\n");
	else if (ret == -BCH_ERR_device_offline)
		prt_str(&l->out, "error getting device to read from: device not online\n");
	else
		prt_printf(&l->out, "IO error reading btree node: %s\n", bch_err_str(ret));
	if (!test_bit(BTREE_NODE_fake, &b->flags))
		l->c->nr_errors++;
	return false;
}

static void prt_raw_keys(struct list *l, struct raw_node *n)
{
	struct printbuf *out = &l->out;
	struct bkey_view k;
	struct bkey u;

	printbuf_indent_add(out, 4);
	if (n->key == n->end) {
		/* The real tool leaves the blanks for whatever comes next. */
		out->indent = 0;
		return;
	}
	while (bch_raw_node_next_key(n, &u, &k)) {
		bch_bkey_val_to_text(out, l->c, k);
		prt_newline(out);
	}
	printbuf_indent_sub(out, 4);
	if (n->key != n->end) {
		prt_str(out, "    invalid key\n");
		l->c->nr_errors++;
	}
}

static void prt_raw(struct list *l, const struct btree *b)
{
	struct printbuf *out = &l->out;
	struct raw_node n;

	if (!read_raw(l, b, &n)) {
		prt_newline(out);
		return;
	}
	while (bch_raw_node_next_set(&n)) {
		if (n.csum_unknown || n.csum_bad) {
			l->c->nr_errors++;
			if (n.csum_unknown)
				prt_printf(out, "unknown checksum type at offset %u: %u\n",
					   n.offset, BSET_CSUM_TYPE(le32_to_cpu(n.set->flags)));
			else
				prt_str(out, n.offset ? "invalid checksum" : "invalid checksum\n");
			continue;
		}
		prt_printf(out, "  offset %u version %u, journal seq %llu\n", n.offset,
			   le16_to_cpu(n.set->version), le64_to_cpu(n.set->journal_seq));
		prt_raw_keys(l, &n);
	}
	prt_newline(out);
}

static void prt_node_json(struct list *l, const struct btree *b)
{
	struct json j = JSON(&l->out);
	struct raw_node n;

	json_node_head(&j, l, b);
	if (l->mode == LIST_NODES_ONDISK) {
		json_array_begin(&j, "bsets");
		bch_raw_node_init(&n, l->c, l->buf);
		if (!bch_btree_node_read_raw(l->c, &b->key.k, l->buf))
			while (bch_raw_node_next_set(&n))
				json_raw_set(&j, l, &n, b->level);
		json_array_end(&j);
	}
	json_object_end(&j);
	prt_newline(&l->out);
}

static void prt_node(struct list *l, const struct btree *b)
{
	if (l->json) {
		prt_node_json(l, b);
		return;
	}
	switch (l->mode) {
	case LIST_FORMATS:
		prt_formats(l, b);
		break;
	case LIST_NODES_ONDISK:
		prt_raw(l, b);
		break;
	default:
		bch_bkey_val_to_text(&l->out, l->c, btree_ptr_view(b));
		prt_newline(&l->out);
	}
}

static void prt_key_json(struct list *l, struct bkey_view k)
{
	struct json j = JSON(&l->out);

	json_document_begin(&j);
	bch_bkey_to_json_members(&j, l->c, k, (struct bkey_where){.btree = l->btree});
	json_object_end(&j);
}

static void prt_key(struct list *l, struct bkey_view k)
{
	if (l->type >= 0 && k.k->type != l->type)
		return;
	if (l->json)
		prt_key_json(l, k);
	else
		bch_bkey_val_to_text(&l->out, l->c, k);
	prt_newline(&l->out);
}

/* Walks */

/* Is the walk to go on after @ret? */
static bool step_over(struct btree_iter *iter, int *ret)
{
	if (*ret != -BCH_ERR_btree_node_read_error)
		return false;
	*ret = 0;
	return bch_iter_skip_unreadable(iter);
}

static int list_keys(struct list *l)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, l->c, l->btree, l->start,
		      BTREE_ITER_all_snapshots | BTREE_ITER_prefetch | BTREE_ITER_once);
	for (;;) {
		ret = bch_iter_peek_upto(&iter, l->end, &k);
		if (ret) {
			if (step_over(&iter, &ret))
				continue;
			break;
		}
		if (!k.k)
			break;
		prt_key(l, k);
		flush(l);
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
	return ret;
}

static int list_nodes(struct list *l)
{
	struct btree_iter iter;
	struct btree *b;
	int ret;

	bch_iter_init_level(&iter, l->c, l->btree, l->start, l->level,
			    BTREE_ITER_prefetch | BTREE_ITER_once);
	iter.end = l->end;
	for (;;) {
		ret = bch_iter_next_node(&iter, &b);
		if (ret) {
			if (step_over(&iter, &ret))
				continue;
			break;
		}
		if (!b || bpos_gt(btree_node_max(b), l->end))
			break;
		prt_node(l, b);
		flush(l);
	}
	bch_iter_exit(&iter);
	return ret;
}

/* What a scan found, of all levels, whether the tree still leads there or not. */
static void list_found_nodes(struct list *l)
{
	const struct node_index *index = l->c->btree->scan;
	size_t i = bch_node_index_seek(index, l->btree, l->level);

	for (; i < index->nodes.nr && index->nodes.data[i].btree == l->btree; i++) {
		bch_found_node_to_text(&l->out, l->c, &index->nodes.data[i]);
		prt_newline(&l->out);
		flush(l);
	}
}

/* What of the btree may not be taken as it was printed. */
static void tell_damage(struct list *l)
{
	struct printbuf name = PRINTBUF, text = PRINTBUF;
	struct btree_range r;

	bch_btree_id_to_text(&name, l->btree);
	for (unsigned kind = BTREE_DAMAGE_none + 1; kind < BTREE_DAMAGE_NR; kind++) {
		struct bpos pos = l->start;

		while (bch_btree_damage_next(l->c, l->btree, kind, pos, &r) &&
		       bpos_le(r.start, l->end)) {
			printbuf_reset(&text);
			bch_bpos_to_text(&text, r.start);
			prt_str(&text, " - ");
			bch_bpos_to_text(&text, r.end);
			bch_log(l->c, "btree %s: %s: %s", printbuf_str(&name),
				bch_btree_damage_name(kind), printbuf_str(&text));
			if (bpos_eq(r.end, SPOS_MAX))
				break;
			pos = bpos_successor(r.end);
		}
	}
	printbuf_exit(&name);
	printbuf_exit(&text);
}

/* Options */

enum {
	OPT_BTREE,
	OPT_TYPE,
	OPT_LEVEL,
	OPT_START,
	OPT_END,
	OPT_MODE,
	OPT_FSCK,
	OPT_NO_JOURNAL,
	OPT_SCAN,
	OPT_JSON,
	OPT_PASSPHRASE_FILE,
	OPT_MEMORY,
	OPT_COLORIZE,
	OPT_VERBOSE,
};

static const struct cli_opt list_opts[] = {
	[OPT_BTREE] = {"btree", 'b', "NAME", "btree to list (default extents)"},
	[OPT_TYPE] = {"bkey-type", 'k', "TYPE", "only keys of this type (mode keys)"},
	[OPT_LEVEL] = {"level", 'l', "N",
		       "lowest level of the nodes to list; mode keys lists leaves whatever it is"},
	[OPT_START] = {"start", 's', "INODE:OFFSET[:SNAPSHOT]", "first position (default POS_MIN)"},
	[OPT_END] = {"end", 'e', "INODE:OFFSET[:SNAPSHOT]", "last position (default SPOS_MAX)"},
	[OPT_MODE] = {"mode", 'm', "MODE",
		      "keys, formats, nodes, nodes-ondisk or found-nodes (default keys)"},
	[OPT_FSCK] = {"fsck", 'f', NULL, "repair in memory first (not supported yet)"},
	[OPT_NO_JOURNAL] = {"no-journal", 0, NULL,
			    "show what is in the nodes, without the keys of an unreplayed journal"},
	[OPT_SCAN] = {"scan", 0, NULL,
		      "use nodes found by scanning the devices where the btrees cannot be read"},
	[OPT_JSON] = {"json", 0, NULL, "one JSON object a line for each key or node"},
	[OPT_PASSPHRASE_FILE] = {"passphrase_file", 0, "FILE",
				 "read the passphrase of an encrypted filesystem from FILE"},
	[OPT_MEMORY] = {"memory", 0, "SIZE", "memory for btree nodes (default a quarter of all)"},
	[OPT_COLORIZE] = {"colorize", 'c', "BOOL", "accepted and without effect"},
	[OPT_VERBOSE] = {"verbose", 'v', NULL, "also tell what is found on opening"},
	{}};

static bool parse_number(const char *s, unsigned max, unsigned *v)
{
	char *end;
	unsigned long n;

	if (*s < '0' || *s > '9')
		return false;
	n = strtoul(s, &end, 10);
	*v = n;
	return !*end && n <= max;
}

/* A name, a number, or "unknown btree N" as it is printed. */
static unsigned parse_btree(const struct cli_cmd *cmd, const char *s)
{
	static const char unknown[] = "unknown btree ";
	const char *number = strncmp(s, unknown, strlen(unknown)) ? s : s + strlen(unknown);
	int id = bch_btree_id_parse(s);
	unsigned n;

	if (id >= 0)
		return id;
	if (!parse_number(number, BTREE_ID_NR_MAX - 1, &n))
		cli_usage_error(cmd, "no btree is called '%s'", s);
	return n;
}

static int parse_type(const struct cli_cmd *cmd, const char *s)
{
	int type;

	for (type = 0; type < KEY_TYPE_NR; type++)
		if (!strcmp(s, bch_bkey_type_names[type]))
			return type;
	cli_usage_error(cmd, "no type of keys is called '%s'", s);
}

static unsigned parse_level(const struct cli_cmd *cmd, const char *s)
{
	unsigned level;

	if (!parse_number(s, U8_MAX, &level))
		cli_usage_error(cmd, "level '%s' is not a number from 0 to %u", s, U8_MAX);
	return level;
}

static enum list_mode parse_mode(const struct cli_cmd *cmd, const char *s)
{
	int mode;

	for (mode = 0; mode < LIST_MODE_NR; mode++)
		if (!strcmp(s, mode_names[mode]))
			return mode;
	cli_usage_error(cmd, "mode '%s' is none of keys, formats, nodes, nodes-ondisk, found-nodes",
			s);
}

static struct bpos parse_pos(const struct cli_cmd *cmd, const char *s)
{
	struct bpos p;

	if (bch_bpos_parse(s, &p))
		cli_usage_error(cmd, "position '%s' is not INODE:OFFSET[:SNAPSHOT]", s);
	return p;
}

struct list_args {
	struct cli_paths paths;
	struct bch_open_args open;
};

static void parse_opt(struct list *l, struct list_args *args, int opt, const char *value)
{
	const struct cli_cmd *cmd = l->cmd;

	switch (opt) {
	case CLI_OPERAND:
		cli_paths_add(&args->paths, value);
		break;
	case OPT_BTREE:
		l->btree = parse_btree(cmd, value);
		break;
	case OPT_TYPE:
		l->type = parse_type(cmd, value);
		break;
	case OPT_LEVEL:
		l->level = parse_level(cmd, value);
		break;
	case OPT_START:
		l->start = parse_pos(cmd, value);
		break;
	case OPT_END:
		l->end = parse_pos(cmd, value);
		break;
	case OPT_MODE:
		l->mode = parse_mode(cmd, value);
		break;
	case OPT_FSCK:
		cli_die(cmd,
			"repairing in memory (-f) is not supported yet; without -f the keys of "
			"an unreplayed journal are shown too");
	case OPT_NO_JOURNAL:
		args->open.no_journal = true;
		break;
	case OPT_SCAN:
		args->open.salvage = true;
		args->open.scan = BCH_SCAN_always;
		break;
	case OPT_JSON:
		l->json = true;
		break;
	case OPT_PASSPHRASE_FILE:
		args->open.get_key_arg = (void *)value;
		break;
	case OPT_MEMORY:
		if (bch_parse_size(value, &args->open.memory))
			cli_usage_error(cmd, "'%s' is not a size", value);
		break;
	}
}

/* Pointers are printed with whether they are stale. */
static bool shows_pointers(const struct list *l)
{
	return l->mode != LIST_KEYS || btree_id_flags(l->btree) & BTREE_IS_DATA ||
	       l->btree == BTREE_ID_stripes;
}

static int run_list(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct list l = {.cmd = cmd, .btree = BTREE_ID_extents, .type = -1, .end = SPOS_MAX};
	struct list_args args = {.open = {.degraded = true, .very_degraded = true}};
	int opt, ret = 0, status;

	while ((opt = cli_next(&p)) != CLI_END)
		parse_opt(&l, &args, opt, p.value);
	if (!args.paths.d.nr)
		cli_usage_error(cmd, "please supply a device");
	if (l.mode == LIST_FOUND_NODES)
		parse_opt(&l, &args, OPT_SCAN, NULL);
	if (cli_open(cmd, &l.c, &args.paths, &args.open, l.json ? "list" : NULL)) {
		cli_paths_exit(&args.paths);
		return EXIT_FAIL;
	}
	if (shows_pointers(&l) && bch_bucket_gens_load(l.c))
		cli_die(cmd, "out of memory");
	l.buf = kvmalloc(bch_node_bytes(l.c), GFP_KERNEL);
	if (!l.buf)
		cli_die(cmd, "out of memory");
	if (l.mode == LIST_KEYS)
		ret = list_keys(&l);
	else if (l.mode == LIST_FOUND_NODES)
		list_found_nodes(&l);
	else if (l.level < BTREE_MAX_DEPTH)
		ret = list_nodes(&l);
	cli_flush(&l.out);
	if (args.open.salvage)
		tell_damage(&l);
	if (ret)
		cli_error(cmd, "%s: stopped: %s", l.c->name, bch_err_sentence(ret));
	else if (l.c->nr_errors)
		cli_error(cmd, "%s: not all could be read, or trusted: %llu errors", l.c->name,
			  l.c->nr_errors);
	status = ret ? EXIT_FAIL : l.c->nr_errors ? EXIT_UNREADABLE : EXIT_OK;
	bch_fs_close(l.c);
	cli_paths_exit(&args.paths);
	printbuf_exit(&l.out);
	kvfree(l.buf);
	return status;
}

const struct cli_cmd cmd_list = {
	.name = "list",
	.group = "Debug",
	.operands = "DEVICE...",
	.summary = "list keys or nodes of a btree",
	.details =
		"Prints all keys of the btree, of all snapshots, in order, as they are with the "
		"journal replayed; or the nodes of the btree. Nothing is written to the devices.\n"
		"\n"
		"Members may be missing. Nodes that cannot be read are told on standard error and "
		"left out; the exit status is then 4.\n"
		"\n"
		"With --scan whatever can be opened is opened, and all devices are read in search "
		"of "
		"nodes. They stand in for those that cannot be read; where they may be older than "
		"the filesystem is told. Mode found-nodes prints all that were found, with those "
		"that have long been replaced.",
	.opts = list_opts,
	.run = run_list,
};
