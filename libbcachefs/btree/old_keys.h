/*
 * All keys that leaves hold on disk, of every bset, also those that later ones hide: what was there
 * before (spec 02 section 9, 09 section 15.2). For looking back; readers use btree/iter.h.
 */
#ifndef _BCH_BTREE_OLD_KEYS_H
#define _BCH_BTREE_OLD_KEYS_H

#include "btree/bkey_ops.h"

/*
 * A valid key, or a deleted one; @seq is the highest of the journal entries that its bset has keys
 * of. Nonzero ends the walk.
 */
typedef int (*bch_old_key_fn)(struct bkey_view k, u64 seq, void *arg);

/*
 * Of the leaves of @btree that have positions from @start to @end; of these nodes all keys are
 * given. Nodes and bsets that cannot be read are passed over, and counted in *@nr_unreadable. 0,
 * what @fn returned, or -ENOMEM.
 */
int bch_old_keys_of_tree(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end,
			 bch_old_key_fn fn, void *arg, u64 *nr_unreadable);
/* The same of nodes that a scan found (c->btree->scan) and no pointer names any more. */
int bch_old_keys_of_scan(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end,
			 bch_old_key_fn fn, void *arg, u64 *nr_unreadable);

#endif
