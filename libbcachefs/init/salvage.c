/*
 * Making the most of a filesystem of which parts are gone (init/salvage.h).
 *
 * The backpointers, where they can be read, tell of every place on the devices which node lies
 * there: that is how a node which is found is known to be the newest, and not one of those that it
 * replaced.
 */
#include <linux/slab.h>
#include "alloc/backpointers.h"
#include "btree/iter.h"
#include "btree/topology.h"
#include "format/errcode.h"
#include "init/salvage.h"

/* What reading files needs. */
static const u8 file_btrees[] = {
	BTREE_ID_extents, BTREE_ID_inodes,     BTREE_ID_dirents,
	BTREE_ID_xattrs,  BTREE_ID_subvolumes, BTREE_ID_snapshots,
	BTREE_ID_reflink, BTREE_ID_stripes,    BTREE_ID_bucket_gens,
};

struct salvage {
	struct bch_fs *c;
	struct bkey_i *key; /* 255 u64s */
};

/* The backpointer of the place @i of @n. */
static enum node_expected place_expected(struct salvage *s, const struct found_node *n, unsigned i)
{
	struct bch_backpointer_unpacked bp;
	struct bpos pos;
	int ret;

	pos = POS(n->devs[i], n->sectors_at[i] << bch_backpointer_shift(s->c));
	ret = bch_btree_lookup(s->c, BTREE_ID_backpointers, pos, s->key);
	if (ret == -ENOENT)
		return NODE_EXPECTED_other;
	if (ret || s->key->k.type != KEY_TYPE_backpointer)
		return NODE_EXPECTED_unknown;
	bp = bch_backpointer_unpack(s->c, bkey_i_view(s->key));
	return bp.btree == n->btree && bp.level == n->level + 1 && bpos_eq(bp.pos, n->max) ?
		       NODE_EXPECTED_this :
		       NODE_EXPECTED_other;
}

static enum node_expected expected(struct bch_fs *c, const struct found_node *n, void *arg)
{
	enum node_expected best = NODE_EXPECTED_other, e;

	for (unsigned i = 0; i < n->nr_ptrs; i++) {
		e = place_expected(arg, n, i);
		if (e == NODE_EXPECTED_this)
			return e;
		if (e == NODE_EXPECTED_unknown)
			best = e;
	}
	return best;
}

static bool backpointers_are_good(struct bch_fs *c)
{
	return c->btree->roots[BTREE_ID_backpointers].alive &&
	       !bch_btree_damage(c, BTREE_ID_backpointers, POS_MIN, SPOS_MAX);
}

static bool scan_is_needed(struct bch_fs *c, bool journal_lost)
{
	struct printbuf name = PRINTBUF;
	bool needed = journal_lost;

	for (unsigned i = 0; i < ARRAY_SIZE(file_btrees) && !needed; i++) {
		needed = bch_topology_check(c, file_btrees[i]) == -BCH_ERR_btree_node_read_error;
		if (needed) {
			bch_btree_id_to_text(&name, file_btrees[i]);
			bch_log(c, "btree %s is damaged: scanning the members for nodes",
				printbuf_str(&name));
		}
	}
	printbuf_exit(&name);
	return needed;
}

static int scan(struct bch_fs *c, const struct bch_open_args *args)
{
	const struct node_scan_args scan_args = {
		.trust_bitmap = args->scan_trust_bitmap,
		.progress = args->scan_progress,
		.arg = args->scan_progress_arg,
		.cancel = args->cancel,
	};
	int ret;

	c->btree->scan = kzalloc(sizeof(*c->btree->scan), GFP_KERNEL);
	if (!c->btree->scan)
		return -ENOMEM;
	ret = bch_node_scan(c, c->btree->scan, &scan_args);
	if (!ret)
		bch_log(c, "%zu btree nodes found by scanning", c->btree->scan->nodes.nr);
	return ret;
}

int bch_salvage_btrees(struct bch_fs *c, const struct bch_open_args *args, bool journal_lost)
{
	struct topology_args topology = {.tree_may_be_old = journal_lost};
	struct salvage s = {.c = c};
	int ret;

	if (args->scan == BCH_SCAN_never ||
	    (args->scan == BCH_SCAN_if_needed && !scan_is_needed(c, journal_lost)))
		return 0;
	s.key = kmalloc(BKEY_U64s_MAX * sizeof(u64), GFP_KERNEL);
	ret = s.key ? scan(c, args) : -ENOMEM;
	ret = ret ?: bch_topology_rebuild(c, BTREE_ID_backpointers, c->btree->scan, &topology);
	if (!ret && !journal_lost && backpointers_are_good(c)) {
		topology.expected = expected;
		topology.arg = &s;
	}
	for (unsigned id = 0; id < BTREE_ID_NR_MAX && !ret; id++)
		if (id != BTREE_ID_backpointers)
			ret = bch_topology_rebuild(c, id, c->btree->scan, &topology);
	kfree(s.key);
	return ret;
}
