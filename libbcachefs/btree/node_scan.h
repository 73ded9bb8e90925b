/*
 * Btree nodes found by reading the members from one end to the other (spec 02 section 24): an index
 * of all nodes whose head is good, whether a pointer still names them or not.
 *
 * Older versions of nodes stay on disk until their bucket is used again: several entries may cover
 * one position. Of two that overlap the newer is known by its generation, then by its journal
 * sequence number; bch_found_node_cmp_age() settles it.
 */
#ifndef _BCH_BTREE_NODE_SCAN_H
#define _BCH_BTREE_NODE_SCAN_H

#include "btree/node.h"
#include "util/darray.h"

#define FOUND_NODE_PTRS_MAX 4

enum found_node_flag {
	/* The first bset counts for nothing: its journal entry never happened. */
	FOUND_NODE_blacklisted = 1U << 0,
	/* A bset behind the first has a wrong checksum: what it held, and what follows, is lost. */
	FOUND_NODE_torn = 1U << 1,
	/* The first bset has a wrong checksum, so that the head below may be garbage. */
	FOUND_NODE_bad = 1U << 2,
	/* A pointer of the btree, or of the journal, names it. Set by bch_topology_rebuild(). */
	FOUND_NODE_referenced = 1U << 3,
	/* More replicas than fit. */
	FOUND_NODE_many = 1U << 4,
};

/* One node with its replicas. */
struct found_node {
	u64 cookie;	 /* seq of its bsets and of its pointer */
	u64 journal_seq; /* highest of the good bsets that count */
	struct bpos min, max;
	u32 generation; /* of the node: one more than those it replaced */
	u16 written;	/* sectors to the end of the last good bset that counts */
	u8 btree, level;
	u8 flags; /* FOUND_NODE_* */
	u8 nr_ptrs;
	u8 devs[FOUND_NODE_PTRS_MAX];
	u64 sectors_at[FOUND_NODE_PTRS_MAX]; /* of the devices */
};

struct node_index {
	/* By btree, level, min, then newest first. */
	DARRAY(struct found_node) nodes;
	u32 *by_cookie; /* indices by btree, level, cookie, then the best first */
	u64 sectors_read, sectors_unreadable;
};

struct node_scan_args {
	/* Only where the members' btree_allocated_bitmap says that nodes have been. */
	bool trust_bitmap;
	/* Told now and then from any thread, one at a time: sectors of all members. */
	void (*progress)(struct bch_fs *c, u64 done, u64 total, void *arg);
	void *arg;
	/* Not NULL: ends the scan with -EINTR once it is true; a signal handler may set it. */
	const volatile bool *cancel;
};

/*
 * Scan all online members, each in its own thread, into @index (which is zeroed). c->btree exists;
 * an encrypted filesystem has its key. Sectors that cannot be read are counted and told. 0, -EINTR
 * or -ENOMEM; bch_node_index_exit() in any case.
 */
int bch_node_scan(struct bch_fs *c, struct node_index *index, const struct node_scan_args *args);
void bch_node_index_exit(struct node_index *index);

/*
 * Sort, merge replicas, make the table: after nodes were pushed to index->nodes. 0 or -ENOMEM.
 */
int bch_node_index_finish(struct node_index *index);

/* The node of @btree and @level with this cookie, or NULL. */
struct found_node *bch_node_index_find(struct node_index *index, unsigned btree, unsigned level,
				       u64 cookie);
/* Index of the first node of @btree and @level, or of a higher place; nodes.nr if there is none. */
size_t bch_node_index_seek(const struct node_index *index, unsigned btree, unsigned level);

/* Negative: @l is older than @r, of the same btree and level. 0: the same in all that counts. */
int bch_found_node_cmp_age(const struct found_node *l, const struct found_node *r);
/* The pointer key of @n for the range [@min, @max] of it; range_updated where that is clipped. */
void bch_found_node_ptr(const struct bch_fs *c, const struct found_node *n, struct bpos min,
			struct bpos max, struct btree_ptr_key *key);
/* "BTREE l=0 seq=1 journal_seq=2 cookie=3 MIN-MAX ptr: 0:1:2" (24.5) */
void bch_found_node_to_text(struct printbuf *out, const struct bch_fs *c,
			    const struct found_node *n);

#endif
