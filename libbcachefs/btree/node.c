/* A btree node in memory: finding keys in it. */
#include "btree/node.h"

struct bkey_packed *bch_btree_node_seek(struct btree *b, struct bpos pos)
{
	struct bkey_packed *p = btree_node_start(b), *end = btree_node_end(b);

	while (p != end && bch_bkey_p_cmp_pos(&b->unpack.format, p, pos) < 0)
		p = bkey_p_next(p);
	return p;
}

struct bkey_packed *bch_btree_node_prev(struct btree *b, const struct bkey_packed *p)
{
	struct bkey_packed *prev = NULL, *k = btree_node_start(b);

	while (k != p) {
		prev = k;
		k = bkey_p_next(k);
	}
	return prev;
}
