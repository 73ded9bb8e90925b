/* What is known to be wrong with the metadata of one inode (btree/damage.h). */
#ifndef _BCH_FS_FILE_DAMAGE_H
#define _BCH_FS_FILE_DAMAGE_H

#include "btree/damage.h"

/*
 * The worst that concerns inode @inum: its key, its extended attributes, and its extents and names
 * (of directories). *@btree: where that is. Of what has been read so far: ask behind reading the
 * file, or after an open with a scan. Damage of the btrees that all files share is told by
 * bch_filesystem_damage().
 */
enum btree_damage bch_inode_damage(struct bch_fs *c, u64 inum, unsigned *btree);

/*
 * The worst that concerns all files: of subvolumes, snapshots, shared extents, stripes.
 */
enum btree_damage bch_filesystem_damage(struct bch_fs *c, unsigned *btree);

#endif
