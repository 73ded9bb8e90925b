/*
 * The node cache (spec 02 section 11): nodes in memory by the identity of their pointer, within a
 * budget of bytes; least recently used nodes go first (a clock).
 *
 * Lock ranks: node locks (six) before cache->lock; no I/O under either but for a node's readers,
 * who wait for it with its parent locked.
 */
#ifndef _BCH_BTREE_CACHE_H
#define _BCH_BTREE_CACHE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include "btree/six.h"
#include "format/bkey.h"

struct bch_fs;
struct btree;
struct workqueue_struct;

#define BTREE_CACHE_BUFS 16

struct btree_cache {
	struct mutex lock; /* of the table, the list, the counts and the buffers */
	struct hlist_head *table;
	unsigned table_bits;
	struct list_head live; /* least recently used first */
	size_t bytes, max_bytes;
	unsigned nr_live;
	atomic_t nr_in_flight;
	void *bufs[BTREE_CACHE_BUFS]; /* spare I/O buffers of a node's size */
	unsigned nr_bufs;
	wait_queue_head_t read_done;
	struct workqueue_struct *wq;	   /* checks and sorts what was read */
	u64 nr_reads, nr_hits, nr_evicted; /* statistics */
};

int bch_btree_cache_init(struct bch_fs *c, u64 memory);
/* Waits for reads in flight; nobody holds a lock or a reference. */
void bch_btree_cache_exit(struct bch_fs *c);

/*
 * The node that @key (of a parent of level @level + 1, which is locked, or of a root) points to,
 * locked with @lock and ready; unlock with bch_six_unlock(). Waits for I/O. ERR_PTR:
 * -BCH_ERR_btree_node_read_error (reported when it happened), -ENOMEM.
 */
struct btree *bch_btree_node_get(struct bch_fs *c, unsigned id, unsigned level,
				 const struct bkey_i *key, enum six_lock_type lock);
/* Start to read a node that will be wanted; never waits. False: enough is in flight already. */
bool bch_btree_node_prefetch(struct bch_fs *c, unsigned id, unsigned level,
			     const struct bkey_i *key);
/* Unlock a node that will not be wanted again: forget it, unless others use it. */
void bch_btree_node_unlock_drop(struct bch_fs *c, struct btree *b, enum six_lock_type lock);

/* Keep @b in the cache until bch_btree_node_unpin(); the caller holds its lock. */
void bch_btree_node_pin(struct bch_fs *c, struct btree *b);
void bch_btree_node_unpin(struct bch_fs *c, struct btree *b);

/*
 * A node without keys of all positions that is in no table: a leaf for roots of btrees that have
 * none; of a higher level for those whose children are only in the overlay. Destroy with
 * bch_btree_node_free(). NULL without memory.
 */
struct btree *bch_btree_node_alloc_fake(struct bch_fs *c, unsigned id, unsigned level);
void bch_btree_node_free(struct btree *b);

/* For read.c: the read of @b is over. */
void bch_btree_node_read_done(struct bch_fs *c, struct btree *b, int error);
/* A buffer of bch_node_bytes(), aligned for I/O; NULL without memory. */
void *bch_btree_buf_get(struct bch_fs *c);
void bch_btree_buf_put(struct bch_fs *c, void *buf);

#endif
