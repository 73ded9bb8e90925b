/* Shared extents and data inside of keys (spec 03 section 10, spec 10 section 6.3). */
#ifndef _BCH_FORMAT_REFLINK_H
#define _BCH_FORMAT_REFLINK_H

#include "format/field.h"

struct bch_reflink_p {
	__le64 idx_flags;
	__le32 front_pad; /* sectors before the range that are also referenced */
	__le32 back_pad;
} __packed __aligned(8);

WORD_FIELD(REFLINK_P_IDX, 0, 56) /* first sector of the range in the reflink btree */
/* From 1.16 on: */
WORD_FIELD(REFLINK_P_ERROR, 56, 57)
WORD_FIELD(REFLINK_P_MAY_UPDATE_OPTIONS, 57, 58)

#define REFLINK_P_IDX_MAX ((1ULL << 56) - 1)

struct bch_reflink_v {
	__le64 refcount;
	__le64 start[]; /* extent entries */
} __packed __aligned(8);

struct bch_indirect_inline_data {
	__le64 refcount;
	u8 data[];
} __packed __aligned(8);

#endif
