/*
 * Paths of iterators (spec 02 sections 12, 22, 25): locked nodes from the root down, children found
 * among the keys of a node merged with those of the journal overlay.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include "btree/path.h"
#include "format/sb_errors.h"

/* Children read ahead of the one in use. */
#define READ_AHEAD_LEAVES   16
#define READ_AHEAD_INTERIOR 2

/* Keys to walk over before searching. */
#define WALK_STEPS 8

static struct btree_overlay *overlay_of(const struct btree_iter *iter)
{
	struct bch_btree_state *s = iter->c->btree;

	return s->overlay.keys.nr ? &s->overlay : NULL;
}

struct bkey_i *bch_path_copy_buf(struct btree_iter *iter)
{
	if (!iter->copy)
		iter->copy = kmalloc(BKEY_U64s_MAX * sizeof(u64), GFP_KERNEL);
	return iter->copy;
}

/* Merged keys of one node */

static void cursor_seek(const struct btree_iter *iter, struct btree_cursor *cur, struct btree *b,
			struct bpos s)
{
	const struct btree_overlay *o = overlay_of(iter);

	cur->at = bpos_le(s, b->data->min_key) ? btree_node_start(b) : bch_btree_node_seek(b, s);
	cur->overlay = o ? bch_overlay_seek(o, b->id, b->level, bpos_max(s, b->data->min_key)) : 0;
}

static void cursor_advance(struct btree_cursor *cur)
{
	cur->at = cur->at_after;
	cur->overlay = cur->overlay_after;
}

/* The overlay key that is next in @b, or NULL. */
static const struct overlay_key *cursor_overlay(const struct btree_overlay *o,
						struct btree_cursor *cur, const struct btree *b)
{
	const struct overlay_key *k;

	for (; overlay_key_is_of(o, cur->overlay, b->id, b->level); cur->overlay++) {
		k = &o->keys.data[cur->overlay];
		if (bpos_gt(k->k->k.p, b->data->max_key))
			return NULL;
		if (!k->overwritten)
			return k;
	}
	return NULL;
}

/* The key of overlay key @i, which hides or changes @base (k NULL: nothing is there). */
static struct bkey_view overlay_view(struct btree_iter *iter, const struct btree_overlay *o,
				     size_t i, struct bkey_view base, size_t *after)
{
	const struct bkey_i *k = o->keys.data[i].k;

	*after = i + 1;
	if (likely(k->k.type != KEY_TYPE_accounting) || !iter->copy)
		return bkey_i_view(k);
	*after = bch_overlay_sum_accounting(o, i, base.k ? &base : NULL, iter->copy);
	return bkey_i_view(iter->copy);
}

/* The key at the cursor, behind deleted ones; false: none. @u: room for its header. */
static inline bool cursor_peek(struct btree_iter *iter, struct btree_cursor *cur,
			       const struct btree *b, struct bkey *u, struct bkey_view *k)
{
	const struct btree_overlay *o = overlay_of(iter);
	const struct bkey_packed *end = btree_node_end(b);

	for (;; cursor_advance(cur)) {
		const struct overlay_key *ok = o ? cursor_overlay(o, cur, b) : NULL;
		int cmp = -1;

		cur->at_after = cur->at;
		cur->overlay_after = cur->overlay;
		*k = (struct bkey_view){};
		if (cur->at != end) {
			*k = bkey_unpack_view(&b->unpack, u, cur->at);
			if (likely(!ok)) {
				cur->at_after = bkey_p_next(cur->at);
				return true;
			}
			cmp = bpos_cmp(ok->k->k.p, u->p);
		}
		if (!ok)
			return false;
		if (cmp >= 0)
			cur->at_after = bkey_p_next(cur->at);
		if (cmp > 0)
			return true;
		if (cmp < 0)
			k->k = NULL;
		*k = overlay_view(iter, o, cur->overlay, *k, &cur->overlay_after);
		if (!bkey_deleted(k->k))
			return true;
	}
}

/* The last overlay key of @b at or before @s, or NULL; its place begins at *@i. */
static const struct overlay_key *overlay_before(const struct btree_overlay *o,
						const struct btree *b, struct bpos s, size_t *i)
{
	size_t n = bch_overlay_seek(o, b->id, b->level, s);

	while (overlay_key_is_of(o, n, b->id, b->level) && bpos_eq(o->keys.data[n].k->k.p, s))
		n++;
	while (n-- && overlay_key_is_of(o, n, b->id, b->level)) {
		const struct overlay_key *k = &o->keys.data[n];

		if (bpos_lt(k->k->k.p, b->data->min_key))
			return NULL;
		if (k->overwritten)
			continue;
		*i = bch_overlay_seek(o, b->id, b->level, k->k->k.p);
		return k;
	}
	return NULL;
}

/* The last key of the node at or before @s, not deleted; false: none. */
static bool node_peek_before(struct btree_iter *iter, struct btree *b, struct bpos s,
			     struct bkey *u, struct bkey_view *k)
{
	const struct btree_overlay *o = overlay_of(iter);

	while (bpos_ge(s, b->data->min_key)) {
		const struct bkey_packed *p;
		const struct overlay_key *ok;
		size_t i = 0, after;
		int cmp = 1;

		p = bpos_eq(s, SPOS_MAX) ? btree_node_end(b) :
					   bch_btree_node_seek(b, bpos_successor(s));
		p = bch_btree_node_prev(b, p);
		ok = o ? overlay_before(o, b, s, &i) : NULL;
		*k = (struct bkey_view){};
		if (p) {
			*k = bkey_unpack_view(&b->unpack, u, p);
			cmp = ok ? bpos_cmp(ok->k->k.p, u->p) : -1;
		}
		if (!p && !ok)
			return false;
		if (cmp < 0)
			return true;
		if (cmp > 0)
			k->k = NULL;
		*k = overlay_view(iter, o, i, *k, &after);
		if (!bkey_deleted(k->k))
			return true;
		if (bpos_eq(k->k->p, POS_MIN))
			return false;
		s = bpos_predecessor(k->k->p);
	}
	return false;
}

/* Levels */

static void level_enter(struct btree_iter *iter, struct btree *b, struct bpos s)
{
	struct btree_iter_level *l = &iter->l[b->level];

	l->b = b;
	l->next = bpos_max(s, b->data->min_key);
	l->sequential = bpos_eq(l->next, b->data->min_key);
	l->nr_ahead = 0;
	l->is_root = false;
	cursor_seek(iter, &l->cur, b, s);
	iter->level = b->level;
}

static void level_exit(struct btree_iter *iter, unsigned level)
{
	struct btree *b = iter->l[level].b;

	iter->l[level].b = NULL;
	if (iter->flags & BTREE_ITER_once && !level && !iter->l[level].is_root)
		bch_btree_node_unlock_drop(iter->c, b, SIX_LOCK_read);
	else
		bch_six_unlock(&b->lock, SIX_LOCK_read);
}

void bch_path_exit(struct btree_iter *iter)
{
	for (unsigned level = 0; level < BTREE_MAX_DEPTH; level++)
		if (iter->l[level].b)
			level_exit(iter, level);
	iter->level = BTREE_MAX_DEPTH;
	iter->path_valid = false;
	iter->cur.k = NULL;
}

/* The node that @k leads to cannot be read: what lies in it, and where it is. */
static void note_unreadable(struct btree_iter *iter, const struct bkey_i *k, struct bpos start,
			    struct bpos end)
{
	u64 ptr;

	iter->unreadable_start = start;
	iter->unreadable_end = end;
	iter->unreadable_ptr = 0;
	if (k->k.type != KEY_TYPE_btree_ptr && k->k.type != KEY_TYPE_btree_ptr_v2)
		return;
	bkey_for_each_ptr(bkey_i_view(k), &extent_entry_sizes_known, ptr)
	{
		iter->unreadable_ptr = ptr;
		break;
	}
}

int bch_path_lock_root(struct btree_iter *iter, struct bpos s)
{
	struct btree *b = bch_btree_root(iter->c, iter->btree);

	if (IS_ERR(b)) {
		note_unreadable(iter, &iter->c->btree->roots[iter->btree].key.k, POS_MIN, SPOS_MAX);
		return -BCH_ERR_btree_node_read_error;
	}
	if (b->level < iter->min_level)
		return 1;
	bch_six_lock(&b->lock, SIX_LOCK_read);
	level_enter(iter, b, s);
	iter->l[b->level].is_root = true;
	return 0;
}

/* The lowest node's cursor goes behind the child it is at. */
static void next_child(struct btree_iter *iter)
{
	struct btree_iter_level *l = &iter->l[iter->level];

	cursor_advance(&l->cur);
	l->next = bpos_successor(l->child_end);
	l->sequential = true;
	if (l->nr_ahead)
		l->nr_ahead--;
}

/* Leave the lowest node for the place behind it in its parent; false: it was the root. */
static bool path_up(struct btree_iter *iter)
{
	unsigned level = iter->level;
	struct btree_iter_level *parent = &iter->l[level + 1];

	level_exit(iter, level);
	if (level + 1 == BTREE_MAX_DEPTH || !parent->b) {
		iter->level = BTREE_MAX_DEPTH;
		return false;
	}
	iter->level++;
	next_child(iter);
	return true;
}

/* Topology (spec 02 section 22) */

/* @start to @end: what no child holds. */
static void __printf(6, 7)
	topology_finding(struct btree_iter *iter, struct btree *b, struct bpos start,
			 struct bpos end, u16 id, const char *fmt, ...)
{
	struct btree_range range = {start, end};
	struct printbuf text = PRINTBUF;
	va_list args;

	if (test_and_set_bit(BTREE_NODE_topology_reported, &b->flags))
		return;
	va_start(args, fmt);
	prt_vprintf(&text, fmt, args);
	va_end(args);
	prt_str(&text, "\n  in btree ");
	bch_btree_id_to_text(&text, b->id);
	prt_printf(&text, " level %u node ", b->level);
	bch_bkey_val_to_text(&text, iter->c, btree_ptr_view(b));
	bch_btree_report(iter->c, &(struct btree_finding){
					  .id = id,
					  .class = BTREE_FINDING_BAD,
					  .btree = b->id,
					  .level = b->level,
					  .ptr = &b->key.k,
					  .range = &range,
					  .text = printbuf_str(&text),
				  });
	printbuf_exit(&text);
}

/* The child must begin where the one before it ended, or at least contain what is looked for. */
static void check_child(struct btree_iter *iter, struct btree_iter_level *l,
			const struct bkey_i *key)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(key);
	struct printbuf next = PRINTBUF, pos = PRINTBUF;

	if (!v2 || bpos_eq(v2->min_key, l->next) ||
	    (!l->sequential && bpos_lt(v2->min_key, l->next)))
		return;
	bch_bpos_to_text(&pos, l->next);
	bch_bkey_val_to_text(&next, iter->c, bkey_i_view(key));
	topology_finding(
		iter, l->b, bpos_min(l->next, v2->min_key), bpos_max(l->next, v2->min_key),
		BCH_FSCK_ERR_btree_node_topology_bad_min_key,
		"end of prev node doesn't match start of next node: next should start at %s\n  "
		"next %s",
		printbuf_str(&pos), printbuf_str(&next));
	printbuf_exit(&next);
	printbuf_exit(&pos);
}

/* There is no child behind the last one: it must end where its parent does. */
static void check_last_child(struct btree_iter *iter, struct btree_iter_level *l)
{
	struct printbuf pos = PRINTBUF;

	if (l->sequential && bpos_eq(l->next, l->b->data->min_key)) {
		topology_finding(iter, l->b, l->next, btree_node_max(l->b),
				 BCH_FSCK_ERR_btree_node_topology_empty_interior_node,
				 "empty interior node");
		return;
	}
	if (bpos_gt(l->next, btree_node_max(l->b)) || bpos_eq(l->next, SPOS_MAX))
		return;
	bch_bpos_to_text(&pos, l->next);
	topology_finding(iter, l->b, l->next, btree_node_max(l->b),
			 BCH_FSCK_ERR_btree_node_topology_bad_max_key,
			 "last child node doesn't end at end of parent node: nothing from %s on",
			 printbuf_str(&pos));
	printbuf_exit(&pos);
}

/* Children */

static bool view_to_ptr(struct bkey_view k, struct btree_ptr_key *key)
{
	if (!btree_key_is_ptr(k.k))
		return false;
	bkey_reassemble(&key->k, k);
	return true;
}

static void read_ahead(struct btree_iter *iter, struct btree_iter_level *l)
{
	unsigned level = l->b->level - 1;
	unsigned want = level ? READ_AHEAD_INTERIOR : READ_AHEAD_LEAVES;
	struct btree_ptr_key key;
	struct bkey_view k;
	struct bkey u;

	if (!l->nr_ahead)
		l->ahead = l->cur;
	while (l->nr_ahead <= want && cursor_peek(iter, &l->ahead, l->b, &u, &k)) {
		if (view_to_ptr(k, &key)) {
			const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(&key.k);

			if ((v2 && bpos_gt(v2->min_key, iter->end)) ||
			    !bch_btree_node_prefetch(iter->c, iter->btree, level, &key.k))
				return;
			l->nr_ahead++;
		}
		cursor_advance(&l->ahead);
	}
}

/* Lock the child at the cursor of the lowest node. 1: there is none. */
static int path_enter_child(struct btree_iter *iter)
{
	struct btree_iter_level *l = &iter->l[iter->level];
	struct btree_ptr_key key;
	struct bkey_view k;
	struct bkey u;
	struct btree *b;

	for (;; cursor_advance(&l->cur)) {
		if (!cursor_peek(iter, &l->cur, l->b, &u, &k)) {
			check_last_child(iter, l);
			return 1;
		}
		if (view_to_ptr(k, &key))
			break;
	}
	check_child(iter, l, &key.k);
	l->child_end = key.k.k.p;
	if (iter->flags & BTREE_ITER_prefetch)
		read_ahead(iter, l);
	b = bch_btree_node_get(iter->c, iter->btree, iter->level - 1, &key.k, SIX_LOCK_read);
	if (IS_ERR(b)) {
		note_unreadable(iter, &key.k, l->next, l->child_end);
		return PTR_ERR(b);
	}
	level_enter(iter, b, l->next);
	return 0;
}

/* Down, and to the right where a node is exhausted, to min_level. 1: behind the last node. */
static int path_down(struct btree_iter *iter)
{
	int ret;

	while (iter->level > iter->min_level) {
		ret = path_enter_child(iter);
		if (ret < 0)
			return ret;
		if (ret && !path_up(iter))
			return 1;
	}
	return 0;
}

int bch_path_seek(struct btree_iter *iter, struct bpos s)
{
	int ret;

	bch_path_exit(iter);
	if (overlay_of(iter) && iter->btree == BTREE_ID_accounting && !bch_path_copy_buf(iter))
		return -ENOMEM;
	ret = bch_path_lock_root(iter, s);
	if (ret)
		return ret;
	iter->path_pos = s;
	iter->path_valid = true;
	return path_down(iter);
}

/* Does the lowest node hold the keys at @s? */
static bool path_contains(const struct btree_iter *iter, struct bpos s)
{
	const struct btree *b;

	if (iter->level != iter->min_level)
		return false;
	b = iter->l[iter->level].b;
	return bpos_ge(s, b->data->min_key) && bpos_le(s, b->data->max_key);
}

/* To the first place at or behind @s in the locked node, or along a new path. 1: there is none. */
static int path_jump(struct btree_iter *iter, struct bpos s)
{
	struct btree_iter_level *l;

	if (!path_contains(iter, s))
		return bch_path_seek(iter, s);
	l = &iter->l[iter->level];
	cursor_seek(iter, &l->cur, l->b, s);
	iter->path_valid = true;
	return 0;
}

int bch_path_peek(struct btree_iter *iter, struct bpos s)
{
	unsigned steps = WALK_STEPS;
	int ret;

	iter->cur.k = NULL;
	if (!iter->path_valid || bpos_lt(s, iter->path_pos))
		ret = path_jump(iter, s);
	else
		ret = path_down(iter);
	while (!ret) {
		struct btree_iter_level *l = &iter->l[iter->level];

		if (!cursor_peek(iter, &l->cur, l->b, &iter->k, &iter->cur)) {
			ret = path_up(iter) ? path_down(iter) : 1;
		} else if (bpos_ge(iter->cur.k->p, s)) {
			iter->path_pos = s;
			return 0;
		} else if (steps--) {
			cursor_advance(&l->cur);
		} else {
			ret = path_jump(iter, s);
		}
	}
	if (ret > 0)
		bch_path_exit(iter);
	iter->cur.k = NULL;
	return min(ret, 0);
}

void bch_path_advance(struct btree_iter *iter)
{
	iter->path_pos = bpos_successor(iter->cur.k->p);
	cursor_advance(&iter->l[iter->level].cur);
}

/* Backwards */

/* Lock the child that contains *@s, or else the last one before it, and set *@s to its end. */
static int path_enter_child_before(struct btree_iter *iter, struct bpos *s)
{
	struct btree_iter_level *l = &iter->l[iter->level];
	const struct bch_btree_ptr_v2 *v2;
	struct btree_ptr_key key;
	struct bkey_view k;
	struct bkey u;
	struct btree *b;

	cursor_seek(iter, &l->cur, l->b, *s);
	if (!cursor_peek(iter, &l->cur, l->b, &u, &k) || !view_to_ptr(k, &key) ||
	    ((v2 = btree_ptr_v2(&key.k)) && bpos_gt(v2->min_key, *s))) {
		if (!node_peek_before(iter, l->b, *s, &u, &k) || !view_to_ptr(k, &key))
			return 1;
		*s = key.k.k.p;
		/* The way forward from here leads behind this child. */
		cursor_seek(iter, &l->cur, l->b, *s);
		cursor_peek(iter, &l->cur, l->b, &u, &k);
	}
	l->child_end = key.k.k.p;
	v2 = btree_ptr_v2(&key.k);
	b = bch_btree_node_get(iter->c, iter->btree, iter->level - 1, &key.k, SIX_LOCK_read);
	if (IS_ERR(b)) {
		note_unreadable(iter, &key.k, v2 ? v2->min_key : l->b->data->min_key, key.k.k.p);
		return PTR_ERR(b);
	}
	level_enter(iter, b, *s);
	return 0;
}

int bch_path_peek_prev(struct btree_iter *iter, struct bpos s)
{
	struct bpos start;
	int ret;

	iter->cur.k = NULL;
	for (;;) {
		if (!path_contains(iter, s)) {
			bch_path_exit(iter);
			ret = bch_path_lock_root(iter, s);
			while (!ret && iter->level > iter->min_level)
				ret = path_enter_child_before(iter, &s);
			if (ret < 0)
				return ret;
			if (iter->level == BTREE_MAX_DEPTH)
				return 0;
		}
		iter->path_valid = false;
		if (iter->level == iter->min_level &&
		    node_peek_before(iter, iter->l[iter->level].b, s, &iter->k, &iter->cur))
			return 0;
		start = iter->l[iter->level].b->data->min_key;
		if (bpos_eq(start, POS_MIN) || bpos_gt(start, s))
			return 0;
		s = bpos_predecessor(start);
		bch_path_exit(iter);
	}
}

/* Nodes */

int bch_path_down_node(struct btree_iter *iter)
{
	int ret = 0;

	while (!ret && iter->level > iter->min_level)
		ret = path_enter_child(iter);
	return min(ret, 0);
}

bool bch_path_leave_node(struct btree_iter *iter)
{
	return path_up(iter);
}

void bch_path_skip_child(struct btree_iter *iter)
{
	iter->path_pos = bpos_successor(iter->unreadable_end);
	if (iter->level != BTREE_MAX_DEPTH)
		next_child(iter);
}
