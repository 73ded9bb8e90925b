/*
 * Inodes: one form in memory for the three on disk (spec 03 section 11), and the keys of the
 * inodes btree.
 */
#ifndef _BCH_FS_INODE_H
#define _BCH_FS_INODE_H

#include "btree/bkey_ops.h"
#include "format/inode.h"

/* Largest value that bch_inode_pack() writes, in u64s. */
#define INODE_VAL_U64s_MAX DIV_ROUND_UP(INODE_V3_FIELDS + 32 * 9, 8)

struct bch_inode_unpacked {
	u64 bi_inum;
	u32 bi_snapshot;
	u16 bi_mode;
	u64 bi_flags; /* BCH_INODE_FLAG_*, STR_HASH; NR_FIELDS as it was stored */
	u64 bi_journal_seq;
	u64 bi_hash_seed; /* the 8 bytes read as le64 */
	u64 bi_size;	  /* bytes */
	u64 bi_sectors;
	u64 bi_version;
#define x(name, bits) u64 name;
	BCH_INODE_FIELDS_V3()
#undef x
};

/* A key of the types inode, inode_v2, inode_v3. -EINVAL: not one, or its fields do not unpack. */
int bch_inode_unpack(struct bkey_view k, struct bch_inode_unpacked *u);

/*
 * Make the value of an inode_v3 key from @u (bi_inum and bi_snapshot aside) in @v, which has room
 * for INODE_VAL_U64s_MAX words: its length in u64s.
 */
unsigned bch_inode_pack(u64 *v, const struct bch_inode_unpacked *u);

static inline bool bkey_is_inode(unsigned type)
{
	return type == KEY_TYPE_inode || type == KEY_TYPE_inode_v2 || type == KEY_TYPE_inode_v3;
}

static inline bool inode_is_dir(u16 mode)
{
	return (mode & 0170000) == 0040000;
}

void bch_inode_key_types_init(void);

#endif
