/* Memory: what is not inline in <linux/slab.h>, caches of objects, pools with a reserve. */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/mempool.h>
#include <linux/pages.h>
#include <linux/slab.h>
#include <linux/string.h>

bool kmalloc_fail_armed;

static struct {
	atomic64_t left; /* allocations up to the one that fails, with it */
	atomic64_t made;
	bool for_ever;
} kmalloc_fail;

static long kmalloc_fail_arm(long n, bool for_ever)
{
	long made = atomic64_read(&kmalloc_fail.made);

	__atomic_store_n(&kmalloc_fail_armed, false, __ATOMIC_SEQ_CST);
	if (n) {
		atomic64_set(&kmalloc_fail.made, 0);
		atomic64_set(&kmalloc_fail.left, n);
		WRITE_ONCE(kmalloc_fail.for_ever, for_ever);
		__atomic_store_n(&kmalloc_fail_armed, true, __ATOMIC_SEQ_CST);
	}
	return made;
}

long kmalloc_fail_after(long n)
{
	return kmalloc_fail_arm(n, false);
}

long kmalloc_fail_from(long n)
{
	return kmalloc_fail_arm(n, true);
}

bool kmalloc_should_fail(gfp_t flags)
{
	s64 left;

	if (flags & __GFP_NOFAIL)
		return false;
	atomic64_inc(&kmalloc_fail.made);
	left = atomic64_dec_return(&kmalloc_fail.left);
	return left == 0 || (left < 0 && READ_ONCE(kmalloc_fail.for_ever));
}

void *kvmalloc(size_t size, gfp_t flags)
{
	void *p;

	if (size < PAGE_SIZE)
		return kmalloc(size, flags);
	if (size > KMALLOC_MAX_SIZE || kmalloc_fails(flags))
		return NULL;
	p = pages_alloc(size);
	if (!p && posix_memalign(&p, PAGE_SIZE, size))
		return NULL;
	if (flags & __GFP_ZERO)
		memset(p, 0, size);
	return p;
}

void *krealloc_pages(void *p, size_t size, gfp_t flags)
{
	void *n = kvmalloc(size, flags);

	if (!n)
		return NULL;
	memcpy(n, p, min(size, pages_size(p)));
	pages_free(p);
	return n;
}

void kfree_sensitive_len(void *p, size_t len)
{
	if (p)
		explicit_bzero(p, len);
	kfree(p);
}

void *kmemdup(const void *p, size_t len, gfp_t flags)
{
	void *n = kmalloc(len, flags);

	return n ? memcpy(n, p, len) : NULL;
}

struct kmem_cache {
	size_t size, align;
	void (*ctor)(void *);
};

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align,
				     unsigned long flags, void (*ctor)(void *))
{
	struct kmem_cache *c = kmalloc(sizeof(*c), GFP_KERNEL);

	if (!c)
		return NULL;
	if (flags & SLAB_HWCACHE_ALIGN)
		align = max_t(size_t, align, 64);
	*c = (struct kmem_cache){size, max(align, sizeof(void *)), ctor};
	return c;
}

void kmem_cache_destroy(struct kmem_cache *c)
{
	kfree(c);
}

void *kmem_cache_alloc(struct kmem_cache *c, gfp_t flags)
{
	void *p;

	if (c->align <= __alignof__(max_align_t)) {
		p = kmalloc(c->size, flags);
	} else {
		if (kmalloc_fails(flags) || posix_memalign(&p, c->align, c->size))
			return NULL;
		if (flags & __GFP_ZERO)
			memset(p, 0, c->size);
	}
	if (p && c->ctor)
		c->ctor(p);
	return p;
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	kfree(p);
}

int mempool_init_kvmalloc_pool(mempool_t *pool, int min_nr, size_t size)
{
	*pool = (mempool_t){.min_nr = min_nr, .size = size};
	init_waitqueue_head(&pool->wait);
	pool->elements = kcalloc(max(min_nr, 1), sizeof(void *), GFP_KERNEL);
	if (!pool->elements)
		return -ENOMEM;
	for (int i = 0; i < min_nr; i++) {
		void *p = kvmalloc(size, GFP_KERNEL);

		if (!p) {
			mempool_exit(pool);
			return -ENOMEM;
		}
		pool->elements[pool->curr_nr++] = p;
	}
	return 0;
}

void mempool_exit(mempool_t *pool)
{
	for (int i = 0; i < pool->curr_nr; i++)
		kvfree(pool->elements[i]);
	kfree(pool->elements);
	pool->elements = NULL;
	pool->curr_nr = 0;
}

static void *mempool_take(mempool_t *pool)
{
	void *p = NULL;

	spin_lock(&pool->lock);
	if (pool->curr_nr)
		p = pool->elements[--pool->curr_nr];
	spin_unlock(&pool->lock);
	return p;
}

void *mempool_alloc(mempool_t *pool, gfp_t flags)
{
	void *p = kvmalloc(pool->size, flags);

	if (p)
		return p;
	wait_event(pool->wait, (p = mempool_take(pool)) || (p = kvmalloc(pool->size, flags)));
	if (flags & __GFP_ZERO)
		memset(p, 0, pool->size);
	return p;
}

void mempool_free(void *element, mempool_t *pool)
{
	if (!element)
		return;
	spin_lock(&pool->lock);
	if (pool->curr_nr < pool->min_nr) {
		pool->elements[pool->curr_nr++] = element;
		element = NULL;
	}
	spin_unlock(&pool->lock);
	if (!element)
		wake_up(&pool->wait);
	kvfree(element);
}
