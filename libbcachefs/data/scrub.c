/*
 * The scrub's course (spec 06 section 14): walk over the btrees for what there is to read, then
 * read and check it; again until no device has items left. Then put in order what is told.
 */
#include <linux/blkdev.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include "btree/iter.h"
#include "data/data.h"
#include "data/scrub_state.h"
#include "format/errcode.h"
#include "format/reflink.h"
#include "journal/journal.h"

const char *const bch_scrub_kind_names[] = {"btree node",
					    "extent",
					    "cached extent",
					    "stripe data block",
					    "parity block",
					    "superblock",
					    "layout",
					    "journal entry",
					    NULL};
const char *const bch_scrub_fault_names[] = {"good",	   "unverified", "checksum", "io",
					     "decompress", "node",	 "wrong",    "differs",
					     "poisoned",   NULL};
const char *const bch_scrub_remedy_names[] = {
	"other_copy", "other_copy_unverified", "stripe", "dispensable", "lost", "undecided", NULL};

/* ---- The end: what is told ---- */

static int finding_cmp(const void *_a, const void *_b)
{
	const struct bch_scrub_finding *a = _a, *b = _b;

	return a->item.dev != b->item.dev ? (a->item.dev < b->item.dev ? -1 : 1) :
					    bch_scrub_item_cmp(&a->item, &b->item);
}

/* Is it about what the device gives, not about what was once stored there? */
static bool is_of_device(const struct bch_scrub_finding *f)
{
	return f->fault != SCRUB_poisoned && f->fault != SCRUB_differs;
}

/* Is one of the findings about an extent that overlaps @block? The findings are sorted. */
static bool has_bad_extent(const struct bch_scrub *s, const struct bch_scrub_finding *block)
{
	const struct bch_scrub_finding *f = block, *end = s->findings.data + s->findings.nr;
	const u64 reach = 1U << 16; /* further back starts no item that overlaps */

	while (f > s->findings.data && f[-1].item.dev == block->item.dev &&
	       f[-1].item.sector + reach > block->item.sector)
		f--;
	for (; f < end && f->item.dev == block->item.dev &&
	       f->item.sector < bch_scrub_item_end(&block->item);
	     f++)
		if ((f->item.kind == SCRUB_extent || f->item.kind == SCRUB_cached) &&
		    is_of_device(f) && bch_scrub_item_end(&f->item) > block->item.sector)
			return true;
	return false;
}

void bch_scrub_counts_add(struct bch_scrub_dev *to, const struct bch_scrub_dev *from)
{
	for (unsigned i = 0; i < SCRUB_KIND_NR; i++)
		to->bytes[i] += from->bytes[i];
	to->unverified += from->unverified;
	to->unverified_copies += from->unverified_copies;
	to->repairable += from->repairable;
	to->lost += from->lost;
	to->undecided += from->undecided;
}

/*
 * A bad data block of a stripe is a finding of its own only where no bad extent lies in it. Drops
 * the others and counts what is left.
 */
static void findings_finish(struct bch_scrub *s)
{
	size_t i, nr = 0;

	sort(s->findings.data, s->findings.nr, sizeof(s->findings.data[0]), finding_cmp, NULL);
	for (i = 0; i < s->findings.nr; i++) {
		struct bch_scrub_finding *f = &s->findings.data[i];

		if (f->item.kind != SCRUB_stripe_data)
			continue;
		if (has_bad_extent(s, f)) {
			f->fault = SCRUB_good;
			continue;
		}
		bch_scrub_count(&s->devs[f->item.dev], f->remedy);
	}
	for (i = 0; i < s->findings.nr; i++)
		if (s->findings.data[i].fault > SCRUB_unverified)
			s->findings.data[nr++] = s->findings.data[i];
	s->findings.nr = nr;
	for (i = 0; i < ARRAY_SIZE(s->devs); i++)
		bch_scrub_counts_add(&s->all, &s->devs[i]);
}

struct files_walk {
	const struct bch_scrub_finding *f;
	bch_scrub_file_fn fn;
	void *arg;
};

/* Where the bad sectors lie in the key: all of its live part, or the piece that was read. */
static void finding_range(const struct bch_scrub_finding *f, u64 *start, u64 *len)
{
	bool encoded = extent_crc_is_encoded(&f->item.crc);

	*start = f->item.pos.offset - f->item.crc.live_size + f->item.skip;
	*len = encoded ? f->item.crc.live_size : f->item.sectors;
}

/* Tell the file if the reflink_p @k points into [start, start + len) of the reflink btree. */
static void reflink_p_check(struct files_walk *w, struct bkey_view k, u64 start, u64 len)
{
	struct bch_reflink_p v;
	u64 idx, from, to;

	bkey_val_read(k, &v, sizeof(v));
	idx = REFLINK_P_IDX(le64_to_cpu(v.idx_flags));
	from = max(idx, start);
	to = min(idx + k.k->size, start + len);
	if (from < to)
		w->fn(w->arg, k.k->p.inode, k.k->p.snapshot,
		      (bkey_start_offset(k.k) + from - idx) << 9, (to - from) << 9);
}

static int reflink_files(struct bch_scrub *s, struct files_walk *w, u64 start, u64 len)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, s->c, BTREE_ID_extents, POS_MIN,
		      BTREE_ITER_all_snapshots | BTREE_ITER_prefetch | BTREE_ITER_once);
	for (;;) {
		ret = bch_iter_peek(&iter, &k);
		if (ret == -BCH_ERR_btree_node_read_error && bch_iter_skip_unreadable(&iter))
			continue;
		if (ret || !k.k)
			break;
		if (k.k->type == KEY_TYPE_reflink_p)
			reflink_p_check(w, k, start, len);
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
	return ret;
}

int bch_scrub_files(struct bch_scrub *s, const struct bch_scrub_finding *f, bch_scrub_file_fn fn,
		    void *arg)
{
	struct files_walk w = {.f = f, .fn = fn, .arg = arg};
	u64 start, len;

	if (f->item.kind != SCRUB_extent && f->item.kind != SCRUB_cached)
		return 0;
	finding_range(f, &start, &len);
	if (f->item.btree == BTREE_ID_reflink)
		return reflink_files(s, &w, start, len);
	fn(arg, f->item.pos.inode, f->item.pos.snapshot, start << 9, len << 9);
	return 0;
}

/* ---- */

/* The members share the processors, and a slow one must not wait for the checks. */
static unsigned readers_of(unsigned nr_queues)
{
	unsigned nr = DIV_ROUND_UP(num_online_cpus(), nr_queues) + 1;

	return min(nr, SCRUB_READERS_MAX);
}

static struct scrub_queue *queue_new(struct bch_scrub *s, struct bch_dev *ca, unsigned nr_queues)
{
	struct scrub_queue *q = kzalloc(sizeof(*q), GFP_KERNEL);

	if (!q)
		return NULL;
	q->s = s;
	q->ca = ca;
	q->sectors = bdev_nr_sectors(ca->bdev);
	q->limit = U64_MAX;
	q->batch_sectors = bdev_is_direct(ca->bdev) ? SCRUB_DIRECT_SECTORS : SCRUB_BUFFERED_SECTORS;
	q->items_max = SCRUB_ITEMS_BYTES / sizeof(struct bch_scrub_item) / nr_queues;
	q->started = ktime_get_ns();
	q->nr_readers = readers_of(nr_queues);
	for (unsigned i = 0; i < q->nr_readers; i++)
		q->readers[i] = (struct scrub_reader){.q = q, .at = U64_MAX};
	return q;
}

/* The newest entry that the state has in it. */
static u64 journal_seq(const struct bch_fs *c)
{
	const struct bch_journal *j = c->journal;

	return !j ? 0 : j->replay_last ?: j->start_seq - !!j->start_seq;
}

static int state_init(struct bch_scrub *s)
{
	struct scrub_state *st = kzalloc(sizeof(*st), GFP_KERNEL);
	unsigned i, nr = 0;

	s->state = st;
	if (!st)
		return -ENOMEM;
	init_waitqueue_head(&st->wait);
	mutex_init(&st->lock);
	for (i = 0; i < s->c->nr_devices; i++)
		nr += bch_scrub_wants_dev(s, i);
	for (i = 0; i < s->c->nr_devices; i++) {
		if (!bch_scrub_wants_dev(s, i))
			continue;
		if (!s->devs[i].start)
			s->devs[i].journal_seq = journal_seq(s->c);
		st->queues[i] = queue_new(s, bch_dev(s->c, i), nr);
		if (!st->queues[i])
			return -ENOMEM;
	}
	return 0;
}

/* To the windows behind those just done; false: there are none. */
static bool next_windows(struct bch_scrub *s)
{
	bool more = false;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(s->state->queues); i++) {
		struct scrub_queue *q = s->state->queues[i];

		if (!q)
			continue;
		more |= q->limit != U64_MAX;
		q->items.nr = 0;
		q->taken = 0;
		q->next = q->limit;
		q->start = q->limit;
		q->limit = U64_MAX;
	}
	return more;
}

static void queue_free(struct scrub_queue *q)
{
	if (!q)
		return;
	for (unsigned i = 0; i < q->nr_readers; i++) {
		struct scrub_reader *r = &q->readers[i];

		kvfree(r->data.p);
		kvfree(r->work.plain.p);
		kvfree(r->work.copy.p);
		darray_exit(&r->findings);
	}
	darray_exit(&q->items);
	kfree(q);
}

static void state_exit(struct bch_scrub *s)
{
	struct scrub_state *st = s->state;
	unsigned i;

	if (!st)
		return;
	for (i = 0; i < ARRAY_SIZE(st->queues); i++)
		queue_free(st->queues[i]);
	kfree(st);
	s->state = NULL;
}

/* All below was read and checked. */
static u64 queue_reached(const struct scrub_queue *q)
{
	u64 reached = q->next;

	for (unsigned i = 0; i < q->nr_readers; i++)
		reached = min(reached, q->readers[i].at);
	return reached;
}

void bch_scrub_hold(struct bch_scrub *s, void (*fn)(struct bch_scrub *s, void *arg), void *arg)
{
	struct scrub_state *st = s->state;

	if (st)
		mutex_lock(&st->lock);
	for (unsigned i = 0; st && i < ARRAY_SIZE(st->queues); i++) {
		struct bch_scrub_dev *d = &s->devs[i];

		d->reached = st->queues[i] ? queue_reached(st->queues[i]) : 0;
		/* What is looked at again lies below the start. */
		d->pos = max(d->reached, d->start);
	}
	if (fn)
		fn(s, arg);
	if (st)
		mutex_unlock(&st->lock);
}

int bch_scrub_run(struct bch_scrub *s)
{
	bool first = true;
	int ret = state_init(s);

	if (!ret && s->metadata)
		ret = bch_scrub_check_fixed(s);

	while (!ret) {
		ret = bch_scrub_collect(s, first) ?: bch_scrub_read(s);
		first = false;
		if (ret || !next_windows(s))
			break;
	}
	if (!ret && s->data)
		ret = bch_scrub_check_parity(s);
	bch_scrub_hold(s, NULL, NULL);
	findings_finish(s);
	state_exit(s);
	s->err = s->stopped ? 0 : ret;
	return ret;
}

void bch_scrub_exit(struct bch_scrub *s)
{
	darray_exit(&s->findings);
	darray_exit(&s->recheck);
}
