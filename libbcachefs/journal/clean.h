/* The superblock section `clean` (spec 04 section 8). */
#ifndef _BCH_JOURNAL_CLEAN_H
#define _BCH_JOURNAL_CLEAN_H

#include "format/jset.h"

struct bch_fs;

/* Teach the superblock floor to check and print the section. */
void bch_journal_sections_register(void);

/*
 * Take roots, key version and clocks from the clean section of @c, after validation. *@seq: of the
 * last journal entry. 0 or -BCH_ERR_invalid_sb_clean (told to bch_log()), -ENOMEM.
 */
int bch_clean_section_take(struct bch_fs *c, u64 *seq);

/*
 * What recovery takes over from one validated sub-entry, of the clean section or of an entry that
 * counts (spec 04 section 9.3): roots, key version, clocks, blacklist. 0 or -ENOMEM.
 */
int bch_journal_entry_take(struct bch_fs *c, const struct jset_entry *e);

#endif
