/*
 * Subvolumes and snapshots from inodes (fs/reconstruct.h).
 *
 * What inodes tell: which snapshot ids there are, and, by the root directory of a subvolume, which
 * has bi_subvol, that snapshot N began at the id of the first version of its root. The rest follows
 * from how ids are given out (spec 08 section 2.3): a snapshot takes the two next lower ids, n0 for
 * itself and n1 = n0 - 1 for its source, below the id that the source had. So the trees grow again
 * in the order of descending ids. Ids that have vanished, since a snapshot was deleted and what was
 * between merged into one, are replaced by the id that nothing else explains.
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "format/errcode.h"
#include "format/snapshot.h"
#include "fs/inode.h"
#include "fs/reconstruct.h"
#include "fs/snapshots.h"
#include "util/darray.h"

/* More ids than that are not looked at: no filesystem has as many snapshots. */
#define IDS_MAX	  (1U << 18)
#define STEPS_MAX (1U << 26)

/* A snapshot id. */
struct id {
	u32 id;
	u32 parent; /* as put together */
	u32 subvol; /* whose leaf it is, 0: nobody's */
	bool seen;  /* inodes have it */
	bool in_btree;
	bool explained; /* by an event: it began as n0, n1, or the top of a tree */
	u32 btree_parent, btree_subvol;
};

/* A version of the root directory of a subvolume. */
struct root {
	u64 inum;
	u32 snapshot, subvol, parent_subvol;
};

struct subvol {
	struct bch_subvol s;
	u32 first, last; /* highest and lowest id of its root directory */
	u32 cur;	 /* its leaf, as far as events have been followed */
	u32 group;	 /* of those that share its root directory */
	bool in_btree;
	bool is_master; /* not made as a snapshot */
};

/* The subvolumes of one root directory: one that was created, and snapshots. */
struct group {
	u32 master; /* id */
	u32 nr_live;
};

struct reconstruct {
	struct bch_fs *c;
	bool no_snapshots, no_subvols; /* those btrees are damaged */
	bool doubt;
	DARRAY(struct id) ids; /* ascending */
	DARRAY(struct root) roots;
	DARRAY(struct subvol) subvols; /* ascending */
	DARRAY(struct group) groups;
	u64 steps; /* of looking for ids that are not explained */
	size_t nr_snapshots_made, nr_subvols_made;
};

/* --- what is known --- */

static size_t id_seek(const struct reconstruct *r, u32 id)
{
	size_t lo = 0, hi = r->ids.nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->ids.data[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct id *id_find(const struct reconstruct *r, u32 id)
{
	size_t i = id_seek(r, id);

	return i < r->ids.nr && r->ids.data[i].id == id ? &r->ids.data[i] : NULL;
}

/* The entry of @id, made if need be; NULL without memory. */
static struct id *id_get(struct reconstruct *r, u32 id)
{
	size_t i = id_seek(r, id);
	struct id *ids = r->ids.data;

	if (i < r->ids.nr && ids[i].id == id)
		return &ids[i];
	if (r->ids.nr == IDS_MAX || darray_make_room(&r->ids, 1))
		return NULL;
	ids = r->ids.data;
	memmove(&ids[i + 1], &ids[i], (r->ids.nr++ - i) * sizeof(*ids));
	ids[i] = (struct id){.id = id};
	return &ids[i];
}

static struct subvol *subvol_find(const struct reconstruct *r, u32 id)
{
	size_t lo = 0, hi = r->subvols.nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->subvols.data[mid].s.id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->subvols.nr && r->subvols.data[lo].s.id == id ? &r->subvols.data[lo] : NULL;
}

static int take_inode(struct reconstruct *r, struct bkey_view k)
{
	struct bch_inode_unpacked u;
	struct id *id = id_get(r, k.k->p.snapshot);

	if (!id)
		return -ENOMEM;
	id->seen = true;
	if (!bkey_is_inode(k.k->type) || bch_inode_unpack(k, &u) || !u.bi_subvol ||
	    u.bi_subvol > SUBVOL_ID_MAX || !inode_is_dir(u.bi_mode))
		return 0;
	return darray_push(&r->roots, ((struct root){
					      .inum = k.k->p.offset,
					      .snapshot = k.k->p.snapshot,
					      .subvol = u.bi_subvol,
					      .parent_subvol = u.bi_parent_subvol,
				      }));
}

static int take_snapshot(struct reconstruct *r, struct bkey_view k)
{
	const struct bch_snapshot *s = k.v;
	struct id *id;

	if (k.k->type != KEY_TYPE_snapshot)
		return 0;
	id = id_get(r, k.k->p.offset);
	if (!id)
		return -ENOMEM;
	id->in_btree = true;
	id->btree_parent = le32_to_cpu(s->parent);
	id->btree_subvol = le32_to_cpu(s->subvol);
	return 0;
}

static int walk(struct reconstruct *r, unsigned btree,
		int (*take)(struct reconstruct *r, struct bkey_view k))
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, r->c, btree, POS_MIN,
		      BTREE_ITER_all_snapshots | BTREE_ITER_prefetch | BTREE_ITER_once);
	for (ret = bch_iter_peek(&iter, &k);; ret = bch_iter_next(&iter, &k)) {
		while (ret == -BCH_ERR_btree_node_read_error && bch_iter_skip_unreadable(&iter))
			ret = bch_iter_peek(&iter, &k);
		if (ret || !k.k)
			break;
		ret = take(r, k);
		if (ret)
			break;
	}
	bch_iter_exit(&iter);
	return ret == -ENOMEM ? ret : 0;
}

static int take_subvol(struct bch_fs *c, const struct bch_subvol *s, void *arg)
{
	struct reconstruct *r = arg;

	return darray_push(&r->subvols, ((struct subvol){.s = *s, .in_btree = true}));
}

static int cmp_roots(const void *_l, const void *_r)
{
	const struct root *l = _l, *r = _r;

	/* Of each root directory the oldest version first. */
	return u64_cmp(l->inum, r->inum) ?: u64_cmp(r->snapshot, l->snapshot);
}

static int cmp_subvols(const void *_l, const void *_r)
{
	const struct subvol *l = _l, *r = _r;

	return u64_cmp(l->s.id, r->s.id);
}

static int cmp_root_subvols(const void *l, const void *r)
{
	return u64_cmp(((const struct root *)l)->subvol, ((const struct root *)r)->subvol);
}

/* An entry for each subvolume that a root directory names. */
static int add_named_subvols(struct reconstruct *r)
{
	size_t known = r->subvols.nr, i = 0;
	u32 last = 0;

	sort(r->roots.data, r->roots.nr, sizeof(struct root), cmp_root_subvols, NULL);
	darray_for_each(r->roots, root) {
		while (i < known && r->subvols.data[i].s.id < root->subvol)
			i++;
		if (root->subvol != last &&
		    (i == known || r->subvols.data[i].s.id != root->subvol) &&
		    darray_push(&r->subvols, ((struct subvol){.s = {.id = root->subvol}})))
			return -ENOMEM;
		last = root->subvol;
	}
	sort(r->subvols.data, r->subvols.nr, sizeof(struct subvol), cmp_subvols, NULL);
	return 0;
}

/* What root directories tell of the subvolumes. */
static int subvols_from_roots(struct reconstruct *r)
{
	int ret = add_named_subvols(r);
	u64 inum = 0;

	sort(r->roots.data, r->roots.nr, sizeof(struct root), cmp_roots, NULL);
	darray_for_each(r->roots, root) {
		struct subvol *s = ret ? NULL : subvol_find(r, root->subvol);

		if (!s)
			return ret;
		if (root->inum != inum)
			ret = darray_push(&r->groups, ((struct group){.master = root->subvol}));
		if (!s->first) {
			s->s.root_inum = root->inum;
			s->first = root->snapshot;
			s->is_master = root->inum != inum;
			s->group = r->groups.nr - 1;
		}
		s->last = root->snapshot;
		s->s.fs_path_parent = root->parent_subvol;
		inum = root->inum;
	}
	return ret;
}

static bool is_bad(struct bch_fs *c, unsigned btree)
{
	return bch_btree_damage(c, btree, POS_MIN, SPOS_MAX) >= BTREE_DAMAGE_doubtful;
}

static int collect(struct reconstruct *r)
{
	int ret = walk(r, BTREE_ID_inodes, take_inode)		     ?:
			  walk(r, BTREE_ID_snapshots, take_snapshot) ?:
			  bch_subvols_for_each(r->c, take_subvol, r);

	ret = (ret == -ENOMEM ? ret : 0) ?: subvols_from_roots(r);
	darray_for_each(r->subvols, s) {
		struct id *leaf;

		if (ret || !s->in_btree || r->no_subvols)
			continue;
		leaf = id_get(r, s->s.snapshot);
		if (!leaf)
			return -ENOMEM;
		leaf->subvol = s->s.id;
	}
	return ret;
}

/* --- growing the trees --- */

/* Where a snapshot began. */
struct event {
	u32 n0;
	struct subvol *subvol;
};

static int cmp_events(const void *l, const void *r)
{
	return u64_cmp(((const struct event *)r)->n0, ((const struct event *)l)->n0);
}

static bool exists(const struct reconstruct *r, u32 id)
{
	const struct id *i = id_find(r, id);

	return i && (i->seen || i->subvol);
}

/*
 * The id that stands for @id, of which nothing is left: one above @above that no event explains.
 * @id itself if there is none: then it had no keys of its own.
 */
static u32 successor_of(struct reconstruct *r, u32 id, u32 above)
{
	u32 found = 0;

	if (exists(r, id))
		return id;
	for (size_t i = id_seek(r, above + 1); i < r->ids.nr && r->ids.data[i].id < id; i++) {
		if (r->steps++ > STEPS_MAX) {
			r->doubt = true;
			break;
		}
		if (r->ids.data[i].explained || !r->ids.data[i].seen)
			continue;
		r->doubt |= found;
		found = r->ids.data[i].id;
	}
	return found ?: id;
}

static int place(struct reconstruct *r, u32 id, u32 parent)
{
	struct id *i = id_get(r, id);

	if (!i)
		return -ENOMEM;
	i->parent = parent > id ? parent : 0;
	i->explained = true;
	return 0;
}

/* The subvolume of which the root directory @inum has a version that was written in @snapshot. */
static struct subvol *subvol_of_root(struct reconstruct *r, u64 inum, u32 snapshot)
{
	size_t lo = 0, hi = r->roots.nr;
	const struct root key = {.inum = inum, .snapshot = snapshot};

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = cmp_roots(&r->roots.data[mid], &key);

		if (!cmp)
			return subvol_find(r, r->roots.data[mid].subvol);
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/*
 * The subvolume that @s was made of as @n0: what it wrote to its root directory afterwards is in
 * the id below.
 */
static struct subvol *source_of(struct reconstruct *r, const struct subvol *s, u32 n0)
{
	struct subvol *from = subvol_of_root(r, s->s.root_inum, n0 - 1);
	struct group *group = &r->groups.data[s->group];

	if (from && from != s && from->group == s->group && from->cur)
		return from;
	from = subvol_find(r, s->s.creation_parent);
	if (from && from != s && from->first && from->group == s->group && from->cur)
		return from;
	r->doubt |= group->nr_live > 1;
	from = subvol_find(r, group->master);
	return from && from != s && from->cur ? from : NULL;
}

static int follow_event(struct reconstruct *r, const struct event *e)
{
	struct subvol *from = source_of(r, e->subvol, e->n0);
	u32 old, p;
	int ret;

	e->subvol->cur = e->n0;
	r->groups.data[e->subvol->group].nr_live++;
	if (!from) {
		r->doubt = true;
		return place(r, e->n0, 0);
	}
	old = from->cur;
	p = successor_of(r, old, e->n0);
	ret = p == old ? 0 : place(r, p, id_find(r, old) ? id_find(r, old)->parent : 0);
	from->cur = e->n0 - 1;
	return ret ?: place(r, e->n0, p) ?: place(r, e->n0 - 1, p);
}

/* The leaf that a subvolume has now: as its key says, or its root directory. */
static int settle_leaf(struct reconstruct *r, struct subvol *s)
{
	u32 leaf = !r->no_subvols && s->in_btree ? s->s.snapshot : 0;
	struct id *old = id_find(r, s->cur);
	u32 parent = old ? old->parent : 0;

	if (!leaf && s->last && s->last < s->cur)
		leaf = s->last;
	if (!leaf)
		leaf = successor_of(r, s->cur, 0);
	if (leaf == s->cur)
		return 0;
	if (exists(r, s->cur)) {
		/* It should have vanished when the one below took its place. */
		r->doubt = true;
		parent = s->cur;
	}
	s->cur = leaf;
	return place(r, leaf, parent);
}

static int grow(struct reconstruct *r)
{
	DARRAY(struct event) events = {};
	int ret = 0;

	darray_for_each(r->subvols, s) {
		if (!s->first)
			continue;
		if (s->is_master) {
			s->cur = s->first;
			r->groups.data[s->group].nr_live++;
			ret = ret ?: place(r, s->first, 0);
		} else if (s->first > 1) {
			ret = ret ?: darray_push(&events, ((struct event){s->first, s}));
		}
	}
	sort(events.data, events.nr, sizeof(struct event), cmp_events, NULL);
	/* First all that is explained, so that what is not stands out. */
	darray_for_each(events, e)
		ret = ret ?: place(r, e->n0, 0) ?: place(r, e->n0 - 1, 0);
	darray_for_each(events, e)
		ret = ret ?: follow_event(r, e);
	darray_for_each(r->subvols, s)
		if (!ret && s->cur)
			ret = settle_leaf(r, s);
	darray_exit(&events);
	return ret;
}

/* --- laying the keys over the btrees --- */

static int snapshot_add(struct reconstruct *r, const struct id *id)
{
	struct {
		struct bkey_i k;
		struct bch_snapshot v;
	} key = {};

	bkey_init_pos(&key.k.k, POS(0, id->id));
	key.k.k.type = KEY_TYPE_snapshot;
	key.k.k.u64s = BKEY_U64s + offsetof(struct bch_snapshot, depth) / sizeof(u64);
	key.v = (struct bch_snapshot){
		.flags = cpu_to_le32(id->subvol ? BCH_SNAPSHOT_FLAG_subvol : 0),
		.parent = cpu_to_le32(id->parent),
		.subvol = cpu_to_le32(id->subvol),
	};
	r->nr_snapshots_made++;
	return bch_overlay_add(r->c, BTREE_ID_snapshots, 0, &key.k, U64_MAX, 0);
}

static int snapshots_add(struct reconstruct *r)
{
	int ret = 0;

	darray_for_each(r->ids, i) {
		if (!i->seen && !i->subvol && !i->explained)
			continue;
		/* An old key will do as long as it leads on. */
		if (i->in_btree && (!i->btree_parent || id_find(r, i->btree_parent)))
			continue;
		if (!i->explained && i->id != U32_MAX)
			r->doubt = true;
		ret = ret ?: snapshot_add(r, i);
	}
	return ret;
}

static int subvol_add(struct reconstruct *r, const struct subvol *s, u32 snapshot)
{
	struct {
		struct bkey_i k;
		struct bch_subvolume v;
	} key = {};

	bkey_init_pos(&key.k.k, POS(0, s->s.id));
	key.k.k.type = KEY_TYPE_subvolume;
	key.k.k.u64s = BKEY_U64s + offsetof(struct bch_subvolume, state) / sizeof(u64);
	key.v = (struct bch_subvolume){
		.flags = cpu_to_le32(s->is_master ? 0 : BCH_SUBVOL_FLAG_snapshot),
		.snapshot = cpu_to_le32(snapshot),
		.inode = cpu_to_le64(s->s.root_inum),
		.creation_parent = cpu_to_le32(s->s.creation_parent),
		.fs_path_parent = cpu_to_le32(s->s.fs_path_parent),
		.otime.lo = cpu_to_le64(s->s.otime),
	};
	r->nr_subvols_made++;
	return bch_overlay_add(r->c, BTREE_ID_subvolumes, 0, &key.k, U64_MAX, 0);
}

static int subvols_add(struct reconstruct *r)
{
	int ret = 0;

	/* The snapshots know better. */
	darray_for_each(r->ids, i) {
		struct subvol *s = i->in_btree ? subvol_find(r, i->btree_subvol) : NULL;

		if (s && !r->no_snapshots)
			s->cur = i->id;
	}
	darray_for_each(r->subvols, s) {
		u32 leaf = s->cur;

		if (!leaf || (s->in_btree && s->s.snapshot == leaf))
			continue;
		ret = ret ?: subvol_add(r, s, leaf);
	}
	return ret;
}

/* The root of all, if nothing tells of it. */
static int add_first_subvol(struct reconstruct *r)
{
	struct subvol s = {
		.s = {.id = BCH_ROOT_SUBVOL, .root_inum = BCH_ROOT_INUM},
		.first = U32_MAX,
		.last = U32_MAX,
		.group = r->groups.nr,
		.is_master = true,
	};
	int ret;

	if (!r->no_subvols || subvol_find(r, BCH_ROOT_SUBVOL))
		return 0;
	r->doubt = true;
	ret = darray_push(&r->groups, ((struct group){.master = BCH_ROOT_SUBVOL})) ?:
		      darray_push(&r->subvols, s);
	sort(r->subvols.data, r->subvols.nr, sizeof(struct subvol), cmp_subvols, NULL);
	return ret;
}

/* Keys that are there may be wrong. */
static bool has_doubts(struct bch_fs *c, unsigned btree)
{
	struct btree_range range;

	return bch_btree_damage_next(c, btree, BTREE_DAMAGE_doubtful, POS_MIN, &range);
}

static void forget_damage(struct reconstruct *r, unsigned btree)
{
	bch_btree_damage_clear(r->c, btree, POS_MIN, SPOS_MAX);
	if (r->doubt)
		bch_btree_damage_add(r->c, btree, POS_MIN, SPOS_MAX, BTREE_DAMAGE_doubtful);
}

int bch_snapshots_reconstruct(struct bch_fs *c)
{
	struct reconstruct r = {
		.c = c,
		.no_snapshots = is_bad(c, BTREE_ID_snapshots),
		.no_subvols = is_bad(c, BTREE_ID_subvolumes),
	};
	int ret;

	if (!r.no_snapshots && !r.no_subvols)
		return 0;
	ret = collect(&r) ?: add_first_subvol(&r) ?: grow(&r);
	/* Of whom a snapshot was made matters only for the trees of snapshots. */
	r.doubt &= r.no_snapshots;
	/* What is missing of the inodes may have told otherwise. */
	r.doubt |= is_bad(c, BTREE_ID_inodes) || has_doubts(c, BTREE_ID_snapshots) ||
		   has_doubts(c, BTREE_ID_subvolumes);
	darray_for_each(r.subvols, s) {
		struct id *leaf = s->cur ? id_find(&r, s->cur) : NULL;

		if (leaf)
			leaf->subvol = s->s.id;
	}
	if (!ret && r.no_snapshots)
		ret = snapshots_add(&r);
	if (!ret && r.no_subvols)
		ret = subvols_add(&r);
	bch_overlay_sort(c);
	if (!ret) {
		bch_log(c, "%zu snapshots and %zu subvolumes put together from inodes%s",
			r.nr_snapshots_made, r.nr_subvols_made,
			r.doubt ? "; there are other ways to see it" : "");
		if (r.no_snapshots)
			forget_damage(&r, BTREE_ID_snapshots);
		if (r.no_subvols)
			forget_damage(&r, BTREE_ID_subvolumes);
	}
	darray_exit(&r.ids);
	darray_exit(&r.roots);
	darray_exit(&r.subvols);
	darray_exit(&r.groups);
	return ret;
}
