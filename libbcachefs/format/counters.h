/*
 * Persistent counters (spec 01 appendix A).
 *
 * x(position, name in 1.13, name in newer versions): 1.13 knows the first 79. Positions 32 and 33
 * change places between the two, so that neither name can be trusted there.
 */
#ifndef _BCH_FORMAT_COUNTERS_H
#define _BCH_FORMAT_COUNTERS_H

#define BCH_COUNTERS_1_13() \
	x(0, io_read, data_read) \
	x(1, io_write, data_write) \
	x(2, io_move, data_update) \
	x(3, bucket_invalidate, bucket_invalidate) \
	x(4, bucket_discard, bucket_discard) \
	x(5, bucket_alloc, bucket_alloc) \
	x(6, bucket_alloc_fail, bucket_alloc_fail) \
	x(7, btree_cache_scan, btree_cache_scan) \
	x(8, btree_cache_reap, btree_cache_reap) \
	x(9, btree_cache_cannibalize, btree_cache_cannibalize) \
	x(10, btree_cache_cannibalize_lock, btree_cache_cannibalize_lock) \
	x(11, btree_cache_cannibalize_lock_fail, btree_cache_cannibalize_lock_fail) \
	x(12, btree_cache_cannibalize_unlock, btree_cache_cannibalize_unlock) \
	x(13, btree_node_write, btree_node_write) \
	x(14, btree_node_read, btree_node_read) \
	x(15, btree_node_compact, btree_node_compact) \
	x(16, btree_node_merge, btree_node_merge) \
	x(17, btree_node_split, btree_node_split) \
	x(18, btree_node_rewrite, btree_node_rewrite) \
	x(19, btree_node_alloc, btree_node_alloc) \
	x(20, btree_node_free, btree_node_free) \
	x(21, btree_node_set_root, btree_node_set_root) \
	x(22, btree_path_relock_fail, btree_path_relock_fail) \
	x(23, btree_path_upgrade_fail, btree_path_upgrade_fail) \
	x(24, btree_reserve_get_fail, btree_reserve_get_fail) \
	x(25, journal_entry_full, journal_res_get_blocked) \
	x(26, journal_full, journal_full) \
	x(27, journal_reclaim_finish, journal_reclaim_finish) \
	x(28, journal_reclaim_start, journal_reclaim_start) \
	x(29, journal_write, journal_write) \
	x(30, read_promote, data_read_promote) \
	x(31, read_bounce, data_read_bounce) \
	x(32, read_split, data_read_retry) \
	x(33, read_retry, data_read_split) \
	x(34, read_reuse_race, data_read_reuse_race) \
	x(35, move_extent_read, data_update_read) \
	x(36, move_extent_write, data_update_write) \
	x(37, move_extent_finish, data_update_key) \
	x(38, move_extent_fail, data_update_key_fail) \
	x(39, move_extent_start_fail, data_update_start_fail_obsolete) \
	x(40, copygc, copygc) \
	x(41, copygc_wait, copygc_wait_obsolete) \
	x(42, gc_gens_end, gc_gens_end) \
	x(43, gc_gens_start, gc_gens_start) \
	x(44, trans_blocked_journal_reclaim, trans_blocked_journal_reclaim) \
	x(45, trans_restart_btree_node_reused, trans_restart_btree_node_reused) \
	x(46, trans_restart_btree_node_split, trans_restart_btree_node_split) \
	x(47, trans_restart_fault_inject, trans_restart_fault_inject) \
	x(48, trans_restart_iter_upgrade, trans_restart_iter_upgrade) \
	x(49, trans_restart_journal_preres_get, trans_restart_journal_preres_get) \
	x(50, trans_restart_journal_reclaim, trans_restart_journal_reclaim) \
	x(51, trans_restart_journal_res_get, trans_restart_journal_res_get) \
	x(52, trans_restart_key_cache_key_realloced, trans_restart_key_cache_key_realloced) \
	x(53, trans_restart_key_cache_raced, trans_restart_key_cache_raced) \
	x(54, trans_restart_mark_replicas, trans_restart_mark_replicas) \
	x(55, trans_restart_mem_realloced, trans_restart_mem_realloced) \
	x(56, trans_restart_memory_allocation_failure, \
	  trans_restart_memory_allocation_failure) \
	x(57, trans_restart_relock, trans_restart_relock) \
	x(58, trans_restart_relock_after_fill, trans_restart_relock_after_fill) \
	x(59, trans_restart_relock_key_cache_fill, trans_restart_relock_key_cache_fill_obsolete) \
	x(60, trans_restart_relock_next_node, trans_restart_relock_next_node) \
	x(61, trans_restart_relock_parent_for_fill, trans_restart_relock_parent_for_fill_obsolete) \
	x(62, trans_restart_relock_path, trans_restart_relock_path) \
	x(63, trans_restart_relock_path_intent, trans_restart_relock_path_intent) \
	x(64, trans_restart_too_many_iters, trans_restart_too_many_iters) \
	x(65, trans_restart_traverse, trans_restart_traverse) \
	x(66, trans_restart_upgrade, trans_restart_upgrade) \
	x(67, trans_restart_would_deadlock, trans_restart_would_deadlock) \
	x(68, trans_restart_would_deadlock_write, trans_restart_would_deadlock_write) \
	x(69, trans_restart_injected, trans_restart_injected) \
	x(70, trans_restart_key_cache_upgrade, trans_restart_key_cache_upgrade) \
	x(71, trans_traverse_all, transaction_begin) \
	x(72, transaction_commit, transaction_commit) \
	x(73, write_super, write_super) \
	x(74, trans_restart_would_deadlock_recursion_limit, \
	  trans_restart_would_deadlock_recursion_limit) \
	x(75, trans_restart_write_buffer_flush, trans_restart_write_buffer_flush) \
	x(76, trans_restart_split_race, trans_restart_split_race) \
	x(77, write_buffer_flush_slowpath, write_buffer_flush_slowpath) \
	x(78, write_buffer_flush_sync, write_buffer_flush_sync)

/* x(position, name): only newer versions. */
#define BCH_COUNTERS_NEWER() \
	x(79, bucket_discard_fast) \
	x(80, data_read_inline) \
	x(81, data_read_hole) \
	x(82, data_update_fail) \
	x(83, reconcile_set_pending) \
	x(84, evacuate_bucket) \
	x(85, data_read_nopromote) \
	x(86, data_read_nopromote_may_not) \
	x(87, data_read_nopromote_already_promoted) \
	x(88, data_read_nopromote_unwritten) \
	x(89, data_read_nopromote_congested) \
	x(90, data_update_in_flight) \
	x(91, data_update_no_io) \
	x(92, data_update_noop_obsolete) \
	x(93, error_throw) \
	x(94, accounting_key_to_wb_slowpath) \
	x(95, data_read_fail_and_poison) \
	x(96, data_update_pred) \
	x(97, data_read_narrow_crcs) \
	x(98, data_read_narrow_crcs_fail) \
	x(99, stripe_update_extent) \
	x(100, stripe_update_extent_fail) \
	x(101, btree_node_merge_attempt) \
	x(102, stripe_create) \
	x(103, stripe_create_fail) \
	x(104, stripe_update_bucket) \
	x(105, write_buffer_flush) \
	x(106, write_buffer_maybe_flush) \
	x(107, btree_key_cache_fill) \
	x(108, bucket_discard_worker) \
	x(109, bucket_discard_fast_worker) \
	x(110, sync_fs) \
	x(111, fsync) \
	x(112, bkey_pack_pos_fail) \
	x(113, reconcile_scan_fs) \
	x(114, reconcile_scan_metadata) \
	x(115, reconcile_scan_pending) \
	x(116, reconcile_scan_device) \
	x(117, reconcile_scan_inum) \
	x(118, reconcile_btree) \
	x(119, reconcile_data) \
	x(120, reconcile_phys) \
	x(121, cached_ptr_drop) \
	x(122, open_bucket_alloc_fail) \
	x(123, stripe_reuse) \
	x(124, stripe_delete) \
	x(125, stripe_alloc) \
	x(126, sectors_alloc) \
	x(127, bucket_alloc_from_stripe) \
	x(128, data_update_useless_write_fail) \
	x(129, reconcile_clear_scan) \
	x(130, reconcile_stripe) \
	x(131, stripe_repair_race) \
	x(132, trans_restart_deadlock_waitlist_alloc) \
	x(133, reconcile_scan_stripes) \
	x(134, journal_pin_resize) \
	x(135, journal_flush)

#define BCH_COUNTER_NR_1_13 79
#define BCH_COUNTER_NR 136

enum bch_counter {
#define x(nr, name, newer) BCH_COUNTER_##name = nr,
	BCH_COUNTERS_1_13()
#undef x
};

extern const char *const bch_counter_names[];	     /* as 1.13 has them, NULL-terminated */
extern const char *const bch_counter_names_newer[]; /* NULL-terminated */

#endif
