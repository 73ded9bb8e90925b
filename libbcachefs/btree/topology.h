/*
 * Btrees put together again from nodes found by scanning, in memory only (spec 02 section 23, 09
 * section 15.1).
 *
 * A btree with an unreadable node gets a root that exists only in memory, whose children are keys
 * of the overlay: all leaves that can still be reached, and in the gaps the newest leaves that the
 * scan found. Readers see no difference; what they may not trust is in btree/damage.h.
 */
#ifndef _BCH_BTREE_TOPOLOGY_H
#define _BCH_BTREE_TOPOLOGY_H

#include "btree/node_scan.h"

/* The answer of the floors above to what a place of a device should hold. */
enum node_expected {
	NODE_EXPECTED_unknown, /* nothing is known of the place */
	NODE_EXPECTED_this,    /* this node */
	NODE_EXPECTED_other,   /* something else, or nothing */
};

struct topology_args {
	/*
	 * What is known of the whereabouts of @n from outside of its btree (backpointers); NULL:
	 * nothing.
	 */
	enum node_expected (*expected)(struct bch_fs *c, const struct found_node *n, void *arg);
	/*
	 * Told, in order, each range that is not read from a node which the tree still leads to:
	 * @seq is that of the newest bset of the node that stands in, 0 if there is none, U64_MAX
	 * if that is not known. 0 or a negative error. NULL: nobody is told.
	 */
	int (*replaced)(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end,
			u64 seq, void *arg);
	void *arg;
	/*
	 * The journal, or a part that counts, is lost: pointers may be older than nodes, and the
	 * newest node wins even where the tree can be read.
	 */
	bool tree_may_be_old;
};

/*
 * Walk btree @id. If anything in it cannot be read: replace its root by one in memory. @index: what
 * was found; referenced nodes are marked in it. Nobody uses the btree yet. 0, also when a part of
 * it is lost (see bch_btree_damage()), or -ENOMEM.
 */
int bch_topology_rebuild(struct bch_fs *c, unsigned id, struct node_index *index,
			 const struct topology_args *args);

/*
 * Read all nodes of btree @id, up to the first that cannot be: what is wrong is then known to
 * bch_btree_damage(). 0, -BCH_ERR_btree_node_read_error or -ENOMEM.
 */
int bch_topology_check(struct bch_fs *c, unsigned id);

#endif
