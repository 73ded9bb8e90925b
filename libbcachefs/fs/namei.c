/*
 * Names and inodes, for readers (spec 03 sections 11 to 13, 08 section 1): inodes by number,
 * directories by name and in order, paths by backpointers.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "btree/bkey.h"
#include "btree/iter.h"
#include "format/errcode.h"
#include "format/dirent.h"
#include "format/sb.h"
#include "fs/dirent.h"
#include "fs/namei.h"
#include "fs/snapshots.h"
#include "fs/str_hash.h"
#include "sb/super.h"
#include "util/casefold.h"
#include "util/darray.h"

#define DT_DIR	       4
#define DT_SUBVOL      16
#define CASEFOLDED_MAX 512  /* bytes of a folded name (spec 10 section 6.5) */
#define PATH_DEPTH_MAX 4096 /* components that a path in a message may have */

/* ---- Inodes ---- */

int bch_inode_get_at(struct bch_fs *c, u32 snapshot, u64 inum, struct bch_inode_unpacked *u)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, c, BTREE_ID_inodes, SPOS(0, inum, snapshot), 0);
	ret = bch_iter_peek_slot(&iter, &k);
	if (!ret && !bkey_is_inode(k.k->type))
		ret = -ENOENT;
	if (!ret && bch_inode_unpack(k, u))
		ret = -EIO;
	bch_iter_exit(&iter);
	return ret;
}

int bch_inode_get(struct bch_fs *c, struct bch_ino ino, struct bch_inode_unpacked *u)
{
	struct bch_subvol subvol;

	return bch_subvol_get(c, ino.subvol, &subvol) ?:
		       bch_inode_get_at(c, subvol.snapshot, ino.inum, u);
}

s64 bch_inode_time_ns(const struct bch_fs *c, u64 t)
{
	const struct bch_sb *sb = c->sb->sb;

	return (s64)(t * le32_to_cpu(sb->time_precision) + le64_to_cpu(sb->time_base_lo));
}

u32 bch_inode_nlink(const struct bch_inode_unpacked *u)
{
	if (u->bi_flags & BCH_INODE_FLAG_unlinked)
		return 0;
	return u->bi_nlink + (inode_is_dir(u->bi_mode) ? 2 : 1);
}

/* ---- Directories ---- */

/* The entry of @dir in @k, if it is one that subvolume @dir.subvol sees. */
static bool dirent_visible(struct bch_fs *c, struct bkey_view k, u32 subvol,
			   struct bch_dirent_view *d)
{
	if (k.k->type != KEY_TYPE_dirent || bch_dirent_unpack(c, k, d))
		return false;
	return d->d_type != DT_SUBVOL || d->parent_subvol == subvol;
}

static int dirent_target(struct bch_fs *c, u32 subvol, const struct bch_dirent_view *d,
			 struct bch_dir_target *t)
{
	struct bch_subvol child;
	int ret;

	if (d->d_type != DT_SUBVOL) {
		*t = (struct bch_dir_target){{subvol, d->inum}, d->d_type};
		return 0;
	}
	*t = (struct bch_dir_target){{d->child_subvol, 0}, DT_DIR};
	ret = bch_subvol_get(c, d->child_subvol, &child);
	if (!ret)
		t->ino.inum = child.root_inum;
	return ret;
}

static bool name_eq(const struct bch_dirent_view *d, const char *name, unsigned len)
{
	return d->name_len == len && !memcmp(d->name, name, len);
}

bool bch_dir_is_casefolded(const struct bch_fs *c, const struct bch_inode_unpacked *dir_u)
{
	return dir_u->bi_casefold ? dir_u->bi_casefold > 1 : sb_casefold(c->sb->sb);
}

/* Entry @name of a directory whose hashes are of no use: look at all of them. */
static int lookup_by_scan(struct bch_fs *c, struct bch_ino dir, u32 snapshot, const char *name,
			  unsigned len, struct bch_dir_target *t)
{
	struct bch_dirent_view d;
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, c, BTREE_ID_dirents, SPOS(dir.inum, 0, snapshot), 0);
	for (ret = bch_iter_peek(&iter, &k);; ret = bch_iter_next(&iter, &k)) {
		if (!ret && (!k.k || k.k->p.inode != dir.inum))
			ret = -ENOENT;
		if (ret)
			break;
		if (dirent_visible(c, k, dir.subvol, &d) && name_eq(&d, name, len)) {
			ret = dirent_target(c, dir.subvol, &d, t);
			break;
		}
	}
	bch_iter_exit(&iter);
	return ret;
}

/* Entry @name, or with the folded form @name, at its hash. */
static int lookup_by_hash(struct bch_fs *c, struct bch_ino dir, u32 snapshot, u64 hash,
			  const char *name, unsigned len, bool folded, struct bch_dir_target *t)
{
	struct bch_dirent_view d;
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, c, BTREE_ID_dirents, SPOS(dir.inum, hash, snapshot), 0);
	for (ret = bch_iter_peek_slot(&iter, &k); !ret; ret = bch_iter_next_slot(&iter, &k)) {
		if (k.k->type != KEY_TYPE_dirent && k.k->type != KEY_TYPE_hash_whiteout) {
			ret = -ENOENT;
			break;
		}
		if (!dirent_visible(c, k, dir.subvol, &d))
			continue;
		if (folded && d.casefold ? d.cf_name_len == len && !memcmp(d.cf_name, name, len) :
					   name_eq(&d, name, len)) {
			ret = dirent_target(c, dir.subvol, &d, t);
			break;
		}
	}
	bch_iter_exit(&iter);
	return ret;
}

static bool is_ascii(const char *s, unsigned len)
{
	while (len && !(*s & 0x80)) {
		s++;
		len--;
	}
	return !len;
}

int bch_dir_lookup(struct bch_fs *c, struct bch_ino dir, const struct bch_inode_unpacked *dir_u,
		   const char *name, unsigned len, struct bch_dir_target *t)
{
	struct bch_hash_info info = bch_hash_info(dir_u);
	bool casefold = bch_dir_is_casefolded(c, dir_u);
	char folded[CASEFOLDED_MAX];
	struct bch_subvol subvol;
	const char *key = name;
	int key_len = len, ret = bch_subvol_get(c, dir.subvol, &subvol);

	if (ret)
		return ret;
	if (casefold) {
		key_len = utf8_casefold(name, len, folded, sizeof(folded));
		if (key_len < 0)
			return -ENOENT; /* nor can there be such a name */
		key = folded;
	}
	ret = lookup_by_hash(c, dir, subvol.snapshot, bch_dirent_hash(&info, key, key_len), key,
			     key_len, casefold, t);
	/* Whoever folded it may have known more than Unicode 12.1. */
	if (ret == -ENOENT && casefold && !is_ascii(name, len))
		ret = lookup_by_scan(c, dir, subvol.snapshot, name, len, t);
	return ret;
}

int bch_dir_parent(struct bch_fs *c, struct bch_ino dir, struct bch_ino *parent)
{
	struct bch_inode_unpacked u;
	int ret = bch_inode_get(c, dir, &u);

	if (ret)
		return ret;
	*parent = dir;
	if (dir.subvol == BCH_ROOT_SUBVOL && u.bi_subvol == BCH_ROOT_SUBVOL)
		return 0;
	if (!u.bi_dir)
		return -ENOENT;
	parent->inum = u.bi_dir;
	if (u.bi_subvol && u.bi_parent_subvol)
		parent->subvol = u.bi_parent_subvol;
	return 0;
}

int bch_dir_read(struct bch_fs *c, struct bch_ino dir, u64 *pos, bch_dir_emit_fn emit, void *arg)
{
	struct bch_subvol subvol;
	struct bch_dirent_view d;
	struct bch_dir_target t;
	struct btree_iter iter;
	struct bkey_view k;
	int ret = bch_subvol_get(c, dir.subvol, &subvol), unreadable = 0;

	if (ret)
		return ret;
	bch_iter_init(&iter, c, BTREE_ID_dirents, SPOS(dir.inum, *pos, subvol.snapshot),
		      BTREE_ITER_prefetch);
	for (ret = bch_iter_peek(&iter, &k);; ret = bch_iter_next(&iter, &k)) {
		if (ret == -BCH_ERR_btree_node_read_error) {
			unreadable = ret;
			if (bch_iter_skip_unreadable(&iter))
				continue;
		}
		if (ret || !k.k || k.k->p.inode != dir.inum)
			break;
		if (!dirent_visible(c, k, dir.subvol, &d))
			continue;
		dirent_target(c, dir.subvol, &d, &t);
		if (emit(arg, d.name, d.name_len, &t, k.k->p.offset + 1))
			break;
		*pos = k.k->p.offset + 1;
	}
	bch_iter_exit(&iter);
	return ret ?: unreadable;
}

/* ---- Paths ---- */

int bch_path_lookup(struct bch_fs *c, u32 subvol, const char *path, struct bch_dir_target *t)
{
	struct bch_inode_unpacked u;
	struct bch_subvol root;
	int ret = bch_subvol_get(c, subvol, &root);

	if (ret)
		return ret;
	*t = (struct bch_dir_target){{subvol, root.root_inum}, DT_DIR};
	while (true) {
		unsigned len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!len)
			return 0;
		ret = bch_inode_get(c, t->ino, &u);
		if (!ret && !inode_is_dir(u.bi_mode))
			ret = -ENOTDIR;
		if (!ret && len == 2 && !memcmp(path, "..", 2))
			ret = bch_dir_parent(c, t->ino, &t->ino);
		else if (!ret && !(len == 1 && *path == '.'))
			ret = bch_dir_lookup(c, t->ino, &u, path, len, t);
		if (ret)
			return ret;
		path += len;
	}
}

char *bch_dirent_name_at(struct bch_fs *c, u32 snapshot, u64 dir, u64 offset)
{
	struct bch_dirent_view d;
	struct btree_iter iter;
	struct bkey_view k;
	char *name = NULL;

	bch_iter_init(&iter, c, BTREE_ID_dirents, SPOS(dir, offset, snapshot), 0);
	if (!bch_iter_peek_slot(&iter, &k) && k.k->type == KEY_TYPE_dirent &&
	    !bch_dirent_unpack(c, k, &d)) {
		name = kmalloc(d.name_len + 1, GFP_KERNEL);
		if (name) {
			memcpy(name, d.name, d.name_len);
			name[d.name_len] = '\0';
		}
	}
	bch_iter_exit(&iter);
	return name;
}

void bch_inode_path_to_text(struct printbuf *out, struct bch_fs *c, u32 snapshot, u64 inum)
{
	DARRAY(char *) parts = {};
	struct bch_inode_unpacked u;
	struct bch_subvol subvol;
	bool whole = false;
	size_t i;

	while (parts.nr < PATH_DEPTH_MAX && !bch_inode_get_at(c, snapshot, inum, &u)) {
		char *name;

		if (u.bi_subvol == BCH_ROOT_SUBVOL && !u.bi_parent_subvol) {
			whole = true;
			break;
		}
		if (!u.bi_dir)
			break;
		if (u.bi_subvol && u.bi_parent_subvol) {
			if (bch_subvol_get(c, u.bi_parent_subvol, &subvol))
				break;
			snapshot = subvol.snapshot;
		}
		name = bch_dirent_name_at(c, snapshot, u.bi_dir, u.bi_dir_offset);
		if (!name || darray_push(&parts, name)) {
			kfree(name);
			break;
		}
		inum = u.bi_dir;
	}
	if (!whole)
		prt_printf(out, "(inode %llu)", inum);
	else if (!parts.nr)
		prt_char(out, '/');
	for (i = parts.nr; i--;) {
		prt_char(out, '/');
		prt_bytes(out, parts.data[i], strlen(parts.data[i]));
		kfree(parts.data[i]);
	}
	darray_exit(&parts);
}

struct viewers {
	u64 inum, start, end;
	u32 snapshot;
	bool any;
	void (*fn)(void *arg, u32 snapshot);
	void *arg;
};

/* Does the subvolume see one of the extents? */
static int viewer_check(struct bch_fs *c, const struct bch_subvol *s, void *arg)
{
	struct viewers *w = arg;
	struct btree_iter iter;
	struct bkey_view k;
	bool sees = false;
	int ret;

	if (s->unlinked || !bch_snapshot_is_ancestor(c, s->snapshot, w->snapshot))
		return 0;
	bch_iter_init(&iter, c, BTREE_ID_extents, SPOS(w->inum, w->start, s->snapshot), 0);
	for_each_btree_key(&iter, k, ret)
	{
		if (k.k->p.inode != w->inum || bkey_start_offset(k.k) >= w->end)
			break;
		sees = k.k->p.snapshot == w->snapshot;
		if (sees)
			break;
	}
	bch_iter_exit(&iter);
	if (sees)
		w->fn(w->arg, s->snapshot);
	w->any |= sees;
	return ret;
}

int bch_extent_viewers(struct bch_fs *c, u64 inum, u32 snapshot, u64 start, u64 end,
		       void (*fn)(void *arg, u32 snapshot), void *arg)
{
	struct viewers w = {.inum = inum,
			    .start = start,
			    .end = end,
			    .snapshot = snapshot,
			    .fn = fn,
			    .arg = arg};
	int ret = bch_subvols_for_each(c, viewer_check, &w);

	if (!w.any)
		fn(arg, snapshot);
	return ret;
}
