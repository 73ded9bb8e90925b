/*
 * Hash tables that change their size.
 *
 * A table is an array of chains. Each chain ends with its own number, so that a reader that was
 * carried into another chain, because the object it stood on moved, sees that it must look again;
 * a resize, which moves all objects, makes ht->resizes odd while it lasts. Only a search that
 * finds nothing has to look at either: what it found it found. Writers lock one of a few locks,
 * by the lower bits of the chain; a resize locks all of them, and relinks the objects one by one
 * into the new table, so that readers on the way always reach an end.
 */
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <linux/string.h>
#include <linux/xxhash.h>

#define RHT_MIN_SIZE 64U
#define RHT_MAX_SIZE (1U << 31)
#define RHT_LOCKS    32U /* not above the smallest size */

struct rhash_table {
	u32 size; /* chains, a power of two */
	struct rcu_head rcu;
	struct rhash_head *chains[];
};

static struct rhash_head *chain_end(u32 chain)
{
	return (struct rhash_head *)((unsigned long)chain << 1 | 1);
}

static bool is_end(const struct rhash_head *h)
{
	return (unsigned long)h & 1;
}

static void *head_obj(const struct rhashtable *ht, const struct rhash_head *h)
{
	return (char *)h - ht->p.head_offset;
}

static u32 key_hash(const struct rhashtable *ht, const void *key)
{
	return ht->p.hashfn ? ht->p.hashfn(key, ht->p.key_len, ht->seed) :
			      xxh64(key, ht->p.key_len, ht->seed);
}

static u32 obj_hash(const struct rhashtable *ht, const void *obj)
{
	if (ht->p.obj_hashfn)
		return ht->p.obj_hashfn(obj, ht->p.key_len, ht->seed);
	return key_hash(ht, (const char *)obj + ht->p.key_offset);
}

static bool obj_has_key(struct rhashtable *ht, const void *obj, const void *key)
{
	struct rhashtable_compare_arg arg = {ht, key};

	return ht->p.obj_cmpfn ? !ht->p.obj_cmpfn(&arg, obj) :
				 !memcmp((const char *)obj + ht->p.key_offset, key, ht->p.key_len);
}

static struct rhash_table *table_alloc(u32 size)
{
	struct rhash_table *t = kvmalloc(struct_size(t, chains, size), GFP_KERNEL);

	if (!t)
		return NULL;
	t->size = size;
	for (u32 i = 0; i < size; i++)
		t->chains[i] = chain_end(i);
	return t;
}

/* Grow above three quarters, shrink below three tenths. */
static void set_limits(struct rhashtable *ht)
{
	u32 size = ht->tbl->size;

	WRITE_ONCE(ht->grow_at, size / 4 * 3);
	WRITE_ONCE(ht->shrink_at,
		   ht->p.automatic_shrinking && size > RHT_MIN_SIZE ? size / 10 * 3 : 0);
}

int rhashtable_init(struct rhashtable *ht, const struct rhashtable_params *params)
{
	u32 size = roundup_pow_of_two(max_t(u32, RHT_MIN_SIZE, params->nelem_hint * 4U / 3));

	if (!params->key_len && (!params->hashfn || !params->obj_cmpfn))
		return -EINVAL;
	*ht = (struct rhashtable){.p = *params, .seed = get_random_u32()};
	ht->locks = kcalloc(RHT_LOCKS, sizeof(*ht->locks), GFP_KERNEL);
	ht->tbl = table_alloc(size);
	if (!ht->locks || !ht->tbl) {
		rhashtable_destroy(ht);
		return -ENOMEM;
	}
	set_limits(ht);
	return 0;
}

void rhashtable_destroy(struct rhashtable *ht)
{
	kvfree(ht->tbl);
	kfree(ht->locks);
	ht->tbl = NULL;
	ht->locks = NULL;
}

void rhashtable_free_and_destroy(struct rhashtable *ht, void (*free_fn)(void *obj, void *arg),
				 void *arg)
{
	struct rhash_head *h, *next;

	for (u32 i = 0; i < ht->tbl->size; i++)
		for (h = ht->tbl->chains[i]; !is_end(h); h = next) {
			next = h->next;
			free_fn(head_obj(ht, h), arg);
		}
	rhashtable_destroy(ht);
}

/* Search the chain of @hash in the table as it is now; *endp is where a fruitless search ended. */
static struct rhash_head *chain_find(struct rhashtable *ht, const struct rhash_table *t,
				     const void *key, u32 chain, struct rhash_head **endp)
{
	struct rhash_head *h = rcu_dereference(t->chains[chain]);

	while (!is_end(h) && !obj_has_key(ht, head_obj(ht, h), key))
		h = rcu_dereference(h->next);
	*endp = h;
	return is_end(h) ? NULL : h;
}

static spinlock_t *chain_lock(struct rhashtable *ht, u32 hash)
{
	return &ht->locks[hash & (RHT_LOCKS - 1)];
}

static void lock_all(struct rhashtable *ht)
{
	for (u32 i = 0; i < RHT_LOCKS; i++)
		spin_lock(&ht->locks[i]);
}

static void unlock_all(struct rhashtable *ht)
{
	for (u32 i = 0; i < RHT_LOCKS; i++)
		spin_unlock(&ht->locks[i]);
}

void *__rhashtable_lookup(struct rhashtable *ht, const void *key)
{
	u32 hash = key_hash(ht, key), before, chain;

	while (1) {
		const struct rhash_table *t;
		struct rhash_head *h, *end;

		before = smp_load_acquire(&ht->resizes);
		t = rcu_dereference(ht->tbl);
		chain = hash & (t->size - 1);
		h = chain_find(ht, t, key, chain, &end);
		if (h)
			return head_obj(ht, h);
		/* the loads of the chain acquire: they come before this one */
		if (!(before & 1) && end == chain_end(chain) && READ_ONCE(ht->resizes) == before)
			return NULL;
		if (before & 1) {
			/* wait for the resize instead of looking in vain */
			spin_lock(chain_lock(ht, hash));
			spin_unlock(chain_lock(ht, hash));
		}
	}
}

/* The size that the table should have now, or 0. */
static u32 wanted_size(const struct rhashtable *ht)
{
	u32 n = atomic_read(&ht->nelems), size = ht->tbl->size;

	if (n > ht->grow_at && size < RHT_MAX_SIZE)
		return size * 2;
	if (n < ht->shrink_at)
		return max_t(u32, RHT_MIN_SIZE, roundup_pow_of_two(n * 3ULL / 2 + 1));
	return 0;
}

static void move_all(struct rhashtable *ht, struct rhash_table *to, struct rhash_table *from)
{
	for (u32 i = 0; i < from->size; i++) {
		struct rhash_head *h = from->chains[i];

		while (!is_end(h)) {
			struct rhash_head *next = h->next;
			u32 chain = obj_hash(ht, head_obj(ht, h)) & (to->size - 1);

			rcu_assign_pointer(h->next, to->chains[chain]);
			rcu_assign_pointer(to->chains[chain], h);
			h = next;
		}
	}
}

/* Give the table another size if it should have one; without memory it stays as it is. */
static void resize(struct rhashtable *ht)
{
	struct rhash_table *old, *new;
	u32 size;

	if (!mutex_trylock(&ht->resizing))
		return; /* somebody is at it */
	old = ht->tbl;	/* changes only with the mutex held */
	size = wanted_size(ht);
	new = size ? table_alloc(size) : NULL;
	if (new) {
		lock_all(ht);
		__atomic_store_n(&ht->resizes, ht->resizes + 1, __ATOMIC_SEQ_CST);
		move_all(ht, new, old);
		rcu_assign_pointer(ht->tbl, new);
		set_limits(ht);
		__atomic_store_n(&ht->resizes, ht->resizes + 1, __ATOMIC_SEQ_CST);
		unlock_all(ht);
		kvfree_rcu(old, rcu);
	}
	mutex_unlock(&ht->resizing);
}

void *__rhashtable_insert(struct rhashtable *ht, const void *key, struct rhash_head *obj)
{
	u32 hash = key ? key_hash(ht, key) : obj_hash(ht, head_obj(ht, obj)), chain;
	struct rhash_head *found = NULL, *end;
	struct rhash_table *t;

	spin_lock(chain_lock(ht, hash));
	t = ht->tbl;
	chain = hash & (t->size - 1);
	if (key)
		found = chain_find(ht, t, key, chain, &end);
	if (!found) {
		WRITE_ONCE(obj->next, t->chains[chain]);
		rcu_assign_pointer(t->chains[chain], obj);
		atomic_inc(&ht->nelems);
	}
	spin_unlock(chain_lock(ht, hash));
	if (found)
		return head_obj(ht, found);
	if (unlikely((u32)atomic_read(&ht->nelems) > READ_ONCE(ht->grow_at)))
		resize(ht);
	return NULL;
}

int __rhashtable_remove(struct rhashtable *ht, struct rhash_head *obj)
{
	u32 hash = obj_hash(ht, head_obj(ht, obj));
	struct rhash_head **p;
	int ret = -ENOENT;

	spin_lock(chain_lock(ht, hash));
	p = &ht->tbl->chains[hash & (ht->tbl->size - 1)];
	for (; !is_end(*p); p = &(*p)->next)
		if (*p == obj) {
			rcu_assign_pointer(*p, obj->next);
			atomic_dec(&ht->nelems);
			ret = 0;
			break;
		}
	spin_unlock(chain_lock(ht, hash));
	if (!ret && unlikely((u32)atomic_read(&ht->nelems) < READ_ONCE(ht->shrink_at)))
		resize(ht);
	return ret;
}

int rhashtable_for_each(struct rhashtable *ht, int (*fn)(void *obj, void *arg), void *arg)
{
	int ret = 0;

	lock_all(ht);
	for (u32 i = 0; i < ht->tbl->size && !ret; i++)
		for (struct rhash_head *h = ht->tbl->chains[i]; !is_end(h) && !ret; h = h->next)
			ret = fn(head_obj(ht, h), arg);
	unlock_all(ht);
	return ret;
}
