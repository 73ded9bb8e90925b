/*
 * A tree of files as a tar stream (host/tree_out.h): ustar with pax headers (POSIX.1-2001) for all
 * that does not fit; attributes as SCHILY.xattr.*, ACLs as SCHILY.acl.*, sparse files as GNU's
 * format 1.0, as GNU tar and libarchive write and read them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include "host/tree_out.h"
#include "util/utf8.h"

#define BLOCK	     512
#define RECORD	     (20 * BLOCK)
#define BUFFER	     (256U << 10)
#define OCTAL_ID_MAX 07777777
#define OCTAL_11_MAX 077777777777LL
/* Holes of more than this are never written as zeros. */
#define ZEROS_MAX    (1ULL << 30)

struct ustar {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char sum[8];
	char type;
	char linkname[100];
	char magic[6], version[2];
	char uname[32], gname[32];
	char major[8], minor[8];
	char prefix[155];
	char pad[12];
};

struct to_tar {
	struct tree_out t;
	int fd;
	u64 written; /* into the stream */
	size_t used; /* of buf */
	char buf[BUFFER];
};

static struct to_tar *to_tar(struct tree_out *t)
{
	return container_of(t, struct to_tar, t);
}

/* ---- The stream ---- */

static int flush(struct to_tar *d)
{
	size_t at = 0;

	while (at < d->used) {
		ssize_t n = write(d->fd, d->buf + at, d->used - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
	}
	d->used = 0;
	return 0;
}

/* @bytes NULL: zeros. */
static int put(struct to_tar *d, const void *bytes, u64 len)
{
	while (len) {
		size_t n = min_t(u64, len, BUFFER - d->used);

		if (bytes) {
			memcpy(d->buf + d->used, bytes, n);
			bytes = (const char *)bytes + n;
		} else {
			memset(d->buf + d->used, 0, n);
		}
		d->used += n;
		d->written += n;
		len -= n;
		if (d->used == BUFFER) {
			int ret = flush(d);

			if (ret)
				return ret;
		}
	}
	return 0;
}

static int pad(struct to_tar *d, unsigned unit)
{
	return put(d, NULL, round_up(d->written, (u64)unit) - d->written);
}

/* ---- pax records ---- */

/* "LENGTH KEY=VALUE\n", where the length counts itself. */
static void record(struct printbuf *pax, const char *key, const void *value, size_t len)
{
	size_t rest = 1 + strlen(key) + 1 + len + 1, total = rest + 1;
	char digits[24];

	while (rest + snprintf(digits, sizeof(digits), "%zu", total) != total)
		total = rest + strlen(digits);
	prt_printf(pax, "%s %s=", digits, key);
	prt_bytes(pax, value, len);
	prt_bytes(pax, "\n", 1);
}

static void record_str(struct printbuf *pax, const char *key, const char *value)
{
	record(pax, key, value, strlen(value));
}

static void record_u64(struct printbuf *pax, const char *key, u64 v)
{
	char text[24];

	record(pax, key, text, scnprintf(text, sizeof(text), "%llu", v));
}

static void record_time(struct printbuf *pax, const char *key, struct timespec t)
{
	s64 s = t.tv_sec, ns = t.tv_nsec;
	const char *sign = "";
	char text[48];

	/* Seconds and fraction have one sign. */
	if (s < 0 && ns) {
		s++;
		ns = 1000000000 - ns;
	}
	if (t.tv_sec < 0) {
		sign = "-";
		s = -s;
	}
	if (ns)
		record(pax, key, text, scnprintf(text, sizeof(text), "%s%lld.%09lld", sign, s, ns));
	else
		record(pax, key, text, scnprintf(text, sizeof(text), "%s%lld", sign, s));
}

/* An ACL in the form of getxattr(2) as text: "user::rwx,user:5:r--,..." */
static void record_acl(struct printbuf *pax, const char *key, const u8 *acl, size_t len)
{
	static const struct {
		u16 tag;
		const char *name;
		bool id;
	} tags[] = {
		{0x01, "user", false}, {0x02, "user", true},  {0x04, "group", false},
		{0x08, "group", true}, {0x10, "mask", false}, {0x20, "other", false},
	};
	struct printbuf text = PRINTBUF;
	size_t at, i;

	for (at = 4; at + 8 <= len; at += 8) {
		u16 tag = get_unaligned_le16(acl + at), perm = get_unaligned_le16(acl + at + 2);

		for (i = 0; i < ARRAY_SIZE(tags) && tags[i].tag != tag; i++)
			;
		if (i == ARRAY_SIZE(tags))
			continue;
		prt_printf(&text, "%s%s:", text.pos ? "," : "", tags[i].name);
		if (tags[i].id)
			prt_printf(&text, "%u", get_unaligned_le32(acl + at + 4));
		prt_printf(&text, ":%c%c%c", perm & 4 ? 'r' : '-', perm & 2 ? 'w' : '-',
			   perm & 1 ? 'x' : '-');
	}
	record(pax, key, printbuf_str(&text), text.pos);
	printbuf_exit(&text);
}

static void record_xattrs(struct printbuf *pax, struct tree_meta *m)
{
	darray_for_each(m->xattrs.d, x) {
		const char *name = m->xattrs.bytes.buf + x->name;
		const char *value = m->xattrs.bytes.buf + x->value;
		struct printbuf key = PRINTBUF;

		if (!strcmp(name, "system.posix_acl_access")) {
			record_acl(pax, "SCHILY.acl.access", (const u8 *)value, x->len);
		} else if (!strcmp(name, "system.posix_acl_default")) {
			record_acl(pax, "SCHILY.acl.default", (const u8 *)value, x->len);
		} else if (strchr(name, '=')) {
			tree_note(m, "attribute %s cannot be in a tar stream", name);
		} else {
			prt_printf(&key, "SCHILY.xattr.%s", name);
			record(pax, printbuf_str(&key), value, x->len);
		}
		printbuf_exit(&key);
	}
}

/* ---- Headers ---- */

static void octal(char *field, size_t size, u64 v)
{
	size_t i;

	field[size - 1] = '\0';
	for (i = size - 1; i--; v >>= 3)
		field[i] = '0' + (v & 7);
}

/* @field filled from @s as far as it has room. */
static void copy(char *field, size_t size, const char *s)
{
	memcpy(field, s, min(strlen(s), size));
}

static int put_header(struct to_tar *d, struct ustar *h)
{
	const u8 *b = (const u8 *)h;
	unsigned sum = 0, i;

	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	memset(h->sum, ' ', sizeof(h->sum));
	for (i = 0; i < sizeof(*h); i++)
		sum += b[i];
	octal(h->sum, 7, sum);
	return put(d, h, sizeof(*h)) ?: pad(d, BLOCK);
}

static int put_pax(struct to_tar *d, const struct printbuf *pax)
{
	struct ustar h = {.type = 'x'};

	copy(h.name, sizeof(h.name), "PaxHeaders/0");
	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), pax->pos);
	octal(h.mtime, sizeof(h.mtime), 0);
	if (printbuf_failed(pax))
		return -ENOMEM;
	return put_header(d, &h) ?: put(d, pax->buf, pax->pos) ?: pad(d, BLOCK);
}

/* What is to be said of an object. */
struct member {
	char type;
	struct tree_meta *m;
	const struct printbuf *path, *link;
	u64 size;    /* of what follows the header */
	bool sparse; /* which begins with a map */
	bool has_xattrs;
};

static void member_pax(struct to_tar *d, const struct member *o, struct printbuf *pax)
{
	const struct tree_meta *m = o->m;

	if (!utf8_valid(o->path->buf, o->path->pos) ||
	    (o->link && !utf8_valid(o->link->buf, o->link->pos)))
		record_str(pax, "hdrcharset", "BINARY");
	if (o->sparse) {
		record_str(pax, "GNU.sparse.major", "1");
		record_str(pax, "GNU.sparse.minor", "0");
		record(pax, "GNU.sparse.name", o->path->buf, o->path->pos);
		record_u64(pax, "GNU.sparse.realsize", m->size);
	} else if (o->path->pos > sizeof(((struct ustar *)0)->name)) {
		record(pax, "path", o->path->buf, o->path->pos);
	}
	if (o->link && o->link->pos > sizeof(((struct ustar *)0)->linkname))
		record(pax, "linkpath", o->link->buf, o->link->pos);
	if (o->size > OCTAL_11_MAX)
		record_u64(pax, "size", o->size);
	if (m->uid > OCTAL_ID_MAX)
		record_u64(pax, "uid", m->uid);
	if (m->gid > OCTAL_ID_MAX)
		record_u64(pax, "gid", m->gid);
	if (m->mtime.tv_nsec || m->mtime.tv_sec < 0 || m->mtime.tv_sec > OCTAL_11_MAX)
		record_time(pax, "mtime", m->mtime);
	record_time(pax, "atime", m->atime);
	if (o->has_xattrs)
		record_xattrs(pax, o->m);
}

static int put_member(struct to_tar *d, const struct member *o)
{
	const struct tree_meta *m = o->m;
	struct printbuf pax = PRINTBUF;
	struct ustar h = {.type = o->type};
	unsigned keep = d->t.keep;
	int ret;

	copy(h.name, sizeof(h.name), o->sparse ? "GNUSparseFile.0/0" : printbuf_str(o->path));
	if (o->link)
		copy(h.linkname, sizeof(h.linkname), printbuf_str(o->link));
	octal(h.mode, sizeof(h.mode),
	      keep & TREE_KEEP_mode ? m->mode & 07777 :
	      S_ISDIR(m->mode)	    ? 0755 :
				      0644);
	octal(h.uid, sizeof(h.uid), min_t(u32, m->uid, OCTAL_ID_MAX));
	octal(h.gid, sizeof(h.gid), min_t(u32, m->gid, OCTAL_ID_MAX));
	octal(h.size, sizeof(h.size), min_t(u64, o->size, OCTAL_11_MAX));
	octal(h.mtime, sizeof(h.mtime), clamp_t(s64, m->mtime.tv_sec, 0, OCTAL_11_MAX));
	octal(h.major, sizeof(h.major), m->major);
	octal(h.minor, sizeof(h.minor), m->minor);
	member_pax(d, o, &pax);
	ret = (pax.pos ? put_pax(d, &pax) : 0) ?: put_header(d, &h);
	printbuf_exit(&pax);
	return ret;
}

/* ---- Objects ---- */

static int dir_enter(struct tree_out *t, struct tree_dir *dir, struct tree_meta *m)
{
	struct printbuf path = PRINTBUF;
	struct member o = {.type = '5', .m = m, .path = &path, .has_xattrs = true};
	int ret;

	/* Made where it is needed; may have been there with other attributes. */
	if (dir->may_exist)
		return 0;
	tree_path_to_text(&path, dir, NULL);
	prt_str(&path, path.pos ? "/" : "./");
	ret = put_member(to_tar(t), &o);
	printbuf_exit(&path);
	return ret;
}

static int dir_leave(struct tree_out *t, struct tree_dir *dir, struct tree_meta *m)
{
	return 0;
}

/* "NR\nOFFSET\nLENGTH\n...", padded; ends with an empty range where the file does. */
static void sparse_map(struct printbuf *map, const struct tree_file *f)
{
	bool hole_at_end = !f->data.nr || darray_last(f->data).end < f->meta->size;

	prt_printf(map, "%zu\n", f->data.nr + hole_at_end);
	darray_for_each(f->data, r)
		prt_printf(map, "%llu\n%llu\n", r->start, r->end - r->start);
	if (hole_at_end)
		prt_printf(map, "%llu\n0\n", f->meta->size);
	while (map->pos % BLOCK && !printbuf_failed(map))
		prt_bytes(map, "", 1);
}

static int file_begin(struct tree_out *t, struct tree_file *f)
{
	struct printbuf path = PRINTBUF, map = PRINTBUF;
	struct member o = {.type = '0', .m = f->meta, .path = &path, .has_xattrs = true};
	u64 data = 0, holes;
	int ret;

	darray_for_each(f->data, r)
		data += r->end - r->start;
	holes = f->meta->size - data;
	o.sparse = holes && (t->keep & TREE_KEEP_sparse || holes > ZEROS_MAX);
	if (o.sparse)
		sparse_map(&map, f);
	tree_path_to_text(&path, f->dir, f->name);
	o.size = o.sparse ? map.pos + data : f->meta->size;
	ret = printbuf_failed(&map) ? -ENOMEM : put_member(to_tar(t), &o);
	if (!ret && map.pos)
		ret = put(to_tar(t), map.buf, map.pos);
	f->fd = o.sparse;
	f->done = 0;
	printbuf_exit(&path);
	printbuf_exit(&map);
	return ret;
}

/* Zeros from f->done to @offset, as far as the stream has them: it has nothing between ranges. */
static int skip_to(struct to_tar *d, struct tree_file *f, u64 offset)
{
	bool sparse = f->fd;
	int ret = 0;

	if (!sparse) {
		ret = put(d, NULL, offset - f->done);
		f->done = offset;
		return ret;
	}
	darray_for_each(f->data, r) {
		u64 start = max(r->start, f->done), end = min(r->end, offset);

		if (!ret && start < end)
			ret = put(d, NULL, end - start);
	}
	f->done = offset;
	return ret;
}

static int file_write(struct tree_out *t, struct tree_file *f, u64 offset, const void *buf,
		      size_t len)
{
	struct to_tar *d = to_tar(t);
	int ret = offset < f->done ? -EIO : offset > f->done ? skip_to(d, f, offset) : 0;

	f->done = offset + len;
	return ret ?: put(d, buf, len);
}

static int file_end(struct tree_out *t, struct tree_file *f)
{
	return skip_to(to_tar(t), f, f->meta->size) ?: pad(to_tar(t), BLOCK);
}

static void file_abort(struct tree_out *t, struct tree_file *f)
{
}

static char type_of(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFIFO:
		return '6';
	default:
		return '\0';
	}
}

static int other(struct tree_out *t, struct tree_dir *dir, const char *name, struct tree_meta *m,
		 const char *target)
{
	struct printbuf path = PRINTBUF, link = PRINTBUF;
	struct member o = {.type = type_of(m->mode), .m = m, .path = &path, .has_xattrs = true};
	int ret;

	if (!o.type)
		return -EOPNOTSUPP;
	tree_path_to_text(&path, dir, name);
	prt_bytes(&link, target, strlen(target));
	if (S_ISLNK(m->mode))
		o.link = &link;
	ret = put_member(to_tar(t), &o);
	printbuf_exit(&path);
	printbuf_exit(&link);
	return ret;
}

static int link_to(struct tree_out *t, struct tree_dir *dir, const char *name,
		   struct tree_dir *first_dir, const char *first_name, struct tree_meta *m)
{
	struct printbuf path = PRINTBUF, link = PRINTBUF;
	struct member o = {.type = '1', .m = m, .path = &path, .link = &link};
	int ret;

	tree_path_to_text(&path, dir, name);
	tree_path_to_text(&link, first_dir, first_name);
	ret = put_member(to_tar(t), &o);
	printbuf_exit(&path);
	printbuf_exit(&link);
	return ret;
}

static int finish(struct tree_out *t)
{
	struct to_tar *d = to_tar(t);

	return put(d, NULL, 2 * BLOCK) ?: pad(d, RECORD) ?: flush(d);
}

static void to_tar_free(struct tree_out *t)
{
	kvfree(to_tar(t));
}

static const struct tree_ops to_tar_ops = {
	.in_order = true,
	.dir_enter = dir_enter,
	.dir_leave = dir_leave,
	.file_begin = file_begin,
	.file_write = file_write,
	.file_end = file_end,
	.file_abort = file_abort,
	.other = other,
	.link = link_to,
	.finish = finish,
	.free = to_tar_free,
};

struct tree_out *tree_tar_open(int fd, unsigned keep)
{
	struct to_tar *d = kvzalloc(sizeof(*d), GFP_KERNEL);

	BUILD_BUG_ON(sizeof(struct ustar) != BLOCK);
	if (!d)
		return NULL;
	d->t = (struct tree_out){.ops = &to_tar_ops, .keep = keep};
	d->fd = fd;
	return &d->t;
}
