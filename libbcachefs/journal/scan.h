/* Scanning the rings of all members for entries (spec 04 sections 6.1 to 6.3), for read.c. */
#ifndef _BCH_JOURNAL_SCAN_H
#define _BCH_JOURNAL_SCAN_H

#include <linux/mutex.h>

#include "journal/journal.h"
#include "sb/csum.h"

/* A line for the user, and its place in the order that does not depend on the threads. */
struct scan_message {
	u8 dev;
	u32 idx;
	char *text;
};

struct journal_scan {
	struct bch_fs *c;
	bool keep_all; /* also entries below last_seq */
	size_t memory; /* bytes of entries to keep in memory */
	/* Look behind blocks that are no entry, for good entries in [first, last] only. */
	bool behind_holes;
	u64 first, last;
	bool near_end; /* with behind_holes: only buckets that may follow the newest entry */

	struct mutex lock; /* of all that follows */
	DARRAY(struct bch_dev *) devs;
	unsigned next[BCH_MAX_DEVS + 1]; /* next bucket of devs[i] */

	DARRAY(struct journal_entry *) entries; /* in no order */
	u32 *hash; /* seq -> index + 1 of the first entry of its chain */
	unsigned hash_bits;
	size_t bytes_loaded;

	u64 last_seq;	/* highest last_seq of all good flush entries */
	u64 trimmed_to; /* entries below are not in memory */
	u64 oldest_seq;
	DARRAY(struct scan_message) messages;
	int ret;
};

/*
 * Scan every bucket of @s->devs, several at a time; adds to @s->entries. May be called again, with
 * behind_holes. Messages are printed before it returns. 0 or a negative error.
 */
int journal_scan_run(struct journal_scan *s);
/* Make the table of seqs anew for @s->entries. 0 or -ENOMEM. */
int journal_scan_rehash(struct journal_scan *s);
void journal_scan_exit(struct journal_scan *s);

void journal_entry_free(struct journal_entry *e);

/* The nonce of the entry @seq. */
struct bch_nonce journal_jset_nonce(u64 seq);
/* Does the checksum match? Decrypts in place in any case. @got: what was computed. */
bool journal_jset_decrypt(const struct bch_fs *c, struct jset *j, struct bch_csum *got);
/* The reverse, of an entry that was decrypted with success: encrypt in place, set the checksum. */
void journal_jset_seal(const struct bch_fs *c, struct jset *j);

#endif
