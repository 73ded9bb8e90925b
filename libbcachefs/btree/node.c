/* A btree node in memory: finding keys in it. */
#include <linux/atomic.h>
#include "btree/node.h"

/* The index is made when it is first wanted: a walk from the start needs none. */
static const struct bset_index *node_index(struct btree *b)
{
	if (smp_load_acquire(&b->indexed))
		return &b->index;
	spin_lock(&b->index_lock);
	if (!b->indexed) {
		bch_bset_index_init(&b->index, &b->unpack,
				    (struct bset_keys){b->data->keys.keys,
						       le16_to_cpu(b->data->keys.u64s)});
		smp_store_release(&b->indexed, true);
	}
	spin_unlock(&b->index_lock);
	return &b->index;
}

struct bkey_packed *bch_btree_node_seek(struct btree *b, struct bpos pos)
{
	return bch_bset_search(node_index(b), &b->unpack, pos);
}

struct bkey_packed *bch_btree_node_prev(struct btree *b, const struct bkey_packed *p)
{
	return bch_bset_prev(node_index(b), p);
}
