/*
 * Writing superblocks (spec 01 section 8): one copy of all devices after the other, so that at most
 * one copy of a device can be torn, each on stable storage before the next (19.3).
 */
#include <linux/blkdev.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/time.h>
#include "format/enums.h"
#include "sb/csum.h"
#include "sb/members.h"
#include "sb/sb_sections.h"
#include "sb/super.h"

#define READBACK_BYTES 4096

/* --- one device --- */

/* Checksum type by option metadata_checksum, also on encrypted filesystems. */
static unsigned csum_type_of_opt(const struct bch_sb *sb)
{
	static const u8 types[BCH_CSUM_OPT_NR] = {
		[BCH_CSUM_OPT_none] = BCH_CSUM_none,
		[BCH_CSUM_OPT_crc32c] = BCH_CSUM_crc32c_nonzero,
		[BCH_CSUM_OPT_crc64] = BCH_CSUM_crc64_nonzero,
		[BCH_CSUM_OPT_xxhash] = BCH_CSUM_xxhash,
	};
	unsigned opt = sb_meta_csum_type(sb);

	return opt < ARRAY_SIZE(types) ? types[opt] : BCH_CSUM_crc32c_nonzero;
}

/*
 * Write copy @k, with zeroes up to the block's end. Returns when it is on stable storage.
 */
static int copy_write(struct bch_sb_handle *h, struct block_device *bdev, unsigned k)
{
	size_t bytes = sb_bytes(h->sb), padded = roundup(bytes, bdev_logical_block_size(bdev));
	u64 sector = le64_to_cpu(h->sb->layout.sb_offset[k]);
	struct bch_nonce nonce = {};
	int ret = bch_sb_buffer_grow(h, padded);

	if (ret)
		return ret;
	memset((u8 *)h->sb + bytes, 0, padded - bytes);
	h->sb->offset = cpu_to_le64(sector);
	h->sb->csum =
		bch_checksum(NULL, sb_csum_type(h->sb), nonce,
			     (const u8 *)h->sb + sizeof(h->sb->csum), bytes - sizeof(h->sb->csum));
	return bdev_rw(bdev, REQ_OP_WRITE | REQ_FUA | REQ_PREFLUSH | REQ_SYNC | REQ_META, sector,
		       h->sb, padded);
}

/* The layout that stands alone in sector 7; what else is in its block stays. */
static int layout_write(const struct bch_sb_layout *l, struct block_device *bdev)
{
	size_t block = bdev_logical_block_size(bdev), start, at = BCH_SB_LAYOUT_SECTOR << 9;
	u8 *buf = kmalloc(block, GFP_KERNEL);
	int ret;

	if (!buf)
		return -ENOMEM;
	start = rounddown(at, block);
	ret = bdev_read(bdev, start >> 9, buf, block);
	if (!ret) {
		memcpy(buf + (at - start), l, sizeof(*l));
		ret = bdev_rw(bdev, REQ_OP_WRITE | REQ_FUA | REQ_SYNC | REQ_META, start >> 9, buf,
			      block);
	}
	kfree(buf);
	return ret;
}

int bch_sb_write_copies(struct bch_sb_handle *h, struct block_device *bdev, struct printbuf *err)
{
	unsigned k;
	int ret = bch_sb_layout_validate(&h->sb->layout, err);

	if (ret)
		return ret;
	for (k = 0; k < h->sb->layout.nr_superblocks && !ret; k++) {
		u64 sector = le64_to_cpu(h->sb->layout.sb_offset[k]);

		if (sector == BCH_SB_SECTOR)
			ret = layout_write(&h->sb->layout, bdev);
		ret = ret ?: copy_write(h, bdev, k);
		if (ret)
			prt_printf(err, "error writing superblock at sector %llu: %s", sector,
				   bch_err_str(ret));
	}
	if (!ret)
		h->disk_seq = le64_to_cpu(h->sb->seq);
	return ret;
}

/* --- what all members share --- */

static bool section_is_shared(unsigned type)
{
	return type != SB_SECTION_journal && type != SB_SECTION_journal_v2;
}

/* Known sections that the source does not have any more. */
static void stale_sections_delete(struct bch_sb_handle *dst, const struct bch_sb *src)
{
	unsigned type;

	for (type = 0; type < SB_SECTION_NR; type++)
		if (section_is_shared(type) && !bch_sb_section(src, type))
			bch_sb_section_delete(dst, type);
}

int bch_sb_copy(struct bch_sb_handle *h, const struct bch_sb *src, bool to_fs)
{
	struct bch_sb *dst = h->sb;

	if (to_fs)
		h->no_layout = true;
	dst->version = src->version;
	dst->version_min = src->version_min;
	dst->seq = src->seq;
	memcpy(dst->uuid, src->uuid, sizeof(dst->uuid));
	memcpy(dst->user_uuid, src->user_uuid, sizeof(dst->user_uuid));
	memcpy(dst->label, src->label, sizeof(dst->label));
	dst->block_size = src->block_size;
	dst->nr_devices = src->nr_devices;
	dst->time_base_lo = src->time_base_lo;
	dst->time_base_hi = src->time_base_hi;
	dst->time_precision = src->time_precision;
	dst->write_time = src->write_time;
	memcpy(dst->flags, src->flags, sizeof(dst->flags));
	memcpy(dst->features, src->features, sizeof(dst->features));
	memcpy(dst->compat, src->compat, sizeof(dst->compat));

	stale_sections_delete(h, src);
	sb_for_each_section(src, s) {
		unsigned type = le32_to_cpu(s->type);
		struct sb_section *d;

		if (!section_is_shared(type) || bch_sb_section(src, type) != s)
			continue;
		d = bch_sb_section_resize(h, type, le32_to_cpu(s->u64s));
		if (!d)
			return -BCH_ERR_ENOSPC_sb;
		memcpy(d, s, sb_section_bytes(s));
	}
	return 0;
}

/* --- a filesystem --- */

#define for_each_online_dev(c, ca)                                               \
	for (struct bch_dev **_p = (c)->devs, *ca;                               \
	     _p < (c)->devs + ARRAY_SIZE((c)->devs) && ((ca = *_p), true); _p++) \
		if (ca && ca->bdev && ca->sb)

static bool any_online(struct bch_fs *c)
{
	for_each_online_dev(c, ca)
		return true;
	return false;
}

/* Steps 2 to 4: the filesystem's copy as it will be on disk. */
static int fs_copy_update(struct bch_fs *c)
{
	struct bch_sb *sb = c->sb->sb;

	memcpy(sb->magic, bch_sb_magic, sizeof(sb->magic));
	memcpy(sb->layout.magic, bch_sb_magic, sizeof(sb->layout.magic));
	le64_add_cpu(&sb->seq, 1);
	sb->write_time = cpu_to_le64(ktime_get_real_seconds());
	sb_set_big_endian(sb, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
	sb_set_csum_type(sb, csum_type_of_opt(sb));
	for_each_online_dev(c, ca) {
		struct bch_member m = bch_member_get(sb, ca->idx);

		m.seq = sb->seq;
		bch_member_put(sb, ca->idx, &m);
	}
	return bch_members_v1_update(c->sb);
}

static const char *dev_name(const struct bch_dev *ca)
{
	return ca->name ?: "(unnamed device)";
}

/* Step 5: to the devices' superblocks, in memory. */
static int devs_update(struct bch_fs *c, struct printbuf *err)
{
	int ret;

	for_each_online_dev(c, ca) {
		ret = bch_sb_copy(ca->sb, c->sb->sb, false);
		if (ret) {
			prt_printf(err, "%s: no room in the superblock", dev_name(ca));
			return ret;
		}
		memcpy(ca->sb->sb->magic, bch_sb_magic, sizeof(ca->sb->sb->magic));
		ret = bch_sb_validate(ca->sb->sb, SB_WRITE, SB_VALIDATE_WRITE, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* Step 8: has somebody else written, or has a write of ours vanished? */
static int dev_readback(struct bch_dev *ca, u8 *buf, struct printbuf *err)
{
	const struct bch_sb *disk = (const void *)buf;
	u64 seq;
	int ret;

	if (!ca->sb->disk_seq)
		return 0; /* it was bad when it was read: it will be replaced */
	ret = bdev_read(ca->bdev, le64_to_cpu(ca->sb->sb->layout.sb_offset[0]), buf,
			READBACK_BYTES);
	if (ret) {
		prt_printf(err, "%s: superblock read error: %s", dev_name(ca), bch_err_str(ret));
		return ret;
	}
	seq = le64_to_cpu(disk->seq);
	if (seq < ca->sb->disk_seq) {
		prt_printf(err,
			   "%s: Superblock write was silently dropped! (seq %llu expected %llu)",
			   dev_name(ca), seq, ca->sb->disk_seq);
		return -BCH_ERR_sb_write_dropped;
	}
	if (seq > ca->sb->disk_seq) {
		prt_printf(err,
			   "%s: Superblock modified by another process (seq %llu expected %llu)",
			   dev_name(ca), seq, ca->sb->disk_seq);
		return -BCH_ERR_sb_modified_by_another;
	}
	return 0;
}

static int devs_readback(struct bch_fs *c, struct printbuf *err)
{
	u8 *buf = kmalloc(READBACK_BYTES, GFP_KERNEL);
	int ret = buf ? 0 : -ENOMEM;

	for_each_online_dev(c, ca)
		if (!ret)
			ret = dev_readback(ca, buf, err);
	kfree(buf);
	return ret;
}

/* Step 9; failed[slot] is set for devices that could not be written. */
static void copies_write(struct bch_fs *c, bool *failed, struct printbuf *err)
{
	bool more = true;
	unsigned k;
	int ret;

	for (k = 0; more; k++) {
		more = false;
		for_each_online_dev(c, ca) {
			if (failed[ca->idx] || k >= ca->sb->sb->layout.nr_superblocks)
				continue;
			more = true;
			ret = copy_write(ca->sb, ca->bdev, k);
			if (!ret)
				continue;
			failed[ca->idx] = true;
			prt_printf(err, "%s: superblock write error: %s\n", dev_name(ca),
				   bch_err_str(ret));
		}
	}
}

/* Read every copy back and compare; failed[slot] as above. */
static void copies_verify(struct bch_fs *c, bool *failed, struct printbuf *err)
{
	for_each_online_dev(c, ca) {
		struct bch_sb_read_args args = {.access = SB_WRITE};
		struct bch_sb_handle disk = {};
		unsigned i, bad = 0;
		int ret;

		if (failed[ca->idx])
			continue;
		ret = bch_sb_read(&disk, ca->bdev, &args, err);
		for (i = 0; i < disk.nr_copies; i++)
			bad += disk.copies[i].err ||
			       disk.copies[i].seq != le64_to_cpu(ca->sb->sb->seq);
		if (ret || bad || disk.nr_copies < ca->sb->sb->layout.nr_superblocks) {
			failed[ca->idx] = true;
			prt_printf(err, "%s: what was written cannot be read back\n", dev_name(ca));
		}
		bch_sb_free(&disk);
	}
}

/* Step 10: would what was written suffice to start again? */
static int written_suffice(struct bch_fs *c, const bool *failed, struct printbuf *err)
{
	bool online[BCH_MAX_DEVS + 1] = {}, any = false, all = true;

	for_each_online_dev(c, ca) {
		online[ca->idx] = !failed[ca->idx];
		any |= online[ca->idx];
		all &= online[ca->idx];
		if (online[ca->idx])
			ca->sb->disk_seq = le64_to_cpu(ca->sb->sb->seq);
	}
	if (all)
		return 0;
	if (any && !bch_sb_may_start(c->sb->sb, online, SB_START_DEGRADED, err))
		return 0;
	prt_str(err, "Unable to write superblock to sufficient devices");
	return -BCH_ERR_sb_write_failed;
}

int bch_sb_write(struct bch_fs *c, unsigned flags, struct printbuf *err)
{
	bool failed[BCH_MAX_DEVS + 1] = {};
	int ret = bch_sb_may_write(c->sb->sb, err);

	if (ret)
		return ret;
	if (!any_online(c)) {
		prt_str(err, "no device is online");
		return -BCH_ERR_sb_write_failed;
	}
	ret = fs_copy_update(c) ?: devs_update(c, err);
	if (ret || c->nochanges)
		return ret;
	if (!sb_initialized(c->sb->sb) && !(flags & SB_WRITE_UNINITIALIZED))
		return 0;
	ret = devs_readback(c, err);
	if (ret)
		return ret;
	copies_write(c, failed, err);
	if (flags & SB_WRITE_VERIFY)
		copies_verify(c, failed, err);
	return written_suffice(c, failed, err);
}
