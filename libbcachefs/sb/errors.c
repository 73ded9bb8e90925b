/*
 * Sections errors and errors_v2: which errors were ever found, how often and when (spec 01 sections
 * 10.12, 18.4).
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include "format/sb_errors.h"
#include "sb/sb_sections.h"

#define ERROR_COUNT_SATURATED U32_MAX

struct error_record {
	unsigned id;
	u64 count, first, last; /* s since the epoch */
};

static struct error_record record_v1(const struct sb_error_entry *e)
{
	u64 v = le64_to_cpu(e->v);

	return (struct error_record){
		.id = v & U16_MAX,
		.count = v >> 16,
		.last = le64_to_cpu(e->last),
	};
}

static struct error_record record_v2(const struct sb_error_entry_v2 *e)
{
	u64 a = le64_to_cpu(e->w[0]), b = le64_to_cpu(e->w[1]);

	return (struct error_record){
		.id = a & U16_MAX,
		.count = a >> 16 & U32_MAX,
		.last = a >> 48 | (b & 0xffffff) << 16,
		.first = b >> 24,
	};
}

static struct error_record record(const struct sb_section *s, unsigned i)
{
	if (le32_to_cpu(s->type) == SB_SECTION_errors_v2)
		return record_v2(((const struct sb_errors_v2 *)s)->entries + i);
	return record_v1(((const struct sb_errors *)s)->entries + i);
}

static unsigned nr_records(const struct sb_section *s)
{
	const struct sb_errors *e = (const void *)s;

	return sb_section_nr(e, entries); /* those of v2 are as large */
}

static void prt_error_name(struct printbuf *out, unsigned id)
{
	if (id < BCH_FSCK_ERR_NR)
		prt_str(out, bch_fsck_err_names[id]);
	else
		prt_printf(out, "(unknown error %u)", id);
}

static int errors_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			   struct printbuf *err)
{
	bool v2 = le32_to_cpu(s->type) == SB_SECTION_errors_v2;
	unsigned i, nr = nr_records(s);

	for (i = 0; i < nr; i++) {
		struct error_record r = record(s, i);

		if (!r.count) {
			prt_str(err, "entry with count 0 (id ");
			goto named;
		}
		if (v2 && r.first > r.last) {
			prt_str(err, "entry with first occurrence after last (id ");
			goto named;
		}
		if (i + 1 < nr && r.id >= record(s, i + 1).id) {
			prt_str(err, "entries out of order");
			return -BCH_ERR_invalid_sb_errors;
		}
		continue;
	named:
		prt_error_name(err, r.id);
		prt_char(err, ')');
		return -BCH_ERR_invalid_sb_errors;
	}
	return 0;
}

static void errors_to_text(struct printbuf *out, const struct bch_sb *sb,
			   const struct sb_section *s)
{
	unsigned i;

	sb_second_tabstop(out);
	for (i = 0; i < nr_records(s); i++) {
		struct error_record r = record(s, i);

		prt_error_name(out, r.id);
		prt_tab(out);
		prt_u64(out, r.count);
		prt_tab(out);
		prt_date(out, r.last);
		prt_newline(out);
	}
}

static int cmp_newest_first(const void *a, const void *b)
{
	const struct error_record *l = a, *r = b;

	return l->last > r->last ? -1 : l->last < r->last;
}

/* Newest first, with the time of the first occurrence. */
static void errors_v2_to_text(struct printbuf *out, const struct bch_sb *sb,
			      const struct sb_section *s)
{
	unsigned i, nr = nr_records(s);
	struct error_record *sorted = kcalloc(nr + 1, sizeof(*sorted), GFP_KERNEL);

	if (!sorted) {
		out->failed = true;
		return;
	}
	for (i = 0; i < nr; i++)
		sorted[i] = record(s, i);
	sort(sorted, nr, sizeof(*sorted), cmp_newest_first, NULL);
	sb_second_tabstop(out);
	for (i = 0; i < nr; i++) {
		prt_error_name(out, sorted[i].id);
		prt_tab(out);
		prt_printf(out, "%llu%s", sorted[i].count,
			   sorted[i].count == ERROR_COUNT_SATURATED ? "+" : "");
		prt_tab(out);
		prt_date(out, sorted[i].last);
		prt_str(out, " (first ");
		prt_date(out, sorted[i].first);
		prt_str(out, ")\n");
	}
	kfree(sorted);
}

/* bch_sb_to_json() puts it into the document itself. */
static void errors_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	bool v2 = le32_to_cpu(s->type) == SB_SECTION_errors_v2;
	unsigned i;

	json_array_begin(j, "errors");
	for (i = 0; i < nr_records(s); i++) {
		struct error_record r = record(s, i);

		json_object_begin(j, NULL);
		json_u64(j, "id", r.id);
		if (r.id < BCH_FSCK_ERR_NR)
			json_str(j, "name", bch_fsck_err_names[r.id]);
		json_u64(j, "count", r.count);
		json_u64(j, "last", r.last);
		if (v2)
			json_u64(j, "first", r.first);
		json_object_end(j);
	}
	json_array_end(j);
}

const struct bch_sb_section_ops bch_sb_errors_ops = {
	.validate = errors_validate,
	.to_text = errors_to_text,
	.to_json = errors_to_json,
};

const struct bch_sb_section_ops bch_sb_errors_v2_ops = {
	.validate = errors_validate,
	.to_text = errors_v2_to_text,
	.to_json = errors_to_json,
};
