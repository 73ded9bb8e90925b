/*
 * A small filesystem with btrees made by hand: temporary files as devices, nodes written to them
 * bset by bset, and a struct bch_fs that reads them. For tests of reading and iterating.
 */
#ifndef _BCH_TESTS_UNIT_BTREE_IMAGE_H
#define _BCH_TESTS_UNIT_BTREE_IMAGE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include "btree/iter.h"
#include "btree/node_read.h"
#include "format/versions.h"
#include "init/key_types.h"
#include "random_keys.h"

#define IMG_NODE_SECTORS 16U
#define IMG_NODE_BYTES	 (IMG_NODE_SECTORS << 9)
#define IMG_NODES_MAX	 4096U
#define IMG_BUCKET	 128U

/* A key with one word of value. */
struct img_key {
	struct bkey k;
	u64 v;
};

struct img {
	struct bch_fs *c;
	struct bch_dev dev[2];
	char path[2][40];
	int fd[2];
	unsigned nr_devs;
	u32 next;		  /* node */
	struct printbuf messages; /* all that was logged */
};

static struct img *img_of_fs;

static void img_log(struct bch_fs *c, const char *line)
{
	prt_str(&img_of_fs->messages, line);
	prt_newline(&img_of_fs->messages);
}

static inline struct img *img_new(unsigned nr_devs, u64 memory)
{
	struct img *img = calloc(1, sizeof(*img));
	struct bch_fs *c = calloc(1, sizeof(*c));

	bch_key_types_init();
	img->c = c;
	img->nr_devs = nr_devs;
	img_of_fs = img;
	c->log = img_log;
	c->version = c->version_min = BCH_VERSION(1, 13);
	c->block_sectors = 1;
	c->btree_node_sectors = IMG_NODE_SECTORS;
	c->nr_devices = nr_devs;
	memset(c->uuid, 0x5a, sizeof(c->uuid));
	for (unsigned i = 0; i < nr_devs; i++) {
		struct bch_dev *ca = &img->dev[i];

		strcpy(img->path[i], "/tmp/bcachefs-test-XXXXXX");
		img->fd[i] = mkstemp(img->path[i]);
		if (img->fd[i] < 0 || ftruncate(img->fd[i], (IMG_NODES_MAX + 8) * IMG_NODE_BYTES))
			abort();
		*ca = (struct bch_dev){
			.fs = c, .idx = i, .path = img->path[i], .name = i ? "b" : "a"};
		ca->mi = (struct bch_member_info){.alive = true,
						  .first_bucket = 1,
						  .bucket_size = IMG_BUCKET,
						  .durability = 1,
						  .nbuckets = IMG_NODES_MAX * IMG_NODE_SECTORS /
							      IMG_BUCKET};
		ca->bdev = bdev_open(img->path[i], BLK_OPEN_READ);
		if (IS_ERR(ca->bdev))
			abort();
		c->devs[i] = ca;
	}
	img->next = IMG_BUCKET / IMG_NODE_SECTORS;
	if (bch_btree_init(c, memory))
		abort();
	return img;
}

static inline void img_free(struct img *img)
{
	bch_btree_exit(img->c);
	for (unsigned i = 0; i < img->nr_devs; i++) {
		bdev_close(img->dev[i].bdev);
		close(img->fd[i]);
		unlink(img->path[i]);
	}
	printbuf_exit(&img->messages);
	free(img->c);
	free(img);
}

/* Forget what is in memory, messages and errors, but not the roots. */
static inline void img_reopen(struct img *img, u64 memory)
{
	struct btree_root roots[BTREE_ID_NR_MAX];

	memcpy(roots, img->c->btree->roots, sizeof(roots));
	bch_btree_exit(img->c);
	if (bch_btree_init(img->c, memory))
		abort();
	for (unsigned id = 0; id < BTREE_ID_NR_MAX; id++)
		if (roots[id].alive)
			bch_btree_root_set(img->c, id, roots[id].level, &roots[id].key.k);
	img->c->nr_errors = 0;
	printbuf_reset(&img->messages);
}

static inline struct img_key img_key(struct bpos p, u8 type, u64 v)
{
	struct img_key k = {.v = v};

	bkey_init_pos(&k.k, p);
	k.k.type = type;
	k.k.u64s = BKEY_U64s + (type == KEY_TYPE_cookie);
	return k;
}

/* A node while it is written. */
struct img_node {
	struct img *img;
	u64 buf[IMG_NODE_BYTES / 8];
	u32 nr;	    /* which of the image */
	u32 offset; /* sectors written */
	u64 *dst;   /* end of the current bset */
	struct bset *set;
	u64 seq;
	struct bpos min, max;
	struct bkey_format format;
};

static inline void img_node_begin(struct img_node *n, struct img *img, unsigned id, unsigned level,
				  struct bpos min, struct bpos max, const struct bkey_format *f)
{
	struct btree_node *head = (struct btree_node *)n->buf;
	struct bkey_format_state s;

	memset(n, 0, sizeof(*n));
	n->img = img;
	n->nr = img->next++;
	n->seq = random_u64() | 1;
	head->magic = cpu_to_le64(bch_uuid_lo(img->c) ^ BTREE_NODE_MAGIC_XOR);
	head->flags = cpu_to_le64((id & 0xf) | level << 4 | (u64)(id >> 4) << 9 |
				  BTREE_NODE_NEW_EXTENT_OVERWRITE | 1ULL << 32);
	head->min_key = min;
	head->max_key = max;
	if (f) {
		head->format = *f;
	} else {
		bch_bkey_format_init(&s);
		bch_bkey_format_add_pos(&s, min);
		bch_bkey_format_add_pos(&s, max);
		head->format = bch_bkey_format_done(&s);
	}
	n->min = min;
	n->max = max;
	n->format = head->format;
	n->set = &head->keys;
	n->dst = n->set->keys;
}

static inline void img_node_key(struct img_node *n, const struct bkey_i *k)
{
	struct bkey_packed *p = (struct bkey_packed *)n->dst;

	if (n->dst + k->k.u64s > n->buf + ARRAY_SIZE(n->buf))
		abort();
	if (!bch_bkey_pack(&n->format, p, k))
		bkey_i_copy((struct bkey_i *)p, k);
	n->dst += p->u64s;
}

/* Close the current bset and begin another. */
static inline void img_node_end_set(struct img_node *n)
{
	u8 *start = (u8 *)n->buf + (n->offset << 9);
	unsigned type = n->img->c->key ? BCH_CSUM_chacha20_poly1305_128 : BCH_CSUM_crc32c_nonzero;
	struct bch_csum csum;

	if (n->offset && n->dst == n->set->keys)
		return;
	n->set->seq = cpu_to_le64(n->seq);
	n->set->journal_seq = cpu_to_le64(n->offset);
	n->set->flags = cpu_to_le32(type | n->offset << 16);
	n->set->version = cpu_to_le16(n->img->c->version);
	n->set->u64s = cpu_to_le16(n->dst - n->set->keys);
	bch_bset_decrypt(n->img->c, (u8 *)n->buf, n->offset); /* enciphers as well */
	csum = bch_bset_csum(n->img->c, (u8 *)n->buf, n->offset);
	memcpy(start, &csum, sizeof(csum));
	n->offset += round_up((u64)((u8 *)n->dst - start), 512) >> 9;
	if (n->offset < IMG_NODE_SECTORS) {
		n->set = (struct bset *)((u8 *)n->buf + (n->offset << 9) + 16);
		n->dst = n->set->keys;
	}
}

/* Write it to all devices; the key that points to it. */
static inline struct btree_ptr_key img_node_end(struct img_node *n)
{
	struct btree_ptr_key key = {};
	struct bch_btree_ptr_v2 *v2 = (void *)key.k.v;

	for (unsigned i = 0; i < n->img->nr_devs; i++) {
		if (pwrite(n->img->fd[i], n->buf, IMG_NODE_BYTES, (u64)n->nr * IMG_NODE_BYTES) !=
		    IMG_NODE_BYTES)
			abort();
		v2->start[i] = cpu_to_le64(1 | (u64)n->nr * IMG_NODE_SECTORS << 4 | (u64)i << 48);
	}
	bkey_init_pos(&key.k.k, n->max);
	key.k.k.type = KEY_TYPE_btree_ptr_v2;
	key.k.k.u64s = BKEY_U64s + 5 + n->img->nr_devs;
	v2->seq = cpu_to_le64(n->seq);
	v2->sectors_written = cpu_to_le16(n->offset);
	v2->min_key = n->min;
	return key;
}

/* Change a byte of node @nr on device @dev. */
static inline void img_damage(struct img *img, unsigned dev, u32 nr, u32 byte)
{
	u64 at = (u64)nr * IMG_NODE_BYTES + byte;
	u8 b;

	if (pread(img->fd[dev], &b, 1, at) != 1)
		abort();
	b ^= 0x40;
	if (pwrite(img->fd[dev], &b, 1, at) != 1)
		abort();
}

/*
 * A leaf of @keys in up to 4 bsets: with older versions, deleted keys and such that were deleted
 * when @noise.
 */
static inline struct btree_ptr_key img_leaf(struct img *img, unsigned id, struct bpos min,
					    struct bpos max, const struct img_key *keys,
					    unsigned nr, bool noise)
{
	unsigned sets = noise ? 1 + random_below(4) : 1;
	struct bkey_format_state s;
	struct bkey_format f;
	struct img_node n;
	u8 *set_of = calloc(nr + 1, 1);

	bch_bkey_format_init(&s);
	bch_bkey_format_add_pos(&s, min);
	bch_bkey_format_add_pos(&s, max);
	/* Keys that are not fed may not pack. */
	for (unsigned i = 0; i < nr; i++) {
		if (!noise || random_below(8))
			bch_bkey_format_add_key(&s, &keys[i].k);
		set_of[i] = random_below(sets);
	}
	f = bch_bkey_format_done(&s);
	img_node_begin(&n, img, id, 0, min, max, &f);
	for (unsigned set = 0; set < sets; set++) {
		for (unsigned i = 0; i < nr; i++) {
			struct img_key k = keys[i];

			if (set < set_of[i]) {
				if (random_below(3))
					continue;
				k.v ^= 0xbad;
				if (!random_below(3))
					k = img_key(k.k.p, KEY_TYPE_deleted, 0);
			} else if (set > set_of[i]) {
				continue;
			}
			img_node_key(&n, (struct bkey_i *)&k);
		}
		img_node_end_set(&n);
	}
	free(set_of);
	return img_node_end(&n);
}

/* A btree of the sorted @keys, at most @per_leaf and @per_node in a node; sets its root. */
static inline void img_tree(struct img *img, unsigned id, const struct img_key *keys, unsigned nr,
			    unsigned per_leaf, unsigned per_node, bool noise)
{
	unsigned nr_ptrs = 0, level = 0, i = 0;
	struct btree_ptr_key *ptrs = calloc(nr + 2, sizeof(*ptrs));
	struct bpos min = POS_MIN, max;

	do {
		unsigned this = min(nr - i, per_leaf);

		if (noise && this > 2)
			this = 1 + random_below(this);
		max = i + this == nr ? SPOS_MAX : keys[i + this - 1].k.p;
		ptrs[nr_ptrs++] = img_leaf(img, id, min, max, keys + i, this, noise);
		min = bpos_successor(max);
		i += this;
	} while (i < nr);
	while (nr_ptrs > 1) {
		unsigned nr_next = 0;

		level++;
		for (i = 0; i < nr_ptrs;) {
			unsigned this = min(nr_ptrs - i, per_node);
			struct bch_btree_ptr_v2 *v2 = (void *)ptrs[i].k.v;
			struct img_node n;

			img_node_begin(&n, img, id, level, v2->min_key, ptrs[i + this - 1].k.k.p,
				       NULL);
			for (unsigned end = i + this; i < end; i++)
				img_node_key(&n, &ptrs[i].k);
			img_node_end_set(&n);
			ptrs[nr_next++] = img_node_end(&n);
		}
		nr_ptrs = nr_next;
	}
	if (level >= BTREE_MAX_DEPTH || bch_btree_root_set(img->c, id, level, &ptrs[0].k))
		abort();
	free(ptrs);
}

#endif
