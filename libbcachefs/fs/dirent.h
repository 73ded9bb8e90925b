/* Directory entries (spec 03 section 13, spec 10 section 6.5). */
#ifndef _BCH_FS_DIRENT_H
#define _BCH_FS_DIRENT_H

#include "btree/bkey_ops.h"
#include "format/dirent.h"
#include "format/enums.h"

/* A dirent, taken apart; the names lie in the key and are not terminated. */
struct bch_dirent_view {
	u8 d_type;
	bool casefold;			 /* has two names */
	u64 inum;			 /* other types than subvol */
	u32 parent_subvol, child_subvol; /* type subvol */
	const char *name;
	unsigned name_len;
	const char *cf_name; /* the casefolded one */
	unsigned cf_name_len;
};

/*
 * Take a dirent apart; formats up to 1.13 know no casefolding. The names never reach beyond the
 * value; -EINVAL if it is too short for what it says, then they are cut.
 */
int bch_dirent_unpack(const struct bch_fs *c, struct bkey_view k, struct bch_dirent_view *d);

void bch_dirent_key_types_init(void);

#endif
