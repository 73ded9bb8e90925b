/*
 * Signs that the newest journal entries are lost (journal/tail.h).
 *
 * Every entry ends with the time, the key version and the clocks. Where these are found, behind the
 * last good entry, with higher values than all entries have, there is the end of a newer entry
 * whose beginning is gone; what is left of older ones has lower values.
 */
#include "journal/tail.h"

#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/string.h>

#include "format/data_type.h"
#include "journal/read.h"
#include "journal/scan.h"
#include "journal/updates.h"
#include "sb/csum.h"
#include "sb/members.h"
#include "sb/super.h"

#define ENTRIES_NEWEST 8  /* of which the highest values count */
#define SEQS_TRIED     4  /* that a lost entry of an encrypted filesystem may have */
#define BUCKETS_TRIED  4U /* from the one with the newest entry on */
#define STAMP_U64s     8  /* of its sub-entries together, without the time */

/* What the end of an entry says. */
struct stamp {
	u64 time, key_version, clock[2];
};

static void stamp_max(struct stamp *s, const struct stamp *o)
{
	s->time = max(s->time, o->time);
	s->key_version = max(s->key_version, o->key_version);
	s->clock[0] = max(s->clock[0], o->clock[0]);
	s->clock[1] = max(s->clock[1], o->clock[1]);
}

static bool stamp_is_newer(const struct stamp *s, const struct stamp *o)
{
	struct stamp both = *o;

	stamp_max(&both, s);
	return !memcmp(&both, s, sizeof(both)) && memcmp(s, o, sizeof(*s));
}

/* The highest values of the newest entries. 0 or -ENOMEM. */
static int newest_stamp(struct bch_fs *c, struct stamp *s)
{
	struct bch_journal *j = c->journal;
	unsigned nr = 0;

	for (size_t i = j->entries.nr; i-- && nr < ENTRIES_NEWEST; nr++) {
		struct journal_entry *e = j->entries.data[i];
		struct jset *set;

		if (!e->csum_good)
			continue;
		set = bch_journal_entry_load(c, e);
		if (IS_ERR(set)) {
			if (PTR_ERR(set) == -ENOMEM)
				return -ENOMEM;
			continue;
		}
		if (e->seq == j->replay_last)
			j->newest_time = bch_jset_time(set);
		s->time = max(s->time, bch_jset_time(set));
		for_each_jset_entry(sub, set->start, jset_last(set)) {
			const struct jset_clock *clock = (const void *)sub->data;

			if (sub->type == JSET_ENTRY_usage && sub->u64s &&
			    sub->btree_id == FS_USAGE_key_version)
				s->key_version =
					max(s->key_version, le64_to_cpu((__le64)sub->data[0]));
			else if (sub->type == JSET_ENTRY_clock &&
				 sub->u64s * sizeof(u64) >= sizeof(*clock) && clock->rw <= 1)
				s->clock[clock->rw] =
					max(s->clock[clock->rw], le64_to_cpu(clock->time));
		}
		bch_journal_entry_put(e, set);
	}
	return 0;
}

/* --- what is left of entries --- */

static bool is_head(const __le64 *p, unsigned u64s, unsigned btree_id, unsigned type)
{
	return le64_to_cpu(*p) == (u64s | (u64)btree_id << 16 | (u64)type << 32);
}

/* Is @p, of at least STAMP_U64s words, a stamp? The time before it is left out. */
static bool stamp_get(const __le64 *p, struct stamp *s)
{
	if (!is_head(p, 1, FS_USAGE_key_version, JSET_ENTRY_usage) ||
	    !is_head(p + 2, 2, 0, JSET_ENTRY_clock) || p[3] ||
	    !is_head(p + 5, 2, 0, JSET_ENTRY_clock) || le64_to_cpu(p[6]) != 1)
		return false;
	s->key_version = le64_to_cpu(p[1]);
	s->clock[0] = le64_to_cpu(p[4]);
	s->clock[1] = le64_to_cpu(p[7]);
	return true;
}

static bool has_newer_stamp(const __le64 *start, size_t u64s, const struct stamp *newest)
{
	for (size_t i = 0; i + STAMP_U64s <= u64s; i++) {
		struct stamp s = {.time = newest->time};

		if (!stamp_get(start + i, &s))
			continue;
		if (i >= 2 && is_head(start + i - 2, 1, 0, JSET_ENTRY_datetime))
			s.time = le64_to_cpu(start[i - 1]);
		if (stamp_is_newer(&s, newest))
			return true;
	}
	return false;
}

/* The same as if an entry of number @seq, encrypted, began at @start. */
static bool has_newer_stamp_encrypted(struct bch_fs *c, const void *start, void *buf, size_t bytes,
				      u64 seq, const struct stamp *newest)
{
	size_t clear = offsetof(struct jset, read_clock);

	memcpy(buf, start, bytes);
	bch_encrypt(c->key, journal_jset_nonce(seq), (char *)buf + clear, bytes - clear);
	return has_newer_stamp(buf, bytes / sizeof(u64), newest);
}

/* Sectors [@start, bucket's end) of bucket @idx; 1: it is there, -ENOMEM, 0. */
static int bucket_has_newer(struct bch_fs *c, struct bch_dev *ca, u32 idx, u32 start,
			    const struct stamp *newest)
{
	u64 sector = c->journal->devs[ca->idx]->buckets[idx] * ca->mi.bucket_size + start;
	size_t bytes = min_t(u64, (u64)(ca->mi.bucket_size - start) << 9, JSET_BYTES_MAX);
	u8 *buf;
	int ret = 0;

	if (bytes < bch_block_bytes(c))
		return 0;
	buf = kvmalloc(2 * bytes, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	/* Errors were told when the journal was read. */
	if (!bdev_read(ca->bdev, sector, buf, bytes)) {
		ret = has_newer_stamp((const __le64 *)buf, bytes / sizeof(u64), newest);
		for (unsigned i = 0; c->key && i < SEQS_TRIED && !ret; i++)
			ret = has_newer_stamp_encrypted(c, buf, buf + bytes, bytes,
							c->journal->start_seq + i, newest);
	}
	kvfree(buf);
	return ret;
}

/* Behind the newest entry of @ca, and in the buckets that follow. */
static int dev_has_newer(struct bch_fs *c, struct bch_dev *ca, const struct stamp *newest)
{
	const struct journal_dev *jd = c->journal->devs[ca->idx];
	u32 start = ca->mi.bucket_size - jd->sectors_free;
	int ret = 0;

	for (unsigned i = 0; i < min(BUCKETS_TRIED, jd->nr) && !ret; i++) {
		u32 idx = (jd->cur_idx + i) % jd->nr;

		ret = bucket_has_newer(c, ca, idx, i ? 0 : start, newest);
		if (ret > 0)
			bch_log(c, "%s: journal bucket %u has remains of an entry newer than %llu",
				ca->name, idx, c->journal->start_seq - 1);
	}
	return ret;
}

static int remains_are_newer(struct bch_fs *c)
{
	struct stamp newest = {};
	int ret = newest_stamp(c, &newest);

	for (unsigned i = 0; i < ARRAY_SIZE(c->devs) && !ret; i++) {
		const struct journal_dev *jd = c->journal->devs[i];

		if (jd && jd->newest_seq && bch_dev_online(c->devs[i]))
			ret = dev_has_newer(c, c->devs[i], &newest);
	}
	return ret;
}

/* --- numbers --- */

/* Of entries behind the newest that counts some are missing. */
static bool numbers_are_missing(struct bch_fs *c)
{
	const struct bch_journal *j = c->journal;
	u64 next = j->replay_last + 1;

	darray_for_each(j->entries, i) {
		const struct journal_entry *e = *i;

		if (e->seq < next || !e->csum_good)
			continue;
		if (e->seq > next && !journal_blacklist_covers(&j->blacklist, next, e->seq)) {
			bch_log(c,
				"journal entries %llu-%llu are missing behind the newest that "
				"counts, but %llu is there",
				next, e->seq - 1, e->seq);
			return true;
		}
		next = e->seq + 1;
	}
	return false;
}

/* Recovery blacklists what follows the newest entry that counts: that one was there. */
static bool blacklist_is_newer(struct bch_fs *c)
{
	const struct bch_journal *j = c->journal;

	darray_for_each(j->blacklist.ranges, r) {
		if (r->start <= j->start_seq)
			continue;
		bch_log(c,
			"the superblock knows of journal seq %llu, but the journal ends before "
			"%llu",
			r->start - 1, j->start_seq);
		return true;
	}
	return false;
}

static bool may_be_elsewhere(struct bch_fs *c)
{
	bool online[BCH_MAX_DEVS + 1];

	for (unsigned i = 0; i < ARRAY_SIZE(online); i++)
		online[i] = bch_dev_online(c->devs[i]);
	if (!bch_sb_data_may_be_missing(c->sb->sb, BCH_DATA_journal, online))
		return false;
	bch_log(c, "the newest journal entries may be on members that are missing");
	return true;
}

int bch_journal_tail_check(struct bch_fs *c)
{
	int ret = remains_are_newer(c);

	if (ret < 0)
		return ret;
	c->journal->end_is_lost = ret;
	c->journal->end_is_lost |= numbers_are_missing(c);
	c->journal->end_is_lost |= blacklist_is_newer(c);
	c->journal->end_is_lost |= may_be_elsewhere(c);
	return 0;
}
