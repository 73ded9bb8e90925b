/*
 * The journal of an open filesystem: its rings on the members, the entries that were read, the
 * blacklist (spec 04).
 */
#ifndef _BCH_JOURNAL_JOURNAL_H
#define _BCH_JOURNAL_JOURNAL_H

#include "format/jset.h"
#include "journal/blacklist.h"
#include "sb/fs.h"
#include "util/darray.h"

/* Where a copy of an entry lies. */
struct journal_ptr {
	u8 dev;
	bool csum_good;
	u32 idx;    /* position in the ring, not the bucket number */
	u32 offset; /* sectors from the start of the bucket */
	u64 sector; /* of the device */
};

/* What an entry is good for (spec 04 section 6.4). */
enum journal_entry_state {
	JOURNAL_ENTRY_DIRTY,	   /* counts: it is to be replayed */
	JOURNAL_ENTRY_CLEAN,	   /* below the oldest dirty one */
	JOURNAL_ENTRY_BLACKLISTED, /* its number is in the superblock's blacklist */
	JOURNAL_ENTRY_DROPPED,	   /* newer than the newest flush entry, or torn */
	JOURNAL_ENTRY_BAD,	   /* dirty, but no copy has a good checksum */
};

/* One entry with all its copies. */
struct journal_entry {
	u64 seq;
	u64 last_seq;
	u64 digest; /* of the decrypted bytes */
	u32 bytes;
	u32 flags; /* JSET_* */
	u8 state;  /* enum journal_entry_state */
	bool csum_good;
	bool validated;
	bool copies_differ; /* two good ones are not identical */
	u32 hash_next;	    /* while reading */
	struct jset *j;	    /* decrypted; NULL: not in memory, see bch_journal_entry_load() */
	DARRAY(struct journal_ptr) ptrs; /* the first is the copy in @j */
};

static inline bool journal_entry_is_flush(const struct journal_entry *e)
{
	return !(e->flags & JSET_NO_FLUSH);
}

/* It was written whole, and is part of what the filesystem went through. */
static inline bool journal_entry_counts(const struct journal_entry *e)
{
	return e->csum_good && (e->state == JOURNAL_ENTRY_DIRTY || e->state == JOURNAL_ENTRY_CLEAN);
}

/* The ring of one member (spec 04 section 3). */
struct journal_dev {
	unsigned nr;
	u64 *buckets;	  /* in ring order */
	u64 *bucket_seq;  /* highest seq found in each, 0: none */
	unsigned cur_idx; /* where the newest entry of this member is */
	u32 sectors_free; /* behind it */
	u64 newest_seq;
	u64 wanted; /* data types that replicas entries name, bits */
};

struct bch_journal {
	struct journal_blacklist blacklist;
	struct journal_dev *devs[BCH_MAX_DEVS + 1];

	/* Ascending seq. */
	DARRAY(struct journal_entry *) entries;
	size_t bytes_loaded; /* of entries in memory */

	u64 replay_first, replay_last; /* last_seq and seq of the newest flush entry, or 0 */
	u64 start_seq;		       /* lower bound for the next entry */
	u64 nr_bad;		       /* blocks with a wrong checksum, or a torn end */
	u64 nr_lost;		       /* entries that should be replayed, but are missing or bad */
	u64 oldest_seq;		       /* of all entries found, kept or not */
	u64 newest_time;	       /* of replay_last: seconds, 0: not known */
	bool end_is_lost;	       /* there were entries behind replay_last: journal/tail.h */

	/* From the newest entry, or the clean section. */
	u64 key_version;
	u64 clock[2]; /* sectors read, written */
};

/* Make c->journal if it is not there; 0 or -ENOMEM. */
int bch_journal_init(struct bch_fs *c);
void bch_journal_exit(struct bch_fs *c);

/*
 * The ring of member @ca from its superblock (spec 04 section 3.1), into c->journal. A member
 * without journal buckets gets an empty ring. 0, -ENOMEM or -BCH_ERR_invalid_sb_journal.
 */
int bch_journal_dev_init(struct bch_fs *c, struct bch_dev *ca);

#endif
