/* Reading the journal (spec 04 section 6). */
#ifndef _BCH_JOURNAL_READ_H
#define _BCH_JOURNAL_READ_H

#include "journal/journal.h"

enum bch_journal_read_flags {
	JOURNAL_READ_ALL = 1U << 0,	 /* keep also entries that are no longer dirty */
	JOURNAL_READ_ALL_DEVS = 1U << 1, /* also members that should have no entries (fsck) */
	/* Look behind holes for entries newer than those found; journal/tail.h looks further. */
	JOURNAL_READ_SALVAGE = 1U << 2,
};

/*
 * Scan the rings of all online members and choose what is to be replayed (spec 04 section 6.4):
 * fills c->journal->entries and replay_first..replay_last. What is wrong is told to bch_log() and
 * counted in c->nr_errors. Afterwards at most @memory bytes of entries are kept in memory (0: a
 * default).
 *
 * 0; -ENOMEM; -BCH_ERR_jset_unsupported_version; -BCH_ERR_journal_read_empty: no flush entry was
 * found (entries that are no use may be there all the same).
 */
int bch_journal_read(struct bch_fs *c, unsigned flags, u64 memory);

/*
 * The decrypted and validated bytes of an entry. Reads it again if it is not in memory: then the
 * caller frees it with bch_journal_entry_put(). ERR_PTR: it cannot be read any more.
 */
struct jset *bch_journal_entry_load(struct bch_fs *c, struct journal_entry *e);
void bch_journal_entry_put(struct journal_entry *e, struct jset *j);

/* "0:5:0 (sector 5632)" of each copy, separated by blanks. */
void bch_journal_ptrs_to_text(struct printbuf *out, const struct journal_entry *e);

#endif
