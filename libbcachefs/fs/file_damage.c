/* What is known to be wrong with the metadata of one inode (fs/file_damage.h). */
#include <linux/kernel.h>
#include "btree/bkey.h"
#include "fs/file_damage.h"

static void worse(enum btree_damage *worst, unsigned *where, enum btree_damage d, unsigned btree)
{
	if (d > *worst) {
		*worst = d;
		*where = btree;
	}
}

enum btree_damage bch_inode_damage(struct bch_fs *c, u64 inum, unsigned *btree)
{
	static const u8 by_inum[] = {BTREE_ID_extents, BTREE_ID_dirents, BTREE_ID_xattrs};
	enum btree_damage worst;

	*btree = BTREE_ID_inodes;
	worst = bch_btree_damage(c, BTREE_ID_inodes, POS(0, inum), SPOS(0, inum, U32_MAX));
	for (unsigned i = 0; i < ARRAY_SIZE(by_inum); i++)
		worse(&worst, btree,
		      bch_btree_damage(c, by_inum[i], POS(inum, 0), SPOS(inum, U64_MAX, U32_MAX)),
		      by_inum[i]);
	return worst;
}

enum btree_damage bch_filesystem_damage(struct bch_fs *c, unsigned *btree)
{
	static const u8 shared[] = {BTREE_ID_snapshots, BTREE_ID_reflink, BTREE_ID_stripes};
	enum btree_damage worst;

	*btree = BTREE_ID_subvolumes;
	worst = bch_btree_damage(c, BTREE_ID_subvolumes, POS_MIN, SPOS_MAX);
	for (unsigned i = 0; i < ARRAY_SIZE(shared); i++)
		worse(&worst, btree, bch_btree_damage(c, shared[i], POS_MIN, SPOS_MAX), shared[i]);
	return worst;
}
