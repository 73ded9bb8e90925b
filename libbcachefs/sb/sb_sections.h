/* Inside the superblock's floor: the operations of its section types. */
#ifndef _BCH_SB_SB_SECTIONS_H
#define _BCH_SB_SB_SECTIONS_H

#include <linux/string.h>
#include "sb/super.h"

extern const struct bch_sb_section_ops bch_sb_journal_ops;
extern const struct bch_sb_section_ops bch_sb_journal_v2_ops;
extern const struct bch_sb_section_ops bch_sb_members_v1_ops;
extern const struct bch_sb_section_ops bch_sb_members_v2_ops;
extern const struct bch_sb_section_ops bch_sb_crypt_ops;
extern const struct bch_sb_section_ops bch_sb_replicas_v0_ops;
extern const struct bch_sb_section_ops bch_sb_replicas_ops;
extern const struct bch_sb_section_ops bch_sb_quota_ops;
extern const struct bch_sb_section_ops bch_sb_disk_groups_ops;
extern const struct bch_sb_section_ops bch_sb_blacklist_ops;
extern const struct bch_sb_section_ops bch_sb_counters_ops;
extern const struct bch_sb_section_ops bch_sb_errors_ops;
extern const struct bch_sb_section_ops bch_sb_errors_v2_ops;
extern const struct bch_sb_section_ops bch_sb_ext_ops;
extern const struct bch_sb_section_ops bch_sb_downgrade_ops;
extern const struct bch_sb_section_ops bch_sb_recovery_passes_ops;
extern const struct bch_sb_section_ops bch_sb_extent_type_u64s_ops;

/* Never NULL. */
const struct bch_sb_section_ops *bch_sb_section_ops(unsigned type);
int bch_sb_buffer_grow(struct bch_sb_handle *h, size_t bytes);

/* Written by newer tools: their rules count. */
static inline bool sb_is_newer(const struct bch_sb *sb)
{
	return le16_to_cpu(sb->version) > BCH_VERSION_CURRENT ||
	       le64_to_cpu(sb->features[0]) >> BCH_FEATURE_NR_1_13;
}

/* Sections of other major versions have not been looked into. */
static inline bool sb_major_known(unsigned version)
{
	return BCH_VERSION_MAJOR(version) <= BCH_VERSION_MAJOR(BCH_VERSION_CURRENT);
}

/* As much of a section as is there, zeroes behind it: text is also made of bad ones. */
#define sb_section_copy(s, to) memcpy(to, s, min(sb_section_bytes(s), sizeof(*(to))))

/* Refuse a section shorter than @min bytes. */
static inline int sb_section_min_size(const struct sb_section *s, size_t min, int error,
				      struct printbuf *err)
{
	if (sb_section_bytes(s) >= min)
		return 0;
	prt_printf(err, "wrong size (got %zu should be %zu)", sb_section_bytes(s), min);
	return error;
}

/* A formatted pair of columns: pushes a second tab stop of 16 if there is only one. */
static inline void sb_second_tabstop(struct printbuf *out)
{
	if (out->nr_tabstops <= 1)
		printbuf_tabstop_push(out, 16);
}

#endif
