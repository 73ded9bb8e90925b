/*
 * Snapshots and subvolumes of an open filesystem (spec 02 section 13).
 *
 * The table numbers the snapshots in depth-first order: a snapshot's descendants are then the
 * numbers in [first, end), and asking for an ancestor takes two lookups. A parent has a larger id
 * than its child (the validator has seen to that), so that walks over ids in order meet parents
 * before children, or the reverse, and no cycle can exist.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "format/errcode.h"
#include "format/snapshot.h"
#include "fs/snapshots.h"
#include "fs/subvolume.h"
#include "util/darray.h"

struct node {
	u32 id, parent;	  /* parent 0: a root */
	u32 parent_index; /* in the table; U32_MAX: none */
	u32 first, end;	  /* depth-first numbers of it and its descendants */
	u32 next;	  /* while numbering: of the next child */
};

struct bch_snapshots {
	DARRAY(struct node) nodes; /* ascending id */
};

static const struct node *node_find(const struct bch_snapshots *t, u32 id)
{
	size_t lo = 0, hi = t->nodes.nr;

	/* Ids are given out downwards without gaps, as a rule. */
	if (hi && id <= t->nodes.data[hi - 1].id) {
		u64 below = t->nodes.data[hi - 1].id - id;

		if (below < hi && t->nodes.data[hi - 1 - below].id == id)
			return &t->nodes.data[hi - 1 - below];
	}
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->nodes.data[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->nodes.nr && t->nodes.data[lo].id == id ? &t->nodes.data[lo] : NULL;
}

bool bch_snapshot_exists(const struct bch_fs *c, u32 id)
{
	return node_find(c->snapshots, id);
}

u32 bch_snapshot_parent(const struct bch_fs *c, u32 id)
{
	const struct node *n = node_find(c->snapshots, id);

	return n ? n->parent : 0;
}

bool bch_snapshot_is_ancestor(const struct bch_fs *c, u32 id, u32 ancestor)
{
	const struct node *n, *a;

	if (id == ancestor)
		return true;
	if (id > ancestor || !c->snapshots)
		return false;
	n = node_find(c->snapshots, id);
	a = node_find(c->snapshots, ancestor);
	return n && a && a->first <= n->first && n->first < a->end;
}

/* Give each snapshot its place in the depth-first order. */
static void number_nodes(struct bch_snapshots *t)
{
	u32 next_root = 0;
	size_t i;

	for (i = 0; i < t->nodes.nr; i++) {
		struct node *n = &t->nodes.data[i];
		const struct node *parent = n->parent > n->id ? node_find(t, n->parent) : NULL;

		n->parent_index = parent ? parent - t->nodes.data : U32_MAX;
		n->end = 1; /* size, for now */
	}
	for (i = 0; i < t->nodes.nr; i++) {
		struct node *n = &t->nodes.data[i];

		if (n->parent_index != U32_MAX)
			t->nodes.data[n->parent_index].end += n->end;
	}
	for (i = t->nodes.nr; i--;) {
		struct node *n = &t->nodes.data[i];
		u32 *next = n->parent_index == U32_MAX ? &next_root :
							 &t->nodes.data[n->parent_index].next;

		n->first = *next;
		*next += n->end;
		n->end += n->first;
		n->next = n->first + 1;
	}
}

static int node_add(struct bch_snapshots *t, struct bkey_view k)
{
	const struct bch_snapshot *s = k.v;

	if (k.k->type != KEY_TYPE_snapshot)
		return 0;
	return darray_push(&t->nodes, ((struct node){
					      .id = k.k->p.offset,
					      .parent = le32_to_cpu(s->parent),
				      }));
}

int bch_snapshots_load(struct bch_fs *c)
{
	struct bch_snapshots *t = kzalloc(sizeof(*t), GFP_KERNEL);
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	if (!t)
		return -ENOMEM;
	c->snapshots = t;
	bch_iter_init(&iter, c, BTREE_ID_snapshots, POS_MIN,
		      BTREE_ITER_all_snapshots | BTREE_ITER_prefetch);
	for (ret = bch_iter_peek(&iter, &k);; ret = bch_iter_next(&iter, &k)) {
		if (ret == -BCH_ERR_btree_node_read_error && bch_iter_skip_unreadable(&iter))
			continue;
		if (ret || !k.k)
			break;
		ret = node_add(t, k);
		if (ret)
			break;
	}
	bch_iter_exit(&iter);
	number_nodes(t);
	c->btree->ops.snapshot_is_ancestor = bch_snapshot_is_ancestor;
	return ret == -ENOMEM ? ret : 0;
}

void bch_snapshots_exit(struct bch_fs *c)
{
	if (!c->snapshots)
		return;
	darray_exit(&c->snapshots->nodes);
	kfree(c->snapshots);
	c->snapshots = NULL;
}

/* ---- Subvolumes ---- */

static bool subvol_unpack(struct bkey_view k, struct bch_subvol *out)
{
	struct bch_subvolume s = {};
	u32 flags;

	if (k.k->type != KEY_TYPE_subvolume)
		return false;
	memcpy(&s, k.v, min_t(size_t, sizeof(s), bkey_val_bytes(k.k)));
	flags = le32_to_cpu(s.flags);
	*out = (struct bch_subvol){
		.id = k.k->p.offset,
		.snapshot = le32_to_cpu(s.snapshot),
		.root_inum = le64_to_cpu(s.inode),
		.creation_parent = le32_to_cpu(s.creation_parent),
		.fs_path_parent = le32_to_cpu(s.fs_path_parent),
		.otime = le64_to_cpu(s.otime.lo),
		.read_only = flags & BCH_SUBVOL_FLAG_ro,
		.is_snapshot = flags & BCH_SUBVOL_FLAG_snapshot,
		.unlinked = bch_subvol_state(&s) == BCH_SUBVOL_STATE_unlinked,
	};
	return true;
}

int bch_subvol_get(struct bch_fs *c, u32 id, struct bch_subvol *subvol)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, c, BTREE_ID_subvolumes, POS(0, id), 0);
	ret = bch_iter_peek_slot(&iter, &k);
	if (!ret && !subvol_unpack(k, subvol))
		ret = -ENOENT;
	bch_iter_exit(&iter);
	return ret;
}

int bch_subvols_for_each(struct bch_fs *c,
			 int (*fn)(struct bch_fs *c, const struct bch_subvol *s, void *arg),
			 void *arg)
{
	struct bch_subvol s = {};
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, c, BTREE_ID_subvolumes, POS_MIN, BTREE_ITER_prefetch);
	while (true) {
		bool found;

		ret = bch_iter_peek(&iter, &k);
		if (ret == -BCH_ERR_btree_node_read_error && bch_iter_skip_unreadable(&iter))
			continue;
		if (ret || !k.k)
			break;
		found = subvol_unpack(k, &s);
		bch_iter_advance(&iter);
		bch_iter_unlock(&iter);
		ret = found ? fn(c, &s, arg) : 0;
		if (ret)
			break;
	}
	bch_iter_exit(&iter);
	return ret;
}
