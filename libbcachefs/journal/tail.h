/*
 * Was the journal longer than what could be read of it? An entry that was overwritten as a whole
 * leaves no trace where it lay; but entries behind it, blocks of it that are still there, and
 * members that are missing tell.
 */
#ifndef _BCH_JOURNAL_TAIL_H
#define _BCH_JOURNAL_TAIL_H

struct bch_fs;

/*
 * After bch_journal_read() with JOURNAL_READ_SALVAGE: sets c->journal->newest_time and end_is_lost,
 * and tells why. 0 or -ENOMEM.
 */
int bch_journal_tail_check(struct bch_fs *c);

#endif
