/*
 * The scrub's readers (spec 06 section 14): a few threads for each member, each of which takes the
 * next run of neighbouring items, reads it into a buffer of its own and checks it. So the reads of
 * a member are large, in the order of its sectors, and some are under way while others are checked;
 * memory is a few buffers a thread, whatever the size of the member.
 */
#include <linux/blkdev.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include "data/data.h"
#include "data/scrub_state.h"

#define GAP_SECTORS  128U	/* what is read for nothing rather than seeking */
#define FINDINGS_MAX (1U << 18) /* with details */
#define TICK	     (HZ / 5)

/* A run of items that are read at once. */
struct batch {
	size_t first, nr; /* items */
	u64 sector;
	u32 sectors;
	bool beyond; /* one item, behind the end of the member */
	int err;     /* of the read */
	u8 *buf;
};

/* The scrub cannot go on. */
static void scrub_fail(struct scrub_state *st, int err)
{
	mutex_lock(&st->lock);
	st->err = st->err ?: err;
	mutex_unlock(&st->lock);
	WRITE_ONCE(st->failed, true);
	WRITE_ONCE(st->stop, true);
}

void *bch_scrub_buf_get(struct scrub_buf *b, size_t bytes)
{
	if (b->bytes < bytes) {
		kvfree(b->p);
		b->p = kvmalloc(bytes, GFP_KERNEL);
		b->bytes = b->p ? bytes : 0;
	}
	return b->p;
}

/* ---- Checking a batch: what it gives is the reader's until the end of the batch ---- */

/* Count an item that was looked at; @again: the one before has the same bytes. */
static void item_done(struct scrub_reader *r, struct bch_scrub_finding *f, bool again)
{
	struct bch_scrub *s = r->q->s;
	u64 bytes = (u64)f->item.sectors << 9;

	r->done += bytes;
	if (!again && f->fault != SCRUB_io && f->item.sector >= s->devs[f->item.dev].start) {
		r->counts.bytes[f->item.kind] += bytes;
		if (f->fault == SCRUB_unverified) {
			r->counts.unverified += bytes;
			/* Copies that are read in pieces count once. */
			r->counts.unverified_copies += !f->item.skip;
		}
	}
	if (f->fault <= SCRUB_unverified)
		return;
	bch_scrub_find_remedy(s, f, &r->work);
	if (darray_push(&r->findings, *f))
		scrub_fail(s->state, -ENOMEM);
	/* Blocks of stripes are counted when it is known what the extents in them are like. */
	if (!again && f->item.kind != SCRUB_stripe_data)
		bch_scrub_count(&r->counts, f->remedy);
}

static void item_io_error(struct bch_scrub_finding *f, int err, const char *why)
{
	f->fault = SCRUB_io;
	f->err = err;
	f->why = why;
}

static void item_check(struct scrub_reader *r, struct bch_scrub_finding *f,
		       const struct batch *batch)
{
	struct bch_scrub *s = r->q->s;
	const struct bch_scrub_item *item = &f->item;
	u8 *buf = batch->buf + ((item->sector - batch->sector) << 9);
	int ret = 0;

	/* One bad sector must not spoil its neighbours. */
	f->err = batch->err ? bch_dev_read(s->c, item->dev, item->sector, buf,
					   (size_t)item->sectors << 9) :
			      0;
	if (f->err)
		item_io_error(f, f->err, "read error");
	else
		ret = bch_scrub_verify(s, f, buf, &r->work);
	if (ret)
		scrub_fail(s->state, ret);
}

static void batch_check(struct scrub_reader *r, const struct batch *batch)
{
	struct scrub_queue *q = r->q;
	struct bch_scrub_finding f = {};
	size_t i;

	for (i = batch->first; i < batch->first + batch->nr && !READ_ONCE(q->s->state->failed);
	     i++) {
		bool again = i > batch->first && bch_scrub_same_item(&q->items.data[i], &f.item);

		f.item = q->items.data[i];
		if (batch->beyond)
			item_io_error(&f, -EIO, "beyond the end of the device");
		else if (!again)
			item_check(r, &f, batch);
		item_done(r, &f, again);
	}
}

/* Under the lock: add what the reader found to what is told. */
static int reader_tell(struct scrub_reader *r)
{
	struct bch_scrub *s = r->q->s;
	int ret = 0;

	__atomic_add_fetch(&s->done, r->done, __ATOMIC_RELAXED);
	bch_scrub_counts_add(&s->devs[r->q->ca->idx], &r->counts);
	darray_for_each(r->findings, f)
		if (!ret && s->findings.nr < FINDINGS_MAX)
			ret = darray_push(&s->findings, *f);
	return ret;
}

static void batch_end(struct scrub_reader *r)
{
	struct scrub_state *st = r->q->s->state;
	int ret = 0;

	mutex_lock(&st->lock);
	if (!READ_ONCE(st->failed)) {
		ret = reader_tell(r);
		r->at = U64_MAX;
	}
	mutex_unlock(&st->lock);
	if (ret)
		scrub_fail(st, ret);
	r->done = 0;
	r->counts = (struct bch_scrub_dev){};
	r->findings.nr = 0;
}

/* ---- Reading ---- */

static bool item_is_beyond(const struct scrub_queue *q, const struct bch_scrub_item *item)
{
	return item->sector >= q->sectors || item->sectors > q->sectors - item->sector;
}

/* Under the lock: the items from @q->taken on that lie close to each other. */
static void batch_fill(struct batch *batch, const struct scrub_queue *q)
{
	const struct bch_scrub_item *item = &q->items.data[q->taken];
	u64 end = bch_scrub_item_end(item);
	size_t i;

	*batch = (struct batch){.first = q->taken, .nr = 1, .sector = item->sector};
	batch->beyond = item_is_beyond(q, item);
	if (batch->beyond)
		return;
	for (i = q->taken + 1; i < q->items.nr; i++) {
		u64 new_end = max(end, bch_scrub_item_end(++item));

		if (item->sector > end + GAP_SECTORS || new_end > q->sectors ||
		    new_end - batch->sector > max(q->batch_sectors, (u32)(end - batch->sector)))
			break;
		end = new_end;
	}
	batch->nr = i - batch->first;
	batch->sectors = end - batch->sector;
}

/* Under the lock: ns until the member may be read again. */
static u64 rate_delay(const struct scrub_queue *q)
{
	u64 due, now;

	if (!q->s->rate)
		return 0;
	due = q->started + mul_u64_u64_div_u64(q->bytes, NSEC_PER_SEC, q->s->rate);
	now = ktime_get_ns();
	return due > now ? due - now : 0;
}

/* The next batch, once the rate allows; false: there is none. */
static bool batch_take(struct scrub_reader *r, struct batch *batch)
{
	struct scrub_queue *q = r->q;
	struct scrub_state *st = q->s->state;
	u64 delay = 0;
	bool more;

	do {
		if (delay)
			wait_event_timeout(st->wait, READ_ONCE(st->stop),
					   min_t(u64, delay / (NSEC_PER_SEC / HZ) + 1, TICK));
		mutex_lock(&st->lock);
		more = q->taken < q->items.nr && !READ_ONCE(st->stop);
		delay = more ? rate_delay(q) : 0;
		if (more && !delay) {
			batch_fill(batch, q);
			r->at = batch->sector;
			q->taken += batch->nr;
			q->next =
				q->taken < q->items.nr ? q->items.data[q->taken].sector : q->limit;
			q->bytes += (u64)batch->sectors << 9;
		}
		mutex_unlock(&st->lock);
	} while (more && delay);
	return more;
}

static int reader_main(void *arg)
{
	struct scrub_reader *r = arg;
	struct bch_scrub *s = r->q->s;
	struct batch batch = {};

	while (batch_take(r, &batch)) {
		size_t bytes = (size_t)batch.sectors << 9;

		if (!batch.beyond) {
			batch.buf = bch_scrub_buf_get(&r->data, bytes);
			if (!batch.buf) {
				scrub_fail(s->state, -ENOMEM);
				break;
			}
			batch.err =
				bch_dev_read(s->c, r->q->ca->idx, batch.sector, batch.buf, bytes);
		}
		batch_check(r, &batch);
		batch_end(r);
	}
	mutex_lock(&s->state->lock);
	s->state->readers--;
	mutex_unlock(&s->state->lock);
	wake_up_all(&s->state->wait);
	return 0;
}

/* ---- All readers ---- */

static int reader_start(struct scrub_reader *r)
{
	struct scrub_state *st = r->q->s->state;
	struct task_struct *t = kthread_create(reader_main, r, "scrub-%u", r->q->ca->idx);

	if (IS_ERR(t))
		return PTR_ERR(t);
	r->task = t;
	mutex_lock(&st->lock);
	st->readers++;
	mutex_unlock(&st->lock);
	wake_up_process(t);
	return 0;
}

static int queue_start(struct scrub_queue *q)
{
	int ret = 0;

	for (unsigned i = 0; i < q->nr_readers && !ret; i++)
		ret = reader_start(&q->readers[i]);
	return ret;
}

static void queue_end(struct scrub_queue *q)
{
	for (unsigned i = 0; i < q->nr_readers; i++)
		if (q->readers[i].task) {
			kthread_stop(q->readers[i].task);
			q->readers[i].task = NULL;
		}
}

static bool readers_done(struct scrub_state *st)
{
	bool done;

	mutex_lock(&st->lock);
	done = !st->readers;
	mutex_unlock(&st->lock);
	return done;
}

int bch_scrub_read(struct bch_scrub *s)
{
	struct scrub_state *st = s->state;
	unsigned i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(st->queues) && !ret; i++)
		if (st->queues[i] && st->queues[i]->items.nr)
			ret = queue_start(st->queues[i]);
	if (ret)
		WRITE_ONCE(st->stop, true);
	while (!wait_event_timeout(st->wait, readers_done(st), TICK))
		if (s->tick && !s->tick(s)) {
			s->stopped = true;
			WRITE_ONCE(st->stop, true);
		}
	for (i = 0; i < ARRAY_SIZE(st->queues); i++)
		if (st->queues[i])
			queue_end(st->queues[i]);
	return ret ?: s->stopped ? -EINTR : st->err;
}
