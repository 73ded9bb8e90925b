/* Names and classes of error codes. */
#include <linux/kernel.h>
#include <linux/string.h>
#include "format/errcode.h"

static const struct {
	const char *name;
	int class;
} codes[] = {
#define x(class, name) {#name, class},
	BCH_ERRCODES()
#undef x
};

static const struct {
	int nr;
	const char *name;
} errnos[] = {
#define E(e)          \
	{             \
		e, #e \
	}
	E(EPERM),      E(ENOENT),	E(EINTR),   E(EIO),	  E(ENXIO),   E(E2BIG),
	E(EBADF),      E(EAGAIN),	E(ENOMEM),  E(EACCES),	  E(EFAULT),  E(EBUSY),
	E(EEXIST),     E(EXDEV),	E(ENODEV),  E(ENOTDIR),	  E(EISDIR),  E(EINVAL),
	E(ENFILE),     E(EMFILE),	E(ENOTTY),  E(EFBIG),	  E(ENOSPC),  E(ESPIPE),
	E(EROFS),      E(EPIPE),	E(EDOM),    E(ERANGE),	  E(ENODATA), E(EOVERFLOW),
	E(EOPNOTSUPP), E(ETIMEDOUT),	E(ENOKEY),  E(EPROTO),	  E(ELOOP),   E(ENAMETOOLONG),
	E(ENOSYS),     E(EKEYREJECTED), E(ENOTBLK), E(ENOTEMPTY), E(EDQUOT),
#undef E
};

const char *bch_err_str(int err)
{
	unsigned i;

	if (err < 0)
		err = -err;
	if (err > BCH_ERR_START && err < BCH_ERR_MAX)
		return codes[err - BCH_ERR_START - 1].name;
	for (i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i].nr == err)
			return errnos[i].name;
	return "(unknown error)";
}

int bch_err_class(int err)
{
	if (err < 0)
		err = -err;
	if (err > BCH_ERR_START && err < BCH_ERR_MAX)
		return -codes[err - BCH_ERR_START - 1].class;
	return -err;
}

static const struct {
	int err;
	const char *sentence;
} sentences[] = {
	{BCH_ERR_device_not_a_member_of_filesystem,
	 "belongs to another filesystem than the other devices (its internal uuid differs)"},
	{BCH_ERR_device_has_been_removed, "has been removed from this filesystem"},
	{BCH_ERR_device_splitbrain,
	 "split brain: it and the other devices were written to without each other; choose a side "
	 "by leaving devices out"},
	{BCH_ERR_mismatched_block_size, "its block size differs from that of the other devices"},
	{BCH_ERR_insufficient_devices_to_start,
	 "members are missing; name all devices, or allow a degraded start"},
	{BCH_ERR_no_encryption_key,
	 "a passphrase is needed: give it on standard input, by --passphrase_file, or run "
	 "'bcachefs unlock' first"},
	{BCH_ERR_incorrect_passphrase, "incorrect passphrase"},
	{BCH_ERR_journal_rewind, "the journal does not reach back so far"},
	{BCH_ERR_journal_read_empty,
	 "was not shut down, and its journal holds no entry that could be replayed"},
	{BCH_ERR_jset_unsupported_version, "its journal was written by a newer major version"},
	{BCH_ERR_invalid_sb_clean,
	 "is marked clean, but the superblock section with its btree roots is missing or damaged"},
	{BCH_ERR_no_passphrase, "a passphrase is needed, and none was given"},
	{BCH_ERR_csum_mismatch, "its checksum is wrong"},
	{BCH_ERR_device_offline, "the device is missing"},
	{BCH_ERR_btree_node_read_error, "a node of the btrees cannot be read"},
	{BCH_ERR_no_device_to_read_from, "the devices it is on are missing"},
	{BCH_ERR_stripe_reconstruct, "too much of its stripe is lost"},
	{BCH_ERR_bucket_used_again, "its space was used again"},
	{BCH_ERR_decompress, "cannot be decompressed"},
	{BCH_ERR_extent_poisoned, "was bad already when the filesystem moved it, and is marked so"},
	{ENOTBLK, "is neither a block device nor a file"},
	{ENOENT, "no such file or directory"},
	{EACCES, "permission denied"},
	{EPERM, "operation not permitted"},
	{EBUSY, "in use by another program or mounted"},
	{ENOMEM, "out of memory"},
	{EIO, "input/output error"},
	{ENODEV, "no such device"},
	{ENXIO, "no such device or address"},
	{EISDIR, "is a directory"},
	{ENOTDIR, "a part of the path is no directory"},
	{EROFS, "is read-only"},
	{ENOSPC, "no space left"},
};

const char *bch_err_sentence(int err)
{
	unsigned i;

	if (err < 0)
		err = -err;
	for (i = 0; i < ARRAY_SIZE(sentences); i++)
		if (sentences[i].err == err)
			return sentences[i].sentence;
	return bch_err_str(err);
}
