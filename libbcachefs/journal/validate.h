/*
 * Validation of journal entries and of their sub-entries (spec 04 section 2.5); the superblock
 * section `clean` holds the same sub-entries.
 */
#ifndef _BCH_JOURNAL_VALIDATE_H
#define _BCH_JOURNAL_VALIDATE_H

#include "format/jset.h"
#include "sb/finding.h"

struct bch_fs;

/* What is validated, and where the findings go. */
struct bch_jset_check {
	const struct bch_fs *c;
	u64 seq;
	u32 version;	 /* of the writer */
	bool big_endian; /* the writer was */
	bool in_sb;	 /* sub-entries of the section `clean` */
	bool write;	 /* before a write: nothing is repaired, the first finding ends it */
	const char *dev; /* for messages about the whole entry: where it was read */
	u64 sector;
	/* Told each finding with its whole sentence; NULL: only counted. */
	void (*found)(struct bch_jset_check *ck, const struct finding *f);
	void *arg;
	unsigned nr; /* findings so far */
};

/* The check of @j, an entry of @c; the rest is filled by the caller. */
struct bch_jset_check bch_jset_check_of(const struct bch_fs *c, const struct jset *j);

/*
 * What must hold before anything else of an entry is looked at: its magic, and that it ends within
 * @bytes_left (at least a header; to the end of the bucket). An entry that is too big is cut in the
 * copy @h of its header. 0, or -BCH_ERR_journal_entry_bad: no entry here.
 */
int bch_jset_validate_early(struct bch_jset_check *ck, struct jset *h, size_t bytes_left);

/*
 * All rules for a decrypted entry. Repairs in place what can be repaired; afterwards all
 * sub-entries and keys lie within their bounds, and all keys are valid and in today's form. Never
 * reads behind jset_bytes(j). 0, -BCH_ERR_jset_unsupported_version, or with ck->write the first
 * finding's error.
 */
int bch_jset_validate(struct bch_jset_check *ck, struct jset *j);

/*
 * One sub-entry, known to lie within its @total words at word @offset. Repairs as
 * bch_jset_validate().
 */
int bch_jset_entry_validate(struct bch_jset_check *ck, struct jset_entry *e, unsigned offset,
			    unsigned total);

/* First 8 bytes of the internal uuid xor a constant. */
u64 bch_jset_magic(const struct bch_fs *c);
/* Can we read entries that a filesystem of this version wrote (section 1.4)? */
bool bch_jset_version_ok(u32 version);

#endif
