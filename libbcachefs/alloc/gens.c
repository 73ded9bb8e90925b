/*
 * Generations of buckets in memory, from the bucket_gens btree (256 buckets a key) where the
 * filesystem has it, else from the alloc keys.
 */
#include <linux/errno.h>
#include <linux/slab.h>
#include "alloc/alloc_keys.h"
#include "alloc/gens.h"
#include "btree/iter.h"
#include "format/alloc.h"
#include "format/errcode.h"
#include "format/versions.h"

static int gens_alloc(struct bch_fs *c)
{
	unsigned i;

	for (i = 0; i < c->nr_devices; i++) {
		struct bch_dev *ca = bch_dev(c, i);

		if (!ca || ca->bucket_gens)
			continue;
		ca->bucket_gens = kvzalloc(max_t(u64, ca->mi.nbuckets, 1), GFP_KERNEL);
		if (!ca->bucket_gens)
			return -ENOMEM;
	}
	return 0;
}

static void gens_from_bucket_gens(struct bch_dev *ca, struct bkey_view k)
{
	const struct bch_bucket_gens *g = k.v;
	u64 first = k.k->p.offset * BUCKET_GENS_NR, i;
	unsigned bytes = bkey_val_bytes(k.k);

	if (k.k->p.offset > U64_MAX / BUCKET_GENS_NR)
		return;
	for (i = 0; i < BUCKET_GENS_NR && i < bytes && first + i < ca->mi.nbuckets; i++)
		ca->bucket_gens[first + i] = g->gens[i];
}

static void gens_from_alloc(struct bch_dev *ca, struct bkey_view k)
{
	struct bch_alloc a;

	if (k.k->p.offset < ca->mi.nbuckets && !bch_alloc_unpack(k, &a))
		ca->bucket_gens[k.k->p.offset] = a.gen;
}

static int gens_walk(struct bch_fs *c, unsigned btree)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, c, btree, POS_MIN, BTREE_ITER_all_snapshots | BTREE_ITER_prefetch);
	for (ret = bch_iter_peek(&iter, &k);; ret = bch_iter_next(&iter, &k)) {
		struct bch_dev *ca;

		if (ret == -BCH_ERR_btree_node_read_error && bch_iter_skip_unreadable(&iter))
			continue;
		if (ret || !k.k)
			break;
		ca = bch_dev(c, k.k->p.inode);
		if (!ca)
			continue;
		if (k.k->type == KEY_TYPE_bucket_gens)
			gens_from_bucket_gens(ca, k);
		else
			gens_from_alloc(ca, k);
	}
	bch_iter_exit(&iter);
	return ret == -ENOMEM ? ret : 0;
}

static bool is_lost(struct bch_fs *c, unsigned btree)
{
	return bch_btree_damage(c, btree, POS_MIN, SPOS_MAX) >= BTREE_DAMAGE_doubtful;
}

int bch_bucket_gens_load(struct bch_fs *c)
{
	bool packed = c->version >= BCH_VERSION_bucket_gens;
	int ret = gens_alloc(c) ?: gens_walk(c, packed ? BTREE_ID_bucket_gens : BTREE_ID_alloc);

	if (!ret && packed && is_lost(c, BTREE_ID_bucket_gens))
		ret = gens_walk(c, BTREE_ID_alloc);
	if (ret || !is_lost(c, BTREE_ID_alloc) || (packed && !is_lost(c, BTREE_ID_bucket_gens)))
		return ret;
	bch_log(c, "generations of buckets are not all known: no pointer counts as stale");
	for (unsigned i = 0; i < c->nr_devices; i++)
		if (bch_dev(c, i))
			bch_dev(c, i)->gens_unknown = true;
	return 0;
}
