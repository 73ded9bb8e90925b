/*
 * Iterators: which keys are visible (spec 02 sections 12, 13). Paths and merging are in path.c.
 */
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include "btree/iter.h"
#include "btree/path.h"

void bch_iter_init_level(struct btree_iter *iter, struct bch_fs *c, unsigned btree, struct bpos pos,
			 unsigned min_level, unsigned flags)
{
	u32 of_btree = min_level ? 0 : btree_id_flags(btree);

	iter->c = c;
	iter->btree = btree;
	iter->min_level = min_level;
	iter->pos = pos;
	iter->end = SPOS_MAX;
	iter->snapshot = pos.snapshot;
	iter->level = BTREE_MAX_DEPTH;
	iter->path_valid = iter->hole = iter->nodes = iter->returned = false;
	iter->cur.k = NULL;
	iter->copy = NULL;
	for (unsigned l = 0; l < BTREE_MAX_DEPTH; l++)
		iter->l[l].b = NULL;

	if (of_btree & BTREE_IS_EXTENTS &&
	    !(flags & (BTREE_ITER_all_snapshots | BTREE_ITER_not_extents)))
		flags |= BTREE_ITER_is_extents;
	if (!(of_btree & (BTREE_IS_SNAPSHOTS | BTREE_IS_SNAPSHOT_FIELD)))
		flags &= ~BTREE_ITER_all_snapshots;
	if (of_btree & BTREE_IS_SNAPSHOTS && !(flags & BTREE_ITER_all_snapshots))
		flags |= BTREE_ITER_filter_snapshots;
	iter->flags = flags;
}

void bch_iter_init(struct btree_iter *iter, struct bch_fs *c, unsigned btree, struct bpos pos,
		   unsigned flags)
{
	bch_iter_init_level(iter, c, btree, pos, 0, flags);
}

void bch_iter_exit(struct btree_iter *iter)
{
	bch_path_exit(iter);
	kfree(iter->copy);
	iter->copy = NULL;
}

void bch_iter_unlock(struct btree_iter *iter)
{
	bch_path_exit(iter);
}

void bch_iter_set_pos(struct btree_iter *iter, struct bpos pos)
{
	iter->cur.k = NULL;
	iter->pos = pos;
	if (iter->flags & BTREE_ITER_filter_snapshots)
		iter->snapshot = pos.snapshot;
}

/* Visibility */

static bool is_ancestor(const struct btree_iter *iter, u32 ancestor)
{
	bool (*ask)(const struct bch_fs *c, u32 id, u32 ancestor) =
		iter->c->btree->ops.snapshot_is_ancestor;

	return iter->snapshot == ancestor || (ask && ask(iter->c, iter->snapshot, ancestor));
}

static bool hides(const struct bkey *k)
{
	return bkey_whiteout(k) || k->type == KEY_TYPE_extent_whiteout;
}

/* The position behind @p, where a version of another key may be. */
static struct bpos successor(const struct btree_iter *iter, struct bpos p)
{
	if (!(iter->flags & BTREE_ITER_filter_snapshots))
		return bpos_successor(p);
	p = bpos_nosnap_successor(p);
	p.snapshot = iter->snapshot;
	return p;
}

static struct bpos search_pos(const struct btree_iter *iter)
{
	struct bpos s = iter->pos;

	if (iter->flags & BTREE_ITER_filter_snapshots)
		s.snapshot = iter->snapshot;
	/* An extent that ends at the position lies before it. */
	if (iter->flags & BTREE_ITER_is_extents && !bkey_eq(s, POS_MAX))
		s = iter->flags & BTREE_ITER_filter_snapshots ? successor(iter, s) :
								bpos_nosnap_successor(s);
	return s;
}

/* Make iter->cur the first visible key at or behind @s, or NULL. */
static int peek_visible(struct btree_iter *iter, struct bpos s)
{
	struct bpos hidden;
	int ret;

	iter->hole = false;
	ret = bch_path_peek(iter, s);
	if (!(iter->flags & BTREE_ITER_filter_snapshots))
		return ret;
	while (!ret && iter->cur.k) {
		if (!is_ancestor(iter, iter->cur.k->p.snapshot)) {
			bch_path_advance(iter);
		} else if (hides(iter->cur.k)) {
			hidden = iter->cur.k->p;
			while (!ret && iter->cur.k && bkey_eq(iter->cur.k->p, hidden)) {
				bch_path_advance(iter);
				ret = bch_path_peek(iter, iter->path_pos);
			}
			continue;
		} else {
			return 0;
		}
		ret = bch_path_peek(iter, iter->path_pos);
	}
	return ret;
}

static bool behind_end(const struct btree_iter *iter, const struct bkey *k, struct bpos end)
{
	if (iter->flags & BTREE_ITER_is_extents)
		return bkey_ge(bkey_max(iter->pos, bkey_start_pos(k)), end);
	if (iter->flags & BTREE_ITER_all_snapshots)
		return bpos_gt(k->p, end);
	return bkey_gt(k->p, end);
}

static void no_key(struct btree_iter *iter, struct bpos pos, struct bkey_view *k)
{
	iter->cur.k = NULL;
	iter->pos = pos;
	*k = (struct bkey_view){};
}

int bch_iter_peek_upto(struct btree_iter *iter, struct bpos end, struct bkey_view *k)
{
	const struct bkey *found;
	int ret;

	iter->end = end;
	if (iter->flags & (BTREE_ITER_filter_snapshots | BTREE_ITER_is_extents))
		iter->end.snapshot = KEY_SNAPSHOT_MAX;
	ret = peek_visible(iter, search_pos(iter));
	found = iter->cur.k;
	if (ret)
		return ret;
	if (!found || behind_end(iter, found, end)) {
		no_key(iter, end, k);
		return 0;
	}
	if (!(iter->flags & BTREE_ITER_is_extents))
		iter->pos = found->p;
	else if (bkey_lt(iter->pos, bkey_start_pos(found)))
		iter->pos = bkey_start_pos(found);
	if (iter->flags & BTREE_ITER_filter_snapshots)
		iter->pos.snapshot = iter->snapshot;
	*k = iter->cur;
	return 0;
}

int bch_iter_peek(struct btree_iter *iter, struct bkey_view *k)
{
	return bch_iter_peek_upto(iter, SPOS_MAX, k);
}

/* To where the next key is looked for; @p: of the current one. */
static void advance_pos(struct btree_iter *iter, struct bpos p)
{
	if (iter->flags & BTREE_ITER_is_extents)
		iter->pos = SPOS(p.inode, p.offset, iter->pos.snapshot);
	else
		iter->pos = successor(iter, p);
}

void bch_iter_advance(struct btree_iter *iter)
{
	if (!iter->cur.k)
		return;
	advance_pos(iter, iter->cur.k->p);
	if (iter->path_valid && !iter->hole)
		bch_path_advance(iter);
	iter->cur.k = NULL;
}

int bch_iter_next(struct btree_iter *iter, struct bkey_view *k)
{
	bch_iter_advance(iter);
	return bch_iter_peek(iter, k);
}

/* Backwards */

/* Make iter->cur the last visible key at or before @s, or NULL. */
static int peek_visible_prev(struct btree_iter *iter, struct bpos s)
{
	struct bkey_i *saved = bch_path_copy_buf(iter);
	bool have = false, last = false;
	int ret;

	iter->hole = false;
	if (!(iter->flags & BTREE_ITER_filter_snapshots))
		return bch_path_peek_prev(iter, s);
	if (!saved)
		return -ENOMEM;
	/* Ancestors come first: the last one that fits is the nearest. */
	for (;; s = bpos_predecessor(s)) {
		if (!last) {
			ret = bch_path_peek_prev(iter, s);
			if (ret)
				return ret;
			last = !iter->cur.k;
		}
		if (have && (last || !bkey_eq(iter->cur.k->p, saved->k.p))) {
			if (!hides(&saved->k)) {
				iter->cur = bkey_i_view(saved);
				return 0;
			}
			have = false;
		}
		if (last) {
			iter->cur.k = NULL;
			return 0;
		}
		s = iter->cur.k->p;
		if (is_ancestor(iter, s.snapshot)) {
			bkey_reassemble(saved, iter->cur);
			have = true;
		}
		last = bpos_eq(s, POS_MIN);
	}
}

int bch_iter_peek_prev(struct btree_iter *iter, struct bkey_view *k)
{
	struct bpos s = iter->pos;
	int ret;

	if (iter->flags & BTREE_ITER_is_extents) {
		/* The one that covers the position, or begins before it. */
		ret = peek_visible(iter, search_pos(iter));
		if (ret)
			return ret;
		if (iter->cur.k && bkey_lt(bkey_start_pos(iter->cur.k), iter->pos)) {
			*k = iter->cur;
			return 0;
		}
	}
	if (iter->flags & (BTREE_ITER_is_extents | BTREE_ITER_filter_snapshots))
		s.snapshot = KEY_SNAPSHOT_MAX;
	ret = peek_visible_prev(iter, s);
	if (ret)
		return ret;
	if (!iter->cur.k) {
		no_key(iter, POS_MIN, k);
		return 0;
	}
	iter->pos = iter->cur.k->p;
	if (iter->flags & BTREE_ITER_filter_snapshots)
		iter->pos.snapshot = iter->snapshot;
	*k = iter->cur;
	return 0;
}

int bch_iter_prev(struct btree_iter *iter, struct bkey_view *k)
{
	struct bpos p = iter->cur.k ? iter->cur.k->p : iter->pos;

	if (iter->flags & BTREE_ITER_is_extents && iter->cur.k)
		p = bkey_start_pos(iter->cur.k);
	if (iter->flags & (BTREE_ITER_is_extents | BTREE_ITER_filter_snapshots) ?
		    bkey_eq(p, POS_MIN) :
		    bpos_eq(p, POS_MIN)) {
		no_key(iter, POS_MIN, k);
		return 0;
	}
	if (!(iter->flags & BTREE_ITER_is_extents))
		p = iter->flags & BTREE_ITER_filter_snapshots ? bpos_nosnap_predecessor(p) :
								bpos_predecessor(p);
	iter->cur.k = NULL;
	iter->pos = p;
	return bch_iter_peek_prev(iter, k);
}

/* Slots */

/* A key of type deleted, @size sectors long, at or from iter->pos. */
static void make_hole(struct btree_iter *iter, struct bpos pos, u64 size, struct bkey_view *k)
{
	iter->pos = pos;
	bkey_init_pos(&iter->k, pos);
	iter->k.size = min_t(u64, size, KEY_SIZE_MAX);
	iter->k.p.offset += iter->k.size;
	iter->cur = (struct bkey_view){&iter->k, NULL};
	iter->hole = true;
	*k = iter->cur;
}

static int peek_extent_slot(struct btree_iter *iter, struct bkey_view *k)
{
	struct bpos pos = iter->pos;
	u64 end = KEY_OFFSET_MAX;
	int ret;

	if (pos.offset == KEY_OFFSET_MAX) {
		if (pos.inode == KEY_INODE_MAX) {
			make_hole(iter, pos, 0, k);
			return 0;
		}
		pos = iter->pos = SPOS(pos.inode + 1, 0, pos.snapshot);
	}
	ret = bch_iter_peek_upto(iter, SPOS(pos.inode, KEY_OFFSET_MAX, pos.snapshot), k);
	if (ret)
		return ret;
	if (k->k) {
		if (bkey_start_offset(k->k) <= pos.offset)
			return 0;
		end = bkey_start_offset(k->k);
	}
	make_hole(iter, pos, end - pos.offset, k);
	return 0;
}

int bch_iter_peek_slot(struct btree_iter *iter, struct bkey_view *k)
{
	struct bpos pos = iter->pos;
	int ret;

	if (iter->flags & BTREE_ITER_is_extents)
		return peek_extent_slot(iter, k);
	ret = bch_iter_peek_upto(iter, pos, k);
	if (!ret && !k->k)
		make_hole(iter, pos, 0, k);
	return ret;
}

int bch_iter_next_slot(struct btree_iter *iter, struct bkey_view *k)
{
	bch_iter_advance(iter);
	return bch_iter_peek_slot(iter, k);
}

int bch_btree_lookup(struct bch_fs *c, unsigned btree, struct bpos pos, struct bkey_i *k)
{
	struct btree_iter iter;
	struct bkey_view found;
	int ret;

	bch_iter_init(&iter, c, btree, pos, BTREE_ITER_not_extents);
	ret = bch_iter_peek_slot(&iter, &found);
	if (!ret && bkey_deleted(found.k))
		ret = -ENOENT;
	if (!ret)
		bkey_reassemble(k, found);
	bch_iter_exit(&iter);
	return ret;
}

/* Damage */

bool bch_iter_skip_unreadable(struct btree_iter *iter)
{
	struct bpos end = iter->unreadable_end;

	bch_path_skip_child(iter);
	if (iter->nodes)
		return iter->level != BTREE_MAX_DEPTH;
	iter->cur.k = NULL;
	if (iter->flags & BTREE_ITER_is_extents) {
		iter->pos = end;
		return !bkey_eq(end, POS_MAX);
	}
	iter->pos = successor(iter, end);
	return bpos_gt(iter->pos, end);
}

int bch_iter_peek_readable(struct btree_iter *iter, struct bkey_view *k, u64 *nr_skipped)
{
	int ret;

	while ((ret = bch_iter_peek(iter, k)) == -BCH_ERR_btree_node_read_error) {
		++*nr_skipped;
		if (!bch_iter_skip_unreadable(iter)) {
			*k = (struct bkey_view){};
			return 0;
		}
	}
	return ret;
}

/* Nodes */

int bch_iter_next_node(struct btree_iter *iter, struct btree **b)
{
	int ret = 0;

	*b = NULL;
	iter->nodes = true;
	if (iter->returned) {
		if (iter->level == BTREE_MAX_DEPTH || !bch_path_leave_node(iter))
			return 0;
	} else if (iter->level == BTREE_MAX_DEPTH) {
		ret = bch_path_lock_root(iter, iter->pos);
	}
	iter->returned = ret > 0;
	if (!ret)
		ret = bch_path_down_node(iter);
	if (ret)
		return min(ret, 0);
	iter->returned = true;
	*b = iter->l[iter->level].b;
	iter->pos = btree_node_max(*b);
	return 0;
}
