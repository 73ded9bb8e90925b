/*
 * Format versions: x(name, major, minor) (spec 01 section 13). One number counts for superblocks,
 * btree nodes and journal entries.
 */
#ifndef _BCH_FORMAT_VERSIONS_H
#define _BCH_FORMAT_VERSIONS_H

#include <linux/types.h>

#define BCH_VERSION(major, minor)  ((major) << 10 | (minor))
#define BCH_VERSION_MAJOR(v)	   ((unsigned)(v) >> 10)
#define BCH_VERSION_MINOR(v)	   ((unsigned)(v) & 1023)

#define BCH_VERSIONS()					\
	x(bkey_renumber, 0, 10)				\
	x(inode_btree_change, 0, 11)			\
	x(snapshot, 0, 12)				\
	x(inode_backpointers, 0, 13)			\
	x(btree_ptr_sectors_written, 0, 14)		\
	x(snapshot_2, 0, 15)				\
	x(reflink_p_fix, 0, 16)				\
	x(subvol_dirent, 0, 17)				\
	x(inode_v2, 0, 18)				\
	x(freespace, 0, 19)				\
	x(alloc_v4, 0, 20)				\
	x(new_data_types, 0, 21)			\
	x(backpointers, 0, 22)				\
	x(inode_v3, 0, 23)				\
	x(unwritten_extents, 0, 24)			\
	x(bucket_gens, 0, 25)				\
	x(lru_v2, 0, 26)				\
	x(fragmentation_lru, 0, 27)			\
	x(no_bps_in_alloc_keys, 0, 28)			\
	x(snapshot_trees, 0, 29)			\
	x(major_minor, 1, 0)				\
	x(snapshot_skiplists, 1, 1)			\
	x(deleted_inodes, 1, 2)				\
	x(rebalance_work, 1, 3)				\
	x(member_seq, 1, 4)				\
	x(subvolume_fs_parent, 1, 5)			\
	x(btree_subvolume_children, 1, 6)		\
	x(mi_btree_bitmap, 1, 7)			\
	x(bucket_stripe_sectors, 1, 8)			\
	x(disk_accounting_v2, 1, 9)			\
	x(disk_accounting_v3, 1, 10)			\
	x(disk_accounting_inum, 1, 11)			\
	x(rebalance_work_acct_fix, 1, 12)		\
	x(inode_has_child_snapshots, 1, 13)		\
	x(backpointer_bucket_gen, 1, 14)		\
	x(disk_accounting_big_endian, 1, 15)		\
	x(reflink_p_may_update_opts, 1, 16)		\
	x(inode_depth, 1, 17)				\
	x(persistent_inode_cursors, 1, 18)		\
	x(autofix_errors, 1, 19)			\
	x(directory_size, 1, 20)			\
	x(cached_backpointers, 1, 21)			\
	x(stripe_backpointers, 1, 22)			\
	x(stripe_lru, 1, 23)				\
	x(casefolding, 1, 24)				\
	x(extent_flags, 1, 25)				\
	x(snapshot_deletion_v2, 1, 26)			\
	x(fast_device_removal, 1, 27)			\
	x(inode_has_case_insensitive, 1, 28)		\
	x(extent_snapshot_whiteouts, 1, 29)		\
	x(31bit_dirent_offset, 1, 30)			\
	x(btree_node_accounting, 1, 31)			\
	x(sb_field_extent_type_u64s, 1, 32)		\
	x(reconcile, 1, 33)				\
	x(extented_key_type_error, 1, 34)		\
	x(bucket_stripe_index, 1, 35)			\
	x(no_sb_user_data_replicas, 1, 36)		\
	x(erasure_coding, 1, 37)			\
	x(need_discard_by_journal_seq, 1, 38)		\
	x(per_dev_fragmentation_lru, 1, 39)

enum bch_version {
#define x(name, major, minor) BCH_VERSION_##name = BCH_VERSION(major, minor),
	BCH_VERSIONS()
#undef x
};

#define BCH_VERSION_MIN_READ	9 /* 0.9: the oldest that a superblock may name */
#define BCH_VERSION_CURRENT	BCH_VERSION_inode_has_child_snapshots /* the newest we write */
#define BCH_VERSION_MAX_READ	BCH_VERSION_per_dev_fragmentation_lru /* the newest known */

/* Name of a version; NULL: unknown. */
const char *bch_version_name(unsigned version);

#endif
