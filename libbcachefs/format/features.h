/* Feature bits of the superblock: x(name, bit) (spec 01 section 14). */
#ifndef _BCH_FORMAT_FEATURES_H
#define _BCH_FORMAT_FEATURES_H

#include <linux/types.h>

/* Incompatible: who does not know a set bit refuses. Bits from 19 on are newer than 1.13. */
#define BCH_FEATURES()				\
	x(lz4, 0)				\
	x(gzip, 1)				\
	x(zstd, 2)				\
	x(atomic_nlink, 3)			\
	x(ec, 4)				\
	x(journal_seq_blacklist_v3, 5)		\
	x(reflink, 6)				\
	x(new_siphash, 7)			\
	x(inline_data, 8)			\
	x(new_extent_overwrite, 9)		\
	x(incompressible, 10)			\
	x(btree_ptr_v2, 11)			\
	x(extents_above_btree_updates, 12)	\
	x(btree_updates_journalled, 13)		\
	x(reflink_inline_data, 14)		\
	x(new_varint, 15)			\
	x(journal_no_flush, 16)			\
	x(alloc_v2, 17)				\
	x(extents_across_btree_nodes, 18)	\
	x(incompat_version_field, 19)		\
	x(casefolding, 20)			\
	x(no_alloc_info, 21)			\
	x(small_image, 22)			\
	x(no_default_sb, 23)

enum bch_feature {
#define x(name, bit) BCH_FEATURE_##name = bit,
	BCH_FEATURES()
#undef x
	BCH_FEATURE_NR
};

#define BCH_FEATURE_NR_1_13 19

#define BCH_FEATURE_BIT(name) (1ULL << BCH_FEATURE_##name)

/* Set whenever a filesystem goes read-write. */
#define BCH_FEATURES_ALWAYS			\
	(BCH_FEATURE_BIT(new_extent_overwrite) |	\
	 BCH_FEATURE_BIT(extents_above_btree_updates) |	\
	 BCH_FEATURE_BIT(btree_updates_journalled) |	\
	 BCH_FEATURE_BIT(alloc_v2) |			\
	 BCH_FEATURE_BIT(extents_across_btree_nodes))

/* Set by format and upgrade. */
#define BCH_FEATURES_ALL			\
	(BCH_FEATURES_ALWAYS |			\
	 BCH_FEATURE_BIT(new_siphash) |		\
	 BCH_FEATURE_BIT(btree_ptr_v2) |	\
	 BCH_FEATURE_BIT(new_varint) |		\
	 BCH_FEATURE_BIT(journal_no_flush))

#define BCH_COMPAT_FEATURES()				\
	x(alloc_info, 0)				\
	x(alloc_metadata, 1)				\
	x(extents_above_btree_updates_done, 2)		\
	x(bformat_overflow_done, 3)			\
	x(no_stale_ptrs, 4) /* newer */

enum bch_compat_feature {
#define x(name, bit) BCH_COMPAT_##name = bit,
	BCH_COMPAT_FEATURES()
#undef x
	BCH_COMPAT_NR
};

#define BCH_COMPAT_NR_1_13 4

#define BCH_COMPAT_BIT(name) (1ULL << BCH_COMPAT_##name)

extern const char *const bch_feature_names[];	     /* NULL-terminated */
extern const char *const bch_compat_feature_names[]; /* NULL-terminated */

#endif
