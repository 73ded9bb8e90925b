/* Reading nodes (spec 02 section 7). */
#ifndef _BCH_BTREE_READ_H
#define _BCH_BTREE_READ_H

#include "btree/node.h"
#include "sb/csum.h"

/*
 * Read and check @b, of which key, id and level are set and BTREE_NODE_read_in_flight is on. Never
 * waits; at the end, in another thread, the flag is cleared, BTREE_NODE_read_error set if the node
 * cannot be used, and bch_btree_node_read_done() (cache.h) told.
 */
void bch_btree_node_read(struct bch_fs *c, struct btree *b);

/*
 * Make the content of @b from @raw (bch_node_bytes(), changed), as if it were its only replica. All
 * that is wrong is reported. 0 or -BCH_ERR_btree_node_read_error, -ENOMEM.
 */
int bch_btree_node_decode(struct bch_fs *c, struct btree *b, void *raw);

/*
 * Read the node that @ptr points to, as it is on disk, from its first good device into @buf
 * (bch_node_bytes()). 0; -BCH_ERR_device_offline, -BCH_ERR_no_device_to_read_from; the device's
 * negative errno.
 */
int bch_btree_node_read_raw(struct bch_fs *c, const struct bkey_i *ptr, void *buf);

/* A raw node, bset by bset and key by key: decrypted, nothing checked but bounds. */
struct raw_node {
	struct bch_fs *c;
	u8 *buf;
	bool format_valid;
	struct bkey_format format;   /* valid once the first bset was */
	struct bset *set;	     /* the current bset; NULL: before the first */
	u32 offset;		     /* of it, in sectors */
	bool csum_unknown, csum_bad; /* of it; then its keys are not to be looked at */
	struct bch_csum csum_stored, csum_found;
	const u64 *key, *end; /* the rest of its keys */
};

void bch_raw_node_init(struct raw_node *n, struct bch_fs *c, void *buf);
/* To the next bset; false: there is none. */
bool bch_raw_node_next_set(struct raw_node *n);
/* The next key of the bset: header unpacked to @u, value in the buffer; false: there is none. */
bool bch_raw_node_next_key(struct raw_node *n, struct bkey *u, struct bkey_view *k);

#endif
