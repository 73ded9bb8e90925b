/*
 * Scanning the rings of all members for entries (spec 04 sections 6.1 to 6.3).
 *
 * A few workers take bucket after bucket, each from a member of its own as long as there is one.
 * What they find goes into one table under one lock, so nothing may depend on the order: the best
 * copy of an entry wins, and messages are sorted before they are printed. Memory is bounded:
 * entries that a newer good entry declares clean are dropped on the way, and beyond the budget
 * only places are remembered (bch_journal_entry_load() reads them again).
 */
#include "journal/scan.h"

#include <linux/bitops.h>
#include <linux/blkdev.h>
#include <linux/hash.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <linux/xxhash.h>

#include "journal/validate.h"
#include "sb/csum.h"
#include "sb/super.h"

#define SCAN_FIRST_READ (128U << 10) /* bytes: enough to see that a bucket is empty */
#define SCAN_READ	(1U << 20)
#define SCAN_WORKERS	16U
#define BUCKETS_NEAR	16U /* from the one with the newest entry on */

/* A piece of a bucket in memory. */
struct scan_window {
	void *buf;
	size_t size;	/* bytes of @buf */
	u32 start, end; /* sectors of the bucket that it holds */
};

struct scan_worker {
	struct work_struct work;
	struct journal_scan *s;
	unsigned first_dev;
	struct scan_window w;
};

/* A bucket being scanned. */
struct scan_bucket {
	struct journal_scan *s;
	struct bch_dev *ca;
	struct journal_dev *jd;
	struct scan_window *w;
	u32 idx;
	u32 size; /* sectors */
	u64 sector;
	bool saw_bad;
	bool read_error;
	unsigned nr_bad; /* entries with a bad checksum */
	DARRAY(struct journal_entry *) found;
	DARRAY(char *) messages;
	int ret;
};

void journal_entry_free(struct journal_entry *e)
{
	if (e) {
		kfree(e->j);
		darray_exit(&e->ptrs);
		kfree(e);
	}
}

static void __printf(2, 3) bucket_message(struct scan_bucket *b, const char *fmt, ...)
{
	struct printbuf text = PRINTBUF;
	va_list args;

	va_start(args, fmt);
	prt_vprintf(&text, fmt, args);
	va_end(args);
	if (darray_push(&b->messages, printbuf_steal(&text)))
		b->ret = -ENOMEM;
}

static void bucket_found(struct bch_jset_check *ck, const struct finding *f)
{
	bucket_message(ck->arg, "%s", printbuf_str(f->text));
}

struct bch_nonce journal_jset_nonce(u64 seq)
{
	return (struct bch_nonce){{
		[1] = cpu_to_le32(seq),
		[2] = cpu_to_le32(seq >> 32),
		[3] = cpu_to_le32(JSET_NONCE),
	}};
}

bool journal_jset_decrypt(const struct bch_fs *c, struct jset *j, struct bch_csum *got)
{
	size_t bytes = jset_bytes(j), clear = offsetof(struct jset, read_clock);
	unsigned type = JSET_CSUM_TYPE(le32_to_cpu(j->flags));
	struct bch_nonce nonce = journal_jset_nonce(le64_to_cpu(j->seq));
	bool encrypted = bch_csum_type_is_encryption(type), good;

	*got = (struct bch_csum){};
	if (type >= BCH_CSUM_NR || (encrypted && !c->key))
		return false;
	*got = bch_checksum(c->key, type, nonce, (char *)j + sizeof(j->csum),
			    bytes - sizeof(j->csum));
	good = bch_csum_eq(*got, j->csum);
	if (encrypted)
		bch_encrypt(c->key, nonce, (char *)j + clear, bytes - clear);
	return good;
}

void journal_jset_seal(const struct bch_fs *c, struct jset *j)
{
	size_t bytes = jset_bytes(j), clear = offsetof(struct jset, read_clock);
	unsigned type = JSET_CSUM_TYPE(le32_to_cpu(j->flags));
	struct bch_nonce nonce = journal_jset_nonce(le64_to_cpu(j->seq));

	if (bch_csum_type_is_encryption(type))
		bch_encrypt(c->key, nonce, (char *)j + clear, bytes - clear);
	j->csum = bch_checksum(c->key, type, nonce, (char *)j + sizeof(j->csum),
			       bytes - sizeof(j->csum));
}

/*
 * Make [@start, @start + @bytes) of the bucket available; NULL after a read error. @start and the
 * bucket's end are block boundaries.
 */
static void *bucket_read(struct scan_bucket *b, u32 start, size_t bytes)
{
	struct scan_window *w = b->w;
	u32 sectors = DIV_ROUND_UP(bytes, 512), want, have = 0;

	if (start >= w->start && start + sectors <= w->end)
		return (char *)w->buf + ((size_t)(start - w->start) << 9);

	if (start >= w->start && start < w->end) {
		have = w->end - start;
		memmove(w->buf, (char *)w->buf + ((size_t)(start - w->start) << 9),
			(size_t)have << 9);
	}
	want = max_t(u32, sectors, (start ? SCAN_READ : SCAN_FIRST_READ) >> 9);
	want = min_t(u32, want, b->size - start);
	want = min_t(u32, want, w->size >> 9);
	w->start = start;
	w->end = start + have;
	if (bdev_read(b->ca->bdev, b->sector + w->end, (char *)w->buf + ((size_t)have << 9),
		      (size_t)(want - have) << 9)) {
		if (!b->s->behind_holes)
			bucket_message(b, "%s: journal read error: sector %llu", b->ca->name,
				       b->sector + w->end);
		b->read_error = !b->s->behind_holes; /* else it was told and counted before */
		return NULL;
	}
	w->end = start + want;
	return w->buf;
}

static struct journal_entry *entry_alloc(struct scan_bucket *b, u32 offset, const struct jset *h,
					 const void *data, size_t bytes)
{
	struct journal_entry *e = kzalloc(sizeof(*e), GFP_KERNEL);

	if (!e)
		return NULL;
	e->j = kvmalloc(bytes, GFP_KERNEL);
	if (!e->j || darray_make_room(&e->ptrs, 1)) {
		journal_entry_free(e);
		return NULL;
	}
	memcpy(e->j, data, bytes);
	e->j->u64s = h->u64s; /* maybe cut */
	e->seq = le64_to_cpu(h->seq);
	e->flags = le32_to_cpu(h->flags);
	e->bytes = bytes;
	e->ptrs.data[e->ptrs.nr++] = (struct journal_ptr){
		.dev = b->ca->idx,
		.idx = b->idx,
		.offset = offset,
		.sector = b->sector + offset,
	};
	return e;
}

/* The newest entry of the bucket, and maybe of the member; @end in sectors. */
static void bucket_note_seq(struct scan_bucket *b, u64 seq, u32 end)
{
	struct journal_dev *jd = b->jd;

	jd->bucket_seq[b->idx] = seq;
	mutex_lock(&b->s->lock);
	if (seq > jd->newest_seq) {
		jd->newest_seq = seq;
		jd->cur_idx = b->idx;
		jd->sectors_free = b->size - end;
	}
	mutex_unlock(&b->s->lock);
}

/* Check, decrypt and remember the entry at @offset, whose bytes are at @data. */
static int bucket_entry(struct scan_bucket *b, u32 offset, const struct jset *h, const void *data)
{
	struct bch_fs *c = b->s->c;
	size_t bytes = jset_bytes(h);
	struct journal_entry *e = entry_alloc(b, offset, h, data, bytes);
	struct bch_csum got;

	if (!e)
		return -ENOMEM;
	e->csum_good = e->ptrs.data[0].csum_good = journal_jset_decrypt(c, e->j, &got);
	if (!e->csum_good) {
		b->saw_bad = true;
		if (!b->s->behind_holes) {
			struct printbuf text = PRINTBUF;

			b->nr_bad++;
			bch_csum_err_to_text(&text, JSET_CSUM_TYPE(e->flags), h->csum, got);
			bucket_message(b, "%s: journal %s", b->ca->name, printbuf_str(&text));
			printbuf_exit(&text);
		}
	}
	if (b->s->behind_holes && (!e->csum_good || e->seq < b->s->first || e->seq > b->s->last)) {
		journal_entry_free(e);
		return 0;
	}
	if (e->csum_good && !b->s->behind_holes)
		bucket_note_seq(b, e->seq,
				offset + roundup(DIV_ROUND_UP(bytes, 512), c->block_sectors));
	e->last_seq = le64_to_cpu(e->j->last_seq);
	e->digest = xxh64(e->j, bytes, 0);
	if (darray_push(&b->found, e)) {
		journal_entry_free(e);
		return -ENOMEM;
	}
	return 0;
}

/*
 * One step of spec 04 section 6.2 at *@offset, which it advances. False: the bucket is finished.
 * Numbers of entries with a bad checksum are not trusted: they move no position.
 */
static bool bucket_step(struct scan_bucket *b, u32 *offset)
{
	struct bch_fs *c = b->s->c;
	size_t left = (size_t)(b->size - *offset) << 9, bytes;
	struct jset *p = bucket_read(b, *offset, bch_block_bytes(c)), h;
	struct bch_jset_check ck;

	if (!p)
		return false;
	h = *p;
	ck = bch_jset_check_of(c, &h);
	ck.dev = b->ca->name;
	ck.sector = b->sector + *offset;
	ck.found = b->s->behind_holes ? NULL : bucket_found;
	ck.arg = b;
	if (bch_jset_validate_early(&ck, &h, min_t(size_t, left, JSET_BYTES_MAX))) {
		*offset += c->block_sectors;
		return b->saw_bad || b->s->behind_holes;
	}
	if (ck.seq < b->jd->bucket_seq[b->idx] && !b->s->behind_holes)
		return false;

	bytes = jset_bytes(&h);
	p = bucket_read(b, *offset, roundup(bytes, bch_block_bytes(c)));
	if (!p)
		return false;
	b->ret = bucket_entry(b, *offset, &h, p);
	*offset += roundup(DIV_ROUND_UP(bytes, 512), c->block_sectors);
	return !b->ret;
}

/* --- the table of all entries; under s->lock --- */

static struct journal_entry *scan_lookup(struct journal_scan *s, u64 seq)
{
	u32 i = s->hash_bits ? s->hash[hash_64(seq, s->hash_bits)] : 0;

	while (i && s->entries.data[i - 1]->seq != seq)
		i = s->entries.data[i - 1]->hash_next;
	return i ? s->entries.data[i - 1] : NULL;
}

static void scan_hash_add(struct journal_scan *s, u32 i)
{
	struct journal_entry *e = s->entries.data[i];
	u32 *head = &s->hash[hash_64(e->seq, s->hash_bits)];

	e->hash_next = *head;
	*head = i + 1;
}

int journal_scan_rehash(struct journal_scan *s)
{
	unsigned bits = max(10, fls64(s->entries.nr));
	u32 *hash = kcalloc(1ULL << bits, sizeof(*hash), GFP_KERNEL);

	if (!hash)
		return -ENOMEM;
	kfree(s->hash);
	s->hash = hash;
	s->hash_bits = bits;
	for (u32 i = 0; i < s->entries.nr; i++)
		scan_hash_add(s, i);
	return 0;
}

static int scan_insert(struct journal_scan *s, struct journal_entry *e)
{
	if (!s->hash_bits || s->entries.nr >> s->hash_bits) {
		int ret = journal_scan_rehash(s);

		if (ret)
			return ret;
	}
	if (darray_push(&s->entries, e))
		return -ENOMEM;
	scan_hash_add(s, s->entries.nr - 1);
	return 0;
}

/* Stay within the budget: forget the bytes of clean entries, then those of @e. */
static void scan_trim(struct journal_scan *s, struct journal_entry *e)
{
	if (s->bytes_loaded + e->bytes > s->memory && !s->keep_all && s->trimmed_to < s->last_seq) {
		darray_for_each(s->entries, i)
			if ((*i)->seq < s->last_seq && (*i)->j) {
				s->bytes_loaded -= (*i)->bytes;
				kfree((*i)->j);
				(*i)->j = NULL;
			}
		s->trimmed_to = s->last_seq;
	}
	if (s->bytes_loaded + e->bytes > s->memory) {
		kfree(e->j);
		e->j = NULL;
	} else {
		s->bytes_loaded += e->bytes;
	}
}

/* Is @a the copy to use rather than @b? (Spec 04 section 18.21.) */
static bool copy_is_better(const struct bch_fs *c, const struct journal_entry *a,
			   const struct journal_entry *b)
{
	const struct journal_ptr *pa = a->ptrs.data, *pb = b->ptrs.data;
	u64 seq_a = c->devs[pa->dev]->mi.seq, seq_b = c->devs[pb->dev]->mi.seq;

	if (a->csum_good != b->csum_good)
		return a->csum_good;
	if (seq_a != seq_b)
		return seq_a > seq_b;
	if (pa->dev != pb->dev)
		return pa->dev < pb->dev;
	return pa->sector < pb->sector;
}

/* A further copy @e of @old: the better one stays, with the places of both. Takes @e. */
static int scan_merge_copy(struct journal_scan *s, struct journal_entry *old,
			   struct journal_entry *e)
{
	int ret;

	darray_for_each(old->ptrs, p)
		if (p->dev == e->ptrs.data->dev && p->sector == e->ptrs.data->sector) {
			journal_entry_free(e);
			return 0;
		}
	if (old->csum_good && e->csum_good && (old->bytes != e->bytes || old->digest != e->digest))
		old->copies_differ = true;

	ret = darray_push(&old->ptrs, e->ptrs.data[0]);
	if (!ret && copy_is_better(s->c, e, old)) {
		swap(old->ptrs.data[0], darray_last(old->ptrs));
		if (old->j)
			s->bytes_loaded -= old->bytes;
		swap(old->j, e->j);
		swap(old->bytes, e->bytes);
		old->flags = e->flags;
		old->last_seq = e->last_seq;
		old->digest = e->digest;
		old->csum_good = e->csum_good;
		scan_trim(s, old);
	}
	journal_entry_free(e);
	return ret;
}

/* Takes @e. */
static int scan_add(struct journal_scan *s, struct journal_entry *e)
{
	struct journal_entry *old;
	int ret;

	if (e->csum_good)
		s->oldest_seq = min(s->oldest_seq, e->seq);
	if (e->csum_good && journal_entry_is_flush(e))
		s->last_seq = max(s->last_seq, min(e->last_seq, e->seq));
	if (e->seq < s->last_seq && !s->keep_all) {
		journal_entry_free(e);
		return 0;
	}
	old = scan_lookup(s, e->seq);
	if (old)
		return scan_merge_copy(s, old, e);
	scan_trim(s, e);
	ret = scan_insert(s, e);
	if (ret)
		journal_entry_free(e);
	return ret;
}

static void scan_bucket_done(struct scan_bucket *b)
{
	struct journal_scan *s = b->s;

	mutex_lock(&s->lock);
	if (b->read_error) {
		b->ca->read_errors++;
		s->c->nr_errors++;
	}
	b->ca->csum_errors += b->nr_bad;
	s->c->journal->nr_bad += b->nr_bad;
	darray_for_each(b->found, e) {
		int ret = scan_add(s, *e);

		b->ret = b->ret ?: ret;
	}
	darray_for_each(b->messages, m) {
		struct scan_message msg = {.dev = b->ca->idx, .idx = b->idx, .text = *m};

		if (!*m || darray_push(&s->messages, msg)) {
			kfree(*m);
			b->ret = b->ret ?: -ENOMEM;
		}
	}
	s->ret = s->ret ?: b->ret;
	mutex_unlock(&s->lock);
	darray_exit(&b->found);
	darray_exit(&b->messages);
}

static bool bucket_is_near_end(const struct journal_dev *jd, u32 idx)
{
	return !jd->newest_seq || (idx + jd->nr - jd->cur_idx) % jd->nr < BUCKETS_NEAR;
}

static void scan_bucket(struct scan_worker *worker, struct bch_dev *ca, u32 idx)
{
	struct journal_dev *jd = worker->s->c->journal->devs[ca->idx];
	struct scan_bucket b = {
		.s = worker->s,
		.ca = ca,
		.jd = jd,
		.w = &worker->w,
		.idx = idx,
		.size = ca->mi.bucket_size,
		.sector = jd->buckets[idx] * ca->mi.bucket_size,
	};
	u32 offset = 0;

	if (worker->s->near_end && !bucket_is_near_end(jd, idx))
		return;
	b.w->start = b.w->end = 0;
	while (offset + b.s->c->block_sectors <= b.size && bucket_step(&b, &offset))
		;
	scan_bucket_done(&b);
}

/* The next bucket to scan, of member @*i or of one of those after it; NULL: none is left. */
static struct bch_dev *scan_next(struct journal_scan *s, unsigned *i, u32 *idx)
{
	struct bch_dev *ret = NULL;

	mutex_lock(&s->lock);
	for (unsigned n = 0; n < s->devs.nr && !ret && !s->ret; n++) {
		struct bch_dev *ca = s->devs.data[*i];

		if (s->next[*i] < s->c->journal->devs[ca->idx]->nr) {
			*idx = s->next[*i]++;
			ret = ca;
		} else {
			*i = (*i + 1) % s->devs.nr;
		}
	}
	mutex_unlock(&s->lock);
	return ret;
}

static size_t scan_window_bytes(const struct bch_dev *ca)
{
	return min_t(size_t, (size_t)ca->mi.bucket_size << 9, JSET_BYTES_MAX + SCAN_READ);
}

static void scan_work(struct work_struct *work)
{
	struct scan_worker *worker = container_of(work, struct scan_worker, work);
	unsigned i = worker->first_dev;
	struct bch_dev *ca;
	u32 idx;

	while ((ca = scan_next(worker->s, &i, &idx)))
		scan_bucket(worker, ca, idx);
}

static int scan_message_cmp(const void *a, const void *b)
{
	const struct scan_message *l = a, *r = b;

	if (l->dev != r->dev)
		return l->dev < r->dev ? -1 : 1;
	return l->idx < r->idx ? -1 : l->idx > r->idx;
}

static void scan_print_messages(struct journal_scan *s)
{
	sort(s->messages.data, s->messages.nr, sizeof(s->messages.data[0]), scan_message_cmp, NULL);
	darray_for_each(s->messages, m) {
		bch_log(s->c, "%s", m->text);
		kfree(m->text);
	}
	s->messages.nr = 0;
}

int journal_scan_run(struct journal_scan *s)
{
	unsigned nr = clamp(s->devs.nr * 2, 4U, SCAN_WORKERS);
	struct scan_worker *workers = kcalloc(nr, sizeof(*workers), GFP_KERNEL);
	struct workqueue_struct *wq = alloc_workqueue("bch_journal_scan", WQ_UNBOUND, nr);
	size_t window = 0;

	mutex_init(&s->lock);
	memset(s->next, 0, sizeof(s->next));
	darray_for_each(s->devs, ca)
		window = max(window, scan_window_bytes(*ca));
	if (!workers || !wq) {
		s->ret = -ENOMEM;
		goto out;
	}
	for (unsigned i = 0; i < nr && s->devs.nr; i++) {
		struct scan_worker *worker = &workers[i];

		worker->s = s;
		worker->first_dev = i % s->devs.nr;
		worker->w.size = window;
		worker->w.buf = kvmalloc(window, GFP_KERNEL);
		if (!worker->w.buf) {
			s->ret = -ENOMEM;
			break;
		}
		INIT_WORK(&worker->work, scan_work);
		queue_work(wq, &worker->work);
	}
out:
	if (wq)
		destroy_workqueue(wq);
	for (unsigned i = 0; workers && i < nr; i++)
		kvfree(workers[i].w.buf);
	kfree(workers);
	scan_print_messages(s);
	return s->ret;
}

void journal_scan_exit(struct journal_scan *s)
{
	darray_for_each(s->entries, e)
		journal_entry_free(*e);
	darray_for_each(s->messages, m)
		kfree(m->text);
	darray_exit(&s->entries);
	darray_exit(&s->messages);
	darray_exit(&s->devs);
	kfree(s->hash);
	s->hash = NULL;
}
