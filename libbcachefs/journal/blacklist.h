/*
 * Blacklisted journal sequence numbers (spec 04 section 7): journal entries and bsets that carry
 * one never happened.
 */
#ifndef _BCH_JOURNAL_BLACKLIST_H
#define _BCH_JOURNAL_BLACKLIST_H

#include "util/darray.h"

struct bch_fs;

struct blacklist_range {
	u64 start;
	u64 end; /* exclusive */
};

/* Ascending; ranges neither overlap nor touch. */
struct journal_blacklist {
	DARRAY(struct blacklist_range) ranges;
};

/*
 * Add [@start, @end), merging it with the ranges it overlaps or touches. An empty range is
 * ignored. 0 or -ENOMEM. Not to be called while other threads look up.
 */
int journal_blacklist_add(struct journal_blacklist *b, u64 start, u64 end);
/* The range that contains @seq, or NULL. */
const struct blacklist_range *journal_blacklist_find(const struct journal_blacklist *b, u64 seq);
/* Are all of [@start, @end) blacklisted? */
bool journal_blacklist_covers(const struct journal_blacklist *b, u64 start, u64 end);
/* Take over the superblock section of @c into c->journal. 0 or -ENOMEM. */
int bch_journal_blacklist_read(struct bch_fs *c);

/* Is @seq blacklisted? From any thread, without a lock; false while there is no c->journal. */
bool bch_journal_seq_is_blacklisted(const struct bch_fs *c, u64 seq);

#endif
