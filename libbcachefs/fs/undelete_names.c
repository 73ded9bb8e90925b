/* Names of deleted files, as they were when they went (fs/undelete.h). */
#include <linux/errno.h>
#include <linux/string.h>
#include "fs/dirent.h"
#include "fs/namei.h"
#include "fs/undelete_keys.h"

#define DEPTH_MAX 256

static bool dir_path(struct bch_undelete *d, u64 inum, u32 snapshot, struct printbuf *out,
		     unsigned depth);

/* The path that entry @k was. False: not all of it is known. */
static bool entry_path(struct bch_undelete *d, const struct bkey_i *k, struct printbuf *out,
		       unsigned depth)
{
	struct bch_dirent_view v;

	if (depth > DEPTH_MAX || bch_dirent_unpack(d->c, bkey_i_view(k), &v) ||
	    !dir_path(d, k->k.p.inode, k->k.p.snapshot, out, depth + 1))
		return false;
	prt_char(out, '/');
	prt_bytes(out, v.name, v.name_len);
	return true;
}

/* The path of a directory that is there. */
static bool live_path(struct bch_undelete *d, u64 inum, u32 snapshot, struct printbuf *out)
{
	struct bch_inode_unpacked u;
	size_t start = out->pos;

	if (undelete_is_dead(d, snapshot) || bch_inode_get_at(d->c, snapshot, inum, &u) ||
	    u.bi_flags & BCH_INODE_FLAG_unlinked)
		return false;
	bch_inode_path_to_text(out, d->c, snapshot, inum);
	if (out->pos - start == 1)
		out->pos = start; /* "/" */
	if (out->pos == start || out->buf[start] == '/')
		return true;
	out->pos = start;
	return false;
}

/* Directory @inum as it was when an entry of it went. False: not known. */
static bool dir_path(struct bch_undelete *d, u64 inum, u32 snapshot, struct printbuf *out,
		     unsigned depth)
{
	const struct bch_undelete_time end = {U64_MAX, U32_MAX};
	const struct undelete_subvol *subvol;
	const struct bch_undelete_file *f;
	const struct undelete_key *name = NULL;

	if (live_path(d, inum, snapshot, out))
		return true;
	subvol = undelete_find_subvol(d, inum, snapshot);
	f = undelete_find(d, inum, snapshot) ?: undelete_find(d, inum, 0);
	if (subvol)
		name = undelete_last_key(d, UNDELETE_subvols, subvol->id, end);
	else if (f)
		name = undelete_last_key(d, UNDELETE_dirents, inum, f->deleted);
	return name && entry_path(d, name->k, out, depth);
}

/* The whole path, or "?/NAME". */
static void name_to_text(struct bch_undelete *d, const struct bkey_i *k, struct printbuf *out)
{
	struct bch_dirent_view v;

	if (entry_path(d, k, out, 0) || bch_dirent_unpack(d->c, bkey_i_view(k), &v))
		return;
	printbuf_reset(out);
	prt_str(out, "?/");
	prt_bytes(out, v.name, v.name_len);
}

/* Did @f lose the name @k? Before, the number may have been another file's. */
static bool is_name_of(const struct bch_undelete_file *f, const struct undelete_key *k)
{
	return k->removed && k->k->k.p.snapshot == f->snapshot &&
	       undelete_time_cmp(k->t, f->born) > 0 && undelete_time_cmp(k->t, f->deleted) <= 0;
}

/* The name that a snapshot above it had, until that went, too. */
static bool base_name(struct bch_undelete *d, const struct bch_undelete_file *f,
		      struct printbuf *out)
{
	for_each_undelete_key(d, UNDELETE_dirents, f->inum, k) {
		struct bch_dirent_view v;

		if (!f->base || !k->removed || k->k->k.p.snapshot != f->base ||
		    bch_dirent_unpack(d->c, bkey_i_view(k->k), &v))
			continue;
		if (!dir_path(d, k->k->k.p.inode, f->snapshot, out, 1)) {
			printbuf_reset(out);
			prt_char(out, '?');
		}
		prt_char(out, '/');
		prt_bytes(out, v.name, v.name_len);
		return true;
	}
	return false;
}

/* The only name that is known, and perhaps not the last one. */
static u64 guess(struct bch_undelete *d, const struct bch_undelete_file *f, struct printbuf *out)
{
	const struct undelete_key *name;

	if (f->view && f->view != f->snapshot) {
		bch_inode_path_to_text(out, d->c, f->view, f->inum);
		if (out->pos && out->buf[0] == '/')
			return f->deleted_seq;
		printbuf_reset(out);
	}
	if (base_name(d, f, out))
		return f->deleted_seq;
	name = undelete_last_key(d, UNDELETE_dirents, f->inum, f->deleted);
	if (name)
		name_to_text(d, name->k, out);
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
		name_to_text(d, k->k, &path);
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
