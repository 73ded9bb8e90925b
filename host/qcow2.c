/* Sparse images in the qcow2 format (host/qcow2.h). */
#include "host/qcow2.h"

#include <linux/kernel.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QCOW2_MAGIC	     0x514649fbU
#define QCOW2_COPIED	     (1ULL << 63)
#define QCOW2_COMPRESSED     (1ULL << 62)
#define QCOW2_ZERO	     1ULL /* version 3 */
#define QCOW2_OFFSET	     0x00fffffffffffe00ULL
#define QCOW2_INCOMPAT_DIRTY 1ULL /* only reference counts may be wrong */
#define REFCOUNT_BYTES	     2
#define WRITE_L1_MAX	     (32U << 20) /* bytes, the limit of other readers */

struct qcow2_header {
	__be32 magic;
	__be32 version;
	__be64 backing_offset;
	__be32 backing_size;
	__be32 cluster_bits;
	__be64 size;
	__be32 crypt;
	__be32 l1_nr;
	__be64 l1_offset;
	__be64 refcount_offset;
	__be32 refcount_clusters;
	__be32 nr_snapshots;
	__be64 snapshots_offset;
	/* Version 3: */
	__be64 incompatible;
} __packed;

#define HEADER_BYTES_V2 72

_Static_assert(sizeof(struct qcow2_header) == HEADER_BYTES_V2 + 8, "qcow2_header");

static int write_at(int fd, const void *buf, size_t bytes, u64 at)
{
	const char *p = buf;

	while (bytes) {
		ssize_t n = pwrite(fd, p, bytes, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		at += n;
		bytes -= n;
	}
	return 0;
}

/* Bytes read, less than @bytes only at the end of the file; or a negative errno. */
static ssize_t read_at(int fd, void *buf, size_t bytes, u64 at)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = pread(fd, (char *)buf + done, bytes - done, at + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += n;
	}
	return done;
}

static bool is_zero(const u8 *p, size_t bytes)
{
	return !p[0] && !memcmp(p, p + 1, bytes - 1);
}

/* Writing */

static size_t cluster_bytes(const struct qcow2_writer *w)
{
	return (size_t)1 << w->cluster_bits;
}

int qcow2_begin(struct qcow2_writer *w, int fd, u64 size, unsigned cluster_bits)
{
	u64 per_l1 = 1ULL << (2 * cluster_bits - 3), nr = DIV_ROUND_UP(size, per_l1);

	*w = (struct qcow2_writer){.fd = fd, .cluster_bits = cluster_bits, .size = size};
	if (nr > WRITE_L1_MAX / sizeof(__be64))
		return -EFBIG;
	w->l1_nr = nr;
	w->pos = cluster_bytes(w);
	w->l1 = calloc(max(w->l1_nr, 1U), sizeof(*w->l1));
	w->l2 = calloc(1, cluster_bytes(w));
	return w->l1 && w->l2 ? 0 : -ENOMEM;
}

void qcow2_exit(struct qcow2_writer *w)
{
	free(w->l1);
	free(w->l2);
	w->l1 = w->l2 = NULL;
}

static int flush_l2(struct qcow2_writer *w)
{
	int ret;

	if (!w->l2_used)
		return 0;
	ret = write_at(w->fd, w->l2, cluster_bytes(w), w->pos);
	if (ret)
		return ret;
	w->l1[w->l1_idx] = cpu_to_be64(w->pos | QCOW2_COPIED);
	w->pos += cluster_bytes(w);
	memset(w->l2, 0, cluster_bytes(w));
	w->l2_used = false;
	return 0;
}

static int add_cluster(struct qcow2_writer *w, u64 offset, const void *buf)
{
	u64 nr = offset >> w->cluster_bits;
	unsigned l2_bits = w->cluster_bits - 3;
	int ret;

	if (nr >> l2_bits >= w->l1_nr)
		return -EINVAL;
	if (nr >> l2_bits != w->l1_idx) {
		ret = flush_l2(w);
		if (ret)
			return ret;
		w->l1_idx = nr >> l2_bits;
	}
	ret = write_at(w->fd, buf, cluster_bytes(w), w->pos);
	if (ret)
		return ret;
	w->l2[nr & ((1U << l2_bits) - 1)] = cpu_to_be64(w->pos | QCOW2_COPIED);
	w->l2_used = true;
	w->pos += cluster_bytes(w);
	return 0;
}

int qcow2_add(struct qcow2_writer *w, u64 offset, const void *buf, size_t bytes)
{
	int ret = 0;

	for (size_t i = 0; i < bytes && !ret; i += cluster_bytes(w)) {
		const u8 *p = (const u8 *)buf + i;

		if (!is_zero(p, cluster_bytes(w)))
			ret = add_cluster(w, offset + i, p);
	}
	return ret;
}

/*
 * Counts of 1 for every cluster of the file, those of the counts included; *@table, its @clusters.
 */
static int write_refcounts(struct qcow2_writer *w, u64 *table, u32 *clusters)
{
	size_t cluster = cluster_bytes(w);
	u64 per_block = cluster / REFCOUNT_BYTES, used = w->pos >> w->cluster_bits;
	u64 blocks = 0, tables = 0, left, want;
	__be64 *entries;
	__be16 *block;
	int ret = -ENOMEM;

	do {
		want = DIV_ROUND_UP(used + blocks + tables, per_block);
		tables = DIV_ROUND_UP(want * sizeof(__be64), cluster);
		swap(blocks, want);
	} while (blocks != want || blocks < DIV_ROUND_UP(used + blocks + tables, per_block));
	left = used + blocks + tables;
	entries = calloc(tables, cluster);
	block = malloc(cluster);
	if (!entries || !block)
		goto out;
	ret = 0;
	for (u64 i = 0; i < blocks && !ret; i++) {
		for (u64 r = 0; r < per_block; r++)
			block[r] = cpu_to_be16(r < left);
		left -= min(left, per_block);
		entries[i] = cpu_to_be64(w->pos);
		ret = write_at(w->fd, block, cluster, w->pos);
		w->pos += cluster;
	}
	*table = w->pos;
	*clusters = tables;
	ret = ret ?: write_at(w->fd, entries, tables * cluster, w->pos);
	w->pos += tables * cluster;
out:
	free(entries);
	free(block);
	return ret;
}

int qcow2_finish(struct qcow2_writer *w)
{
	size_t l1_bytes = w->l1_nr * sizeof(*w->l1);
	struct qcow2_header h = {
		.magic = cpu_to_be32(QCOW2_MAGIC),
		.version = cpu_to_be32(2),
		.cluster_bits = cpu_to_be32(w->cluster_bits),
		.size = cpu_to_be64(w->size),
		.l1_nr = cpu_to_be32(w->l1_nr),
	};
	u32 table_clusters = 0;
	u64 table = 0;
	int ret = flush_l2(w);

	if (ret)
		return ret;
	h.l1_offset = cpu_to_be64(w->pos);
	ret = write_at(w->fd, w->l1, l1_bytes, w->pos);
	w->pos += round_up(l1_bytes, cluster_bytes(w));
	ret = ret ?: write_refcounts(w, &table, &table_clusters);
	if (ret)
		return ret;
	h.refcount_offset = cpu_to_be64(table);
	h.refcount_clusters = cpu_to_be32(table_clusters);
	return write_at(w->fd, &h, HEADER_BYTES_V2, 0);
}

/* Reading */

struct qcow2_reader {
	int in, out;
	struct printbuf *err;
	u64 file_bytes;
	u64 size;
	unsigned version, cluster_bits;
	size_t cluster;
	u64 l1_nr, l1_offset;
	__be64 *l2;
	u8 *buf;
};

static int __printf(2, 3) refuse(struct qcow2_reader *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	prt_vprintf(r->err, fmt, args);
	va_end(args);
	return -EINVAL;
}

static int io_error(struct qcow2_reader *r, const char *what, int ret)
{
	prt_printf(r->err, "%s: %s", what, strerror(-ret));
	return ret;
}

/* @bytes at @at, all of which must be there. */
static int read_all(struct qcow2_reader *r, const char *what, void *buf, size_t bytes, u64 at)
{
	ssize_t n;

	if (at > r->file_bytes || bytes > r->file_bytes - at)
		return refuse(r,
			      "damaged qcow2 image: the %s at byte %llu lies behind the end of the "
			      "file (%llu bytes)",
			      what, at, r->file_bytes);
	n = read_at(r->in, buf, bytes, at);
	if (n < 0)
		return io_error(r, "cannot be read", n);
	return (size_t)n == bytes ? 0 : refuse(r, "became shorter while it was read");
}

static int check_l1(struct qcow2_reader *r)
{
	u64 per_l1 = 1ULL << (2 * r->cluster_bits - 3), want = DIV_ROUND_UP(r->size, per_l1);

	if (r->l1_nr < want)
		return refuse(r,
			      "damaged qcow2 image: its level 1 table has %llu entries, %llu are "
			      "needed for %llu bytes",
			      r->l1_nr, want, r->size);
	r->l1_nr = want;
	if (r->l1_offset % 8 || r->l1_offset > r->file_bytes ||
	    want * sizeof(__be64) > r->file_bytes - r->l1_offset)
		return refuse(
			r,
			"damaged qcow2 image: the level 1 table at byte %llu lies behind the end "
			"of the file (%llu bytes)",
			r->l1_offset, r->file_bytes);
	return 0;
}

static int read_header(struct qcow2_reader *r)
{
	struct qcow2_header h = {};
	ssize_t n = read_at(r->in, &h, sizeof(h), 0);

	if (n < 0)
		return io_error(r, "cannot be read", n);
	if (n < HEADER_BYTES_V2 || be32_to_cpu(h.magic) != QCOW2_MAGIC)
		return refuse(r, "not a qcow2 image");
	r->version = be32_to_cpu(h.version);
	if (r->version != 2 && r->version != 3)
		return refuse(r, "qcow2 version %u is not supported, only 2 and 3", r->version);
	if (h.backing_offset)
		return refuse(r, "qcow2 images with a backing file are not supported");
	if (h.crypt)
		return refuse(r, "encrypted qcow2 images are not supported");
	if (r->version == 3 && be64_to_cpu(h.incompatible) & ~QCOW2_INCOMPAT_DIRTY)
		return refuse(r, "qcow2 features %llx are not supported",
			      be64_to_cpu(h.incompatible));
	r->cluster_bits = be32_to_cpu(h.cluster_bits);
	if (r->cluster_bits < QCOW2_CLUSTER_BITS_MIN || r->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
		return refuse(r, "damaged qcow2 image: clusters of 2^%u bytes", r->cluster_bits);
	r->cluster = (size_t)1 << r->cluster_bits;
	r->size = be64_to_cpu(h.size);
	if (r->size > S64_MAX)
		return refuse(r, "damaged qcow2 image: size of %llu bytes", r->size);
	r->l1_nr = be32_to_cpu(h.l1_nr);
	r->l1_offset = be64_to_cpu(h.l1_offset);
	return check_l1(r);
}

static int extract_cluster(struct qcow2_reader *r, u64 offset, u64 entry)
{
	u64 from = entry & QCOW2_OFFSET;
	size_t bytes = min_t(u64, r->cluster, r->size - offset);
	int ret;

	if (entry & QCOW2_COMPRESSED)
		return refuse(r, "compressed qcow2 images are not supported");
	if (!from || (r->version == 3 && entry & QCOW2_ZERO))
		return 0;
	if (from & (r->cluster - 1))
		return refuse(r, "damaged qcow2 image: a cluster at byte %llu", from);
	ret = read_all(r, "data", r->buf, bytes, from);
	if (ret || is_zero(r->buf, bytes))
		return ret;
	ret = write_at(r->out, r->buf, bytes, offset);
	return ret ? io_error(r, "cannot be written", ret) : 0;
}

static int extract_l2(struct qcow2_reader *r, u64 offset, u64 entry)
{
	u64 from = entry & QCOW2_OFFSET;
	int ret;

	if (!from)
		return 0;
	if (from & (r->cluster - 1))
		return refuse(r, "damaged qcow2 image: a level 2 table at byte %llu", from);
	ret = read_all(r, "level 2 table", r->l2, r->cluster, from);
	for (size_t i = 0; i < r->cluster / sizeof(__be64) && offset < r->size && !ret; i++) {
		ret = extract_cluster(r, offset, be64_to_cpu(r->l2[i]));
		offset += r->cluster;
	}
	return ret;
}

static int extract(struct qcow2_reader *r)
{
	u64 per_l1 = 1ULL << (2 * r->cluster_bits - 3);
	int ret = 0;

	if (ftruncate(r->out, r->size))
		return io_error(r, "the image cannot be made as large", -errno);
	for (u64 i = 0; i < r->l1_nr && !ret; i++) {
		__be64 entry;

		ret = read_all(r, "level 1 table", &entry, sizeof(entry),
			       r->l1_offset + i * sizeof(entry));
		ret = ret ?: extract_l2(r, i * per_l1, be64_to_cpu(entry));
	}
	return ret;
}

int qcow2_extract(int in, int out, struct printbuf *err)
{
	struct qcow2_reader r = {.in = in, .out = out, .err = err};
	struct stat st;
	int ret;

	if (fstat(in, &st))
		return io_error(&r, "cannot be read", -errno);
	if (!S_ISREG(st.st_mode))
		return refuse(&r, "not a regular file");
	r.file_bytes = st.st_size;
	ret = read_header(&r);
	if (ret)
		return ret;
	r.l2 = malloc(r.cluster);
	r.buf = malloc(r.cluster);
	ret = r.l2 && r.buf ? extract(&r) : io_error(&r, "out of memory", -ENOMEM);
	free(r.l2);
	free(r.buf);
	return ret;
}
