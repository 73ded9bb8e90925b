/*
 * Nodes written by old versions or on machines of the other byte order, turned to what the rest of
 * the engine knows (spec 02 section 8, 03 section 22). Reading only: what is written back is in
 * our byte order and of a version that needs no conversion.
 *
 * Order for the first bset of a node: header rules up to the level, bch_compat_node_range(), rules
 * of the range, bch_bkey_format_validate(), bch_compat_format(), then each key of each bset. The
 * converted format is valid by the strict rules if it was: validate it with a version_min of
 * BCH_VERSION_snapshot before use, since formats of older versions may wrap.
 */
#ifndef _BCH_BTREE_COMPAT_H
#define _BCH_BTREE_COMPAT_H

#include "btree/bkey.h"
#include "format/versions.h"

/* How a bset was written. */
struct bset_compat {
	u16 version;
	u8 btree;
	u8 level;
	bool other_endian; /* bset flag BIG_ENDIAN, as all our machines are little endian */
};

static inline bool bch_compat_needed(struct bset_compat c)
{
	return c.other_endian || c.version < BCH_VERSION_snapshot;
}

/* min_key and max_key of the head, and min_key of a pointer (@max NULL). */
void bch_compat_node_range(struct bset_compat c, struct bpos *min, struct bpos *max);
void bch_compat_format(struct bset_compat c, struct bkey_format *f);
/*
 * Key and value in place; @f is the converted format. The key's u64s hold its header. Calls the
 * swab operation of its type. A key that the format cannot hold after conversion stays as it is.
 */
void bch_compat_key(struct bset_compat c, const struct bkey_format *f, struct bkey_packed *p);

#endif
