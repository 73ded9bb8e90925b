/* Old keys that undelete works with: kept, sorted, found again (fs/undelete_keys.h). */
#include <linux/slab.h>
#include <linux/sort.h>
#include "fs/undelete_keys.h"

#define SUBVOL_STATES_MAX 1024 /* of one root that are looked at for one path */

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

int undelete_key_add(struct bch_undelete *d, enum undelete_kind kind, struct bkey_view k,
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

void undelete_keys_sort(struct bch_undelete *d, enum undelete_kind kind)
{
	sort(d->keys->d[kind].data, d->keys->d[kind].nr, sizeof(struct undelete_key),
	     kind == UNDELETE_reflink ? cmp_reflink : cmp_keys, NULL);
}

size_t undelete_keys_seek(const struct bch_undelete *d, enum undelete_kind kind, u64 inum)
{
	return darray_seek(d->keys->d[kind], k, k->inum < inum);
}

/* Index of the first file behind these: of one inode number and snapshot by generation. */
static size_t files_seek(const struct bch_undelete *d, u64 inum, u32 snapshot,
			 const struct bch_undelete_time *deleted)
{
	return darray_seek(d->files, f,
			   f->inum < inum ||
				   (f->inum == inum &&
				    (f->snapshot < snapshot ||
				     (f->snapshot == snapshot &&
				      (!deleted || undelete_time_cmp(f->deleted, *deleted) < 0)))));
}

size_t undelete_files_seek(const struct bch_undelete *d, u64 inum)
{
	return darray_seek(d->files, f, f->inum < inum);
}

struct bch_undelete_file *undelete_find(const struct bch_undelete *d, u64 inum, u32 snapshot)
{
	size_t i = files_seek(d, inum, snapshot ?: U32_MAX, NULL);
	struct bch_undelete_file *f = i ? &d->files.data[i - 1] : NULL;

	return f && f->inum == inum && (!snapshot || f->snapshot == snapshot) ? f : NULL;
}

struct bch_undelete_file *undelete_find_at(const struct bch_undelete *d, u64 inum, u32 snapshot,
					   struct bch_undelete_time t)
{
	size_t i = files_seek(d, inum, snapshot, &t);
	struct bch_undelete_file *f = i < d->files.nr ? &d->files.data[i] : NULL;

	return f && f->inum == inum && f->snapshot == snapshot ? f : NULL;
}

/* The last of the keys of @inum that come from @source and are not behind @end; or NULL. */
static const struct undelete_key *last_of_source(const struct bch_undelete *d,
						 enum undelete_kind kind, u64 inum, u8 source,
						 struct bch_undelete_time end)
{
	const struct undelete_key *last;
	size_t i;

	if (source != BCH_UNDELETE_journal)
		end.offset = U32_MAX;
	i = darray_seek(d->keys->d[kind], k,
			k->inum < inum ||
				(k->inum == inum &&
				 (k->source < source ||
				  (k->source == source && undelete_time_cmp(k->t, end) <= 0))));
	last = i ? &d->keys->d[kind].data[i - 1] : NULL;
	return last && last->inum == inum && last->source == source ? last : NULL;
}

const struct undelete_key *undelete_last_key(const struct bch_undelete *d, enum undelete_kind kind,
					     u64 inum, struct bch_undelete_time end)
{
	const struct undelete_key *best = NULL, *k;
	unsigned source;

	for (source = 0; source < BCH_UNDELETE_SOURCE_NR; source++) {
		k = last_of_source(d, kind, inum, source, end);
		if (k && (!best || undelete_time_cmp(k->t, best->t) > 0))
			best = k;
	}
	return best;
}

bool undelete_is_dead(const struct bch_undelete *d, u32 snapshot)
{
	size_t i = darray_seek(d->keys->dead, id, *id < snapshot);

	return i < d->keys->dead.nr && d->keys->dead.data[i] == snapshot;
}

const struct undelete_subvol *undelete_find_subvol(const struct bch_undelete *d, u64 inum,
						   struct undelete_view v)
{
	const struct undelete_keys *keys = d->keys;
	size_t i = darray_seek(keys->subvols, s,
			       s->root < inum || (s->root == inum && (s->snapshot < v.snapshot ||
								      (s->snapshot == v.snapshot &&
								       s->t.seq < v.t.seq))));
	const struct undelete_subvol *s = &keys->subvols.data[i], *only = NULL;

	if (i < keys->subvols.nr && s->root == inum && s->snapshot == v.snapshot)
		return s;
	i = darray_seek(keys->subvols, o, o->root < inum);
	for (unsigned nr = 0; i < keys->subvols.nr && keys->subvols.data[i].root == inum; i++) {
		s = &keys->subvols.data[i];
		if ((only && only->id != s->id) || nr++ == SUBVOL_STATES_MAX)
			return NULL;
		only = s;
	}
	return only;
}

struct bch_undelete_time undelete_subvol_end(const struct bch_undelete *d,
					     const struct undelete_subvol *s)
{
	const struct undelete_keys *keys = d->keys;
	size_t i = darray_seek(keys->gone_subvols, g,
			       g->snapshot < s->id ||
				       (g->snapshot == s->id && undelete_time_cmp(g->t, s->t) < 0));

	if (s->went)
		return s->t;
	return i < keys->gone_subvols.nr && keys->gone_subvols.data[i].snapshot == s->id ?
		       keys->gone_subvols.data[i].t :
		       (struct bch_undelete_time){U64_MAX, U32_MAX};
}
