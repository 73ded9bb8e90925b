/*
 * What a read-only open takes from the journal (spec 04 sections 8, 9, 12): the roots, and the
 * keys of all entries that count as an overlay above the btrees.
 */
#include "journal/recover.h"

#include <linux/err.h>

#include "btree/overlay.h"
#include "format/errcode.h"
#include "format/sb.h"
#include "format/versions.h"
#include "journal/clean.h"
#include "journal/read.h"
#include "journal/tail.h"
#include "sb/super.h"

/* Entries that may have been in flight at a crash, of which nothing is on disk. */
#define SEQS_IN_FLIGHT	     8
#define SEQS_IN_FLIGHT_NEWER 4096 /* from 1.14 on */

static int entry_keys_overlay(struct bch_fs *c, const struct jset *j, const struct jset_entry *e)
{
	for_each_jset_key(k, e) {
		int ret = bch_overlay_add(c, e->btree_id, e->level, k, le64_to_cpu(j->seq),
					  (u64 *)k - (u64 *)j->start);

		if (ret)
			return ret;
	}
	return 0;
}

static int entry_take(struct bch_fs *c, struct journal_entry *entry, bool overlay)
{
	struct jset *j = bch_journal_entry_load(c, entry);
	int ret = 0;

	if (IS_ERR(j)) {
		/* Told; the others may still be good. */
		ret = PTR_ERR(j);
		return ret == -ENOMEM ? ret : 0;
	}
	for_each_jset_entry(e, j->start, jset_last(j)) {
		ret = bch_journal_entry_take(c, e);
		if (!ret && overlay && e->type == JSET_ENTRY_btree_keys)
			ret = entry_keys_overlay(c, j, e);
		if (ret)
			break;
	}
	bch_journal_entry_put(entry, j);
	return ret;
}

static int entries_take(struct bch_fs *c, bool overlay)
{
	int ret;

	darray_for_each(c->journal->entries, e) {
		if ((*e)->state != JOURNAL_ENTRY_DIRTY)
			continue;
		ret = entry_take(c, *e, overlay);
		if (ret)
			return ret;
	}
	if (overlay)
		bch_overlay_sort(c);
	return 0;
}

/* Numbers behind the newest entry that counts never happened: section 7. */
static int blacklist_unflushed(struct bch_fs *c)
{
	struct bch_journal *j = c->journal;
	u64 more = c->version >= BCH_VERSION_backpointer_bucket_gen ? SEQS_IN_FLIGHT_NEWER :
								      SEQS_IN_FLIGHT;

	return journal_blacklist_add(&j->blacklist, j->replay_last + 1, j->start_seq + more);
}

static void tell_empty(struct bch_fs *c)
{
	const struct sb_clean *clean = sb_section_get(c->sb->sb, clean);

	if (clean)
		bch_log(c,
			"no journal entries found; the state of the last clean shutdown was "
			"journal seq %llu",
			le64_to_cpu(clean->journal_seq));
	else
		bch_log(c, "no journal entries found");
	c->nr_errors++;
}

static int recover_clean(struct bch_fs *c)
{
	u64 seq;
	int ret = bch_journal_blacklist_read(c) ?: bch_clean_section_take(c, &seq);

	if (!ret)
		c->journal->start_seq = seq + 1;
	return ret;
}

int bch_journal_recover_ro(struct bch_fs *c, const struct bch_journal_recover_args *args)
{
	const struct sb_clean *clean = sb_section_get(c->sb->sb, clean);
	int ret = bch_journal_init(c);

	if (ret)
		return ret;
	if (!c->initialized) {
		bch_log(c, "never started: the journal and all btrees are empty");
		return 0;
	}
	if (!c->clean)
		bch_log(c, "recovering from unclean shutdown");
	else if (clean)
		bch_log(c, "recovering from clean shutdown, journal seq %llu",
			le64_to_cpu(clean->journal_seq));

	if (c->clean && !args->journal_only)
		return recover_clean(c);
	ret = bch_journal_read(c,
			       (args->read_all ? JOURNAL_READ_ALL : 0) |
				       (args->salvage ? JOURNAL_READ_SALVAGE : 0),
			       args->memory);
	if (ret == -BCH_ERR_journal_read_empty) {
		tell_empty(c);
		ret = args->journal_only ? 0 : ret;
	}
	if (!ret && args->salvage)
		ret = bch_journal_tail_check(c);
	if (ret || args->journal_only)
		return ret;
	return entries_take(c, !args->no_overlay) ?: blacklist_unflushed(c);
}
