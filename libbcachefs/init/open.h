/*
 * Opening a filesystem from its devices: choose the newest superblock, check membership, load the
 * key, find the roots, apply the journal overlay (spec 01 section 17, 04 section 12). So far only
 * for reading: no byte of any device changes.
 */
#ifndef _BCH_INIT_OPEN_H
#define _BCH_INIT_OPEN_H

#include "sb/csum.h"
#include "sb/fs.h"

/* Btree nodes found by scanning all members (btree/topology.h). */
enum bch_open_scan {
	BCH_SCAN_never,
	BCH_SCAN_if_needed, /* when a node of the btrees that files need cannot be read */
	BCH_SCAN_always,
};

struct bch_rewind;

struct bch_open_args {
	bool degraded;	    /* open though members are missing, if no data is lost */
	bool very_degraded; /* ... even if data is lost */
	bool no_splitbrain_check;
	bool no_journal;   /* roots of the newest journal entry, but no overlay of its keys */
	bool journal_only; /* stop after reading the journal */
	bool read_entire_journal; /* also entries that are no longer dirty */
	bool nostart;		  /* stop after membership and key: no journal, no roots */
	/*
	 * Open whatever can be opened: devices without a superblock, split brain, a journal that is
	 * bad or gone, roots that are not named anywhere. Each concession is told. What readers
	 * get may then be older than the filesystem: ask bch_btree_damage().
	 */
	bool salvage;
	enum bch_open_scan scan; /* with salvage only */
	bool scan_trust_bitmap;
	/* Of a scan; sectors, from any thread. NULL: none. */
	void (*scan_progress)(struct bch_fs *c, u64 done, u64 total, void *arg);
	void *scan_progress_arg;
	const volatile bool *cancel; /* NULL, or: the scan ends with -EINTR once it is true */
	struct bch_rewind *rewind;   /* NULL, or: go back to an earlier state (journal/rewind.h) */
	u64 memory;		     /* bytes for the node cache; 0: default */
	/*
	 * Asked for the master key of an encrypted filesystem; 0 or a negative error. NULL: the
	 * open fails with no_encryption_key.
	 */
	int (*get_key)(struct bch_fs *c, struct bch_crypt_key *key, void *arg);
	void *get_key_arg;
	void (*log)(struct bch_fs *c, const char *line);
};

/*
 * Open @nr devices as one filesystem. On failure a negative error and a sentence in @err.
 * The caller closes with bch_fs_close().
 */
int bch_fs_open(struct bch_fs **c, char *const *paths, unsigned nr,
		const struct bch_open_args *args, struct printbuf *err);
void bch_fs_close(struct bch_fs *c);
/*
 * What to do when the superblock of one device of several gave @err: to append to its message, or
 * "". @degraded: it is allowed that members are missing.
 */
const char *bch_lost_sb_advice(int err, bool degraded);

/*
 * Ready an open filesystem for reading files: generations of buckets, snapshots, read path. What
 * cannot be read is told and counted. 0 or -ENOMEM.
 */
int bch_fs_start_reading(struct bch_fs *c);

/* Register key types and superblock sections; called by bch_fs_open(), may be called before. */
void bch_engine_init(void);

#endif
