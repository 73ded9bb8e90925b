/*
 * What was deleted, and the old keys of it (fs/undelete.h).
 *
 * Two passes over the sources: the first looks for inodes that are gone, the second for what
 * belongs to them. So only keys of deleted files are in memory.
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "btree/old_keys.h"
#include "format/errcode.h"
#include "fs/dirent.h"
#include "fs/namei.h"
#include "fs/snapshots.h"
#include "fs/undelete_keys.h"
#include "journal/updates.h"

#define MEMORY_DEFAULT (256ULL << 20)
#define DT_SUBVOL      16

static const u8 btree_of[] = {
	[UNDELETE_inodes] = BTREE_ID_inodes,   [UNDELETE_dirents] = BTREE_ID_dirents,
	[UNDELETE_extents] = BTREE_ID_extents, [UNDELETE_xattrs] = BTREE_ID_xattrs,
	[UNDELETE_reflink] = BTREE_ID_reflink,
};

/* A walk over nodes. */
struct node_pass {
	struct bch_undelete *d;
	u8 kind, source;
};

/* ---- Keys ---- */

const struct bkey_i *undelete_key_copy(struct bch_undelete *d, struct bkey_view k)
{
	struct undelete_keys *keys = d->keys;
	size_t bytes = k.k->u64s * sizeof(u64);
	struct bkey_i *copy;

	if (keys->bytes + bytes > d->memory) {
		d->out_of_memory = true;
		return NULL;
	}
	copy = kmalloc(bytes, GFP_KERNEL);
	if (!copy || darray_push(&keys->memory, copy)) {
		kfree(copy);
		d->out_of_memory = true;
		return NULL;
	}
	bkey_reassemble(copy, k);
	keys->bytes += bytes + sizeof(struct undelete_key);
	return copy;
}

static int key_add(struct bch_undelete *d, enum undelete_kind kind, struct bkey_view k,
		   struct undelete_key key)
{
	key.k = undelete_key_copy(d, k);
	if (!key.k)
		return 0;
	if (kind == UNDELETE_reflink && k.k->size > d->keys->reflink_size_max)
		d->keys->reflink_size_max = k.k->size;
	return darray_push(&d->keys->d[kind], key);
}

static int cmp_keys(const void *_l, const void *_r)
{
	const struct undelete_key *l = _l, *r = _r;

	if (l->inum != r->inum)
		return u64_cmp(l->inum, r->inum);
	if (l->source != r->source)
		return u64_cmp(l->source, r->source);
	return undelete_time_cmp(l->t, r->t);
}

/* Indirect extents belong to nobody: by where they end, then by time. */
static int cmp_reflink(const void *_l, const void *_r)
{
	const struct undelete_key *l = _l, *r = _r;

	return u64_cmp(l->k->k.p.offset, r->k->k.p.offset) ?: cmp_keys(l, r);
}

static void keys_sort(struct bch_undelete *d, enum undelete_kind kind)
{
	sort(d->keys->d[kind].data, d->keys->d[kind].nr, sizeof(struct undelete_key),
	     kind == UNDELETE_reflink ? cmp_reflink : cmp_keys, NULL);
}

size_t undelete_keys_seek(const struct bch_undelete *d, enum undelete_kind kind, u64 inum)
{
	size_t l = 0, r = d->keys->d[kind].nr;

	while (l < r) {
		size_t m = l + (r - l) / 2;

		if (d->keys->d[kind].data[m].inum < inum)
			l = m + 1;
		else
			r = m;
	}
	return l;
}

struct bch_undelete_file *undelete_find(const struct bch_undelete *d, u64 inum, u32 snapshot)
{
	struct bch_undelete_file *found = NULL;
	size_t l = 0, r = d->files.nr;

	while (l < r) {
		size_t m = l + (r - l) / 2;

		if (d->files.data[m].inum < inum)
			l = m + 1;
		else
			r = m;
	}
	for (; l < d->files.nr && d->files.data[l].inum == inum; l++) {
		struct bch_undelete_file *f = &d->files.data[l];

		if ((!snapshot || f->snapshot == snapshot) &&
		    (!found || undelete_time_cmp(f->deleted, found->deleted) > 0))
			found = f;
	}
	return found;
}

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

/* In a snapshot that is gone itself a file is not deleted as long as any snapshot has it. */
static int is_anywhere(struct bch_undelete *d, u64 inum, u32 generation)
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
		if (!bch_inode_unpack(k, &u) && u.bi_generation == generation)
			found = 1;
	}
	bch_iter_exit(&iter);
	return ret == -ENOMEM ? ret : found;
}

static int inode_add(struct bch_undelete *d, struct bkey_view k, struct undelete_key key,
		     const struct bch_inode_unpacked *u)
{
	u64 inum = k.k->p.offset;
	int ret = is_live(d, inum, k.k->p.snapshot, u->bi_generation);

	if (!ret && !bch_snapshot_exists(d->c, k.k->p.snapshot))
		ret = is_anywhere(d, inum, u->bi_generation);
	if (ret)
		return min(ret, 0);
	key.inum = inum;
	key.generation = u->bi_generation;
	key.inode_seq = u->bi_journal_seq;
	return key_add(d, UNDELETE_inodes, k, key);
}

static int journal_inode(const struct journal_update *j, void *arg)
{
	struct undelete_key key = {.t = {j->seq, j->offset}, .source = BCH_UNDELETE_journal};
	struct bch_inode_unpacked old, new;
	bool had, has;

	if (j->btree != BTREE_ID_inodes || !j->old)
		return 0;
	had = !bch_inode_unpack(bkey_i_view(j->old), &old);
	has = !bch_inode_unpack(bkey_i_view(j->new), &new);
	key.deletes = had && (!has || new.bi_generation != old.bi_generation);
	key.unlinks = has && new.bi_flags &BCH_INODE_FLAG_unlinked &&
		      !(had && old.bi_flags & BCH_INODE_FLAG_unlinked);
	if (!key.deletes && !key.unlinks)
		return 0;
	return inode_add(arg, bkey_i_view(j->old), key, had ? &old : &new);
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

	if (!bch_inode_unpack(k, &u))
		return u.bi_flags & BCH_INODE_FLAG_unlinked ? inode_add(d, k, key, &u) : 0;
	if (k.k->type != KEY_TYPE_whiteout || !parent)
		return 0;
	ret = bch_inode_get_at(d->c, parent, k.k->p.offset, &u);
	if (ret)
		return ret == -ENOMEM ? ret : 0;
	key.source = BCH_UNDELETE_snapshot;
	key.inum = k.k->p.offset;
	key.generation = u.bi_generation;
	return key_add(d, UNDELETE_inodes, k, key);
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
	u32 parent = bch_snapshot_parent(d->c, f->snapshot);
	struct bch_inode_unpacked u;

	if (!bch_inode_get_at(d->c, f->snapshot, f->inum, &u) &&
	    u.bi_generation == f->u.bi_generation)
		return f->snapshot;
	if (parent && !bch_inode_get_at(d->c, parent, f->inum, &u) &&
	    u.bi_generation == f->u.bi_generation)
		return parent;
	return 0;
}

/* All that is known of one file: keys [@k, @end) of it, of which @last is its latest state. */
static int file_add(struct bch_undelete *d, const struct undelete_key *k,
		    const struct undelete_key *end, const struct undelete_key *last)
{
	struct bch_undelete_file f = {
		.inum = last->inum,
		.snapshot = last->k->k.p.snapshot,
		.source = last->source,
		.deleted = {U64_MAX, U32_MAX},
	};
	const struct undelete_key *unlink = NULL;
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
	f.view = file_view(d, &f);
	return darray_push(&d->files, f);
}

static int files_make(struct bch_undelete *d)
{
	struct undelete_key *k = d->keys->d[UNDELETE_inodes].data;
	struct undelete_key *end = k + d->keys->d[UNDELETE_inodes].nr;
	int ret = 0;

	sort(k, end - k, sizeof(*k), cmp_files, NULL);
	while (k < end && !ret) {
		struct undelete_key *next = k, *last = NULL;

		for (; next < end && same_file(next, k); next++)
			if ((bkey_is_inode(next->k->k.type) ||
			     next->source == BCH_UNDELETE_snapshot) &&
			    (!last || is_later(next, last)))
				last = next;
		if (last)
			ret = file_add(d, k, next, last);
		k = next;
	}
	return ret;
}

/* ---- Second pass: what belongs to them ---- */

/* Does a deleted file have the key, which was there at or until @t? */
static bool is_of_file(struct bch_undelete *d, u64 inum, u32 snapshot, struct bch_undelete_time t)
{
	const struct bch_undelete_file *f = undelete_find(d, inum, snapshot);

	return f && undelete_time_cmp(t, f->deleted) <= 0;
}

static int dirent_add(struct bch_undelete *d, struct bkey_view k, struct undelete_key key)
{
	struct bch_dirent_view v;

	if (k.k->type != KEY_TYPE_dirent || bch_dirent_unpack(d->c, k, &v) ||
	    v.d_type == DT_SUBVOL || !undelete_find(d, v.inum, 0))
		return 0;
	key.inum = v.inum;
	return key_add(d, UNDELETE_dirents, k, key);
}

static int journal_key(const struct journal_update *j, void *arg)
{
	struct undelete_key key = {.t = {j->seq, j->offset}, .source = BCH_UNDELETE_journal};
	struct bch_undelete *d = arg;
	struct bkey_view k;

	if (!j->old)
		return 0;
	k = bkey_i_view(j->old);
	key.inum = k.k->p.inode;
	switch (j->btree) {
	case BTREE_ID_dirents:
		return dirent_add(d, k, key);
	case BTREE_ID_extents:
		return is_of_file(d, key.inum, k.k->p.snapshot, key.t) ?
			       key_add(d, UNDELETE_extents, k, key) :
			       0;
	case BTREE_ID_xattrs:
		return is_of_file(d, key.inum, k.k->p.snapshot, key.t) ?
			       key_add(d, UNDELETE_xattrs, k, key) :
			       0;
	case BTREE_ID_reflink:
		key.inum = 0;
		return d->files.nr ? key_add(d, UNDELETE_reflink, k, key) : 0;
	}
	return 0;
}

static bool is_inexact(struct bch_undelete *d, u64 inum, u32 snapshot)
{
	const struct bch_undelete_file *f = undelete_find(d, inum, snapshot);

	return f && !f->exact;
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
	return key_add(w->d, w->kind, k, key);
}

static int second_pass(struct bch_undelete *d)
{
	struct journal_updates all;
	bool nameless = false;
	u64 first = U64_MAX, last = 0;
	unsigned kind;
	int ret = bch_journal_updates(d->c, &all, journal_key, d);

	for (kind = UNDELETE_dirents; kind < UNDELETE_KIND_NR; kind++)
		keys_sort(d, kind);
	darray_for_each(d->files, f) {
		size_t i = undelete_keys_seek(d, UNDELETE_dirents, f->inum);

		if (!f->exact) {
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
		keys_sort(d, kind);
	return ret;
}

/* The inode is from before anything was written: its extents tell how much it was, about. */
static void guess_size(struct bch_undelete *d, struct bch_undelete_file *f)
{
	u64 end = 0;

	if (f->exact || f->u.bi_size || f->view || inode_is_dir(f->u.bi_mode))
		return;
	f->size_guessed = true;
	for_each_undelete_key(d, UNDELETE_extents, f->inum, k)
		if (k->k->k.p.snapshot == f->snapshot && k->k->k.size)
			end = max(end, k->k->k.p.offset);
	if (end <= S64_MAX >> 9)
		f->u.bi_size = end << 9;
}

int bch_undelete_init(struct bch_undelete *d)
{
	struct journal_updates all;
	int ret;

	d->memory = d->memory ?: MEMORY_DEFAULT;
	d->keys = kzalloc(sizeof(*d->keys), GFP_KERNEL);
	if (!d->keys)
		return -ENOMEM;
	ret = bch_journal_updates(d->c, &all, journal_inode, d);
	d->keys->complete_from = all.complete_from;
	ret = ret ?: nodes_walk(d, UNDELETE_inodes, node_inode, POS_MIN, SPOS_MAX);
	ret = ret ?: tree_inodes(d) ?: files_make(d);
	ret = ret ?: second_pass(d);
	darray_for_each(d->files, f)
		guess_size(d, f);
	return ret;
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
	kfree(d->keys);
	d->keys = NULL;
}
