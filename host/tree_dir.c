/*
 * A tree of files written to a directory (host/tree_out.h).
 *
 * Every name is looked up relative to an open directory that this made or entered without
 * following a symlink, so nothing outside is ever touched. A file gets its name when its content
 * and attributes are complete; until then it has none (O_TMPFILE) or a temporary one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <linux/err.h>
#include <linux/slab.h>
#include "host/tree_out.h"

#define TEMP_PREFIX ".bcachefs-restore."
#define DIR_FLAGS   (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define ACL_PREFIX  "system."
#define CLONE_UNIT  4096ULL /* bytes */

struct to_dir {
	struct tree_out t;
	int top;
	u64 nr_temps;
	bool no_tmpfile; /* the filesystem has no files without names */
	bool no_clones;
	u64 time_unit; /* of the times that the target holds, ns */
};

static struct to_dir *to_dir(struct tree_out *t)
{
	return container_of(t, struct to_dir, t);
}

static int errno_of(int ret)
{
	return ret < 0 ? -errno : 0;
}

/* ---- Attributes ---- */

/* A file by descriptor, or by directory and name what cannot be opened. */
struct where {
	int fd;	 /* of the object, or -1: */
	int dir; /* in this directory */
	const char *name;
};

static int set_xattr(const struct where *w, const char *name, const void *value, size_t len)
{
	char path[300 + 32];

	if (w->fd >= 0)
		return errno_of(fsetxattr(w->fd, name, value, len, 0));
	if (snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", w->dir, w->name) >=
	    (int)sizeof(path))
		return -ENAMETOOLONG;
	return errno_of(lsetxattr(path, name, value, len, 0));
}

/* Those of the system (ACLs), or all others. */
static void set_xattrs(const struct where *w, struct tree_meta *m, bool acls)
{
	darray_for_each(m->xattrs.d, x) {
		const char *name = m->xattrs.bytes.buf + x->name;
		int ret;

		if (!strncmp(name, ACL_PREFIX, strlen(ACL_PREFIX)) != acls)
			continue;
		ret = set_xattr(w, name, m->xattrs.bytes.buf + x->value, x->len);
		if (ret)
			tree_note(m, "attribute %s cannot be set: %s", name, strerror(-ret));
	}
}

static void set_mode(const struct where *w, struct tree_meta *m)
{
	mode_t mode = m->mode & 07777;
	int ret = w->fd >= 0 ? fchmod(w->fd, mode) : fchmodat(w->dir, w->name, mode, 0);

	if (ret)
		tree_note(m, "mode cannot be set: %s", strerror(errno));
}

static void set_owner(const struct where *w, struct tree_meta *m)
{
	int ret = w->fd >= 0 ? fchown(w->fd, m->uid, m->gid) :
			       fchownat(w->dir, w->name, m->uid, m->gid, AT_SYMLINK_NOFOLLOW);

	if (ret)
		tree_note(m, "owner cannot be set: %s", strerror(errno));
}

static void set_times(const struct where *w, struct tree_meta *m)
{
	struct timespec times[] = {m->atime, m->mtime};
	int ret = w->fd >= 0 ? futimens(w->fd, times) :
			       utimensat(w->dir, w->name, times, AT_SYMLINK_NOFOLLOW);

	if (ret)
		tree_note(m, "times cannot be set: %s", strerror(errno));
}

/*
 * Changing the owner takes away set-id bits and capabilities, a mode without write permission
 * hinders setting attributes, and an ACL is part of the mode: hence the order.
 */
static void set_attributes(struct to_dir *d, const struct where *w, struct tree_meta *m, bool times)
{
	unsigned keep = d->t.keep;

	if (keep & TREE_KEEP_owner)
		set_owner(w, m);
	if (keep & TREE_KEEP_xattr)
		set_xattrs(w, m, false);
	if (keep & TREE_KEEP_mode && !S_ISLNK(m->mode))
		set_mode(w, m);
	if (keep & TREE_KEEP_xattr)
		set_xattrs(w, m, true);
	if (times)
		set_times(w, m);
}

/* ---- Names ---- */

static void temp_name(struct to_dir *d, char *name, size_t size)
{
	u64 nr = __atomic_fetch_add(&d->nr_temps, 1, __ATOMIC_RELAXED);

	snprintf(name, size, TEMP_PREFIX "%d.%llu", getpid(), (unsigned long long)nr);
}

/* What has the name @temp gets the name @name. */
static int give_name(struct to_dir *d, int dir, const char *temp, const char *name)
{
	if (d->t.exists != TREE_EXISTS_error)
		return errno_of(renameat(dir, temp, dir, name));
	if (!renameat2(dir, temp, dir, name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* Filesystems without the flag. */
	if (linkat(dir, temp, dir, name, 0))
		return -errno;
	unlinkat(dir, temp, 0);
	return 0;
}

static int link_fd(int fd, int dir, const char *name)
{
	char path[40];

	if (!linkat(fd, "", dir, name, AT_EMPTY_PATH))
		return 0;
	if (errno == EEXIST)
		return -EEXIST;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return errno_of(linkat(AT_FDCWD, path, dir, name, AT_SYMLINK_FOLLOW));
}

static bool replaces(const struct to_dir *d, int ret)
{
	return ret == -EEXIST && d->t.exists != TREE_EXISTS_error;
}

/* A file without a name gets one. */
static int name_fd(struct to_dir *d, int fd, int dir, const char *name)
{
	int ret = link_fd(fd, dir, name);
	char temp[40];

	if (!replaces(d, ret))
		return ret;
	temp_name(d, temp, sizeof(temp));
	ret = link_fd(fd, dir, temp) ?: give_name(d, dir, temp, name);
	if (ret)
		unlinkat(dir, temp, 0);
	return ret;
}

/* Whole units of time as the target stores it; times before 1970 as they are. */
static s64 time_stored(const struct to_dir *d, const struct timespec *t)
{
	s64 ns = t->tv_sec * 1000000000LL + t->tv_nsec;

	return ns < 0 ? ns : ns - ns % (s64)d->time_unit;
}

static bool dir_is_there(struct tree_out *t, struct tree_dir *dir, const char *name,
			 const struct tree_meta *m)
{
	struct stat st;

	if (t->exists != TREE_EXISTS_resume || fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	return (st.st_mode & S_IFMT) == (m->mode & S_IFMT) &&
	       (!S_ISREG(st.st_mode) || (u64)st.st_size == m->size) &&
	       time_stored(to_dir(t), &st.st_mtim) == time_stored(to_dir(t), &m->mtime);
}

/* ---- Directories ---- */

static int enter_top(struct to_dir *d, struct tree_dir *dir)
{
	dir->fd = fcntl(d->top, F_DUPFD_CLOEXEC, 3);
	return errno_of(dir->fd);
}

static int dir_enter(struct tree_out *t, struct tree_dir *dir, struct tree_meta *m)
{
	struct to_dir *d = to_dir(t);
	int ret;

	if (!dir->parent)
		return enter_top(d, dir);
	/* Writable for us until all is in it. */
	ret = errno_of(mkdirat(dir->parent->fd, dir->name, 0700));
	if (ret && !replaces(d, ret) && !(ret == -EEXIST && dir->may_exist))
		return ret;
	dir->fd = openat(dir->parent->fd, dir->name, DIR_FLAGS);
	return errno_of(dir->fd);
}

static int dir_leave(struct tree_out *t, struct tree_dir *dir, struct tree_meta *m)
{
	if (dir->fd < 0)
		return 0;
	if (m)
		set_attributes(to_dir(t), &(struct where){.fd = dir->fd}, m, true);
	close(dir->fd);
	dir->fd = -1;
	return 0;
}

/* ---- Files ---- */

/*
 * A descriptor for @dir, which need not be open any more; from the top: other threads than the
 * walk's must not count on directories above other files than their own staying open.
 */
static int reopen(struct to_dir *d, const struct tree_dir *dir)
{
	DARRAY(const char *) parts = {};
	const struct tree_dir *at;
	bool ok = true;
	int fd, next;

	for (at = dir; ok && at->parent; at = at->parent)
		ok = !darray_push(&parts, at->name);
	errno = ENOMEM;
	fd = ok ? fcntl(d->top, F_DUPFD_CLOEXEC, 3) : -1;
	while (fd >= 0 && parts.nr) {
		next = openat(fd, parts.data[--parts.nr], DIR_FLAGS);
		close(fd);
		fd = next;
	}
	fd = fd < 0 ? -errno : fd;
	darray_exit(&parts);
	return fd;
}

static int open_temp(struct to_dir *d, struct tree_file *f)
{
	f->temp[0] = '\0';
	if (!__atomic_load_n(&d->no_tmpfile, __ATOMIC_RELAXED)) {
		f->fd = openat(f->dir->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (f->fd >= 0)
			return 0;
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
			return -errno;
		__atomic_store_n(&d->no_tmpfile, true, __ATOMIC_RELAXED);
	}
	temp_name(d, f->temp, sizeof(f->temp));
	f->fd = openat(f->dir->fd, f->temp, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC,
		       0600);
	return errno_of(f->fd);
}

static int file_begin(struct tree_out *t, struct tree_file *f)
{
	struct to_dir *d = to_dir(t);
	int ret = open_temp(d, f);

	if (ret)
		return ret;
	if (!(t->keep & TREE_KEEP_sparse) && f->meta->size &&
	    fallocate(f->fd, 0, 0, f->meta->size) && errno != EOPNOTSUPP)
		tree_note(f->meta, "holes cannot be filled: %s", strerror(errno));
	/* The data is written all the same, as far as it goes. */
	if (f->meta->size > S64_MAX || ftruncate(f->fd, f->meta->size))
		tree_note(f->meta, "size %llu is too large for the target", f->meta->size);
	return 0;
}

static int file_write(struct tree_out *t, struct tree_file *f, u64 offset, const void *buf,
		      size_t len)
{
	while (len) {
		ssize_t n =
			offset > S64_MAX ? (errno = EFBIG, -1) : pwrite(f->fd, buf, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		buf = (const char *)buf + n;
		offset += n;
		len -= n;
	}
	return 0;
}

static s64 file_clone(struct tree_out *t, struct tree_file *f, u64 offset, struct tree_dir *src_dir,
		      const char *src_name, u64 src_offset, u64 len)
{
	struct to_dir *d = to_dir(t);
	bool at_end = offset + len == f->meta->size;
	struct file_clone_range range = {
		.src_offset = src_offset,
		.src_length = at_end ? len : round_down(len, CLONE_UNIT),
		.dest_offset = offset,
	};
	int dir, ret;

	if (__atomic_load_n(&d->no_clones, __ATOMIC_RELAXED) || !range.src_length ||
	    (offset | src_offset) & (CLONE_UNIT - 1))
		return -EOPNOTSUPP;
	dir = reopen(d, src_dir);
	if (dir < 0)
		return dir;
	range.src_fd = openat(dir, src_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	close(dir);
	if (range.src_fd < 0)
		return -errno;
	ret = errno_of(ioctl(f->fd, FICLONERANGE, &range));
	if (ret == -EOPNOTSUPP || ret == -ENOTTY || ret == -ENOSYS)
		__atomic_store_n(&d->no_clones, true, __ATOMIC_RELAXED);
	close(range.src_fd);
	return ret ?: (s64)range.src_length;
}

static void file_abort(struct tree_out *t, struct tree_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	if (f->temp[0])
		unlinkat(f->dir->fd, f->temp, 0);
	f->temp[0] = '\0';
}

static int file_end(struct tree_out *t, struct tree_file *f)
{
	struct to_dir *d = to_dir(t);
	int ret;

	/* What is not whole keeps the time of now, so that it is tried again. */
	set_attributes(d, &(struct where){.fd = f->fd}, f->meta, f->whole);
	ret = f->temp[0] ? give_name(d, f->dir->fd, f->temp, f->name) :
			   name_fd(d, f->fd, f->dir->fd, f->name);
	if (!ret)
		f->temp[0] = '\0';
	file_abort(t, f);
	return ret;
}

/* ---- What has no content ---- */

static int make_other(int dir, const char *name, const struct tree_meta *m, const char *target)
{
	if (S_ISLNK(m->mode))
		return errno_of(symlinkat(target, dir, name));
	return errno_of(mknodat(dir, name, (m->mode & S_IFMT) | 0600, makedev(m->major, m->minor)));
}

static int other(struct tree_out *t, struct tree_dir *dir, const char *name, struct tree_meta *m,
		 const char *target)
{
	struct to_dir *d = to_dir(t);
	char temp[40];
	int ret = make_other(dir->fd, name, m, target);

	if (replaces(d, ret)) {
		temp_name(d, temp, sizeof(temp));
		ret = make_other(dir->fd, temp, m, target) ?: give_name(d, dir->fd, temp, name);
		if (ret)
			unlinkat(dir->fd, temp, 0);
	}
	if (!ret)
		set_attributes(d, &(struct where){.fd = -1, .dir = dir->fd, .name = name}, m, true);
	return ret;
}

static int link_to(struct tree_out *t, struct tree_dir *dir, const char *name,
		   struct tree_dir *first_dir, const char *first_name, struct tree_meta *m)
{
	struct to_dir *d = to_dir(t);
	int fd = reopen(d, first_dir), ret;
	char temp[40];

	if (fd < 0)
		return fd;
	ret = errno_of(linkat(fd, first_name, dir->fd, name, 0));
	if (replaces(d, ret)) {
		temp_name(d, temp, sizeof(temp));
		ret = errno_of(linkat(fd, first_name, dir->fd, temp, 0)) ?:
			      give_name(d, dir->fd, temp, name);
		/* Renaming a name of a file to another one of its names does nothing. */
		unlinkat(dir->fd, temp, 0);
	}
	close(fd);
	return ret;
}

/* ---- The target ---- */

static int finish(struct tree_out *t)
{
	return errno_of(syncfs(to_dir(t)->top));
}

static void to_dir_free(struct tree_out *t)
{
	close(to_dir(t)->top);
	kfree(to_dir(t));
}

static const struct tree_ops to_dir_ops = {
	.is_there = dir_is_there,
	.dir_enter = dir_enter,
	.dir_leave = dir_leave,
	.file_begin = file_begin,
	.file_write = file_write,
	.file_clone = file_clone,
	.file_end = file_end,
	.file_abort = file_abort,
	.other = other,
	.link = link_to,
	.finish = finish,
	.free = to_dir_free,
};

/* Nothing in it but what mkfs leaves there? */
static bool is_empty(int fd)
{
	DIR *dir = fdopendir(dup(fd));
	const struct dirent *e;
	bool empty = true;

	while (dir && empty && (e = readdir(dir)))
		empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
			!strcmp(e->d_name, "lost+found");
	if (dir)
		closedir(dir);
	return empty;
}

/*
 * How exactly the target holds times, by setting the one before 1000000002 s: 2 s, 1 s and all
 * powers of ten below would end there.
 */
static int find_time_unit(struct to_dir *d)
{
	const struct timespec at = {1000000001, 999999999};
	struct timespec times[] = {at, at};
	struct tree_dir top = {.fd = d->top};
	struct tree_file f = {.dir = &top};
	struct stat st;
	int ret = open_temp(d, &f);
	s64 unit;

	if (ret)
		return ret;
	d->time_unit = 1;
	if (!futimens(f.fd, times) && !fsync(f.fd) && !fstat(f.fd, &st)) {
		unit = (at.tv_sec - st.st_mtim.tv_sec) * 1000000000LL + at.tv_nsec -
		       st.st_mtim.tv_nsec + 1;
		if (unit > 0 && unit <= 2000000000)
			d->time_unit = unit;
	}
	file_abort(&d->t, &f);
	return 0;
}

/* Each directory above the current one stays open. */
static void allow_many_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
}

struct tree_out *tree_dir_open(const char *path, unsigned keep, enum tree_exists exists,
			       struct printbuf *err)
{
	struct to_dir *d = kzalloc(sizeof(*d), GFP_KERNEL);

	int ret;

	if (!d)
		return ERR_PTR(-ENOMEM);
	d->t = (struct tree_out){.ops = &to_dir_ops, .keep = keep, .exists = exists};
	d->top = -1;
	if (!mkdir(path, 0700) || errno == EEXIST)
		d->top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->top < 0) {
		ret = -errno;
		prt_printf(err, "%s: %s", path, strerror(errno));
		kfree(d);
		return ERR_PTR(ret);
	}
	if (exists == TREE_EXISTS_error && !is_empty(d->top)) {
		prt_printf(err,
			   "%s: not empty; '--resume' goes on with what is missing, "
			   "'--overwrite' replaces what is there",
			   path);
		to_dir_free(&d->t);
		return ERR_PTR(-ENOTEMPTY);
	}
	umask(0);
	allow_many_files();
	ret = find_time_unit(d);
	if (ret) {
		prt_printf(err, "%s: %s", path, strerror(-ret));
		to_dir_free(&d->t);
		return ERR_PTR(ret);
	}
	return &d->t;
}
