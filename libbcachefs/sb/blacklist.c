/*
 * Section journal_seq_blacklist: sequence numbers of the journal that never were (spec 01 section
 * 10.8).
 */
#include "sb/sb_sections.h"

static int blacklist_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			      struct printbuf *err)
{
	const struct sb_journal_seq_blacklist *bl = (const void *)s;
	unsigned i, nr = sb_section_nr(bl, ranges);

	for (i = 0; i < nr; i++) {
		u64 start = le64_to_cpu(bl->ranges[i].start), end = le64_to_cpu(bl->ranges[i].end);

		if (start >= end) {
			prt_printf(err, "entry %u start >= end (%llu >= %llu)", i, start, end);
			return -BCH_ERR_invalid_sb_journal_seq_blacklist;
		}
		if (i + 1 < nr && end > le64_to_cpu(bl->ranges[i + 1].start)) {
			prt_printf(err, "entry %u out of order with next entry (%llu > %llu)",
				   i + 1, end, le64_to_cpu(bl->ranges[i + 1].start));
			return -BCH_ERR_invalid_sb_journal_seq_blacklist;
		}
	}
	return 0;
}

static void blacklist_to_text(struct printbuf *out, const struct bch_sb *sb,
			      const struct sb_section *s)
{
	const struct sb_journal_seq_blacklist *bl = (const void *)s;
	unsigned i;

	for (i = 0; i < sb_section_nr(bl, ranges); i++)
		prt_printf(out, "%s%llu-%llu", i ? " " : "", le64_to_cpu(bl->ranges[i].start),
			   le64_to_cpu(bl->ranges[i].end));
	prt_newline(out);
}

static void blacklist_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	const struct sb_journal_seq_blacklist *bl = (const void *)s;
	unsigned i;

	json_array_begin(j, "ranges");
	for (i = 0; i < sb_section_nr(bl, ranges); i++) {
		json_object_begin(j, NULL);
		json_u64(j, "start", le64_to_cpu(bl->ranges[i].start));
		json_u64(j, "end", le64_to_cpu(bl->ranges[i].end));
		json_object_end(j);
	}
	json_array_end(j);
}

const struct bch_sb_section_ops bch_sb_blacklist_ops = {
	.validate = blacklist_validate,
	.to_text = blacklist_to_text,
	.to_json = blacklist_to_json,
};
