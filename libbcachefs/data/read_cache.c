#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "data/read_cache.h"

#define CACHE_BYTES (4U << 20)
#define TABLE_BITS  10

/* What the device holds there: a bucket that was written anew has other checksums. */
struct extent_id {
	u64 offset;
	struct bch_csum csum;
	u32 dev;
	u16 compressed_size, uncompressed_size;
	u8 csum_type, compression_type, gen;
	u8 unused[5]; /* no padding: compared as bytes */
};

struct cached_extent {
	struct hlist_node hash;
	struct list_head lru;
	struct extent_id id;
	atomic_t ref; /* of the cache, and of who copies */
	void *data;
	size_t bytes;
};

struct read_cache {
	struct mutex lock;
	struct hlist_head table[1U << TABLE_BITS];
	struct list_head lru; /* least recently used first */
	size_t bytes;
};

static struct extent_id id_of(const struct extent_ptr *p)
{
	return (struct extent_id){
		.offset = p->offset,
		.csum = p->crc.csum,
		.dev = p->dev,
		.compressed_size = p->crc.compressed_size,
		.uncompressed_size = p->crc.uncompressed_size,
		.csum_type = p->crc.csum_type,
		.compression_type = p->crc.compression_type,
		.gen = p->gen,
	};
}

static struct hlist_head *bucket_of(struct read_cache *rc, const struct extent_id *id)
{
	return &rc->table[hash_64(id->offset ^ (u64)id->dev << 56, TABLE_BITS)];
}

static struct cached_extent *find(struct read_cache *rc, const struct extent_id *id)
{
	struct cached_extent *e;

	hlist_for_each_entry(e, bucket_of(rc, id), hash)
		if (!memcmp(&e->id, id, sizeof(*id)))
			return e;
	return NULL;
}

static void cached_extent_put(struct cached_extent *e)
{
	if (!atomic_dec_and_test(&e->ref))
		return;
	kvfree(e->data);
	kfree(e);
}

static void forget(struct read_cache *rc, struct cached_extent *e)
{
	hlist_del(&e->hash);
	list_del(&e->lru);
	rc->bytes -= e->bytes;
	cached_extent_put(e);
}

struct read_cache *bch_read_cache_new(void)
{
	struct read_cache *rc = kzalloc(sizeof(*rc), GFP_KERNEL);

	if (!rc)
		return NULL;
	mutex_init(&rc->lock);
	INIT_LIST_HEAD(&rc->lru);
	return rc;
}

void bch_read_cache_free(struct read_cache *rc)
{
	if (!rc)
		return;
	while (!list_empty(&rc->lru))
		forget(rc, list_first_entry(&rc->lru, struct cached_extent, lru));
	kfree(rc);
}

bool bch_read_cache_get(struct read_cache *rc, const struct extent_ptr *p, size_t at, void *dst,
			size_t len)
{
	struct extent_id id = id_of(p);
	struct cached_extent *e;
	bool have;

	mutex_lock(&rc->lock);
	e = find(rc, &id);
	if (e) {
		atomic_inc(&e->ref);
		list_move_tail(&e->lru, &rc->lru);
	}
	mutex_unlock(&rc->lock);
	if (!e)
		return false;
	have = at <= e->bytes && len <= e->bytes - at;
	if (have)
		memcpy(dst, (u8 *)e->data + at, len);
	cached_extent_put(e);
	return have;
}

void bch_read_cache_put(struct read_cache *rc, const struct extent_ptr *p, void *data, size_t bytes)
{
	struct cached_extent *e = kmalloc(sizeof(*e), GFP_KERNEL);

	if (!e) {
		kvfree(data);
		return;
	}
	e->id = id_of(p);
	atomic_set(&e->ref, 1);
	e->data = data;
	e->bytes = bytes;
	mutex_lock(&rc->lock);
	if (find(rc, &e->id)) {
		mutex_unlock(&rc->lock);
		cached_extent_put(e);
		return;
	}
	hlist_add_head(&e->hash, bucket_of(rc, &e->id));
	list_add_tail(&e->lru, &rc->lru);
	rc->bytes += bytes;
	while (rc->bytes > CACHE_BYTES)
		forget(rc, list_first_entry(&rc->lru, struct cached_extent, lru));
	mutex_unlock(&rc->lock);
}
