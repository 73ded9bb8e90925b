/*
 * Hash tables that grow and shrink, looked up under RCU without a lock. Objects hold a struct
 * rhash_head; whoever removes one frees it after a grace period (kfree_rcu()).
 */
#ifndef _BCH_LINUX_RHASHTABLE_H
#define _BCH_LINUX_RHASHTABLE_H

#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/mutex.h>

struct rhash_head {
	struct rhash_head *next; /* or, with bit 0 set, the number of the chain that ends here */
};

struct rhashtable_compare_arg {
	struct rhashtable *ht;
	const void *key;
};

typedef u32 (*rht_hashfn_t)(const void *key, u32 len, u32 seed);
typedef u32 (*rht_obj_hashfn_t)(const void *obj, u32 len, u32 seed);
/* 0 when @obj has the key. */
typedef int (*rht_obj_cmpfn_t)(struct rhashtable_compare_arg *arg, const void *obj);

struct rhashtable_params {
	u16 nelem_hint;	 /* objects expected */
	u16 key_len, key_offset, head_offset;
	bool automatic_shrinking;
	rht_hashfn_t hashfn;	     /* NULL: of the key's bytes */
	rht_obj_hashfn_t obj_hashfn; /* NULL: hashfn of the key in the object */
	rht_obj_cmpfn_t obj_cmpfn;   /* NULL: compare bytes */
};

struct rhash_table;

struct rhashtable {
	struct rhash_table *tbl;
	u32 resizes; /* odd while objects move to another table */
	u32 seed;
	u32 grow_at, shrink_at; /* objects */
	atomic_t nelems;
	struct rhashtable_params p;
	spinlock_t *locks;
	struct mutex resizing;
};

/* 0 or -ENOMEM, -EINVAL. */
int rhashtable_init(struct rhashtable *ht, const struct rhashtable_params *params);
/* Nobody uses the table any more. */
void rhashtable_destroy(struct rhashtable *ht);
/* The same; @free_fn gets each object still in it. */
void rhashtable_free_and_destroy(struct rhashtable *ht, void (*free_fn)(void *obj, void *arg),
				 void *arg);

/* The object with @key or NULL, valid as long as the caller's rcu_read_lock(). */
void *__rhashtable_lookup(struct rhashtable *ht, const void *key);
/*
 * Insert @obj unless one with its key is there: that one, or NULL when inserted, or ERR_PTR. With
 * @key NULL insert without looking.
 */
void *__rhashtable_insert(struct rhashtable *ht, const void *key, struct rhash_head *obj);
/* 0 or -ENOENT. */
int __rhashtable_remove(struct rhashtable *ht, struct rhash_head *obj);
/* Call @fn of every object until one is not 0, which is returned; changes of the table wait. */
int rhashtable_for_each(struct rhashtable *ht, int (*fn)(void *obj, void *arg), void *arg);

/* The kernel's forms; their params are those of rhashtable_init(). */
#define rhashtable_lookup(ht, key, params)	__rhashtable_lookup(ht, key)

static inline void *rhashtable_lookup_fast(struct rhashtable *ht, const void *key,
					   const struct rhashtable_params params)
{
	void *obj;

	rcu_read_lock();
	obj = __rhashtable_lookup(ht, key);
	rcu_read_unlock();
	return obj;
}

static inline int rhashtable_insert_fast(struct rhashtable *ht, struct rhash_head *obj,
					 const struct rhashtable_params params)
{
	return PTR_ERR_OR_ZERO(__rhashtable_insert(ht, NULL, obj));
}

/* The object that was there, NULL when @obj is now. */
static inline void *rhashtable_lookup_get_insert_key(struct rhashtable *ht, const void *key,
						     struct rhash_head *obj,
						     const struct rhashtable_params params)
{
	return __rhashtable_insert(ht, key, obj);
}

static inline void *rhashtable_lookup_get_insert_fast(struct rhashtable *ht,
						      struct rhash_head *obj,
						      const struct rhashtable_params params)
{
	return __rhashtable_insert(ht, (char *)obj - ht->p.head_offset + ht->p.key_offset, obj);
}

/* 0 or -EEXIST. */
static inline int rhashtable_lookup_insert_fast(struct rhashtable *ht, struct rhash_head *obj,
						const struct rhashtable_params params)
{
	void *old = rhashtable_lookup_get_insert_fast(ht, obj, params);

	return IS_ERR(old) ? PTR_ERR(old) : old ? -EEXIST : 0;
}

static inline int rhashtable_remove_fast(struct rhashtable *ht, struct rhash_head *obj,
					 const struct rhashtable_params params)
{
	return __rhashtable_remove(ht, obj);
}

#endif
