/*
 * A btree node in memory (spec 02 sections 9, 11).
 *
 * After reading all bsets are merged into one: sorted, without deleted or overwritten keys, each
 * key checked by every rule. Keys are packed with the node's format where they were on disk.
 */
#ifndef _BCH_BTREE_NODE_H
#define _BCH_BTREE_NODE_H

#include <linux/bitops.h>
#include "btree/bkey.h"
#include "btree/bkey_ops.h"
#include "btree/bset.h"
#include "btree/six.h"
#include "btree/unpack.h"
#include "format/btree.h"
#include "sb/fs.h"

/* Bits of btree.flags. */
enum btree_node_flag {
	BTREE_NODE_read_in_flight,
	BTREE_NODE_read_error,	      /* cannot be read; has no content */
	BTREE_NODE_accessed,	      /* since the clock's hand came by */
	BTREE_NODE_fake,	      /* root of a btree without one */
	BTREE_NODE_topology_reported, /* it or its children do not fit: said once */
	BTREE_NODE_need_rewrite,      /* repaired when read, or a replica is missing or bad */
};

/* A pointer key with room for any value a reader accepts. */
#define BTREE_PTR_U64s_MAX 32

struct btree_ptr_key {
	union {
		struct bkey_i k;
		u64 words[BTREE_PTR_U64s_MAX];
	};
};

struct btree {
	struct six_lock lock; /* of the content */
	unsigned long flags;

	/* Constant while the node is in the cache's table. */
	struct btree_ptr_key key;
	u64 identity; /* seq of a v2 pointer, first pointer of a v1 pointer */
	u8 id;	      /* enum btree_id; may be unknown */
	u8 level;

	/* Of the cache, under its lock. */
	struct hlist_node hash;
	struct list_head list;
	u32 pins;

	/* Content. */
	struct btree_node *data;     /* head, and data->keys.u64s of keys; decrypted, converted */
	size_t data_bytes;	     /* allocated */
	struct bkey_unpacker unpack; /* and the format */
	u64 journal_seq;	     /* highest of all bsets */
	u16 sectors_written;	     /* found on disk */
	u16 nr_packed, nr_unpacked;  /* keys */
	spinlock_t index_lock;	     /* making the index */
	bool indexed;
	struct bset_index index;
};

static inline struct bkey_view btree_ptr_view(const struct btree *b)
{
	return bkey_i_view(&b->key.k);
}

static inline struct bpos btree_node_max(const struct btree *b)
{
	return b->key.k.k.p;
}

static inline struct bkey_packed *btree_node_start(const struct btree *b)
{
	return (struct bkey_packed *)b->data->keys.keys;
}

static inline struct bkey_packed *btree_node_end(const struct btree *b)
{
	return (struct bkey_packed *)(b->data->keys.keys + le16_to_cpu(b->data->keys.u64s));
}

/* Does @k point to a node, with a value that can be looked at? */
static inline bool btree_key_is_ptr(const struct bkey *k)
{
	unsigned min = k->type == KEY_TYPE_btree_ptr_v2 ? sizeof(struct bch_btree_ptr_v2) : 0;

	return (k->type == KEY_TYPE_btree_ptr || k->type == KEY_TYPE_btree_ptr_v2) &&
	       k->u64s > BKEY_U64s + min / sizeof(u64) && k->u64s <= BTREE_PTR_U64s_MAX;
}

/* The v2 value of a pointer key (btree_key_is_ptr()), or NULL. */
static inline const struct bch_btree_ptr_v2 *btree_ptr_v2(const struct bkey_i *k)
{
	return k->k.type == KEY_TYPE_btree_ptr_v2 ? (const void *)k->v : NULL;
}

/* The first key at or behind @pos; btree_node_end() if there is none. */
struct bkey_packed *bch_btree_node_seek(struct btree *b, struct bpos pos);
/* The key before @p (which may be the end), NULL at the start. */
struct bkey_packed *bch_btree_node_prev(struct btree *b, const struct bkey_packed *p);

/* "btree LEVEL/ROOT LEVEL\n  KEY" (26.4). */
void bch_btree_pos_to_text(struct printbuf *out, struct bch_fs *c, unsigned id, unsigned level,
			   const struct bkey_i *ptr);

#endif
