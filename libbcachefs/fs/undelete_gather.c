/*
 * What was deleted, and the old keys of it (fs/undelete.h).
 *
 * Two passes over the sources: the first looks for inodes that are gone, the second for what
 * belongs to them. So only keys of deleted files are in memory.
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/damage.h"
#include "btree/iter.h"
#include "btree/old_keys.h"
#include "format/errcode.h"
#include "fs/dirent.h"
#include "fs/namei.h"
#include "fs/snapshots.h"
#include "fs/undelete_keys.h"
#include "journal/updates.h"

#define MEMORY_DEFAULT	  (256ULL << 20)
#define FILES_OF_INUM_MAX 1024 /* each of them looks at all keys of the number */
#define DT_DIR		  4
#define DT_SUBVOL	  16

static const u8 btree_of[] = {
	[UNDELETE_inodes] = BTREE_ID_inodes,   [UNDELETE_dirents] = BTREE_ID_dirents,
	[UNDELETE_extents] = BTREE_ID_extents, [UNDELETE_xattrs] = BTREE_ID_xattrs,
	[UNDELETE_reflink] = BTREE_ID_reflink, [UNDELETE_subvols] = BTREE_ID_dirents,
};

/* A walk over nodes. */
struct node_pass {
	struct bch_undelete *d;
	u8 kind, source;
};

/* ---- First pass: inodes ---- */

/* Is the inode there, with a name, as seen from @snapshot? */
static int is_live(struct bch_undelete *d, u64 inum, u32 snapshot, u32 generation)
{
	struct bch_inode_unpacked u;
	int ret = bch_inode_get_at(d->c, snapshot, inum, &u);

	if (ret)
		return ret == -ENOMEM ? ret : 0;
	return u.bi_generation == generation && !(u.bi_flags & BCH_INODE_FLAG_unlinked);
}

static bool same_data(const struct bch_inode_unpacked *l, const struct bch_inode_unpacked *r)
{
	return l->bi_mtime == r->bi_mtime && l->bi_size == r->bi_size &&
	       l->bi_sectors == r->bi_sectors;
}

/*
 * In a snapshot that is gone itself a file is not deleted as long as any snapshot has it, unless
 * what it had (@version) nobody else has. Others that have it are noted in *@elsewhere.
 */
static int is_anywhere(struct bch_undelete *d, u64 inum, const struct bch_inode_unpacked *was,
		       bool version, bool *elsewhere)
{
	struct bch_inode_unpacked u;
	struct btree_iter iter;
	struct bkey_view k;
	int ret, found = 0;

	bch_iter_init(&iter, d->c, BTREE_ID_inodes, POS(0, inum), BTREE_ITER_all_snapshots);
	for_each_btree_key(&iter, k, ret)
	{
		if (k.k->p.offset != inum)
			break;
		if (bch_inode_unpack(k, &u) || u.bi_generation != was->bi_generation ||
		    undelete_is_dead(d, k.k->p.snapshot))
			continue;
		*elsewhere = true;
		if (!version || same_data(&u, was))
			found = 1;
	}
	bch_iter_exit(&iter);
	return ret == -ENOMEM ? ret : found;
}

static int inode_add(struct bch_undelete *d, struct bkey_view k, struct undelete_key key,
		     const struct bch_inode_unpacked *u)
{
	u64 inum = k.k->p.offset;
	u32 snapshot = k.k->p.snapshot;
	bool gone = !undelete_is_there(d, (struct undelete_view){snapshot, key.t}) ||
		    undelete_is_dead(d, snapshot);
	bool version = key.is_version && !inode_is_dir(u->bi_mode);
	int ret;

	key.is_version = false;
	ret = gone ? is_anywhere(d, inum, u, version, &key.is_version) :
		     is_live(d, inum, snapshot, u->bi_generation);

	if (ret)
		return min(ret, 0);
	key.inum = inum;
	key.generation = u->bi_generation;
	key.inode_seq = u->bi_journal_seq;
	return undelete_key_add(d, UNDELETE_inodes, k, key);
}

/* When a snapshot goes, one that is left may get what it had of an inode, one key before. */
static bool is_moved(struct bch_undelete *d, const struct journal_update *j)
{
	const struct undelete_made *made = &d->keys->made;

	return made->seq == j->seq && made->trans == j->trans && made->inum == j->new->k.p.offset;
}

static int journal_clock(struct bch_undelete *d, const struct journal_update *j)
{
	const struct undelete_clock *last = d->keys->clock.nr ? &darray_last(d->keys->clock) : NULL;

	return last && last->seq == j->seq ?
		       0 :
		       darray_push(&d->keys->clock, ((struct undelete_clock){j->seq, j->time}));
}

static int journal_inode(const struct journal_update *j, void *arg)
{
	struct undelete_key key = {.t = {j->seq, j->offset}, .source = BCH_UNDELETE_journal};
	struct bch_inode_unpacked old, new;
	struct bch_undelete *d = arg;
	bool had, has;

	if (journal_clock(d, j))
		return -ENOMEM;
	if (!j->old)
		return 0;
	if (j->btree != BTREE_ID_inodes)
		return 0;
	had = !bch_inode_unpack(bkey_i_view(j->old), &old);
	has = !bch_inode_unpack(bkey_i_view(j->new), &new);
	if (has && !had)
		d->keys->made = (struct undelete_made){j->seq, new.bi_inum, j->trans};
	key.deletes = had && (!has || new.bi_generation != old.bi_generation);
	key.is_version = key.deletes && !has && !is_moved(d, j);
	key.unlinks = has && new.bi_flags &BCH_INODE_FLAG_unlinked &&
		      !(had && old.bi_flags & BCH_INODE_FLAG_unlinked);
	if (!key.deletes && !key.unlinks)
		return 0;
	return inode_add(d, bkey_i_view(j->old), key, had ? &old : &new);
}

static int journal_snapshot(const struct journal_update *j, void *arg)
{
	return j->old ? undelete_journal_snapshots(arg, j) : 0;
}

static int node_inode(struct bkey_view k, u64 seq, void *arg)
{
	struct node_pass *w = arg;
	struct undelete_key key = {.t = {seq, U32_MAX}, .source = w->source};
	struct bch_inode_unpacked u;

	if (bch_inode_unpack(k, &u))
		return 0;
	return inode_add(w->d, k, key, &u);
}

/* Inodes without a name that are not yet deleted, and those that only snapshots still have. */
static int tree_inode(struct bch_undelete *d, struct bkey_view k)
{
	struct undelete_key key = {.t = {U64_MAX, U32_MAX}, .source = BCH_UNDELETE_node};
	struct bch_inode_unpacked u;
	u32 parent = bch_snapshot_parent(d->c, k.k->p.snapshot);
	int ret;

	key.is_version = undelete_is_dead(d, k.k->p.snapshot);
	if (!bch_inode_unpack(k, &u))
		return u.bi_flags & BCH_INODE_FLAG_unlinked || key.is_version ?
			       inode_add(d, k, key, &u) :
			       0;
	if (k.k->type != KEY_TYPE_whiteout || !parent)
		return 0;
	ret = bch_inode_get_at(d->c, parent, k.k->p.offset, &u);
	if (ret)
		return ret == -ENOMEM ? ret : 0;
	key.is_version = false;
	key.source = BCH_UNDELETE_snapshot;
	key.inum = k.k->p.offset;
	key.generation = u.bi_generation;
	return undelete_key_add(d, UNDELETE_inodes, k, key);
}

static int tree_inodes(struct bch_undelete *d)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, d->c, BTREE_ID_inodes, POS_MIN,
		      BTREE_ITER_all_snapshots | BTREE_ITER_prefetch);
	while (!(ret = bch_iter_peek_readable(&iter, &k, &d->nr_unreadable)) && k.k) {
		ret = tree_inode(d, k);
		if (ret)
			break;
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
	return ret == -ENOMEM ? ret : 0;
}

/* All nodes of a btree, those in use and those out of use. */
static int nodes_walk(struct bch_undelete *d, enum undelete_kind kind, bch_old_key_fn fn,
		      struct bpos start, struct bpos end)
{
	struct node_pass w = {d, kind, BCH_UNDELETE_node};
	unsigned btree = btree_of[kind];
	int ret = bch_old_keys_of_tree(d->c, btree, start, end, fn, &w, &d->nr_unreadable);

	w.source = BCH_UNDELETE_scan;
	return ret ?: bch_old_keys_of_scan(d->c, btree, start, end, fn, &w, &d->nr_unreadable);
}

/* ---- Files ---- */

/* Of two states of a file: is @l the later one? */
static bool is_later(const struct undelete_key *l, const struct undelete_key *r)
{
	if (l->deletes != r->deletes)
		return l->deletes;
	if (l->deletes)
		return undelete_time_cmp(l->t, r->t) > 0;
	if ((l->source == BCH_UNDELETE_snapshot) != (r->source == BCH_UNDELETE_snapshot))
		return r->source == BCH_UNDELETE_snapshot;
	if (l->inode_seq != r->inode_seq)
		return l->inode_seq > r->inode_seq;
	return undelete_time_cmp(l->t, r->t) > 0;
}

static bool same_file(const struct undelete_key *l, const struct undelete_key *r)
{
	return l->inum == r->inum && l->generation == r->generation &&
	       l->k->k.p.snapshot == r->k->k.p.snapshot;
}

static int cmp_files(const void *_l, const void *_r)
{
	const struct undelete_key *l = _l, *r = _r;

	if (l->inum != r->inum)
		return u64_cmp(l->inum, r->inum);
	if (l->k->k.p.snapshot != r->k->k.p.snapshot)
		return u64_cmp(l->k->k.p.snapshot, r->k->k.p.snapshot);
	return u64_cmp(l->generation, r->generation);
}

/* Where keys can be seen that were not deleted with the file. */
static u32 file_view(struct bch_undelete *d, const struct bch_undelete_file *f)
{
	const struct undelete_view v = {f->snapshot, f->unlinked};
	u32 above = undelete_live_above(d, v);
	struct bch_inode_unpacked u;

	if (undelete_is_there(d, v) && !bch_inode_get_at(d->c, f->snapshot, f->inum, &u) &&
	    u.bi_generation == f->u.bi_generation)
		return f->snapshot;
	if (above && !bch_inode_get_at(d->c, above, f->inum, &u) &&
	    u.bi_generation == f->u.bi_generation)
		return above;
	return 0;
}

/* One that had lost its last name before went by itself, perhaps after it was changed. */
static bool is_of_dead(struct bch_undelete *d, const struct bch_undelete_file *f,
		       const struct undelete_key *last, const struct undelete_death *death)
{
	if (f->u.bi_flags & BCH_INODE_FLAG_unlinked)
		return false;
	return last->deletes ?
		       death &&
			       !undelete_is_there(d, (struct undelete_view){f->snapshot, last->t}) :
		       undelete_is_dead(d, f->snapshot);
}

/*
 * It went with its snapshot, of which all btrees are cleared one after the other; since then
 * nothing of it changed.
 */
static void file_of_dead(struct bch_undelete *d, struct bch_undelete_file *f,
			 const struct undelete_death *death)
{
	bool saw = death && undelete_is_above(d, (struct undelete_view){death->snapshot, death->t},
					      f->snapshot);

	f->of_dead = true;
	f->deleted = (struct bch_undelete_time){U64_MAX, U32_MAX};
	f->deleted_seq = death ? death->t.seq : 0;
	/* One that did not see it tells nothing. */
	f->exact =
		f->source == BCH_UNDELETE_node || (saw && d->keys->complete_from <= death->t.seq);
	if (death)
		f->unlinked = death->t;
	if (saw)
		f->seen_from = death->snapshot;
}

/*
 * What is left of a file that others still have, in snapshots that are gone: did the one that was
 * deleted see this of it, and not something of its own? Files of its own come before.
 */
static bool is_last_version(const struct bch_undelete *d, const struct bch_undelete_file *f)
{
	return f->of_dead && f->exact &&
	       (f->seen_from == f->snapshot || !undelete_find(d, f->inum, f->seen_from));
}

/*
 * A leaf that has no such inode any more knows of its deletion, and so do its bsets: the entry up
 * to which they have keys. Not so where the leaf is not the right one, or the journal hides the
 * inode.
 */
static u64 deleted_until(struct bch_undelete *d, const struct bch_undelete_file *f)
{
	struct bpos pos = SPOS(0, f->inum, f->snapshot);
	struct btree_iter iter;
	struct bkey_view k;
	u64 seq = 0;

	if (bch_btree_damage(d->c, BTREE_ID_inodes, pos, pos) ||
	    bch_overlay_lookup(&d->c->btree->overlay, BTREE_ID_inodes, 0, pos))
		return 0;
	bch_iter_init(&iter, d->c, BTREE_ID_inodes, pos, BTREE_ITER_all_snapshots);
	if (!bch_iter_peek_slot(&iter, &k) && !bkey_is_inode(k.k->type) && iter.l[0].b)
		seq = iter.l[0].b->journal_seq;
	bch_iter_exit(&iter);
	return seq;
}

/* All that is known of one file: keys [@k, @end) of it, of which @last is its latest state. */
static int file_add(struct bch_undelete *d, const struct undelete_key *k,
		    const struct undelete_key *end, const struct undelete_key *last)
{
	struct bch_undelete_file f = {
		.inum = last->inum,
		.snapshot = last->k->k.p.snapshot,
		.source = last->source,
		.is_version = last->is_version,
		.seen_from = last->k->k.p.snapshot,
		.deleted = {U64_MAX, U32_MAX},
	};
	const struct undelete_key *unlink = NULL;
	const struct undelete_death *death;
	u32 parent = bch_snapshot_parent(d->c, f.snapshot);

	if (last->source == BCH_UNDELETE_snapshot ? bch_inode_get_at(d->c, parent, f.inum, &f.u) :
						    bch_inode_unpack(bkey_i_view(last->k), &f.u))
		return 0;
	if (last->deletes)
		f.deleted = last->t;
	for (; k < end; k++)
		if (k->unlinks && undelete_time_cmp(k->t, f.deleted) < 0 &&
		    (!unlink || undelete_time_cmp(k->t, unlink->t) > 0))
			unlink = k;
	f.deleted_seq = last->deletes ? last->t.seq : unlink ? unlink->t.seq : 0;
	if (unlink)
		f.unlinked = unlink->t;
	else
		f.unlinked = (struct bch_undelete_time){f.u.bi_journal_seq, 0};
	f.exact = unlink && d->keys->complete_from <= unlink->t.seq &&
		  (last->deletes || last->t.seq == U64_MAX);
	death = undelete_death_of(d, f.snapshot, f.deleted);
	if (!unlink && is_of_dead(d, &f, last, death))
		file_of_dead(d, &f, death);
	if (f.is_version && !is_last_version(d, &f))
		return 0;
	/*
	 * What snapshots shared: where one of them has its own, who saw this last is not certain;
	 * where ids were given again, neither is whose it was.
	 */
	if (f.of_dead && f.seen_from != f.snapshot &&
	    (f.is_version || d->keys->ids_given_again || undelete_find(d, f.inum, f.seen_from)))
		f.exact = false;
	f.view = file_view(d, &f);
	if (!f.deleted_seq)
		f.deleted_until = deleted_until(d, &f);
	return darray_push(&d->files, f);
}

/* When a file of the same number went before. */
static void files_born(struct bch_undelete *d)
{
	size_t i;

	for (i = 1; i < d->files.nr; i++) {
		const struct bch_undelete_file *l = &d->files.data[i - 1];
		struct bch_undelete_file *f = &d->files.data[i];

		if (l->inum == f->inum && l->snapshot == f->snapshot)
			f->born = l->deleted.seq == U64_MAX ? l->born : l->deleted;
	}
}

static int files_make(struct bch_undelete *d)
{
	struct undelete_key *keys = d->keys->d[UNDELETE_inodes].data, *k = keys;
	struct undelete_key *end = k + d->keys->d[UNDELETE_inodes].nr;
	unsigned same = 0;
	int ret = 0;

	sort(k, end - k, sizeof(*k), cmp_files, NULL);
	while (k < end && !ret) {
		struct undelete_key *next = k, *last = NULL;

		for (; next < end && same_file(next, k); next++)
			if ((bkey_is_inode(next->k->k.type) ||
			     next->source == BCH_UNDELETE_snapshot) &&
			    (!last || is_later(next, last)))
				last = next;
		same = k > keys && k->inum == k[-1].inum ? same + 1 : 0;
		if (last && same < FILES_OF_INUM_MAX)
			ret = file_add(d, k, next, last);
		d->too_many |= same >= FILES_OF_INUM_MAX;
		k = next;
	}
	files_born(d);
	return ret;
}

/* ---- Second pass: what belongs to them ---- */

/* Does a deleted file have the key, which was there at or until @t? */
static bool is_of_file(struct bch_undelete *d, u64 inum, u32 snapshot, struct bch_undelete_time t)
{
	const struct bch_undelete_file *f = undelete_find(d, inum, snapshot);
	size_t i;

	if (f && undelete_time_cmp(t, f->deleted) <= 0)
		return true;
	for (i = undelete_files_seek(d, inum); i < d->files.nr && d->files.data[i].inum == inum;
	     i++) {
		f = &d->files.data[i];
		if (undelete_time_cmp(t, f->unlinked) > 0 &&
		    undelete_is_above(d, (struct undelete_view){f->snapshot, f->unlinked},
				      snapshot))
			return true;
	}
	return false;
}

static int dirent_add(struct bch_undelete *d, struct bkey_view k, struct undelete_key key)
{
	struct bch_dirent_view v;

	if (k.k->type != KEY_TYPE_dirent || bch_dirent_unpack(d->c, k, &v))
		return 0;
	key.inum = v.d_type == DT_SUBVOL ? v.child_subvol : v.inum;
	if (v.d_type == DT_SUBVOL)
		return undelete_key_add(d, UNDELETE_subvols, k, key);
	return undelete_find(d, v.inum, 0) ? undelete_key_add(d, UNDELETE_dirents, k, key) : 0;
}

/* What one transaction did to names. */
struct dirent_update {
	const struct bkey_i *old;
	u64 inum;	      /* what it led to */
	bool is_part_of_path; /* a directory, and its snapshot is gone: others may need it */
	struct bch_undelete_time t;
};

struct journal_walk {
	struct bch_undelete *d;
	u64 seq;
	u32 trans;
	DARRAY(struct dirent_update) old;
	DARRAY(u64) new; /* what new names lead to */
};

static int cmp_inums(const void *_l, const void *_r)
{
	const u64 *l = _l, *r = _r;

	return u64_cmp(*l, *r);
}

static bool leads_to(struct bch_undelete *d, const struct bkey_i *k, u64 *inum)
{
	struct bch_dirent_view v;

	if (k->k.type != KEY_TYPE_dirent || bch_dirent_unpack(d->c, bkey_i_view(k), &v) ||
	    v.d_type == DT_SUBVOL)
		return false;
	*inum = v.inum;
	return true;
}

static bool leads_to_dir(struct bch_undelete *d, const struct bkey_i *k)
{
	struct bch_dirent_view v;

	return !bch_dirent_unpack(d->c, bkey_i_view(k), &v) && v.d_type == DT_DIR;
}

static int journal_dirent(struct journal_walk *w, const struct journal_update *j)
{
	struct dirent_update u = {.t = {j->seq, j->offset}};
	int ret = 0;

	if (leads_to(w->d, j->new, &u.inum))
		ret = darray_push(&w->new, u.inum);
	if (ret || !leads_to(w->d, j->old, &u.inum))
		return ret   ?:
			       dirent_add(w->d, bkey_i_view(j->old),
					  (struct undelete_key){.t = u.t});
	if (!undelete_is_there(w->d, (struct undelete_view){j->old->k.p.snapshot, u.t}))
		u.is_part_of_path = leads_to_dir(w->d, j->old);
	u.old = undelete_key_copy(w->d, bkey_i_view(j->old));
	return u.old ? darray_push(&w->old, u) : 0;
}

/* A name of an inode that is there went at @t, and no file of the same number after that. */
static int kept_add(struct bch_undelete *d, const struct dirent_update *u)
{
	struct bch_undelete_file f = {
		.inum = u->inum,
		.snapshot = u->old->k.p.snapshot,
		.view = u->old->k.p.snapshot,
		.seen_from = u->old->k.p.snapshot,
		.kept = true,
		.deleted = {U64_MAX, U32_MAX},
	};
	int ret = bch_inode_get_at(d->c, f.snapshot, f.inum, &f.u);

	if (ret || f.u.bi_flags & BCH_INODE_FLAG_unlinked || undelete_is_dead(d, f.snapshot))
		return ret == -ENOMEM ? ret : 0;
	return darray_push(&d->keys->kept, f);
}

static bool has_new_name(const struct journal_walk *w, u64 inum)
{
	size_t i = darray_seek(w->new, n, *n < inum);

	return i < w->new.nr && w->new.data[i] == inum;
}

static int journal_trans_end(struct journal_walk *w)
{
	int ret = 0;

	sort(w->new.data, w->new.nr, sizeof(u64), cmp_inums, NULL);
	darray_for_each(w->old, u) {
		struct undelete_key key = {
			.k = u->old,
			.inum = u->inum,
			.t = u->t,
			.source = BCH_UNDELETE_journal,
			.removed = !has_new_name(w, u->inum),
		};

		if (ret ||
		    (!key.removed && !u->is_part_of_path && !undelete_find(w->d, u->inum, 0)))
			continue;
		if (key.removed && !undelete_find_at(w->d, u->inum, u->old->k.p.snapshot, u->t))
			ret = kept_add(w->d, u);
		ret = ret ?: darray_push(&w->d->keys->d[UNDELETE_dirents], key);
	}
	w->old.nr = w->new.nr = 0;
	return ret;
}

static int journal_key(const struct journal_update *j, void *arg)
{
	struct undelete_key key = {.t = {j->seq, j->offset}, .source = BCH_UNDELETE_journal};
	struct journal_walk *w = arg;
	enum undelete_kind kind;
	struct bkey_view k;
	int ret = 0;

	if (j->seq != w->seq || j->trans != w->trans)
		ret = journal_trans_end(w);
	w->seq = j->seq;
	w->trans = j->trans;
	if (!j->old || ret)
		return ret;
	if (j->btree == BTREE_ID_dirents)
		return journal_dirent(w, j);
	k = bkey_i_view(j->old);
	key.inum = j->btree == BTREE_ID_reflink ? 0 : k.k->p.inode;
	for (kind = UNDELETE_extents; kind <= UNDELETE_reflink; kind++)
		if (btree_of[kind] == j->btree &&
		    (kind == UNDELETE_reflink ? w->d->files.nr :
						is_of_file(w->d, key.inum, k.k->p.snapshot, key.t)))
			ret = undelete_key_add(w->d, kind, k, key);
	return ret;
}

static int cmp_made(const void *_l, const void *_r)
{
	const struct bch_undelete_file *l = _l, *r = _r;

	if (l->inum != r->inum)
		return u64_cmp(l->inum, r->inum);
	if (l->snapshot != r->snapshot)
		return u64_cmp(l->snapshot, r->snapshot);
	return u64_cmp(l->u.bi_generation, r->u.bi_generation);
}

/* Files of which only names went; each once, whatever the number of names. */
static int files_add_kept(struct bch_undelete *d)
{
	const struct bch_undelete_file *last = NULL;
	int ret = 0;

	sort(d->keys->kept.data, d->keys->kept.nr, sizeof(*d->keys->kept.data), cmp_made, NULL);
	darray_for_each(d->keys->kept, f) {
		if (!ret && !(last && !cmp_made(last, f)))
			ret = darray_push(&d->files, *f);
		last = f;
	}
	sort(d->files.data, d->files.nr, sizeof(*d->files.data), cmp_made, NULL);
	files_born(d);
	return ret;
}

static int journal_pass(struct bch_undelete *d)
{
	struct journal_walk w = {.d = d};
	struct journal_updates all;
	unsigned kind;
	int ret = bch_journal_updates(d->c, &all, journal_key, &w);

	ret = ret ?: journal_trans_end(&w) ?: files_add_kept(d);
	darray_exit(&w.old);
	darray_exit(&w.new);
	for (kind = UNDELETE_dirents; kind < UNDELETE_KIND_NR; kind++)
		undelete_keys_sort(d, kind);
	return ret;
}

static bool is_inexact(struct bch_undelete *d, u64 inum, u32 snapshot)
{
	const struct bch_undelete_file *f = undelete_find(d, inum, snapshot);

	return f && !f->exact && !f->kept;
}

static int node_key(struct bkey_view k, u64 seq, void *arg)
{
	struct node_pass *w = arg;
	struct undelete_key key = {.t = {seq, U32_MAX}, .source = w->source};

	if (bkey_whiteout(k.k))
		return 0;
	if (w->kind == UNDELETE_dirents)
		return dirent_add(w->d, k, key);
	key.inum = k.k->p.inode;
	if (w->kind == UNDELETE_reflink)
		key.inum = 0;
	else if (!is_inexact(w->d, key.inum, k.k->p.snapshot))
		return 0;
	return undelete_key_add(w->d, w->kind, k, key);
}

static int second_pass(struct bch_undelete *d)
{
	bool nameless = false;
	u64 first = U64_MAX, last = 0;
	unsigned kind;
	int ret = journal_pass(d);

	darray_for_each(d->files, f) {
		size_t i = undelete_keys_seek(d, UNDELETE_dirents, f->inum);

		if (!f->exact && !f->kept) {
			first = min(first, f->inum);
			last = max(last, f->inum);
		}
		nameless |= i == d->keys->d[UNDELETE_dirents].nr ||
			    d->keys->d[UNDELETE_dirents].data[i].inum != f->inum;
	}
	if (nameless && !ret)
		ret = nodes_walk(d, UNDELETE_dirents, node_key, POS_MIN, SPOS_MAX);
	/* Where the journal does not tell all. */
	if (first <= last && !ret) {
		struct bpos start = POS(first, 0), end = SPOS(last, U64_MAX, U32_MAX);

		ret = nodes_walk(d, UNDELETE_extents, node_key, start, end)	   ?:
			      nodes_walk(d, UNDELETE_xattrs, node_key, start, end) ?:
			      nodes_walk(d, UNDELETE_reflink, node_key, POS_MIN, SPOS_MAX);
	}
	for (kind = UNDELETE_dirents; kind < UNDELETE_KIND_NR; kind++)
		undelete_keys_sort(d, kind);
	return ret;
}

/* In bytes; of inline data to the word. */
static u64 data_end(const struct bkey_i *k)
{
	return k->k.type == KEY_TYPE_inline_data ?
		       (bkey_start_offset(&k->k) << 9) + bkey_val_bytes(&k->k) :
		       k->k.p.offset << 9;
}

/* The inode is from before anything was written: its extents tell how much it was, about. */
static void guess_size(struct bch_undelete *d, struct bch_undelete_file *f)
{
	u64 end = 0;

	if (f->exact || f->u.bi_size || f->view || inode_is_dir(f->u.bi_mode))
		return;
	f->size_guessed = true;
	for_each_undelete_key(d, UNDELETE_extents, f->inum, k)
		if (k->k->k.p.snapshot == f->snapshot && k->k->k.size &&
		    k->k->k.p.offset <= S64_MAX >> 9)
			end = max(end, data_end(k->k));
	f->u.bi_size = end;
}

int bch_undelete_init(struct bch_undelete *d)
{
	struct journal_updates all;
	int ret;

	d->memory = d->memory ?: MEMORY_DEFAULT;
	d->keys = kzalloc(sizeof(*d->keys), GFP_KERNEL);
	if (!d->keys)
		return -ENOMEM;
	ret = bch_journal_updates(d->c, &all, journal_snapshot, d) ?: undelete_find_dead(d);
	ret = ret ?: bch_journal_updates(d->c, &all, journal_inode, d);
	d->keys->complete_from = all.complete_from;
	ret = ret ?: nodes_walk(d, UNDELETE_inodes, node_inode, POS_MIN, SPOS_MAX);
	ret = ret ?: tree_inodes(d) ?: files_make(d);
	ret = ret ?: second_pass(d);
	darray_for_each(d->files, f)
		guess_size(d, f);
	return ret;
}

u64 bch_undelete_time_of(const struct bch_undelete *d, u64 seq)
{
	size_t i = darray_seek(d->keys->clock, at, at->seq < seq);

	return i < d->keys->clock.nr && d->keys->clock.data[i].seq == seq ?
		       d->keys->clock.data[i].time :
		       0;
}

void bch_undelete_exit(struct bch_undelete *d)
{
	unsigned kind;

	darray_exit(&d->files);
	if (!d->keys)
		return;
	for (kind = 0; kind < UNDELETE_KIND_NR; kind++)
		darray_exit(&d->keys->d[kind]);
	darray_for_each(d->keys->memory, k)
		kfree(*k);
	darray_exit(&d->keys->memory);
	darray_exit(&d->keys->deaths);
	darray_exit(&d->keys->dead);
	darray_exit(&d->keys->orphans);
	darray_exit(&d->keys->subvols);
	darray_exit(&d->keys->gone_subvols);
	darray_exit(&d->keys->kept);
	darray_exit(&d->keys->clock);
	darray_exit(&d->keys->deaths_by_id);
	darray_exit(&d->keys->removals);
	kfree(d->keys);
	d->keys = NULL;
}
