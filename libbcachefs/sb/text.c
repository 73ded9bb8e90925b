/*
 * Text and JSON of a superblock (spec 01 section 9.3, 09 section 17). Of filesystems that 1.13 can
 * read the text is what its show-super prints; newer ones get further lines.
 */
#include <linux/string.h>
#include "sb/members.h"
#include "sb/opts.h"
#include "sb/sb_sections.h"
#include "sb/super.h"

#define TEXT_TABSTOP 44
#define NS_PER_SEC   1000000000ULL

/* Is the value of this option worth a line? */
static bool opt_is_shown(const struct bch_sb *sb, unsigned id)
{
	return bch_opt_in_sb(id) && (!(bch_option_table[id].flags & OPT_NEWER) || sb_is_newer(sb));
}

static u64 section_types(const struct bch_sb *sb)
{
	u64 types = 0;

	sb_for_each_section(sb, s)
		if (le32_to_cpu(s->type) < 64)
			types |= 1ULL << le32_to_cpu(s->type);
	return types;
}

static const char *section_name(const struct sb_section *s)
{
	unsigned type = le32_to_cpu(s->type);

	return type < SB_SECTION_NR ? bch_sb_section_names[type] : NULL;
}

/* Records of the clean section can only be printed when they have been validated. */
static const struct bch_sb_section_ops *text_ops(const struct bch_sb *sb,
						 const struct sb_section *s)
{
	unsigned type = le32_to_cpu(s->type);

	if (type == SB_SECTION_clean && !sb_major_known(le16_to_cpu(sb->version)))
		type = SB_SECTION_NR;
	return bch_sb_section_ops(type);
}

static bool section_wanted(const struct sb_section *s, u64 sections)
{
	return sections >> min_t(u32, le32_to_cpu(s->type), 63) & 1;
}

/* --- text --- */

static void prt_uuid_line(struct printbuf *out, const char *what, const u8 uuid[16])
{
	prt_printf(out, "%s:\t", what);
	prt_uuid(out, uuid);
	prt_newline(out);
}

static void prt_version_line(struct printbuf *out, const char *what, unsigned version)
{
	prt_printf(out, "%s:\t", what);
	bch_version_to_text(out, version);
	prt_newline(out);
}

/* The form of the derived btrees follows the last complete upgrade (spec 10 sections 10, 15.4). */
static void prt_forms(struct printbuf *out, const struct bch_sb *sb)
{
	unsigned v = sb_version_upgrade_complete(sb) ?: le16_to_cpu(sb->version);

	prt_printf(out, "Forms in use:\tbackpointers %s, accounting %s, need_discard %s, lru %s\n",
		   v >= BCH_VERSION_backpointer_bucket_gen ? "1.14" : "1.13",
		   v >= BCH_VERSION_per_dev_fragmentation_lru  ? "1.39" :
		   v >= BCH_VERSION_disk_accounting_big_endian ? "1.15" :
								 "1.13",
		   v >= BCH_VERSION_need_discard_by_journal_seq ? "1.38" : "1.13",
		   v >= BCH_VERSION_per_dev_fragmentation_lru ? "1.39" : "1.13");
	if (v != le16_to_cpu(sb->version))
		prt_str(out, "Upgrade incomplete:\t1\n");
}

static void versions_to_text(struct printbuf *out, const struct bch_sb *sb)
{
	prt_version_line(out, "Version", le16_to_cpu(sb->version));
	if (le64_to_cpu(sb->features[0]) & BCH_FEATURE_BIT(incompat_version_field)) {
		prt_version_line(out, "Incompatible features allowed",
				 sb_version_incompat_allowed(sb));
		prt_version_line(out, "Incompatible features in use", sb_version_incompat(sb));
	}
	if (sb_is_newer(sb))
		prt_forms(out, sb);
	prt_version_line(out, "Version upgrade complete", sb_version_upgrade_complete(sb));
	prt_version_line(out, "Oldest version on disk", le16_to_cpu(sb->version_min));
}

static void state_to_text(struct printbuf *out, const struct bch_sb *sb)
{
	prt_str(out, "Created:\t");
	if (sb->time_base_lo)
		prt_date(out, le64_to_cpu(sb->time_base_lo) / NS_PER_SEC);
	else
		prt_str(out, "(not set)");
	prt_printf(out, "\nSequence number:\t%llu\n", le64_to_cpu(sb->seq));
	prt_str(out, "Time of last write:\t");
	prt_date(out, le64_to_cpu(sb->write_time));
	prt_str(out, "\nSuperblock size:\t");
	prt_units_u64(out, sb_bytes(sb));
	prt_char(out, '/');
	prt_units_u64(out, 512ULL << sb->layout.sb_max_size_bits);
	prt_printf(out, "\nClean:\t%llu\n", sb_clean(sb));
	if (sb_dirents_sanitized(sb))
		prt_str(out, "Dirents sanitized:\t1\n");
	prt_printf(out, "Devices:\t%u\n", bch_members_nr(sb));
}

static void head_to_text(struct printbuf *out, const struct bch_sb *sb)
{
	prt_uuid_line(out, "External UUID", sb->user_uuid);
	prt_uuid_line(out, "Internal UUID", sb->uuid);
	prt_uuid_line(out, "Magic number", sb->magic);
	prt_printf(out, "Device index:\t%u\n", sb->dev_idx);
	if (sb->label[0])
		prt_printf(out, "Label:\t%.*s\n",
			   (int)strnlen((const char *)sb->label, sizeof(sb->label)), sb->label);
	else
		prt_str(out, "Label:\t(none)\n");
	versions_to_text(out, sb);
	state_to_text(out, sb);
	prt_str(out, "Sections:\t");
	prt_bitflags(out, bch_sb_section_names, section_types(sb));
	prt_str(out, "\nFeatures:\t");
	prt_bitflags(out, bch_feature_names, le64_to_cpu(sb->features[0]));
	prt_str(out, "\nCompat features:\t");
	prt_bitflags(out, bch_compat_feature_names, le64_to_cpu(sb->compat[0]));
	prt_newline(out);
}

static void opts_to_text(struct printbuf *out, const struct bch_sb *sb)
{
	unsigned i;

	prt_str(out, "\nOptions:\n");
	printbuf_indent_add(out, 2);
	for (i = 0; i < BCH_OPT_NR; i++) {
		if (!opt_is_shown(sb, i))
			continue;
		prt_printf(out, "%s:\t", bch_option_table[i].name);
		bch_opt_to_text(out, i, bch_opt_from_sb(sb, i, 0), sb, OPT_TEXT_LIST);
		prt_newline(out);
	}
	printbuf_indent_sub(out, 2);
}

static void layout_to_text(struct printbuf *out, const struct bch_sb_layout *l)
{
	unsigned i;

	prt_str(out, "\nlayout:\n");
	printbuf_indent_add(out, 2);
	prt_printf(out, "Type:                    %u\n", l->layout_type);
	prt_str(out, "Superblock max size:     ");
	prt_units_u64(out, 512ULL << l->sb_max_size_bits);
	prt_printf(out, "\nNr superblocks:          %u\n", l->nr_superblocks);
	prt_str(out, "Offsets:                 ");
	for (i = 0; i < l->nr_superblocks; i++)
		prt_printf(out, "%s%llu", i ? ", " : "", le64_to_cpu(l->sb_offset[i]));
	prt_newline(out);
	printbuf_indent_sub(out, 2);
}

void bch_sb_section_to_text(struct printbuf *out, const struct bch_sb *sb,
			    const struct sb_section *s)
{
	const struct bch_sb_section_ops *ops = text_ops(sb, s);

	if (!out->nr_tabstops)
		printbuf_tabstop_push(out, 32);
	if (ops->to_text)
		ops->to_text(out, sb, s);
}

void bch_sb_section_headed_to_text(struct printbuf *out, const struct bch_sb *sb,
				   const struct sb_section *s)
{
	if (section_name(s))
		prt_str(out, section_name(s));
	else
		prt_printf(out, "(unknown field %u)", le32_to_cpu(s->type));
	prt_printf(out, " (size %zu):\n", sb_section_bytes(s));
	bch_sb_section_to_text(out, sb, s);
}

void bch_sb_to_text(struct printbuf *out, const struct bch_sb *sb, bool layout, u64 sections)
{
	if (!out->nr_tabstops)
		printbuf_tabstop_push(out, TEXT_TABSTOP);
	head_to_text(out, sb);
	opts_to_text(out, sb);
	if (layout)
		layout_to_text(out, &sb->layout);
	sb_for_each_section(sb, s)
		if (section_wanted(s, sections)) {
			prt_newline(out);
			bch_sb_section_headed_to_text(out, sb, s);
		}
}

/* --- JSON --- */

static void version_to_json(struct json *j, const char *key, unsigned version)
{
	struct printbuf text = PRINTBUF;

	bch_version_to_text(&text, version);
	json_object_begin(j, key);
	json_u64(j, "number", version);
	json_str(j, "text", printbuf_str(&text));
	json_object_end(j);
	printbuf_exit(&text);
}

static void head_to_json(struct json *j, const struct bch_sb *sb)
{
	json_uuid(j, "external_uuid", sb->user_uuid);
	json_uuid(j, "internal_uuid", sb->uuid);
	json_uuid(j, "magic", sb->magic);
	json_u64(j, "dev_idx", sb->dev_idx);
	json_strn(j, "label", sb->label, strnlen((const char *)sb->label, sizeof(sb->label)));
	version_to_json(j, "version", le16_to_cpu(sb->version));
	version_to_json(j, "version_min", le16_to_cpu(sb->version_min));
	version_to_json(j, "version_upgrade_complete", sb_version_upgrade_complete(sb));
	version_to_json(j, "oldest_version", le16_to_cpu(sb->version_min));
	if (sb_is_newer(sb)) {
		version_to_json(j, "version_incompat_allowed", sb_version_incompat_allowed(sb));
		version_to_json(j, "version_incompat", sb_version_incompat(sb));
	}
	json_u64(j, "created", le64_to_cpu(sb->time_base_lo) / NS_PER_SEC);
	json_u64(j, "seq", le64_to_cpu(sb->seq));
	json_u64(j, "write_time", le64_to_cpu(sb->write_time));
	json_u64(j, "superblock_size", sb_bytes(sb));
	json_bool(j, "clean", sb_clean(sb));
	json_bool(j, "initialized", sb_initialized(sb));
	json_u64(j, "devices", bch_members_nr(sb));
	json_bitflags(j, "sections", bch_sb_section_names, section_types(sb));
	json_bitflags(j, "features", bch_feature_names, le64_to_cpu(sb->features[0]));
	json_bitflags(j, "compat_features", bch_compat_feature_names, le64_to_cpu(sb->compat[0]));
}

static void layout_to_json(struct json *j, const struct bch_sb_layout *l)
{
	unsigned i;

	json_object_begin(j, "layout");
	json_u64(j, "type", l->layout_type);
	json_u64(j, "sb_max_size", 512ULL << l->sb_max_size_bits);
	json_array_begin(j, "offsets_sectors");
	for (i = 0; i < l->nr_superblocks; i++)
		json_u64(j, NULL, le64_to_cpu(l->sb_offset[i]));
	json_array_end(j);
	json_object_end(j);
}

static void section_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	const struct bch_sb_section_ops *ops = text_ops(sb, s);
	struct printbuf text = PRINTBUF;

	json_object_begin(j, section_name(s));
	if (ops->to_json) {
		ops->to_json(j, sb, s);
	} else {
		bch_sb_section_to_text(&text, sb, s);
		json_str(j, "text", printbuf_str(&text));
	}
	json_object_end(j);
	printbuf_exit(&text);
}

void bch_sb_to_json(struct json *j, const struct bch_sb *sb, bool layout, u64 sections)
{
	const struct sb_section *members = bch_sb_section(sb, SB_SECTION_members_v2) ?:
						   bch_sb_section(sb, SB_SECTION_members_v1);
	const struct sb_section *errors =
		bch_sb_section(sb, SB_SECTION_errors_v2) ?: bch_sb_section(sb, SB_SECTION_errors);
	unsigned i;

	json_object_begin(j, "sb");
	head_to_json(j, sb);
	json_object_end(j);
	json_object_begin(j, "options");
	for (i = 0; i < BCH_OPT_NR; i++)
		if (opt_is_shown(sb, i))
			bch_opt_to_json(j, i, bch_opt_from_sb(sb, i, 0), sb);
	json_object_end(j);
	if (members)
		bch_sb_members_v2_ops.to_json(j, sb, members);
	if (errors)
		bch_sb_errors_ops.to_json(j, sb, errors);
	if (layout)
		layout_to_json(j, &sb->layout);
	sb_for_each_section(sb, s)
		if (section_name(s) && section_wanted(s, sections) && s != members && s != errors)
			section_to_json(j, sb, s);
}
