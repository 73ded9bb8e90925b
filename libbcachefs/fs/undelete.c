/*
 * Putting deleted files together again, and judging what comes out (fs/undelete.h).
 *
 * The state of a file when it lost its last name: of each position the oldest of the keys that the
 * journal noted since then. Where the journal does not reach back so far, the newest key that any
 * leaf still has. What bi_sectors counts tells whether something is missing.
 */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "alloc/alloc_keys.h"
#include "btree/iter.h"
#include "data/read.h"
#include "format/errcode.h"
#include "format/reflink.h"
#include "fs/dirent.h"
#include "fs/namei.h"
#include "fs/snapshots.h"
#include "fs/undelete_keys.h"

#define READ_MAX	 (1U << 20) /* bytes */
#define REFLINK_LOOK_MAX 4096	    /* keys that could be it */

const char *const bch_undelete_source_names[] = {
	[BCH_UNDELETE_journal] = "journal",
	[BCH_UNDELETE_node] = "node",
	[BCH_UNDELETE_scan] = "scan",
	[BCH_UNDELETE_snapshot] = "snapshot",
	NULL,
};

const char *const bch_undelete_quality_names[] = {
	[BCH_UNDELETE_intact] = "intact",   [BCH_UNDELETE_unverified] = "unverified",
	[BCH_UNDELETE_partial] = "partial", [BCH_UNDELETE_lost] = "lost",
	[BCH_UNDELETE_kept] = "kept",	    NULL,
};

/* ---- The state of a position ---- */

/* Was it replaced after the file lost its name, by its deletion or later? */
static bool is_since(const struct bch_undelete_file *f, struct bch_undelete_time t)
{
	return undelete_time_cmp(t, f->unlinked) > 0 && undelete_time_cmp(t, f->deleted) <= 0;
}

static bool is_usable(const struct bch_undelete *d, const struct bch_undelete_file *f,
		      const struct undelete_key *k)
{
	const struct undelete_view v = {f->snapshot, f->unlinked};

	if (k->k->k.p.snapshot != f->snapshot)
		return k->source == BCH_UNDELETE_journal &&
		       undelete_time_cmp(k->t, f->unlinked) > 0 &&
		       undelete_is_above(d, v, k->k->k.p.snapshot);
	return k->source == BCH_UNDELETE_journal ?
		       is_since(f, k->t) :
		       k->t.seq >= f->born.seq && k->t.seq <= f->deleted.seq;
}

/* By source, then position; of one position the one to be taken first. */
static int cmp_choice(const void *_l, const void *_r)
{
	const struct undelete_key *l = *(const struct undelete_key **)_l,
				  *r = *(const struct undelete_key **)_r;
	bool noted = l->source == BCH_UNDELETE_journal;

	/* What is above it does not count where it has something itself. */
	if (l->k->k.p.snapshot != r->k->k.p.snapshot)
		return l->k->k.p.snapshot < r->k->k.p.snapshot ? -1 : 1;
	if (noted != (r->source == BCH_UNDELETE_journal))
		return noted ? -1 : 1;
	if (noted)
		return bpos_cmp(l->k->k.p, r->k->k.p) ?: undelete_time_cmp(l->t, r->t);
	return undelete_time_cmp(r->t, l->t) ?: bpos_cmp(l->k->k.p, r->k->k.p);
}

struct choice {
	DARRAY(const struct undelete_key *) d;
};

/*
 * The keys of @f in the order in which they count: first those that the journal noted, one of each
 * position, then others, the newest first.
 */
static int choose(struct bch_undelete *d, const struct bch_undelete_file *f,
		  enum undelete_kind kind, struct choice *out)
{
	size_t i, nr = 0;
	int ret = 0;

	if (f->kept)
		return 0;
	for_each_undelete_key(d, kind, f->inum, k)
		if (!ret && is_usable(d, f, k))
			ret = darray_push(&out->d, k);
	sort(out->d.data, out->d.nr, sizeof(out->d.data[0]), cmp_choice, NULL);
	for (i = 0; i < out->d.nr; i++) {
		const struct undelete_key *k = out->d.data[i],
					  *last = nr ? out->d.data[nr - 1] : NULL;

		if (last && k->source == BCH_UNDELETE_journal && bpos_eq(last->k->k.p, k->k->k.p))
			continue;
		out->d.data[nr++] = k;
	}
	out->d.nr = nr;
	return ret;
}

/* ---- The map of a file ---- */

/* A position at which a snapshot shows nothing of what those above it have. */
struct hiding {
	u64 offset;
	u32 snapshot;
};

struct hidings {
	DARRAY(struct hiding) d; /* by offset, then snapshot */
};

static int cmp_hidings(const void *_l, const void *_r)
{
	const struct hiding *l = _l, *r = _r;

	return l->offset != r->offset ? u64_cmp(l->offset, r->offset) :
					u64_cmp(l->snapshot, r->snapshot);
}

static int hiding_add(const struct bkey *k, struct hidings *out)
{
	return k->type == KEY_TYPE_whiteout ?
		       darray_push(&out->d, ((struct hiding){k->p.offset, k->p.snapshot})) :
		       0;
}

/* Those that are there, in what @f is viewed from. */
static int live_hidings(struct bch_undelete *d, const struct bch_undelete_file *f,
			struct hidings *out)
{
	const struct undelete_view v = {f->view, {U64_MAX, U32_MAX}};
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, d->c, BTREE_ID_extents, POS(f->inum, 0), BTREE_ITER_all_snapshots);
	while (!(ret = bch_iter_peek_readable(&iter, &k, &d->nr_unreadable)) && k.k &&
	       k.k->p.inode == f->inum) {
		if (undelete_is_above(d, v, k.k->p.snapshot) && hiding_add(k.k, out)) {
			ret = -ENOMEM;
			break;
		}
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
	return ret == -ENOMEM ? ret : 0;
}

/* And those that the journal noted; then sorts. */
static int noted_hidings(const struct choice *choice, struct hidings *out)
{
	int ret = 0;

	darray_for_each(choice->d, k)
		ret = ret ?: hiding_add(&(*k)->k->k, out);
	sort(out->d.data, out->d.nr, sizeof(out->d.data[0]), cmp_hidings, NULL);
	return ret;
}

static bool is_hidden(const struct hidings *h, const struct bkey *k)
{
	size_t i = darray_seek(h->d, at, at->offset < k->p.offset);

	return i < h->d.nr && h->d.data[i].offset == k->p.offset &&
	       h->d.data[i].snapshot < k->p.snapshot;
}

/* In the order in which they count. */
struct map_keys {
	DARRAY(const struct bkey_i *) d;
};

/* What was not deleted: a snapshot has it, or the deletion did not come to its end. */
static int view_keys(struct bch_undelete *d, const struct bch_undelete_file *f, unsigned btree,
		     struct map_keys *keys)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, d->c, btree, SPOS(f->inum, 0, f->view), 0);
	while (!(ret = bch_iter_peek_readable(&iter, &k, &d->nr_unreadable)) && k.k &&
	       k.k->p.inode == f->inum) {
		const struct bkey_i *copy = undelete_key_copy(d, k);

		ret = copy ? darray_push(&keys->d, copy) : 0;
		if (ret)
			break;
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
	return ret == -ENOMEM ? ret : 0;
}

/* Of the nearest snapshot first; of that what was noted, what is there, what was found. */
struct placed_key {
	const struct bkey_i *k;
	u32 class;
	size_t nr;
};

static int cmp_placed(const void *_l, const void *_r)
{
	const struct placed_key *l = _l, *r = _r;

	if (l->k->k.p.snapshot != r->k->k.p.snapshot)
		return u64_cmp(l->k->k.p.snapshot, r->k->k.p.snapshot);
	return u64_cmp(l->class, r->class) ?: u64_cmp(l->nr, r->nr);
}

/* Sorts @keys, of which the first ones are those of @choice. */
static int place_keys(const struct choice *choice, struct map_keys *keys)
{
	struct placed_key *placed = kvmalloc((keys->d.nr + 1) * sizeof(*placed), GFP_KERNEL);

	if (!placed)
		return -ENOMEM;
	for (size_t i = 0; i < keys->d.nr; i++)
		placed[i] = (struct placed_key){
			.k = keys->d.data[i],
			.class = i >= choice->d.nr				   ? 1 :
				 choice->d.data[i]->source == BCH_UNDELETE_journal ? 0 :
										     2,
			.nr = i,
		};
	sort(placed, keys->d.nr, sizeof(*placed), cmp_placed, NULL);
	for (size_t i = 0; i < keys->d.nr; i++)
		keys->d.data[i] = placed[i].k;
	kvfree(placed);
	return 0;
}

static void drop_hidden(const struct hidings *hidings, struct map_keys *keys)
{
	size_t nr = 0;

	darray_for_each(keys->d, k)
		if (!is_hidden(hidings, &(*k)->k))
			keys->d.data[nr++] = *k;
	keys->d.nr = nr;
}

static int file_map(struct bch_undelete *d, const struct bch_undelete_file *f,
		    struct undelete_pieces *p)
{
	struct map_keys keys = {};
	struct choice choice = {};
	struct hidings hidings = {};
	int ret = choose(d, f, UNDELETE_extents, &choice);

	darray_for_each(choice.d, k)
		ret = ret ?: darray_push(&keys.d, (*k)->k);
	if (f->view && !ret)
		ret = view_keys(d, f, BTREE_ID_extents, &keys) ?: live_hidings(d, f, &hidings);
	ret = ret ?: noted_hidings(&choice, &hidings) ?: place_keys(&choice, &keys);
	if (!ret) {
		drop_hidden(&hidings, &keys);
		ret = undelete_paint(keys.d.data, keys.d.nr, p);
	}
	darray_exit(&hidings.d);
	darray_exit(&choice.d);
	darray_exit(&keys.d);
	return ret;
}

/* ---- Data ---- */

struct reading {
	struct bch_undelete *d;
	struct bch_undelete_file *f;
	const struct bch_undelete_sink *sink;
	struct bkey_i *key; /* 255 u64s: an indirect extent */
	u8 *buf;	    /* of READ_MAX bytes */
	size_t buf_bytes;
};

static int lose(struct reading *r, u64 start, u64 end, const char *why)
{
	r->f->lost += end - start;
	return r->sink->lost ? r->sink->lost(r->sink->arg, start, end, why) : 0;
}

/*
 * Is what a pointer without checksum leads to still what was written? Its bucket was not used
 * again: of the same generation, or just given free, and not discarded.
 */
static bool is_untouched(struct reading *r, const struct extent_ptr *p)
{
	struct bch_fs *c = r->d->c;
	struct bch_dev *ca = bch_dev(c, p->dev);
	struct bch_alloc a = {};
	struct bkey_i *k;
	int ret;

	if (!bch_dev_online(ca) || !ca->mi.bucket_size || ca->gens_unknown)
		return false;
	if (!extent_ptr_stale(ca, p->offset, p->gen))
		return true;
	k = kmalloc(BKEY_U64s_MAX * sizeof(u64), GFP_KERNEL);
	if (!k)
		return false;
	ret = bch_btree_lookup(c, BTREE_ID_alloc, POS(p->dev, p->offset / ca->mi.bucket_size), k) ?:
		      bch_alloc_unpack(bkey_i_view(k), &a);
	kfree(k);
	return !ret && a.gen == (u8)(p->gen + 1) && !a.dirty_sectors && !a.cached_sectors &&
	       (a.data_type == BCH_DATA_need_discard ||
		(a.data_type == BCH_DATA_free && !ca->mi.discard));
}

enum checked {
	CHECKED,    /* a checksum vouches for it, or there is nothing to read */
	UNCHECKED,  /* there is none */
	USED_AGAIN, /* and its space was used again */
};

static enum checked key_checked(struct reading *r, struct bkey_view k)
{
	enum checked worst = CHECKED;
	bool any_dirty = false;
	struct extent_ptr_iter iter;
	struct extent_ptr p;

	if (k.k->type != KEY_TYPE_extent && k.k->type != KEY_TYPE_reflink_v)
		return CHECKED;
	bch_extent_ptr_iter_init(&iter, r->d->c, k);
	while (bch_extent_ptr_next(&iter, &p)) {
		if (p.unwritten)
			return CHECKED;
		any_dirty |= !p.cached;
		if (p.crc.csum_type)
			continue;
		if (!is_untouched(r, &p))
			return USED_AGAIN;
		worst = UNCHECKED;
	}
	/* Readers take cached copies that are all gone for zeros. */
	return any_dirty ? worst : USED_AGAIN;
}

/* Bytes [@start, @end) of the file, which are bytes from @skip on of @k. */
static int read_key(struct reading *r, struct bkey_view k, u64 start, u64 end, u64 skip)
{
	enum checked checked = key_checked(r, k);
	struct bch_read read = {
		.c = r->d->c,
		.inum = r->f->inum,
		.snapshot = r->f->snapshot,
		.offset = start,
		.len = end - start,
		.buf = r->buf,
		.deleted = true,
	};
	int ret;

	if (checked == USED_AGAIN)
		return lose(r, start, end, "its space was used again");
	ret = bch_read_key_wait(&read, k, skip);
	if (ret == -ENOMEM)
		goto out;
	if (ret) {
		ret = lose(r, start, end, printbuf_str(&read.why) + read.reason);
		goto out;
	}
	if (checked == CHECKED) {
		r->f->verified += end - start;
	} else {
		r->f->unverified += end - start;
		r->f->doubt = "some of its data has no checksum";
	}
	ret = r->sink->data ? r->sink->data(r->sink->arg, start, r->buf, end - start) : 0;
out:
	printbuf_exit(&read.why);
	return ret;
}

/* What the reflink btree has at sector @at. */
static int reflink_live(struct reading *r, u64 at)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, r->d->c, BTREE_ID_reflink, POS(0, at), 0);
	ret = bch_iter_peek_slot(&iter, &k);
	if (!ret && (k.k->type == KEY_TYPE_reflink_v || k.k->type == KEY_TYPE_indirect_inline_data))
		bkey_reassemble(r->key, k);
	else
		ret = ret ?: -ENOENT;
	bch_iter_exit(&iter);
	return ret;
}

/* The indirect extent that was at sector @at when the file lost its name. */
static struct bkey_i *reflink_find(struct reading *r, u64 at)
{
	struct undelete_keys *keys = r->d->keys;
	const struct undelete_key *best = NULL;
	size_t first = darray_seek(keys->d[UNDELETE_reflink], k, k->k->k.p.offset <= at), i;

	for (i = first; i < keys->d[UNDELETE_reflink].nr; i++) {
		const struct undelete_key *k = &keys->d[UNDELETE_reflink].data[i];
		bool noted = k->source == BCH_UNDELETE_journal;

		if (k->k->k.p.offset > at + keys->reflink_size_max)
			break;
		if (i - first == REFLINK_LOOK_MAX) {
			r->f->doubt = "there are too many old states of its data";
			break;
		}
		if (bkey_start_offset(&k->k->k) > at ||
		    (noted && undelete_time_cmp(k->t, r->f->unlinked) <= 0))
			continue;
		if (!best || (noted && undelete_time_cmp(k->t, best->t) < 0) ||
		    (!noted && best->source != BCH_UNDELETE_journal &&
		     undelete_time_cmp(k->t, best->t) > 0))
			best = k;
	}
	if (best && best->source == BCH_UNDELETE_journal)
		return (struct bkey_i *)best->k;
	if (!reflink_live(r, at))
		return r->key;
	return best ? (struct bkey_i *)best->k : NULL;
}

/* The end of what can be read at once, from @start on. */
static u64 part_end(u64 start, u64 end)
{
	return min(end, start + READ_MAX);
}

static int read_reflink(struct reading *r, const struct bkey_i *p, u64 start, u64 end, u64 skip)
{
	const struct bch_reflink_p *v = (const void *)p->v;
	int ret = 0;

	while (start < end && !ret) {
		u64 at = (REFLINK_P_IDX(le64_to_cpu(v->idx_flags)) << 9) + skip;
		struct bkey_i *k = reflink_find(r, at >> 9);
		u64 stop = part_end(start, end), from;

		if (!k)
			return lose(r, start, end, "points to a nonexistent indirect extent");
		from = at - (bkey_start_offset(&k->k) << 9);
		stop = min(stop, start + ((u64)k->k.size << 9) - from);
		ret = read_key(r, bkey_i_view(k), start, stop, from);
		skip += stop - start;
		start = stop;
	}
	return ret;
}

static int read_piece(struct reading *r, const struct undelete_piece *p)
{
	u64 start = p->start << 9, end = min(p->end << 9, r->f->u.bi_size);
	u64 base = bkey_start_offset(&p->k->k) << 9;
	int ret = 0;

	if (start >= end)
		return 0;
	if (p->k->k.type == KEY_TYPE_reflink_p)
		return read_reflink(r, p->k, start, end, start - base);
	if (p->k->k.type == KEY_TYPE_reservation) {
		r->f->verified += end - start;
		return 0;
	}
	if (p->k->k.type == KEY_TYPE_error)
		return lose(r, start, end, "the data was lost earlier");
	while (start < end && !ret) {
		u64 stop = part_end(start, end);

		ret = read_key(r, bkey_i_view(p->k), start, stop, start - base);
		start = stop;
	}
	return ret;
}

static void judge(struct bch_undelete_file *f, const struct undelete_pieces *p)
{
	/* Somewhere in it; what is below the size was counted as lost already. */
	u64 missing = p->sectors < f->u.bi_sectors ? (f->u.bi_sectors - p->sectors) << 9 : 0;

	f->lost += missing;
	if (f->size_guessed)
		f->doubt = f->u.bi_size ? "its inode is older than its data: the size is a guess" :
					  "only its creation is known";
	if (f->lost || (f->size_guessed && !f->u.bi_size)) {
		f->quality =
			f->verified || f->unverified ? BCH_UNDELETE_partial : BCH_UNDELETE_lost;
		return;
	}
	if (p->sectors != f->u.bi_sectors)
		f->doubt = f->doubt ?: "it has more data than it should";
	else if (!f->exact && !f->kept)
		f->doubt = f->doubt ?: "there may have been a later state of it";
	f->quality = f->doubt ? BCH_UNDELETE_unverified :
		     f->kept  ? BCH_UNDELETE_kept :
				BCH_UNDELETE_intact;
}

int bch_undelete_read(struct bch_undelete *d, struct bch_undelete_file *f,
		      const struct bch_undelete_sink *sink)
{
	struct reading r = {.d = d, .f = f, .sink = sink};
	struct undelete_pieces p = {};
	int ret = -ENOMEM;

	f->verified = f->unverified = f->lost = 0;
	f->doubt = NULL;
	r.buf = kvmalloc(READ_MAX, GFP_KERNEL);
	r.key = kmalloc(BKEY_U64s_MAX * sizeof(u64), GFP_KERNEL);
	if (r.buf && r.key)
		ret = file_map(d, f, &p);
	darray_for_each(p.d, piece)
		ret = ret ?: read_piece(&r, piece);
	if (!ret)
		judge(f, &p);
	if (!ret && p.sectors < f->u.bi_sectors && sink->lost)
		ret = sink->lost(sink->arg, 0, 0, "some of its extents are not to be found");
	darray_exit(&p.d);
	kfree(r.key);
	kvfree(r.buf);
	return ret;
}

/* ---- Attributes ---- */

/* Of one position the one that counts most comes first. */
struct ranked {
	const struct bkey_i *k;
	size_t rank;
};

static int cmp_ranked(const void *_l, const void *_r)
{
	const struct ranked *l = _l, *r = _r;

	return u64_cmp(l->k->k.p.offset, r->k->k.p.offset) ?: u64_cmp(l->rank, r->rank);
}

static int each_xattr(const struct ranked *keys, size_t nr,
		      int (*fn)(void *arg, const char *name, const void *value, size_t len),
		      void *arg)
{
	bool done = false;
	u32 empty = 0; /* a snapshot that has nothing there: those above it count */
	size_t i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		struct printbuf name = PRINTBUF, value = PRINTBUF;
		struct bpos pos = keys[i].k->k.p;

		if (!i || keys[i - 1].k->k.p.offset != pos.offset) {
			done = false;
			empty = 0;
		}
		if (done || pos.snapshot == empty)
			continue;
		if (keys[i].k->k.type == KEY_TYPE_deleted) {
			empty = pos.snapshot;
			continue;
		}
		done = true;
		if (!bch_xattr_key(bkey_i_view(keys[i].k), &name, &value))
			ret = fn(arg, printbuf_str(&name), printbuf_str(&value), value.pos);
		printbuf_exit(&name);
		printbuf_exit(&value);
	}
	return ret;
}

int bch_undelete_xattrs(struct bch_undelete *d, const struct bch_undelete_file *f,
			int (*fn)(void *arg, const char *name, const void *value, size_t len),
			void *arg)
{
	struct map_keys keys = {};
	struct choice choice = {};
	struct ranked *ranked;
	int ret = choose(d, f, UNDELETE_xattrs, &choice);
	size_t i;

	darray_for_each(choice.d, k)
		ret = ret ?: darray_push(&keys.d, (*k)->k);
	if (f->view && !ret)
		ret = view_keys(d, f, BTREE_ID_xattrs, &keys);
	ranked = ret || !keys.d.nr ? NULL : kvmalloc(keys.d.nr * sizeof(*ranked), GFP_KERNEL);
	if (keys.d.nr && !ret && !ranked)
		ret = -ENOMEM;
	if (ranked) {
		for (i = 0; i < keys.d.nr; i++)
			ranked[i] = (struct ranked){keys.d.data[i], i};
		sort(ranked, keys.d.nr, sizeof(*ranked), cmp_ranked, NULL);
		ret = each_xattr(ranked, keys.d.nr, fn, arg);
		kvfree(ranked);
	}
	darray_exit(&keys.d);
	darray_exit(&choice.d);
	return ret;
}
