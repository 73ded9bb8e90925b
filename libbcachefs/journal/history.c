/* Journal entries that were replayed long ago (journal/history.h). */
#include <linux/err.h>
#include "btree/overlay.h"
#include "btree/state.h"
#include "format/errcode.h"
#include "journal/history.h"
#include "journal/read.h"

static void not_told(struct bch_fs *c, const char *line)
{
}

/* Read what a clean start has not. What comes after it is not touched. */
static int read_quietly(struct bch_fs *c)
{
	void (*log)(struct bch_fs * c, const char *line) = c->log;
	u64 nr_errors = c->nr_errors, start_seq = c->journal->start_seq;
	u64 nr_bad = c->journal->nr_bad;
	int ret;

	c->log = not_told;
	ret = bch_journal_read(c, JOURNAL_READ_ALL | JOURNAL_READ_ALL_DEVS, 0);
	c->log = log;
	c->nr_errors = nr_errors;
	c->journal->start_seq = start_seq;
	c->journal->nr_bad = nr_bad;
	return ret == -ENOMEM ? ret : 0;
}

static u64 complete_from(const struct bch_journal *j)
{
	u64 from = j->replay_last + 1;

	for (size_t i = j->entries.nr; i--;) {
		const struct journal_entry *e = j->entries.data[i];

		if (e->seq >= from || !journal_entry_counts(e))
			continue;
		if (!journal_blacklist_covers(&j->blacklist, e->seq + 1, from))
			break;
		from = e->seq;
	}
	return from;
}

int bch_journal_history_read(struct bch_fs *c, struct journal_history *h)
{
	struct bch_journal *j = c->journal;
	int ret = 0;

	h->complete_from = U64_MAX;
	if (!j || !c->initialized)
		return 0;
	if (c->clean)
		ret = read_quietly(c);
	if (ret || !j->replay_last)
		return ret;
	/* After a clean shutdown the newest entry is the one that it wrote. */
	if (!c->clean || j->replay_last + 1 >= j->start_seq)
		h->complete_from = complete_from(j);
	return 0;
}

bool bch_journal_history_covers(const struct bch_fs *c, const struct journal_history *h, u64 seq)
{
	const struct bch_journal *j = c->journal;

	if (h->complete_from <= 1)
		return true;
	if (h->complete_from == U64_MAX || seq < h->complete_from)
		return false;
	/* What was not in the nodes by then is in the entries from last_seq on. */
	for (size_t i = j->entries.nr; i--;) {
		const struct journal_entry *e = j->entries.data[i];

		if (e->seq <= seq && journal_entry_counts(e) && journal_entry_is_flush(e))
			return e->seq >= h->complete_from && e->last_seq >= h->complete_from;
	}
	return false;
}

static int entry_overlay(struct bch_fs *c, struct journal_entry *entry,
			 bool (*want)(unsigned btree, struct bpos pos, void *arg), void *arg)
{
	struct jset *j = bch_journal_entry_load(c, entry);
	int ret = 0;

	if (IS_ERR(j))
		return PTR_ERR(j) == -ENOMEM ? -ENOMEM : 0;
	for_each_jset_entry(e, j->start, jset_last(j)) {
		if (e->type != JSET_ENTRY_btree_keys || e->level)
			continue;
		for_each_jset_key(k, e) {
			if (!ret && want(e->btree_id, k->k.p, arg))
				ret = bch_overlay_add(c, e->btree_id, 0, k, le64_to_cpu(j->seq),
						      (u64 *)k - (u64 *)j->start);
		}
	}
	bch_journal_entry_put(entry, j);
	return ret;
}

int bch_journal_history_overlay(struct bch_fs *c, const struct journal_history *h,
				bool (*want)(unsigned btree, struct bpos pos, void *arg), void *arg)
{
	int ret = 0;

	darray_for_each(c->journal->entries, e)
		if (!ret && (*e)->seq >= h->complete_from && journal_entry_counts(*e))
			ret = entry_overlay(c, *e, want, arg);
	bch_overlay_sort(c);
	return ret;
}
