/*
 * Checking what a scrub has read, and, for what is bad, whether other copies are good (spec 06
 * section 14).
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "btree/node_read.h"
#include "data/compress.h"
#include "data/data.h"
#include "data/ec.h"
#include "data/scrub_state.h"
#include "format/errcode.h"

#define COPIES_MAX	 16
#define LIVE_SECTORS_MAX (1U << 16) /* of an extent without checksum that is made from a stripe */

/* ---- Nodes ---- */

/* Why the bset at @offset of @buf is not one of the node @item; NULL: it is. */
static const char *bset_fault(const struct bch_fs *c, const struct bch_scrub_item *item, u64 seq,
			      u8 *buf, u32 offset, u8 *fault)
{
	const struct btree_node *n = (const void *)buf;
	const struct bset *i = bset_at(buf, offset);

	*fault = SCRUB_node_head;
	if (!offset && le64_to_cpu(n->magic) != (bch_uuid_lo(c) ^ BTREE_NODE_MAGIC_XOR))
		return "not a node: wrong magic";
	if (seq && le64_to_cpu(i->seq) != seq)
		return offset ? "bsets are missing" : "another node: wrong sequence number";
	*fault = SCRUB_checksum;
	if (!bch_bset_csum_type_known(c, i))
		return "unknown checksum type";
	/* One that ends behind what was read is none that a checksum could be right of. */
	if ((BSET_CSUM_TYPE(le32_to_cpu(i->flags)) &&
	     bset_end_bytes(i, offset) > (size_t)item->sectors << 9) ||
	    !bch_bset_csum_is_good(c, buf, offset))
		return "checksum mismatch";
	*fault = SCRUB_node_head;
	if (offset + bset_sectors(c, i, offset) > item->sectors)
		return "bset past the end of the node";
	return NULL;
}

/*
 * Walk over the bsets of the node: each has to be good in one of the @nr copies at @bufs. NULL, or
 * why not, of the first copy, with *at the sector in the node.
 */
static const char *node_fault(const struct bch_fs *c, const struct bch_scrub_item *item,
			      u8 *const *bufs, unsigned nr, u8 *fault, u32 *at)
{
	const char *why = NULL;
	u64 seq = item->seq;
	unsigned n;

	for (*at = 0; *at < item->sectors; *at += bset_sectors(c, bset_at(bufs[n], *at), *at)) {
		const char *first = NULL;
		u8 first_fault = SCRUB_good;

		for (n = 0; n < nr; n++) {
			why = bset_fault(c, item, seq, bufs[n], *at, fault);
			if (!why)
				break;
			if (!n) {
				first = why;
				first_fault = *fault;
			}
		}
		/* Nothing tells where the node ends: at the first that is no bset of it. */
		if (why && *at && !item->size_known && first_fault == SCRUB_node_head)
			break;
		if (why) {
			*fault = first_fault;
			return first;
		}
		seq = le64_to_cpu(bset_at(bufs[n], *at)->seq);
	}
	*fault = SCRUB_good;
	return NULL;
}

static void node_verify(struct bch_fs *c, struct bch_scrub_finding *f, u8 *buf)
{
	f->why = node_fault(c, &f->item, &buf, 1, &f->fault, &f->at);
	if (!f->fault && !BSET_CSUM_TYPE(le32_to_cpu(bset_at(buf, 0)->flags)))
		f->fault = SCRUB_unverified;
}

/* The pointer key of the node @item, copied to @key. */
static int node_key(struct bch_fs *c, const struct bch_scrub_item *item, struct btree_ptr_key *key)
{
	const struct btree_root *root = &c->btree->roots[item->btree];
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	if (item->level == root->level) {
		*key = root->key;
		return 0;
	}
	bch_iter_init_level(&iter, c, item->btree, item->pos, item->level + 1, 0);
	ret = bch_iter_peek(&iter, &k);
	if (!ret && (!k.k || !bpos_eq(k.k->p, item->pos) || !btree_key_is_ptr(k.k)))
		ret = -ENOENT;
	if (!ret)
		bkey_reassemble(&key->k, k);
	bch_iter_exit(&iter);
	return ret;
}

/* Are the copies of the node, each or all together, a whole one? The bad one takes part. */
static u8 node_remedy(struct bch_fs *c, const struct bch_scrub_item *item)
{
	u8 *bufs[COPIES_MAX], fault = SCRUB_node_head, *buf;
	struct btree_ptr_key key;
	unsigned nr = 0, i;
	u64 ptr;
	u32 at;

	if (node_key(c, item, &key))
		return SCRUB_lost;
	bkey_for_each_ptr(bkey_i_view(&key.k), &extent_entry_sizes_known, ptr)
	{
		if (nr == COPIES_MAX)
			break;
		buf = kvzalloc(bch_node_bytes(c), GFP_KERNEL);
		if (buf && !bch_dev_read(c, EXTENT_PTR_DEV(ptr), EXTENT_PTR_OFFSET(ptr), buf,
					 (size_t)item->sectors << 9))
			bufs[nr++] = buf;
		else
			kvfree(buf);
	}
	if (nr)
		node_fault(c, item, bufs, nr, &fault, &at);
	for (i = 0; i < nr; i++)
		kvfree(bufs[i]);
	return fault ? SCRUB_lost : SCRUB_other_copy;
}

/* ---- Extents ---- */

/* Does the copy decompress? For one without checksum that is the only check there is. */
static int decompress_verify(struct bch_fs *c, struct bch_scrub_finding *f, const void *src,
			     struct scrub_work *work)
{
	const struct extent_crc *crc = &f->item.crc;
	const struct bkey k = {.bversion = f->item.version};
	size_t bytes = (size_t)crc->compressed_size << 9;
	size_t plain_bytes = (size_t)crc->uncompressed_size << 9;
	void *plain = bch_scrub_buf_get(&work->plain, plain_bytes);

	if (!plain)
		return -ENOMEM;
	if (bch_csum_type_is_encryption(crc->csum_type)) {
		void *buf = bch_scrub_buf_get(&work->copy, bytes);

		if (!buf)
			return -ENOMEM;
		memcpy(buf, src, bytes);
		bch_extent_decrypt(c, &k, crc, buf, 0, bytes);
		src = buf;
	}
	if (bch_decompress(crc->compression_type, plain, plain_bytes, src, bytes)) {
		f->fault = SCRUB_decompress;
		f->why = crc->csum_type ? "its checksum is right, but it cannot be decompressed" :
					  "it cannot be decompressed";
	}
	return 0;
}

/*
 * By the checksum: for encrypted data that is the MAC of what is stored, which takes no decryption.
 * @decompress: not by that alone.
 */
static int extent_verify(struct bch_fs *c, struct bch_scrub_finding *f, const void *buf,
			 bool decompress, struct scrub_work *work)
{
	const struct bkey k = {.bversion = f->item.version};
	const struct extent_crc *crc = &f->item.crc;
	int ret;

	if (!extent_crc_is_encoded(crc)) {
		f->fault = SCRUB_unverified;
		return 0;
	}
	ret = bch_extent_csum_check(c, &k, crc, buf);
	if (ret) {
		f->fault = SCRUB_checksum;
		f->why = ret == -BCH_ERR_csum_mismatch ? "checksum mismatch" :
							 "unknown checksum type";
		return 0;
	}
	f->fault = crc->csum_type ? SCRUB_good : SCRUB_unverified;
	if (!extent_crc_is_compressed(crc) || (crc->csum_type && !decompress))
		return 0;
	return decompress_verify(c, f, buf, work);
}

/* The key of @item, copied, to be freed; NULL: cannot be found. */
static struct bkey_i *item_key(struct bch_fs *c, const struct bch_scrub_item *item)
{
	struct bkey_i *copy = NULL;
	struct btree_iter iter;
	struct bkey_view k;

	bch_iter_init(&iter, c, item->btree, item->pos,
		      BTREE_ITER_all_snapshots | BTREE_ITER_not_extents);
	if (!bch_iter_peek(&iter, &k) && k.k && bpos_eq(k.k->p, item->pos)) {
		copy = kmalloc(k.k->u64s * sizeof(u64), GFP_KERNEL);
		if (copy)
			bkey_reassemble(copy, k);
	}
	bch_iter_exit(&iter);
	return copy;
}

/* Of what has no checksum: can the @sectors at @sector be read? */
static bool can_be_read(struct bch_fs *c, unsigned dev, u64 sector, u32 sectors)
{
	u32 step = min(sectors, SCRUB_PIECE_SECTORS), n;
	u8 *buf = kvmalloc((size_t)step << 9, GFP_KERNEL);
	bool good = buf;

	for (; sectors && good; sectors -= n, sector += n) {
		n = min(sectors, step);
		good = !bch_dev_read(c, dev, sector, buf, (size_t)n << 9);
	}
	kvfree(buf);
	return good;
}

/* Is the copy of @k at @p good? */
static u8 ptr_remedy(struct bch_fs *c, const struct bch_scrub_item *item, struct bkey_view k,
		     const struct extent_ptr *p, struct scrub_work *work)
{
	struct bch_scrub_finding f = {.item = {.version = k.k->bversion, .crc = p->crc}};
	size_t bytes = (size_t)p->crc.compressed_size << 9;
	u64 live = p->offset + p->crc.offset;
	u8 *buf;

	if (!extent_crc_is_encoded(&p->crc)) {
		u32 sectors = p->crc.live_size;

		/* The same piece, where the bad copy was read in pieces, too. */
		if (!extent_crc_is_encoded(&item->crc)) {
			live += item->skip;
			sectors = item->sectors;
		}
		return can_be_read(c, p->dev, live, sectors) ? SCRUB_other_unverified : SCRUB_lost;
	}
	buf = kvmalloc(bytes, GFP_KERNEL);
	if (!buf || bch_dev_read(c, p->dev, p->offset, buf, bytes) ||
	    extent_verify(c, &f, buf, true, work))
		f.fault = SCRUB_io;
	kvfree(buf);
	return f.fault == SCRUB_good	   ? SCRUB_other_copy :
	       f.fault == SCRUB_unverified ? SCRUB_other_unverified :
					     SCRUB_lost;
}

static bool stripe_remedy(struct bch_fs *c, struct bkey_view k, const struct extent_ptr *p)
{
	u32 sectors = extent_crc_is_encoded(&p->crc) ? p->crc.compressed_size : p->crc.live_size;
	void *buf;
	bool good;

	if (!p->has_ec || sectors > LIVE_SECTORS_MAX)
		return false;
	buf = kvmalloc((size_t)sectors << 9, GFP_KERNEL);
	good = buf && !bch_extent_ptr_reconstruct(c, k, p, buf);
	kvfree(buf);
	return good;
}

/* Where the copy at @p has the bytes that @item has of its own, if both are stored alike. */
static u64 ptr_item_sector(const struct bch_scrub_item *item, const struct extent_ptr *p)
{
	return extent_crc_is_encoded(&p->crc) ? p->offset : p->offset + p->crc.offset + item->skip;
}

/* The pointer that @item was made of. */
static bool ptr_is_item(const struct bch_scrub_item *item, const struct extent_ptr *p)
{
	return p->dev == item->dev && ptr_item_sector(item, p) == item->sector;
}

static u8 extent_remedy(struct bch_fs *c, const struct bch_scrub_item *item,
			struct scrub_work *work)
{
	struct bkey_i *key = item_key(c, item);
	u8 best = SCRUB_lost;
	struct extent_ptr_iter iter;
	struct extent_ptr p;
	struct bkey_view k;

	if (!key)
		return item->kind == SCRUB_cached ? SCRUB_dispensable : SCRUB_lost;
	k = bkey_i_view(key);
	bch_extent_ptr_iter_init(&iter, c, k);
	while (best > SCRUB_other_copy && bch_extent_ptr_next(&iter, &p)) {
		struct bch_dev *ca = bch_dev(c, p.dev);

		if (!bch_dev_online(ca) || !ca->mi.bucket_size)
			continue;
		if (!ptr_is_item(item, &p) && !extent_ptr_stale(ca, p.offset, p.gen))
			best = min(best, ptr_remedy(c, item, k, &p, work));
	}
	bch_extent_ptr_iter_init(&iter, c, k);
	while (best > SCRUB_stripe && bch_extent_ptr_next(&iter, &p))
		if (stripe_remedy(c, k, &p))
			best = SCRUB_stripe;
	kfree(key);
	return best == SCRUB_lost && item->kind == SCRUB_cached ? SCRUB_dispensable : best;
}

/*
 * Does the copy at @p hold what the item's @buf does, as far as that can be told? One that cannot
 * be read or decompressed is told where it lies: then this one is the good one.
 */
static int copy_compare(struct bch_fs *c, struct bch_scrub_finding *f, const struct extent_ptr *p,
			const void *buf, struct scrub_work *work)
{
	u64 sector = ptr_item_sector(&f->item, p);
	size_t bytes = (size_t)f->item.sectors << 9;
	struct bch_scrub_finding of_other = {.item = f->item};
	u8 *other = kvmalloc(bytes, GFP_KERNEL);
	int ret = 0;

	if (!other)
		return -ENOMEM;
	if (!bch_dev_read(c, p->dev, sector, other, bytes) && memcmp(buf, other, bytes)) {
		ret = extent_verify(c, &of_other, other, true, work);
		if (!ret && of_other.fault == SCRUB_unverified) {
			f->fault = SCRUB_differs;
			f->why = "differs from another copy, and neither has a checksum";
			f->other_dev = p->dev;
			f->other_sector = sector;
		}
	}
	kvfree(other);
	return ret;
}

/* Without a checksum, too, and stored in the same way? */
static bool crc_is_alike(const struct extent_crc *a, const struct extent_crc *b)
{
	return !a->csum_type && a->compression_type == b->compression_type &&
	       a->compressed_size == b->compressed_size && a->offset == b->offset &&
	       a->live_size == b->live_size;
}

/*
 * What has no checksum is compared with the copies on members before this one, if they are stored
 * in the same way: of each pair the later one tells. Where only one member is checked, with all.
 */
static int copies_compare(struct bch_scrub *s, struct bch_scrub_finding *f, const void *buf,
			  struct scrub_work *work)
{
	struct bch_fs *c = s->c;
	struct bkey_i *key = item_key(c, &f->item);
	struct extent_ptr_iter iter;
	struct extent_ptr p;
	int ret = 0;

	if (!key)
		return 0;
	bch_extent_ptr_iter_init(&iter, c, bkey_i_view(key));
	while (!ret && f->fault == SCRUB_unverified && bch_extent_ptr_next(&iter, &p)) {
		struct bch_dev *ca = bch_dev(c, p.dev);

		if ((p.dev < f->item.dev || (s->only && p.dev != f->item.dev)) && !p.cached &&
		    bch_dev_online(ca) && ca->mi.bucket_size &&
		    !extent_ptr_stale(ca, p.offset, p.gen) && crc_is_alike(&p.crc, &f->item.crc))
			ret = copy_compare(c, f, &p, buf, work);
	}
	kfree(key);
	return ret;
}

/* ---- Stripes ---- */

static bool granule_is_good(const struct bch_scrub_item *item, const void *buf)
{
	const unsigned type = item->crc.csum_type;
	struct bch_csum got =
		bch_checksum(NULL, type, (struct bch_nonce){}, buf, (size_t)item->sectors << 9);

	return !memcmp(&got, &item->crc.csum, bch_csum_bytes[type]);
}

static void granule_verify(struct bch_scrub_finding *f, const void *buf)
{
	if (!f->item.crc.csum_type) {
		f->fault = SCRUB_unverified;
	} else if (!granule_is_good(&f->item, buf)) {
		f->fault = SCRUB_checksum;
		f->why = "checksum mismatch";
	}
}

/* Are so many of the other blocks good that this one can be made of them? */
static u8 granule_remedy(struct bch_fs *c, const struct bch_scrub_item *bad)
{
	struct bkey_i *key = item_key(c, bad);
	void *buf = kvmalloc((size_t)bad->sectors << 9, GFP_KERNEL);
	const struct bch_stripe *s = key ? (const void *)key->v : NULL;
	struct bch_stripe_layout layout;
	unsigned lost = 0, b;
	u8 remedy = SCRUB_lost;

	/* Its layout was checked when the item was made. */
	if (!s || !buf || key->k.type != KEY_TYPE_stripe)
		goto out;
	layout = bch_stripe_layout(s);
	for (b = 0; b < s->nr_blocks; b++) {
		u64 ptr = le64_to_cpu(s->ptrs[b]);
		unsigned i = b * layout.csums_per_block + (bad->skip >> s->csum_granularity_bits);
		struct bch_scrub_item item = *bad;

		memset(&item.crc.csum, 0, sizeof(item.crc.csum));
		memcpy(&item.crc.csum, (const u8 *)s + layout.csums + i * layout.csum_bytes,
		       layout.csum_bytes);
		if (b == bad->block ||
		    bch_dev_read(c, EXTENT_PTR_DEV(ptr), EXTENT_PTR_OFFSET(ptr) + bad->skip, buf,
				 (size_t)bad->sectors << 9) ||
		    (item.crc.csum_type && !granule_is_good(&item, buf)))
			lost++;
	}
	if (lost <= s->nr_redundant)
		remedy = SCRUB_stripe;
out:
	kfree(key);
	kvfree(buf);
	return remedy;
}

/* ---- */

int bch_scrub_verify(struct bch_scrub *s, struct bch_scrub_finding *f, void *buf,
		     struct scrub_work *work)
{
	int ret;

	f->fault = SCRUB_good;
	f->at = 0;
	f->why = NULL;
	switch (f->item.kind) {
	case SCRUB_node:
		node_verify(s->c, f, buf);
		return 0;
	case SCRUB_extent:
	case SCRUB_cached:
		ret = extent_verify(s->c, f, buf, s->decompress, work);
		if (ret || f->fault > SCRUB_unverified)
			return ret;
		if (f->item.poisoned) {
			f->fault = SCRUB_poisoned;
			f->why = bch_err_sentence(-BCH_ERR_extent_poisoned);
		} else if (f->fault && f->item.kind == SCRUB_extent && f->item.has_peers) {
			ret = copies_compare(s, f, buf, work);
		}
		return ret;
	default:
		granule_verify(f, buf);
		return 0;
	}
}

void bch_scrub_find_remedy(struct bch_scrub *s, struct bch_scrub_finding *f,
			   struct scrub_work *work)
{
	switch (f->item.kind) {
	case SCRUB_node:
		f->remedy = node_remedy(s->c, &f->item);
		break;
	case SCRUB_extent:
	case SCRUB_cached:
		f->remedy = f->item.poisoned	      ? SCRUB_lost :
			    f->fault == SCRUB_differs ? SCRUB_undecided :
							extent_remedy(s->c, &f->item, work);
		break;
	default:
		f->remedy = granule_remedy(s->c, &f->item);
	}
}
