/*
 * Sections ext, recovery_passes and extent_type_u64s (spec 01 sections 10.13, 18.4; 10 sections
 * 3.3 to 3.5).
 */
#include "format/extents.h"
#include "format/passes.h"
#include "format/sb_errors.h"
#include "sb/sb_sections.h"

/* --- ext --- */

static int ext_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			struct printbuf *err)
{
	if (sb_section_bytes(s) >= SB_EXT_BYTES_MIN)
		return 0;
	prt_printf(err, "field too small (%zu < %u)", sb_section_bytes(s), SB_EXT_BYTES_MIN);
	return -BCH_ERR_invalid_sb_ext;
}

/* As much as is stored, the rest 0. */
static struct sb_ext ext_get(const struct sb_section *s)
{
	struct sb_ext ext = {};

	sb_section_copy(s, &ext);
	return ext;
}

/* Names in run order, then the newer ones. */
static void passes_to_text(struct printbuf *out, u64 stable)
{
	u64 known = bch_passes_from_stable(stable);
	bool first = !known;
	unsigned i;

	prt_bitflags(out, bch_pass_names, known);
	stable &= ~bch_passes_to_stable(known);
	for (i = 0; i < 64; i++)
		if ((stable >> i & 1) && bch_pass_stable_name(i)) {
			prt_printf(out, "%s%s", first ? "" : ",", bch_pass_stable_name(i));
			first = false;
		}
}

static void error_bits_to_text(struct printbuf *out, const __le64 *bits)
{
	bool first = true;
	unsigned i;

	for (i = 0; i < BCH_FSCK_ERR_NR; i++) {
		if (!(le64_to_cpu(bits[i / 64]) >> (i % 64) & 1))
			continue;
		prt_printf(out, "%s%s", first ? "" : ",", bch_fsck_err_names[i]);
		first = false;
	}
}

static void ext_to_text(struct printbuf *out, const struct bch_sb *sb, const struct sb_section *s)
{
	struct sb_ext ext = ext_get(s);

	prt_str(out, "Recovery passes required:\t");
	passes_to_text(out, le64_to_cpu(ext.passes_required[0]));
	prt_str(out, "\nErrors to silently fix:\t");
	error_bits_to_text(out, ext.errors_silent);
	prt_str(out, "\nBtrees with missing data:\t");
	prt_bitflags(out, bch_btree_names, le64_to_cpu(ext.btrees_lost_data));
	prt_newline(out);
	if (sb_section_bytes(s) < sizeof(ext))
		return;
	prt_str(out, "Btrees that have ever lost data:\t");
	prt_bitflags(out, bch_btree_names, le64_to_cpu(ext.btrees_lost_data_ever));
	prt_str(out, "\nBtrees validated clean:\t");
	prt_bitflags(out, bch_btree_names, le64_to_cpu(ext.btrees_clean));
	prt_newline(out);
}

static void ext_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	struct sb_ext ext = ext_get(s);
	u64 passes = le64_to_cpu(ext.passes_required[0]);
	unsigned i;

	json_array_begin(j, "recovery_passes_required");
	for (i = 0; i < 64; i++)
		if (passes >> i & 1) {
			if (bch_pass_stable_name(i))
				json_str(j, NULL, bch_pass_stable_name(i));
			else
				json_u64(j, NULL, i);
		}
	json_array_end(j);
	json_array_begin(j, "errors_silent");
	for (i = 0; i < BCH_FSCK_ERR_MAX; i++)
		if (le64_to_cpu(ext.errors_silent[i / 64]) >> (i % 64) & 1) {
			if (i < BCH_FSCK_ERR_NR)
				json_str(j, NULL, bch_fsck_err_names[i]);
			else
				json_u64(j, NULL, i);
		}
	json_array_end(j);
	json_bitflags(j, "btrees_lost_data", bch_btree_names, le64_to_cpu(ext.btrees_lost_data));
	if (sb_section_bytes(s) < sizeof(ext))
		return;
	json_bitflags(j, "btrees_lost_data_ever", bch_btree_names,
		      le64_to_cpu(ext.btrees_lost_data_ever));
	json_bitflags(j, "btrees_clean", bch_btree_names, le64_to_cpu(ext.btrees_clean));
}

/* --- recovery_passes --- */

static void recovery_passes_to_text(struct printbuf *out, const struct bch_sb *sb,
				    const struct sb_section *s)
{
	const struct sb_recovery_passes *p = (const void *)s;
	unsigned i;

	if (out->nr_tabstops <= 1)
		printbuf_tabstop_push(out, 28);
	prt_str(out, "Pass\tLast run\tLast runtime\n");
	for (i = 0; i < sb_section_nr(p, entries); i++) {
		const struct sb_recovery_pass *e = &p->entries[i];

		if (!e->last_run)
			continue;
		if (bch_pass_stable_name(i))
			prt_str(out, bch_pass_stable_name(i));
		else
			prt_printf(out, "(unknown pass %u)", i);
		prt_str(out, "\t");
		prt_date(out, le64_to_cpu(e->last_run));
		prt_tab(out);
		prt_printf(out, "%u seconds%s\n", le32_to_cpu(e->last_runtime),
			   le32_to_cpu(e->flags) & 1 ? " (no ratelimit)" : "");
	}
}

static void recovery_passes_to_json(struct json *j, const struct bch_sb *sb,
				    const struct sb_section *s)
{
	const struct sb_recovery_passes *p = (const void *)s;
	unsigned i;

	json_array_begin(j, "passes");
	for (i = 0; i < sb_section_nr(p, entries); i++) {
		const struct sb_recovery_pass *e = &p->entries[i];

		if (!e->last_run)
			continue;
		json_object_begin(j, NULL);
		json_u64(j, "number", i);
		if (bch_pass_stable_name(i))
			json_str(j, "name", bch_pass_stable_name(i));
		json_u64(j, "last_run", le64_to_cpu(e->last_run));
		json_u64(j, "last_runtime", le32_to_cpu(e->last_runtime));
		json_object_end(j);
	}
	json_array_end(j);
}

/* --- extent_type_u64s --- */

/* Entries up to the first 0. */
static unsigned nr_extent_types(const struct sb_extent_type_u64s *e)
{
	unsigned nr = 0;

	while (nr < sb_section_nr(e, d) && e->d[nr])
		nr++;
	return nr;
}

static int extent_type_u64s_validate(const struct bch_sb *sb, const struct sb_section *s,
				     bool write, struct printbuf *err)
{
	const struct sb_extent_type_u64s *e = (const void *)s;
	unsigned i, nr = min_t(unsigned, nr_extent_types(e), EXTENT_ENTRY_NR);

	for (i = 0; i < nr; i++)
		if (e->d[i] != extent_entry_sizes_known.u64s[i]) {
			prt_printf(err, "extent_type_u64s for %s does not match in-mem (%u != %u)",
				   bch_extent_entry_names[i], e->d[i],
				   extent_entry_sizes_known.u64s[i]);
			return -BCH_ERR_invalid_sb;
		}
	return 0;
}

static void extent_type_u64s_to_text(struct printbuf *out, const struct bch_sb *sb,
				     const struct sb_section *s)
{
	const struct sb_extent_type_u64s *e = (const void *)s;
	unsigned i;

	for (i = 0; i < nr_extent_types(e); i++) {
		if (i < EXTENT_ENTRY_NR)
			prt_str(out, bch_extent_entry_names[i]);
		else
			prt_printf(out, "(unknown type %u)", i);
		prt_printf(out, ":\t%u\n", e->d[i]);
	}
}

static void extent_type_u64s_to_json(struct json *j, const struct bch_sb *sb,
				     const struct sb_section *s)
{
	const struct sb_extent_type_u64s *e = (const void *)s;
	unsigned i;

	json_array_begin(j, "u64s");
	for (i = 0; i < nr_extent_types(e); i++)
		json_u64(j, NULL, e->d[i]);
	json_array_end(j);
}

const struct bch_sb_section_ops bch_sb_ext_ops = {
	.validate = ext_validate,
	.to_text = ext_to_text,
	.to_json = ext_to_json,
};

const struct bch_sb_section_ops bch_sb_recovery_passes_ops = {
	.to_text = recovery_passes_to_text,
	.to_json = recovery_passes_to_json,
};

const struct bch_sb_section_ops bch_sb_extent_type_u64s_ops = {
	.validate = extent_type_u64s_validate,
	.to_text = extent_type_u64s_to_text,
	.to_json = extent_type_u64s_to_json,
};
