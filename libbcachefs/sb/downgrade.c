/*
 * Section downgrade: what an older version must check after us (spec 01 section 10.14). Entries
 * are byte-packed; what does not fit at the end is padding.
 */
#include "format/passes.h"
#include "format/sb_errors.h"
#include "sb/sb_sections.h"

static const struct sb_downgrade_entry *entry_first(const struct sb_section *s)
{
	return (const void *)((const struct sb_downgrade *)s)->entries;
}

static size_t entry_bytes(const struct sb_downgrade_entry *e)
{
	return sizeof(*e) + (size_t)le16_to_cpu(e->nr_errors) * sizeof(e->errors[0]);
}

/* Does the head of @e lie in the section? */
static bool entry_begins(const struct sb_section *s, const struct sb_downgrade_entry *e)
{
	return (const char *)e + sizeof(*e) <= (const char *)sb_section_end(s);
}

static bool entry_fits(const struct sb_section *s, const struct sb_downgrade_entry *e)
{
	return entry_begins(s, e) &&
	       (const char *)e + entry_bytes(e) <= (const char *)sb_section_end(s);
}

static const struct sb_downgrade_entry *entry_next(const struct sb_downgrade_entry *e)
{
	return (const void *)((const char *)e + entry_bytes(e));
}

#define for_each_downgrade_entry(s, e)                                              \
	for (const struct sb_downgrade_entry *e = entry_first(s); entry_fits(s, e); \
	     e = entry_next(e))

static int downgrade_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			      struct printbuf *err)
{
	const struct sb_downgrade_entry *e;
	unsigned major = BCH_VERSION_MAJOR(le16_to_cpu(sb->version));

	for (e = entry_first(s); entry_begins(s, e); e = entry_next(e)) {
		if (!entry_fits(s, e)) {
			if (!write)
				return 0;
			prt_str(err, "downgrade entry overruns end of superblock section");
			return -BCH_ERR_invalid_sb_downgrade;
		}
		if (BCH_VERSION_MAJOR(le16_to_cpu(e->version)) != major) {
			prt_printf(err, "downgrade entry with mismatched major version (%u != %u)",
				   BCH_VERSION_MAJOR(le16_to_cpu(e->version)), major);
			return -BCH_ERR_invalid_sb_downgrade;
		}
	}
	return 0;
}

/* The tabs of these lines are not run through the line machine (verified). */
static void downgrade_to_text(struct printbuf *out, const struct bch_sb *sb,
			      const struct sb_section *s)
{
	unsigned i;

	sb_second_tabstop(out);
	for_each_downgrade_entry(s, e) {
		prt_str(out, "version:");
		prt_char(out, '\t');
		bch_version_to_text(out, le16_to_cpu(e->version));
		prt_str(out, "\nrecovery passes:");
		prt_char(out, '\t');
		prt_bitflags(out, bch_pass_names,
			     bch_passes_from_stable(le64_to_cpu(e->passes[0])));
		prt_str(out, "\nerrors:");
		prt_char(out, '\t');
		for (i = 0; i < le16_to_cpu(e->nr_errors); i++) {
			unsigned id = le16_to_cpu(e->errors[i]);

			prt_str(out, i ? "," : "");
			if (id < BCH_FSCK_ERR_NR)
				prt_str(out, bch_fsck_err_names[id]);
			else
				prt_printf(out, "(unknown error %u)", id);
		}
		prt_newline(out);
	}
}

static void downgrade_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	unsigned i;

	json_array_begin(j, "entries");
	for_each_downgrade_entry(s, e) {
		json_object_begin(j, NULL);
		json_u64(j, "version", le16_to_cpu(e->version));
		json_bitflags(j, "recovery_passes", bch_pass_names,
			      bch_passes_from_stable(le64_to_cpu(e->passes[0])));
		json_array_begin(j, "errors");
		for (i = 0; i < le16_to_cpu(e->nr_errors); i++) {
			unsigned id = le16_to_cpu(e->errors[i]);

			if (id < BCH_FSCK_ERR_NR)
				json_str(j, NULL, bch_fsck_err_names[id]);
			else
				json_u64(j, NULL, id);
		}
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

const struct bch_sb_section_ops bch_sb_downgrade_ops = {
	.validate = downgrade_validate,
	.to_text = downgrade_to_text,
	.to_json = downgrade_to_json,
};
