/*
 * The btree floor of an open filesystem: roots, node cache, journal overlay (spec 02 sections 3,
 * 21, 25), and what it needs from the floors above.
 */
#ifndef _BCH_BTREE_STATE_H
#define _BCH_BTREE_STATE_H

#include "btree/cache.h"
#include "btree/damage.h"
#include "btree/node.h"
#include "btree/overlay.h"
#include "sb/fs.h"

/* What went wrong when a node was read (spec 02 section 7). */
enum btree_finding_class {
	BTREE_FINDING_FIX,	    /* repaired in memory */
	BTREE_FINDING_RETRY,	    /* another replica is tried */
	BTREE_FINDING_BAD,	    /* the node is unusable */
	BTREE_FINDING_INCOMPATIBLE, /* unusable, and no repair can help */
};

struct btree_finding {
	u16 id; /* enum bch_fsck_err */
	enum btree_finding_class class;
	u8 btree, level;
	const struct bkey_i *ptr;	 /* pointer key of the node */
	const struct btree_range *range; /* what is damaged; NULL: all of the node */
	const char *text;		 /* all of the message, without ", fixing" */
};

/* Filled by the floors above; NULL members have a harmless default. */
struct bch_btree_ops {
	/* Is this journal sequence number blacklisted? Called from any thread. */
	bool (*seq_is_blacklisted)(const struct bch_fs *c, u64 seq);
	/* Spec 02 section 13: @id == @ancestor or below it. */
	bool (*snapshot_is_ancestor)(const struct bch_fs *c, u32 id, u32 ancestor);
	/* Told each finding, from any thread, one at a time. NULL: bch_log(). */
	void (*finding)(struct bch_fs *c, const struct btree_finding *f);
};

struct btree_root {
	struct btree_ptr_key key;
	struct btree
		*b; /* the node, referenced for as long as it is the root; NULL: not yet read */
	u8 level;
	bool alive;  /* exists on disk */
	bool failed; /* reading it was tried in vain, and reported */
	int error;   /* negative: should exist, but cannot be read */
};

struct bch_btree_state {
	struct btree_root roots[BTREE_ID_NR_MAX]; /* also of btrees we do not know */
	struct mutex root_lock;			  /* reading a root */
	struct btree_cache cache;
	struct btree_overlay overlay;
	struct bch_btree_ops ops;
	struct mutex finding_lock;
	u64 nr_findings; /* of those that c->nr_errors counts */
	u64 newest_seq;	 /* journal_seq of the newest bset read that counts; atomic */
	u64 lost_data;	 /* bits: btrees with nodes that could not be read */
	struct mutex damage_lock;
	struct btree_damages *damage[BTREE_ID_NR_MAX]; /* NULL: none known */
	struct node_index *scan;		       /* what a scan found; NULL: there was none */
};

/*
 * Make c->btree: no roots, empty cache and overlay. @memory: bytes for nodes in memory, 0: a
 * quarter of the machine's, at most 4 GiB. c->btree_node_sectors and c->block_sectors are set.
 */
int bch_btree_init(struct bch_fs *c, u64 memory);
void bch_btree_exit(struct bch_fs *c);

/*
 * Take over the root of btree @id (spec 04 section 9.3); later calls override earlier ones. Only
 * remembers the key: the node is read on first use, or by bch_btree_roots_read(). @key NULL or
 * without u64s: the btree should exist, but its root is lost. -BCH_ERR_invalid: @id or @level out
 * of range, or not a pointer key.
 */
int bch_btree_root_set(struct bch_fs *c, unsigned id, unsigned level, const struct bkey_i *key);

/*
 * Replace the root of @id, which nobody uses, by an empty node of @level that is only in memory.
 * Its children are those of the overlay. 0 or -ENOMEM.
 */
int bch_btree_root_set_fake(struct bch_fs *c, unsigned id, unsigned level);

/*
 * The root node of @id with its level, reading it if need be; a fake empty leaf for a btree that
 * has none. The reference lasts until bch_btree_exit(). ERR_PTR: the root cannot be read (then
 * each call says so, but only the first prints it).
 */
struct btree *bch_btree_root(struct bch_fs *c, unsigned id);
/* Read all roots, several at a time; errors are remembered in the roots and counted. */
void bch_btree_roots_read(struct bch_fs *c);

/* Something of btree @id is gone; says so the first time. */
void bch_btree_lost_data(struct bch_fs *c, unsigned id);
/*
 * Count and print a finding (spec 02 section 7: error class and id), and remember the range of the
 * node as damaged, if no other replica is tried.
 */
void bch_btree_report(struct bch_fs *c, const struct btree_finding *f);

#endif
