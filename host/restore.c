/*
 * Copying trees of files out (host/restore.h).
 *
 * The walk makes a job of each object, in a ring. Threads read what jobs need and, when the target
 * is a directory, make the files; the oldest job leaves the ring when it is done: then streams are
 * written, links made, directories given their attributes, and reports made, all in the order of
 * the walk and by its thread.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/slab.h>
#include "data/map.h"
#include "data/read.h"
#include "format/errcode.h"
#include "fs/snapshots.h"
#include "fs/walk.h"
#include "host/restore_share.h"

#define RING	    256 /* jobs */
#define THREADS	    8
#define LINK_BITS   16
#define CONTENT_MAX (512U << 10) /* files whose content waits in memory for the stream */
#define SYMLINK_MAX PATH_MAX
#define LOST_FOUND  "lost+found"

const char *const restore_quality_names[] = {
	[RESTORE_intact] = "intact",   [RESTORE_unverified] = "unverified",
	[RESTORE_partial] = "partial", [RESTORE_lost] = "lost",
	[RESTORE_present] = "present",
};

/* A file with several names: where the first one is. */
struct restore_link {
	struct restore_link *next;
	struct bch_ino ino;
	struct tree_dir *dir;
	char *name;
	bool made;
	u8 quality; /* enum restore_quality */
	u64 unchecked;
};

struct restore_state {
	struct bch_walk walk;
	struct workqueue_struct *wq;
	struct restore_job *ring[RING];
	unsigned head, nr;
	u64 seq; /* of the next job */
	struct restore_link *links[1U << LINK_BITS];
	struct restore_dir *top, *lost_found; /* of the subvolume; NULL: nothing is lost */
	DARRAY(struct restore_dir *) open;    /* on the way from the top to where the walk is */
};

void restore_stop(struct restore *r, int err)
{
	int none = 0;

	__atomic_compare_exchange_n(&r->err, &none, err, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static bool in_order(const struct restore *r)
{
	return r->out && r->out->ops->in_order;
}

/* ---- What an object is ---- */

static struct timespec time_of(const struct bch_fs *c, u64 t)
{
	s64 ns = bch_inode_time_ns(c, t), rest = ns % 1000000000;

	if (rest < 0)
		rest += 1000000000;
	return (struct timespec){.tv_sec = (ns - rest) / 1000000000, .tv_nsec = rest};
}

struct tree_meta restore_meta(const struct bch_fs *c, const struct bch_inode_unpacked *u)
{
	return (struct tree_meta){
		.mode = u->bi_mode,
		.uid = u->bi_uid,
		.gid = u->bi_gid,
		.major = u->bi_dev >> 20,
		.minor = u->bi_dev & 0xfffff,
		.nlink = bch_inode_nlink(u),
		.size = u->bi_size,
		.atime = time_of(c, u->bi_atime),
		.mtime = time_of(c, u->bi_mtime),
		.ctime = time_of(c, u->bi_ctime),
	};
}

const char *restore_type_name(u32 mode)
{
	static const char *const names[16] = {
		[S_IFREG >> 12] = "file",  [S_IFDIR >> 12] = "dir",	[S_IFLNK >> 12] = "symlink",
		[S_IFIFO >> 12] = "fifo",  [S_IFSOCK >> 12] = "socket", [S_IFCHR >> 12] = "char",
		[S_IFBLK >> 12] = "block",
	};

	return names[mode >> 12 & 15] ?: "unknown";
}

/* Of an object without an inode: as much as its entry tells, and its extents. */
static int meta_init_lost(struct restore_job *job, int err)
{
	bool dir = job->kind == RESTORE_JOB_enter || job->kind == RESTORE_JOB_leave;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	job->meta = (struct tree_meta){
		.mode = dir ? S_IFDIR | 0700 : S_IFREG | 0600,
		.uid = geteuid(),
		.gid = getegid(),
		.nlink = 1,
		.atime = now,
		.mtime = now,
		.ctime = now,
	};
	if (job->kind != RESTORE_JOB_enter)
		tree_note(&job->meta,
			  err == -ENOENT ? "its inode is missing" : "its inode cannot be read");
	return dir || !job->ino.inum ?
		       0 :
		       bch_map_data_end(job->r->c, job->ino.inum, job->snapshot, &job->meta.size);
}

/* What the job is about; @u is the inode when @err is 0. */
static int job_set_inode(struct restore_job *job, struct bch_ino ino, u32 snapshot, int err,
			 const struct bch_inode_unpacked *u)
{
	job->ino = ino;
	job->snapshot = snapshot;
	job->has_inode = !err;
	job->u = *u;
	if (err)
		return meta_init_lost(job, err);
	job->meta = restore_meta(job->r->c, &job->u);
	return 0;
}

/* ---- Reading what is needed ---- */

static int xattr_load(struct restore_job *job, const char *name)
{
	struct tree_xattrs *x = &job->meta.xattrs;
	struct tree_xattr one = {.name = x->bytes.pos};
	int ret;

	prt_bytes(&x->bytes, name, strlen(name) + 1);
	one.value = x->bytes.pos;
	ret = bch_xattr_get(job->r->c, job->ino, &job->u, name, &x->bytes);
	if (ret < 0)
		return ret;
	one.len = ret;
	return darray_push(&x->d, one);
}

static void xattrs_load(struct restore_job *job)
{
	struct printbuf names = PRINTBUF;
	const char *name;
	int ret = bch_xattr_list(job->r->c, job->ino, &job->u, &names);

	for (name = names.buf; name && name < names.buf + names.pos; name += strlen(name) + 1) {
		/* Options of the filesystem, not of the file's user. */
		if (!strncmp(name, "bcachefs.", 9) || !strncmp(name, "bcachefs_effective.", 19))
			continue;
		ret = xattr_load(job, name) ?: ret;
	}
	if (ret == -ENOMEM)
		restore_stop(job->r, ret);
	else if (ret)
		tree_note(&job->meta, "attributes cannot be read");
	printbuf_exit(&names);
}

static void symlink_load(struct restore_job *job)
{
	char target[SYMLINK_MAX + 1] = {};
	struct bch_read r = {
		.c = job->r->c,
		.inum = job->ino.inum,
		.snapshot = job->snapshot,
		.len = job->meta.size,
		.buf = target,
	};

	if (job->meta.size > SYMLINK_MAX) {
		restore_file_lost(job, 0, job->meta.size, "the target is too long");
		job->err = -ENAMETOOLONG;
	} else if (bch_read_wait(&r)) {
		restore_file_lost(job, 0, job->meta.size, printbuf_str(&r.why) + r.reason);
		job->err = r.err;
	}
	prt_bytes(&job->target, target, strlen(target));
	printbuf_exit(&r.why);
}

static int sink_nothing(struct restore_job *job, void *arg, u64 offset, const void *buf, size_t len)
{
	return 0;
}

static int sink_content(struct restore_job *job, void *arg, u64 offset, const void *buf, size_t len)
{
	u64 at = 0;

	/* The content is that of all ranges, one behind the other. */
	darray_for_each(job->data, range) {
		if (offset < range->end) {
			at += offset - range->start;
			break;
		}
		at += range->end - range->start;
	}
	if (at + len > job->content_len)
		return -EIO;
	memcpy((u8 *)job->content + at, buf, len);
	return 0;
}

/* For streams: the map, and small contents. */
static void file_load_ahead(struct restore_job *job)
{
	u64 bytes = 0;
	int ret = restore_file_map(job);

	darray_for_each(job->data, range)
		bytes += range->end - range->start;
	if (!ret && bytes && bytes <= CONTENT_MAX) {
		job->content = kvzalloc(bytes, GFP_KERNEL);
		job->content_len = bytes;
		ret = job->content ? restore_file_copy(job, sink_content, NULL, true) : -ENOMEM;
	}
	if (ret)
		restore_stop(job->r, ret);
}

/* ---- Writing ---- */

static bool is_fatal(int ret)
{
	return ret == -ENOSPC || ret == -EDQUOT || ret == -EROFS || ret == -ENOMEM || ret == -EINTR;
}

static int sink_out(struct restore_job *job, void *arg, u64 offset, const void *buf, size_t len)
{
	struct tree_out *t = job->r->out;
	int ret = t->ops->file_write(t, arg, offset, buf, len);

	if (ret != -EFBIG || t->ops->in_order)
		return ret;
	restore_file_lost(job, offset, offset + len, "too far behind for the target");
	return 0;
}

static int content_out(struct restore_job *job, struct tree_file *f)
{
	struct tree_out *t = job->r->out;
	size_t at = 0;
	int ret = 0;

	darray_for_each(job->data, range) {
		size_t len = range->end - range->start;

		ret = ret ?: t->ops->file_write(t, f, range->start, (u8 *)job->content + at, len);
		at += len;
	}
	return ret;
}

static int file_out(struct restore_job *job)
{
	struct tree_out *t = job->r->out;
	struct tree_file f = {.dir = job->dir->d, .name = job->name, .meta = &job->meta, .fd = -1};
	int ret;

	f.data.data = job->data.data;
	f.data.nr = job->data.nr;
	ret = t->ops->file_begin(t, &f);
	if (ret)
		return ret;
	job->file = &f;
	ret = job->content ? content_out(job, &f) :
			     restore_file_copy(job, sink_out, &f, t->ops->in_order);
	job->file = NULL;
	f.whole = job->has_inode && !job->lost.nr;
	if (!ret)
		ret = t->ops->file_end(t, &f);
	else
		t->ops->file_abort(t, &f);
	if (job->shares)
		restore_share_done(job->r->shares, job, !ret && f.whole);
	return ret;
}

/* A further name; where the target cannot make it, the file once more. */
static int link_out(struct restore_job *job)
{
	struct tree_out *t = job->r->out;
	int ret = -ENOENT;

	if (job->first->made)
		ret = t->ops->link(t, job->dir->d, job->name, job->first->dir, job->first->name,
				   &job->meta);
	if (ret != -ENOENT && ret != -EMLINK && ret != -EPERM && ret != -EXDEV &&
	    ret != -EOPNOTSUPP)
		return ret;
	if (in_order(job->r))
		file_load_ahead(job);
	if (job->first->made)
		tree_note(&job->meta, "cannot be a link to its first name: %s", strerror(-ret));
	return file_out(job);
}

static int job_out(struct restore_job *job)
{
	struct tree_out *t = job->r->out;

	if (job->kind != RESTORE_JOB_enter && job->kind != RESTORE_JOB_leave && t->ops->is_there &&
	    t->ops->is_there(t, job->dir->d, job->name, &job->meta)) {
		job->present = true;
		return 0;
	}
	switch (job->kind) {
	case RESTORE_JOB_enter:
		return t->ops->dir_enter(t, job->dir->d, &job->meta);
	case RESTORE_JOB_leave:
		return t->ops->dir_leave(t, job->dir->d, job->has_inode ? &job->meta : NULL);
	case RESTORE_JOB_file:
		return file_out(job);
	case RESTORE_JOB_link:
		return link_out(job);
	default:
		return t->ops->other(t, job->dir->d, job->name, &job->meta,
				     printbuf_str(&job->target));
	}
}

static void job_write(struct restore_job *job)
{
	if (job->err || restore_stopped(job->r))
		return;
	if (job->r->out)
		job->err = job_out(job);
	else if (job->kind == RESTORE_JOB_file && job->r->read_data)
		job->err = restore_file_copy(job, sink_nothing, NULL, false);
	if (is_fatal(job->err) || (in_order(job->r) && job->err && job->err != -EOPNOTSUPP))
		restore_stop(job->r, job->err);
}

/* ---- Jobs ---- */

static bool written_by_thread(const struct restore_job *job)
{
	return !in_order(job->r) &&
	       (job->kind == RESTORE_JOB_file || job->kind == RESTORE_JOB_other);
}

/* Does the back end want the attributes now? Directories get theirs at the end, or at the start. */
static bool wants_xattrs(const struct restore_job *job)
{
	if (!job->has_inode || !(job->r->keep & TREE_KEEP_xattr))
		return false;
	if (job->kind == RESTORE_JOB_enter || job->kind == RESTORE_JOB_leave)
		return in_order(job->r) == (job->kind == RESTORE_JOB_enter);
	return job->kind != RESTORE_JOB_link;
}

static void job_work(struct work_struct *work)
{
	struct restore_job *job = container_of(work, struct restore_job, work);
	bool reads = job->r->out || job->r->read_data;

	if (!restore_stopped(job->r)) {
		if (S_ISLNK(job->meta.mode) && job->kind == RESTORE_JOB_other)
			symlink_load(job);
		if (reads && wants_xattrs(job))
			xattrs_load(job);
		if (in_order(job->r) && job->kind == RESTORE_JOB_file)
			file_load_ahead(job);
		if (written_by_thread(job))
			job_write(job);
	}
	complete(&job->worked);
}

static void dir_free(struct restore_dir *dir)
{
	tree_dir_put(dir->d);
	kfree(dir);
}

static void job_free(struct restore_job *job)
{
	darray_for_each(job->lost, l)
		kfree(l->why);
	darray_exit(&job->lost);
	darray_exit(&job->data);
	kvfree(job->content);
	printbuf_exit(&job->target);
	tree_meta_exit(&job->meta);
	kfree(job->name);
	if (job->kind == RESTORE_JOB_leave)
		dir_free(job->dir);
	kfree(job);
}

static u8 quality_of(const struct restore_job *job)
{
	if (job->present)
		return RESTORE_present;
	if (job->err || (job->bytes_lost && job->bytes_lost >= job->meta.size))
		return RESTORE_lost;
	if (job->lost.nr || job->meta.notes.pos)
		return RESTORE_partial;
	return job->bytes_unchecked ? RESTORE_unverified : RESTORE_intact;
}

/* What is amiss with a file holds for all of its names. */
static void note_first(struct restore_job *job)
{
	struct printbuf path = PRINTBUF;

	if (job->first->quality == RESTORE_partial || job->first->quality == RESTORE_lost) {
		tree_path_to_text(&path, job->first->dir, job->first->name);
		tree_note(&job->meta, "the same file as /%s, which is not whole",
			  printbuf_str(&path));
	}
	job->bytes_unchecked = job->first->unchecked;
	printbuf_exit(&path);
}

static void count(struct restore *r, const struct restore_job *job, const struct restore_obj *obj)
{
	bool made = !job->err && !job->present;

	/* What a stream cannot hold is told, but nothing is amiss with the filesystem. */
	if (obj->nr_lost || (job->meta.notes.pos && job->err != -EOPNOTSUPP) ||
	    (job->err && job->err != -EOPNOTSUPP))
		r->errors++;
	if (job->kind == RESTORE_JOB_leave)
		r->dirs += made;
	else
		r->files += made;
	if (__builtin_add_overflow(r->bytes, obj->restored, &r->bytes))
		r->bytes = U64_MAX;
	if (obj->unchecked && !obj->is_link) {
		r->unchecked_files++;
		r->unchecked += obj->unchecked;
	}
}

static void job_report(struct restore_job *job)
{
	bool dir = job->kind == RESTORE_JOB_enter || job->kind == RESTORE_JOB_leave;
	struct restore_obj obj = {
		.dir = job->dir->d,
		.name = dir ? NULL : job->name,
		.ino = job->ino,
		.meta = &job->meta,
		.target = S_ISLNK(job->meta.mode) ? printbuf_str(&job->target) : NULL,
		.is_link = job->kind == RESTORE_JOB_link,
		.lost = job->lost.data,
		.nr_lost = job->lost.nr,
	};
	struct restore *r = job->r;

	if (!job->err && !job->present)
		restore_damage(job);
	if (job->entries_err)
		tree_note(&job->meta, "entries may be missing: %s",
			  bch_err_sentence(job->entries_err));
	if (job->err == -EOPNOTSUPP)
		tree_note(&job->meta, "left out: the target cannot hold a file of this type");
	else if (job->err)
		tree_note(&job->meta, "cannot be made: %s", strerror(-bch_err_class(job->err)));
	if (obj.is_link)
		note_first(job);
	obj.quality = quality_of(job);
	if (job->first && !obj.is_link) {
		job->first->quality = obj.quality;
		job->first->unchecked = job->bytes_unchecked;
	}
	if (job->kind == RESTORE_JOB_file && obj.quality < RESTORE_lost)
		obj.restored = job->meta.size - min(job->bytes_lost, job->meta.size);
	if (obj.quality < RESTORE_lost)
		obj.unchecked = min(job->bytes_unchecked, job->meta.size);
	if (job->kind == RESTORE_JOB_enter) {
		if (r->entered)
			r->entered(r, &obj);
		return;
	}
	count(r, job, &obj);
	r->report(r, &obj);
}

/* Whatever happened, nothing of it stays open. */
static void dir_close(struct restore *r, struct restore_dir *dir)
{
	if (r->out && !in_order(r))
		r->out->ops->dir_leave(r->out, dir->d, NULL);
}

/* The oldest job leaves the ring. */
static void job_retire(struct restore *r)
{
	struct restore_state *s = r->state;
	struct restore_job *job = s->ring[s->head];

	if (job->queued)
		wait_for_completion(&job->worked);
	s->head = (s->head + 1) % RING;
	s->nr--;
	/* Directories of a target were entered at once. */
	if (!written_by_thread(job) && (job->kind != RESTORE_JOB_enter || in_order(r)))
		job_write(job);
	if (job->kind == RESTORE_JOB_leave)
		dir_close(r, job->dir);
	if (job->first && job->kind != RESTORE_JOB_link)
		job->first->made = !job->err;
	if (!restore_stopped(r))
		job_report(job);
	job_free(job);
}

static void job_submit(struct restore_job *job)
{
	struct restore_state *s = job->r->state;

	while (s->nr == RING)
		job_retire(job->r);
	s->ring[(s->head + s->nr++) % RING] = job;
	job->seq = s->seq++;
	init_completion(&job->worked);
	job->queued = written_by_thread(job) || wants_xattrs(job) ||
		      (in_order(job->r) && job->kind == RESTORE_JOB_file);
	if (job->queued) {
		INIT_WORK(&job->work, job_work);
		queue_work(s->wq, &job->work);
	}
}

static struct restore_job *job_new(struct restore *r, u8 kind, struct restore_dir *dir)
{
	struct restore_job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return NULL;
	job->r = r;
	job->kind = kind;
	job->dir = dir;
	return job;
}

/* ---- Files with several names ---- */

static struct restore_link **link_chain(struct restore *r, struct bch_ino ino)
{
	return &r->state->links[hash_64(ino.inum ^ (u64)ino.subvol << 40, LINK_BITS)];
}

/*
 * Every file that may be met again, by its own account or because this is not the name that its
 * inode knows, is remembered. -ENOMEM.
 */
static int link_find(struct restore_job *job, const struct bch_walk_obj *obj)
{
	struct restore *r = job->r;
	struct restore_link **chain = link_chain(r, obj->ino), *l;

	if (!(r->keep & TREE_KEEP_hardlinks) || (!obj->u.bi_nlink && obj->named))
		return 0;
	for (l = *chain; l; l = l->next) {
		if (l->ino.inum == obj->ino.inum && l->ino.subvol == obj->ino.subvol) {
			job->first = l;
			job->kind = RESTORE_JOB_link;
			return 0;
		}
	}
	l = kzalloc(sizeof(*l), GFP_KERNEL);
	if (!l)
		return -ENOMEM;
	l->name = kmemdup(job->name, strlen(job->name) + 1, GFP_KERNEL);
	if (!l->name) {
		kfree(l);
		return -ENOMEM;
	}
	l->ino = obj->ino;
	l->dir = tree_dir_ref(job->dir->d);
	l->next = *chain;
	*chain = l;
	job->first = l;
	return 0;
}

static void links_free(struct restore_state *s)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(s->links); i++) {
		while (s->links[i]) {
			struct restore_link *l = s->links[i];

			s->links[i] = l->next;
			tree_dir_put(l->dir);
			kfree(l->name);
			kfree(l);
		}
	}
}

/* ---- Which subtrees are wanted ---- */

/* Component @depth (0: the first) of @path, and whether it is the last; false: it has less. */
static bool component(const char *path, unsigned depth, const char **name, size_t *len, bool *last)
{
	for (;; depth--) {
		path += strspn(path, "/");
		*name = path;
		*len = strcspn(path, "/");
		path += *len;
		if (!*len)
			return false;
		if (!depth)
			break;
	}
	*last = !path[strspn(path, "/")];
	return true;
}

/* Is an entry of @dir wanted? Then @child is what its own entries are judged by. */
static bool wanted(struct restore *r, const struct restore_dir *dir, const char *name, size_t len,
		   struct restore_dir *child)
{
	const char *part;
	size_t part_len;
	unsigned i;
	bool last;

	*child = (struct restore_dir){.full = dir->full, .depth = dir->depth + 1};
	if (dir->full)
		return true;
	for (i = 0; i < r->nr_paths; i++) {
		if (!(dir->wanted >> i & 1) ||
		    !component(r->paths[i], dir->depth, &part, &part_len, &last) ||
		    part_len != len || memcmp(part, name, len))
			continue;
		child->wanted |= 1ULL << i;
		if (last) {
			child->full = true;
			r->paths_found |= 1ULL << i;
		}
	}
	return child->wanted;
}

static void wanted_top(struct restore *r, struct restore_dir *top)
{
	const char *part;
	unsigned i;
	size_t len;
	bool last;

	top->full = !r->nr_paths;
	for (i = 0; i < r->nr_paths; i++) {
		top->wanted |= 1ULL << i;
		if (!component(r->paths[i], 0, &part, &len, &last)) {
			top->full = true;
			r->paths_found |= 1ULL << i;
		}
	}
}

/* ---- The walk ---- */

static const char *cut_text(u8 cut)
{
	switch (cut) {
	case BCH_WALK_seen:
		return "not entered: the same directory was met before";
	case BCH_WALK_too_deep:
		return "not entered: too deep";
	default:
		return NULL;
	}
}

/* A directory as an object of its own: to be entered now, or to be left. */
static int dir_job(struct restore *r, u8 kind, struct restore_dir *dir, int err)
{
	struct restore_job *job = job_new(r, kind, dir);

	if (!job)
		return -ENOMEM;
	if (dir->made_up)
		job->meta.mode = S_IFDIR | 0755;
	else
		job_set_inode(job, dir->ino, dir->snapshot, dir->inode_err, &dir->u);
	if (dir->note && kind == RESTORE_JOB_leave)
		tree_note(&job->meta, "%s", dir->note);
	if (kind == RESTORE_JOB_enter && r->out && !in_order(r))
		err = r->out->ops->dir_enter(r->out, dir->d, &job->meta);
	if (kind == RESTORE_JOB_enter && err) {
		job->kind = RESTORE_JOB_leave;
		job->err = err;
	} else {
		job->entries_err = err;
	}
	if (is_fatal(job->err))
		restore_stop(r, job->err);
	/* The job may be gone, and the directory with it, once it is submitted. */
	err = job->err;
	job_submit(job);
	return err;
}

static int dir_leave(struct restore *r, struct restore_dir *dir, int err)
{
	r->state->open.nr--;
	return dir_job(r, RESTORE_JOB_leave, dir, err);
}

/*
 * Make a directory, a copy of *@how but for its name and reference. 1: it cannot be made (told);
 * else *@ret is to be left.
 */
static int dir_enter(struct restore *r, struct tree_dir *parent, const char *name,
		     const struct restore_dir *how, bool may_exist, struct restore_dir **ret)
{
	struct restore_dir *dir = kmemdup(how, sizeof(*how), GFP_KERNEL);

	if (!dir)
		return -ENOMEM;
	dir->d = tree_dir_new(parent, name);
	if (!dir->d || darray_make_room(&r->state->open, 1)) {
		dir_free(dir);
		return -ENOMEM;
	}
	dir->d->may_exist = may_exist;
	if (dir_job(r, RESTORE_JOB_enter, dir, 0))
		return 1;
	r->state->open.data[r->state->open.nr++] = dir;
	*ret = dir;
	return 0;
}

static int walk_dir(struct restore *r, struct restore_dir *parent, const char *name,
		    struct restore_dir *how, const struct bch_walk_obj *obj, void **child)
{
	struct restore_dir *dir;
	int ret;

	how->ino = obj->ino;
	how->snapshot = obj->snapshot;
	how->u = obj->u;
	how->inode_err = obj->err;
	how->note = cut_text(obj->cut);
	ret = dir_enter(r, parent->d, name, how, false, &dir);
	if (ret)
		return ret;
	*child = dir;
	return obj->cut ? dir_leave(r, dir, 0) : 0;
}

/* Is this type wanted? Directories and files always are. */
static bool type_is_kept(const struct restore *r, u32 mode)
{
	if (S_ISREG(mode))
		return true;
	return r->keep & (S_ISLNK(mode) ? TREE_KEEP_symlinks : TREE_KEEP_special);
}

static int walk_file(struct restore *r, struct restore_dir *parent, char *name,
		     const struct bch_walk_obj *obj)
{
	struct restore_job *job = job_new(r, RESTORE_JOB_file, parent);
	int ret;

	if (!job) {
		kfree(name);
		return -ENOMEM;
	}
	job->name = name;
	ret = job_set_inode(job, obj->ino, obj->snapshot, obj->err, &obj->u);
	if (!S_ISREG(job->meta.mode))
		job->kind = RESTORE_JOB_other;
	if (!ret && !obj->err)
		ret = link_find(job, obj);
	if (ret || !type_is_kept(r, job->meta.mode)) {
		job_free(job);
		return min(ret, 0);
	}
	job_submit(job);
	return 0;
}

/* The name for the target; of an object without its inode, but with a name, another one. */
static char *name_of(const struct bch_walk_obj *obj)
{
	char *name = tree_name(obj->name, obj->name_len);
	struct printbuf out = PRINTBUF;

	if (!name || !obj->err || obj->is_dir)
		return name;
	prt_printf(&out, "%s.missing-inode", name);
	kfree(name);
	if (printbuf_failed(&out)) {
		printbuf_exit(&out);
		return NULL;
	}
	return printbuf_steal(&out);
}

/* Made when it is needed; as a rule the filesystem has one, too. */
static int lost_found(struct restore *r, void **dir)
{
	struct restore_state *s = r->state;
	struct restore_dir how = {.made_up = true, .full = true};
	int ret =
		s->lost_found ? 0 : dir_enter(r, s->top->d, LOST_FOUND, &how, true, &s->lost_found);

	*dir = s->lost_found;
	return ret > 0 ? -EEXIST : ret;
}

/* @dir NULL: lost+found. */
static int walk_object(struct bch_walk *w, void *dir, const struct bch_walk_obj *obj, void **child)
{
	struct restore *r = w->private;
	struct restore_dir how;
	char *name;
	int ret = dir ? 0 : lost_found(r, &dir);

	if (ret)
		return ret;

	if (r->tick && !r->tick(r))
		restore_stop(r, -EINTR);
	if (restore_stopped(r))
		return r->err;
	if (!wanted(r, dir, obj->name, obj->name_len, &how))
		return 1;
	name = name_of(obj);
	if (!name)
		return -ENOMEM;
	if (!obj->is_dir)
		return walk_file(r, dir, name, obj);
	ret = walk_dir(r, dir, name, &how, obj, child);
	kfree(name);
	return ret;
}

static int walk_leave(struct bch_walk *w, void *dir, int err)
{
	struct restore *r = w->private;
	struct restore_state *s = r->state;
	int ret = 0;

	if (!dir && !err && !s->lost_found)
		return 0;
	if (!dir)
		ret = lost_found(r, &dir);
	else if (dir == s->top && r->lost && s->top->full)
		ret = bch_walk_lost(w, s->top->ino.subvol, NULL);
	return ret ?: dir_leave(r, dir, err);
}

static const struct bch_walk_ops walk_ops = {
	.object = walk_object,
	.leave = walk_leave,
};

/* ---- Subvolumes ---- */

/* Subvolume @id as directory @name of @parent, or as the top. */
static int subvol_run(struct restore *r, u32 id, struct tree_dir *parent, const char *name)
{
	struct restore_state *s = r->state;
	struct restore_dir how = {}, *top = NULL;
	struct bch_subvol subvol;
	int ret = bch_subvol_get(r->c, id, &subvol);

	if (ret)
		return ret;
	wanted_top(r, &how);
	how.ino = (struct bch_ino){id, subvol.root_inum};
	how.snapshot = subvol.snapshot;
	how.inode_err = bch_inode_get_at(r->c, subvol.snapshot, subvol.root_inum, &how.u);
	s->walk = (struct bch_walk){
		.c = r->c,
		.ops = &walk_ops,
		.private = r,
		.one_subvol = !r->subvol,
		.remember_all = r->lost,
	};
	ret = bch_walk_init(&s->walk) ?: dir_enter(r, parent, name, &how, false, &top);
	s->top = top;
	s->lost_found = NULL;
	ret = ret ?: bch_walk_tree(&s->walk, how.ino, top);
	bch_walk_exit(&s->walk);
	return min(ret, 0);
}

struct subvol_ids {
	DARRAY(u32) d;
};

static int subvol_add(struct bch_fs *c, const struct bch_subvol *s, void *arg)
{
	struct subvol_ids *ids = arg;

	return s->unlinked ? 0 : darray_push(&ids->d, s->id);
}

static int all_run(struct restore *r)
{
	struct restore_dir how = {.made_up = true}, *top;
	struct subvol_ids ids = {};
	char name[24];
	int ret = dir_enter(r, NULL, "", &how, true, &top);

	if (ret)
		return ret;
	ret = bch_subvols_for_each(r->c, subvol_add, &ids);
	darray_for_each(ids.d, id) {
		scnprintf(name, sizeof(name), "subvol-%u", *id);
		ret = ret ?: subvol_run(r, *id, top->d, name);
	}
	darray_exit(&ids.d);
	return ret ?: dir_leave(r, top, 0);
}

int restore_run(struct restore *r)
{
	struct restore_state *s = kvzalloc(sizeof(*s), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!s)
		return ret;
	r->state = s;
	s->wq = alloc_workqueue("restore", WQ_UNBOUND, THREADS);
	if (r->out && r->out->ops->file_clone)
		r->shares = restore_shares_new();
	if (s->wq && (r->shares || !r->out || !r->out->ops->file_clone))
		ret = r->subvol ? subvol_run(r, r->subvol, NULL, "") : all_run(r);
	if (ret < 0)
		restore_stop(r, ret);
	while (s->nr)
		job_retire(r);
	while (s->open.nr) {
		dir_close(r, darray_last(s->open));
		dir_free(s->open.data[--s->open.nr]);
	}
	if (s->wq)
		destroy_workqueue(s->wq);
	links_free(s);
	restore_shares_free(r->shares);
	r->shares = NULL;
	darray_exit(&s->open);
	kvfree(s);
	r->state = NULL;
	if (!r->err && r->out)
		restore_stop(r, r->out->ops->finish(r->out));
	return r->err;
}
