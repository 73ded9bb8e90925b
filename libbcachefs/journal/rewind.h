/*
 * The filesystem as it was after an earlier journal entry (spec 04 section 17.5, 09 section 15.3):
 * what later transactions changed is put back in the btree overlay, from the old keys that they
 * noted. In memory only.
 */
#ifndef _BCH_JOURNAL_REWIND_H
#define _BCH_JOURNAL_REWIND_H

#include "util/printbuf.h"

struct bch_fs;

struct bch_rewind {
	/* Wanted: the state after this entry, or at this time (seconds since the epoch). */
	bool by_time;
	u64 seq;
	u64 time;
	/* Found: */
	u64 newest;		       /* the newest entry that counts */
	u64 oldest;		       /* the oldest that can be gone back to */
	u64 oldest_time, reached_time; /* of the entries; 0: not known */
};

/*
 * Go back: @r->seq is the entry that was gone back to. All of the journal must be read or readable,
 * nobody uses the btrees. Only the btrees that files are made of are put back. 0; -ENOMEM;
 * -BCH_ERR_journal_rewind: cannot go back so far, with a sentence in @err that names how far.
 */
int bch_journal_rewind(struct bch_fs *c, struct bch_rewind *r, struct printbuf *err);

#endif
