/*
 * Reading the journal: from what the scan found, choose what is to be replayed (spec 04 section
 * 6.4, with the repairs of section 18: all torn entries at the top are passed over, bad ones in
 * the middle are not replayed, holes in buckets are looked behind).
 */
#include "journal/read.h"

#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "format/data_type.h"
#include "format/errcode.h"
#include "format/sb_errors.h"
#include "journal/scan.h"
#include "journal/validate.h"
#include "sb/csum.h"
#include "sb/members.h"
#include "sb/super.h"

#define JOURNAL_MEMORY_DEFAULT (512ULL << 20) /* bytes */
#define JOURNAL_SEQ_SPAN       (1ULL << 31)   /* a bad entry further off is garbage */
#define JOURNAL_BUCKETS_MAX    (1U << 20)

/* --- rings --- */

static int ring_push(struct journal_dev *jd, u64 *nr_max, u64 start, u64 nr)
{
	if (nr > *nr_max)
		return -BCH_ERR_invalid_sb_journal;
	*nr_max -= nr;
	for (u64 i = 0; i < nr; i++)
		jd->buckets[jd->nr++] = start + i;
	return 0;
}

static int ring_fill(struct journal_dev *jd, const struct bch_sb *sb)
{
	const struct sb_journal_v2 *v2 = sb_section_get(sb, journal_v2);
	const struct sb_journal *v1 = sb_section_get(sb, journal);
	u64 left = jd->nr;
	int ret = 0;

	jd->nr = 0;
	if (v2)
		for (size_t i = 0; i < sb_section_nr(v2, ranges) && !ret; i++)
			ret = ring_push(jd, &left, le64_to_cpu(v2->ranges[i].start),
					le64_to_cpu(v2->ranges[i].nr));
	else if (v1)
		for (size_t i = 0; i < sb_section_nr(v1, buckets) && !ret; i++)
			ret = ring_push(jd, &left, le64_to_cpu(v1->buckets[i]), 1);
	return ret;
}

static u64 ring_nr(const struct bch_sb *sb)
{
	const struct sb_journal_v2 *v2 = sb_section_get(sb, journal_v2);
	const struct sb_journal *v1 = sb_section_get(sb, journal);
	u64 nr = 0;

	if (!v2)
		return v1 ? sb_section_nr(v1, buckets) : 0;
	for (size_t i = 0; i < sb_section_nr(v2, ranges); i++)
		nr += min_t(u64, le64_to_cpu(v2->ranges[i].nr), JOURNAL_BUCKETS_MAX + 1);
	return nr;
}

int bch_journal_dev_init(struct bch_fs *c, struct bch_dev *ca)
{
	struct journal_dev *jd = kzalloc(sizeof(*jd), GFP_KERNEL);
	u64 nr = ring_nr(ca->sb->sb);
	int ret;

	if (!jd)
		return -ENOMEM;
	if (nr > JOURNAL_BUCKETS_MAX) {
		kfree(jd);
		bch_log(c, "%s: too many journal buckets (%llu)", ca->name, nr);
		return -BCH_ERR_invalid_sb_journal;
	}
	jd->nr = nr;
	jd->buckets = kcalloc(max_t(u64, nr, 1), sizeof(u64), GFP_KERNEL);
	jd->bucket_seq = kcalloc(max_t(u64, nr, 1), sizeof(u64), GFP_KERNEL);
	ret = jd->buckets && jd->bucket_seq ? ring_fill(jd, ca->sb->sb) : -ENOMEM;
	if (ret) {
		kfree(jd->buckets);
		kfree(jd->bucket_seq);
		kfree(jd);
		return ret;
	}
	c->journal->devs[ca->idx] = jd;
	return 0;
}

int bch_journal_init(struct bch_fs *c)
{
	if (!c->journal)
		c->journal = kzalloc(sizeof(*c->journal), GFP_KERNEL);
	return c->journal ? 0 : -ENOMEM;
}

static void entries_free(struct bch_journal *j)
{
	darray_for_each(j->entries, e)
		journal_entry_free(*e);
	darray_exit(&j->entries);
	j->bytes_loaded = 0;
}

static void dev_free(struct bch_journal *j, unsigned i)
{
	struct journal_dev *jd = j->devs[i];

	if (jd) {
		kfree(jd->buckets);
		kfree(jd->bucket_seq);
		kfree(jd);
	}
	j->devs[i] = NULL;
}

void bch_journal_exit(struct bch_fs *c)
{
	struct bch_journal *j = c->journal;

	if (!j)
		return;
	entries_free(j);
	for (unsigned i = 0; i < ARRAY_SIZE(j->devs); i++)
		dev_free(j, i);
	darray_exit(&j->blacklist.ranges);
	kfree(j);
	c->journal = NULL;
}

/* --- entries --- */

void bch_journal_ptrs_to_text(struct printbuf *out, const struct journal_entry *e)
{
	for (const struct journal_ptr *p = e->ptrs.data; p < e->ptrs.data + e->ptrs.nr; p++)
		prt_printf(out, "%s%u:%u:%u (sector %llu)", p == e->ptrs.data ? "" : " ", p->dev,
			   p->idx, p->offset, p->sector);
}

static void entry_found(struct bch_jset_check *ck, const struct finding *f)
{
	struct bch_fs *c = ck->arg;

	bch_log(c, "%s", printbuf_str(f->text));
	c->nr_errors++;
}

/* All rules of spec 04 section 2.5. Quiet for entries that do not count, and the second time. */
static int entry_validate(struct bch_fs *c, struct journal_entry *e, struct jset *j)
{
	struct bch_jset_check ck = bch_jset_check_of(c, j);
	const struct bch_dev *ca = c->devs[e->ptrs.data[0].dev];

	ck.dev = ca->name;
	ck.sector = e->ptrs.data[0].sector;
	ck.arg = c;
	ck.found = e->validated || e->state != JOURNAL_ENTRY_DIRTY ? NULL : entry_found;
	return bch_jset_validate(&ck, j);
}

static struct jset *entry_read(struct bch_fs *c, struct journal_entry *e,
			       const struct journal_ptr *p)
{
	struct bch_dev *ca = c->devs[p->dev];
	size_t size = roundup(e->bytes, bch_block_bytes(c));
	struct jset *j = kvmalloc(size, GFP_KERNEL);
	struct bch_csum got;
	int ret = -ENOMEM;

	if (!j)
		return ERR_PTR(ret);
	ret = bdev_read(ca->bdev, p->sector, j, size);
	if (!ret) {
		/* The device may have changed under us. */
		j->u64s = cpu_to_le32((e->bytes - sizeof(*j)) / sizeof(u64));
		if (le64_to_cpu(j->seq) != e->seq ||
		    journal_jset_decrypt(c, j, &got) != p->csum_good)
			ret = -BCH_ERR_journal_entry_bad;
	}
	if (ret) {
		kvfree(j);
		return ERR_PTR(ret);
	}
	return j;
}

struct jset *bch_journal_entry_load(struct bch_fs *c, struct journal_entry *e)
{
	struct jset *j = e->j;
	int ret;

	if (j && e->validated)
		return j;
	if (!j) {
		j = entry_read(c, e, e->ptrs.data);
		if (IS_ERR(j)) {
			bch_log(c, "cannot read journal entry %llu again: %s", e->seq,
				bch_err_str(PTR_ERR(j)));
			c->nr_errors++;
			return j;
		}
	}
	ret = entry_validate(c, e, j);
	e->validated = true;
	if (ret) {
		if (j == e->j)
			e->j = NULL;
		kvfree(j);
		return ERR_PTR(ret);
	}
	return j;
}

void bch_journal_entry_put(struct journal_entry *e, struct jset *j)
{
	if (j != e->j)
		kvfree(j);
}

/* --- choosing --- */

static int entry_seq_cmp(const void *a, const void *b)
{
	const struct journal_entry *const *l = a, *const *r = b;

	return (*l)->seq < (*r)->seq ? -1 : (*l)->seq > (*r)->seq;
}

static int ptr_cmp(const void *a, const void *b)
{
	const struct journal_ptr *l = a, *r = b;

	if (l->dev != r->dev)
		return l->dev < r->dev ? -1 : 1;
	return l->sector < r->sector ? -1 : l->sector > r->sector;
}

/* Drop the entries for which @drop; the rest keep their order. */
static void entries_filter(struct bch_journal *j,
			   bool (*drop)(const struct bch_journal *, const struct journal_entry *))
{
	size_t nr = 0;

	for (size_t i = 0; i < j->entries.nr; i++) {
		struct journal_entry *e = j->entries.data[i];

		if (!drop(j, e)) {
			j->entries.data[nr++] = e;
			continue;
		}
		if (e->j)
			j->bytes_loaded -= e->bytes;
		journal_entry_free(e);
	}
	j->entries.nr = nr;
}

/* Without a good copy, and its number is far from those of all good entries. */
static bool entry_is_garbage(const struct bch_journal *j, const struct journal_entry *e)
{
	u64 newest = j->start_seq;

	return !e->csum_good &&
	       (e->seq > newest + JOURNAL_SEQ_SPAN || e->seq + JOURNAL_SEQ_SPAN < newest);
}

static bool entry_is_clean(const struct bch_journal *j, const struct journal_entry *e)
{
	return e->state == JOURNAL_ENTRY_CLEAN;
}

/* Take over what the scan found, in order. */
static void entries_take(struct bch_journal *j, struct journal_scan *s)
{
	u64 newest = 0;

	entries_free(j);
	swap(j->entries.data, s->entries.data);
	swap(j->entries.nr, s->entries.nr);
	swap(j->entries.size, s->entries.size);
	j->bytes_loaded = s->bytes_loaded;
	j->oldest_seq = s->oldest_seq;
	sort(j->entries.data, j->entries.nr, sizeof(j->entries.data[0]), entry_seq_cmp, NULL);
	darray_for_each(j->entries, e) {
		if ((*e)->csum_good)
			newest = (*e)->seq;
		/* The copy in memory stays the first. */
		sort((*e)->ptrs.data + 1, (*e)->ptrs.nr - 1, sizeof((*e)->ptrs.data[0]), ptr_cmp,
		     NULL);
	}
	if (newest) {
		j->start_seq = newest;
		entries_filter(j, entry_is_garbage);
	}
	j->start_seq = j->entries.nr ? darray_last(j->entries)->seq + 1 : 0;
}

/* The reverse, for a further scan. */
static int entries_give_back(struct bch_journal *j, struct journal_scan *s)
{
	size_t nr = j->entries.nr;

	swap(j->entries.data, s->entries.data);
	swap(j->entries.size, s->entries.size);
	j->entries.nr = 0;
	s->entries.nr = nr;
	return journal_scan_rehash(s);
}

/* Index of F, the newest flush entry that was written whole; entries.nr if there is none. */
static size_t newest_flush(const struct bch_journal *j)
{
	for (size_t i = j->entries.nr; i--;)
		if (j->entries.data[i]->csum_good && journal_entry_is_flush(j->entries.data[i]))
			return i;
	return j->entries.nr;
}

static void entry_set_state(const struct bch_journal *j, struct journal_entry *e)
{
	if (e->seq > j->replay_last) {
		e->state = JOURNAL_ENTRY_DROPPED;
	} else if (journal_blacklist_find(&j->blacklist, e->seq)) {
		e->state = JOURNAL_ENTRY_BLACKLISTED;
	} else if (e->seq < j->replay_first) {
		e->state = JOURNAL_ENTRY_CLEAN;
	} else {
		e->state = e->csum_good ? JOURNAL_ENTRY_DIRTY : JOURNAL_ENTRY_BAD;
	}
}

/* Spec 04 section 6.4, steps 1 to 5. */
static int choose(struct bch_journal *j)
{
	size_t f = newest_flush(j);

	j->replay_first = j->replay_last = 0;
	if (f < j->entries.nr) {
		const struct journal_entry *e = j->entries.data[f];

		j->replay_first = min(e->last_seq, e->seq);
		j->replay_last = e->seq;
	}
	darray_for_each(j->entries, e)
		entry_set_state(j, *e);
	return j->replay_last ? 0 : -BCH_ERR_journal_read_empty;
}

static void prt_ptrs_or_none(struct printbuf *out, const struct bch_fs *c,
			     const struct journal_entry *e)
{
	if (e)
		bch_journal_ptrs_to_text(out, e);
	else
		prt_str(out, "(none)");
}

static void missing_found(struct bch_fs *c, const struct journal_entry *prev,
			  const struct journal_entry *next, u64 start, u64 end)
{
	const struct bch_journal *j = c->journal;
	struct printbuf text = PRINTBUF;

	prt_printf(&text, "journal entries %llu-%llu missing! (replaying %llu-%llu)\n  prev at ",
		   start, end - 1, j->replay_first, j->replay_last);
	prt_ptrs_or_none(&text, c, prev);
	if (prev)
		prt_printf(&text, " size %zu",
			   roundup(DIV_ROUND_UP((size_t)prev->bytes, 512),
				   (size_t)c->block_sectors));
	prt_str(&text, "\n  next at ");
	prt_ptrs_or_none(&text, c, next);
	prt_str(&text, ", continuing");
	bch_log(c, "%s", printbuf_str(&text));
	c->nr_errors++;
	printbuf_exit(&text);
}

/*
 * The numbers in [@start, @end) have no entry: count those that are not blacklisted, and tell each
 * run of them if @report.
 */
static u64 missing_in_gap(struct bch_fs *c, const struct journal_entry *prev,
			  const struct journal_entry *next, u64 start, u64 end, bool report)
{
	const struct journal_blacklist *b = &c->journal->blacklist;
	u64 nr = 0;

	while (start < end) {
		const struct blacklist_range *r = journal_blacklist_find(b, start);
		u64 run_end = end;

		if (r) {
			start = r->end;
			continue;
		}
		darray_for_each(b->ranges, i)
			if (i->start > start) {
				run_end = min(run_end, i->start);
				break;
			}
		if (report)
			missing_found(c, prev, next, start, run_end);
		nr += run_end - start;
		start = run_end;
	}
	return nr;
}

/* Step 6: numbers in the replay range without an entry. */
static u64 missing(struct bch_fs *c, bool report)
{
	const struct bch_journal *j = c->journal;
	const struct journal_entry *prev = NULL;
	u64 next_seq = j->replay_first, nr = 0;

	darray_for_each(j->entries, i) {
		const struct journal_entry *e = *i;

		if (e->seq > j->replay_last)
			break;
		if (e->seq >= next_seq) {
			nr += missing_in_gap(c, prev, e, next_seq, e->seq, report);
			next_seq = e->seq + 1;
		}
		prev = e;
	}
	return nr;
}

static void datetime_to_text(struct printbuf *out, const struct jset *j)
{
	for_each_jset_entry(e, (struct jset_entry *)j->start, jset_last(j))
		if (e->type == JSET_ENTRY_datetime) {
			prt_date(out, le64_to_cpu(((struct jset_datetime *)e->data)->seconds));
			return;
		}
}

static void duplicate_found(struct bch_fs *c, const struct journal_entry *e, const struct jset *j,
			    const char *what)
{
	struct printbuf text = PRINTBUF;

	prt_printf(&text, "%s\n  seq %llu ", what, e->seq);
	bch_journal_ptrs_to_text(&text, e);
	datetime_to_text(&text, j);
	bch_log(c, "%s", printbuf_str(&text));
	c->nr_errors++;
	printbuf_exit(&text);
}

/* Step 7 and the findings of section 6.3, for one entry that counts. */
static int entry_report(struct bch_fs *c, struct journal_entry *e)
{
	bool same_dev = false;
	struct jset *j;

	darray_for_each(e->ptrs, p) {
		if (!p->csum_good) {
			bch_log(c, "%s sector %llu: invalid journal checksum, seq %llu%s",
				c->devs[p->dev]->name, p->sector, e->seq,
				e->csum_good ? " (had good copy on another device)" : "");
			c->nr_errors++;
		}
		for (const struct journal_ptr *q = e->ptrs.data; q < p; q++)
			same_dev |= q->dev == p->dev;
	}
	if (!e->csum_good)
		bch_log(c, "journal entry %llu has no good copy: not replayed", e->seq);

	j = bch_journal_entry_load(c, e);
	if (IS_ERR(j))
		return PTR_ERR(j) == -BCH_ERR_jset_unsupported_version ? PTR_ERR(j) : 0;
	if (same_dev)
		duplicate_found(c, e, j, "duplicate journal entry on same device");
	if (e->copies_differ)
		duplicate_found(c, e, j, "found duplicate but non identical journal entries");
	bch_journal_entry_put(e, j);
	return 0;
}

static int report(struct bch_fs *c)
{
	struct bch_journal *j = c->journal;
	int ret = 0;

	if (!j->replay_last) {
		bch_log(c, "journal read done, but no entries found%s",
			j->entries.nr ? " after dropping non-flushes" : "");
		return 0;
	}
	bch_log(c, "journal read done, replaying entries %llu-%llu", j->replay_first,
		j->replay_last);
	if (j->start_seq != j->replay_last + 1)
		bch_log(c, "dropped unflushed entries %llu-%llu", j->replay_last + 1,
			j->start_seq - 1);
	darray_for_each(j->entries, i) {
		const struct journal_entry *e = *i;

		if (e->state == JOURNAL_ENTRY_BLACKLISTED && e->seq >= j->replay_first &&
		    e->csum_good && journal_entry_is_flush(e)) {
			bch_log(c, "found blacklisted journal entry %llu", e->seq);
			c->nr_errors++;
		}
		/* Torn entries at the top are what a crash leaves; old ones should be whole. */
		if (e->state == JOURNAL_ENTRY_CLEAN && !e->csum_good)
			c->nr_errors++;
	}
	j->nr_lost = missing(c, true);
	for (size_t i = 0; i < j->entries.nr && !ret; i++) {
		struct journal_entry *e = j->entries.data[i];

		j->nr_lost += e->state == JOURNAL_ENTRY_BAD;
		if (e->state == JOURNAL_ENTRY_DIRTY || e->state == JOURNAL_ENTRY_BAD)
			ret = entry_report(c, e);
	}
	return ret;
}

/* --- the whole --- */

/*
 * Members that should have entries (section 6.1). Newer formats do not say so when the filesystem
 * is clean: then it may be any.
 */
static int devs_to_scan(struct bch_fs *c, struct journal_scan *s, bool all)
{
	for (unsigned i = 0; i < ARRAY_SIZE(c->devs); i++) {
		int ret = 0;

		if (c->journal->devs[i] &&
		    (all || bch_sb_dev_has_data(c->sb->sb, i) & (1ULL << BCH_DATA_journal)))
			ret = darray_push(&s->devs, c->devs[i]);
		if (ret)
			return ret;
	}
	return s->devs.nr || all ? 0 : devs_to_scan(c, s, true);
}

static int rings_init(struct bch_fs *c)
{
	for (unsigned i = 0; i < ARRAY_SIZE(c->devs); i++) {
		int ret = 0;

		dev_free(c->journal, i);
		if (bch_dev_online(c->devs[i]))
			ret = bch_journal_dev_init(c, c->devs[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/* Look behind holes, too, for entries from @first to @last, and choose again. */
static int scan_behind_holes(struct bch_fs *c, struct journal_scan *s, u64 first, u64 last)
{
	struct bch_journal *j = c->journal;
	int ret;

	s->behind_holes = true;
	s->first = first;
	s->last = last;
	ret = entries_give_back(j, s) ?: journal_scan_run(s);
	if (ret)
		return ret;
	entries_take(j, s);
	return choose(j);
}

/* Choose; where entries are missing, look behind holes for them and choose again. */
static int scan_and_choose(struct bch_fs *c, struct journal_scan *s, bool salvage)
{
	struct bch_journal *j = c->journal;
	int ret = journal_scan_run(s);

	if (ret)
		return ret;
	entries_take(j, s);
	ret = choose(j);
	if (salvage && (!ret || ret == -BCH_ERR_journal_read_empty)) {
		s->near_end = true;
		ret = scan_behind_holes(c, s, j->start_seq, j->start_seq + JOURNAL_SEQ_SPAN);
		s->near_end = false;
	}
	if (ret || !missing(c, false))
		return ret;
	return scan_behind_holes(c, s, j->replay_first, j->replay_last);
}

int bch_journal_read(struct bch_fs *c, unsigned flags, u64 memory)
{
	struct journal_scan s = {
		.c = c,
		.keep_all = flags & JOURNAL_READ_ALL,
		.memory = memory ?: JOURNAL_MEMORY_DEFAULT,
		.oldest_seq = U64_MAX,
	};
	int ret, ret2;

	ret = bch_journal_init(c)		    ?:
		      bch_journal_blacklist_read(c) ?:
		      rings_init(c)		    ?:
		      devs_to_scan(c, &s, flags & JOURNAL_READ_ALL_DEVS);
	if (!ret)
		ret = scan_and_choose(c, &s, flags & JOURNAL_READ_SALVAGE);
	journal_scan_exit(&s);
	if (ret && ret != -BCH_ERR_journal_read_empty)
		return ret;
	if (!s.keep_all)
		entries_filter(c->journal, entry_is_clean);
	ret2 = report(c);
	return ret2 ?: ret;
}
