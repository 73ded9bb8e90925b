/*
 * A filesystem shown through FUSE, read-only (host/fuse_session.h).
 *
 * Every operation is answered from any thread: names and attributes at once, file data by the
 * callback that ends the read. Nothing can change, so the kernel may keep what it is told for as
 * long as it likes, the absence of a name too.
 */
#include <errno.h>
#include "host/fuse_session.h"

#ifdef HAVE_FUSE
#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include "alloc/usage.h"
#include "data/read.h"
#include "format/errcode.h"
#include "fs/snapshots.h"
#include "host/fuse_ioctl.h"
#include "host/fuse_loop.h"
#include "host/fuse_nodes.h"
#include "host/fuse_statx.h"
#include "sb/fs.h"
#include "util/darray.h"

#define FOREVER	      86400.0 /* seconds */
#define NAME_LEN_MAX  512     /* as the kernel says */
#define INO_UNKNOWN   0xffffffff
#define READAHEAD     (4U << 20) /* several requests, so that all processors have work */
#define REQUEST_MAX   (1U << 20)
#define SMALL_READ    (64U << 10) /* not worth the waking of another thread */
#define COOKIE_DOT    1		  /* cookies of real entries are larger than 2 */
#define COOKIE_DOTDOT 2

struct session {
	struct bch_fs *c;
	struct fuse_nodes nodes;
	struct fuse_node *root;
	struct statvfs statfs;
	bool single_thread;
	/* Reads on their way; the session ends when there are none. */
	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned reads;
};

static struct session *session_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct fuse_node *node_of_ino(const struct session *s, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? s->root : (struct fuse_node *)(uintptr_t)ino;
}

static struct fuse_node *node_of(fuse_req_t req, fuse_ino_t ino)
{
	return node_of_ino(session_of(req), ino);
}

/* Errors of the engine as the kernel wants them. */
static int to_errno(int ret)
{
	return -bch_err_class(ret);
}

static void reply_err(fuse_req_t req, int ret)
{
	if (ret == -BCH_ERR_btree_node_read_error)
		bch_log(session_of(req)->c, "input/output error: %s", bch_err_str(ret));
	fuse_reply_err(req, to_errno(ret));
}

/* ---- Attributes ---- */

static struct timespec time_of(const struct bch_fs *c, u64 t)
{
	s64 ns = bch_inode_time_ns(c, t), rest = ns % 1000000000;

	if (rest < 0)
		rest += 1000000000;
	return (struct timespec){.tv_sec = (ns - rest) / 1000000000, .tv_nsec = rest};
}

/* Kernels of the newest formats show directories as one block long. */
static u64 size_of(const struct bch_fs *c, const struct bch_inode_unpacked *u)
{
	return inode_is_dir(u->bi_mode) && c->version > BCH_VERSION(1, 28) ? bch_block_bytes(c) :
									     u->bi_size;
}

static struct stat stat_of(const struct bch_fs *c, const struct fuse_node *node)
{
	const struct bch_inode_unpacked *u = &node->u;

	return (struct stat){
		.st_ino = node->ino.inum,
		.st_mode = u->bi_mode,
		.st_nlink = bch_inode_nlink(u),
		.st_uid = u->bi_uid,
		.st_gid = u->bi_gid,
		.st_rdev = makedev(u->bi_dev >> 20, u->bi_dev & 0xfffff),
		.st_size = size_of(c, u),
		.st_blksize = bch_block_bytes(c),
		.st_blocks = u->bi_sectors,
		.st_atim = time_of(c, u->bi_atime),
		.st_mtim = time_of(c, u->bi_mtime),
		.st_ctim = time_of(c, u->bi_ctime),
	};
}

static struct fuse_entry_param entry_of(const struct bch_fs *c, const struct fuse_node *node)
{
	return (struct fuse_entry_param){
		.ino = (uintptr_t)node,
		.generation = node->u.bi_generation,
		.attr = stat_of(c, node),
		.attr_timeout = FOREVER,
		.entry_timeout = FOREVER,
	};
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct session *s = session_of(req);
	struct fuse_node *dir = node_of(req, parent), *node;
	struct fuse_entry_param e = {.entry_timeout = FOREVER};
	struct bch_dir_target t;
	int ret;

	if (!inode_is_dir(dir->u.bi_mode))
		ret = -ENOTDIR;
	else if (strlen(name) > NAME_LEN_MAX)
		ret = -ENAMETOOLONG;
	else
		ret = bch_dir_lookup(s->c, dir->ino, &dir->u, name, strlen(name), &t) ?:
			      fuse_node_get(&s->nodes, t.ino, &node);
	if (ret && ret != -ENOENT) {
		reply_err(req, ret);
		return;
	}
	if (!ret)
		e = entry_of(s->c, node);
	if (fuse_reply_entry(req, &e) && !ret)
		fuse_node_forget(&s->nodes, node, 1);
}

static void forget(struct session *s, fuse_ino_t ino, u64 lookups)
{
	if (ino != FUSE_ROOT_ID)
		fuse_node_forget(&s->nodes, (struct fuse_node *)(uintptr_t)ino, lookups);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	forget(session_of(req), ino, lookups);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t nr, struct fuse_forget_data *f)
{
	size_t i;

	for (i = 0; i < nr; i++)
		forget(session_of(req), f[i].ino, f[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = stat_of(session_of(req)->c, node_of(req, ino));

	fuse_reply_attr(req, &st, FOREVER);
}

/* What libfuse has no operation for. */
static bool take_request(void *arg, int fd, const void *request, size_t len)
{
	struct session *s = arg;
	struct fuse_node *node;
	struct stat st;
	u64 ino;

	if (!fuse_is_statx(request, len, &ino))
		return false;
	node = node_of_ino(s, ino);
	st = stat_of(s->c, node);
	fuse_statx_reply(fd, request, &st, time_of(s->c, node->u.bi_otime), FOREVER);
	return true;
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	fuse_reply_statfs(req, &session_of(req)->statfs);
}

/* ---- Directories ---- */

/* Entries that one reply may have room for, gathered before their inodes are read. */
struct dir_entry {
	struct bch_dir_target t;
	u64 next;    /* cookie */
	size_t name; /* where in names */
};

struct dir_batch {
	fuse_req_t req;
	bool plus;
	size_t room; /* bytes left in the reply */
	DARRAY(struct dir_entry) entries;
	struct printbuf names; /* each with its NUL */
	int err;
};

static size_t entry_bytes(struct dir_batch *b, const char *name)
{
	return b->plus ? fuse_add_direntry_plus(b->req, NULL, 0, name, NULL, 0) :
			 fuse_add_direntry(b->req, NULL, 0, name, NULL, 0);
}

static int batch_add(void *arg, const char *name, unsigned len, const struct bch_dir_target *t,
		     u64 next)
{
	struct dir_batch *b = arg;
	size_t at = b->names.pos, bytes;

	prt_bytes(&b->names, name, len);
	prt_bytes(&b->names, "", 1);
	if (printbuf_failed(&b->names)) {
		b->err = -ENOMEM;
		return 1;
	}
	bytes = entry_bytes(b, b->names.buf + at);
	if (bytes > b->room)
		return 1;
	b->room -= bytes;
	b->err = darray_push(&b->entries, ((struct dir_entry){.t = *t, .next = next, .name = at}));
	return b->err;
}

static int batch_add_dots(struct dir_batch *b, struct bch_fs *c, struct bch_ino dir, u64 *pos)
{
	struct bch_dir_target t = {.ino = dir, .d_type = DT_DIR};

	if (*pos < COOKIE_DOT) {
		if (batch_add(b, ".", 1, &t, COOKIE_DOT))
			return 1;
		*pos = COOKIE_DOT;
	}
	if (*pos < COOKIE_DOTDOT) {
		if (bch_dir_parent(c, dir, &t.ino))
			t.ino = dir;
		if (batch_add(b, "..", 2, &t, COOKIE_DOTDOT))
			return 1;
		*pos = COOKIE_DOTDOT;
	}
	return 0;
}

/* @name and its inode; without its inode, by number and type, when that cannot be read. */
static size_t put_plus(struct dir_batch *b, char *buf, size_t room, const char *name,
		       const struct dir_entry *d)
{
	struct session *s = session_of(b->req);
	bool dots = d->next <= COOKIE_DOTDOT;
	struct fuse_entry_param e = {
		.attr = {.st_ino = d->t.ino.inum ?: INO_UNKNOWN, .st_mode = d->t.d_type << 12},
	};
	struct fuse_node *node;

	if (!dots && !fuse_node_get(&s->nodes, d->t.ino, &node))
		e = entry_of(s->c, node);
	return fuse_add_direntry_plus(b->req, buf, room, name, &e, d->next);
}

static size_t put(struct dir_batch *b, char *buf, size_t room, const char *name,
		  const struct dir_entry *d)
{
	struct stat st = {.st_ino = d->t.ino.inum ?: INO_UNKNOWN, .st_mode = d->t.d_type << 12};

	return fuse_add_direntry(b->req, buf, room, name, &st, d->next);
}

static void batch_reply(struct dir_batch *b)
{
	char *buf = NULL;
	size_t size = 0, at = 0;

	darray_for_each(b->entries, d)
		size += entry_bytes(b, b->names.buf + d->name);
	if (size) {
		buf = kvmalloc(size, GFP_KERNEL);
		if (!buf) {
			fuse_reply_err(b->req, ENOMEM);
			return;
		}
	}
	darray_for_each(b->entries, d)
		at += (b->plus ? put_plus : put)(b, buf + at, size - at, b->names.buf + d->name, d);
	fuse_reply_buf(b->req, buf, at);
	kvfree(buf);
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct dir_batch b = {.req = req, .plus = plus, .room = size};
	struct bch_fs *c = session_of(req)->c;
	struct bch_ino dir = node_of(req, ino)->ino;
	u64 pos = off;
	int ret = 0;

	if (!batch_add_dots(&b, c, dir, &pos))
		ret = bch_dir_read(c, dir, &pos, batch_add, &b);
	/* What can be read is shown first. */
	ret = b.err ?: b.entries.nr ? 0 : ret;
	if (ret)
		reply_err(req, ret);
	else
		batch_reply(&b);
	darray_exit(&b.entries);
	printbuf_exit(&b.names);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, true);
}

/* Nothing changes: the kernel may cache a directory and serve the next reader itself. */
static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

/* ---- File data ---- */

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		fuse_reply_err(req, EROFS);
		return;
	}
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

struct read_op {
	struct bch_read r;
	fuse_req_t req;
};

static void reads_add(struct session *s, int n)
{
	pthread_mutex_lock(&s->lock);
	s->reads += n;
	if (!s->reads)
		pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->lock);
}

static void read_done(struct bch_read *r)
{
	struct read_op *op = container_of(r, struct read_op, r);
	struct session *s = session_of(op->req);

	if (r->err) {
		bch_log(s->c, "read error: %s", printbuf_str(&r->why));
		fuse_reply_err(op->req, to_errno(r->err));
	} else {
		fuse_reply_buf(op->req, r->buf, r->len);
	}
	printbuf_exit(&r->why);
	kvfree(r->buf);
	kfree(op);
	reads_add(s, -1);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct fuse_node *node = node_of(req, ino);
	struct read_op *op;

	if ((u64)off >= node->u.bi_size) {
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	op = kzalloc(sizeof(*op), GFP_KERNEL);
	size = min_t(u64, size, node->u.bi_size - off);
	if (op)
		op->r.buf = kvmalloc(size, GFP_KERNEL);
	if (!op || !op->r.buf) {
		kfree(op);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	op->req = req;
	op->r.c = s->c;
	op->r.inum = node->ino.inum;
	op->r.snapshot = node->snapshot;
	op->r.offset = off;
	op->r.len = size;
	op->r.done = read_done;
	op->r.may_block = !s->single_thread;
	reads_add(s, 1);
	if (size > SMALL_READ)
		fuse_loop_hand_over();
	bch_read_submit(&op->r);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct session *s = session_of(req);
	struct fuse_node *node = node_of(req, ino);
	char target[PATH_MAX + 1] = {};
	struct bch_read r = {
		.c = s->c,
		.inum = node->ino.inum,
		.snapshot = node->snapshot,
		.len = node->u.bi_size,
		.buf = target,
	};

	if (!S_ISLNK(node->u.bi_mode)) {
		fuse_reply_err(req, EINVAL);
	} else if (node->u.bi_size > PATH_MAX) {
		fuse_reply_err(req, EIO);
	} else if (bch_read_wait(&r)) {
		bch_log(s->c, "read error: %s", printbuf_str(&r.why));
		fuse_reply_err(req, to_errno(r.err));
		printbuf_exit(&r.why);
	} else {
		printbuf_exit(&r.why);
		fuse_reply_readlink(req, target);
	}
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	struct session *s = session_of(req);
	struct fuse_node *node = node_of(req, ino);
	s64 ret = -EINVAL;

	if (off < 0)
		ret = -ENXIO;
	else if (whence == SEEK_DATA)
		ret = bch_seek_data(s->c, node->ino.inum, node->snapshot, off, node->u.bi_size);
	else if (whence == SEEK_HOLE)
		ret = bch_seek_hole(s->c, node->ino.inum, node->snapshot, off, node->u.bi_size);
	if (ret < 0)
		reply_err(req, ret);
	else
		fuse_reply_lseek(req, ret);
}

/* ---- Extended attributes ---- */

/* @out when it fits, its length when that is asked for. */
static void reply_xattr(fuse_req_t req, int ret, const struct printbuf *out, size_t size)
{
	if (ret < 0)
		reply_err(req, ret);
	else if (!size)
		fuse_reply_xattr(req, out->pos);
	else if (out->pos > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, out->buf, out->pos);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fuse_node *node = node_of(req, ino);
	struct printbuf out = PRINTBUF;
	int ret = bch_xattr_get(session_of(req)->c, node->ino, &node->u, name, &out);

	reply_xattr(req, ret, &out, size);
	printbuf_exit(&out);
}

/* Names of trusted attributes are for root alone. */
static void drop_trusted(struct printbuf *names)
{
	size_t at = 0, kept = 0;

	while (at < names->pos) {
		size_t len = strlen(names->buf + at) + 1;

		if (strncmp(names->buf + at, "trusted.", 8)) {
			memmove(names->buf + kept, names->buf + at, len);
			kept += len;
		}
		at += len;
	}
	names->pos = kept;
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fuse_node *node = node_of(req, ino);
	struct printbuf out = PRINTBUF;
	int ret = bch_xattr_list(session_of(req)->c, node->ino, &node->u, &out);

	if (fuse_req_ctx(req)->uid)
		drop_trusted(&out);
	reply_xattr(req, ret, &out, size);
	printbuf_exit(&out);
}

static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
		     struct fuse_file_info *fi, unsigned flags, const void *in, size_t in_bytes,
		     size_t out_bytes)
{
	u8 reply[FUSE_IOCTL_REPLY_MAX];
	int ret = fuse_ioctl_reply(session_of(req)->c, &node_of(req, ino)->u, cmd, reply);

	if (ret > 0 && (size_t)ret > out_bytes)
		ret = -EINVAL;
	if (ret < 0)
		fuse_reply_err(req, -ret);
	else
		fuse_reply_ioctl(req, 0, reply, ret);
}

/* ---- The session ---- */

/*
 * Not FUSE_CAP_EXPORT_SUPPORT: by it the kernel would ask for inodes that it has forgotten, by the
 * numbers that file handles hold; ours are pointers. Such a handle is stale.
 */
static void op_init(void *arg, struct fuse_conn_info *conn)
{
	unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
			  FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ASYNC_DIO | FUSE_CAP_POSIX_ACL |
			  FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_IOCTL_DIR;

	conn->want |= conn->capable & wanted;
	conn->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;
	conn->max_readahead = READAHEAD;
	conn->max_write = REQUEST_MAX; /* bounds the pages of a read, too */
	conn->max_background = 64;
	conn->congestion_threshold = 48;
	conn->time_gran = 1;
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.open = op_open,
	.read = op_read,
	.lseek = op_lseek,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.statfs = op_statfs,
	.ioctl = op_ioctl,
};

/* Inodes: kernels of the newest formats count fewer free ones, others none of those in use. */
static void statfs_inodes(struct session *s, const struct bch_usage *u)
{
	bool newest = s->c->version > BCH_VERSION(1, 28);

	s->statfs.f_ffree = s->statfs.f_favail = u->free << (newest ? 1 : 3);
	s->statfs.f_files = s->statfs.f_ffree + (newest ? u->nr_inodes : 0);
}

/* Figures of statfs(2) (spec 05 section 6.6). */
static void statfs_init(struct session *s)
{
	struct bch_fs *c = s->c;
	struct bch_usage u;
	unsigned block = c->block_sectors;
	int ret = bch_usage_get(c, &u);

	if (ret)
		bch_log(c, "the figures of free space are not complete: %s", bch_err_str(ret));
	s->statfs = (struct statvfs){
		.f_bsize = bch_block_bytes(c),
		.f_frsize = bch_block_bytes(c),
		.f_blocks = u.capacity / block,
		.f_bfree = u.free / block,
		.f_bavail = u.avail / block,
		.f_namemax = NAME_LEN_MAX,
	};
	statfs_inodes(s, &u);
}

static int loop(struct fuse_session *se, struct session *s)
{
	int ret = s->single_thread ? fuse_session_loop(se) : fuse_loop(se, take_request, s);

	return ret < 0 ? ret : 0; /* a signal's number: an orderly end */
}

static void wait_for_reads(struct session *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->reads)
		pthread_cond_wait(&s->idle, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

/*
 * Let sequential readers have more than the usual 128 KiB under way. Only root may; that it did not
 * work is no error. The mount cannot be asked yet who it is: mountinfo can.
 */
static void readahead_set(const char *mountpoint)
{
	char *real = realpath(mountpoint, NULL), line[2 * PATH_MAX], point[PATH_MAX], path[64];
	FILE *mounts = fopen("/proc/self/mountinfo", "r"), *f;
	unsigned major, minor;

	path[0] = 0;
	while (real && mounts && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*u %*u %u:%u %*s %4095s", &major, &minor, point) == 3 &&
		    !strcmp(point, real))
			snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb", major,
				 minor);
	f = path[0] ? fopen(path, "w") : NULL;
	if (f) {
		fprintf(f, "%u", READAHEAD >> 10);
		fclose(f);
	}
	if (mounts)
		fclose(mounts);
	free(real);
}

static int serve(struct session *s, const struct host_fuse_args *args, struct fuse_args *words)
{
	struct fuse_session *se = fuse_session_new(words, &ops, sizeof(ops), s);
	int ret = -EINVAL;

	if (!se)
		return ret;
	if (fuse_set_signal_handlers(se))
		goto destroy;
	if (fuse_session_mount(se, args->mountpoint)) {
		ret = -EIO;
		goto signals;
	}
	readahead_set(args->mountpoint);
	args->mounted(args->arg);
	ret = loop(se, s);
	wait_for_reads(s);
	fuse_session_unmount(se);
      signals:
	fuse_remove_signal_handlers(se);
destroy:
	fuse_session_destroy(se);
	return ret;
}

const char *host_fuse_version(void)
{
	return fuse_pkgversion();
}

int host_fuse_run(const struct host_fuse_args *args)
{
	struct session s = {
		.c = args->c,
		.single_thread = args->single_thread,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.idle = PTHREAD_COND_INITIALIZER,
	};
	struct fuse_args words = FUSE_ARGS_INIT(0, NULL);
	int ret =
		fuse_nodes_init(&s.nodes, args->c) ?: fuse_node_get(&s.nodes, args->root, &s.root);

	if (!ret &&
	    (fuse_opt_add_arg(&words, "bcachefs") ||
	     (args->fuse_opts && *args->fuse_opts &&
	      (fuse_opt_add_arg(&words, "-o") || fuse_opt_add_arg(&words, args->fuse_opts))) ||
	     (args->debug && fuse_opt_add_arg(&words, "-d"))))
		ret = -ENOMEM;
	if (!ret) {
		statfs_init(&s);
		ret = serve(&s, args, &words);
	}
	fuse_opt_free_args(&words);
	fuse_nodes_exit(&s.nodes);
	return ret;
}

#else

const char *host_fuse_version(void)
{
	return NULL;
}

int host_fuse_run(const struct host_fuse_args *args)
{
	return -EOPNOTSUPP;
}

#endif
