/*
 * The node cache (spec 02 section 11): nodes in memory by the identity of their pointer, within a
 * budget of bytes; least recently used nodes go first (a clock).
 *
 * Lock ranks: node locks (six) before cache->lock; no I/O under either but for a node's readers,
 * who wait for it with its parent locked.
 */
#ifndef _BCH_BTREE_CACHE_H
#define _BCH_BTREE_CACHE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include "btree/six.h"
#include "format/bkey.h"

struct bch_fs;
struct btree;
struct workqueue_struct;

struct btree_cache {
	struct mutex lock; /* of the table, the lists and the counts */
	struct hlist_head *table;
	unsigned table_bits;
	struct list_head live;	  /* clock order */
	struct list_head freed;	  /* buffers for the next nodes */
	unsigned nr_live, nr_freed;
	unsigned max_nodes;	  /* the budget */
	wait_queue_head_t read_done;
	struct workqueue_struct *wq; /* checks and sorts what was read */
	u64 nr_reads, nr_hits, nr_evicted; /* statistics */
};

int bch_btree_cache_init(struct bch_fs *c, u64 memory);
void bch_btree_cache_exit(struct bch_fs *c);

/*
 * The node that @key (of a parent of level @level + 1, which is locked, or of a root) points to,
 * locked with @lock and ready; unlock with six_unlock(). Waits for I/O. ERR_PTR:
 * -BCH_ERR_btree_node_read_error (reported when it happened), -ENOMEM.
 */
struct btree *bch_btree_node_get(struct bch_fs *c, unsigned id, unsigned level,
				 const struct bkey_i *key, enum six_lock_type lock);
/* Start to read a node that will be wanted; never waits. False: no memory for it. */
bool bch_btree_node_prefetch(struct bch_fs *c, unsigned id, unsigned level,
			     const struct bkey_i *key);

/* An empty node that is in no table, for fake roots and tests; destroy with .._free(). */
struct btree *bch_btree_node_alloc(struct bch_fs *c);
void bch_btree_node_free(struct bch_fs *c, struct btree *b);

#endif
