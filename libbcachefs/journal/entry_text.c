/* Text and JSON of the journal's sub-entries (spec 04 section 2.4, 17.1, 09 section 17). */
#include "journal/entry_text.h"

#include <linux/string.h>

#include "btree/bkey_ops.h"
#include "format/data_type.h"

void bch_jset_entry_type_to_text(struct printbuf *out, unsigned type)
{
	if (type < JSET_ENTRY_NR)
		prt_str(out, bch_jset_entry_type_names[type]);
	else
		prt_printf(out, "(unknown jset_entry_type %u)", type);
}

size_t bch_jset_log_len(const struct jset_entry *e)
{
	return strnlen((const char *)e->data, le16_to_cpu(e->u64s) * sizeof(u64));
}

static void keys_to_text(struct printbuf *out, const struct bch_fs *c, const struct jset_entry *e)
{
	bool first = true;

	for_each_jset_key(k, e) {
		if (!first) {
			prt_newline(out);
			bch_jset_entry_type_to_text(out, e->type);
			prt_str(out, ": ");
		}
		first = false;
		prt_str(out, "btree=");
		bch_btree_id_to_text(out, e->btree_id);
		prt_printf(out, " l=%u ", e->level);
		bch_bkey_val_to_text_raw(out, c, bkey_i_view(k));
	}
}

static void usage_to_text(struct printbuf *out, const struct jset_entry *e)
{
	const struct jset_usage *u = (const void *)e->data;

	prt_str(out, "type=");
	if (e->btree_id < FS_USAGE_NR)
		prt_str(out, bch_fs_usage_type_names[e->btree_id]);
	else
		prt_printf(out, "(unknown fs_usage_type %u)", e->btree_id);
	prt_printf(out, " v=%llu", le64_to_cpu(u->v));
}

static void data_type_to_text(struct printbuf *out, unsigned type)
{
	if (type < BCH_DATA_NR)
		prt_str(out, bch_data_type_names[type]);
	else
		prt_printf(out, "(unknown data_type %u)", type);
}

static void data_usage_to_text(struct printbuf *out, const struct jset_data_usage *u)
{
	data_type_to_text(out, u->data_type);
	prt_printf(out, ": %u/%u [", u->nr_required, u->nr_devs);
	for (unsigned i = 0; i < u->nr_devs; i++)
		prt_printf(out, i ? " %u" : "%u", u->devs[i]);
	prt_printf(out, "]=%llu", le64_to_cpu(u->v));
}

static void dev_usage_to_text(struct printbuf *out, const struct jset_entry *e)
{
	const struct jset_dev_usage *u = (const void *)e->data;
	unsigned nr = (le16_to_cpu(e->u64s) * sizeof(u64) - sizeof(*u)) / sizeof(u->d[0]);

	prt_printf(out, "dev=%u", le32_to_cpu(u->dev));
	printbuf_indent_add(out, 2); /* its blanks stay at the end of this line */
	for (unsigned i = 0; i < nr; i++) {
		prt_newline(out);
		data_type_to_text(out, i);
		prt_printf(out, ": buckets=%llu sectors=%llu fragmented=%llu",
			   le64_to_cpu(u->d[i].buckets), le64_to_cpu(u->d[i].sectors),
			   le64_to_cpu(u->d[i].fragmented));
	}
	printbuf_indent_sub(out, 2);
}

/* What follows "TYPE: ". */
static void payload_to_text(struct printbuf *out, const struct bch_fs *c,
			    const struct jset_entry *e)
{
	switch (e->type) {
	case JSET_ENTRY_btree_keys:
	case JSET_ENTRY_btree_root:
	case JSET_ENTRY_overwrite:
	case JSET_ENTRY_write_buffer_keys:
	case JSET_ENTRY_log_bkey:
		keys_to_text(out, c, e);
		break;
	case JSET_ENTRY_blacklist:
		prt_printf(out, "seq=%llu",
			   le64_to_cpu(((const struct jset_blacklist *)e->data)->seq));
		break;
	case JSET_ENTRY_blacklist_v2: {
		const struct jset_blacklist_v2 *b = (const void *)e->data;

		prt_printf(out, "start=%llu end=%llu", le64_to_cpu(b->start), le64_to_cpu(b->end));
		break;
	}
	case JSET_ENTRY_usage:
		usage_to_text(out, e);
		break;
	case JSET_ENTRY_data_usage:
		data_usage_to_text(out, (const void *)e->data);
		break;
	case JSET_ENTRY_clock: {
		const struct jset_clock *clock = (const void *)e->data;

		prt_printf(out, "%s=%llu", clock->rw ? "write" : "read", le64_to_cpu(clock->time));
		break;
	}
	case JSET_ENTRY_dev_usage:
		dev_usage_to_text(out, e);
		break;
	case JSET_ENTRY_log:
		prt_printf(out, "%.*s", (int)bch_jset_log_len(e), (const char *)e->data);
		break;
	case JSET_ENTRY_datetime:
		prt_date(out, le64_to_cpu(((const struct jset_datetime *)e->data)->seconds));
		break;
	case JSET_ENTRY_rewind_limit:
		prt_printf(out, "seq %llu",
			   le64_to_cpu(((const struct jset_rewind_limit *)e->data)->seq));
		break;
	case JSET_ENTRY_rewind: {
		const struct jset_rewind *r = (const void *)e->data;

		prt_printf(out, "from %llu to %llu", le64_to_cpu(r->from), le64_to_cpu(r->to));
		break;
	}
	}
}

void bch_jset_entry_to_text(struct printbuf *out, const struct bch_fs *c,
			    const struct jset_entry *e)
{
	bch_jset_entry_type_to_text(out, e->type);
	if (e->type < JSET_ENTRY_NR) {
		prt_str(out, ": ");
		payload_to_text(out, c, e);
	}
}

void bch_jset_entry_to_json(struct json *j, const struct bch_fs *c, const struct jset_entry *e)
{
	struct printbuf text = PRINTBUF;

	json_object_begin(j, NULL);
	if (e->type >= JSET_ENTRY_NR) {
		json_u64(j, "type", e->type);
	} else if (jset_entry_type_has_keys(e->type)) {
		json_str(j, "type", bch_jset_entry_type_names[e->type]);
		bch_btree_id_to_text(&text, e->btree_id);
		json_str(j, "btree", printbuf_str(&text));
		json_u64(j, "level", e->level);
		json_array_begin(j, "keys");
		for_each_jset_key(k, e)
			bch_bkey_to_json(j, c, bkey_i_view(k),
					 (struct bkey_where){.btree = e->btree_id,
							     .level = e->level});
		json_array_end(j);
	} else {
		json_str(j, "type", bch_jset_entry_type_names[e->type]);
		if (e->type == JSET_ENTRY_log)
			json_u64(j, "level", e->level);
		payload_to_text(&text, c, e);
		json_strn(j, "text", printbuf_str(&text), text.pos);
	}
	json_object_end(j);
	printbuf_exit(&text);
}
