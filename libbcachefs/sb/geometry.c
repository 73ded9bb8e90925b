/*
 * Geometry of a new filesystem: spec 01 section 16.2.
 *
 * The numbers equal those of format 1.13's own tool. What that tool accepts though nothing can be
 * stored in it is refused (01 sections 19.7, 19.8; 02 section 29.17).
 */
#include <linux/kernel.h>
#include <linux/log2.h>
#include "format/errcode.h"
#include "format/sb.h"
#include "sb/geometry.h"

#define BLOCK_MAX	  4096U /* a page: the most that kernels of 1.13 mount */
#define BUCKET_PREFERRED  (128U << 10)
#define BUCKET_CHOSEN_MAX (1U << 20)
#define BUCKET_MAX	  ((u64)U16_MAX << 9)
#define NODE_PREFERRED	  (256U << 10)
#define NODE_HEAD	  160  /* before the keys */
#define KEY_MAX		  2040 /* 255 words */
#define NODE_KEYS_MIN	  4    /* the largest keys that must fit */
#define NODE_BLOCKS_MIN	  4
#define RESERVE_NODES	  28 /* that an update may need at once (spec 05 section 2) */
#define FIRST_NODES	  8  /* the roots that initialisation writes */

static int __printf(2, 3) refuse(struct printbuf *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	prt_vprintf(err, fmt, args);
	va_end(args);
	return -BCH_ERR_geometry;
}

static int choose_block_size(struct bch_geometry *g, struct printbuf *err)
{
	u64 largest = 512;

	for (unsigned i = 0; i < g->nr_devs; i++)
		largest = max_t(u64, largest, min(g->devs[i].block_size, BLOCK_MAX));
	if (!g->block_size)
		g->block_size = largest;
	if (g->block_size < largest)
		return refuse(
			err,
			"blocksize too small: %llu, must be greater than device blocksize %llu",
			g->block_size, largest);
	if (g->block_size > BLOCK_MAX)
		return refuse(err, "block size %llu is larger than %u, which no kernel can mount",
			      g->block_size, BLOCK_MAX);
	return 0;
}

/* The bucket size that a device of this size would get alone. */
static int pick_bucket_size(const struct bch_geometry *g, const struct bch_geometry_dev *d,
			    u64 *bucket, struct printbuf *err)
{
	u64 size = bch_geometry_dev_size(d), scale;
	u64 b = max_t(u64, max(g->block_size, g->node_size), BUCKET_PREFERRED);

	if (size < BCH_MIN_NR_BUCKETS * g->block_size)
		return refuse(err, "cannot format %s, too small (%llu bytes, min %llu)", d->name,
			      size, BCH_MIN_NR_BUCKETS * g->block_size);
	if (size >= BCH_MIN_NR_BUCKETS * b) {
		scale = max(1, ilog2(size / (BCH_MIN_NR_BUCKETS * b)) / 4);
		b = min_t(u64, b * rounddown_pow_of_two(scale), BUCKET_CHOSEN_MAX);
	} else {
		do
			b /= 2;
		while (size < BCH_MIN_NR_BUCKETS * b);
	}
	*bucket = b;
	return 0;
}

/* Devices without a size of their own get the smallest of all devices. */
static int choose_bucket_sizes(struct bch_geometry *g, struct printbuf *err)
{
	u64 smallest = U64_MAX, b;
	int ret;

	for (unsigned i = 0; i < g->nr_devs; i++) {
		b = g->devs[i].bucket_size;
		if (!b) {
			ret = pick_bucket_size(g, &g->devs[i], &b, err);
			if (ret)
				return ret;
		}
		smallest = min(smallest, b);
	}
	for (unsigned i = 0; i < g->nr_devs; i++)
		if (!g->devs[i].bucket_size)
			g->devs[i].bucket_size = smallest;
	return 0;
}

static int check_size(const struct bch_geometry_dev *d, struct printbuf *err)
{
	if (d->fs_size > d->size)
		return refuse(err, "%s has %llu bytes, fewer than the %llu of --fs_size", d->name,
			      d->size, d->fs_size);
	return 0;
}

static int check_buckets(const struct bch_geometry *g, struct bch_geometry_dev *d,
			 struct printbuf *err)
{
	u64 b = d->bucket_size;

	d->nbuckets = bch_geometry_dev_size(d) / b;
	if (b < g->block_size)
		return refuse(err, "Bucket size (%llu) cannot be smaller than block size (%llu)", b,
			      g->block_size);
	if (b < g->node_size)
		return refuse(err,
			      "Bucket size (%llu) cannot be smaller than btree node size (%llu)", b,
			      g->node_size);
	if (d->nbuckets < BCH_MIN_NR_BUCKETS)
		return refuse(err, "Not enough buckets: %llu, need %u (bucket size %llu)",
			      d->nbuckets, BCH_MIN_NR_BUCKETS, b);
	if (b > BUCKET_MAX)
		return refuse(err, "Bucket size (%llu) too big (max %llu)", b, BUCKET_MAX);
	if (!is_power_of_2(b))
		return refuse(err, "bucket size %llu is not a power of two", b);
	if (d->nbuckets > BCH_MAX_NR_BUCKETS)
		return refuse(
			err,
			"%s would have %llu buckets of %llu bytes, more than %llu: take larger "
			"buckets",
			d->name, d->nbuckets, b, BCH_MAX_NR_BUCKETS);
	return 0;
}

static int choose_node_size(struct bch_geometry *g, struct printbuf *err)
{
	if (!g->node_size) {
		g->node_size = NODE_PREFERRED;
		for (unsigned i = 0; i < g->nr_devs; i++)
			g->node_size = min(g->node_size, g->devs[i].bucket_size);
	}
	if (!is_power_of_2(g->node_size))
		return refuse(err, "btree node size %llu is not a power of two", g->node_size);
	if (g->node_size < NODE_HEAD + NODE_KEYS_MIN * KEY_MAX)
		return refuse(err, "btree nodes of %llu bytes cannot hold %u of the largest keys",
			      g->node_size, NODE_KEYS_MIN);
	if (g->node_size < NODE_BLOCKS_MIN * g->block_size)
		return refuse(err, "btree nodes of %llu bytes have fewer than %u blocks of %llu",
			      g->node_size, NODE_BLOCKS_MIN, g->block_size);
	return 0;
}

static int check_sb_size(struct bch_geometry *g, struct printbuf *err)
{
	if (!g->sb_size)
		g->sb_size = BCH_SB_SIZE_DEFAULT;
	if (!is_power_of_2(g->sb_size) || g->sb_size < BCH_SB_SIZE_MIN ||
	    g->sb_size > 512ULL << BCH_SB_MAX_SIZE_BITS)
		return refuse(err, "superblock size %llu is not a power of two from %u to %llu",
			      g->sb_size, BCH_SB_SIZE_MIN, 512ULL << BCH_SB_MAX_SIZE_BITS);
	return 0;
}

/*
 * The first mount must find room for the roots of the btrees behind all that is kept in reserve
 * (spec 05 section 8.1).
 */
static int check_capacity(const struct bch_geometry *g, struct printbuf *err)
{
	u64 cap = 0, reserved = 0, gc_reserve, needed;

	for (unsigned i = 0; i < g->nr_devs; i++) {
		const struct bch_geometry_dev *d = &g->devs[i];
		u64 nodes = DIV_ROUND_UP(RESERVE_NODES, d->bucket_size / g->node_size);

		cap += d->nbuckets * d->bucket_size;
		reserved += 2 * (2 * nodes + d->nbuckets / 64 + 3) * d->bucket_size;
	}
	gc_reserve = g->gc_reserve_bytes ?: cap / 100 * g->gc_reserve_percent;
	reserved = max(reserved, gc_reserve);
	needed = FIRST_NODES * g->node_size * max(g->metadata_replicas, 1U);
	if (cap < reserved + needed) {
		const char *what = g->nr_devs > 1 ? "the devices" : g->devs[0].name;

		return refuse(
			err,
			"%s too small to be used: of %llu bytes %llu are kept in reserve and %llu "
			"are needed at once; take smaller nodes or buckets, or more space",
			what, cap, reserved, needed);
	}
	return 0;
}

int bch_geometry_choose(struct bch_geometry *g, struct printbuf *err)
{
	int ret = check_sb_size(g, err);

	for (unsigned i = 0; !ret && i < g->nr_devs; i++)
		ret = check_size(&g->devs[i], err);
	ret = ret ?: choose_block_size(g, err) ?: choose_bucket_sizes(g, err);
	for (unsigned i = 0; !ret && i < g->nr_devs; i++)
		ret = check_buckets(g, &g->devs[i], err);
	return ret ?: choose_node_size(g, err) ?: check_capacity(g, err);
}
