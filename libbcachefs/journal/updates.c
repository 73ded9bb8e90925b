/* Updates that the journal still tells (journal/updates.h). */
#include <linux/err.h>
#include <linux/string.h>
#include "btree/bkey.h"
#include "format/errcode.h"
#include "journal/read.h"
#include "journal/updates.h"

#define FILE_BTREES                                                                         \
	(1ULL << BTREE_ID_extents | 1ULL << BTREE_ID_inodes | 1ULL << BTREE_ID_dirents |    \
	 1ULL << BTREE_ID_xattrs | 1ULL << BTREE_ID_reflink | 1ULL << BTREE_ID_subvolumes | \
	 1ULL << BTREE_ID_snapshots)

bool bch_journal_entry_is_of_files(const struct jset_entry *e)
{
	return !e->level && e->btree_id < 64 && FILE_BTREES >> e->btree_id & 1;
}

/* The name of such transactions, as long as the journal has it. */
static const char write_back_name[] = "bch2_btree_key_cache_journal_flu";

void bch_journal_write_back(const struct jset_entry *e, bool *state)
{
	size_t len = sizeof(write_back_name) - 1;

	if (e->type == JSET_ENTRY_log && !e->level)
		*state = le16_to_cpu(e->u64s) * sizeof(u64) >= len &&
			 !memcmp(e->data, write_back_name, len);
}

u64 bch_jset_time(const struct jset *j)
{
	u64 t = 0;

	for_each_jset_entry(e, j->start, jset_last(j))
		if (e->type == JSET_ENTRY_datetime && le16_to_cpu(e->u64s))
			t = le64_to_cpu(((struct jset_datetime *)e->data)->seconds);
	return t;
}

/* The old key, if it is that of @k. */
static const struct bkey_i *old_of(const struct jset_entry *old, unsigned btree,
				   const struct bkey_i *k)
{
	const struct bkey_i *o = old ? (const void *)old->data : NULL;

	if (!o || !le16_to_cpu(old->u64s) || old->btree_id != btree || !bpos_eq(o->k.p, k->k.p))
		return NULL;
	return o;
}

static int entry_updates(const struct jset *j, struct journal_updates *all,
			 int (*fn)(const struct journal_update *u, void *arg), void *arg)
{
	struct journal_update u = {.seq = le64_to_cpu(j->seq), .time = bch_jset_time(j)};
	const struct jset_entry *old = NULL;
	bool write_back = false;
	int ret = 0;

	for_each_jset_entry(e, j->start, jset_last(j)) {
		bch_journal_write_back(e, &write_back);
		if (e->type == JSET_ENTRY_log && !e->level)
			u.trans = (u64 *)e - (u64 *)j->start;
		if (!bch_journal_entry_is_of_files(e) || write_back)
			continue;
		if (e->type == JSET_ENTRY_overwrite)
			old = e;
		if (e->type != JSET_ENTRY_btree_keys)
			continue;
		for_each_jset_key(k, e) {
			u.btree = e->btree_id;
			u.offset = (u64 *)k - (u64 *)j->start;
			u.old = old_of(old, u.btree, k);
			u.new = k;
			old = NULL;
			if (!u.old)
				all->complete_from = u.seq + 1;
			ret = ret ?: fn(&u, arg);
		}
	}
	return ret;
}

int bch_journal_updates(struct bch_fs *c, struct journal_updates *all,
			int (*fn)(const struct journal_update *u, void *arg), void *arg)
{
	struct bch_journal *j = c->journal;
	int ret;

	*all = (struct journal_updates){.complete_from = U64_MAX};
	if (!j || !c->initialized)
		return 0;
	ret = j->entries.nr ? 0 : bch_journal_read(c, JOURNAL_READ_ALL, 0);
	if (ret)
		return ret == -ENOMEM ? ret : 0;
	darray_for_each(j->entries, p) {
		struct journal_entry *e = *p;
		struct jset *set;

		if (!journal_entry_counts(e) || bch_journal_seq_is_blacklisted(c, e->seq))
			continue;
		if (!all->newest ||
		    !journal_blacklist_covers(&j->blacklist, all->newest + 1, e->seq))
			all->complete_from = e->seq;
		all->newest = e->seq;
		set = bch_journal_entry_load(c, e);
		if (IS_ERR(set)) {
			if (PTR_ERR(set) == -ENOMEM)
				return -ENOMEM;
			all->complete_from = e->seq + 1;
			continue;
		}
		ret = entry_updates(set, all, fn, arg);
		bch_journal_entry_put(e, set);
		if (ret)
			return ret;
	}
	return 0;
}
