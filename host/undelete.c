/* Deleted files, listed or copied out (host/undelete.h). */
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include "fs/namei.h"
#include "host/undelete.h"

#define UNKNOWN	    "lost+found" /* where files go whose directory is not known */
#define LOST_MAX    1024
#define SYMLINK_MAX PATH_MAX

/* A file with its place in the target. */
struct wanted {
	struct bch_undelete_file *f;
	char *path;
	size_t len;
	u64 seq;      /* when the name went */
	unsigned nth; /* of those with the same path and inode; 0: the first one of the path */
};

/* The name under which a file came out, for its other names. */
struct first_name {
	bool done;
	struct tree_dir *dir; /* NULL: it did not come out */
	char *name;
};

struct run {
	struct undelete *u;
	DARRAY(struct wanted) files;
	DARRAY(struct tree_dir *) dirs; /* from the top to the one being filled */
	struct first_name *first;	/* of each of u->d.files */
};

/* One file on its way. */
struct copy {
	struct undelete *u;
	struct undelete_obj obj;
	struct tree_file *file; /* NULL: of the file nothing is written */
	char *target;		/* of a symlink: SYMLINK_MAX + 1 bytes, or NULL */
};

unsigned undelete_percent(const struct bch_undelete_file *f)
{
	u64 good = f->verified + f->unverified, all = good + f->lost;

	return all ? (unsigned)((double)good * 100 / all) : 100;
}

/* ---- What is wanted ---- */

static bool matches(const char *pattern, const char *path, size_t len)
{
	size_t n;

	while (*pattern == '/')
		pattern++;
	n = strlen(pattern);
	while (n && pattern[n - 1] == '/')
		n--;
	if (!n || (len >= n && !memcmp(path, pattern, n) && (len == n || path[n] == '/')))
		return true;
	return !fnmatch(pattern, path, 0);
}

/* True, too, where the time is not known. */
static bool deleted_since(struct undelete *u, const struct wanted *w)
{
	const struct bch_inode_unpacked *i = &w->f->u;
	u64 time;

	/* The inode changes when it loses a name. */
	if (w->f->kept || i->bi_flags & BCH_INODE_FLAG_unlinked)
		return bch_inode_time_ns(u->d.c, i->bi_ctime) / 1000000000 >= u->since;
	time = bch_undelete_time_of(&u->d, w->seq);
	return !time || (s64)time >= u->since;
}

static bool is_wanted(struct undelete *u, const struct wanted *w)
{
	bool wanted = !u->nr_patterns && !u->nr_inums;
	unsigned n;

	for (n = 0; n < u->nr_patterns && !wanted; n++)
		wanted = matches(u->patterns[n], w->path, w->len);
	for (n = 0; n < u->nr_inums && !wanted; n++)
		wanted = u->inums[n] == w->f->inum;
	return wanted && (!u->since || deleted_since(u, w));
}

static int cmp_wanted(const void *_l, const void *_r)
{
	const struct wanted *l = _l, *r = _r;
	int ret = strcmp(l->path, r->path);

	/* Of one name the one that was deleted last. */
	if (ret || l->seq == r->seq)
		return ret;
	return l->seq < r->seq ? 1 : -1;
}

static int cmp_namesakes(const void *_l, const void *_r)
{
	const struct wanted *l = _l, *r = _r;

	if (l->f->inum != r->f->inum)
		return l->f->inum < r->f->inum ? -1 : 1;
	return l->seq != r->seq ? (l->seq < r->seq ? 1 : -1) : 0;
}

/* What the name of @w gets, that it differs from others with the same path. */
static void suffix_to_text(struct printbuf *out, const struct wanted *w)
{
	if (w->nth)
		prt_printf(out, ".%llu", w->f->inum);
	if (w->nth > 1)
		prt_printf(out, "~%u", w->nth);
}

static int cmp_path(const void *path, const void *w)
{
	return strcmp(path, ((const struct wanted *)w)->path);
}

/* Is there a file that was called so itself? */
static bool name_is_taken(const struct run *r, const struct wanted *w)
{
	struct printbuf text = PRINTBUF;
	bool taken;

	prt_str(&text, w->path);
	suffix_to_text(&text, w);
	taken = bsearch(printbuf_str(&text), r->files.data, r->files.nr, sizeof(*w), cmp_path);
	printbuf_exit(&text);
	return taken;
}

/* By path; of one path the one that was deleted last, and then the others by inode. */
static void sort_wanted(struct run *r)
{
	struct wanted *w = r->files.data;
	size_t end;

	qsort(w, r->files.nr, sizeof(*w), cmp_wanted);
	for (size_t i = 0; i < r->files.nr; i = end) {
		for (end = i + 1; end < r->files.nr && !strcmp(w[end].path, w[i].path);)
			end++;
		qsort(&w[i + 1], end - i - 1, sizeof(*w), cmp_namesakes);
		for (size_t j = i + 1; j < end; j++) {
			bool same = j > i + 1 && w[j].f->inum == w[j - 1].f->inum;

			w[j].nth = same ? w[j - 1].nth + 1 : 1;
			while (name_is_taken(r, &w[j]))
				w[j].nth++;
		}
	}
}

struct choosing {
	struct run *r;
	struct bch_undelete_file *f;
};

static int choose_name(void *arg, const char *path, size_t len, u64 seq)
{
	struct choosing *ch = arg;
	bool rooted = len && path[0] == '/';
	struct wanted w = {
		.f = ch->f,
		.path = kmemdup(path + rooted, len - rooted + 1, GFP_KERNEL),
		.len = len - rooted,
		.seq = seq,
	};
	int ret = 0;

	if (!w.path)
		return -ENOMEM;
	if (is_wanted(ch->r->u, &w))
		ret = darray_push(&ch->r->files, w);
	else
		ret = 1;
	if (ret)
		kfree(w.path);
	return min(ret, 0);
}

/* A file that went, came and went again under one name has it once. */
static void drop_repeated(struct run *r)
{
	size_t i, nr = 0;

	for (i = 0; i < r->files.nr; i++) {
		struct wanted *w = &r->files.data[i];

		if (nr && r->files.data[nr - 1].f == w->f &&
		    !strcmp(r->files.data[nr - 1].path, w->path))
			kfree(w->path);
		else
			r->files.data[nr++] = *w;
	}
	r->files.nr = nr;
}

static int choose(struct run *r)
{
	struct undelete *u = r->u;
	int ret = 0;

	darray_for_each(u->d.files, f) {
		struct choosing ch = {r, f};

		if (!S_ISREG(f->u.bi_mode) && !S_ISLNK(f->u.bi_mode))
			continue;
		ret = bch_undelete_names(&u->d, f, choose_name, &ch);
		if (ret)
			return ret;
	}
	if (!r->files.nr)
		return 0;
	sort_wanted(r);
	drop_repeated(r);
	r->first = kvzalloc(u->d.files.nr * sizeof(*r->first), GFP_KERNEL);
	return r->first ? 0 : -ENOMEM;
}

/* ---- Directories of the target ---- */

static struct tree_dir *top_of(struct run *r)
{
	return darray_last(r->dirs);
}

static int dir_enter(struct run *r, struct tree_dir *parent, const char *name)
{
	struct tree_meta m = {.mode = S_IFDIR | 0700};
	struct tree_out *t = r->u->out;
	struct tree_dir *dir = tree_dir_new(parent, name);
	int ret;

	if (!dir)
		return -ENOMEM;
	dir->may_exist = true;
	ret = t->ops->dir_enter(t, dir, &m) ?: darray_push(&r->dirs, dir);
	tree_meta_exit(&m);
	if (ret)
		tree_dir_put(dir);
	return ret;
}

static int dirs_leave(struct run *r, size_t nr)
{
	struct tree_out *t = r->u->out;
	int ret = 0;

	while (r->dirs.nr > nr) {
		struct tree_dir *dir = r->dirs.data[--r->dirs.nr];

		ret = t->ops->dir_leave(t, dir, NULL) ?: ret;
		tree_dir_put(dir);
	}
	return ret;
}

/* Go to the directory of @path; *@name: the last component, to be freed. */
static int dirs_go(struct run *r, const char *path, size_t len, char **name)
{
	const char *end = path + len, *slash;
	size_t depth = 1;
	int ret = 0;

	*name = NULL;
	while (!ret && (slash = memchr(path, '/', end - path))) {
		char *part = path[0] == '?' && slash == path + 1 && depth == 1 ?
				     tree_name(UNKNOWN, strlen(UNKNOWN)) :
				     tree_name(path, slash - path);

		if (!part)
			return -ENOMEM;
		if (depth >= r->dirs.nr || strcmp(r->dirs.data[depth]->name, part))
			ret = dirs_leave(r, depth) ?: dir_enter(r, top_of(r), part);
		kfree(part);
		path = slash + 1;
		depth++;
	}
	ret = ret ?: dirs_leave(r, depth);
	if (!ret)
		*name = tree_name(path, end - path);
	return ret ?: *name ? 0 : -ENOMEM;
}

/* ---- One file ---- */

static bool is_good(const struct bch_undelete_file *f)
{
	return f->quality != BCH_UNDELETE_partial && f->quality != BCH_UNDELETE_lost;
}

static int sink_data(void *arg, u64 offset, const void *buf, size_t len)
{
	struct copy *c = arg;
	struct tree_out *t = c->u->out;

	c->u->done += len;
	if (c->u->tick && !c->u->tick(c->u))
		return -EINTR;
	if (c->target && offset < SYMLINK_MAX)
		memcpy(c->target + offset, buf, min_t(u64, len, SYMLINK_MAX - offset));
	if (c->file && !c->obj.err)
		c->obj.err = t->ops->file_write(t, c->file, offset, buf, len);
	return 0;
}

static int sink_lost(void *arg, u64 start, u64 end, const char *why)
{
	struct copy *c = arg;
	struct restore_lost *last = c->obj.lost.nr ? &darray_last(c->obj.lost) : NULL;
	char *copy;

	if (last &&
	    (c->obj.lost.nr == LOST_MAX || (last->end == start && !strcmp(last->why, why)))) {
		last->end = max(end, last->end);
		return 0;
	}
	copy = kmemdup(why, strlen(why) + 1, GFP_KERNEL);
	if (!copy || darray_push(&c->obj.lost, ((struct restore_lost){start, end, copy}))) {
		kfree(copy);
		return -ENOMEM;
	}
	return 0;
}

static int xattr_add(void *arg, const char *name, const void *value, size_t len)
{
	struct tree_xattrs *x = arg;
	struct tree_xattr one = {.name = x->bytes.pos, .len = len};

	prt_bytes(&x->bytes, name, strlen(name) + 1);
	one.value = x->bytes.pos;
	prt_bytes(&x->bytes, value, len);
	return darray_push(&x->d, one);
}

static int read_data(struct copy *c)
{
	const struct bch_undelete_sink sink = {sink_data, sink_lost, c};

	return bch_undelete_read(&c->u->d, c->obj.f, &sink);
}

static int file_out(struct copy *c, struct tree_dir *dir, const char *name)
{
	struct tree_file f = {.dir = dir, .name = name, .meta = &c->obj.meta, .fd = -1};
	struct tree_out *t = c->u->out;
	int ret;

	c->obj.err = t->ops->file_begin(t, &f);
	if (!c->obj.err)
		c->file = &f;
	ret = read_data(c);
	c->file = NULL;
	if (f.fd < 0 && c->obj.err)
		return ret;
	f.whole = is_good(c->obj.f);
	if (ret || c->obj.err || c->obj.f->quality == BCH_UNDELETE_lost)
		t->ops->file_abort(t, &f);
	else
		c->obj.err = t->ops->file_end(t, &f);
	return ret;
}

static int symlink_out(struct copy *c, struct tree_dir *dir, const char *name)
{
	struct tree_out *t = c->u->out;
	int ret;

	c->target = kzalloc(SYMLINK_MAX + 1, GFP_KERNEL);
	if (!c->target)
		return -ENOMEM;
	ret = read_data(c);
	if (!ret && is_good(c->obj.f))
		c->obj.err = t->ops->other(t, dir, name, &c->obj.meta, c->target);
	kfree(c->target);
	c->target = NULL;
	return ret;
}

static bool is_fatal(int ret)
{
	return ret == -ENOSPC || ret == -EDQUOT || ret == -EROFS || ret == -ENOMEM || ret == -EINTR;
}

/* Names of files with the same path differ. NULL without memory. */
static char *name_out(const struct wanted *w, char *name)
{
	struct printbuf text = PRINTBUF;

	if (!w->nth)
		return name;
	prt_str(&text, name);
	suffix_to_text(&text, w);
	kfree(name);
	return printbuf_failed(&text) ? NULL : printbuf_steal(&text);
}

/* Another name of what came out already. False: it has to come out anew. */
static bool link_out(struct copy *c, struct tree_dir *dir, const char *name,
		     const struct first_name *first)
{
	struct tree_out *t = c->u->out;

	return first->dir && !t->ops->link(t, dir, name, first->dir, first->name, &c->obj.meta);
}

static int file_write_out(struct run *r, struct copy *c, const struct wanted *w,
			  struct first_name *first)
{
	char *name;
	int ret = dirs_go(r, c->obj.path, c->obj.path_len, &name);

	if (ret) {
		c->obj.err = ret;
		ret = read_data(c);
		return is_fatal(c->obj.err) ? c->obj.err : ret;
	}
	name = name_out(w, name);
	if (!name)
		return -ENOMEM;
	if (!link_out(c, top_of(r), name, first)) {
		c->obj.is_link = false;
		ret = S_ISLNK(c->obj.meta.mode) ? symlink_out(c, top_of(r), name) :
						  file_out(c, top_of(r), name);
	}
	if (!ret && !first->dir && !c->obj.err && c->obj.f->quality != BCH_UNDELETE_lost) {
		first->dir = tree_dir_ref(top_of(r));
		first->name = name;
		name = NULL;
	}
	kfree(name);
	return ret ?: is_fatal(c->obj.err) ? c->obj.err : 0;
}

static int one_file(struct run *r, const struct wanted *w)
{
	struct undelete *u = r->u;
	struct first_name *first = &r->first[w->f - u->d.files.data];
	struct copy c = {
		.u = u,
		.obj = {.f = w->f,
			.path = w->path,
			.path_len = w->len,
			.deleted_seq = w->seq,
			.is_link = first->done,
			.meta = restore_meta(u->d.c, &w->f->u)},
	};
	int ret = bch_undelete_xattrs(&u->d, w->f, xattr_add, &c.obj.meta.xattrs);

	if (!ret && u->out)
		ret = file_write_out(r, &c, w, first);
	else if (!ret && !first->done)
		ret = read_data(&c);
	if (!ret) {
		u->nr[w->f->quality]++;
		u->refused += !!c.obj.err;
		if (!c.obj.err && !c.obj.is_link && w->f->quality != BCH_UNDELETE_lost)
			u->bytes += w->f->verified + w->f->unverified;
		u->report(u, &c.obj);
	}
	first->done = true;
	darray_for_each(c.obj.lost, l)
		kfree(l->why);
	darray_exit(&c.obj.lost);
	tree_meta_exit(&c.obj.meta);
	return ret;
}

int undelete_run(struct undelete *u)
{
	struct run r = {.u = u};
	int ret = choose(&r), err;

	if (!ret && u->out)
		ret = dir_enter(&r, NULL, "");
	for (size_t i = 0; i < r.files.nr && !ret; i++)
		ret = u->tick && !u->tick(u) ? -EINTR : one_file(&r, &r.files.data[i]);
	if (u->out) {
		err = dirs_leave(&r, 0);
		ret = ret ?: err ?: u->out->ops->finish(u->out);
	}
	for (size_t i = 0; r.first && i < u->d.files.nr; i++) {
		if (r.first[i].dir)
			tree_dir_put(r.first[i].dir);
		kfree(r.first[i].name);
	}
	kvfree(r.first);
	darray_for_each(r.files, w)
		kfree(w->path);
	darray_exit(&r.files);
	darray_exit(&r.dirs);
	return ret;
}
