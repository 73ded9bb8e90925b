/*
 * Private error codes: x(class errno, name). Functions return them negative; the class is what a
 * system call would say, the name is what the tool prints (spec 01 sections 2, 6, 7).
 */
#ifndef _BCH_FORMAT_ERRCODE_H
#define _BCH_FORMAT_ERRCODE_H

#include <linux/errno.h>
#include <linux/types.h>

#define BCH_ERRCODES()					\
	x(EINVAL, invalid_sb)				\
	x(EINVAL, invalid_sb_magic)			\
	x(EINVAL, invalid_sb_version)			\
	x(EINVAL, invalid_sb_features)			\
	x(EINVAL, invalid_sb_too_big)			\
	x(EINVAL, invalid_sb_csum_type)			\
	x(EINVAL, invalid_sb_csum)			\
	x(EINVAL, invalid_sb_offset)			\
	x(EINVAL, invalid_sb_block_size)		\
	x(EINVAL, invalid_sb_uuid)			\
	x(EINVAL, invalid_sb_too_many_members)		\
	x(EINVAL, invalid_sb_dev_idx)			\
	x(EINVAL, invalid_sb_time_precision)		\
	x(EINVAL, invalid_sb_field_size)		\
	x(EINVAL, invalid_sb_layout)			\
	x(EINVAL, invalid_sb_layout_type)		\
	x(EINVAL, invalid_sb_layout_nr_superblocks)	\
	x(EINVAL, invalid_sb_layout_superblocks_overlap) \
	x(EINVAL, invalid_sb_members_missing)		\
	x(EINVAL, invalid_sb_members)			\
	x(EINVAL, invalid_sb_disk_groups)		\
	x(EINVAL, invalid_sb_replicas)			\
	x(EINVAL, invalid_replicas_entry)		\
	x(EINVAL, invalid_sb_journal)			\
	x(EINVAL, invalid_sb_journal_seq_blacklist)	\
	x(EINVAL, invalid_sb_crypt)			\
	x(EINVAL, invalid_sb_clean)			\
	x(EINVAL, invalid_sb_quota)			\
	x(EINVAL, invalid_sb_errors)			\
	x(EINVAL, invalid_sb_opt)			\
	x(EINVAL, invalid_sb_opt_compression)		\
	x(EINVAL, invalid_sb_ext)			\
	x(EINVAL, invalid_sb_downgrade)			\
	x(EINVAL, device_not_a_member_of_filesystem)	\
	x(EINVAL, device_has_been_removed)		\
	x(EINVAL, device_splitbrain)			\
	x(EINVAL, device_already_online)		\
	x(EINVAL, mismatched_block_size)		\
	x(EINVAL, block_size_too_small)			\
	x(EINVAL, geometry)				\
	x(EINVAL, format_refused)			\
	x(EINVAL, device_size_too_small)		\
	x(EINVAL, insufficient_devices_to_start)	\
	x(EINVAL, insufficient_devices)			\
	x(EINVAL, option_name)				\
	x(EINVAL, option_value)				\
	x(EINVAL, option_not_bool)			\
	x(EINVAL, opt_parse_error)			\
	x(EINVAL, option_needs_open_fs)			\
	x(ERANGE, ERANGE_option_too_small)		\
	x(ERANGE, ERANGE_option_too_big)		\
	x(EINVAL, no_passphrase)			\
	x(ENOKEY, no_encryption_key)			\
	x(EACCES, incorrect_passphrase)			\
	x(EROFS, erofs_nochanges)			\
	x(ENOSPC, ENOSPC_sb)				\
	x(ENOSPC, ENOSPC_sb_journal)			\
	x(ENOSPC, ENOSPC_sb_journal_seq_blacklist)	\
	x(ENOSPC, ENOSPC_sb_quota)			\
	x(ENOSPC, ENOSPC_sb_replicas)			\
	x(ENOSPC, ENOSPC_sb_members)			\
	x(ENOSPC, ENOSPC_sb_members_v2)			\
	x(ENOSPC, ENOSPC_sb_crypt)			\
	x(ENOSPC, ENOSPC_sb_downgrade)			\
	x(ENOSPC, ENOSPC_disk_label_add)		\
	x(EROFS, sb_not_downgraded)			\
	x(EROFS, sb_version_not_writeable)		\
	x(EIO, sb_write_dropped)			\
	x(EBUSY, sb_modified_by_another)		\
	x(EIO, sb_write_failed)				\
	x(EINVAL, invalid)				\
	x(EINVAL, invalid_bkey)				\
	x(EIO, btree_node_read_err)			\
	x(EIO, btree_node_read_error)			\
	x(EIO, btree_root_read_error)			\
	x(EIO, csum_mismatch)				\
	x(EIO, device_offline)				\
	x(EIO, no_device_to_read_from)			\
	x(EIO, bucket_used_again)			\
	x(EIO, extent_poisoned)				\
	x(EIO, decompress)				\
	x(EIO, stripe_reconstruct)			\
	x(EINVAL, journal_entry_bad)			\
	x(EINVAL, jset_unsupported_version)		\
	x(EINVAL, journal_read_empty)			\
	x(EINVAL, journal_rewind)

enum bch_errcode {
	BCH_ERR_START = 2048,
#define x(class, name) BCH_ERR_##name,
	BCH_ERRCODES()
#undef x
	BCH_ERR_MAX
};

/* Name of an error: a private one's, or of an errno ("ENOENT"). @err may have either sign. */
const char *bch_err_str(int err);
/* What it means and what to do next, for the end of a message: "not a bcachefs superblock ...". */
const char *bch_err_sentence(int err);
/* The errno (negative) that stands for @err. */
int bch_err_class(int err);

#endif
