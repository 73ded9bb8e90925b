/*
 * What a scrub has to read (spec 06 section 14): the pointers of all nodes, extents and stripes.
 *
 * A device's items are kept up to a bound. When there are more, those in the upper half of the
 * device are dropped and left to a further walk, so that memory is bounded whatever the size.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "data/ec.h"
#include "data/scrub_state.h"
#include "format/errcode.h"
#include "sb/csum.h"

#define TICK_KEYS 8192 /* between two calls of the tick */

struct collect {
	struct bch_scrub *s;
	bool first;
	u32 keys;
};

bool bch_scrub_same_item(const struct bch_scrub_item *a, const struct bch_scrub_item *b)
{
	return a->sector == b->sector && a->sectors == b->sectors && a->kind == b->kind &&
	       a->crc.csum_type == b->crc.csum_type && bch_csum_eq(a->crc.csum, b->crc.csum) &&
	       a->version.lo == b->version.lo && a->seq == b->seq && a->btree == b->btree &&
	       a->level == b->level && a->poisoned == b->poisoned;
}

#define CMP(_a, _b) ((_a) < (_b) ? -1 : (_a) > (_b))

int bch_scrub_item_cmp(const void *_a, const void *_b)
{
	const struct bch_scrub_item *a = _a, *b = _b;

	return CMP(a->sector, b->sector)		   ?:
		       CMP(a->kind, b->kind)		   ?:
		       CMP(a->sectors, b->sectors)	   ?:
		       CMP(a->crc.csum.lo, b->crc.csum.lo) ?:
		       CMP(a->btree, b->btree)		   ?:
		       CMP(a->poisoned, b->poisoned)	   ?:
							     bpos_cmp(a->pos, b->pos);
}

/* Keep the lower part of the device. */
static void queue_cut(struct scrub_queue *q)
{
	size_t nr = q->items.nr / 2;

	sort(q->items.data, q->items.nr, sizeof(q->items.data[0]), bch_scrub_item_cmp, NULL);
	while (nr && q->items.data[nr].sector == q->items.data[nr - 1].sector)
		nr--;
	if (!nr) {
		q->items_max *= 2;
		return;
	}
	q->limit = q->items.data[nr].sector;
	q->items.nr = nr;
}

/* Was the place checked before, and good? */
static bool checked_before(const struct bch_scrub *s, const struct bch_scrub_item *item)
{
	size_t lo = 0, hi = s->recheck.nr;

	if (item->sector >= s->devs[item->dev].start)
		return false;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct bch_scrub_place *p = &s->recheck.data[mid];

		if (p->dev == item->dev && p->sector == item->sector)
			return false;
		if (p->dev < item->dev || (p->dev == item->dev && p->sector < item->sector))
			lo = mid + 1;
		else
			hi = mid;
	}
	return true;
}

static int push(struct collect *w, const struct bch_scrub_item *item)
{
	struct scrub_queue *q = w->s->state->queues[item->dev];

	if (!q) {
		w->s->missing += w->first && bch_dev(w->s->c, item->dev) &&
				 !bch_dev_online(bch_dev(w->s->c, item->dev));
		return 0;
	}
	if (checked_before(w->s, item))
		return 0;
	if (w->first)
		w->s->total += (u64)item->sectors << 9;
	if (item->sector < q->start || item->sector >= q->limit)
		return 0;
	if (darray_push(&q->items, *item))
		return -ENOMEM;
	if (q->items.nr >= q->items_max)
		queue_cut(q);
	return 0;
}

/* ---- Nodes ---- */

static int collect_node(struct collect *w, unsigned btree, unsigned level, struct bkey_view k)
{
	struct bch_fs *c = w->s->c;
	struct bch_scrub_item item = {.kind = SCRUB_node,
				      .btree = btree,
				      .level = level,
				      .pos = k.k->p,
				      .sectors = c->btree_node_sectors};
	struct bch_btree_ptr_v2 v2;
	int ret = 0;
	u64 ptr;

	if (!btree_key_is_ptr(k.k))
		return 0;
	if (k.k->type == KEY_TYPE_btree_ptr_v2) {
		bkey_val_read(k, &v2, sizeof(v2));
		item.seq = le64_to_cpu(v2.seq);
		item.size_known = v2.sectors_written;
		if (item.size_known)
			item.sectors = min_t(u32, le16_to_cpu(v2.sectors_written), item.sectors);
	}
	bkey_for_each_ptr(k, &extent_entry_sizes_known, ptr)
	{
		item.dev = EXTENT_PTR_DEV(ptr);
		item.sector = EXTENT_PTR_OFFSET(ptr);
		ret = ret ?: push(w, &item);
	}
	return ret;
}

/* ---- Extents ---- */

static int collect_ptr(struct collect *w, struct bch_scrub_item item, const struct extent_ptr *p)
{
	u32 left = p->crc.live_size;
	int ret = 0;

	item.crc = p->crc;
	item.dev = p->dev;
	item.kind = p->cached ? SCRUB_cached : SCRUB_extent;
	if (extent_crc_is_encoded(&p->crc)) {
		item.sector = p->offset;
		item.sectors = p->crc.compressed_size;
		return push(w, &item);
	}
	item.sector = p->offset + p->crc.offset;
	for (; left && !ret; left -= item.sectors) {
		item.sectors = min(left, SCRUB_PIECE_SECTORS);
		ret = push(w, &item);
		item.sector += item.sectors;
		item.skip += item.sectors;
	}
	return ret;
}

static unsigned dirty_copies(struct bch_fs *c, struct bkey_view k)
{
	struct extent_ptr_iter iter;
	struct extent_ptr p;
	unsigned nr = 0;

	bch_extent_ptr_iter_init(&iter, c, k);
	while (bch_extent_ptr_next(&iter, &p))
		nr += !p.cached;
	return nr;
}

static int collect_extent(struct collect *w, unsigned btree, struct bkey_view k)
{
	struct bch_fs *c = w->s->c;
	struct bch_scrub_item item = {.btree = btree,
				      .pos = k.k->p,
				      .version = k.k->bversion,
				      .poisoned = bch_extent_is_poisoned(c, k)};
	struct extent_ptr_iter iter;
	struct extent_ptr p;
	int ret = 0;

	bch_extent_ptr_iter_init(&iter, c, k);
	while (!ret && bch_extent_ptr_next(&iter, &p)) {
		struct bch_dev *ca = bch_dev(c, p.dev);

		if (p.unwritten || !ca || !ca->mi.bucket_size ||
		    (p.cached && extent_ptr_stale(ca, p.offset, p.gen)))
			continue;
		if (!p.crc.csum_type && !p.cached)
			item.has_peers = dirty_copies(c, k) > 1;
		ret = collect_ptr(w, item, &p);
	}
	return ret;
}

/* ---- Stripes: an item for each checksum ---- */

static int collect_block(struct collect *w, struct bch_scrub_item item, const struct bch_stripe *s,
			 const struct bch_stripe_layout *layout)
{
	u64 ptr = le64_to_cpu(s->ptrs[item.block]);
	struct bch_dev *ca = bch_dev(w->s->c, EXTENT_PTR_DEV(ptr));
	u32 block = le16_to_cpu(s->sectors), granule = 1U << s->csum_granularity_bits;
	u32 step = s->csum_type ? granule : min(granule, SCRUB_PIECE_SECTORS);
	const u8 *csums = (const u8 *)s + layout->csums;
	int ret = 0;

	if (!ca || !ca->mi.bucket_size ||
	    extent_ptr_stale(ca, EXTENT_PTR_OFFSET(ptr), EXTENT_PTR_GEN(ptr)))
		return 0;
	item.dev = ca->idx;
	item.kind = item.block < s->nr_blocks - s->nr_redundant ? SCRUB_stripe_data : SCRUB_parity;
	item.crc.csum_type = s->csum_type;
	for (item.skip = 0; item.skip < block && !ret; item.skip += step) {
		unsigned i = item.block * layout->csums_per_block + item.skip / granule;

		item.sector = EXTENT_PTR_OFFSET(ptr) + item.skip;
		item.sectors = min(step, block - item.skip);
		memset(&item.crc.csum, 0, sizeof(item.crc.csum));
		memcpy(&item.crc.csum, csums + i * layout->csum_bytes, layout->csum_bytes);
		ret = push(w, &item);
	}
	return ret;
}

static int collect_stripe(struct collect *w, unsigned btree, struct bkey_view k)
{
	const struct bch_stripe *s = k.v;
	struct bch_scrub_item item = {.btree = btree, .pos = k.k->p};
	struct bch_stripe_layout layout;
	int ret = 0;

	if (bkey_val_bytes(k.k) < sizeof(*s) || s->csum_type >= BCH_CSUM_NR ||
	    s->csum_granularity_bits >= 31 || s->nr_redundant >= s->nr_blocks ||
	    s->nr_blocks > STRIPE_BLOCKS_MAX)
		return 0;
	layout = bch_stripe_layout(s);
	if (layout.csums + (u64)s->nr_blocks * layout.csums_per_block * layout.csum_bytes >
	    bkey_val_bytes(k.k))
		return 0;
	for (; item.block < s->nr_blocks && !ret; item.block++)
		ret = collect_block(w, item, s, &layout);
	return ret;
}

/* ---- Walks ---- */

static int collect_key(struct collect *w, unsigned btree, unsigned level, struct bkey_view k)
{
	struct bch_scrub *s = w->s;

	if (++w->keys % TICK_KEYS == 0 && s->tick && !s->tick(s)) {
		s->stopped = true;
		return -EINTR;
	}
	if (level)
		return collect_node(w, btree, level - 1, k);
	switch (k.k->type) {
	case KEY_TYPE_extent:
	case KEY_TYPE_reflink_v:
		return collect_extent(w, btree, k);
	case KEY_TYPE_stripe:
		return collect_stripe(w, btree, k);
	}
	return 0;
}

static int collect_level(struct collect *w, unsigned btree, unsigned level)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init_level(&iter, w->s->c, btree, POS_MIN, level,
			    BTREE_ITER_all_snapshots | BTREE_ITER_prefetch |
				    (level ? 0 : BTREE_ITER_once));
	for (;;) {
		ret = bch_iter_peek(&iter, &k);
		if (ret == -BCH_ERR_btree_node_read_error) {
			/* What cannot be reached is lost with the node, which is reported. */
			ret = 0;
			if (bch_iter_skip_unreadable(&iter))
				continue;
			break;
		}
		if (!ret && k.k)
			ret = collect_key(w, btree, level, k);
		if (ret || !k.k)
			break;
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
	return ret;
}

static bool btree_has_data(unsigned btree)
{
	return btree == BTREE_ID_extents || btree == BTREE_ID_reflink || btree == BTREE_ID_stripes;
}

static int collect_btree(struct collect *w, unsigned btree)
{
	const struct btree_root *root = &w->s->c->btree->roots[btree];
	unsigned level;
	int ret = 0;

	if (!root->alive)
		return 0;
	if (!btree_key_is_ptr(&root->key.k.k)) {
		w->s->lost_btrees |= 1ULL << btree;
		return 0;
	}
	if (w->s->metadata) {
		ret = collect_node(w, btree, root->level, bkey_i_view(&root->key.k));
		for (level = root->level; level && !ret; level--)
			ret = collect_level(w, btree, level);
	}
	if (!ret && w->s->data && btree_has_data(btree))
		ret = collect_level(w, btree, 0);
	return ret;
}

int bch_scrub_collect(struct bch_scrub *s, bool first)
{
	struct collect w = {.s = s, .first = first};
	unsigned i;
	int ret = 0;

	for (i = 0; i < BTREE_ID_NR_MAX && !ret; i++)
		ret = collect_btree(&w, i);
	for (i = 0; i < ARRAY_SIZE(s->state->queues); i++)
		if (s->state->queues[i])
			sort(s->state->queues[i]->items.data, s->state->queues[i]->items.nr,
			     sizeof(struct bch_scrub_item), bch_scrub_item_cmp, NULL);
	return ret;
}
