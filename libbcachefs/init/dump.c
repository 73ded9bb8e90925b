/*
 * Metadata dumps: finding what belongs into one, and reading it (spec 09 section 12.3).
 *
 * All depths of all btrees are walked twice: with the journal's keys merged in, and as the nodes
 * are on disk, so that the dump serves readers with and without replay.
 */
#include "init/dump.h"

#include <linux/blkdev.h>
#include <linux/log2.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "btree/read.h"
#include "format/errcode.h"
#include "format/extents.h"
#include "format/sb.h"
#include "journal/journal.h"
#include "journal/read.h"
#include "sb/super.h"

#define CLUSTER_MIN 512UL
#define CLUSTER_MAX (2UL << 20)
#define WINDOW	    (1UL << 20) /* bytes read at once */

/* Collecting */

static u64 dev_bytes(const struct bch_dev *ca)
{
	return round_down(bdev_nr_bytes(ca->bdev), 512ULL);
}

static int add_piece(struct bch_dump *d, struct bch_dev *ca, enum dump_kind kind, u64 start,
		     u64 bytes)
{
	u64 size = dev_bytes(ca);

	if (start >= size || bytes > size - start) {
		bch_log(d->c, "%s: metadata at sector %llu lies behind the end: left out", ca->name,
			start >> 9);
		d->c->nr_errors++;
		return 0;
	}
	return darray_push(&d->devs[ca->idx].pieces,
			   (struct dump_piece){.start = start, .end = start + bytes, .kind = kind});
}

static int add_supers(struct bch_dump *d, struct bch_dev *ca)
{
	const struct bch_sb *sb = ca->sb->sb;
	const struct bch_sb_layout *l = &sb->layout;
	u64 bytes = round_up(sb_bytes(sb), 512UL);
	int ret = add_piece(d, ca, DUMP_LAYOUT, BCH_SB_LAYOUT_SECTOR << 9, 512);

	for (unsigned i = 0; i < min_t(unsigned, l->nr_superblocks, BCH_SB_LAYOUT_NR) && !ret;
	     i++) {
		u64 sector = le64_to_cpu(l->sb_offset[i]);

		if (sector < U64_MAX >> 9)
			ret = add_piece(d, ca, DUMP_SUPER, sector << 9, bytes);
	}
	return ret;
}

static int add_journal(struct bch_dump *d, struct bch_dev *ca)
{
	struct bch_journal *j = d->c->journal;
	u64 bucket_bytes = (u64)ca->mi.bucket_size << 9;
	struct journal_dev *jd;
	int ret = 0;

	if (!j->devs[ca->idx])
		ret = bch_journal_dev_init(d->c, ca);
	jd = j->devs[ca->idx];
	for (unsigned i = 0; !ret && jd && i < jd->nr; i++) {
		if (d->flags & DUMP_NO_OLD_JOURNAL &&
		    (!jd->bucket_seq[i] || jd->bucket_seq[i] < j->replay_first))
			continue;
		ret = add_piece(d, ca, DUMP_JOURNAL, jd->buckets[i] * bucket_bytes, bucket_bytes);
	}
	return ret;
}

/* How many sectors from its start on does the copy of the node at @ptr have that are good? */
static u32 good_sectors(struct bch_dump *d, struct bkey_view k, u64 ptr, u8 *buf)
{
	const struct bch_btree_ptr_v2 *v2 = k.k->type == KEY_TYPE_btree_ptr_v2 ? k.v : NULL;
	struct bch_dev *ca = bch_dev(d->c, EXTENT_PTR_DEV(ptr));
	struct raw_node n;

	if (!bch_dev_online(ca) ||
	    bdev_read(ca->bdev, EXTENT_PTR_OFFSET(ptr), buf, bch_node_bytes(d->c)))
		return 0;
	bch_raw_node_init(&n, d->c, buf);
	while (bch_raw_node_next_set(&n) && !n.csum_unknown && !n.csum_bad)
		if (v2 && n.set->seq != v2->seq)
			return 0;
	return n.offset;
}

/* The pointer to the best copy that is here, the first of equal ones; 0: there is none. */
static int best_ptr(struct bch_dump *d, struct bkey_view k, u64 *best)
{
	unsigned nr = 0;
	u32 most = 0, n;
	u64 ptr;
	u8 *buf;

	*best = 0;
	bkey_for_each_ptr(k, &extent_entry_sizes_known, ptr)
	{
		if (!bch_dev_online(bch_dev(d->c, EXTENT_PTR_DEV(ptr))))
			continue;
		*best = nr++ ? *best : ptr;
	}
	if (nr < 2)
		return 0;
	buf = kvmalloc(bch_node_bytes(d->c), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	bkey_for_each_ptr(k, &extent_entry_sizes_known, ptr)
	{
		n = good_sectors(d, k, ptr, buf);
		if (n > most) {
			*best = ptr;
			most = n;
		}
	}
	kvfree(buf);
	return 0;
}

static int add_node(struct bch_dump *d, struct bkey_view k)
{
	int ret = 0;
	u64 ptr, only = 0;

	if (!btree_key_is_ptr(k.k))
		return 0;
	if (d->flags & DUMP_SINGLE_REPLICA && (ret = best_ptr(d, k, &only)))
		return ret;
	bkey_for_each_ptr(k, &extent_entry_sizes_known, ptr)
	{
		struct bch_dev *ca = bch_dev(d->c, EXTENT_PTR_DEV(ptr));

		if (!bch_dev_online(ca) || ret || (only && ptr != only))
			continue;
		ret = add_piece(d, ca, DUMP_NODE, (u64)EXTENT_PTR_OFFSET(ptr) << 9,
				bch_node_bytes(d->c));
	}
	return ret;
}

static int add_children(struct bch_dump *d, struct btree *b)
{
	int ret = 0;

	for (struct bkey_packed *p = btree_node_start(b); p < btree_node_end(b) && !ret;
	     p = bkey_p_next(p)) {
		struct bkey k;

		ret = add_node(d, bkey_unpack_view(&b->unpack, &k, p));
	}
	return ret;
}

static int add_btree(struct bch_dump *d, unsigned id)
{
	struct btree_root *root = &d->c->btree->roots[id];
	struct btree_iter iter;
	struct btree *b;
	int ret;

	if (!root->alive || root->error)
		return 0;
	ret = add_node(d, bkey_i_view(&root->key.k));
	if (ret || !root->level)
		return ret;
	bch_iter_init_level(&iter, d->c, id, POS_MIN, 1, BTREE_ITER_prefetch);
	while (!ret) {
		ret = bch_iter_next_node(&iter, &b);
		if (ret == -BCH_ERR_btree_node_read_error && bch_iter_skip_unreadable(&iter)) {
			ret = 0;
			continue;
		}
		if (ret || !b)
			break;
		ret = add_children(d, b);
	}
	bch_iter_exit(&iter);
	return ret == -BCH_ERR_btree_node_read_error ? 0 : ret;
}

static int add_btrees(struct bch_dump *d)
{
	int ret = 0;

	for (unsigned id = 0; id < BTREE_ID_NR_MAX && !ret; id++)
		ret = add_btree(d, id);
	return ret;
}

static int add_overlay(struct bch_dump *d)
{
	int ret = 0;

	darray_for_each(d->c->btree->overlay.keys, o)
		if (o->level && !ret)
			ret = add_node(d, bkey_i_view(o->k));
	return ret;
}

static int cmp_pieces(const void *a, const void *b)
{
	const struct dump_piece *l = a, *r = b;

	return u64_cmp(l->start, r->start) ?: u64_cmp(l->end, r->end) ?: l->kind - r->kind;
}

static void sort_pieces(struct bch_dump *d, unsigned dev)
{
	struct dump_piece *p = d->devs[dev].pieces.data;
	size_t nr = d->devs[dev].pieces.nr, kept = 0;

	if (!nr)
		return;
	sort(p, nr, sizeof(*p), cmp_pieces, NULL);
	for (size_t i = 1; i < nr; i++)
		if (cmp_pieces(&p[kept], &p[i]))
			p[++kept] = p[i];
	d->devs[dev].pieces.nr = kept + 1;
}

int bch_dump_collect(struct bch_dump *d, struct bch_fs *c, unsigned flags)
{
	size_t cluster = max(bch_node_bytes(c) / 8, bch_block_bytes(c));
	int ret = 0;

	*d = (struct bch_dump){.c = c, .flags = flags};
	d->cluster = clamp(rounddown_pow_of_two(cluster), CLUSTER_MIN, CLUSTER_MAX);
	if (flags & DUMP_NO_OLD_JOURNAL && c->clean) {
		ret = bch_journal_read(c, 0, 0);
		if (ret == -BCH_ERR_journal_read_empty)
			ret = 0;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(c->devs) && !ret; i++)
		if (bch_dev_online(c->devs[i]))
			ret = add_supers(d, c->devs[i]) ?: add_journal(d, c->devs[i]);
	ret = ret ?: add_btrees(d);
	if (!ret && c->btree->overlay.keys.nr) {
		ret = add_overlay(d);
		bch_overlay_clear(c);
		ret = ret ?: add_btrees(d);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(d->devs); i++)
		sort_pieces(d, i);
	return ret;
}

void bch_dump_exit(struct bch_dump *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(d->devs); i++)
		darray_exit(&d->devs[i].pieces);
}

bool bch_dump_has_node(const struct bch_dump *d, unsigned dev, u64 start)
{
	size_t low = 0, high = d->devs[dev].pieces.nr;
	const struct dump_piece *p = d->devs[dev].pieces.data;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p[mid].start < start)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < d->devs[dev].pieces.nr && p[low].start == start; low++)
		if (p[low].kind == DUMP_NODE)
			return true;
	return false;
}

/* Streaming */

struct dump_stream {
	struct bch_dump *d;
	struct bch_dev *ca;
	const struct dump_piece *low, *end; /* pieces not yet passed */
	u8 *window;
	size_t window_bytes;
	/* Editing: the last piece that was read. */
	const struct dump_piece *cached;
	u8 *piece;
	size_t piece_bytes;
};

/* [@at, @at + @bytes) of the device; zeros where there is nothing. */
static void read_range(struct dump_stream *s, u64 at, u8 *buf, size_t bytes)
{
	u64 size = dev_bytes(s->ca);
	size_t have = at >= size ? 0 : min_t(u64, bytes, size - at);

	memset(buf + have, 0, bytes - have);
	if (!have || !bdev_read(s->ca->bdev, at >> 9, buf, have))
		return;
	for (size_t i = 0; i < have; i += 512) {
		int ret = bdev_read(s->ca->bdev, (at + i) >> 9, buf + i, 512);

		if (!ret)
			continue;
		memset(buf + i, 0, 512);
		bch_log(s->d->c, "%s: read error at sector %llu (%s): zeros in the dump",
			s->ca->name, (at + i) >> 9, bch_err_str(ret));
		s->d->c->nr_errors++;
	}
}

static int cache_piece(struct dump_stream *s, const struct dump_piece *p)
{
	size_t bytes = p->end - p->start;

	if (s->cached == p)
		return 0;
	if (bytes > s->piece_bytes) {
		kvfree(s->piece);
		s->cached = NULL;
		s->piece_bytes = 0;
		s->piece = kvmalloc(bytes, GFP_KERNEL);
		if (!s->piece)
			return -ENOMEM;
		s->piece_bytes = bytes;
	}
	read_range(s, p->start, s->piece, bytes);
	bch_dump_edit(s->d, p, s->piece);
	s->cached = p;
	return 0;
}

/* The window from pieces alone. */
static int fill_edited(struct dump_stream *s, u64 at, size_t bytes)
{
	memset(s->window, 0, bytes);
	while (s->low < s->end && s->low->end <= at)
		s->low++;
	for (const struct dump_piece *p = s->low; p < s->end && p->start < at + bytes; p++) {
		u64 from = max(p->start, at), to = min(p->end, at + bytes);
		int ret;

		if (from >= to)
			continue;
		ret = cache_piece(s, p);
		if (ret)
			return ret;
		memcpy(s->window + (from - at), s->piece + (from - p->start), to - from);
	}
	return 0;
}

static int stream_range(struct dump_stream *s, u64 start, u64 end, bch_dump_emit emit, void *arg)
{
	int ret = 0;

	for (u64 at = start; at < end && !ret; at += s->window_bytes) {
		size_t bytes = min_t(u64, s->window_bytes, end - at);

		if (s->d->flags & DUMP_EDIT)
			ret = fill_edited(s, at, bytes);
		else
			read_range(s, at, s->window, bytes);
		ret = ret ?: emit(arg, at, s->window, bytes);
	}
	return ret;
}

int bch_dump_stream(struct bch_dump *d, struct bch_dev *ca, bch_dump_emit emit, void *arg)
{
	const struct dump_piece *p = d->devs[ca->idx].pieces.data;
	struct dump_stream s = {
		.d = d,
		.ca = ca,
		.low = p,
		.end = p + d->devs[ca->idx].pieces.nr,
		.window_bytes = max(WINDOW, d->cluster),
	};
	int ret = 0;

	s.window = kvmalloc(s.window_bytes, GFP_KERNEL);
	if (!s.window)
		return -ENOMEM;
	while (p < s.end && !ret) {
		u64 start = round_down(p->start, (u64)d->cluster);
		u64 end = round_up(p->end, (u64)d->cluster);

		for (p++; p < s.end && p->start <= end; p++)
			end = max(end, round_up(p->end, (u64)d->cluster));
		ret = stream_range(&s, start, end, emit, arg);
	}
	kvfree(s.window);
	kvfree(s.piece);
	return ret;
}
