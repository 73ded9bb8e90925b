/*
 * Holes in the rings (journal/holes.h): entries fill a bucket from its start without gaps, so what
 * lies between two good ones, or between the start and a good one, was an entry.
 */
#include "journal/holes.h"

#include <linux/sort.h>
#include <linux/string.h>

#include "journal/scan.h"
#include "btree/bkey.h"

/* An entry in its place. */
struct placed {
	struct journal_ptr ptr;
	u32 sectors;
	u64 seq;
};

struct holes {
	struct bch_fs *c;
	struct journal_scan s; /* all good entries, ascending */
	u64 first, last;       /* numbers that the newest flush entry vouches for */
	DARRAY(struct placed) placed;
	DARRAY(struct blacklist_range) told; /* numbers that may have been in holes */
	int (*fn)(void *arg, const struct journal_hole *hole);
	void *arg;
};

static int cmp_placed(const void *a, const void *b)
{
	const struct journal_ptr *l = &((const struct placed *)a)->ptr;
	const struct journal_ptr *r = &((const struct placed *)b)->ptr;

	return u64_cmp(l->dev, r->dev) ?: u64_cmp(l->idx, r->idx) ?: u64_cmp(l->offset, r->offset);
}

static u32 entry_sectors(const struct bch_fs *c, const struct journal_entry *e)
{
	return roundup(DIV_ROUND_UP(e->bytes, 512), c->block_sectors);
}

/* The copies of @e, or only those whose checksum is wrong. */
static int place(struct holes *h, const struct journal_entry *e, bool bad)
{
	int ret = 0;

	darray_for_each(e->ptrs, p)
		if (!ret && (!bad || !p->csum_good))
			ret = darray_push(&h->placed,
					  (struct placed){*p, entry_sectors(h->c, e), e->seq});
	return ret;
}

/* What was opened has those behind the last to be replayed in its list, too: they count here. */
static bool blacklisted(const struct bch_fs *c, u64 seq)
{
	return seq <= c->journal->replay_last &&
	       journal_blacklist_find(&c->journal->blacklist, seq);
}

/* Has one of the entries [@first, @last] that count no good copy? */
static bool any_lost(const struct holes *h, u64 first, u64 last)
{
	u64 next = first;

	darray_for_each(h->s.entries, _e) {
		const struct journal_entry *e = *_e;

		if (e->seq < next)
			continue;
		while (next < e->seq && next <= last && blacklisted(h->c, next))
			next++;
		if (next < e->seq)
			break;
		next++;
	}
	return next <= last;
}

static int tell(struct holes *h, const struct journal_hole *hole, u64 last)
{
	return darray_push(&h->told, (struct blacklist_range){hole->seq, last + 1}) ?:
		       h->fn(h->arg, hole);
}

/*
 * Between @prev and @next; @prev may be in an earlier bucket of the ring, or NULL: then the hole is
 * at the start of the bucket.
 */
static int check_between(struct holes *h, const struct placed *prev, const struct placed *next)
{
	bool same = prev && prev->ptr.idx == next->ptr.idx;
	u32 start = same ? prev->ptr.offset + prev->sectors : 0;
	u64 first = max(prev ? prev->seq + 1 : 0, h->first);
	u64 last = min(next->seq - 1, h->last);
	struct journal_hole hole = {
		.dev = next->ptr.dev,
		.sectors = next->ptr.offset - start,
		.sector = next->ptr.sector - next->ptr.offset + start,
		.seq = first,
	};

	if (start >= next->ptr.offset || !next->seq || first > last)
		return 0;
	hole.lost = any_lost(h, first, last);
	return tell(h, &hole, last);
}

static int check_all(struct holes *h)
{
	const struct placed *p = h->placed.data, *prev;
	int ret = 0;

	sort(h->placed.data, h->placed.nr, sizeof(*p), cmp_placed, NULL);
	for (size_t i = 0; i < h->placed.nr && !ret; i++) {
		prev = i && p[i - 1].ptr.dev == p[i].ptr.dev ? &p[i - 1] : NULL;
		/* Behind the newest entry lies what is left of an earlier round. */
		if (prev && prev->seq >= p[i].seq) {
			if (prev->ptr.idx == p[i].ptr.idx)
				continue;
			prev = NULL;
		}
		ret = check_between(h, prev, &p[i]);
	}
	return ret;
}

/* Nothing of its bucket follows on the entry [@first, ...]: it was behind @prev, or at a start. */
static int check_behind(struct holes *h, const struct journal_entry *prev, u64 first, u64 last)
{
	const struct bch_fs *c = h->c;
	int ret = 0;

	darray_for_each(h->told, r)
		if (first >= r->start && first < r->end)
			return 0;
	darray_for_each(prev->ptrs, p) {
		const struct journal_dev *jd = c->journal->devs[p->dev];
		u32 size = bch_dev(c, p->dev)->mi.bucket_size;
		struct journal_hole hole = {.dev = p->dev,
					    .lost = true,
					    .sectors = c->block_sectors,
					    .sector = p->sector + entry_sectors(c, prev),
					    .seq = first};

		if (p->offset + entry_sectors(c, prev) + c->block_sectors > size)
			hole.sector = jd->buckets[(p->idx + 1) % jd->nr] * size;
		ret = ret ?: tell(h, &hole, last);
	}
	return ret;
}

/* Entries that are missing, and no hole is where they were. */
static int check_missing(struct holes *h)
{
	const struct journal_entry *prev = NULL;
	int ret = 0;

	darray_for_each(h->s.entries, _e) {
		const struct journal_entry *e = *_e;

		if (prev && e->seq > prev->seq + 1 && prev->seq >= h->first && e->seq <= h->last &&
		    any_lost(h, prev->seq + 1, e->seq - 1))
			ret = ret ?: check_behind(h, prev, prev->seq + 1, e->seq - 1);
		prev = e;
	}
	return ret;
}

static int cmp_seq(const void *a, const void *b)
{
	return u64_cmp((*(struct journal_entry *const *)a)->seq,
		       (*(struct journal_entry *const *)b)->seq);
}

/* All good entries, wherever they lie. */
static int scan(struct holes *h)
{
	struct bch_fs *c = h->c;
	int ret = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(c->devs) && !ret; i++)
		if (bch_dev_online(c->devs[i]) && c->journal->devs[i])
			ret = darray_push(&h->s.devs, c->devs[i]);
	ret = ret ?: journal_scan_run(&h->s);
	if (ret || !h->s.entries.nr)
		return ret;
	sort(h->s.entries.data, h->s.entries.nr, sizeof(h->s.entries.data[0]), cmp_seq, NULL);
	darray_for_each(h->s.entries, _e) {
		const struct journal_entry *e = *_e;

		if (journal_entry_is_flush(e) && !blacklisted(c, e->seq)) {
			h->first = e->last_seq;
			h->last = e->seq;
		}
		ret = ret ?: place(h, e, false);
	}
	return ret;
}

int bch_journal_holes(struct bch_fs *c, int (*fn)(void *arg, const struct journal_hole *hole),
		      void *arg)
{
	struct holes h = {
		.c = c,
		.fn = fn,
		.arg = arg,
		.s = {.c = c,
		      .keep_all = true,
		      .behind_holes = true,
		      .last = U64_MAX,
		      .oldest_seq = U64_MAX},
	};
	int ret = scan(&h);

	/* Those whose checksum is wrong are told by themselves. */
	darray_for_each(c->journal->entries, e) {
		ret = ret ?: place(&h, *e, true);
		if (!ret && !(*e)->csum_good)
			ret = darray_push(&h.told,
					  (struct blacklist_range){(*e)->seq, (*e)->seq + 1});
	}
	ret = ret ?: check_all(&h) ?: check_missing(&h);
	darray_exit(&h.placed);
	darray_exit(&h.told);
	journal_scan_exit(&h.s);
	return ret;
}
