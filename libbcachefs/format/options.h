/*
 * Options (spec 01 sections 15.3, 18.6): one table that parsers, printers, validators, help texts
 * and the man page read.
 *
 * x(name, C type, kind, scope and unit flags, min, max, default, where stored, choices, argument,
 *   meaning)
 *
 * Values v are valid when min <= v and, unless max is 0, v < max. In memory sizes are bytes.
 */
#ifndef _BCH_FORMAT_OPTIONS_H
#define _BCH_FORMAT_OPTIONS_H

#include "format/data_type.h"
#include "format/enums.h"
#include "format/passes.h"
#include "format/sb.h"

enum bch_opt_kind {
	OPT_BOOL,
	OPT_UINT,
	OPT_CHOICE,	 /* index into a list of names */
	OPT_BITS,	 /* bits with names */
	OPT_COMPRESSION, /* low nibble type, high nibble level */
	OPT_TARGET,	 /* spec 01 section 12.4 */
};

enum bch_opt_flags {
	OPT_FS	     = 1U << 0, /* of the filesystem */
	OPT_DEVICE   = 1U << 1, /* of a member */
	OPT_INODE    = 1U << 2, /* of a file */
	OPT_FORMAT   = 1U << 3, /* can be set by format */
	OPT_MOUNT    = 1U << 4, /* ... at mount and by set-fs-option */
	OPT_RUNTIME  = 1U << 5, /* ... while mounted */
	OPT_HIDDEN   = 1U << 6, /* not in help texts */
	OPT_NEWER    = 1U << 7, /* not in 1.13: only decoded */
	OPT_HUMAN    = 1U << 8, /* prints and parses as a size */
	OPT_POW2     = 1U << 9, /* must be a power of two */
	OPT_SECTORS  = 1U << 10, /* stored in sectors */
	OPT_LOG2     = 1U << 11, /* stored as log2 */
	OPT_PLUS1    = 1U << 12, /* stored plus 1; 0: not set */
};

/* Where a value is stored: kind << 24 | place. */
enum {
	STORE_NONE,
	STORE_KIND_FLAG = 1 << 24,
	STORE_KIND_MEMBER = 2 << 24,
	STORE_KIND_EXT = 3 << 24,
	STORE_BLOCK_SIZE = 4 << 24, /* the head's block_size */
	STORE_KIND_NIBBLES = 5 << 24, /* compression: a _lo and a _hi flag */
};
#define STORE_KIND(store)    ((store) & (0xff << 24))
#define STORE_FLAG(name)     (STORE_KIND_FLAG | SB_FLAG_##name)
#define STORE_NIBBLES(name)  (STORE_KIND_NIBBLES | SB_FLAG_##name##_lo)
#define STORE_MEMBER(name)   (STORE_KIND_MEMBER | MEMBER_FLAG_##name)
#define STORE_EXT(name)	     (STORE_KIND_EXT | SB_EXT_FLAG_##name)

/* Values of choices: x(name, number); checksums and compression are in format/enums.h. */
#define BCH_ERROR_ACTIONS() x(continue, 0) x(fix_safe, 1) x(panic, 2) x(ro, 3)
#define BCH_STR_HASH_OPTS() x(crc32c, 0) x(crc64, 1) x(siphash, 2)
#define BCH_VERSION_UPGRADE_OPTS() x(compatible, 0) x(incompatible, 1) x(none, 2)
#define BCH_FIX_ERRORS_OPTS() x(exit, 0) x(yes, 1) x(no, 2) x(ask, 3)
#define BCH_DEGRADED_ACTIONS() x(ask, 0) x(yes, 1) x(very, 2) x(no, 3)
#define BCH_SCRUB_JOURNAL_OPTS() x(unclean, 0) x(no, 1) x(always, 2)

#define x(name, nr) BCH_ERROR_ACTION_##name = nr,
enum bch_error_action { BCH_ERROR_ACTIONS() };
#undef x
#define x(name, nr) BCH_STR_HASH_OPT_##name = nr,
enum bch_str_hash_opt { BCH_STR_HASH_OPTS() };
#undef x
#define x(name, nr) BCH_VERSION_UPGRADE_##name = nr,
enum bch_version_upgrade_opt { BCH_VERSION_UPGRADE_OPTS() };
#undef x
#define x(name, nr) BCH_FIX_ERRORS_##name = nr,
enum bch_fix_errors_opt { BCH_FIX_ERRORS_OPTS() };
#undef x

extern const char *const bch_error_action_names[];
extern const char *const bch_str_hash_opt_names[];
extern const char *const bch_version_upgrade_names[];
extern const char *const bch_fix_errors_names[];
extern const char *const bch_degraded_action_names[];
extern const char *const bch_scrub_journal_names[];

#define BCH_OPTS()									\
	x(block_size, u32, OPT_UINT,							\
	  OPT_FS | OPT_FORMAT | OPT_HUMAN | OPT_POW2 | OPT_SECTORS,			\
	  512, 65536, 4096, STORE_BLOCK_SIZE, NULL, "SIZE",				\
	  "smallest unit of file data; by default the largest block of the devices")	\
	x(btree_node_size, u32, OPT_UINT,						\
	  OPT_FS | OPT_FORMAT | OPT_HUMAN | OPT_POW2 | OPT_SECTORS,			\
	  512, 1048576, 262144, STORE_FLAG(btree_node_size), NULL, "SIZE",		\
	  "size of a btree node; by default 256k, at most the bucket size")		\
	x(errors, u8, OPT_CHOICE, OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,	\
	  0, 5, BCH_ERROR_ACTION_fix_safe, STORE_FLAG(error_action),			\
	  bch_error_action_names, "ACTION", "what to do about an inconsistency")	\
	x(metadata_replicas, u8, OPT_UINT, OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME, \
	  1, 4, 1, STORE_FLAG(meta_replicas_want), NULL, "N",				\
	  "copies of metadata wanted")							\
	x(data_replicas, u8, OPT_UINT,							\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  1, 4, 1, STORE_FLAG(data_replicas_want), NULL, "N",				\
	  "copies of file data wanted")							\
	x(metadata_replicas_required, u8, OPT_UINT, OPT_FS | OPT_FORMAT | OPT_MOUNT,	\
	  1, 4, 1, STORE_FLAG(meta_replicas_req), NULL, "N",				\
	  "fewest copies with which a write of metadata succeeds")			\
	x(data_replicas_required, u8, OPT_UINT, OPT_FS | OPT_FORMAT | OPT_MOUNT,	\
	  1, 4, 1, STORE_FLAG(data_replicas_req), NULL, "N",				\
	  "fewest copies with which a write of file data succeeds")			\
	x(encoded_extent_max, u32, OPT_UINT,						\
	  OPT_FS | OPT_FORMAT | OPT_HUMAN | OPT_POW2 | OPT_SECTORS | OPT_LOG2,		\
	  4096, 2097152, 65536, STORE_FLAG(encoded_extent_max_bits), NULL, "SIZE",	\
	  "largest extent that is checksummed or compressed as one piece")		\
	x(metadata_checksum, u8, OPT_CHOICE,						\
	  OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,				\
	  0, 5, BCH_CSUM_OPT_crc32c, STORE_FLAG(meta_csum_type), bch_csum_opt_names,	\
	  "TYPE", "checksum of superblock, journal and btrees")				\
	x(data_checksum, u8, OPT_CHOICE,						\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 5, BCH_CSUM_OPT_crc32c, STORE_FLAG(data_csum_type), bch_csum_opt_names,	\
	  "TYPE", "checksum of file data")						\
	x(compression, u8, OPT_COMPRESSION,						\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 0, 0, STORE_NIBBLES(compression_type), bch_compression_opt_names,		\
	  "TYPE[:LEVEL]", "compression of file data when it is written")		\
	x(background_compression, u8, OPT_COMPRESSION,					\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 0, 0, STORE_NIBBLES(background_compression_type),				\
	  bch_compression_opt_names, "TYPE[:LEVEL]",					\
	  "compression of file data in the background; none keeps it as written")	\
	x(str_hash, u8, OPT_CHOICE, OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,	\
	  0, 4, BCH_STR_HASH_OPT_siphash, STORE_FLAG(str_hash_type),			\
	  bch_str_hash_opt_names, "TYPE", "hash of names of files and attributes")	\
	x(metadata_target, u16, OPT_TARGET,						\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 0, 0, STORE_FLAG(metadata_target), NULL, "TARGET",				\
	  "device or label that metadata is preferably written to")			\
	x(foreground_target, u16, OPT_TARGET,						\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 0, 0, STORE_FLAG(foreground_target), NULL, "TARGET",			\
	  "device or label that file data is written to at first")			\
	x(background_target, u16, OPT_TARGET,						\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 0, 0, STORE_FLAG(background_target), NULL, "TARGET",			\
	  "device or label that file data is moved to in the background")		\
	x(promote_target, u16, OPT_TARGET,						\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 0, 0, STORE_FLAG(promote_target), NULL, "TARGET",				\
	  "device or label that data is cached on when it is read")			\
	x(erasure_code, u16, OPT_BOOL,							\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 2, 0, STORE_FLAG(erasure_code), NULL, NULL,				\
	  "stripes with parity in place of copies of file data (experimental)")		\
	x(inodes_32bit, u8, OPT_BOOL,							\
	  OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 2, 1, STORE_FLAG(inode_32bit), NULL, NULL,					\
	  "keep inode numbers below 2^32")						\
	x(shard_inode_numbers, u8, OPT_BOOL,						\
	  OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,				\
	  0, 2, 1, STORE_FLAG(shard_inums), NULL, NULL,					\
	  "take inode numbers from a range of each processor")				\
	x(inodes_use_key_cache, u8, OPT_BOOL, OPT_FS | OPT_FORMAT | OPT_MOUNT,		\
	  0, 2, 1, STORE_FLAG(inodes_use_key_cache), NULL, NULL,			\
	  "update inodes through the key cache")					\
	x(btree_node_mem_ptr_optimization, u8, OPT_BOOL, OPT_FS | OPT_MOUNT | OPT_RUNTIME, \
	  0, 2, 1, STORE_NONE, NULL, NULL,						\
	  "remember in pointers to nodes where these are in memory")			\
	x(gc_reserve_percent, u8, OPT_UINT, OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME, \
	  5, 21, 8, STORE_FLAG(gc_reserve), NULL, "PERCENT",				\
	  "share of the space kept free for moving data together")			\
	x(gc_reserve_bytes, u64, OPT_UINT,						\
	  OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME | OPT_HUMAN | OPT_SECTORS,	\
	  0, U64_MAX, 0, STORE_FLAG(gc_reserve_bytes), NULL, "SIZE",			\
	  "the same in bytes; unless 0 it counts in place of the share")		\
	x(root_reserve_percent, u8, OPT_UINT, OPT_FS | OPT_FORMAT | OPT_MOUNT,		\
	  0, 100, 0, STORE_FLAG(root_reserve), NULL, "PERCENT",				\
	  "share of the space kept for root")						\
	x(wide_macs, u8, OPT_BOOL, OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,	\
	  0, 2, 0, STORE_FLAG(wide_macs), NULL, NULL,					\
	  "authenticate encrypted data with 16 in place of 10 bytes")			\
	x(inline_data, u8, OPT_BOOL, OPT_FS | OPT_MOUNT | OPT_RUNTIME,			\
	  0, 2, 1, STORE_NONE, NULL, NULL, "keep small files inside the btree")		\
	x(promote_whole_extents, u8, OPT_BOOL, OPT_FS | OPT_MOUNT | OPT_RUNTIME,	\
	  0, 2, 1, STORE_FLAG(promote_whole_extents), NULL, NULL,			\
	  "cache whole extents, not only the part that was read")			\
	x(acl, u8, OPT_BOOL, OPT_FS | OPT_FORMAT | OPT_MOUNT,				\
	  0, 2, 1, STORE_FLAG(posix_acl), NULL, NULL, "access control lists")		\
	x(usrquota, u8, OPT_BOOL, OPT_FS | OPT_FORMAT | OPT_MOUNT,			\
	  0, 2, 0, STORE_FLAG(usrquota), NULL, NULL, "quotas of users")			\
	x(grpquota, u8, OPT_BOOL, OPT_FS | OPT_FORMAT | OPT_MOUNT,			\
	  0, 2, 0, STORE_FLAG(grpquota), NULL, NULL, "quotas of groups")		\
	x(prjquota, u8, OPT_BOOL, OPT_FS | OPT_FORMAT | OPT_MOUNT,			\
	  0, 2, 0, STORE_FLAG(prjquota), NULL, NULL, "quotas of projects")		\
	x(degraded, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 0, STORE_NONE, NULL, NULL,	\
	  "start though members are missing, if no data is lost")			\
	x(very_degraded, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 0, STORE_NONE, NULL, NULL, \
	  "start though members are missing, even if data is lost")			\
	x(no_splitbrain_check, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 0, STORE_NONE,	\
	  NULL, NULL, "use members that were written to apart from the others")		\
	x(discard, u8, OPT_BOOL, OPT_FS | OPT_DEVICE | OPT_MOUNT, 0, 2, 1,		\
	  STORE_MEMBER(discard), NULL, NULL, "tell the device which buckets became free") \
	x(verbose, u8, OPT_BOOL, OPT_FS | OPT_MOUNT | OPT_RUNTIME, 0, 2, 0, STORE_NONE,	\
	  NULL, NULL, "print more messages")						\
	x(journal_flush_delay, u32, OPT_UINT, OPT_FS | OPT_MOUNT | OPT_RUNTIME,		\
	  1, U32_MAX, 1000, STORE_FLAG(journal_flush_delay), NULL, "MS",		\
	  "time until the journal is written by itself")				\
	x(journal_flush_disabled, u8, OPT_BOOL, OPT_FS | OPT_MOUNT | OPT_RUNTIME,	\
	  0, 2, 0, STORE_FLAG(journal_flush_disabled), NULL, NULL,			\
	  "let sync and fsync not write the journal")					\
	x(journal_reclaim_delay, u32, OPT_UINT, OPT_FS | OPT_MOUNT | OPT_RUNTIME,	\
	  0, U32_MAX, 100, STORE_FLAG(journal_reclaim_delay), NULL, "MS",		\
	  "time between runs that free the journal's space")				\
	x(move_bytes_in_flight, u32, OPT_UINT,						\
	  OPT_FS | OPT_MOUNT | OPT_RUNTIME | OPT_HUMAN, 1024, U32_MAX, 1048576,		\
	  STORE_NONE, NULL, "SIZE", "most bytes that are moved at a time")		\
	x(move_ios_in_flight, u32, OPT_UINT, OPT_FS | OPT_MOUNT | OPT_RUNTIME,		\
	  1, 1024, 32, STORE_NONE, NULL, "N", "most extents that are moved at a time")	\
	x(fsck, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 0, STORE_NONE, NULL, NULL,	\
	  "check everything at the start")						\
	x(fsck_memory_usage_percent, u8, OPT_UINT, OPT_FS | OPT_MOUNT, 20, 70, 50,	\
	  STORE_NONE, NULL, "PERCENT", "share of memory that a check may take")		\
	x(fix_errors, u8, OPT_CHOICE, OPT_FS | OPT_MOUNT, 0, 5, BCH_FIX_ERRORS_exit,	\
	  STORE_NONE, bch_fix_errors_names, "ANSWER", "answer to the questions of a check") \
	x(ratelimit_errors, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 0, STORE_NONE,	\
	  NULL, NULL, "print only the first messages of a kind")			\
	x(nochanges, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 0, STORE_NONE, NULL, NULL,	\
	  "write nothing at all")							\
	x(norecovery, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 0, STORE_NONE, NULL, NULL, \
	  "do not replay the journal")							\
	x(recovery_passes, u64, OPT_BITS, OPT_FS | OPT_MOUNT, 0, 0, 0, STORE_NONE,	\
	  bch_pass_names, "PASSES", "recovery passes to run besides those needed")	\
	x(recovery_passes_exclude, u64, OPT_BITS, OPT_FS | OPT_MOUNT, 0, 0, 0, STORE_NONE, \
	  bch_pass_names, "PASSES", "recovery passes not to run")			\
	x(recovery_pass_last, u8, OPT_CHOICE, OPT_FS | OPT_MOUNT, 0, BCH_PASS_NR + 1, 0, \
	  STORE_NONE, bch_pass_names, "PASS", "recovery pass to stop after")		\
	x(retain_recovery_info, u8, OPT_BOOL, OPT_HIDDEN, 0, 2, 0, STORE_NONE, NULL, NULL, \
	  "keep the journal's keys in memory")						\
	x(read_entire_journal, u8, OPT_BOOL, OPT_HIDDEN, 0, 2, 0, STORE_NONE, NULL, NULL, \
	  "read old journal entries too")						\
	x(read_journal_only, u8, OPT_BOOL, OPT_HIDDEN, 0, 2, 0, STORE_NONE, NULL, NULL,	\
	  "stop after the journal was read")						\
	x(journal_transaction_names, u8, OPT_BOOL,					\
	  OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,				\
	  0, 2, 1, STORE_FLAG(journal_transaction_names), NULL, NULL,			\
	  "note the names of transactions in the journal")				\
	x(allocator_stuck_timeout, u16, OPT_UINT,					\
	  OPT_FS | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME,				\
	  0, U16_MAX, 30, STORE_FLAG(allocator_stuck_timeout), NULL, "SECONDS",		\
	  "time until an allocation that waits is reported")				\
	x(noexcl, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 0, STORE_NONE, NULL, NULL,	\
	  "do not open devices exclusively")						\
	x(direct_io, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 1, STORE_NONE, NULL, NULL,	\
	  "bypass the page cache")							\
	x(sb, u64, OPT_UINT, OPT_MOUNT, 0, S64_MAX, BCH_SB_SECTOR, STORE_NONE, NULL,	\
	  "SECTOR", "sector of the superblock")						\
	x(read_only, u8, OPT_BOOL, OPT_FS | OPT_MOUNT | OPT_HIDDEN, 0, 2, 0, STORE_NONE, \
	  NULL, NULL, "mount read-only")						\
	x(nostart, u8, OPT_BOOL, OPT_HIDDEN, 0, 2, 0, STORE_NONE, NULL, NULL,		\
	  "open but do not start")							\
	x(reconstruct_alloc, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 0, STORE_NONE,	\
	  NULL, NULL, "rebuild all information about allocation")			\
	x(version_upgrade, u8, OPT_CHOICE, OPT_FS | OPT_MOUNT, 0, 4,			\
	  BCH_VERSION_UPGRADE_compatible, STORE_FLAG(version_upgrade),			\
	  bch_version_upgrade_names, "HOW", "upgrade of the format at mount")		\
	x(stdio, u64, OPT_UINT, OPT_HIDDEN, 0, S64_MAX, 0, STORE_NONE, NULL, "N",	\
	  "where questions are asked")							\
	x(project, u8, OPT_BOOL, OPT_INODE | OPT_HIDDEN, 0, 2, 0, STORE_NONE, NULL, "ID", \
	  "project of a file")								\
	x(nocow, u8, OPT_BOOL, OPT_FS | OPT_INODE | OPT_FORMAT | OPT_MOUNT | OPT_RUNTIME, \
	  0, 2, 0, STORE_FLAG(nocow), NULL, NULL,					\
	  "overwrite in place: no checksums, compression or encryption of data")	\
	x(nocow_enabled, u8, OPT_BOOL, OPT_FS | OPT_MOUNT, 0, 2, 1, STORE_NONE, NULL, NULL, \
	  "allow overwriting in place")							\
	x(no_data_io, u8, OPT_BOOL, OPT_MOUNT, 0, 2, 0, STORE_NONE, NULL, NULL,		\
	  "read and write no file data (for benchmarks)")				\
	x(fs_size, u64, OPT_UINT, OPT_DEVICE | OPT_HUMAN, 0, S64_MAX, 0, STORE_NONE,	\
	  NULL, "SIZE", "part of the device to use")					\
	x(bucket, u32, OPT_UINT, OPT_DEVICE | OPT_HIDDEN, 0, S64_MAX, 0, STORE_NONE,	\
	  NULL, "SIZE", "size of a bucket")						\
	x(durability, u8, OPT_UINT, OPT_DEVICE | OPT_PLUS1, 0, 4, 1,			\
	  STORE_MEMBER(durability), NULL, "N", "how many copies one copy here counts for") \
	x(data_allowed, u8, OPT_BITS, OPT_DEVICE, 0, 32, 0x1c, STORE_MEMBER(data_allowed), \
	  bch_data_type_names, "TYPES", "kinds of data allowed here: journal, btree, user") \
	x(btree_node_prefetch, u8, OPT_BOOL, OPT_FS | OPT_MOUNT | OPT_RUNTIME,		\
	  0, 2, 1, STORE_NONE, NULL, NULL, "read nodes ahead")				\
	x(write_error_timeout, u16, OPT_UINT, OPT_FS | OPT_NEWER, 1, 301, 30,		\
	  STORE_FLAG(write_error_timeout), NULL, "SECONDS",				\
	  "time of write errors after which a device is given up")			\
	x(checksum_err_retry_nr, u8, OPT_UINT, OPT_FS | OPT_NEWER, 0, 33, 3,		\
	  STORE_FLAG(csum_err_retry_nr), NULL, "N", "reads again after a checksum error") \
	x(ec_max_data_blocks, u8, OPT_UINT, OPT_FS | OPT_NEWER, 0, 16, 0,		\
	  STORE_FLAG(ec_max_data_blocks), NULL, "N", "most data blocks of a stripe")	\
	x(casefold, u8, OPT_BOOL, OPT_FS | OPT_INODE | OPT_NEWER, 0, 2, 0,		\
	  STORE_FLAG(casefold), NULL, NULL, "names regardless of case by default")	\
	x(shard_inode_numbers_bits, u8, OPT_UINT, OPT_FS | OPT_NEWER, 0, 17, 0,		\
	  STORE_FLAG(shard_inums_nbits), NULL, "N", "bits of inode numbers for the shard") \
	x(degraded_action, u8, OPT_CHOICE, OPT_FS | OPT_NEWER, 0, 5, 0,			\
	  STORE_FLAG(degraded_action), bch_degraded_action_names, "HOW",		\
	  "start though members are missing")						\
	x(move_writes_fua, u8, OPT_BOOL, OPT_FS | OPT_NEWER, 0, 2, 0,			\
	  STORE_FLAG(move_writes_fua), NULL, NULL, "moved data is written through")	\
	x(writeback_timeout, u16, OPT_UINT, OPT_FS | OPT_NEWER, 0, U16_MAX + 1, 0,	\
	  STORE_FLAG(writeback_timeout), NULL, "SECONDS", "time that data stays in memory") \
	x(scrub_recent_journal_entries, u8, OPT_CHOICE, OPT_FS | OPT_NEWER, 0, 4, 0,	\
	  STORE_FLAG(scrub_journal), bch_scrub_journal_names, "WHEN",			\
	  "check recent journal entries at the start")					\
	x(reconcile_on_ac_only, u8, OPT_BOOL, OPT_FS | OPT_NEWER, 0, 2, 0,		\
	  STORE_FLAG(rebalance_ac_only), NULL, NULL, "move data on mains power only")	\
	x(dev_readahead, u32, OPT_UINT, OPT_FS | OPT_NEWER | OPT_HUMAN | OPT_SECTORS,	\
	  0, 536870913, 2097152, STORE_EXT(dev_readahead), NULL, "SIZE",		\
	  "read-ahead of a device")							\
	x(ec_stripe_buf_limit, u8, OPT_UINT, OPT_FS | OPT_NEWER, 1, 26, 5,		\
	  STORE_EXT(ec_stripe_buf_limit), NULL, "PERCENT", "memory for stripes")	\
	x(scrub_journal_max_rewind_secs, u16, OPT_UINT, OPT_FS | OPT_NEWER, 0, 3601, 10, \
	  STORE_EXT(scrub_max_rewind_secs), NULL, "SECONDS", "how recent these entries are") \
	x(journal_rewind_discard_buffer_percent, u8, OPT_UINT, OPT_FS | OPT_NEWER,	\
	  0, 11, 4, STORE_EXT(discard_buffer), NULL, "PERCENT",				\
	  "space not discarded so that the journal can be rewound")			\
	x(btree_cache_shrinker_seeks, u8, OPT_UINT, OPT_FS | OPT_NEWER, 1, 101, 2,	\
	  STORE_EXT(btree_cache_shrinker_seeks), NULL, "N", "cost of a cached node")

enum bch_opt_id {
#define x(name, ...) Opt_##name,
	BCH_OPTS()
#undef x
	BCH_OPT_NR
};

#endif
