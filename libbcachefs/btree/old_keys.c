/* Keys of all bsets of leaves (btree/old_keys.h). */
#include <linux/err.h>
#include <linux/slab.h>
#include "btree/compat.h"
#include "btree/iter.h"
#include "btree/node_scan.h"
#include "btree/old_keys.h"
#include "btree/read.h"
#include "format/errcode.h"

struct old_walk {
	struct bch_fs *c;
	unsigned btree;
	bch_old_key_fn fn;
	void *arg;
	u64 *nr_unreadable;
	void *buf; /* of a node's size */
};

/* It did happen, and its keys are in the form of today. */
static bool set_counts(struct old_walk *w, const struct bset *i)
{
	struct bset_compat compat = {
		.version = le16_to_cpu(i->version),
		.btree = w->btree,
		.other_endian = le32_to_cpu(i->flags) & BSET_BIG_ENDIAN,
	};
	const struct bch_btree_ops *ops = &w->c->btree->ops;

	return !bch_compat_needed(compat) &&
	       !(ops->seq_is_blacklisted &&
		 ops->seq_is_blacklisted(w->c, le64_to_cpu(i->journal_seq)));
}

static bool head_is_right(struct old_walk *w)
{
	u64 flags = le64_to_cpu(((struct btree_node *)w->buf)->flags);

	return BTREE_NODE_ID(flags) == w->btree && !BTREE_NODE_LEVEL(flags);
}

static int set_keys(struct old_walk *w, struct raw_node *n)
{
	struct bkey_where where = {.btree = w->btree};
	u64 seq = le64_to_cpu(n->set->journal_seq);
	struct bkey_view k;
	struct bkey u;
	int ret = 0;

	while (!ret && bch_raw_node_next_key(n, &u, &k))
		if (bkey_deleted(&u) || !bch_bkey_validate(w->c, k, where, NULL))
			ret = w->fn(k, seq, w->arg);
	return ret;
}

/* The node at @ptr. */
static int node_keys(struct old_walk *w, const struct bkey_i *ptr)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(ptr);
	const struct btree_node *head = w->buf;
	struct bch_fs *c = w->c;
	struct raw_node n;
	int ret = 0;

	if (bch_btree_node_read_raw(c, ptr, w->buf) ||
	    (v2 && le64_to_cpu(head->keys.seq) != le64_to_cpu(v2->seq))) {
		++*w->nr_unreadable;
		return 0;
	}
	bch_raw_node_init(&n, c, w->buf);
	while (!ret && bch_raw_node_next_set(&n)) {
		if (n.csum_unknown || n.csum_bad) {
			++*w->nr_unreadable;
			break;
		}
		if (!head_is_right(w))
			break;
		if (set_counts(w, n.set))
			ret = set_keys(w, &n);
	}
	return ret;
}

/* The leaves below interior nodes of level 1. */
static int leaves(struct old_walk *w, struct bpos start, struct bpos end)
{
	struct btree_ptr_key ptr;
	struct btree_iter iter;
	struct bkey_view k;
	int ret = 0;

	bch_iter_init_level(&iter, w->c, w->btree, start, 1, BTREE_ITER_all_snapshots);
	while (!(ret = bch_iter_peek_readable(&iter, &k, w->nr_unreadable)) && k.k) {
		bch_iter_advance(&iter);
		if (!btree_key_is_ptr(k.k))
			continue;
		bkey_reassemble(&ptr.k, k);
		bch_iter_unlock(&iter);
		ret = node_keys(w, &ptr.k);
		if (ret || bpos_ge(ptr.k.k.p, end))
			break;
	}
	bch_iter_exit(&iter);
	return ret;
}

static int walk_begin(struct old_walk *w)
{
	w->buf = bch_btree_buf_get(w->c);
	return w->buf ? 0 : -ENOMEM;
}

int bch_old_keys_of_tree(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end,
			 bch_old_key_fn fn, void *arg, u64 *nr_unreadable)
{
	struct old_walk w = {c, btree, fn, arg, nr_unreadable, NULL};
	struct btree *root = bch_btree_root(c, btree);
	int ret = walk_begin(&w);

	if (ret)
		return ret;
	if (IS_ERR(root))
		++*nr_unreadable;
	else if (root->level)
		ret = leaves(&w, start, end);
	else if (c->btree->roots[btree].alive && btree_key_is_ptr(&root->key.k.k))
		ret = node_keys(&w, &root->key.k);
	bch_btree_buf_put(c, w.buf);
	return ret;
}

int bch_old_keys_of_scan(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end,
			 bch_old_key_fn fn, void *arg, u64 *nr_unreadable)
{
	struct old_walk w = {c, btree, fn, arg, nr_unreadable, NULL};
	struct node_index *index = c->btree->scan;
	struct btree_ptr_key ptr;
	size_t i;
	int ret;

	if (!index)
		return 0;
	ret = walk_begin(&w);
	if (ret)
		return ret;
	for (i = bch_node_index_seek(index, btree, 0); !ret && i < index->nodes.nr; i++) {
		const struct found_node *n = &index->nodes.data[i];

		if (n->btree != btree || n->level)
			break;
		if (n->flags & (FOUND_NODE_referenced | FOUND_NODE_bad) || bpos_gt(n->min, end) ||
		    bpos_lt(n->max, start))
			continue;
		bch_found_node_ptr(c, n, n->min, n->max, &ptr);
		ret = node_keys(&w, &ptr.k);
	}
	bch_btree_buf_put(c, w.buf);
	return ret;
}
