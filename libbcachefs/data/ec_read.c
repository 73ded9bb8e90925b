/*
 * Reconstruction of blocks of a stripe from its other blocks (spec 07 sections 2 to 4).
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "data/data.h"
#include "data/ec.h"
#include "format/errcode.h"
#include "format/stripe.h"
#include "sb/csum.h"
#include "util/gf256.h"

/* One reconstruction: the same range of all blocks. */
struct stripe_read {
	struct bch_fs *c;
	const struct bch_stripe *s;
	struct bch_stripe_layout layout;
	unsigned nr, nr_data;
	unsigned block_nr;  /* the block that is asked for */
	bool distrusted;    /* ... is made anew even if it seems good */
	u32 start, sectors; /* range within the blocks, on checksum granules */
	u8 *block[STRIPE_BLOCKS_MAX];
	bool valid[STRIPE_BLOCKS_MAX];
};

/* The stripe of pointer @p, copied; NULL with *err. */
static struct bkey_i *stripe_get(struct bch_fs *c, u64 idx, int *err)
{
	struct btree_iter iter;
	struct bkey_i *copy = NULL;
	struct bkey_view k;

	bch_iter_init(&iter, c, BTREE_ID_stripes, POS(0, idx), 0);
	*err = bch_iter_peek_slot(&iter, &k);
	if (!*err && k.k->type != KEY_TYPE_stripe)
		*err = -BCH_ERR_stripe_reconstruct;
	if (!*err) {
		copy = kmalloc(k.k->u64s * sizeof(u64), GFP_KERNEL);
		if (copy)
			bkey_reassemble(copy, k);
		else
			*err = -ENOMEM;
	}
	bch_iter_exit(&iter);
	return copy;
}

static bool stripe_sane(const struct bkey_i *k)
{
	const struct bch_stripe *s = (const void *)k->v;

	return s->nr_blocks && s->nr_blocks <= STRIPE_BLOCKS_MAX && s->nr_redundant &&
	       s->nr_redundant <= 2 && s->nr_redundant < s->nr_blocks && s->sectors &&
	       s->csum_granularity_bits < 16 && s->csum_type < BCH_CSUM_NR &&
	       bch_stripe_layout(s).end <= bkey_val_bytes(&k->k);
}

/* Spec 07 section 1: is @p a pointer into block p->ec_block? */
static bool ptr_matches(const struct bch_stripe *s, const struct extent_ptr *p)
{
	u64 ptr;
	unsigned dev;

	if (p->ec_block >= s->nr_blocks - s->nr_redundant)
		return false;
	ptr = le64_to_cpu(s->ptrs[p->ec_block]);
	dev = EXTENT_PTR_DEV(ptr);
	return (dev == p->dev || dev == BCH_DEV_INVALID || p->dev == BCH_DEV_INVALID) &&
	       EXTENT_PTR_GEN(ptr) == p->gen && EXTENT_PTR_OFFSET(ptr) <= p->offset &&
	       p->offset < EXTENT_PTR_OFFSET(ptr) + le16_to_cpu(s->sectors);
}

static bool block_csums_good(const struct stripe_read *r, unsigned b)
{
	u32 granule = 1U << r->s->csum_granularity_bits, at;
	const u8 *csums = (const u8 *)r->s + r->layout.csums;
	struct bch_nonce nonce = {};

	if (!r->s->csum_type)
		return true;
	for (at = r->start; at < r->start + r->sectors; at += granule) {
		u32 len = min(granule, r->start + r->sectors - at);
		unsigned i = b * r->layout.csums_per_block + at / granule;
		struct bch_csum got = bch_checksum(NULL, r->s->csum_type, nonce,
						   r->block[b] + ((size_t)(at - r->start) << 9),
						   (size_t)len << 9);

		if (memcmp(&got, csums + i * r->layout.csum_bytes, r->layout.csum_bytes))
			return false;
	}
	return true;
}

static void blocks_read(struct stripe_read *r)
{
	unsigned b;

	for (b = 0; b < r->nr; b++) {
		u64 ptr = le64_to_cpu(r->s->ptrs[b]);
		struct bch_dev *ca = bch_dev(r->c, EXTENT_PTR_DEV(ptr));

		r->valid[b] = !(b == r->block_nr && r->distrusted) && bch_dev_online(ca) &&
			      ca->mi.bucket_size &&
			      !extent_ptr_stale(ca, EXTENT_PTR_OFFSET(ptr), EXTENT_PTR_GEN(ptr)) &&
			      !bch_dev_read(r->c, ca->idx, EXTENT_PTR_OFFSET(ptr) + r->start,
					    r->block[b], (size_t)r->sectors << 9) &&
			      block_csums_good(r, b);
	}
}

/* Sum of the valid data blocks but @skip, each times 2^i with @powers, on top of @dst. */
static void sum_data(const struct stripe_read *r, u8 *dst, bool powers)
{
	unsigned b;

	for (b = 0; b < r->nr_data; b++)
		if (r->valid[b])
			gf256_mul_add(dst, r->block[b], powers ? gf256_pow2(b) : 1,
				      (size_t)r->sectors << 9);
}

/* Make the invalid data blocks from the valid ones; parity blocks are not made. */
static int recover(struct stripe_read *r)
{
	size_t bytes = (size_t)r->sectors << 9;
	bool p_good = r->valid[r->nr_data];
	bool q_good = r->s->nr_redundant > 1 && r->valid[r->nr_data + 1];
	u8 *p = r->block[r->nr_data], *q = r->s->nr_redundant > 1 ? r->block[r->nr_data + 1] : NULL;
	unsigned lost[2], nr_lost = 0, b;

	for (b = 0; b < r->nr_data; b++)
		if (!r->valid[b]) {
			if (nr_lost == 2)
				return -BCH_ERR_stripe_reconstruct;
			lost[nr_lost++] = b;
		}
	if (nr_lost > p_good + q_good)
		return -BCH_ERR_stripe_reconstruct;
	if (nr_lost == 1 && p_good) {
		memcpy(r->block[lost[0]], p, bytes);
		sum_data(r, r->block[lost[0]], false);
	} else if (nr_lost == 1) {
		u8 *d = r->block[lost[0]];

		sum_data(r, q, true);
		memset(d, 0, bytes);
		gf256_mul_add(d, q, gf256_inverse(gf256_pow2(lost[0])), bytes);
	} else if (nr_lost == 2) {
		u8 gx = gf256_pow2(lost[0]), gy = gf256_pow2(lost[1]);
		u8 inverse = gf256_inverse(gx ^ gy), *x = r->block[lost[0]], *y = r->block[lost[1]];

		sum_data(r, p, false);
		sum_data(r, q, true);
		memset(x, 0, bytes);
		gf256_mul_add(x, p, gf256_mul(gy, inverse), bytes);
		gf256_mul_add(x, q, inverse, bytes);
		memcpy(y, p, bytes);
		gf256_mul_add(y, x, 1, bytes);
	}
	return 0;
}

static int blocks_alloc(struct stripe_read *r)
{
	int ret = 0;

	for (unsigned b = 0; b < r->nr; b++) {
		r->block[b] = kvmalloc((size_t)r->sectors << 9, GFP_KERNEL);
		if (!r->block[b])
			ret = -ENOMEM;
	}
	return ret;
}

static void blocks_free(struct stripe_read *r)
{
	for (unsigned b = 0; b < r->nr; b++) {
		kvfree(r->block[b]);
		r->block[b] = NULL;
	}
}

static int stripe_read(struct stripe_read *r, u32 at, u32 len)
{
	u32 granule = 1U << r->s->csum_granularity_bits, block = le16_to_cpu(r->s->sectors);
	unsigned b;
	int ret;

	r->start = round_down(at, granule);
	r->sectors = min(round_up(at + len, granule), block) - r->start;
	ret = blocks_alloc(r);
	if (!ret) {
		blocks_read(r);
		ret = recover(r);
	}
	for (b = 0; b < r->nr_data && !ret; b++)
		if (!r->valid[b] && !block_csums_good(r, b))
			ret = -BCH_ERR_stripe_reconstruct;
	return ret;
}

/* [@at, @at + @len) sectors of the block that is asked for. */
static int block_make(struct stripe_read *r, u32 at, u32 len, u8 *buf)
{
	int ret = stripe_read(r, at, len);

	if (!ret)
		memcpy(buf, r->block[r->block_nr] + ((size_t)(at - r->start) << 9),
		       (size_t)len << 9);
	blocks_free(r);
	return ret;
}

/*
 * The same where more blocks are bad than can be made anew, but not all in the same place: each
 * granule by itself, taking from the block itself what its checksums vouch for.
 */
static int block_make_by_granules(struct stripe_read *r, u32 at, u32 len, u8 *buf)
{
	u32 granule = 1U << r->s->csum_granularity_bits, n;
	int ret = 0;

	if (!r->s->csum_type)
		return -BCH_ERR_stripe_reconstruct;
	r->distrusted = false;
	for (; len && !ret; at += n, len -= n, buf += (size_t)n << 9) {
		n = min(len, round_down(at, granule) + granule - at);
		ret = block_make(r, at, n, buf);
	}
	return ret;
}

int bch_extent_ptr_reconstruct(struct bch_fs *c, struct bkey_view k, const struct extent_ptr *p,
			       void *buf)
{
	bool encoded = extent_crc_is_encoded(&p->crc);
	u64 sector = p->offset + (encoded ? 0 : p->crc.offset);
	u32 len = encoded ? p->crc.compressed_size : p->crc.live_size, at;
	struct stripe_read r = {.c = c, .block_nr = p->ec_block, .distrusted = true};
	struct bkey_i *key;
	int ret;

	if (!p->has_ec)
		return -BCH_ERR_stripe_reconstruct;
	key = stripe_get(c, p->ec_idx, &ret);
	if (!key)
		return ret;
	r.s = (const void *)key->v;
	ret = stripe_sane(key) && ptr_matches(r.s, p) ? 0 : -BCH_ERR_stripe_reconstruct;
	if (ret)
		goto out;
	r.layout = bch_stripe_layout(r.s);
	r.nr = r.s->nr_blocks;
	r.nr_data = r.nr - r.s->nr_redundant;
	at = sector - EXTENT_PTR_OFFSET(le64_to_cpu(r.s->ptrs[p->ec_block]));
	if (at + len > le16_to_cpu(r.s->sectors) || !len) {
		ret = -BCH_ERR_stripe_reconstruct;
		goto out;
	}
	ret = block_make(&r, at, len, buf);
	if (ret == -BCH_ERR_stripe_reconstruct)
		ret = block_make_by_granules(&r, at, len, buf);
	ret = ret ?: bch_extent_csum_check(c, k.k, &p->crc, buf);
out:
	kfree(key);
	return ret;
}

static bool sector_is_zero(const u8 *sector)
{
	u64 any = 0, word;

	for (unsigned i = 0; i < 512; i += sizeof(word)) {
		memcpy(&word, sector + i, sizeof(word));
		any |= word;
	}
	return !any;
}

/* Sectors of @buf that are not all zero: tell of each run. */
static int tell_nonzero(const u8 *buf, u32 sectors, u32 start, unsigned block,
			int (*fn)(void *arg, unsigned block, u32 at, u32 sectors), void *arg)
{
	u32 i, from = 0;
	bool bad = false;
	int ret = 0;

	for (i = 0; i <= sectors && !ret; i++) {
		bool now = i < sectors && !sector_is_zero(buf + ((size_t)i << 9));

		if (now && !bad)
			from = i;
		if (!now && bad)
			ret = fn(arg, block, start + from, i - from);
		bad = now;
	}
	return ret;
}

/* The range that was read: all blocks are good. The parity blocks become what is wrong in them. */
static int parity_compare(struct stripe_read *r,
			  int (*fn)(void *arg, unsigned block, u32 at, u32 sectors), void *arg)
{
	int ret = 0;

	for (unsigned i = 0; i < r->s->nr_redundant && !ret; i++) {
		u8 *p = r->block[r->nr_data + i];

		sum_data(r, p, i);
		ret = tell_nonzero(p, r->sectors, r->start, r->nr_data + i, fn, arg);
	}
	return ret;
}

int bch_stripe_parity_check(struct bch_fs *c, const struct bkey_i *k,
			    int (*fn)(void *arg, unsigned block, u32 at, u32 sectors), void *arg)
{
	struct stripe_read r = {.c = c, .s = (const void *)k->v};
	u32 block, granule, at;
	int ret = 0;

	if (!stripe_sane(k))
		return 0;
	r.layout = bch_stripe_layout(r.s);
	r.nr = r.s->nr_blocks;
	r.nr_data = r.nr - r.s->nr_redundant;
	block = le16_to_cpu(r.s->sectors);
	granule = 1U << r.s->csum_granularity_bits;
	for (at = 0; at < block && !ret; at += granule) {
		unsigned b, good = 0;

		r.start = at;
		r.sectors = min(granule, block - at);
		ret = blocks_alloc(&r);
		if (!ret) {
			blocks_read(&r);
			for (b = 0; b < r.nr; b++)
				good += r.valid[b];
			if (good == r.nr)
				ret = parity_compare(&r, fn, arg);
		}
		blocks_free(&r);
	}
	return ret;
}
