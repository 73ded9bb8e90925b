/*
 * The scrub's course (spec 06 section 14): walk over the btrees for what there is to read, then a
 * reader for each device that reads runs of neighbouring items, which a work queue checks; again
 * until no device has items left. Few large reads are in flight, whatever the size of the device.
 */
#include <linux/blkdev.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include "btree/iter.h"
#include "data/data.h"
#include "data/scrub_state.h"
#include "format/errcode.h"
#include "format/reflink.h"

#define GAP_SECTORS  128U	/* what is read for nothing rather than seeking */
#define FINDINGS_MAX (1U << 18) /* with details */
#define TICK	     (HZ / 5)

const char *const bch_scrub_kind_names[] = {"btree node",
					    "extent",
					    "cached extent",
					    "stripe data block",
					    "parity block",
					    "superblock",
					    "layout",
					    "journal entry",
					    NULL};
const char *const bch_scrub_fault_names[] = {"good", "unverified", "checksum", "io", "decompress",
					     "node", "wrong",	   "differs",  NULL};
const char *const bch_scrub_remedy_names[] = {
	"other_copy", "other_copy_unverified", "stripe", "dispensable", "lost", NULL};

struct batch {
	struct work_struct work;
	struct scrub_queue *q;
	unsigned slot;	  /* of q->flight */
	size_t first, nr; /* items */
	u64 sector;
	u32 sectors;
	int err; /* of the read */
	u8 *buf;
};

/* ---- Findings ---- */

static bool is_bad(const struct bch_scrub_finding *f)
{
	return f->fault > SCRUB_unverified;
}

/* The scrub cannot go on. */
static void scrub_fail(struct scrub_state *st, int err)
{
	mutex_lock(&st->lock);
	st->err = st->err ?: err;
	mutex_unlock(&st->lock);
	WRITE_ONCE(st->failed, true);
	WRITE_ONCE(st->stop, true);
}

/* Count an item that was looked at; @again: the one before has the same bytes. */
static void account(struct bch_scrub *s, struct bch_scrub_finding *f, bool again)
{
	struct scrub_state *st = s->state;
	struct bch_scrub_dev *dev = &s->devs[f->item.dev];
	u64 bytes = (u64)f->item.sectors << 9;

	if (is_bad(f))
		bch_scrub_find_remedy(s, f);
	mutex_lock(&st->lock);
	__atomic_add_fetch(&s->done, bytes, __ATOMIC_RELAXED);
	if (!again && f->fault != SCRUB_io && f->item.sector >= dev->start) {
		dev->bytes[f->item.kind] += bytes;
		dev->unverified += f->fault == SCRUB_unverified ? bytes : 0;
	}
	if (is_bad(f) && s->findings.nr < FINDINGS_MAX && darray_push(&s->findings, *f))
		st->err = -ENOMEM;
	/* Blocks of stripes are counted when it is known what the extents in them are like. */
	if (is_bad(f) && !again && f->item.kind != SCRUB_stripe_data) {
		dev->repairable += f->remedy != SCRUB_lost;
		dev->lost += f->remedy == SCRUB_lost;
	}
	mutex_unlock(&st->lock);
}

/* ---- Checking a batch ---- */

static void batch_check(struct batch *batch)
{
	struct scrub_queue *q = batch->q;
	struct bch_scrub *s = q->s;
	struct bch_scrub_finding f = {};
	size_t i;
	int ret;

	for (i = batch->first; i < batch->first + batch->nr && !READ_ONCE(s->state->failed); i++) {
		const struct bch_scrub_item *item = &q->items.data[i];
		bool again = i > batch->first && bch_scrub_same_item(item, &f.item);
		u8 *buf = batch->buf + ((item->sector - batch->sector) << 9);

		f.item = *item;
		if (!again) {
			/* One bad sector must not spoil its neighbours. */
			f.err = batch->err ? bch_dev_read(s->c, item->dev, item->sector, buf,
							  (size_t)item->sectors << 9) :
					     0;
			ret = f.err ? 0 : bch_scrub_verify(s, &f, buf);
			if (f.err) {
				f.fault = SCRUB_io;
				f.why = "read error";
			}
			if (ret)
				scrub_fail(s->state, ret);
		}
		account(s, &f, again);
	}
}

static void batch_put(struct batch *batch)
{
	struct scrub_queue *q = batch->q;

	mutex_lock(&q->s->state->lock);
	if (!READ_ONCE(q->s->state->failed))
		q->flight[batch->slot] = U64_MAX;
	mutex_unlock(&q->s->state->lock);
	kvfree(batch->buf);
	kfree(batch);
	__atomic_sub_fetch(&q->in_flight, 1, __ATOMIC_RELEASE);
	wake_up_all(&q->s->state->wait);
}

static void batch_work(struct work_struct *work)
{
	struct batch *batch = container_of(work, struct batch, work);

	batch_check(batch);
	batch_put(batch);
}

/* ---- Reading ---- */

static u64 item_end(const struct bch_scrub_item *item)
{
	return item->sector + item->sectors;
}

/* A batch of the items from @i on that lie close to each other. */
static void batch_fill(struct batch *batch, struct scrub_queue *q, size_t i)
{
	u64 end = item_end(&q->items.data[i]);

	batch->q = q;
	batch->first = i;
	batch->sector = q->items.data[i].sector;
	for (; i < q->items.nr; i++) {
		const struct bch_scrub_item *item = &q->items.data[i];
		u64 new_end = max(end, item_end(item));

		if (i > batch->first && (item->sector > end + GAP_SECTORS || new_end > q->sectors ||
					 new_end - batch->sector > max(SCRUB_BATCH_SECTORS,
								       (u32)(end - batch->sector))))
			break;
		end = new_end;
	}
	batch->nr = i - batch->first;
	batch->sectors = end - batch->sector;
}

/* There is a slot: no more batches are submitted than there are. */
static void take_slot(struct scrub_queue *q, struct batch *batch)
{
	size_t end = batch->first + batch->nr;

	mutex_lock(&q->s->state->lock);
	while (q->flight[batch->slot] != U64_MAX && batch->slot < SCRUB_BATCHES_MAX - 1)
		batch->slot++;
	q->flight[batch->slot] = batch->sector;
	q->next = end < q->items.nr ? q->items.data[end].sector : q->limit;
	mutex_unlock(&q->s->state->lock);
}

static int batch_submit(struct scrub_queue *q, size_t *i)
{
	struct bch_scrub *s = q->s;
	struct batch *batch = kzalloc(sizeof(*batch), GFP_KERNEL);

	if (!batch)
		return -ENOMEM;
	batch_fill(batch, q, *i);
	batch->buf = kvmalloc((size_t)batch->sectors << 9, GFP_KERNEL);
	if (!batch->buf) {
		kfree(batch);
		return -ENOMEM;
	}
	*i += batch->nr;
	take_slot(q, batch);
	q->bytes += (u64)batch->sectors << 9;
	batch->err = bch_dev_read(s->c, q->ca->idx, batch->sector, batch->buf,
				  (size_t)batch->sectors << 9);
	__atomic_add_fetch(&q->in_flight, 1, __ATOMIC_RELAXED);
	INIT_WORK(&batch->work, batch_work);
	queue_work(s->state->wq, &batch->work);
	return 0;
}

static void beyond_device(struct scrub_queue *q, const struct bch_scrub_item *item)
{
	struct bch_scrub_finding f = {.item = *item,
				      .fault = SCRUB_io,
				      .err = -EIO,
				      .why = "beyond the end of the device"};

	account(q->s, &f, false);
}

/* Wait until the member may be read again. */
static void keep_rate(struct scrub_queue *q)
{
	struct scrub_state *st = q->s->state;
	u64 rate = q->s->rate, due, now;

	if (!rate)
		return;
	due = q->started + mul_u64_u64_div_u64(q->bytes, NSEC_PER_SEC, rate);
	while ((now = ktime_get_ns()) < due && !READ_ONCE(st->stop))
		wait_event_timeout(st->wait, READ_ONCE(st->stop),
				   min_t(u64, (due - now) / (NSEC_PER_SEC / HZ) + 1, TICK));
}

static int reader(void *arg)
{
	struct scrub_queue *q = arg;
	struct scrub_state *st = q->s->state;
	size_t i = 0;
	int ret = 0;

	while (i < q->items.nr && !ret && !READ_ONCE(st->stop)) {
		const struct bch_scrub_item *item = &q->items.data[i];

		if (item->sector >= q->sectors || item->sectors > q->sectors - item->sector) {
			beyond_device(q, item);
			i++;
			continue;
		}
		wait_event(st->wait,
			   __atomic_load_n(&q->in_flight, __ATOMIC_ACQUIRE) < SCRUB_BATCHES_MAX);
		ret = batch_submit(q, &i);
		keep_rate(q);
	}
	wait_event(st->wait, !__atomic_load_n(&q->in_flight, __ATOMIC_ACQUIRE));
	if (ret)
		scrub_fail(st, ret);
	mutex_lock(&st->lock);
	st->readers--;
	mutex_unlock(&st->lock);
	wake_up_all(&st->wait);
	return 0;
}

static bool readers_done(struct scrub_state *st)
{
	bool done;

	mutex_lock(&st->lock);
	done = !st->readers;
	mutex_unlock(&st->lock);
	return done;
}

static int read_all(struct bch_scrub *s)
{
	struct scrub_state *st = s->state;
	unsigned i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(st->queues) && !ret; i++) {
		struct scrub_queue *q = st->queues[i];

		if (!q || !q->items.nr)
			continue;
		mutex_lock(&st->lock);
		st->readers++;
		mutex_unlock(&st->lock);
		q->reader = kthread_run(reader, q, "scrub-%u", i);
		if (IS_ERR(q->reader)) {
			ret = PTR_ERR(q->reader);
			q->reader = NULL;
			mutex_lock(&st->lock);
			st->readers--;
			mutex_unlock(&st->lock);
			WRITE_ONCE(st->stop, true);
		}
	}
	while (!wait_event_timeout(st->wait, readers_done(st), TICK))
		if (s->tick && !s->tick(s)) {
			s->stopped = true;
			WRITE_ONCE(st->stop, true);
		}
	for (i = 0; i < ARRAY_SIZE(st->queues); i++)
		if (st->queues[i] && st->queues[i]->reader) {
			kthread_stop(st->queues[i]->reader);
			st->queues[i]->reader = NULL;
		}
	return ret ?: s->stopped ? -EINTR : st->err;
}

/* ---- The end: what is told ---- */

static int finding_cmp(const void *_a, const void *_b)
{
	const struct bch_scrub_finding *a = _a, *b = _b;

	return a->item.dev != b->item.dev ? (a->item.dev < b->item.dev ? -1 : 1) :
					    bch_scrub_item_cmp(&a->item, &b->item);
}

/* Is one of the findings about an extent that overlaps @block? The findings are sorted. */
static bool has_bad_extent(const struct bch_scrub *s, const struct bch_scrub_finding *block)
{
	const struct bch_scrub_finding *f = block, *end = s->findings.data + s->findings.nr;
	const u64 reach = 1U << 16; /* further back starts no item that overlaps */

	while (f > s->findings.data && f[-1].item.dev == block->item.dev &&
	       f[-1].item.sector + reach > block->item.sector)
		f--;
	for (; f < end && f->item.dev == block->item.dev && f->item.sector < item_end(&block->item);
	     f++)
		if ((f->item.kind == SCRUB_extent || f->item.kind == SCRUB_cached) &&
		    item_end(&f->item) > block->item.sector)
			return true;
	return false;
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
		s->devs[f->item.dev].repairable += f->remedy != SCRUB_lost;
		s->devs[f->item.dev].lost += f->remedy == SCRUB_lost;
	}
	for (i = 0; i < s->findings.nr; i++)
		if (is_bad(&s->findings.data[i]))
			s->findings.data[nr++] = s->findings.data[i];
	s->findings.nr = nr;
	for (i = 0; i < ARRAY_SIZE(s->devs); i++) {
		s->repairable += s->devs[i].repairable;
		s->lost += s->devs[i].lost;
	}
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

static int state_init(struct bch_scrub *s)
{
	struct scrub_state *st = kzalloc(sizeof(*st), GFP_KERNEL);
	unsigned i, nr = 0;

	s->state = st;
	if (!st)
		return -ENOMEM;
	init_waitqueue_head(&st->wait);
	mutex_init(&st->lock);
	st->wq = alloc_workqueue("scrub", WQ_UNBOUND, 0);
	if (!st->wq)
		return -ENOMEM;
	for (i = 0; i < s->c->nr_devices; i++) {
		struct bch_dev *ca = bch_dev(s->c, i);
		struct scrub_queue *q;

		if (!bch_scrub_wants_dev(s, i))
			continue;
		q = st->queues[i] = kzalloc(sizeof(*q), GFP_KERNEL);
		if (!q)
			return -ENOMEM;
		q->s = s;
		q->ca = ca;
		q->sectors = bdev_nr_sectors(ca->bdev);
		q->limit = U64_MAX;
		memset(q->flight, 0xff, sizeof(q->flight));
		q->started = ktime_get_ns();
		nr++;
	}
	for (i = 0; i < s->c->nr_devices; i++)
		if (st->queues[i])
			st->queues[i]->items_max =
				SCRUB_ITEMS_BYTES / sizeof(struct bch_scrub_item) / nr;
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
		q->next = q->limit;
		q->start = q->limit;
		q->limit = U64_MAX;
	}
	return more;
}

static void state_exit(struct bch_scrub *s)
{
	struct scrub_state *st = s->state;
	unsigned i;

	if (!st)
		return;
	if (st->wq)
		destroy_workqueue(st->wq);
	for (i = 0; i < ARRAY_SIZE(st->queues); i++) {
		if (st->queues[i])
			darray_exit(&st->queues[i]->items);
		kfree(st->queues[i]);
	}
	kfree(st);
	s->state = NULL;
}

/* All below is checked; what is looked at again lies below the start. */
static u64 queue_pos(const struct scrub_queue *q)
{
	u64 pos = q->next;

	for (unsigned i = 0; i < SCRUB_BATCHES_MAX; i++)
		pos = min(pos, q->flight[i]);
	return max(pos, q->s->devs[q->ca->idx].start);
}

void bch_scrub_hold(struct bch_scrub *s, void (*fn)(struct bch_scrub *s, void *arg), void *arg)
{
	struct scrub_state *st = s->state;

	if (st)
		mutex_lock(&st->lock);
	for (unsigned i = 0; st && i < ARRAY_SIZE(st->queues); i++)
		if (st->queues[i])
			s->devs[i].pos = queue_pos(st->queues[i]);
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
		ret = bch_scrub_collect(s, first) ?: read_all(s);
		first = false;
		if (ret || !next_windows(s))
			break;
	}
	if (!ret && s->data)
		ret = bch_scrub_check_parity(s);
	bch_scrub_hold(s, NULL, NULL);
	findings_finish(s);
	state_exit(s);
	return ret;
}

void bch_scrub_exit(struct bch_scrub *s)
{
	darray_exit(&s->findings);
	darray_exit(&s->recheck);
}
