/*
 * What transactions changed, as far back as the journal tells it: before each key that a
 * transaction writes to the journal stands the one that it replaces (spec 04 section 2.3).
 */
#ifndef _BCH_JOURNAL_UPDATES_H
#define _BCH_JOURNAL_UPDATES_H

#include "journal/journal.h"

/* One key of a leaf. Of one position, and of one inode, (seq, offset) is the order of time. */
struct journal_update {
	u64 seq;
	u32 offset; /* words into the entry */
	u32 trans;  /* the same: where its transaction begins, as far as names of such tell it */
	u64 time;   /* of the entry, seconds since the epoch; 0: not known */
	u8 btree;
	/* Type deleted: there was nothing, there is nothing any more. @old NULL: not noted. */
	const struct bkey_i *old, *new;
};

struct journal_updates {
	u64 newest;	   /* entry that counts; 0: there is none */
	u64 complete_from; /* from this entry on no update is missing, and all have their old key */
};

/*
 * Call @fn for each update of the btrees that files are made of, oldest first, as long as it
 * returns 0; what writes the key cache back is left out. Reads the journal if that has not been
 * done. 0, what @fn returned, or -ENOMEM.
 */
int bch_journal_updates(struct bch_fs *c, struct journal_updates *j,
			int (*fn)(const struct journal_update *u, void *arg), void *arg);

/* The btrees that files are made of. */
bool bch_journal_entry_is_of_files(const struct jset_entry *e);
/*
 * Call it for each sub-entry of an entry in order, with @state false at first. Afterwards @state
 * tells whether the transaction only brings a btree up to date with the key cache: then the old
 * keys are those that the btree had, older than what the cache had, and nothing changes.
 */
void bch_journal_write_back(const struct jset_entry *e, bool *state);
/* Seconds since the epoch; 0: not known. */
u64 bch_jset_time(const struct jset *j);

#endif
