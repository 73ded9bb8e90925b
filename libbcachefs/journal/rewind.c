/*
 * Going back (journal/rewind.h).
 *
 * Before each key that a transaction writes to the journal stands the one that it replaces, of the
 * same position. Of all entries behind the wanted one, the oldest old key of a position is what was
 * there. The overlay prefers the newest, so these keys are given descending numbers.
 */
#include "journal/rewind.h"

#include <linux/err.h>

#include "btree/bkey.h"
#include "btree/overlay.h"
#include "format/errcode.h"
#include "journal/read.h"
#include "journal/updates.h"

/* Has every key of these btrees its old one before it? */
static bool has_old_keys(const struct jset *j)
{
	const struct jset_entry *last = NULL;

	for_each_jset_entry(e, j->start, jset_last(j)) {
		if (!bch_journal_entry_is_of_files(e))
			continue;
		if (e->type == JSET_ENTRY_overwrite) {
			last = e;
			continue;
		}
		if (e->type != JSET_ENTRY_btree_keys)
			continue;
		for_each_jset_key(k, e) {
			const struct bkey_i *old = last ? (const void *)last->data : NULL;

			if (!old || !le16_to_cpu(last->u64s) || last->btree_id != e->btree_id ||
			    !bpos_eq(old->k.p, k->k.p))
				return false;
			last = NULL;
		}
	}
	return true;
}

static int put_back(struct bch_fs *c, const struct jset *j)
{
	u64 seq = le64_to_cpu(j->seq);
	bool write_back = false;

	for_each_jset_entry(e, j->start, jset_last(j)) {
		bch_journal_write_back(e, &write_back);
		if (write_back)
			continue;
		if (e->type != JSET_ENTRY_overwrite || !bch_journal_entry_is_of_files(e))
			continue;
		for_each_jset_key(k, e) {
			u32 offset = (u64 *)k - (u64 *)j->start;
			int ret = bch_overlay_add(c, e->btree_id, 0, k, U64_MAX - seq,
						  U32_MAX - offset);

			if (ret)
				return ret;
		}
	}
	return 0;
}

static bool is_there_yet(const struct bch_rewind *r, const struct journal_entry *e, u64 time)
{
	return r->by_time ? time && time <= r->time : e->seq <= r->seq;
}

/* Back over one entry: 1 when it is the one wanted, -BCH_ERR_journal_rewind when it cannot be. */
static int step(struct bch_fs *c, struct bch_rewind *r, struct journal_entry *e)
{
	struct jset *j = bch_journal_entry_load(c, e);
	u64 time;
	int ret;

	if (IS_ERR(j))
		return PTR_ERR(j) == -ENOMEM ? -ENOMEM : -BCH_ERR_journal_rewind;
	time = bch_jset_time(j);
	r->oldest = e->seq;
	r->oldest_time = time;
	if (is_there_yet(r, e, time))
		ret = 1;
	else if (!has_old_keys(j))
		ret = -BCH_ERR_journal_rewind;
	else
		ret = put_back(c, j);
	bch_journal_entry_put(e, j);
	return ret;
}

static void prt_point(struct printbuf *out, u64 seq, u64 time)
{
	prt_printf(out, "journal seq %llu", seq);
	if (time) {
		prt_str(out, " (");
		prt_date(out, time);
		prt_str(out, ")");
	}
}

static int too_far(struct bch_rewind *r, struct printbuf *err)
{
	prt_str(err, "the journal does not reach back so far; the oldest state that it has is that "
		     "after ");
	prt_point(err, r->oldest, r->oldest_time);
	return -BCH_ERR_journal_rewind;
}

static int not_yet(struct bch_rewind *r, struct printbuf *err)
{
	prt_printf(err, "there is no journal seq %llu yet; the newest is %llu", r->seq, r->newest);
	return -BCH_ERR_journal_rewind;
}

int bch_journal_rewind(struct bch_fs *c, struct bch_rewind *r, struct printbuf *err)
{
	struct bch_journal *j = c->journal;
	u64 above = 0;
	size_t i;
	int ret = j->entries.nr ? 0 : bch_journal_read(c, JOURNAL_READ_ALL, 0);

	if (ret == -BCH_ERR_journal_read_empty) {
		prt_str(err, "the journal has no entries");
		return -BCH_ERR_journal_rewind;
	}
	for (i = j->entries.nr; i-- && !ret;) {
		struct journal_entry *e = j->entries.data[i];

		if (!journal_entry_counts(e) || bch_journal_seq_is_blacklisted(c, e->seq))
			continue;
		if (!above) {
			r->newest = e->seq;
			if (!r->by_time && r->seq > r->newest)
				return not_yet(r, err);
		} else if (!journal_blacklist_covers(&j->blacklist, e->seq + 1, above)) {
			break;
		}
		above = e->seq;
		ret = step(c, r, e);
	}
	if (!above)
		return -BCH_ERR_journal_read_empty;
	if (!ret) {
		/* All there is was undone: what was before is known, but not when that was. */
		r->oldest = above - 1;
		r->oldest_time = 0;
		if (r->by_time || r->seq < r->oldest)
			return too_far(r, err);
	}
	if (ret < 0)
		return ret == -BCH_ERR_journal_rewind ? too_far(r, err) : ret;
	r->seq = r->oldest;
	r->reached_time = r->oldest_time;
	bch_overlay_sort(c);
	return 0;
}
