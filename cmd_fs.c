/*
 * fs usage: how full an unmounted filesystem is, and with what, from its accounting btree with the
 * journal overlay (spec 09 section 3.1). Online reservations only exist while mounted: 0 here.
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <sys/stat.h>
#include "alloc/accounting.h"
#include "alloc/usage.h"
#include "btree/iter.h"
#include "cli/open.h"
#include "cmds.h"
#include "format/data_type.h"
#include "format/enums.h"
#include "format/errcode.h"
#include "format/sb.h"
#include "sb/labels.h"
#include "sb/super.h"

struct counter {
	struct bch_accounting_pos a;
	u64 v[ACCOUNTING_COUNTERS_MAX];
};

struct usage {
	struct bch_fs *c;
	struct bch_usage total;
	DARRAY(struct counter) counters; /* by type, then by what else identifies them */
	struct printbuf out;
};

/* ---- Collecting ---- */

static int counter_cmp(const void *l, const void *r)
{
	return memcmp(&((const struct counter *)l)->a, &((const struct counter *)r)->a,
		      sizeof(struct bch_accounting_pos));
}

static void counter_add(struct usage *u, struct bkey_view k)
{
	struct counter n = {.a = bch_accounting_pos_unpack(u->c, k.k->p)};
	const __le64 *v = k.v;
	unsigned i, nr = min_t(unsigned, bkey_val_u64s(k.k), ACCOUNTING_COUNTERS_MAX);

	if (k.k->type != KEY_TYPE_accounting || n.a.type == BCH_ACCOUNTING_inum)
		return;
	for (i = 0; i < nr; i++)
		n.v[i] = le64_to_cpu(v[i]);
	if (darray_push(&u->counters, n))
		cli_die(NULL, "out of memory");
}

static void counters_read(struct usage *u)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, u->c, BTREE_ID_accounting, POS_MIN, BTREE_ITER_prefetch);
	for (ret = bch_iter_peek(&iter, &k);; ret = bch_iter_next(&iter, &k)) {
		if (ret == -BCH_ERR_btree_node_read_error && bch_iter_skip_unreadable(&iter))
			continue;
		if (ret || !k.k)
			break;
		counter_add(u, k);
	}
	bch_iter_exit(&iter);
	sort(u->counters.data, u->counters.nr, sizeof(u->counters.data[0]), counter_cmp, NULL);
}

/* Calls for each counter of one type, in order. */
#define for_each_counter(u, n, _type)     \
	darray_for_each((u)->counters, n) \
		if (n->a.type == BCH_ACCOUNTING_##_type)

static const struct counter *find_counter(const struct usage *u, const struct bch_accounting_pos *a)
{
	darray_for_each(u->counters, n)
		if (!memcmp(&n->a, a, sizeof(*a)))
			return n;
	return NULL;
}

/* ---- Text ---- */

static void set_stops(struct printbuf *out, const u16 *stops, unsigned nr)
{
	unsigned i, prev = 0;

	printbuf_tabstops_reset(out);
	for (i = 0; i < nr; prev = stops[i++])
		printbuf_tabstop_push(out, stops[i] - prev);
}
#define SET_STOPS(out, ...) \
	set_stops(out, (const u16[]){__VA_ARGS__}, ARRAY_SIZE(((const u16[]){__VA_ARGS__})))

static void prt_cell(struct printbuf *out, const char *s)
{
	prt_str(out, s);
	prt_tab(out);
}

static void prt_bytes_right(struct printbuf *out, u64 sectors)
{
	prt_units_u64(out, sectors << 9);
	prt_tab_rjust(out);
}

static void prt_number_right(struct printbuf *out, u64 v)
{
	prt_u64(out, v);
	prt_tab_rjust(out);
}

static void prt_word_right(struct printbuf *out, const char *s)
{
	prt_str(out, s);
	prt_tab_rjust(out);
}

static void head_to_text(struct usage *u)
{
	struct printbuf *out = &u->out;

	prt_str(out, "Filesystem: ");
	prt_uuid(out, u->c->user_uuid);
	prt_newline(out);
	SET_STOPS(out, 20, 36);
	prt_cell(out, "Size:");
	prt_bytes_right(out, u->total.capacity + u->total.hidden);
	prt_newline(out);
	prt_cell(out, "Used:");
	prt_bytes_right(out, u->total.used);
	prt_newline(out);
	prt_cell(out, "Online reserved:");
	prt_bytes_right(out, 0);
	prt_newline(out);
}

static const char *data_type_name(unsigned type)
{
	return type < BCH_DATA_NR ? bch_data_type_names[type] : "(unknown)";
}

static unsigned durability(const struct usage *u, const struct counter *n)
{
	unsigned i, sum = 0;

	for (i = 0; i < min_t(unsigned, n->a.replicas.nr_devs, ACCOUNTING_DEVS_MAX); i++) {
		const struct bch_dev *ca = bch_dev(u->c, n->a.replicas.devs[i]);

		sum += ca ? ca->mi.durability : 0;
	}
	return sum;
}

static void replicas_to_text(struct usage *u, const struct counter *n)
{
	struct printbuf *out = &u->out;
	unsigned i;

	prt_printf(out, "%s:", data_type_name(n->a.replicas.data_type));
	prt_tab(out);
	prt_printf(out, "%u/%u ", n->a.replicas.nr_required, n->a.replicas.nr_devs);
	prt_tab(out);
	prt_printf(out, "%u ", durability(u, n));
	prt_tab(out);
	prt_char(out, '[');
	for (i = 0; i < min_t(unsigned, n->a.replicas.nr_devs, ACCOUNTING_DEVS_MAX); i++) {
		const struct bch_dev *ca = bch_dev(u->c, n->a.replicas.devs[i]);

		if (i)
			prt_char(out, ' ');
		if (bch_dev_online(ca))
			prt_str(out, ca->name);
		else
			prt_u64(out, n->a.replicas.devs[i]);
	}
	prt_str(out, "] ");
	prt_tab(out);
	prt_bytes_right(out, n->v[0]);
	prt_newline(out);
}

static void data_to_text(struct usage *u)
{
	struct printbuf *out = &u->out;

	prt_newline(out);
	SET_STOPS(out, 16, 32, 46, 60, 74);
	prt_cell(out, "Data type");
	prt_cell(out, "Required/total");
	prt_cell(out, "Durability");
	prt_str(out, "Devices");
	prt_newline(out);
	for_each_counter(u, n, persistent_reserved)
	{
		if (!n->v[0])
			continue;
		prt_cell(out, "reserved:");
		prt_printf(out, "1/%u ", n->a.persistent_reserved.nr_replicas);
		prt_tab(out);
		prt_str(out, "[] ");
		prt_bytes_right(out, n->v[0]);
		prt_newline(out);
	}
	for_each_counter(u, n, replicas) if (n->v[0]) replicas_to_text(u, n);
}

static void compression_to_text(struct usage *u)
{
	struct printbuf *out = &u->out;
	bool first = true, human = out->human_units;

	out->human_units = true;
	for_each_counter(u, n, compression)
	{
		if (first) {
			prt_str(out, "\nCompression:\n");
			SET_STOPS(out, 12, 28, 44, 68);
			prt_cell(out, "type");
			prt_word_right(out, "compressed");
			prt_word_right(out, "uncompressed");
			prt_word_right(out, "average extent size");
			prt_newline(out);
		}
		first = false;
		prt_cell(out, n->a.compression.type < BCH_COMPRESSION_TYPE_NR ?
				      bch_compression_type_names[n->a.compression.type] :
				      "(unknown)");
		prt_bytes_right(out, n->v[2]);
		prt_bytes_right(out, n->v[1]);
		prt_units_u64(out, n->v[0] ? (n->v[1] << 9) / n->v[0] : 0);
		prt_tab_rjust(out);
		prt_newline(out);
	}
	out->human_units = human;
}

static void btrees_to_text(struct usage *u)
{
	struct printbuf *out = &u->out;
	bool first = true;

	for_each_counter(u, n, btree)
	{
		if (first) {
			prt_str(out, "\nBtree usage:\n");
			SET_STOPS(out, 12, 28);
		}
		first = false;
		bch_btree_id_to_text(out, le32_to_cpu(n->a.btree.id));
		prt_char(out, ':');
		prt_tab(out);
		prt_bytes_right(out, n->v[0]);
		prt_newline(out);
	}
	for_each_counter(u, n, rebalance_work)
	{
		prt_str(out, "\nPending rebalance work:\n");
		prt_units_u64(out, n->v[0] << 9);
		prt_newline(out);
	}
}

/* Label path of a member into @out, which is emptied first; false: it has none. */
static bool dev_label(const struct usage *u, const struct bch_dev *ca, struct printbuf *out)
{
	printbuf_reset(out);
	if (!ca->mi.group)
		return false;
	bch_label_path_to_text(out, u->c->sb->sb, ca->mi.group - 1);
	return true;
}

static struct counter dev_counter(const struct usage *u, const struct bch_dev *ca, unsigned type)
{
	struct bch_accounting_pos a = {
		.type = BCH_ACCOUNTING_dev_data_type,
		.dev_data_type = {.dev = ca->idx, .data_type = type},
	};
	const struct counter *n = find_counter(u, &a);
	struct counter found = n ? *n : (struct counter){.a = a};

	if (type == BCH_DATA_free || type == BCH_DATA_need_gc_gens || type == BCH_DATA_need_discard)
		found.v[1] = found.v[0] * ca->mi.bucket_size;
	return found;
}

static void dev_to_text(struct usage *u, const struct bch_dev *ca)
{
	struct printbuf *out = &u->out, label = PRINTBUF;
	unsigned type;

	SET_STOPS(out, 16, 36, 52, 66);
	prt_newline(out);
	dev_label(u, ca, &label);
	prt_printf(out, "%s (device %u):", label.pos ? printbuf_str(&label) : "(no label)",
		   ca->idx);
	printbuf_exit(&label);
	prt_tab(out);
	prt_word_right(out, bch_dev_online(ca) ? ca->name : "(device not found)");
	prt_word_right(out, ca->mi.state < BCH_MEMBER_STATE_NR ?
				    bch_member_state_names[ca->mi.state] :
				    "unknown");
	prt_newline(out);
	printbuf_indent_add(out, 2);
	prt_tab(out);
	prt_word_right(out, "data");
	prt_word_right(out, "buckets");
	prt_word_right(out, "fragmented");
	prt_newline(out);
	for (type = 0; type < BCH_DATA_NR_1_13; type++) {
		struct counter n = dev_counter(u, ca, type);

		prt_printf(out, "%s:", data_type_name(type));
		prt_tab(out);
		prt_bytes_right(out, n.v[1]);
		prt_number_right(out, n.v[0]);
		if (n.v[2])
			prt_bytes_right(out, n.v[2]);
		prt_newline(out);
	}
	prt_cell(out, "capacity:");
	prt_bytes_right(out, (ca->mi.nbuckets - ca->mi.first_bucket) * ca->mi.bucket_size);
	prt_number_right(out, ca->mi.nbuckets - ca->mi.first_bucket);
	printbuf_indent_sub(out, 2);
	prt_newline(out);
}

/* Members by label where both have one, then by name where both are here, then by slot. */
static int dev_order(const struct usage *u, const struct bch_dev *l, const struct bch_dev *r)
{
	struct printbuf a = PRINTBUF, b = PRINTBUF;
	int ret = 0;

	if (dev_label(u, l, &a) && dev_label(u, r, &b))
		ret = strcmp(printbuf_str(&a), printbuf_str(&b));
	printbuf_exit(&a);
	printbuf_exit(&b);
	if (!ret && l->name && r->name)
		ret = strcmp(l->name, r->name);
	return ret ?: l->idx - r->idx;
}

static unsigned devs_sorted(const struct usage *u, const struct bch_dev **devs)
{
	unsigned nr = 0, i, at;

	for (i = 0; i < u->c->nr_devices; i++) {
		const struct bch_dev *ca = bch_dev(u->c, i);

		if (!ca)
			continue;
		for (at = nr++; at && dev_order(u, ca, devs[at - 1]) < 0; at--)
			devs[at] = devs[at - 1];
		devs[at] = ca;
	}
	return nr;
}

static void usage_to_text(struct usage *u)
{
	const struct bch_dev *devs[BCH_MAX_DEVS + 1];
	unsigned nr = devs_sorted(u, devs), i;

	head_to_text(u);
	data_to_text(u);
	compression_to_text(u);
	btrees_to_text(u);
	for (i = 0; i < nr; i++)
		dev_to_text(u, devs[i]);
}

/* ---- JSON ---- */

static void replicas_to_json(struct json *j, struct usage *u)
{
	unsigned i;

	json_array_begin(j, "replicas");
	for_each_counter(u, n, replicas)
	{
		bool degraded = false;

		json_object_begin(j, NULL);
		json_str(j, "data_type", data_type_name(n->a.replicas.data_type));
		json_u64(j, "required", n->a.replicas.nr_required);
		json_u64(j, "total", n->a.replicas.nr_devs);
		json_u64(j, "durability", durability(u, n));
		json_array_begin(j, "devices");
		for (i = 0; i < min_t(unsigned, n->a.replicas.nr_devs, ACCOUNTING_DEVS_MAX); i++) {
			json_u64(j, NULL, n->a.replicas.devs[i]);
			degraded |= !bch_dev_online(bch_dev(u->c, n->a.replicas.devs[i]));
		}
		json_array_end(j);
		json_u64(j, "bytes", n->v[0] << 9);
		json_bool(j, "degraded", degraded);
		json_object_end(j);
	}
	json_array_end(j);
}

static void dev_to_json(struct json *j, struct usage *u, const struct bch_dev *ca)
{
	struct printbuf label = PRINTBUF;
	unsigned type;

	json_object_begin(j, NULL);
	json_u64(j, "idx", ca->idx);
	if (ca->name)
		json_str(j, "name", ca->name);
	if (dev_label(u, ca, &label))
		json_str(j, "label", printbuf_str(&label));
	printbuf_exit(&label);
	json_uuid(j, "uuid", ca->mi.uuid);
	if (ca->mi.state < BCH_MEMBER_STATE_NR)
		json_str(j, "state", bch_member_state_names[ca->mi.state]);
	json_bool(j, "online", bch_dev_online(ca));
	json_u64(j, "bucket_size", (u64)ca->mi.bucket_size << 9);
	json_u64(j, "buckets", ca->mi.nbuckets);
	json_array_begin(j, "types");
	for (type = 0; type < BCH_DATA_NR_1_13; type++) {
		struct counter n = dev_counter(u, ca, type);

		json_object_begin(j, NULL);
		json_str(j, "type", data_type_name(type));
		json_u64(j, "bytes", n.v[1] << 9);
		json_u64(j, "buckets", n.v[0]);
		json_u64(j, "fragmented", n.v[2] << 9);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

static void work_to_json(struct json *j, struct usage *u)
{
	json_array_begin(j, "reserved");
	for_each_counter(u, n, persistent_reserved)
	{
		json_object_begin(j, NULL);
		json_u64(j, "replicas", n->a.persistent_reserved.nr_replicas);
		json_u64(j, "bytes", n->v[0] << 9);
		json_object_end(j);
	}
	json_array_end(j);
	json_array_begin(j, "compression");
	for_each_counter(u, n, compression)
	{
		json_object_begin(j, NULL);
		if (n->a.compression.type < BCH_COMPRESSION_TYPE_NR)
			json_str(j, "type", bch_compression_type_names[n->a.compression.type]);
		json_u64(j, "compressed", n->v[2] << 9);
		json_u64(j, "uncompressed", n->v[1] << 9);
		json_u64(j, "extents", n->v[0]);
		json_object_end(j);
	}
	json_array_end(j);
	json_array_begin(j, "btrees");
	for_each_counter(u, n, btree)
	{
		u32 id = le32_to_cpu(n->a.btree.id);

		json_object_begin(j, NULL);
		if (id < BTREE_ID_NR)
			json_str(j, "name", bch_btree_names[id]);
		else
			json_u64(j, "name", id);
		json_u64(j, "bytes", n->v[0] << 9);
		json_object_end(j);
	}
	json_array_end(j);
	for_each_counter(u, n, rebalance_work) json_u64(j, "rebalance_work_bytes", n->v[0] << 9);
}

static void usage_to_json(struct usage *u)
{
	struct json j = JSON(&u->out);
	unsigned i;

	json_object_begin(&j, NULL);
	json_str(&j, "schema", "bcachefs/fs-usage/1");
	json_str(&j, "tool_version", BCACHEFS_VERSION);
	json_uuid(&j, "uuid", u->c->user_uuid);
	json_u64(&j, "capacity", (u->total.capacity + u->total.hidden) << 9);
	json_u64(&j, "used", u->total.used << 9);
	json_u64(&j, "online_reserved", 0);
	replicas_to_json(&j, u);
	work_to_json(&j, u);
	json_array_begin(&j, "devices");
	for (i = 0; i < u->c->nr_devices; i++)
		if (bch_dev(u->c, i))
			dev_to_json(&j, u, bch_dev(u->c, i));
	json_array_end(&j);
	json_object_end(&j);
	prt_newline(&u->out);
}

/* ---- The command ---- */

enum {
	OPT_HUMAN,
	OPT_JSON,
	OPT_PASSPHRASE_FILE,
};

/* A mounted filesystem changes while it is read: the figures would be of no moment. */
static void refuse_mounted(const struct cli_cmd *cmd, const struct cli_paths *paths)
{
	struct stat st;

	darray_for_each(paths->d, path)
		if (!stat(*path, &st) && S_ISDIR(st.st_mode))
			cli_die(cmd,
				"%s: is a directory; figures of a mounted filesystem are not "
				"supported yet: unmount it, and name its devices",
				*path);
	cli_refuse_mounted(cmd, paths);
}

static int run_usage(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct bch_open_args open = {.degraded = true, .very_degraded = true};
	struct cli_paths paths = {};
	struct usage u = {};
	bool json = false;
	int o, status;

	while ((o = cli_next(&p)) != CLI_END) {
		if (o == CLI_OPERAND)
			cli_paths_add(&paths, p.value);
		else if (o == OPT_HUMAN)
			u.out.human_units = true;
		else if (o == OPT_JSON)
			json = true;
		else if (o == OPT_PASSPHRASE_FILE)
			open.get_key_arg = (void *)p.value;
	}
	if (!paths.d.nr)
		cli_usage_error(cmd, "please supply a device");
	refuse_mounted(cmd, &paths);
	if (cli_open(cmd, &u.c, &paths, &open, json ? "fs-usage" : NULL))
		return EXIT_FAIL;
	bch_usage_get(u.c, &u.total);
	counters_read(&u);
	if (json)
		usage_to_json(&u);
	else
		usage_to_text(&u);
	cli_flush(&u.out);
	status = u.c->nr_errors ? EXIT_UNREADABLE : EXIT_OK;
	bch_fs_close(u.c);
	cli_paths_exit(&paths);
	darray_exit(&u.counters);
	printbuf_exit(&u.out);
	return status;
}

static const struct cli_opt opts[] = {
	[OPT_HUMAN] = {"human-readable", 'h', NULL, "sizes with units, as 1.00 MiB"},
	[OPT_JSON] = {"json", 0, NULL, "one JSON document"},
	[OPT_PASSPHRASE_FILE] = {"passphrase-file", 0, "FILE",
				 "passphrase of an encrypted filesystem"},
	{},
};

const struct cli_cmd cmd_fs_usage = {
	.name = "fs usage",
	.group = "Commands for managing devices and space",
	.operands = "DEVICE...",
	.summary = "show what an unmounted filesystem is filled with",
	.details = "Prints space by kind of data and replicas, compression, btrees and devices, "
		   "from the "
		   "accounting btree of the unmounted filesystem on these devices. Nothing is "
		   "written.",
	.opts = opts,
	.run = run_usage,
};
