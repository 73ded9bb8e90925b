/*
 * Walking over the objects of a subvolume (fs/walk.h).
 *
 * A stack of open directories. Of each some entries are read at a time, and their inodes in the
 * order of their numbers, which is the order of the btree.
 */
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "format/errcode.h"
#include "fs/snapshots.h"
#include "fs/walk.h"

#define DT_DIR	      4
#define BATCH	      256 /* entries */
#define BATCH_DEEP    16  /* ... of a directory below: */
#define DEEP	      64
#define SEEN_MIN_BITS 10

struct bch_walk_entry {
	struct bch_dir_target t;
	u64 next_pos; /* cookie behind it */
	size_t name;  /* where in names */
	unsigned name_len;
	int err;
	struct bch_inode_unpacked u;
};

/* An open directory. */
struct bch_walk_frame {
	struct bch_ino ino;
	u32 snapshot;
	void *dir; /* of the caller */
	u64 pos;   /* cookie to read on from */
	int err;   /* of reading entries */
	bool end;  /* all were read */
	size_t at; /* next of entries */
	DARRAY(struct bch_walk_entry) entries;
	struct printbuf names;
	unsigned max;
};

/* ---- What was seen ---- */

struct bch_walk_set {
	struct bch_ino *slots; /* inum 0: free */
	unsigned bits;
	size_t nr;
};

static struct bch_ino *set_slot(struct bch_ino *slots, unsigned bits, struct bch_ino ino)
{
	size_t mask = (1UL << bits) - 1, i = hash_64(ino.inum + ((u64)ino.subvol << 40), bits);

	while (slots[i].inum && (slots[i].inum != ino.inum || slots[i].subvol != ino.subvol))
		i = (i + 1) & mask;
	return &slots[i];
}

static int set_grow(struct bch_walk_set *s)
{
	unsigned bits = s->bits ? s->bits + 1 : SEEN_MIN_BITS;
	struct bch_ino *slots = kvcalloc(1UL << bits, sizeof(*slots), GFP_KERNEL);
	size_t i;

	if (!slots)
		return -ENOMEM;
	for (i = 0; s->bits && i < 1UL << s->bits; i++)
		if (s->slots[i].inum)
			*set_slot(slots, bits, s->slots[i]) = s->slots[i];
	kvfree(s->slots);
	s->slots = slots;
	s->bits = bits;
	return 0;
}

static bool set_has(const struct bch_walk_set *s, struct bch_ino ino)
{
	return s->bits && set_slot(s->slots, s->bits, ino)->inum;
}

/* 1: it was there; 0, -ENOMEM. */
static int set_add(struct bch_walk_set *s, struct bch_ino ino)
{
	struct bch_ino *slot;

	if ((!s->bits || s->nr >= (3UL << s->bits) / 4) && set_grow(s))
		return -ENOMEM;
	slot = set_slot(s->slots, s->bits, ino);
	if (slot->inum)
		return 1;
	*slot = ino;
	s->nr++;
	return 0;
}

/* ---- Entries ---- */

static int entry_add(void *arg, const char *name, unsigned len, const struct bch_dir_target *t,
		     u64 next_pos)
{
	struct bch_walk_frame *f = arg;
	size_t at = f->names.pos;

	if (f->entries.nr >= f->max)
		return 1;
	prt_bytes(&f->names, name, len);
	if (printbuf_failed(&f->names) || darray_make_room(&f->entries, 1)) {
		f->err = -ENOMEM;
		return 1;
	}
	f->entries.data[f->entries.nr++] = (struct bch_walk_entry){
		.t = *t,
		.next_pos = next_pos,
		.name = at,
		.name_len = len,
	};
	return 0;
}

static int cmp_inum(const void *_l, const void *_r)
{
	const struct bch_walk_entry *const *l = _l, *const *r = _r;

	return u64_cmp((*l)->t.ino.inum, (*r)->t.ino.inum);
}

/* The snapshot in which an entry's inode is to be looked for. */
static int entry_snapshot(struct bch_fs *c, const struct bch_walk_frame *f,
			  const struct bch_walk_entry *e, u32 *snapshot)
{
	struct bch_subvol subvol;
	int ret = 0;

	*snapshot = f->snapshot;
	if (e->t.ino.subvol == f->ino.subvol)
		return 0;
	ret = bch_subvol_get(c, e->t.ino.subvol, &subvol);
	if (!ret)
		*snapshot = subvol.snapshot;
	return ret;
}

static int inodes_read(struct bch_fs *c, struct bch_walk_frame *f)
{
	struct bch_walk_entry *order[BATCH];
	size_t i;

	for (i = 0; i < f->entries.nr; i++)
		order[i] = &f->entries.data[i];
	sort(order, f->entries.nr, sizeof(order[0]), cmp_inum, NULL);
	for (i = 0; i < f->entries.nr; i++) {
		struct bch_walk_entry *e = order[i];
		u32 snapshot;

		e->err = entry_snapshot(c, f, e, &snapshot);
		if (!e->err)
			e->err = e->t.ino.inum ?
					 bch_inode_get_at(c, snapshot, e->t.ino.inum, &e->u) :
					 -ENOENT;
		if (e->err == -ENOMEM)
			return e->err;
	}
	return 0;
}

/* The next entries of @f. */
static int frame_fill(struct bch_fs *c, struct bch_walk_frame *f)
{
	int ret;

	f->entries.nr = f->at = 0;
	printbuf_reset(&f->names);
	ret = bch_dir_read(c, f->ino, &f->pos, entry_add, f);
	if (ret == -ENOMEM || f->err == -ENOMEM)
		return -ENOMEM;
	if (ret)
		f->err = ret;
	if (f->entries.nr < f->max)
		f->end = true;
	return inodes_read(c, f);
}

static void frame_free(struct bch_walk_frame *f)
{
	darray_exit(&f->entries);
	printbuf_exit(&f->names);
	kfree(f);
}

static int frame_push(struct bch_walk *w, struct bch_ino ino, u32 snapshot, void *dir)
{
	struct bch_walk_frame *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f || darray_push(&w->stack, f)) {
		kfree(f);
		return -ENOMEM;
	}
	f->ino = ino;
	f->snapshot = snapshot;
	f->dir = dir;
	f->max = w->stack.nr > DEEP ? BATCH_DEEP : BATCH;
	return 0;
}

/* ---- The walk ---- */

static bool obj_is_named(const struct bch_walk_frame *f, const struct bch_walk_obj *obj, u64 offset)
{
	return obj->ino.subvol != f->ino.subvol ||
	       (!obj->err && obj->u.bi_dir == f->ino.inum && obj->u.bi_dir_offset == offset);
}

/* May the directory @obj be entered? A negative error, or the answer in obj->cut. */
static int obj_cut(struct bch_walk *w, const struct bch_walk_frame *f, struct bch_walk_obj *obj)
{
	int ret;

	if (w->one_subvol && f && obj->ino.subvol != f->ino.subvol) {
		obj->cut = BCH_WALK_subvol;
		return 0;
	}
	if (obj->depth >= BCH_WALK_DEPTH_MAX) {
		obj->cut = BCH_WALK_too_deep;
		return 0;
	}
	ret = obj->ino.inum ? set_add(w->seen, obj->ino) : 0;
	if (ret > 0)
		obj->cut = BCH_WALK_seen;
	return min(ret, 0);
}

static int visit(struct bch_walk *w, void *dir, struct bch_walk_obj *obj)
{
	void *child = NULL;
	int ret = w->ops->object(w, dir, obj, &child);

	if (ret || !obj->is_dir || obj->cut)
		return min(ret, 0);
	return frame_push(w, obj->ino, obj->snapshot, child);
}

static int visit_entry(struct bch_walk *w, struct bch_walk_frame *f, const struct bch_walk_entry *e)
{
	struct bch_walk_obj obj = {
		.name = f->names.buf + e->name,
		.name_len = e->name_len,
		.ino = e->t.ino,
		.d_type = e->t.d_type,
		.err = e->err,
		.u = e->u,
		.depth = w->stack.nr,
	};
	int ret = 0;

	entry_snapshot(w->c, f, e, &obj.snapshot);
	obj.is_dir = obj.err ? obj.d_type == DT_DIR : inode_is_dir(obj.u.bi_mode);
	obj.named = obj_is_named(f, &obj, e->next_pos - 1);
	if (obj.is_dir)
		ret = obj_cut(w, f, &obj);
	else if (w->remember_all && obj.ino.inum)
		ret = min(set_add(w->seen, obj.ino), 0);
	return ret ?: visit(w, f->dir, &obj);
}

/* Go on until the stack is as high as @floor. */
static int run(struct bch_walk *w, size_t floor)
{
	int ret = 0;

	while (!ret && w->stack.nr > floor) {
		struct bch_walk_frame *f = darray_last(w->stack);

		if (f->at < f->entries.nr) {
			ret = visit_entry(w, f, &f->entries.data[f->at++]);
		} else if (!f->end) {
			ret = frame_fill(w->c, f);
		} else {
			w->stack.nr--;
			ret = w->ops->leave(w, f->dir, f->err);
			frame_free(f);
		}
	}
	return ret;
}

int bch_walk_init(struct bch_walk *w)
{
	w->seen = kzalloc(sizeof(*w->seen), GFP_KERNEL);
	return w->seen ? 0 : -ENOMEM;
}

void bch_walk_exit(struct bch_walk *w)
{
	while (w->stack.nr)
		frame_free(w->stack.data[--w->stack.nr]);
	darray_exit(&w->stack);
	if (w->seen)
		kvfree(w->seen->slots);
	kfree(w->seen);
	w->seen = NULL;
}

int bch_walk_tree(struct bch_walk *w, struct bch_ino top, void *dir)
{
	struct bch_subvol subvol;
	int ret = bch_subvol_get(w->c, top.subvol, &subvol);

	if (ret)
		return ret;
	ret = min(set_add(w->seen, top), 0) ?: frame_push(w, top, subvol.snapshot, dir);
	return ret ?: run(w, w->stack.nr - 1);
}

/* ---- Inodes without a name ---- */

enum lost_pass {
	LOST_TOPS, /* directories whose own name is nowhere */
	LOST_DIRS, /* all others: cycles */
	LOST_REST,
	LOST_PASSES
};

/* Is there an entry where the inode says that its name is? */
static bool has_name(struct bch_fs *c, u32 snapshot, const struct bch_inode_unpacked *u)
{
	struct bch_inode_unpacked dir;
	struct btree_iter iter;
	struct bkey_view k;
	bool has;

	if (!u->bi_dir || bch_inode_get_at(c, snapshot, u->bi_dir, &dir) ||
	    !inode_is_dir(dir.bi_mode))
		return false;
	bch_iter_init(&iter, c, BTREE_ID_dirents, SPOS(u->bi_dir, u->bi_dir_offset, snapshot), 0);
	has = !bch_iter_peek_slot(&iter, &k) && k.k->type == KEY_TYPE_dirent;
	bch_iter_exit(&iter);
	return has;
}

static int visit_lost(struct bch_walk *w, u32 subvol, u32 snapshot, enum lost_pass pass,
		      const struct bch_inode_unpacked *u, void *dir)
{
	struct bch_walk_obj obj = {
		.ino = {subvol, u->bi_inum},
		.snapshot = snapshot,
		.is_dir = inode_is_dir(u->bi_mode),
		.named = true,
		.depth = 1,
		.u = *u,
	};
	char name[24];
	int ret;

	if (set_has(w->seen, obj.ino) || u->bi_flags & BCH_INODE_FLAG_unlinked ||
	    obj.is_dir != (pass != LOST_REST) || (pass == LOST_TOPS && has_name(w->c, snapshot, u)))
		return 0;
	obj.name = name;
	obj.name_len = scnprintf(name, sizeof(name), "%llu", u->bi_inum);
	ret = obj.is_dir ? obj_cut(w, NULL, &obj) : min(set_add(w->seen, obj.ino), 0);
	return ret ?: visit(w, dir, &obj) ?: run(w, 0);
}

static int lost_pass(struct bch_walk *w, u32 subvol, u32 snapshot, enum lost_pass pass, void *dir,
		     int *unreadable)
{
	struct bch_inode_unpacked u;
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, w->c, BTREE_ID_inodes, SPOS(0, 0, snapshot), BTREE_ITER_prefetch);
	while (true) {
		bool is_inode;

		ret = bch_iter_peek(&iter, &k);
		if (ret == -BCH_ERR_btree_node_read_error) {
			*unreadable = ret;
			if (bch_iter_skip_unreadable(&iter))
				continue;
			ret = 0;
			break;
		}
		if (ret || !k.k)
			break;
		is_inode = bkey_is_inode(k.k->type) && !bch_inode_unpack(k, &u);
		bch_iter_advance(&iter);
		bch_iter_unlock(&iter);
		ret = is_inode ? visit_lost(w, subvol, snapshot, pass, &u, dir) : 0;
		if (ret)
			break;
	}
	bch_iter_exit(&iter);
	return ret;
}

int bch_walk_lost(struct bch_walk *w, u32 subvol, void *dir)
{
	struct bch_subvol s;
	int ret = bch_subvol_get(w->c, subvol, &s), unreadable = 0;
	enum lost_pass pass;

	for (pass = 0; pass < LOST_PASSES && !ret; pass++)
		ret = lost_pass(w, subvol, s.snapshot, pass, dir, &unreadable);
	return ret ?: w->ops->leave(w, dir, unreadable);
}
