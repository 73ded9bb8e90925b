/* Names of deleted files, as they were when they went (fs/undelete.h). */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "fs/dirent.h"
#include "fs/namei.h"
#include "fs/snapshots.h"
#include "fs/undelete_keys.h"

/* Directories and keys looked at for one path: bounds its depth, cycles, ways to nowhere. */
#define STEPS_MAX 16384

static bool dir_path(struct bch_undelete *d, u64 inum, struct undelete_view v,
		     struct printbuf *out);

/* The path that entry @k was, as @v saw it. False: not all of it is known. */
static bool entry_path(struct bch_undelete *d, const struct bkey_i *k, struct undelete_view v,
		       struct printbuf *out)
{
	struct bch_dirent_view entry;

	if (bch_dirent_unpack(d->c, bkey_i_view(k), &entry) || !dir_path(d, k->k.p.inode, v, out))
		return false;
	prt_char(out, '/');
	prt_bytes(out, entry.name, entry.name_len);
	return true;
}

/* The path of a directory that is there. */
static bool live_path(struct bch_undelete *d, u64 inum, struct undelete_view v,
		      struct printbuf *out)
{
	u32 snapshot = v.snapshot;
	struct bch_inode_unpacked u;
	size_t start = out->pos;

	if (undelete_is_dead(d, snapshot) || !undelete_is_there(d, v) ||
	    bch_inode_get_at(d->c, snapshot, inum, &u) || u.bi_flags & BCH_INODE_FLAG_unlinked)
		return false;
	bch_inode_path_to_text(out, d->c, snapshot, inum);
	if (out->pos - start == 1)
		out->pos = start; /* "/" */
	if (out->pos == start || out->buf[start] == '/')
		return true;
	out->pos = start;
	return false;
}

/* The entry that led to @inum as @v saw it: of the nearest snapshot, and what it was then. */
static const struct undelete_key *noted_entry(struct bch_undelete *d, u64 inum,
					      struct undelete_view v)
{
	const struct undelete_key *best = NULL;

	for_each_undelete_key(d, UNDELETE_dirents, inum, k) {
		u32 snapshot = k->k->k.p.snapshot;

		if (d->keys->path_steps++ >= STEPS_MAX)
			break;
		if (k->source != BCH_UNDELETE_journal || undelete_time_cmp(k->t, v.t) <= 0 ||
		    !undelete_is_above(d, v, snapshot))
			continue;
		if (!best || snapshot < best->k->k.p.snapshot ||
		    (snapshot == best->k->k.p.snapshot && undelete_time_cmp(k->t, best->t) < 0))
			best = k;
	}
	return best;
}

/* By the name that @u has in @snapshot. */
static bool path_in(struct bch_undelete *d, const struct bch_inode_unpacked *u, u32 snapshot,
		    struct undelete_view v, struct printbuf *out)
{
	char *name = u->bi_dir && !u->bi_subvol ?
			     bch_dirent_name_at(d->c, snapshot, u->bi_dir, u->bi_dir_offset) :
			     NULL;
	bool ret = name && dir_path(d, u->bi_dir, v, out);

	if (ret) {
		prt_char(out, '/');
		prt_str(out, name);
	}
	kfree(name);
	return ret;
}

/* By the name that it has in any snapshot: @v saw it, too, or had another one. */
static bool path_anywhere(struct bch_undelete *d, u64 inum, struct undelete_view v,
			  struct printbuf *out)
{
	struct bch_inode_unpacked u, found;
	struct btree_iter iter;
	struct bkey_view k;
	bool any = false;
	int ret;

	bch_iter_init(&iter, d->c, BTREE_ID_inodes, POS(0, inum), BTREE_ITER_all_snapshots);
	for_each_btree_key(&iter, k, ret)
	{
		if (k.k->p.offset != inum || any)
			break;
		any = !bch_inode_unpack(k, &u) && !undelete_is_dead(d, k.k->p.snapshot);
		found = u;
	}
	bch_iter_exit(&iter);
	return any && path_in(d, &found, found.bi_snapshot, v, out);
}

/* What @v saw, as far as snapshots above it tell: those that went, then those that are there. */
static bool seen_path(struct bch_undelete *d, u64 inum, struct undelete_view v,
		      struct printbuf *out)
{
	const struct undelete_key *entry = noted_entry(d, inum, v);
	u32 above = undelete_live_above(d, v);
	struct bch_inode_unpacked u;

	/* The nearest one counts. */
	if (entry && (!above || entry->k->k.p.snapshot <= above))
		return entry_path(d, entry->k, v, out);
	if (above && !bch_inode_get_at(d->c, above, inum, &u) && path_in(d, &u, above, v, out))
		return true;
	return entry && entry_path(d, entry->k, v, out);
}

/* The name that a subvolume had at @t; NULL: the one that it has, or it is not known. */
static const struct undelete_key *
subvol_name(struct bch_undelete *d, const struct undelete_subvol *s, struct bch_undelete_time t)
{
	const struct bch_undelete_time end = undelete_subvol_end(d, s);
	const struct undelete_key *next = NULL;
	struct bch_subvol live;

	/* What it was called until the first change of it after @t. */
	for_each_undelete_key(d, UNDELETE_subvols, s->id, k) {
		if (d->keys->path_steps++ >= STEPS_MAX)
			break;
		if (k->source == BCH_UNDELETE_journal && undelete_time_cmp(k->t, t) > 0 &&
		    undelete_time_cmp(k->t, end) <= 0 &&
		    (!next || undelete_time_cmp(k->t, next->t) < 0))
			next = k;
	}
	if (next)
		return next;
	if (end.seq == U64_MAX && !bch_subvol_get(d->c, s->id, &live) && !live.unlinked)
		return NULL;
	/* It lost its name before it went. */
	return undelete_last_key(d, UNDELETE_subvols, s->id, end);
}

static bool subvol_path(struct bch_undelete *d, const struct undelete_subvol *s,
			struct bch_undelete_time t, struct printbuf *out)
{
	const struct undelete_key *name = subvol_name(d, s, t);
	struct undelete_view v = {.t = {U64_MAX, U32_MAX}};
	struct bch_subvol live;

	if (name) {
		v = (struct undelete_view){name->k->k.p.snapshot, name->t};
		return entry_path(d, name->k, v, out);
	}
	if (undelete_subvol_end(d, s).seq != U64_MAX || bch_subvol_get(d->c, s->id, &live) ||
	    live.unlinked || live.root_inum != s->root)
		return false;
	v.snapshot = live.snapshot;
	return live_path(d, s->root, v, out);
}

/* Directory @inum as it was when an entry of it went. False: not known. */
static bool dir_path(struct bch_undelete *d, u64 inum, struct undelete_view v, struct printbuf *out)
{
	const struct undelete_subvol *subvol;
	const struct bch_undelete_file *f;
	const struct undelete_key *name = NULL;

	if (d->keys->path_steps++ >= STEPS_MAX)
		return false;
	if (live_path(d, inum, v, out))
		return true;
	subvol = undelete_find_subvol(d, inum, v);
	if (subvol)
		return subvol_path(d, subvol, v.t, out);
	if (seen_path(d, inum, v, out))
		return true;
	f = undelete_find(d, inum, v.snapshot) ?: undelete_find(d, inum, 0);
	if (f)
		name = undelete_last_key(d, UNDELETE_dirents, inum, f->deleted);
	return name ? entry_path(d, name->k, v, out) : path_anywhere(d, inum, v, out);
}

/* The whole path, or "?/NAME". */
static void name_to_text(struct bch_undelete *d, const struct bkey_i *k, struct undelete_view v,
			 struct printbuf *out)
{
	struct bch_dirent_view entry;

	d->keys->path_steps = 0;
	if (entry_path(d, k, v, out) || bch_dirent_unpack(d->c, bkey_i_view(k), &entry))
		return;
	printbuf_reset(out);
	prt_str(out, "?/");
	prt_bytes(out, entry.name, entry.name_len);
}

/* Who saw the name @k of @f, and when. */
static struct undelete_view view_of(const struct bch_undelete_file *f, const struct undelete_key *k)
{
	if (f->of_dead)
		return (struct undelete_view){f->seen_from, f->unlinked};
	return (struct undelete_view){k->k->k.p.snapshot, k->t};
}

/* Did @f lose the name @k? Before, the number may have been another file's. */
static bool is_name_of(const struct bch_undelete_file *f, const struct undelete_key *k)
{
	return k->removed && k->k->k.p.snapshot == f->snapshot &&
	       undelete_time_cmp(k->t, f->born) > 0 && undelete_time_cmp(k->t, f->deleted) <= 0;
}

/* The only name that is known, and perhaps not the last one. */
static u64 guess(struct bch_undelete *d, const struct bch_undelete_file *f, struct printbuf *out)
{
	const struct undelete_view v = {f->seen_from, f->unlinked};
	const struct undelete_key *name =
		undelete_last_key(d, UNDELETE_dirents, f->inum, f->deleted);

	d->keys->path_steps = 0;
	if (seen_path(d, f->inum, v, out))
		return f->deleted_seq;
	printbuf_reset(out);
	if (name)
		name_to_text(d, name->k, view_of(f, name), out);
	else
		path_anywhere(d, f->inum, v, out);
	if (!out->pos)
		prt_printf(out, "?/#%llu", f->inum);
	return f->deleted_seq;
}

int bch_undelete_names(struct bch_undelete *d, const struct bch_undelete_file *f,
		       int (*fn)(void *arg, const char *path, size_t len, u64 seq), void *arg)
{
	struct printbuf path = PRINTBUF;
	bool any = false;
	int ret = 0;
	u64 seq;

	for_each_undelete_key(d, UNDELETE_dirents, f->inum, k) {
		if (ret || !is_name_of(f, k))
			continue;
		printbuf_reset(&path);
		name_to_text(d, k->k, view_of(f, k), &path);
		if (!path.pos)
			continue;
		any = true;
		ret = printbuf_failed(&path) ? -ENOMEM :
					       fn(arg, printbuf_str(&path), path.pos, k->t.seq);
	}
	if (!any && !ret) {
		printbuf_reset(&path);
		seq = guess(d, f, &path);
		ret = printbuf_failed(&path) ? -ENOMEM :
					       fn(arg, printbuf_str(&path), path.pos, seq);
	}
	printbuf_exit(&path);
	return ret;
}
