/*
 * The node cache (spec 02 section 11).
 *
 * A node is found under cache->lock and pinned, so that it stays; then waited for and locked
 * without it. Who holds a node's lock needs no pin: only nodes that nobody has locked are evicted.
 */
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "btree/cache.h"
#include "btree/read.h"
#include "btree/state.h"
#include "format/sb_errors.h"

#define CACHE_TABLE_BITS     14
#define CACHE_MEMORY_DEFAULT (4ULL << 30)
/* Reads in flight that prefetching may cause. */
#define PREFETCH_MAX	     32

/* Nodes */

static void node_free(struct btree *b)
{
	bch_bset_index_exit(&b->index);
	kvfree(b->data);
	kfree(b);
}

void bch_btree_node_free(struct btree *b)
{
	if (b)
		node_free(b);
}

static struct btree *node_alloc(unsigned id, unsigned level)
{
	struct btree *b = kzalloc(sizeof(*b), GFP_KERNEL);

	if (!b)
		return NULL;
	bch_six_init(&b->lock);
	INIT_LIST_HEAD(&b->list);
	b->id = id;
	b->level = level;
	return b;
}

struct btree *bch_btree_node_alloc_fake(struct bch_fs *c, unsigned id, unsigned level)
{
	struct btree *b = node_alloc(id, level);
	struct bkey_format_state s;

	if (!b)
		return NULL;
	b->data = kvzalloc(sizeof(*b->data), GFP_KERNEL);
	if (!b->data) {
		node_free(b);
		return NULL;
	}
	bkey_init_pos(&b->key.k.k, SPOS_MAX);
	b->key.k.k.type = KEY_TYPE_btree_ptr;
	b->identity = U64_MAX - id;
	b->data->max_key = SPOS_MAX;
	bch_bkey_format_init(&s);
	bch_bkey_format_add_pos(&s, POS_MIN);
	bch_bkey_format_add_pos(&s, SPOS_MAX);
	b->data->format = bch_bkey_format_done(&s);
	bch_unpacker_init(&b->unpack, &b->data->format);
	set_bit(BTREE_NODE_fake, &b->flags);
	return b;
}

/* Buffers */

void *bch_btree_buf_get(struct bch_fs *c)
{
	struct btree_cache *cache = &c->btree->cache;
	void *buf = NULL;

	mutex_lock(&cache->lock);
	if (cache->nr_bufs)
		buf = cache->bufs[--cache->nr_bufs];
	mutex_unlock(&cache->lock);
	return buf ?: kvmalloc(bch_node_bytes(c), GFP_KERNEL);
}

void bch_btree_buf_put(struct bch_fs *c, void *buf)
{
	struct btree_cache *cache = &c->btree->cache;

	if (!buf)
		return;
	mutex_lock(&cache->lock);
	if (cache->nr_bufs < ARRAY_SIZE(cache->bufs)) {
		cache->bufs[cache->nr_bufs++] = buf;
		buf = NULL;
	}
	mutex_unlock(&cache->lock);
	kvfree(buf);
}

/* The table; all of it under cache->lock */

static u64 ptr_identity(const struct bkey_i *key)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(key);

	return v2 ? le64_to_cpu(v2->seq) : key->v[0];
}

static struct hlist_head *table_slot(struct btree_cache *cache, u64 identity)
{
	return &cache->table[hash_64(identity, cache->table_bits)];
}

/* Several pointers may lead to parts of one node. */
static bool same_part(const struct btree *b, const struct bkey_i *key)
{
	const struct bch_btree_ptr_v2 *l = btree_ptr_v2(&b->key.k), *r = btree_ptr_v2(key);

	return !r || !(le16_to_cpu(r->flags) & BTREE_PTR_RANGE_UPDATED) ||
	       (bpos_eq(b->key.k.k.p, key->k.p) && bpos_eq(l->min_key, r->min_key));
}

static struct btree *table_find(struct btree_cache *cache, unsigned id, unsigned level,
				const struct bkey_i *key)
{
	u64 identity = ptr_identity(key);
	struct btree *b;

	hlist_for_each_entry(b, table_slot(cache, identity), hash)
		if (b->identity == identity && b->id == id && b->level == level &&
		    b->key.k.k.type == key->k.type && same_part(b, key))
			return b;
	return NULL;
}

static size_t node_bytes(const struct btree *b)
{
	return sizeof(*b) + b->data_bytes;
}

static void table_del(struct btree_cache *cache, struct btree *b)
{
	hlist_del(&b->hash);
	list_del(&b->list);
	cache->nr_live--;
	cache->bytes -= node_bytes(b);
}

/* Free @b unless somebody uses it. */
static bool try_evict(struct btree_cache *cache, struct btree *b)
{
	if (b->pins || test_bit_acquire(BTREE_NODE_read_in_flight, &b->flags))
		return false;
	if (!bch_six_trylock(&b->lock, SIX_LOCK_intent))
		return false;
	if (!bch_six_trylock(&b->lock, SIX_LOCK_write)) {
		bch_six_unlock(&b->lock, SIX_LOCK_intent);
		return false;
	}
	table_del(cache, b);
	bch_six_unlock(&b->lock, SIX_LOCK_write);
	bch_six_unlock(&b->lock, SIX_LOCK_intent);
	node_free(b);
	return true;
}

/* Make room: a node that was used since the hand last came by gets another round. */
static void shrink(struct btree_cache *cache)
{
	unsigned left = cache->nr_live * 2;

	while (cache->bytes > cache->max_bytes && left--) {
		struct btree *b = list_first_entry(&cache->live, struct btree, list);

		if (!test_and_clear_bit(BTREE_NODE_accessed, &b->flags) && try_evict(cache, b))
			cache->nr_evicted++;
		else
			list_move_tail(&b->list, &cache->live);
	}
}

static struct btree *table_add(struct bch_fs *c, unsigned id, unsigned level,
			       const struct bkey_i *key)
{
	struct btree_cache *cache = &c->btree->cache;
	struct btree *b;

	if (key->k.u64s > BTREE_PTR_U64s_MAX)
		return NULL;
	b = node_alloc(id, level);
	if (!b)
		return NULL;
	bkey_i_copy(&b->key.k, key);
	b->identity = ptr_identity(key);
	__set_bit(BTREE_NODE_read_in_flight, &b->flags);
	hlist_add_head(&b->hash, table_slot(cache, b->identity));
	list_add_tail(&b->list, &cache->live);
	cache->nr_live++;
	atomic_inc(&cache->nr_in_flight);
	cache->nr_reads++;
	cache->bytes += node_bytes(b);
	shrink(cache);
	return b;
}

void bch_btree_node_read_done(struct bch_fs *c, struct btree *b, int error)
{
	struct btree_cache *cache = &c->btree->cache;

	mutex_lock(&cache->lock);
	cache->bytes += b->data_bytes;
	atomic_dec(&cache->nr_in_flight);
	if (error)
		set_bit(BTREE_NODE_read_error, &b->flags);
	clear_bit_unlock(BTREE_NODE_read_in_flight, &b->flags);
	mutex_unlock(&cache->lock);
	wake_up_all(&cache->read_done);
}

/* Getting nodes */

void bch_btree_node_pin(struct bch_fs *c, struct btree *b)
{
	mutex_lock(&c->btree->cache.lock);
	b->pins++;
	mutex_unlock(&c->btree->cache.lock);
}

void bch_btree_node_unpin(struct bch_fs *c, struct btree *b)
{
	mutex_lock(&c->btree->cache.lock);
	BUG_ON(!b->pins);
	b->pins--;
	mutex_unlock(&c->btree->cache.lock);
}

static void prt_range(struct printbuf *out, const char *a, struct bpos l, const char *b,
		      struct bpos r)
{
	prt_str(out, a);
	bch_bpos_to_text(out, l);
	prt_str(out, b);
	bch_bpos_to_text(out, r);
}

/* The range of a node that is in memory must still be what its parent says. */
static int check_header(struct bch_fs *c, struct btree *b, const struct bkey_i *key)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(key);
	struct printbuf text = PRINTBUF;

	if (bpos_eq(b->data->max_key, key->k.p) && (!v2 || bpos_eq(b->data->min_key, v2->min_key)))
		return 0;
	if (test_and_set_bit(BTREE_NODE_topology_reported, &b->flags))
		return -BCH_ERR_btree_node_read_error;
	prt_str(&text, "btree node header doesn't match ptr\nbtree ");
	bch_btree_id_to_text(&text, b->id);
	prt_printf(&text, " level %u\nptr: ", b->level);
	bch_bkey_val_to_text(&text, c, bkey_i_view(key));
	prt_str(&text, "\nheader: btree ");
	bch_btree_id_to_text(&text, BTREE_NODE_ID(le64_to_cpu(b->data->flags)));
	prt_printf(&text, " level %llu", BTREE_NODE_LEVEL(le64_to_cpu(b->data->flags)));
	prt_range(&text, "\nmin ", b->data->min_key, "\nmax ", b->data->max_key);
	bch_btree_report(c, &(struct btree_finding){
				    .id = BCH_FSCK_ERR_btree_node_topology_bad_min_key,
				    .class = BTREE_FINDING_BAD,
				    .btree = b->id,
				    .level = b->level,
				    .ptr = key,
				    .text = printbuf_str(&text),
			    });
	printbuf_exit(&text);
	return -BCH_ERR_btree_node_read_error;
}

struct btree *bch_btree_node_get(struct bch_fs *c, unsigned id, unsigned level,
				 const struct bkey_i *key, enum six_lock_type lock)
{
	struct btree_cache *cache = &c->btree->cache;
	struct btree *b;
	bool start;
	int ret = 0;

	mutex_lock(&cache->lock);
	b = table_find(cache, id, level, key);
	start = !b;
	if (start)
		b = table_add(c, id, level, key);
	else
		cache->nr_hits++;
	if (b)
		b->pins++;
	mutex_unlock(&cache->lock);
	if (!b)
		return ERR_PTR(-ENOMEM);
	if (start)
		bch_btree_node_read(c, b);

	wait_event(cache->read_done, !test_bit_acquire(BTREE_NODE_read_in_flight, &b->flags));
	if (test_bit(BTREE_NODE_read_error, &b->flags)) {
		ret = -BCH_ERR_btree_node_read_error;
	} else {
		bch_six_lock(&b->lock, lock);
		set_bit(BTREE_NODE_accessed, &b->flags);
		ret = check_header(c, b, key);
		if (ret)
			bch_six_unlock(&b->lock, lock);
	}
	bch_btree_node_unpin(c, b);
	return ret ? ERR_PTR(ret) : b;
}

bool bch_btree_node_prefetch(struct bch_fs *c, unsigned id, unsigned level,
			     const struct bkey_i *key)
{
	struct btree_cache *cache = &c->btree->cache;
	struct btree *b = NULL;
	bool enough;

	mutex_lock(&cache->lock);
	enough = atomic_read(&cache->nr_in_flight) >= PREFETCH_MAX;
	if (!enough && !table_find(cache, id, level, key))
		b = table_add(c, id, level, key);
	mutex_unlock(&cache->lock);
	if (b)
		bch_btree_node_read(c, b);
	return !enough;
}

void bch_btree_node_unlock_drop(struct bch_fs *c, struct btree *b, enum six_lock_type lock)
{
	struct btree_cache *cache = &c->btree->cache;

	mutex_lock(&cache->lock);
	bch_six_unlock(&b->lock, lock);
	try_evict(cache, b);
	mutex_unlock(&cache->lock);
}

/* Start and end */

static u64 default_memory(void)
{
	return min(CACHE_MEMORY_DEFAULT, (u64)totalram_pages() * PAGE_SIZE / 4);
}

int bch_btree_cache_init(struct bch_fs *c, u64 memory)
{
	struct btree_cache *cache = &c->btree->cache;

	mutex_init(&cache->lock);
	INIT_LIST_HEAD(&cache->live);
	init_waitqueue_head(&cache->read_done);
	cache->max_bytes = memory ?: default_memory();
	cache->table_bits = CACHE_TABLE_BITS;
	cache->table = kvzalloc(sizeof(*cache->table) << cache->table_bits, GFP_KERNEL);
	cache->wq = alloc_workqueue("btree_read", WQ_UNBOUND, 0);
	return cache->table && cache->wq ? 0 : -ENOMEM;
}

void bch_btree_cache_exit(struct bch_fs *c)
{
	struct btree_cache *cache = &c->btree->cache;
	struct btree *b, *next;

	if (!cache->table)
		return;
	wait_event(cache->read_done, !atomic_read(&cache->nr_in_flight));
	if (cache->wq)
		destroy_workqueue(cache->wq);
	list_for_each_entry_safe(b, next, &cache->live, list)
		node_free(b);
	while (cache->nr_bufs)
		kvfree(cache->bufs[--cache->nr_bufs]);
	kvfree(cache->table);
	cache->table = NULL;
}
