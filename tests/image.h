/*
 * Btree nodes of an image, found by their magic, for tests and benchmarks of what needs no open
 * filesystem. Unencrypted images, plain or compressed with zstd; content is bounded, not checked.
 *
 *	struct image img;
 *	if (!image_open(&img, "tests/images/basic/dev0.img.zst"))
 *		for (u64 at = 0; image_next_node(&img, &at, &node);)
 *			...
 */
#ifndef _BCH_TESTS_IMAGE_H
#define _BCH_TESTS_IMAGE_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#include "btree/bkey.h"
#include "format/btree.h"
#include "format/sb.h"

#define IMAGE_BLOCK	4096
#define IMAGE_MAX_BSETS 128

struct image {
	int fd;
	const u8 *data;
	size_t bytes;
	u64 data_end; /* no hole between the last block looked at and here */
	u64 magic;    /* of btree nodes */
	size_t node_bytes;
	size_t block_bytes;
	unsigned version_min;
};

struct image_bset {
	u64 *keys;
	unsigned u64s;
};

struct image_node {
	const struct btree_node *head;
	u64 offset;	  /* bytes from the image's start */
	unsigned sectors; /* of all bsets */
	unsigned nr;
	struct image_bset set[IMAGE_MAX_BSETS];
};

/* Write @buf where it is not zero: memory files are sparse. */
static inline int image_put(int fd, const u8 *buf, size_t bytes, off_t at)
{
	static const u8 zero[IMAGE_BLOCK];

	for (size_t i = 0; i < bytes; i += IMAGE_BLOCK) {
		size_t n = bytes - i < IMAGE_BLOCK ? bytes - i : IMAGE_BLOCK;

		if (memcmp(buf + i, zero, n) && pwrite(fd, buf + i, n, at + i) != (ssize_t)n)
			return -EIO;
	}
	return 0;
}

/* A memory file with the uncompressed image, or a negative errno. */
static inline int image_decompress(int in, off_t *bytes)
{
	size_t in_size = ZSTD_DStreamInSize(), out_size = 1 << 20;
	void *in_buf = malloc(in_size), *out_buf = malloc(out_size);
	ZSTD_DStream *stream = ZSTD_createDStream();
	int out = memfd_create("image", 0), ret = out < 0 ? -errno : 0;
	ssize_t got = 0;

	*bytes = 0;
	while (!ret && (got = read(in, in_buf, in_size)) > 0) {
		ZSTD_inBuffer src = {in_buf, got, 0};
		ZSTD_outBuffer dst = {out_buf, out_size, out_size};

		while (!ret && (src.pos < src.size || dst.pos == dst.size)) {
			dst.pos = 0;
			if (ZSTD_isError(ZSTD_decompressStream(stream, &dst, &src)))
				ret = -EILSEQ;
			else
				ret = image_put(out, out_buf, dst.pos, *bytes);
			*bytes += dst.pos;
		}
	}
	if (!ret && (got < 0 || ftruncate(out, *bytes)))
		ret = -EIO;
	ZSTD_freeDStream(stream);
	free(in_buf);
	free(out_buf);
	if (ret && out >= 0)
		close(out);
	return ret ?: out;
}

static inline void image_close(struct image *img)
{
	munmap((void *)img->data, img->bytes);
	close(img->fd);
}

static inline int image_open(struct image *img, const char *path)
{
	int fd = open(path, O_RDONLY), out;
	const struct bch_sb *sb;
	struct stat st;
	u64 uuid;

	*img = (struct image){};
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (strstr(path, ".zst")) {
		out = image_decompress(fd, &st.st_size);
		close(fd);
		if (out < 0)
			return out;
		fd = out;
	}
	img->bytes = st.st_size;
	img->fd = fd;
	img->data = mmap(NULL, img->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (img->data == MAP_FAILED || img->bytes < 8192)
		return -EINVAL;
	sb = (const void *)(img->data + 4096);
	memcpy(&uuid, sb->uuid, sizeof(uuid));
	img->magic = uuid ^ BTREE_NODE_MAGIC_XOR;
	img->node_bytes = (le64_to_cpu(sb->flags[0]) >> 12 & 0xffff) * 512;
	img->block_bytes = le16_to_cpu(sb->block_size) * 512;
	img->version_min = le16_to_cpu(sb->version_min);
	return img->node_bytes && img->block_bytes ? 0 : -EINVAL;
}

/* As many words of @set as whole keys lie in it. */
static inline unsigned image_whole_keys(const struct bkey_format *f, const struct image_bset *set)
{
	unsigned at = 0;

	while (at < set->u64s) {
		const struct bkey_packed *p = (const void *)(set->keys + at);

		if (bkey_p_format(p) > KEY_FORMAT_CURRENT || p->u64s < bkey_p_key_u64s(f, p) ||
		    at + p->u64s > set->u64s)
			break;
		at += p->u64s;
	}
	return at;
}

/* The node at byte @offset, its bsets in at most @sectors (0: all with the node's seq). */
static inline bool image_node_at(const struct image *img, u64 offset, unsigned sectors,
				 struct image_node *n)
{
	const struct btree_node *head = (const void *)(img->data + offset);
	size_t limit = sectors ? sectors * 512 : img->node_bytes, at = 0;
	size_t head_bytes = offsetof(struct btree_node, keys);

	*n = (struct image_node){.head = head, .offset = offset};
	limit = limit < img->node_bytes ? limit : img->node_bytes;
	if (offset + img->node_bytes > img->bytes || le64_to_cpu(head->magic) != img->magic ||
	    head->format.nr_fields != BKEY_NR_FIELDS || head->format.key_u64s > BKEY_U64s)
		return false;
	while (at + img->block_bytes <= limit && n->nr < IMAGE_MAX_BSETS) {
		struct bset *i = (void *)((u8 *)head + at + head_bytes);
		unsigned u64s = le16_to_cpu(i->u64s);
		size_t bytes = head_bytes + sizeof(*i) + u64s * 8;
		struct image_bset *set = &n->set[n->nr];

		if (i->seq != head->keys.seq || bytes > limit - at ||
		    BSET_CSUM_TYPE(le32_to_cpu(i->flags)) == 4)
			break;
		*set = (struct image_bset){i->keys, u64s};
		set->u64s = image_whole_keys(&head->format, set);
		n->nr++;
		at = (at + bytes + img->block_bytes - 1) / img->block_bytes * img->block_bytes;
		n->sectors = at / 512;
		head_bytes = offsetof(struct btree_node_entry, keys);
	}
	return n->nr > 0;
}

/* The first block at or behind byte @at that is not in a hole. */
static inline u64 image_skip_hole(struct image *img, u64 at)
{
	off_t data;

	if (at < img->data_end)
		return at;
	data = lseek(img->fd, at, SEEK_DATA);
	if (data < 0)
		return img->bytes;
	img->data_end = lseek(img->fd, data, SEEK_HOLE);
	return data / IMAGE_BLOCK * IMAGE_BLOCK;
}

/* The first node at or behind byte *@at; *@at moves behind its first block. */
static inline bool image_next_node(struct image *img, u64 *at, struct image_node *n)
{
	if (!*at)
		img->data_end = 0;
	for (; *at + img->node_bytes <= img->bytes; *at += IMAGE_BLOCK) {
		u64 magic;

		*at = image_skip_hole(img, *at);
		if (*at + img->node_bytes > img->bytes)
			break;
		memcpy(&magic, img->data + *at + offsetof(struct btree_node, magic), 8);
		if (magic == img->magic && image_node_at(img, *at, 0, n)) {
			*at += IMAGE_BLOCK;
			return true;
		}
	}
	return false;
}

#endif
