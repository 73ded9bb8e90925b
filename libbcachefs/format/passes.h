/*
 * Recovery passes: x(name, position in run order, stable number) (spec 01 section 10.20). The
 * superblock holds stable numbers; options hold positions.
 */
#ifndef _BCH_FORMAT_PASSES_H
#define _BCH_FORMAT_PASSES_H

#include <linux/types.h>

#define BCH_RECOVERY_PASSES()	\
	x(scan_for_btree_nodes, 0, 37)	\
	x(check_topology, 1, 4)	\
	x(accounting_read, 2, 39)	\
	x(alloc_read, 3, 0)	\
	x(stripes_read, 4, 1)	\
	x(initialize_subvolumes, 5, 2)	\
	x(snapshots_read, 6, 3)	\
	x(check_allocations, 7, 5)	\
	x(trans_mark_dev_sbs, 8, 6)	\
	x(fs_journal_alloc, 9, 7)	\
	x(set_may_go_rw, 10, 8)	\
	x(journal_replay, 11, 9)	\
	x(check_alloc_info, 12, 10)	\
	x(check_lrus, 13, 11)	\
	x(check_btree_backpointers, 14, 12)	\
	x(check_backpointers_to_extents, 15, 13)	\
	x(check_extents_to_backpointers, 16, 14)	\
	x(check_alloc_to_lru_refs, 17, 15)	\
	x(fs_freespace_init, 18, 16)	\
	x(bucket_gens_init, 19, 17)	\
	x(reconstruct_snapshots, 20, 38)	\
	x(check_snapshot_trees, 21, 18)	\
	x(check_snapshots, 22, 19)	\
	x(check_subvols, 23, 20)	\
	x(check_subvol_children, 24, 35)	\
	x(delete_dead_snapshots, 25, 21)	\
	x(fs_upgrade_for_subvolumes, 26, 22)	\
	x(check_inodes, 27, 24)	\
	x(check_extents, 28, 25)	\
	x(check_indirect_extents, 29, 26)	\
	x(check_dirents, 30, 27)	\
	x(check_xattrs, 31, 28)	\
	x(check_root, 32, 29)	\
	x(check_unreachable_inodes, 33, 40)	\
	x(check_subvolume_structure, 34, 36)	\
	x(check_directory_structure, 35, 30)	\
	x(check_nlinks, 36, 31)	\
	x(resume_logged_ops, 37, 23)	\
	x(delete_dead_inodes, 38, 32)	\
	x(fix_reflink_p, 39, 33)	\
	x(set_fs_needs_rebalance, 40, 34)

/* x(name, stable number): newer passes, whose place in the run order is not ours to know. */
#define BCH_RECOVERY_PASSES_NEWER()	\
	x(recovery_pass_empty, 41)	\
	x(lookup_root_inode, 42)	\
	x(check_reconcile_work, 43)	\
	x(delete_dead_interior_snapshots, 44)	\
	x(merge_btree_nodes, 45)	\
	x(btree_bitmap_gc, 46)	\
	x(kill_i_generation_keys, 47)	\
	x(presplit_shard_boundaries, 48)	\
	x(check_damage, 49)

enum bch_recovery_pass {
#define x(name, nr, stable) BCH_PASS_##name = nr,
	BCH_RECOVERY_PASSES()
#undef x
	BCH_PASS_NR
};

enum bch_recovery_pass_stable {
#define x(name, nr, stable) BCH_PASS_STABLE_##name = stable,
	BCH_RECOVERY_PASSES()
#undef x
#define x(name, stable) BCH_PASS_STABLE_##name = stable,
	BCH_RECOVERY_PASSES_NEWER()
#undef x
};

extern const char *const bch_pass_names[]; /* in run order, NULL-terminated */
extern const u8 bch_pass_stable[];	   /* stable number of each */
/* Name by stable number, NULL: unknown. Number 34 is called set_fs_needs_reconcile when newer. */
const char *bch_pass_stable_name(unsigned stable);
/* Bits by stable number (word 0 of the superblock's) to bits by run order; unknown ones vanish. */
u64 bch_passes_from_stable(u64 stable);
u64 bch_passes_to_stable(u64 passes);

#endif
