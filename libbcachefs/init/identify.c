/*
 * Which members devices without a superblock were (init/identify.h). A node's seq is 64 random
 * bits, and a checksum at least 32: one match that was predicted is proof enough.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "data/data.h"
#include "format/data_type.h"
#include "init/identify.h"
#include "journal/validate.h"
#include "sb/super.h"

#define HEAD_BYTES	    4096U
#define EXTENTS_PER_MEMBER  16 /* of which checksums are tried */
#define JOURNAL_BUCKETS_MAX (1U << 16)

struct identify {
	struct bch_fs *c;
	struct block_device *const *bdevs;
	unsigned nr, nr_left; /* devices; those without a slot */
	int *slots;
	u8 *buf;
};

/* --- nodes --- */

static bool is_node(struct identify *id, struct block_device *bdev, u64 sector, u64 seq)
{
	const struct btree_node *n = (const struct btree_node *)id->buf;
	u64 magic = bch_uuid_lo(id->c) ^ BTREE_NODE_MAGIC_XOR;

	if (sector + (HEAD_BYTES >> 9) > bdev_nr_sectors(bdev) ||
	    bdev_read(bdev, sector, id->buf, HEAD_BYTES))
		return false;
	return le64_to_cpu(n->magic) == magic && le64_to_cpu(n->keys.seq) == seq;
}

static bool slot_is_missing(const struct identify *id, unsigned slot)
{
	const struct bch_dev *ca = bch_dev(id->c, slot);

	if (!ca || bch_dev_online(ca))
		return false;
	for (unsigned i = 0; i < id->nr; i++)
		if (id->slots[i] == (int)slot)
			return false;
	return true;
}

static void match(struct identify *id, unsigned i, unsigned slot)
{
	id->slots[i] = slot;
	id->nr_left--;
}

static void try_node_ptr(struct identify *id, const struct bkey_i *key)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(key);
	u64 ptr;

	if (!v2)
		return;
	bkey_for_each_ptr(bkey_i_view(key), &extent_entry_sizes_known, ptr)
	{
		unsigned slot = EXTENT_PTR_DEV(ptr);

		for (unsigned i = 0; i < id->nr && slot_is_missing(id, slot); i++)
			if (id->slots[i] < 0 &&
			    is_node(id, id->bdevs[i], EXTENT_PTR_OFFSET(ptr), le64_to_cpu(v2->seq)))
				match(id, i, slot);
	}
}

static void try_roots(struct identify *id)
{
	struct btree_root *roots = id->c->btree->roots;

	for (unsigned btree = 0; btree < BTREE_ID_NR_MAX; btree++)
		if (roots[btree].alive && btree_key_is_ptr(&roots[btree].key.k.k))
			try_node_ptr(id, &roots[btree].key.k);
}

/* All pointers of interior nodes that can be read. */
static void try_tree(struct identify *id, unsigned btree)
{
	struct btree_ptr_key key;
	struct btree_iter iter;
	struct bkey_view k;
	u64 skipped = 0;

	bch_iter_init_level(&iter, id->c, btree, POS_MIN, 1,
			    BTREE_ITER_all_snapshots | BTREE_ITER_prefetch);
	while (id->nr_left && !bch_iter_peek_readable(&iter, &k, &skipped) && k.k) {
		if (btree_key_is_ptr(k.k)) {
			bkey_reassemble(&key.k, k);
			try_node_ptr(id, &key.k);
		}
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
}

/* --- data --- */

static bool stores(struct identify *id, struct block_device *bdev, struct bkey_view k,
		   const struct extent_ptr *p)
{
	struct bch_dev *ca = id->c->devs[p->dev];
	size_t bytes = (size_t)p->crc.compressed_size << 9;
	void *buf;
	int ret;

	buf = kvmalloc(bytes, GFP_KERNEL);
	if (!buf)
		return false;
	ca->bdev = bdev;
	ret = bch_extent_ptr_read(id->c, k, p, buf);
	ca->bdev = NULL;
	ca->read_errors = ca->csum_errors = 0;
	kvfree(buf);
	return !ret;
}

static void try_extent(struct identify *id, struct bkey_view k, u8 *tried)
{
	struct extent_ptr_iter iter;
	struct extent_ptr p;

	bch_extent_ptr_iter_init(&iter, id->c, k);
	while (bch_extent_ptr_next(&iter, &p)) {
		if (p.cached || p.unwritten || !p.crc.csum_type ||
		    tried[p.dev] == EXTENTS_PER_MEMBER)
			continue;
		for (unsigned i = 0; i < id->nr && slot_is_missing(id, p.dev); i++) {
			if (id->slots[i] < 0 && stores(id, id->bdevs[i], k, &p))
				match(id, i, p.dev);
			tried[p.dev]++;
		}
	}
}

static int try_data(struct identify *id, unsigned btree)
{
	u8 tried[BCH_MAX_DEVS + 1] = {};
	struct btree_iter iter;
	struct bkey_view k;
	u64 skipped = 0;
	int ret = 0;

	bch_iter_init(&iter, id->c, btree, POS_MIN,
		      BTREE_ITER_all_snapshots | BTREE_ITER_prefetch | BTREE_ITER_once);
	while (id->nr_left && !(ret = bch_iter_peek_readable(&iter, &k, &skipped)) && k.k) {
		if (k.k->type == KEY_TYPE_extent || k.k->type == KEY_TYPE_reflink_v)
			try_extent(id, k, tried);
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
	return ret == -ENOMEM ? ret : 0;
}

/* --- the last one --- */

static void try_size(struct identify *id)
{
	int slot = -1, dev = -1;

	for (unsigned i = 0; i < id->c->nr_devices; i++) {
		if (!slot_is_missing(id, i))
			continue;
		if (slot >= 0)
			return;
		slot = i;
	}
	for (unsigned i = 0; i < id->nr; i++) {
		if (id->slots[i] >= 0)
			continue;
		if (dev >= 0)
			return;
		dev = i;
	}
	if (slot >= 0 && dev >= 0 &&
	    bdev_nr_sectors(id->bdevs[dev]) / id->c->devs[slot]->mi.bucket_size ==
		    id->c->devs[slot]->mi.nbuckets)
		match(id, dev, slot);
}

/* --- the whole --- */

static void not_told(struct bch_fs *c, const char *line)
{
}

static int identify(struct identify *id)
{
	struct bch_fs *c = id->c;
	int ret;

	try_roots(id);
	for (unsigned btree = 0; btree < BTREE_ID_NR_MAX && id->nr_left; btree++)
		if (c->btree->roots[btree].alive)
			try_tree(id, btree);
	if (!id->nr_left)
		return 0;
	ret = bch_data_init(c) ?: try_data(id, BTREE_ID_extents) ?: try_data(id, BTREE_ID_reflink);
	bch_data_exit(c);
	if (!ret)
		try_size(id);
	return ret;
}

int bch_identify_devices(struct bch_fs *c, struct block_device *const *bdevs, unsigned nr,
			 int *slots)
{
	struct identify id = {.c = c, .bdevs = bdevs, .nr = nr, .nr_left = nr, .slots = slots};
	void (*log)(struct bch_fs * c, const char *line) = c->log;
	u64 nr_errors = c->nr_errors;
	int ret;

	for (unsigned i = 0; i < nr; i++)
		slots[i] = -1;
	id.buf = kvmalloc(HEAD_BYTES, GFP_KERNEL);
	if (!id.buf)
		return -ENOMEM;
	c->log = not_told;
	ret = identify(&id);
	c->log = log;
	c->nr_errors = nr_errors;
	kvfree(id.buf);
	return ret;
}

/* --- its superblock --- */

/* Bucket numbers of @bdev that begin with a journal entry of ours. */
static int find_journal(struct bch_fs *c, struct block_device *bdev, const struct bch_dev *ca,
			struct sb_journal_range *ranges, unsigned *nr)
{
	const struct jset *j;
	u64 nbuckets = min(ca->mi.nbuckets, bdev_nr_sectors(bdev) / ca->mi.bucket_size);
	void *buf = kvmalloc(HEAD_BYTES, GFP_KERNEL);

	if (!buf)
		return -ENOMEM;
	*nr = 0;
	for (u64 b = ca->mi.first_bucket; b < nbuckets && *nr < JOURNAL_BUCKETS_MAX; b++) {
		struct sb_journal_range *last = *nr ? &ranges[*nr - 1] : NULL;

		if (bdev_read(bdev, b * ca->mi.bucket_size, buf, HEAD_BYTES))
			continue;
		j = buf;
		if (le64_to_cpu(j->magic) != bch_jset_magic(c))
			continue;
		if (last && le64_to_cpu(last->start) + le64_to_cpu(last->nr) == b)
			le64_add_cpu(&last->nr, 1);
		else
			ranges[(*nr)++] = (struct sb_journal_range){cpu_to_le64(b), cpu_to_le64(1)};
	}
	kvfree(buf);
	return 0;
}

int bch_identify_make_sb(struct bch_fs *c, struct block_device *bdev, unsigned slot,
			 struct bch_sb_handle *h)
{
	struct sb_journal_range *ranges =
		kvmalloc(JOURNAL_BUCKETS_MAX * sizeof(*ranges), GFP_KERNEL);
	struct sb_journal_v2 *section;
	unsigned nr = 0;
	int ret = -ENOMEM;

	if (ranges)
		ret = bch_sb_dup(h, c->sb) ?: find_journal(c, bdev, bch_dev(c, slot), ranges, &nr);
	if (ret)
		goto out;
	h->no_layout = true;
	h->bdev = bdev;
	h->sb->dev_idx = slot;
	bch_sb_section_delete(h, SB_SECTION_journal);
	section = sb_section_resize(h, journal_v2, (sizeof(*section) + nr * sizeof(*ranges)) / 8);
	if (section)
		memcpy(section->ranges, ranges, nr * sizeof(*ranges));
	else
		ret = -ENOMEM;
out:
	kvfree(ranges);
	return ret;
}
