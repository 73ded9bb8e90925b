/*
 * Reading and checking what one pointer of an extent stores (spec 06 sections 2.4, 3.5, 6.3).
 */
#include <linux/blkdev.h>
#include <linux/errno.h>
#include <linux/timekeeping.h>
#include "data/data.h"
#include "format/errcode.h"
#include "sb/csum.h"

#define NONCE_EXTENT (1U << 28)

struct bch_nonce bch_extent_nonce(struct bversion version, const struct extent_crc *crc)
{
	bool compressed = extent_crc_is_compressed(crc);
	u32 size = compressed ? crc->uncompressed_size : 0;
	u32 ctype = compressed ? crc->compression_type : 0;

	return (struct bch_nonce){{
		cpu_to_le32((size << 22) + crc->nonce * 8),
		cpu_to_le32((u32)version.lo),
		cpu_to_le32((u32)(version.lo >> 32)),
		cpu_to_le32((version.hi | ctype << 24) ^ NONCE_EXTENT),
	}};
}

int bch_extent_csum_check(struct bch_fs *c, const struct bkey *k, const struct extent_crc *crc,
			  const void *buf)
{
	struct bch_csum got;

	if (!crc->csum_type)
		return 0;
	if (crc->csum_type >= BCH_CSUM_NR)
		return -EINVAL;
	if (bch_csum_type_is_encryption(crc->csum_type) && !c->key)
		return -BCH_ERR_no_encryption_key;
	got = bch_checksum(c->key, crc->csum_type, bch_extent_nonce(k->bversion, crc), buf,
			   (size_t)crc->compressed_size << 9);
	return bch_csum_eq(got, crc->csum) ? 0 : -BCH_ERR_csum_mismatch;
}

void bch_extent_decrypt(struct bch_fs *c, const struct bkey *k, const struct extent_crc *crc,
			void *buf, u32 skip, size_t bytes)
{
	struct bch_nonce nonce = bch_extent_nonce(k->bversion, crc);

	if (bch_csum_type_is_encryption(crc->csum_type))
		bch_encrypt(c->key, bch_nonce_add(nonce, skip << 9), buf, bytes);
}

/* Exponential average with weight 1/32. */
static void latency_account(struct bch_fs *c, unsigned dev, u64 ns)
{
	u64 old = __atomic_load_n(&c->data->latency_ns[dev], __ATOMIC_RELAXED);

	__atomic_store_n(&c->data->latency_ns[dev], old ? old + ((s64)(ns - old) >> 5) : ns,
			 __ATOMIC_RELAXED);
}

int bch_dev_read(struct bch_fs *c, unsigned dev, u64 sector, void *buf, size_t bytes)
{
	struct bch_dev *ca = bch_dev(c, dev);
	u64 start, sectors = bytes >> 9;
	int ret;

	if (!bch_dev_online(ca))
		return -BCH_ERR_device_offline;
	if (sector + sectors > bdev_nr_sectors(ca->bdev) || sector + sectors < sector)
		return -EIO;
	start = ktime_get_ns();
	ret = bdev_read(ca->bdev, sector, buf, bytes);
	if (!ret)
		latency_account(c, dev, ktime_get_ns() - start);
	else
		__atomic_add_fetch(&ca->read_errors, 1, __ATOMIC_RELAXED);
	return ret;
}

int bch_extent_ptr_read(struct bch_fs *c, struct bkey_view k, const struct extent_ptr *p, void *buf)
{
	bool encoded = extent_crc_is_encoded(&p->crc);
	u64 sector = p->offset + (encoded ? 0 : p->crc.offset);
	u32 sectors = encoded ? p->crc.compressed_size : p->crc.live_size;
	int ret = bch_dev_read(c, p->dev, sector, buf, (size_t)sectors << 9);

	ret = ret ?: bch_extent_csum_check(c, k.k, &p->crc, buf);
	if (ret == -BCH_ERR_csum_mismatch)
		__atomic_add_fetch(&bch_dev(c, p->dev)->csum_errors, 1, __ATOMIC_RELAXED);
	return ret;
}
