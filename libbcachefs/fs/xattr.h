/* Extended attributes (spec 03 section 14). */
#ifndef _BCH_FS_XATTR_H
#define _BCH_FS_XATTR_H

#include "btree/bkey_ops.h"
#include "format/xattr.h"

/* An xattr, taken apart; name and value lie in the key. */
struct bch_xattr_view {
	u8 type;
	const char *name; /* without prefix */
	unsigned name_len;
	const u8 *val;
	unsigned val_len;
};

/* -EINVAL if the value is too short for what it says; then name and value are cut. */
int bch_xattr_unpack(struct bkey_view k, struct bch_xattr_view *x);
/* "user.", "trusted.", "security."; NULL: the type has no names, or is unknown. */
const char *bch_xattr_prefix(unsigned type);

void bch_xattr_key_types_init(void);

#endif
