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
#include "fs/reconstruct.h"
#include "init/salvage.h"
#include "journal/history.h"
#include "journal/journal.h"

/* What reading files needs. */
static const u8 file_btrees[] = {
	BTREE_ID_extents, BTREE_ID_inodes,     BTREE_ID_dirents,
	BTREE_ID_xattrs,  BTREE_ID_subvolumes, BTREE_ID_snapshots,
	BTREE_ID_reflink, BTREE_ID_stripes,    BTREE_ID_bucket_gens,
};

/* What is not read from nodes that the trees lead to. */
struct replaced {
	u8 btree;
	struct bpos start, end;
	u64 seq; /* of the node that stands in; 0: none, U64_MAX: not known */
};

struct salvage {
	struct bch_fs *c;
	struct bkey_i *key; /* 255 u64s */
	struct btree_ranges wanted[BTREE_ID_NR_MAX];
	DARRAY(struct replaced) replaced;
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

static int replaced(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end, u64 seq,
		    void *arg)
{
	struct salvage *s = arg;

	/* Counters are sums of changes: old ones would count twice. */
	if (btree == BTREE_ID_accounting)
		return 0;
	return bch_btree_ranges_add(&s->wanted[btree], start, end) ?:
		       darray_push(&s->replaced, ((struct replaced){btree, start, end, seq}));
}

static bool is_wanted(unsigned btree, struct bpos pos, void *arg)
{
	struct salvage *s = arg;
	const struct btree_range *r;

	if (btree >= BTREE_ID_NR_MAX)
		return false;
	r = bch_btree_ranges_find(&s->wanted[btree], pos);
	return r && bpos_le(r->start, pos);
}

/* Bring what stands in up to date, as far back as the journal reaches. */
static int replay_history(struct salvage *s)
{
	struct bch_fs *c = s->c;
	struct journal_history h;
	size_t nr_current = 0;
	int ret;

	if (!s->replaced.nr)
		return 0;
	ret = bch_journal_history_read(c, &h);
	if (ret || h.complete_from == U64_MAX)
		return ret;
	ret = bch_journal_history_overlay(c, &h, is_wanted, s);
	darray_for_each(s->replaced, r) {
		if (ret || r->seq == U64_MAX || !bch_journal_history_covers(c, &h, r->seq))
			continue;
		bch_btree_damage_clear(c, r->btree, r->start, r->end);
		nr_current++;
	}
	bch_log(c, "journal entries from %llu on: %zu of %zu ranges brought up to date",
		h.complete_from, nr_current, s->replaced.nr);
	return ret;
}

static bool scan_is_needed(struct bch_fs *c, bool journal_lost)
{
	struct printbuf name = PRINTBUF;
	bool needed = journal_lost;

	for (unsigned i = 0; i < ARRAY_SIZE(file_btrees) && !needed; i++) {
		bch_topology_check(c, file_btrees[i]);
		needed =
			bch_btree_damage(c, file_btrees[i], POS_MIN, SPOS_MAX) == BTREE_DAMAGE_lost;
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

/*
 * A node that has keys of journal entries behind the newest that is known: the journal was longer,
 * or the superblock is not the newest there was.
 */
static bool nodes_are_newer(struct bch_fs *c)
{
	darray_for_each(c->btree->scan->nodes, n) {
		if (n->flags & FOUND_NODE_bad || n->journal_seq < c->journal->start_seq)
			continue;
		bch_log(c,
			"nodes hold changes up to journal seq %llu at least, but the journal ends "
			"before %llu: the newest entries are lost",
			n->journal_seq, c->journal->start_seq);
		c->nr_errors++;
		return true;
	}
	return false;
}

/* Nothing then tells that what can be read is the newest. */
static void nothing_is_confirmed(struct bch_fs *c)
{
	for (unsigned i = 0; i < ARRAY_SIZE(file_btrees); i++)
		bch_btree_damage_add(c, file_btrees[i], POS_MIN, SPOS_MAX,
				     BTREE_DAMAGE_unconfirmed);
}

static int rebuild(struct salvage *s, bool journal_lost)
{
	struct topology_args args = {
		.tree_may_be_old = journal_lost,
		.replaced = replaced,
		.arg = s,
	};
	struct bch_fs *c = s->c;
	int ret = bch_topology_rebuild(c, BTREE_ID_backpointers, c->btree->scan, &args);

	if (!ret && !journal_lost) {
		ret = replay_history(s);
		if (backpointers_are_good(c))
			args.expected = expected;
	}
	s->replaced.nr = 0;
	for (unsigned id = 0; id < BTREE_ID_NR_MAX && !ret; id++)
		if (id != BTREE_ID_backpointers)
			ret = bch_topology_rebuild(c, id, c->btree->scan, &args);
	if (ret)
		return ret;
	ret = journal_lost ? 0 : replay_history(s);
	ret = ret ?: bch_snapshots_reconstruct(c);
	if (!ret && journal_lost)
		nothing_is_confirmed(c);
	return ret;
}

int bch_salvage_btrees(struct bch_fs *c, const struct bch_open_args *args, bool journal_lost)
{
	struct salvage *s;
	int ret;

	if (args->scan == BCH_SCAN_never ||
	    (args->scan == BCH_SCAN_if_needed && !scan_is_needed(c, journal_lost)))
		return 0;
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	s->c = c;
	s->key = kmalloc(BKEY_U64s_MAX * sizeof(u64), GFP_KERNEL);
	ret = s->key ? scan(c, args) : -ENOMEM;
	ret = ret ?: rebuild(s, journal_lost || nodes_are_newer(c));
	for (unsigned id = 0; id < BTREE_ID_NR_MAX; id++)
		darray_exit(&s->wanted[id].d);
	darray_exit(&s->replaced);
	kfree(s->key);
	kfree(s);
	return ret;
}
