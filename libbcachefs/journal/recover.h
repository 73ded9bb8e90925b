/* What recovery takes from the journal (spec 04 sections 8, 9, 12). */
#ifndef _BCH_JOURNAL_RECOVER_H
#define _BCH_JOURNAL_RECOVER_H

#include <linux/types.h>

struct bch_fs;

struct bch_journal_recover_args {
	bool journal_only; /* read the journal, clean or not, empty or not, and take nothing */
	bool read_all;	   /* keep also entries that are no longer dirty */
	bool no_overlay;   /* roots of the newest entry, but not the keys */
	bool salvage;	   /* look further for entries: journal/tail.h */
	u64 memory;	   /* bytes of entries to keep in memory, 0: default */
};

/*
 * For an open that writes nothing: after a clean shutdown take the roots from the clean section;
 * else read the journal, take the roots of its newest entry, and put the keys of all entries to be
 * replayed into the btree overlay. c->btree exists (not needed with journal_only); makes
 * c->journal. Sequence numbers that never counted are blacklisted in memory.
 *
 * 0; -BCH_ERR_journal_read_empty: unclean, and there is nothing to replay (told to bch_log());
 * -BCH_ERR_invalid_sb_clean, -BCH_ERR_jset_unsupported_version, -ENOMEM.
 */
int bch_journal_recover_ro(struct bch_fs *c, const struct bch_journal_recover_args *args);

#endif
