/*
 * Validation of a whole superblock (spec 01 sections 2, 7, 18; 10 sections 1.1, 13). What has
 * passed can be iterated over and printed without further checks.
 */
#include <linux/string.h>
#include "sb/members.h"
#include "sb/opts.h"
#include "sb/sb_sections.h"
#include "sb/super.h"

void bch_version_to_text(struct printbuf *out, unsigned version)
{
	prt_printf(out, "%u.%u: %s", BCH_VERSION_MAJOR(version), BCH_VERSION_MINOR(version),
		   bch_version_name(version) ?: "(unknown version)");
}

/* --- layout --- */

static bool magic_valid(const u8 magic[16])
{
	return !memcmp(magic, bch_sb_magic, 16) || !memcmp(magic, bch_sb_magic_old, 16);
}

static int offsets_validate(const struct bch_sb_layout *l, struct printbuf *err)
{
	u64 max_sectors = 1ULL << l->sb_max_size_bits;
	unsigned i;

	for (i = 1; i < l->nr_superblocks; i++) {
		u64 prev = le64_to_cpu(l->sb_offset[i - 1]), at = le64_to_cpu(l->sb_offset[i]);

		/* without the closing parenthesis, as everybody prints it */
		if (at < prev + max_sectors || prev + max_sectors < prev) {
			prt_printf(err,
				   "Invalid superblock layout: superblocks overlap\n"
				   "  (sb %u ends at %llu next starts at %llu",
				   i - 1, prev + max_sectors, at);
			return -BCH_ERR_invalid_sb_layout_superblocks_overlap;
		}
	}
	return 0;
}

int bch_sb_layout_validate(const struct bch_sb_layout *l, struct printbuf *err)
{
	if (!magic_valid(l->magic)) {
		prt_str(err, "Not a bcachefs superblock layout");
		return -BCH_ERR_invalid_sb_layout;
	}
	if (l->layout_type) {
		prt_printf(err, "Invalid superblock layout type %u", l->layout_type);
		return -BCH_ERR_invalid_sb_layout_type;
	}
	if (!l->nr_superblocks) {
		prt_str(err, "Invalid superblock layout: no superblocks");
		return -BCH_ERR_invalid_sb_layout_nr_superblocks;
	}
	if (l->nr_superblocks > BCH_SB_LAYOUT_NR) {
		prt_str(err, "Invalid superblock layout: too many superblocks");
		return -BCH_ERR_invalid_sb_layout_nr_superblocks;
	}
	if (l->sb_max_size_bits > BCH_SB_MAX_SIZE_BITS) {
		prt_str(err, "Invalid superblock layout: max_size_bits too high");
		return -BCH_ERR_invalid_sb_layout;
	}
	return offsets_validate(l, err);
}

/* --- versions and features --- */

static bool version_readable(unsigned version, unsigned flags)
{
	return version >= BCH_VERSION_MIN_READ &&
	       ((flags & SB_VALIDATE_NO_VERSION_CHECK) || sb_major_known(version));
}

int bch_sb_version_validate(const struct bch_sb *sb, enum sb_access access, unsigned flags,
			    struct printbuf *err)
{
	unsigned version = le16_to_cpu(sb->version), min = le16_to_cpu(sb->version_min);

	if (!version_readable(version, flags) || !version_readable(min, flags)) {
		bool which = version_readable(version, flags);

		prt_printf(err, "Unsupported superblock %s ", which ? "version_min" : "version");
		bch_version_to_text(err, which ? min : version);
		prt_str(err, " (min ");
		bch_version_to_text(err, BCH_VERSION_MIN_READ);
		prt_str(err, ", max ");
		bch_version_to_text(err, access == SB_WRITE ? BCH_VERSION_CURRENT :
							      BCH_VERSION_MAX_READ);
		prt_char(err, ')');
		return -BCH_ERR_invalid_sb_version;
	}
	if (min > version) {
		prt_str(err, "Bad minimum version ");
		bch_version_to_text(err, min);
		prt_str(err, ", greater than version field ");
		bch_version_to_text(err, version);
		return -BCH_ERR_invalid_sb_version;
	}
	return 0;
}

int bch_sb_may_write(const struct bch_sb *sb, struct printbuf *err)
{
	unsigned version = le16_to_cpu(sb->version);
	u64 newer = le64_to_cpu(sb->features[0]) >> BCH_FEATURE_NR_1_13;

	if (version > BCH_VERSION_CURRENT) {
		prt_printf(err,
			   "format %s (%u.%u) is newer than %u.%u: only read-only is supported",
			   bch_version_name(version) ?: "unknown", BCH_VERSION_MAJOR(version),
			   BCH_VERSION_MINOR(version), BCH_VERSION_MAJOR(BCH_VERSION_CURRENT),
			   BCH_VERSION_MINOR(BCH_VERSION_CURRENT));
		return -BCH_ERR_sb_version_not_writeable;
	}
	if (newer || sb->features[1]) {
		prt_str(err, "uses features of newer formats (");
		prt_bitflags(err, bch_feature_names, newer << BCH_FEATURE_NR_1_13);
		prt_str(err, "): only read-only is supported");
		return -BCH_ERR_sb_version_not_writeable;
	}
	return 0;
}

int bch_sb_features_validate(const struct bch_sb *sb, struct printbuf *err)
{
	u64 features = le64_to_cpu(sb->features[0]), unknown = features >> BCH_FEATURE_NR;
	unsigned incompat = sb_version_incompat(sb), bit;

	if (unknown || sb->features[1]) {
		bit = unknown ? BCH_FEATURE_NR + __builtin_ctzll(unknown) :
				64 + __builtin_ctzll(le64_to_cpu(sb->features[1]));
		prt_printf(err,
			   "Filesystem has incompatible feature bit %u, highest supported %s (%u)",
			   bit, bch_feature_names[BCH_FEATURE_NR - 1], BCH_FEATURE_NR - 1);
		return -BCH_ERR_invalid_sb_features;
	}
	if ((features & BCH_FEATURE_BIT(incompat_version_field)) &&
	    incompat > BCH_VERSION_MAX_READ) {
		prt_printf(err,
			   "uses incompatible features up to %u.%u, newest known here is %u.%u",
			   BCH_VERSION_MAJOR(incompat), BCH_VERSION_MINOR(incompat),
			   BCH_VERSION_MAJOR(BCH_VERSION_MAX_READ),
			   BCH_VERSION_MINOR(BCH_VERSION_MAX_READ));
		return -BCH_ERR_invalid_sb_features;
	}
	return 0;
}

/* --- head --- */

static int head_validate(const struct bch_sb *sb, struct printbuf *err)
{
	static const u8 zeroes[16];
	unsigned block = le16_to_cpu(sb->block_size), precision = le32_to_cpu(sb->time_precision);
	unsigned max_block =
		sb_is_newer(sb) ? BCH_SB_BLOCK_SECTORS_MAX_READ : BCH_SB_BLOCK_SECTORS_MAX;
	unsigned max_devs = sb_is_newer(sb) ? BCH_MAX_DEVS : BCH_SB_MEMBERS_MAX;

	if (block > max_block) {
		prt_printf(err, "Block size too big (got %u, max %u)", block, max_block);
		return -BCH_ERR_invalid_sb_block_size;
	}
	if (!memcmp(sb->user_uuid, zeroes, 16)) {
		prt_str(err, "Bad user UUID (got zeroes)");
		return -BCH_ERR_invalid_sb_uuid;
	}
	if (!memcmp(sb->uuid, zeroes, 16)) {
		prt_str(err, "Bad internal UUID (got zeroes)");
		return -BCH_ERR_invalid_sb_uuid;
	}
	if (!sb->nr_devices || sb->nr_devices > max_devs) {
		prt_printf(err, "Bad number of member devices %u (max %u)", sb->nr_devices,
			   max_devs);
		return -BCH_ERR_invalid_sb_too_many_members;
	}
	if (sb->dev_idx >= sb->nr_devices) {
		prt_printf(err, "Bad dev_idx (got %u, nr_devices %u)", sb->dev_idx, sb->nr_devices);
		return -BCH_ERR_invalid_sb_dev_idx;
	}
	if (!precision || precision > 1000000000) {
		prt_printf(err, "Invalid time precision: %u (min 1, max %lu)", precision,
			   1000000000UL);
		return -BCH_ERR_invalid_sb_time_precision;
	}
	return 0;
}

/* What older writers left unset (spec 01 section 7 step 8; 18.3). */
static void sb_repair(struct bch_sb *sb)
{
	unsigned version = le16_to_cpu(sb->version);

	if (!sb_journal_flush_delay(sb))
		sb_set_journal_flush_delay(sb, 1000);
	if (!sb_journal_reclaim_delay(sb))
		sb_set_journal_reclaim_delay(sb, 1000);
	if (!sb_version_upgrade_complete(sb))
		sb_set_version_upgrade_complete(sb, version);
	if (version <= BCH_VERSION_disk_accounting_v2) {
		if (!sb_allocator_stuck_timeout(sb))
			sb_set_allocator_stuck_timeout(sb, 30);
		sb_set_promote_whole_extents(sb, 1);
	}
	if (sb_is_newer(sb)) {
		if (sb_version_incompat_allowed(sb) > version)
			sb_set_version_incompat_allowed(sb, version);
		if (sb_version_incompat(sb) > sb_version_incompat_allowed(sb))
			sb_set_version_incompat_allowed(sb, sb_version_incompat(sb));
	}
}

/*
 * Newer tools take upper bounds as inclusive and check nothing at read; here only what the rest of
 * the engine computes with is bounded.
 */
static int newer_opts_validate(const struct bch_sb *sb, struct printbuf *err)
{
	static const u8 ids[] = {Opt_block_size, Opt_btree_node_size, Opt_encoded_extent_max};
	unsigned i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(ids); i++) {
		u64 v = bch_opt_from_sb(sb, ids[i], 0);

		if (v == bch_option_table[ids[i]].max)
			continue; /* a power of two */
		ret = bch_opt_validate(ids[i], v, err);
	}
	return ret;
}

static int opts_validate(const struct bch_sb *sb, struct printbuf *err)
{
	struct printbuf why = PRINTBUF;
	unsigned i;
	int ret = 0;

	if (sb_is_newer(sb))
		ret = newer_opts_validate(sb, &why);
	else
		for (i = 0; !ret && i < BCH_OPT_NR; i++)
			if (bch_opt_in_sb(i) && !(bch_option_table[i].flags & OPT_NEWER))
				ret = bch_opt_validate(i, bch_opt_from_sb(sb, i, 0), &why);
	if (ret)
		prt_printf(err, "Invalid option %s", printbuf_str(&why));
	printbuf_exit(&why);
	return ret;
}

/* --- sections --- */

static int section_sizes_validate(const struct bch_sb *sb, struct printbuf *err)
{
	const u64 *p = sb->sections, *end = p + le32_to_cpu(sb->u64s);
	const struct sb_section *s;

	for (; p < end; p += le32_to_cpu(s->u64s)) {
		s = (const struct sb_section *)p;
		if (!s->u64s) {
			prt_printf(err, "Invalid superblock: optional field with size 0 (type %u)",
				   le32_to_cpu(s->type));
			return -BCH_ERR_invalid_sb_field_size;
		}
		if (le32_to_cpu(s->u64s) > end - p) {
			prt_printf(
				err,
				"Invalid superblock: optional field extends past end of superblock "
				"(type %u)",
				le32_to_cpu(s->type));
			return -BCH_ERR_invalid_sb_field_size;
		}
	}
	return 0;
}

/* The text of what is refused follows, except where only valid records can be printed. */
static int section_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			    struct printbuf *err)
{
	unsigned type = le32_to_cpu(s->type);
	const struct bch_sb_section_ops *ops = bch_sb_section_ops(type);
	struct printbuf why = PRINTBUF;
	int ret = ops->validate ? ops->validate(sb, s, write, &why) : 0;

	if (ret) {
		prt_printf(err, "Invalid superblock section %s: %s\n", bch_sb_section_names[type],
			   printbuf_str(&why));
		if (type != SB_SECTION_clean)
			bch_sb_section_headed_to_text(err, sb, s);
	}
	printbuf_exit(&why);
	return ret;
}

static int sections_validate(const struct bch_sb *sb, bool write, struct printbuf *err)
{
	const struct sb_section *v1 = bch_sb_section(sb, SB_SECTION_members_v1);
	const struct sb_section *v2 = bch_sb_section(sb, SB_SECTION_members_v2);
	int ret;

	if (!v1 && !(v2 && sb_is_newer(sb))) {
		prt_str(err, "Invalid superblock: member info area missing");
		return -BCH_ERR_invalid_sb_members_missing;
	}
	/* The others look at members, so both kinds come first. */
	ret = v1 ? section_validate(sb, v1, write, err) : 0;
	if (!ret && v2)
		ret = section_validate(sb, v2, write, err);
	if (ret)
		return ret;
	sb_for_each_section(sb, s) {
		if (s == v1 || s == v2)
			continue;
		ret = section_validate(sb, s, write, err);
		if (ret)
			return ret;
	}
	return 0;
}

static int member_seq_validate(const struct bch_sb *sb, struct printbuf *err)
{
	struct bch_member m = bch_member_get(sb, sb->dev_idx);

	if (m.seq == sb->seq)
		return 0;
	prt_printf(err, "Invalid superblock: member seq %llu != sb seq %llu", le64_to_cpu(m.seq),
		   le64_to_cpu(sb->seq));
	return -BCH_ERR_invalid_sb_members_missing;
}

int bch_sb_validate(struct bch_sb *sb, enum sb_access access, unsigned flags, struct printbuf *err)
{
	bool write = flags & SB_VALIDATE_WRITE;
	int ret = bch_sb_version_validate(sb, access, flags, err);

	if (!ret && !(flags & SB_VALIDATE_NO_VERSION_CHECK))
		ret = bch_sb_features_validate(sb, err);
	if (!ret && access == SB_WRITE)
		ret = bch_sb_may_write(sb, err);
	ret = ret ?: head_validate(sb, err);
	if (!ret && !write)
		sb_repair(sb);
	ret = ret ?: opts_validate(sb, err);
	ret = ret ?: bch_sb_layout_validate(&sb->layout, err);
	ret = ret ?: section_sizes_validate(sb, err);
	if (!ret && sb_major_known(le16_to_cpu(sb->version)))
		ret = sections_validate(sb, write, err);
	if (!ret && write)
		ret = member_seq_validate(sb, err);
	return ret;
}
