/*
 * Hashes of names: where in its directory or inode a dirent or xattr stands (spec 03 section 12).
 */
#ifndef _BCH_FS_STR_HASH_H
#define _BCH_FS_STR_HASH_H

#include "format/enums.h"

/* What a directory's or inode's hash depends on. */
struct bch_hash_info {
	u8 type;       /* enum bch_str_hash_type */
	bool is_31bit; /* dirents: the lowest 31 bits */
	u64 seed;      /* bi_hash_seed read as le64 */
};

struct bch_inode_unpacked;

struct bch_hash_info bch_hash_info(const struct bch_inode_unpacked *u);
/* Offset at which the search for @name (@len bytes) begins. */
u64 bch_dirent_hash(const struct bch_hash_info *info, const char *name, unsigned len);
u64 bch_xattr_hash(const struct bch_hash_info *info, u8 x_type, const char *name, unsigned len);

#endif
