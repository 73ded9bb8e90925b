/* Snapshots and subvolumes that are gone (fs/undelete_keys.h). */
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "fs/snapshot.h"
#include "fs/snapshots.h"
#include "fs/subvolume.h"
#include "fs/undelete_keys.h"
#include "journal/updates.h"

static struct bch_snapshot snapshot_of(struct bkey_view k)
{
	struct bch_snapshot s = {};

	if (k.k->type == KEY_TYPE_snapshot)
		memcpy(&s, k.v, min_t(size_t, sizeof(s), bkey_val_bytes(k.k)));
	return s;
}

static bool snapshot_is_live(struct bkey_view k)
{
	struct bch_snapshot s = snapshot_of(k);

	return k.k->type == KEY_TYPE_snapshot && bch_snapshot_state(&s) == BCH_SNAPSHOT_STATE_live;
}

static int journal_snapshot(struct bch_undelete *d, const struct journal_update *j)
{
	const struct bch_undelete_time t = {j->seq, j->offset};
	u32 parent = le32_to_cpu(snapshot_of(bkey_i_view(j->old)).parent), id = j->new->k.p.offset;
	int ret = 0;

	if (parent && le32_to_cpu(snapshot_of(bkey_i_view(j->new)).parent) != parent)
		ret = darray_push(&d->keys->orphans, ((struct undelete_orphan){id, parent, t}));
	if (!ret && j->old->k.type == KEY_TYPE_snapshot && j->new->k.type != KEY_TYPE_snapshot)
		ret = darray_push(&d->keys->removals, ((struct undelete_death){id, t}));
	if (ret || !snapshot_is_live(bkey_i_view(j->old)) || snapshot_is_live(bkey_i_view(j->new)))
		return ret;
	return darray_push(&d->keys->deaths, ((struct undelete_death){id, t}));
}

static struct bch_subvolume subvolume_of(const struct bkey_i *k)
{
	struct bch_subvolume s = {};

	if (k->k.type == KEY_TYPE_subvolume)
		memcpy(&s, k->v, min_t(size_t, sizeof(s), bkey_val_bytes(&k->k)));
	return s;
}

static int journal_subvol(struct bch_undelete *d, const struct journal_update *j)
{
	struct bch_subvolume s = subvolume_of(j->old), now = subvolume_of(j->new);
	struct undelete_subvol subvol = {
		.root = le64_to_cpu(s.inode),
		.snapshot = le32_to_cpu(s.snapshot),
		.id = j->old->k.p.offset,
		.t = {j->seq, j->offset},
		.went = j->new->k.type != KEY_TYPE_subvolume,
	};
	int ret = 0;

	if (j->old->k.type != KEY_TYPE_subvolume || (!subvol.went && s.snapshot == now.snapshot))
		return 0;
	if (subvol.went)
		ret = darray_push(&d->keys->gone_subvols,
				  ((struct undelete_death){subvol.id, subvol.t}));
	return ret ?: darray_push(&d->keys->subvols, subvol);
}

static int subvol_dead(struct bch_fs *c, const struct bch_subvol *s, void *arg)
{
	struct bch_undelete *d = arg;

	if (!s->unlinked)
		return 0;
	return darray_push(&d->keys->dead, s->snapshot) ?:
		       darray_push(&d->keys->subvols, ((struct undelete_subvol){
							      .root = s->root_inum,
							      .snapshot = s->snapshot,
							      .id = s->id,
							      .t = {U64_MAX, U32_MAX},
							      .went = true,
						      }));
}

static int cmp_ids(const void *_l, const void *_r)
{
	const u32 *l = _l, *r = _r;

	return u64_cmp(*l, *r);
}

static int cmp_deaths(const void *_l, const void *_r)
{
	const struct undelete_death *l = _l, *r = _r;

	return l->snapshot != r->snapshot ? u64_cmp(l->snapshot, r->snapshot) :
					    undelete_time_cmp(l->t, r->t);
}

static int deaths_by_id(struct bch_undelete *d)
{
	int ret = 0;

	darray_for_each(d->keys->deaths, death)
		ret = ret ?: darray_push(&d->keys->deaths_by_id, *death);
	sort(d->keys->deaths_by_id.data, d->keys->deaths_by_id.nr, sizeof(struct undelete_death),
	     cmp_deaths, NULL);
	return ret;
}

static int cmp_subvols(const void *_l, const void *_r)
{
	const struct undelete_subvol *l = _l, *r = _r;

	if (l->root != r->root)
		return u64_cmp(l->root, r->root);
	return l->snapshot != r->snapshot ? u64_cmp(l->snapshot, r->snapshot) :
					    undelete_time_cmp(l->t, r->t);
}

static int cmp_orphans(const void *_l, const void *_r)
{
	const struct undelete_orphan *l = _l, *r = _r;

	return l->snapshot != r->snapshot ? u64_cmp(l->snapshot, r->snapshot) :
					    undelete_time_cmp(l->t, r->t);
}

/* What was above it; 0: nothing, or it is not known. */
static u32 parent_at(const struct bch_undelete *d, struct undelete_view v)
{
	size_t i = darray_seek(d->keys->orphans, o,
			       o->snapshot < v.snapshot || (o->snapshot == v.snapshot &&
							    undelete_time_cmp(o->t, v.t) <= 0));
	const struct undelete_orphan *o = &d->keys->orphans.data[i];
	u32 parent = i < d->keys->orphans.nr && o->snapshot == v.snapshot ?
			     o->parent :
			     bch_snapshot_parent(d->c, v.snapshot);

	return parent > v.snapshot ? parent : 0; /* or it is damaged */
}

bool undelete_is_above(const struct bch_undelete *d, struct undelete_view v, u32 above)
{
	while (v.snapshot && v.snapshot < above)
		v.snapshot = parent_at(d, v);
	return v.snapshot == above;
}

u32 undelete_live_above(const struct bch_undelete *d, struct undelete_view v)
{
	do {
		v.snapshot = parent_at(d, v);
	} while (v.snapshot && !undelete_is_there(d, v));
	return v.snapshot;
}

bool undelete_is_there(const struct bch_undelete *d, struct undelete_view v)
{
	size_t i = darray_seek(d->keys->removals, r, r->snapshot <= v.snapshot);
	const struct undelete_death *last = i ? &d->keys->removals.data[i - 1] : NULL;

	return bch_snapshot_exists(d->c, v.snapshot) &&
	       !(last && last->snapshot == v.snapshot && undelete_time_cmp(last->t, v.t) > 0);
}

/* Does the journal know that an id went which something else has had since? */
static bool ids_were_given_again(const struct bch_undelete *d)
{
	const struct undelete_keys *keys = d->keys;
	struct bch_subvol subvol;
	size_t i;

	for (i = 0; i < keys->removals.nr; i++)
		if (bch_snapshot_exists(d->c, keys->removals.data[i].snapshot) ||
		    (i && keys->removals.data[i - 1].snapshot == keys->removals.data[i].snapshot))
			return true;
	for (i = 0; i < keys->gone_subvols.nr; i++)
		if (bch_subvol_get(d->c, keys->gone_subvols.data[i].snapshot, &subvol) != -ENOENT ||
		    (i && keys->gone_subvols.data[i - 1].snapshot ==
				  keys->gone_subvols.data[i].snapshot))
			return true;
	return false;
}

int undelete_find_dead(struct bch_undelete *d)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret = bch_subvols_for_each(d->c, subvol_dead, d);

	if (ret == -ENOMEM)
		return ret;
	bch_iter_init(&iter, d->c, BTREE_ID_snapshots, POS_MIN, BTREE_ITER_all_snapshots);
	while (!(ret = bch_iter_peek_readable(&iter, &k, &d->nr_unreadable)) && k.k) {
		ret = k.k->type == KEY_TYPE_snapshot && !snapshot_is_live(k) ?
			      darray_push(&d->keys->dead, (u32)k.k->p.offset) :
			      0;
		if (ret)
			break;
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
	sort(d->keys->dead.data, d->keys->dead.nr, sizeof(u32), cmp_ids, NULL);
	sort(d->keys->removals.data, d->keys->removals.nr, sizeof(struct undelete_death),
	     cmp_deaths, NULL);
	sort(d->keys->orphans.data, d->keys->orphans.nr, sizeof(struct undelete_orphan),
	     cmp_orphans, NULL);
	sort(d->keys->subvols.data, d->keys->subvols.nr, sizeof(struct undelete_subvol),
	     cmp_subvols, NULL);
	sort(d->keys->gone_subvols.data, d->keys->gone_subvols.nr, sizeof(struct undelete_death),
	     cmp_deaths, NULL);
	d->keys->ids_given_again = ids_were_given_again(d);
	return ret == -ENOMEM ? ret : deaths_by_id(d);
}

const struct undelete_death *undelete_death_of(const struct bch_undelete *d, u32 snapshot,
					       struct bch_undelete_time t)
{
	const struct undelete_keys *keys = d->keys;
	size_t i = darray_seek(keys->deaths_by_id, death, death->snapshot < snapshot);
	const struct undelete_death *own = &keys->deaths_by_id.data[i];

	if (i < keys->deaths_by_id.nr && own->snapshot == snapshot &&
	    undelete_time_cmp(own->t, t) <= 0)
		return own;
	i = darray_seek(keys->deaths, death, undelete_time_cmp(death->t, t) <= 0);
	return i ? &keys->deaths.data[i - 1] : NULL;
}

int undelete_journal_snapshots(struct bch_undelete *d, const struct journal_update *j)
{
	if (j->btree == BTREE_ID_snapshots)
		return journal_snapshot(d, j);
	return j->btree == BTREE_ID_subvolumes ? journal_subvol(d, j) : 0;
}
