/* Sections journal and journal_v2: which buckets hold the journal (spec 01 sections 10.0, 10.9). */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "sb/members.h"
#include "sb/sb_sections.h"

static int cmp_ranges(const void *a, const void *b)
{
	const struct sb_journal_range *l = a, *r = b;
	u64 ls = le64_to_cpu(l->start), rs = le64_to_cpu(r->start);

	return ls < rs ? -1 : ls > rs;
}

/* The first and the last bucket (inclusive) of a list in order. */
static int check_ends(const struct bch_sb *sb, u64 first, u64 last, struct printbuf *err)
{
	struct bch_member m = bch_member_get(sb, sb->dev_idx);

	if (!first) {
		prt_str(err, "journal bucket at sector 0");
		return -BCH_ERR_invalid_sb_journal;
	}
	if (first < le16_to_cpu(m.first_bucket)) {
		prt_printf(err, "journal bucket %llu before first bucket %u", first,
			   le16_to_cpu(m.first_bucket));
		return -BCH_ERR_invalid_sb_journal;
	}
	if (last >= le64_to_cpu(m.nbuckets)) {
		prt_printf(err, "journal bucket %llu past end of device (nbuckets %llu)", last,
			   le64_to_cpu(m.nbuckets));
		return -BCH_ERR_invalid_sb_journal;
	}
	return 0;
}

/* A sorted copy of both kinds as ranges; NULL: no memory. */
static struct sb_journal_range *sorted_ranges(const struct sb_section *s, unsigned *nr)
{
	const struct sb_journal *v1 = (const void *)s;
	const struct sb_journal_v2 *v2 = (const void *)s;
	bool is_v2 = le32_to_cpu(s->type) == SB_SECTION_journal_v2;
	struct sb_journal_range *r;
	unsigned i;

	*nr = is_v2 ? sb_section_nr(v2, ranges) : sb_section_nr(v1, buckets);
	r = kcalloc(*nr + 1, sizeof(*r), GFP_KERNEL);
	if (!r)
		return NULL;
	for (i = 0; i < *nr; i++)
		r[i] = is_v2 ? v2->ranges[i] :
			       (struct sb_journal_range){v1->buckets[i], cpu_to_le64(1)};
	sort(r, *nr, sizeof(*r), cmp_ranges, NULL);
	return r;
}

static int journal_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			    struct printbuf *err)
{
	unsigned i, nr;
	struct sb_journal_range *r = sorted_ranges(s, &nr);
	int ret = 0;

	if (!r)
		return -ENOMEM;
	if (nr)
		ret = check_ends(sb, le64_to_cpu(r[0].start), le64_to_cpu(r[nr - 1].start), err);
	for (i = 0; !ret && i + 1 < nr; i++)
		if (r[i].start == r[i + 1].start) {
			prt_printf(err, "duplicate journal buckets %llu", le64_to_cpu(r[i].start));
			ret = -BCH_ERR_invalid_sb_journal;
		}
	kfree(r);
	return ret;
}

static u64 range_end(const struct sb_journal_range *r)
{
	return le64_to_cpu(r->start) + le64_to_cpu(r->nr);
}

static int check_overlaps(const struct sb_journal_range *r, unsigned nr, struct printbuf *err)
{
	u64 sum = 0;
	unsigned i;

	for (i = 0; i < nr; i++) {
		sum += le64_to_cpu(r[i].nr);
		if (i + 1 < nr && range_end(&r[i]) > le64_to_cpu(r[i + 1].start)) {
			prt_printf(err, "duplicate journal buckets in ranges %llu-%llu, %llu-%llu",
				   le64_to_cpu(r[i].start), range_end(&r[i]),
				   le64_to_cpu(r[i + 1].start), range_end(&r[i + 1]));
			return -BCH_ERR_invalid_sb_journal;
		}
	}
	if (sum > U32_MAX) {
		prt_printf(err, "too many journal buckets: %llu > %u", sum, U32_MAX);
		return -BCH_ERR_invalid_sb_journal;
	}
	return 0;
}

static int journal_v2_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			       struct printbuf *err)
{
	const struct sb_journal_v2 *j = (const void *)s;
	unsigned i, nr = sb_section_nr(j, ranges);
	struct sb_journal_range *r;
	int ret = 0;

	for (i = 0; i < nr; i++)
		if (range_end(&j->ranges[i]) <= le64_to_cpu(j->ranges[i].start)) {
			prt_printf(err, "journal buckets entry with bad nr: %llu+%llu",
				   le64_to_cpu(j->ranges[i].start), le64_to_cpu(j->ranges[i].nr));
			return -BCH_ERR_invalid_sb_journal;
		}
	r = sorted_ranges(s, &nr);
	if (!r)
		return -ENOMEM;
	if (nr)
		ret = check_ends(sb, le64_to_cpu(r[0].start), range_end(&r[nr - 1]) - 1, err) ?:
			      check_overlaps(r, nr, err);
	kfree(r);
	return ret;
}

static void journal_to_text(struct printbuf *out, const struct bch_sb *sb,
			    const struct sb_section *s)
{
	const struct sb_journal *j = (const void *)s;
	unsigned i;

	prt_str(out, "Buckets: ");
	for (i = 0; i < sb_section_nr(j, buckets); i++)
		prt_printf(out, " %llu", le64_to_cpu(j->buckets[i]));
	prt_newline(out);
}

static void journal_v2_to_text(struct printbuf *out, const struct bch_sb *sb,
			       const struct sb_section *s)
{
	const struct sb_journal_v2 *j = (const void *)s;
	unsigned i;

	prt_str(out, "Buckets: ");
	for (i = 0; i < sb_section_nr(j, ranges); i++)
		prt_printf(out, " %llu-%llu", le64_to_cpu(j->ranges[i].start),
			   range_end(&j->ranges[i]));
	prt_newline(out);
}

static void journal_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	const struct sb_journal *v1 = (const void *)s;
	unsigned i;

	json_array_begin(j, "buckets");
	for (i = 0; i < sb_section_nr(v1, buckets); i++)
		json_u64(j, NULL, le64_to_cpu(v1->buckets[i]));
	json_array_end(j);
}

static void journal_v2_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	const struct sb_journal_v2 *v2 = (const void *)s;
	unsigned i;

	json_array_begin(j, "ranges");
	for (i = 0; i < sb_section_nr(v2, ranges); i++) {
		json_object_begin(j, NULL);
		json_u64(j, "start", le64_to_cpu(v2->ranges[i].start));
		json_u64(j, "nr", le64_to_cpu(v2->ranges[i].nr));
		json_object_end(j);
	}
	json_array_end(j);
}

const struct bch_sb_section_ops bch_sb_journal_ops = {
	.validate = journal_validate,
	.to_text = journal_to_text,
	.to_json = journal_to_json,
};

const struct bch_sb_section_ops bch_sb_journal_v2_ops = {
	.validate = journal_v2_validate,
	.to_text = journal_v2_to_text,
	.to_json = journal_v2_to_json,
};
