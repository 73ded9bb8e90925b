/*
 * A raw btree node through all of the read path, then what is done with a good node: walks in both
 * directions, searches, text, the raw listing. Nothing on a device may crash it or make it loop.
 *
 * Input: the node; its unused word at byte 72 chooses what the pointer says and whether checksums
 * are made good first.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "btree/bset_numbers.h"
#include "btree/iter.h"
#include "btree/node_read.h"
#include "btree/read.h"
#include "format/versions.h"
#include "init/key_types.h"

#define NODE_SECTORS 32U
#define NODE_BYTES   (NODE_SECTORS << 9)

enum choice {
	GOOD_CSUMS = 1U << 0, /* inverted: they mostly are */
	PTR_V1 = 1U << 1,
	RANGE_UPDATED = 1U << 2,
	NO_SECTORS = 1U << 3,
	BLACKLIST = 1U << 4,
	OTHER_RANGE = 1U << 5,
	ENCRYPTED = 1U << 6,
};

static u64 black;

static bool is_blacklisted(const struct bch_fs *c, u64 seq)
{
	return seq == black;
}

static bool is_ancestor(const struct bch_fs *c, u32 id, u32 ancestor)
{
	return ancestor >= id;
}

static void drop_line(struct bch_fs *c, const char *line)
{
}

static struct bch_fs *open_fs(void)
{
	static struct bch_fs c;
	static struct bch_dev ca;

	if (c.btree && !c.btree->cache.nr_live)
		return &c;
	bch_key_types_init();
	bch_btree_exit(&c);
	ca.mi = (struct bch_member_info){.alive = true,
					 .nbuckets = 1000,
					 .first_bucket = 1,
					 .bucket_size = 512,
					 .durability = 1};
	c.devs[0] = &ca;
	c.version = BCH_VERSION(1, 13);
	c.version_min = BCH_VERSION(0, 9);
	c.block_sectors = 1;
	c.btree_node_sectors = NODE_SECTORS;
	c.encoded_extent_max = 128;
	c.log = drop_line;
	if (bch_btree_init(&c, 0))
		abort();
	c.btree->ops.seq_is_blacklisted = is_blacklisted;
	c.btree->ops.snapshot_is_ancestor = is_ancestor;
	return &c;
}

static void fix_csums(const struct bch_fs *c, u8 *buf)
{
	u64 seq = bset_at(buf, 0)->seq;

	for (u32 offset = 0; offset < NODE_SECTORS;) {
		struct bset *i = bset_at(buf, offset);
		struct bch_csum csum;

		if (i->seq != seq)
			break;
		if (bch_bset_csum_type_known(c, i)) {
			csum = bch_bset_csum(c, buf, offset);
			memcpy(buf + (offset << 9), &csum, sizeof(csum));
		}
		offset += bset_sectors(c, i, offset);
	}
}

static void make_ptr(struct btree *b, const struct btree_node *n, unsigned choice)
{
	struct bch_btree_ptr_v2 *v2 = (void *)b->key.k.v;

	bkey_init_pos(&b->key.k.k, n->max_key);
	b->key.k.k.u64s = BKEY_U64s + (choice & PTR_V1 ? 1 : 6);
	if (choice & PTR_V1) {
		b->key.k.k.type = KEY_TYPE_btree_ptr;
		b->key.k.v[0] = 1 | 512 << 4;
		return;
	}
	b->key.k.k.type = KEY_TYPE_btree_ptr_v2;
	*v2 = (struct bch_btree_ptr_v2){
		.seq = n->keys.seq,
		.sectors_written = cpu_to_le16(choice & NO_SECTORS ? 0 : choice >> 8 & 63),
		.flags = cpu_to_le16(choice & RANGE_UPDATED ? BTREE_PTR_RANGE_UPDATED : 0),
		.min_key = n->min_key,
	};
	b->key.k.v[5] = 1 | 512 << 4;
	if (choice & OTHER_RANGE)
		b->key.k.k.p.inode /= 2;
}

static void list_raw(struct bch_fs *c, u8 *raw)
{
	struct printbuf out = PRINTBUF;
	struct raw_node n;
	struct bkey_view k;
	struct bkey u;

	bch_raw_node_init(&n, c, raw);
	while (bch_raw_node_next_set(&n))
		while (bch_raw_node_next_key(&n, &u, &k)) {
			bch_bkey_val_to_text(&out, c, k);
			printbuf_reset(&out);
		}
	printbuf_exit(&out);
}

/* Keys come in order, and as many in each direction. */
static void walk(struct bch_fs *c, unsigned btree, unsigned flags, bool all)
{
	struct printbuf out = PRINTBUF;
	struct btree_iter iter;
	struct bkey_view k;
	struct bpos last = POS_MIN;
	unsigned nr = 0;
	int ret;

	bch_iter_init(&iter, c, btree, SPOS(0, 0, 5), flags);
	if (all)
		bch_iter_set_pos(&iter, POS_MIN);
	while ((ret = bch_iter_peek(&iter, &k)) || k.k) {
		if (ret && !bch_iter_skip_unreadable(&iter))
			break;
		if (ret)
			continue;
		if (nr && all && bpos_le(k.k->p, last))
			abort();
		last = k.k->p;
		nr++;
		bch_bkey_val_to_text(&out, c, k);
		printbuf_reset(&out);
		bch_iter_advance(&iter);
	}
	bch_iter_set_pos(&iter, all ? SPOS_MAX : SPOS(U64_MAX, U64_MAX, 5));
	for (ret = bch_iter_peek_prev(&iter, &k); !ret && k.k; ret = bch_iter_prev(&iter, &k))
		nr--;
	if (!ret && nr && all)
		abort();
	for (unsigned i = 0; i < 8; i++) {
		bch_iter_set_pos(&iter, SPOS(last.inode, last.offset / (i + 1), 5));
		if (!bch_iter_peek_slot(&iter, &k))
			bch_iter_next_slot(&iter, &k);
	}
	bch_iter_exit(&iter);
	printbuf_exit(&out);
}

static void use_node(struct bch_fs *c, struct btree *b)
{
	struct btree_root *root = &c->btree->roots[b->id];
	struct bset_keys keys = {b->data->keys.keys, le16_to_cpu(b->data->keys.u64s)};

	*root = (struct btree_root){.b = b, .alive = true, .level = b->level};
	bkey_i_copy(&root->key.k, &b->key.k);
	bch_bset_numbers(&b->unpack.format, keys, b->data->min_key, b->data->max_key);
	walk(c, b->id, BTREE_ITER_all_snapshots, true);
	walk(c, b->id, 0, false);
	*root = (struct btree_root){};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bch_crypt_key key = {{1, 2, 3, 4}};
	static u8 raw[NODE_BYTES] __aligned(8), copy[NODE_BYTES] __aligned(8);
	struct btree_node *n = (struct btree_node *)raw;
	struct bch_fs *c = open_fs();
	struct btree *b;
	unsigned choice;

	memset(raw, 0, sizeof(raw));
	memcpy(raw, data, min(size, sizeof(raw)));
	choice = le64_to_cpu(n->unused_ptr);
	n->magic = cpu_to_le64(bch_uuid_lo(c) ^ BTREE_NODE_MAGIC_XOR);
	c->key = choice & ENCRYPTED ? (struct bch_crypt_key *)&key : NULL;
	black = choice & BLACKLIST ? le64_to_cpu(n->keys.journal_seq) ^ (choice >> 16 & 3) :
				     U64_MAX;
	if (!(choice & GOOD_CSUMS))
		fix_csums(c, raw);
	memcpy(copy, raw, sizeof(raw));
	list_raw(c, copy);

	b = bch_btree_node_alloc_fake(c, 0, 0);
	kvfree(b->data);
	b->data = NULL;
	b->flags = 0;
	b->id = BTREE_NODE_ID(le64_to_cpu(n->flags)) % BTREE_ID_NR_MAX;
	b->level = BTREE_NODE_LEVEL(le64_to_cpu(n->flags)) % BTREE_MAX_DEPTH;
	make_ptr(b, n, choice);
	if (!bch_btree_node_decode(c, b, raw))
		use_node(c, b);
	bch_btree_node_free(b);
	return 0;
}
