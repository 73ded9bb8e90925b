/*
 * The data of one file (host/restore_job.h): holes are passed over, the rest is read in chunks that
 * do not cut an extent, several in flight, and handed on in order. A chunk that fails is read again
 * extent by extent, so that as little as possible is lost.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "data/map.h"
#include "data/read.h"
#include "host/restore_share.h"

#define CHUNK_MAX  (512U << 10) /* bytes */
#define CHUNKS	   16		/* in flight, of one file */
#define BLOCK	   4096U	/* the least that is tried alone where there is no checksum */
#define LOST_MAX   65536
#define RANGES_MAX (1U << 22)

struct chunk {
	struct bch_read r;
	struct completion done;
	size_t size; /* of r.buf */
};

struct copy {
	struct restore_job *job;
	restore_sink sink;
	void *arg;
	bool fill;
	u64 size; /* of the file */
	struct bch_map map;
	struct bch_map_range next; /* not yet in a chunk */
	bool have_next;
	struct chunk chunks[CHUNKS];
	unsigned head, nr; /* in flight */
	u8 *filling;
};

/* ---- What is lost ---- */

void restore_file_lost(struct restore_job *job, u64 start, u64 end, const char *why)
{
	struct restore_lost *last = job->lost.nr ? &darray_last(job->lost) : NULL;
	char *copy;

	job->bytes_lost += end - start;
	if (last && (job->lost.nr == LOST_MAX || (last->end == start && !strcmp(last->why, why)))) {
		last->end = end;
		return;
	}
	copy = kmemdup(why, strlen(why) + 1, GFP_KERNEL);
	if (!copy || darray_push(&job->lost, ((struct restore_lost){start, end, copy}))) {
		kfree(copy);
		restore_stop(job->r, -ENOMEM);
	}
}

static int fill(struct copy *c, u64 start, u64 end)
{
	struct restore_job *job = c->job;
	size_t i, n = sizeof(RESTORE_PATTERN) - 1;
	int ret = 0;

	if (!c->fill)
		return 0;
	if (!c->filling) {
		c->filling = kvzalloc(CHUNK_MAX, GFP_KERNEL);
		if (!c->filling)
			return -ENOMEM;
		for (i = 0; job->r->fill == RESTORE_FILL_pattern && i < CHUNK_MAX; i++)
			c->filling[i] = RESTORE_PATTERN[i % n];
	}
	for (; start < end && !ret; start += min_t(u64, end - start, CHUNK_MAX))
		ret = c->sink(job, c->arg, start, c->filling, min_t(u64, end - start, CHUNK_MAX));
	return ret;
}

static int lose(struct copy *c, u64 start, u64 end, const char *why)
{
	restore_file_lost(c->job, start, end, why);
	return fill(c, start, end);
}

/* ---- Chunks ---- */

static void chunk_done(struct bch_read *r)
{
	complete(&container_of(r, struct chunk, r)->done);
}

static struct bch_read part_of(struct copy *c, void *buf, u64 start, u64 end)
{
	return (struct bch_read){
		.c = c->job->r->c,
		.inum = c->job->ino.inum,
		.snapshot = c->job->snapshot,
		.offset = start,
		.len = end - start,
		.buf = buf,
	};
}

static int chunk_submit(struct copy *c, u64 start, size_t len)
{
	struct chunk *chunk = &c->chunks[(c->head + c->nr) % CHUNKS];

	if (chunk->size < len) {
		kvfree(chunk->r.buf);
		chunk->size = 0;
		chunk->r.buf = kvmalloc(len, GFP_KERNEL);
		if (!chunk->r.buf)
			return -ENOMEM;
		chunk->size = len;
	}
	chunk->r = part_of(c, chunk->r.buf, start, start + len);
	chunk->r.done = chunk_done;
	init_completion(&chunk->done);
	c->nr++;
	bch_read_submit(&chunk->r);
	return 0;
}

/* Nothing good is to be had of a range that is read as a whole. */
static int give_up(struct copy *c, u8 *buf, u64 start, u64 end, const char *why)
{
	struct bch_read r = part_of(c, buf, start, end);
	struct printbuf kept = PRINTBUF;
	int ret;

	r.keep_bad = true;
	if (!c->job->r->keep_bad || bch_read_wait(&r)) {
		ret = lose(c, start, end, why);
	} else {
		prt_printf(&kept, "%s (written all the same)", why);
		restore_file_lost(c->job, start, end, printbuf_str(&kept));
		ret = c->sink(c->job, c->arg, start, buf, end - start);
	}
	printbuf_exit(&kept);
	printbuf_exit(&r.why);
	return ret;
}

/* One range again, in halves where these can be read alone. */
static int salvage(struct copy *c, u8 *buf, u64 start, u64 end, bool whole)
{
	struct bch_read r = part_of(c, buf, start, end);
	u64 middle = round_up(start + (end - start) / 2, BLOCK);
	int ret;

	if (!bch_read_wait(&r))
		ret = c->sink(c->job, c->arg, start, buf, end - start);
	else if (whole || end - start <= BLOCK || middle >= end)
		ret = give_up(c, buf, start, end, printbuf_str(&r.why) + r.reason);
	else
		ret = salvage(c, buf, start, middle, false) ?: salvage(c, buf, middle, end, false);
	printbuf_exit(&r.why);
	return ret;
}

static int chunk_salvage(struct copy *c, struct chunk *chunk)
{
	u64 end = chunk->r.offset + chunk->r.len;
	struct bch_map_range range;
	struct bch_map map;
	int ret = 0;

	bch_map_init(&map, c->job->r->c, c->job->ino.inum, c->job->snapshot, chunk->r.offset);
	while (!ret && map.at < end) {
		ret = bch_map_next(&map, end, &range);
		bch_iter_unlock(&map.iter);
		if (!ret && range.type == BCH_MAP_data)
			ret = salvage(c, chunk->r.buf, range.start, range.end, range.whole);
	}
	bch_map_exit(&map);
	return ret;
}

/* The oldest chunk in flight. */
static int chunk_finish(struct copy *c)
{
	struct chunk *chunk = &c->chunks[c->head];
	struct restore *r = c->job->r;
	int ret;

	wait_for_completion(&chunk->done);
	c->head = (c->head + 1) % CHUNKS;
	c->nr--;
	ret = restore_stopped(r);
	if (!ret)
		ret = chunk->r.err ?
			      chunk_salvage(c, chunk) :
			      c->sink(c->job, c->arg, chunk->r.offset, chunk->r.buf, chunk->r.len);
	__atomic_add_fetch(&r->done, chunk->r.len, __ATOMIC_RELAXED);
	printbuf_exit(&chunk->r.why);
	return ret;
}

/*
 * What c->next shares with a file that was restored becomes a clone, as far as possible; what is
 * left of it is to be read.
 */
static int clone_shared(struct copy *c)
{
	struct restore *r = c->job->r;
	struct bch_map_range *n = &c->next;
	struct restore_shared_at at;
	s64 done = 0;
	int ret = 0;

	while (!ret && done >= 0 && n->start < n->end) {
		ret = restore_share_find(r->shares, c->job, n->shared_at, n->end - n->start,
					 n->start, &at);
		if (!at.len)
			break;
		done = ret ? -1 :
			     r->out->ops->file_clone(r->out, c->job->file, n->start, at.dir,
						     at.name, at.offset, at.len);
		tree_dir_put(at.dir);
		kfree(at.name);
		if (done <= 0)
			break;
		n->start += done;
		n->shared_at += done;
		__atomic_add_fetch(&r->done, done, __ATOMIC_RELAXED);
	}
	return ret;
}

/* Data without a checksum is counted, be it read or cloned. */
static int count_unchecked(struct copy *c, const struct bch_map_range *n)
{
	u64 bytes = n->unchecked ? n->end - n->start : 0;
	int ret = 0;

	if (n->type != BCH_MAP_data)
		return 0;
	if (n->shared)
		ret = bch_map_shared_unchecked(c->job->r->c, n->shared_at, n->end - n->start,
					       &bytes);
	c->job->bytes_unchecked += bytes;
	return ret;
}

/* The next range with data: c->next. 1: there is none. */
static int next_data(struct copy *c)
{
	int ret = 0;

	while (!c->have_next) {
		if (c->map.at >= c->size)
			return 1;
		ret = bch_map_next(&c->map, c->size, &c->next) ?: restore_stopped(c->job->r);
		if (ret)
			return ret;
		if (c->next.type == BCH_MAP_unreadable)
			restore_file_lost(c->job, c->next.start, c->next.end,
					  "its extents cannot be read");
		if (c->next.shared) {
			restore_damage_shared(c->job, c->next.shared_at,
					      c->next.end - c->next.start);
			bch_iter_unlock(&c->map.iter);
		}
		ret = count_unchecked(c, &c->next);
		if (ret)
			return ret;
		if (c->next.shared && c->job->file && c->job->r->shares) {
			ret = clone_shared(c);
			if (ret)
				return ret;
		}
		c->have_next = c->next.type == BCH_MAP_data && c->next.start < c->next.end;
	}
	return 0;
}

/* Whole extents as long as they fit; 1: there is nothing more. */
static int chunk_next(struct copy *c)
{
	u64 start, end;
	int ret = next_data(c);

	if (ret)
		return ret;
	start = end = c->next.start;
	while (!ret && c->next.start == end && (end == start || c->next.end - start <= CHUNK_MAX)) {
		end = min(c->next.end, start + CHUNK_MAX);
		c->have_next = end < c->next.end;
		c->next.start = end;
		if (c->have_next)
			break;
		ret = next_data(c);
	}
	bch_iter_unlock(&c->map.iter);
	return min(ret, 0) ?: chunk_submit(c, start, end - start);
}

static int cmp_lost(const void *_l, const void *_r)
{
	const struct restore_lost *l = _l, *r = _r;

	return u64_cmp(l->start, r->start);
}

int restore_file_copy(struct restore_job *job, restore_sink sink, void *arg, bool streams)
{
	struct copy *c = kzalloc(sizeof(*c), GFP_KERNEL);
	bool end = false;
	unsigned i;
	int ret = 0;

	if (!c)
		return -ENOMEM;
	c->job = job;
	c->sink = sink;
	c->arg = arg;
	c->fill = streams || job->r->fill;
	c->size = job->meta.size;
	bch_map_init(&c->map, job->r->c, job->ino.inum, job->snapshot, 0);
	while (!ret && (!end || c->nr)) {
		if (!end && c->nr < CHUNKS) {
			ret = chunk_next(c);
			end = ret > 0;
			ret = min(ret, 0);
		} else {
			ret = chunk_finish(c);
		}
	}
	bch_map_exit(&c->map);
	for (; c->nr; c->nr--, c->head = (c->head + 1) % CHUNKS) {
		wait_for_completion(&c->chunks[c->head].done);
		printbuf_exit(&c->chunks[c->head].r.why);
	}
	for (i = 0; i < CHUNKS; i++)
		kvfree(c->chunks[i].r.buf);
	kvfree(c->filling);
	kfree(c);
	sort(job->lost.data, job->lost.nr, sizeof(job->lost.data[0]), cmp_lost, NULL);
	return ret;
}

int restore_file_map(struct restore_job *job)
{
	struct bch_map_range range;
	struct bch_map map;
	int ret = 0;

	bch_map_init(&map, job->r->c, job->ino.inum, job->snapshot, 0);
	while (!ret && map.at < job->meta.size) {
		struct tree_range *last = job->data.nr ? &darray_last(job->data) : NULL;

		ret = bch_map_next(&map, job->meta.size, &range) ?: restore_stopped(job->r);
		if (ret || range.type != BCH_MAP_data)
			continue;
		if (last && (last->end == range.start || job->data.nr >= RANGES_MAX))
			last->end = range.end;
		else
			ret = darray_push(&job->data,
					  ((struct tree_range){range.start, range.end}));
	}
	bch_map_exit(&map);
	return ret;
}
