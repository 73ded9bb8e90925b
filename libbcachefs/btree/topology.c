/*
 * Btrees put together again from nodes found by scanning (btree/topology.h; spec 02 section 23).
 *
 * First all leaves that pointers of the tree still lead to are collected, and the ranges that no
 * readable one covers. There the nodes of the scan compete for each position: a sweep over their
 * starts, with a heap of those that cover the place. All of it is O(n log n).
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "btree/topology.h"

/* A leaf that may stand in the new tree. */
struct candidate {
	struct btree_ptr_key *key; /* of the tree; NULL: @node's */
	struct found_node *node;   /* NULL: the scan did not find it */
	struct bpos min, max;
	enum node_expected expected;
	bool in_tree; /* the tree points to it */
};

/* What a position is read from. */
struct piece {
	struct bpos min, max;
	const struct candidate *from;
};

struct rebuild {
	struct bch_fs *c;
	unsigned id;
	struct node_index *index;
	const struct topology_args *args;
	DARRAY(struct candidate) cands;
	struct btree_ranges readable;	/* by what the tree points to */
	struct btree_ranges unreadable; /* leaves of the tree of which no replica is good */
	bool damaged;
	DARRAY(u32) heap; /* candidates that cover the place, the best on top */
	DARRAY(struct piece) pieces;
};

/* --- what the tree leads to --- */

static int cand_add(struct rebuild *r, struct candidate cand)
{
	return darray_push(&r->cands, cand);
}

static void mark_referenced(struct rebuild *r, unsigned level, const struct bkey_i *key)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(key);
	struct found_node *n =
		v2 ? bch_node_index_find(r->index, r->id, level, le64_to_cpu(v2->seq)) : NULL;

	if (n)
		n->flags |= FOUND_NODE_referenced;
}

/* Can the leaf be read? What the scan has checked is not read again. */
static bool leaf_is_readable(struct rebuild *r, const struct bkey_i *key,
			     const struct found_node *n)
{
	struct btree *b;

	if (n && !(n->flags & FOUND_NODE_bad))
		return true;
	b = bch_btree_node_get(r->c, r->id, 0, key, SIX_LOCK_read);
	if (IS_ERR(b))
		return false;
	bch_btree_node_unlock_drop(r->c, b, SIX_LOCK_read);
	return true;
}

/* @start: where the leaf begins if its pointer does not tell. */
static int take_leaf(struct rebuild *r, const struct bkey_i *key, struct bpos start)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(key);
	struct candidate cand = {.max = key->k.p, .in_tree = true};

	cand.min = v2 ? v2->min_key : start;
	if (bpos_gt(cand.min, cand.max))
		return 0;
	if (v2)
		cand.node = bch_node_index_find(r->index, r->id, 0, le64_to_cpu(v2->seq));
	if (!leaf_is_readable(r, key, cand.node)) {
		r->damaged = true;
		return bch_btree_ranges_add(&r->unreadable, cand.min, cand.max);
	}
	/* A key of its own only where that of the scan is not as good. */
	if (!cand.node || cand.node->written != le16_to_cpu(v2->sectors_written) ||
	    !bpos_eq(cand.min, cand.node->min) || !bpos_eq(cand.max, cand.node->max)) {
		cand.key = kmalloc(sizeof(*cand.key), GFP_KERNEL);
		if (!cand.key)
			return -ENOMEM;
		bkey_i_copy(&cand.key->k, key);
	}
	if (cand_add(r, cand)) {
		kfree(cand.key);
		return -ENOMEM;
	}
	return bch_btree_ranges_add(&r->readable, cand.min, cand.max);
}

/* All pointers to nodes of @level, where they can be read. */
static int walk_pointers(struct rebuild *r, unsigned level)
{
	struct bpos start = POS_MIN;
	struct btree_ptr_key key;
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init_level(&iter, r->c, r->id, POS_MIN, level + 1,
			    BTREE_ITER_all_snapshots | BTREE_ITER_prefetch);
	for (;; bch_iter_advance(&iter)) {
		ret = bch_iter_peek(&iter, &k);
		while (ret == -BCH_ERR_btree_node_read_error) {
			r->damaged = true;
			if (!bch_iter_skip_unreadable(&iter))
				break;
			start = iter.pos;
			ret = bch_iter_peek(&iter, &k);
		}
		if (ret || !k.k)
			break;
		if (!btree_key_is_ptr(k.k))
			continue;
		bkey_reassemble(&key.k, k);
		mark_referenced(r, level, &key.k);
		if (!level)
			ret = take_leaf(r, &key.k, start);
		if (ret || bpos_eq(key.k.k.p, SPOS_MAX))
			break;
		start = bpos_successor(key.k.k.p);
	}
	bch_iter_exit(&iter);
	return ret == -BCH_ERR_btree_node_read_error ? 0 : ret;
}

static int walk_tree(struct rebuild *r)
{
	struct btree_root *root = &r->c->btree->roots[r->id];
	struct btree *b = bch_btree_root(r->c, r->id);
	int ret = 0;

	if (IS_ERR(b)) {
		r->damaged = true;
		return PTR_ERR(b) == -ENOMEM ? -ENOMEM : 0;
	}
	if (test_bit(BTREE_NODE_fake, &b->flags))
		return 0;
	mark_referenced(r, root->level, &root->key.k);
	if (!root->level)
		return take_leaf(r, &root->key.k, POS_MIN);
	for (unsigned level = root->level; level-- && !ret;)
		ret = walk_pointers(r, level);
	return ret;
}

/* Is every position covered by what the tree points to? */
static bool has_gaps(const struct rebuild *r)
{
	const struct btree_range *all = r->readable.d.data;

	return r->readable.d.nr != 1 || !bpos_eq(all->start, POS_MIN) ||
	       !bpos_eq(all->end, SPOS_MAX);
}

/* --- candidates --- */

static int add_found(struct rebuild *r)
{
	struct node_index *index = r->index;
	size_t i = bch_node_index_seek(index, r->id, 0);
	int ret = 0;

	for (; i < index->nodes.nr && !ret; i++) {
		struct found_node *n = &index->nodes.data[i];
		struct candidate cand = {.node = n, .min = n->min, .max = n->max};
		const struct btree_range *covered;

		if (n->btree != r->id || n->level)
			break;
		if (n->flags & FOUND_NODE_bad)
			continue;
		if (!r->args->tree_may_be_old) {
			covered = bch_btree_ranges_find(&r->readable, n->min);
			if (covered && bpos_le(covered->start, n->min) &&
			    bpos_ge(covered->end, n->max))
				continue;
			if (r->args->expected)
				cand.expected = r->args->expected(r->c, n, r->args->arg);
		}
		ret = cand_add(r, cand);
	}
	return ret;
}

static int expected_rank(enum node_expected e)
{
	return e == NODE_EXPECTED_this ? 2 : e == NODE_EXPECTED_unknown;
}

/* Positive: @l is to be preferred. */
static int cmp_worth(const struct rebuild *r, const struct candidate *l, const struct candidate *q)
{
	int age = l->node && q->node ? bch_found_node_cmp_age(l->node, q->node) :
				       !!l->node - !!q->node;
	int in_tree = l->in_tree - q->in_tree;

	if (r->args->tree_may_be_old)
		return age ?: in_tree;
	return in_tree ?: expected_rank(l->expected) - expected_rank(q->expected) ?: age;
}

static int cmp_min(const void *l, const void *r)
{
	return bpos_cmp(((const struct candidate *)l)->min, ((const struct candidate *)r)->min);
}

/* --- the sweep --- */

static bool heap_better(const struct rebuild *r, u32 i, u32 j)
{
	int cmp = cmp_worth(r, &r->cands.data[i], &r->cands.data[j]);

	return cmp ? cmp > 0 : i < j;
}

static int heap_push(struct rebuild *r, u32 cand)
{
	size_t at = r->heap.nr;
	u32 *h;

	if (darray_push(&r->heap, cand))
		return -ENOMEM;
	for (h = r->heap.data; at && heap_better(r, h[at], h[(at - 1) / 2]); at = (at - 1) / 2)
		swap(h[at], h[(at - 1) / 2]);
	return 0;
}

static void heap_pop(struct rebuild *r)
{
	u32 *h = r->heap.data;
	size_t at = 0, child;

	h[0] = h[--r->heap.nr];
	for (; (child = at * 2 + 1) < r->heap.nr; at = child) {
		if (child + 1 < r->heap.nr && heap_better(r, h[child + 1], h[child]))
			child++;
		if (!heap_better(r, h[child], h[at]))
			return;
		swap(h[at], h[child]);
	}
}

static int piece_add(struct rebuild *r, const struct candidate *from, struct bpos min,
		     struct bpos max)
{
	struct piece *last = r->pieces.nr ? &darray_last(r->pieces) : NULL;

	if (last && last->from == from) {
		last->max = max;
		return 0;
	}
	return darray_push(&r->pieces, ((struct piece){min, max, from}));
}

/* Give each position to the best candidate that covers it. */
static int sweep(struct rebuild *r)
{
	struct candidate *cands = r->cands.data;
	struct bpos at = POS_MIN;
	size_t next = 0;
	int ret = 0;

	sort(cands, r->cands.nr, sizeof(*cands), cmp_min, NULL);
	for (;;) {
		const struct candidate *top;
		struct bpos end;

		for (; next < r->cands.nr && bpos_le(cands[next].min, at) && !ret; next++)
			ret = heap_push(r, next);
		while (r->heap.nr && bpos_lt(cands[r->heap.data[0]].max, at))
			heap_pop(r);
		if (ret || (!r->heap.nr && next == r->cands.nr))
			return ret;
		if (!r->heap.nr) {
			at = cands[next].min;
			continue;
		}
		top = &cands[r->heap.data[0]];
		end = top->max;
		if (next < r->cands.nr && bpos_le(cands[next].min, end))
			end = bpos_predecessor(cands[next].min);
		ret = piece_add(r, top, at, end);
		if (ret || bpos_eq(end, SPOS_MAX))
			return ret;
		at = bpos_successor(end);
	}
}

/* --- the new tree --- */

/* The children of the old tree are not those of the new one. */
static void hide_overlay_pointers(struct bch_fs *c, unsigned id)
{
	darray_for_each(c->btree->overlay.keys, k)
		if (k->btree == id && k->level)
			k->overwritten = true;
}

/* The piece that contains @pos, or NULL. */
static const struct piece *piece_find(const struct rebuild *r, struct bpos pos)
{
	size_t lo = 0, hi = r->pieces.nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (bpos_lt(r->pieces.data[mid].max, pos))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->pieces.nr && bpos_le(r->pieces.data[lo].min, pos) ? &r->pieces.data[lo] :
									   NULL;
}

/*
 * The journal ends early: its keys may be older than those of the leaves. Inodes reach their leaves
 * late, as they are cached: there the journal still is the better source.
 */
static void hide_old_overlay_keys(struct rebuild *r)
{
	if (r->id == BTREE_ID_inodes)
		return;
	darray_for_each(r->c->btree->overlay.keys, k) {
		const struct piece *p;

		if (k->btree != r->id || k->level)
			continue;
		p = piece_find(r, k->k->k.p);
		if (p && p->from->node && p->from->node->journal_seq >= k->seq)
			k->overwritten = true;
	}
}

static int add_child(struct rebuild *r, const struct piece *p)
{
	const struct candidate *from = p->from;
	struct bch_btree_ptr_v2 *v2;
	struct btree_ptr_key key;

	if (!from->key) {
		bch_found_node_ptr(r->c, from->node, p->min, p->max, &key);
	} else {
		bkey_i_copy(&key.k, &from->key->k);
		v2 = key.k.k.type == KEY_TYPE_btree_ptr_v2 ? (void *)key.k.v : NULL;
		if (v2 && (!bpos_eq(p->min, from->min) || !bpos_eq(p->max, from->max))) {
			key.k.k.p = p->max;
			v2->min_key = p->min;
			v2->flags |= cpu_to_le16(BTREE_PTR_RANGE_UPDATED);
		}
	}
	return bch_overlay_add(r->c, r->id, 1, &key.k, U64_MAX, 0);
}

static enum btree_damage damage_of(const struct rebuild *r, const struct piece *p)
{
	const struct candidate *from = p->from;
	const struct btree_range *gone = bch_btree_ranges_find(&r->unreadable, p->min);

	if (from->in_tree && !r->args->tree_may_be_old)
		return BTREE_DAMAGE_none;
	if (!from->node)
		return BTREE_DAMAGE_unconfirmed;
	if ((gone && bpos_le(gone->start, p->max)) || from->expected == NODE_EXPECTED_other ||
	    from->node->flags & (FOUND_NODE_blacklisted | FOUND_NODE_torn))
		return BTREE_DAMAGE_older;
	return from->expected == NODE_EXPECTED_this ? BTREE_DAMAGE_none : BTREE_DAMAGE_unconfirmed;
}

static int mark_range(struct rebuild *r, struct bpos min, struct bpos max, enum btree_damage kind,
		      u64 seq)
{
	if (kind)
		bch_btree_damage_add(r->c, r->id, min, max, kind);
	return r->args->replaced ? r->args->replaced(r->c, r->id, min, max, seq, r->args->arg) : 0;
}

static int mark_piece(struct rebuild *r, const struct piece *p)
{
	const struct found_node *n = p->from->node;
	u64 seq = U64_MAX;

	if (p->from->in_tree && !r->args->tree_may_be_old)
		return 0;
	if (n && !(n->flags & (FOUND_NODE_blacklisted | FOUND_NODE_torn)))
		seq = n->journal_seq;
	return mark_range(r, p->min, p->max, damage_of(r, p), seq);
}

/* What could not be read of the old tree may be there in the new one. Doubts stay. */
static int mark_damage(struct rebuild *r)
{
	struct bpos at = POS_MIN;
	int ret = 0;

	bch_btree_damage_forget(r->c, r->id, BTREE_DAMAGE_lost);
	darray_for_each(r->pieces, p) {
		if (!ret && !bpos_eq(at, p->min))
			ret = mark_range(r, at, bpos_predecessor(p->min), BTREE_DAMAGE_lost, 0);
		ret = ret ?: mark_piece(r, p);
		if (ret || bpos_eq(p->max, SPOS_MAX))
			return ret;
		at = bpos_successor(p->max);
	}
	return mark_range(r, at, SPOS_MAX, BTREE_DAMAGE_lost, 0);
}

static void tell(const struct rebuild *r)
{
	struct printbuf name = PRINTBUF;
	u64 nr[BTREE_DAMAGE_NR] = {}, found = 0, lost = 0;
	struct btree_range range;
	struct bpos pos = POS_MIN;

	bch_btree_id_to_text(&name, r->id);
	darray_for_each(r->pieces, p) {
		nr[damage_of(r, p)]++;
		found += !p->from->in_tree;
	}
	while (bch_btree_damage_next(r->c, r->id, BTREE_DAMAGE_lost, pos, &range)) {
		lost++;
		if (bpos_eq(range.end, SPOS_MAX))
			break;
		pos = bpos_successor(range.end);
	}
	bch_log(r->c,
		"btree %s put together from %zu leaves, %llu of them found by scanning: %llu older "
		"than the filesystem, %llu that nothing confirms; %llu ranges lost",
		printbuf_str(&name), r->pieces.nr, found, nr[BTREE_DAMAGE_older],
		nr[BTREE_DAMAGE_unconfirmed], lost);
	printbuf_exit(&name);
}

static int build(struct rebuild *r)
{
	int ret = 0;

	hide_overlay_pointers(r->c, r->id);
	if (r->args->tree_may_be_old)
		hide_old_overlay_keys(r);
	ret = bch_btree_root_set_fake(r->c, r->id, r->pieces.nr ? 1 : 0);
	darray_for_each(r->pieces, p)
		ret = ret ?: add_child(r, p);
	bch_overlay_sort(r->c);
	ret = ret ?: mark_damage(r);
	if (ret)
		return ret;
	r->c->nr_errors++;
	r->c->btree->nr_findings++;
	tell(r);
	return 0;
}

/* Is a leaf of the tree older than one that was found? */
static bool tree_is_old(const struct rebuild *r)
{
	darray_for_each(r->pieces, p)
		if (!p->from->in_tree)
			return true;
	return false;
}

static void rebuild_exit(struct rebuild *r)
{
	darray_for_each(r->cands, cand)
		kfree(cand->key);
	darray_exit(&r->cands);
	darray_exit(&r->readable.d);
	darray_exit(&r->unreadable.d);
	darray_exit(&r->heap);
	darray_exit(&r->pieces);
}

int bch_topology_rebuild(struct bch_fs *c, unsigned id, struct node_index *index,
			 const struct topology_args *args)
{
	struct rebuild r = {.c = c, .id = id, .index = index, .args = args};
	int ret = walk_tree(&r);

	if (ret)
		goto out;
	if (!c->btree->roots[id].alive && !args->tree_may_be_old)
		goto out;
	if (!r.damaged && !has_gaps(&r) && !args->tree_may_be_old)
		goto out;
	ret = add_found(&r);
	if (ret || (!c->btree->roots[id].alive && !r.cands.nr))
		goto out;
	ret = sweep(&r);
	if (!ret && (r.damaged || has_gaps(&r) || tree_is_old(&r)))
		ret = build(&r);
out:
	rebuild_exit(&r);
	return ret;
}

int bch_topology_check(struct bch_fs *c, unsigned id)
{
	struct btree_iter iter;
	struct btree *b;
	int ret;

	bch_iter_init_level(&iter, c, id, POS_MIN, 0, BTREE_ITER_prefetch);
	do {
		ret = bch_iter_next_node(&iter, &b);
	} while (!ret && b);
	bch_iter_exit(&iter);
	return ret;
}
