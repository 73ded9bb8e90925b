/*
 * What journal entries tell that were replayed long ago: as long as their buckets have not been
 * used again, a btree node that is older than the filesystem can be brought up to date with them.
 */
#ifndef _BCH_JOURNAL_HISTORY_H
#define _BCH_JOURNAL_HISTORY_H

#include "format/bkey.h"

struct bch_fs;

struct journal_history {
	/* No entry from here on to the newest is missing; U64_MAX: the newest itself is. */
	u64 complete_from;
};

/*
 * Read all entries that are still there into c->journal, unless they are there already. What is
 * wrong with them is not told: it was, where it matters. 0 or -ENOMEM.
 */
int bch_journal_history_read(struct bch_fs *c, struct journal_history *h);

/*
 * Do the entries hold all changes that a node may lack whose newest bset has @seq? Also those that
 * were still in the key cache when it was written. 0: a node that never existed.
 */
bool bch_journal_history_covers(const struct bch_fs *c, const struct journal_history *h, u64 seq);

/*
 * Put the keys of leaves that @want wants, of all entries from complete_from on, into the overlay,
 * and sort it. 0 or -ENOMEM.
 */
int bch_journal_history_overlay(struct bch_fs *c, const struct journal_history *h,
				bool (*want)(unsigned btree, struct bpos pos, void *arg),
				void *arg);

#endif
