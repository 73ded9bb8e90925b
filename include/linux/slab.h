/*
 * Memory, from malloc() or, for kvmalloc(), from <linux/pages.h>; kfree() takes what any function
 * here gave. kvmalloc() of a page or more is aligned to a page, so that devices can transfer to it
 * directly.
 *
 * For tests, kmalloc_fail_after(n) makes the n-th allocation from now fail, 1 the next, and
 * kmalloc_fail_from(n) all from the n-th on, until either is called with 0. Those with __GFP_NOFAIL
 * are exempt. Both return the number of allocations since the last call that was not 0.
 */
#ifndef _BCH_LINUX_SLAB_H
#define _BCH_LINUX_SLAB_H

#include <stdlib.h>
#include <linux/gfp.h>
#include <linux/overflow.h>
#include <linux/pages.h>
#include <linux/types.h>

#define KMALLOC_MAX_SIZE (SIZE_MAX / 2)

extern bool kmalloc_fail_armed;

long kmalloc_fail_after(long n);
long kmalloc_fail_from(long n);
bool kmalloc_should_fail(gfp_t flags);

static inline bool kmalloc_fails(gfp_t flags)
{
	return unlikely(__atomic_load_n(&kmalloc_fail_armed, __ATOMIC_RELAXED)) &&
	       kmalloc_should_fail(flags);
}

static inline __malloc void *kmalloc(size_t size, gfp_t flags)
{
	if (unlikely(size > KMALLOC_MAX_SIZE) || kmalloc_fails(flags))
		return NULL;
	return (flags & __GFP_ZERO) ? calloc(1, size) : malloc(size);
}

static inline void *kzalloc(size_t size, gfp_t flags)
{
	return kmalloc(size, flags | __GFP_ZERO);
}

static inline void *kmalloc_array(size_t n, size_t size, gfp_t flags)
{
	return kmalloc(array_size(n, size), flags);
}

static inline void *kcalloc(size_t n, size_t size, gfp_t flags)
{
	return kzalloc(array_size(n, size), flags);
}

static inline void kfree(const void *p)
{
	if (unlikely(is_pages_block(p)))
		pages_free((void *)p);
	else
		free((void *)p);
}

void *krealloc_pages(void *p, size_t size, gfp_t flags);

/* What is added is not zeroed. @size 0 frees, and gives NULL. */
static inline void *krealloc(const void *p, size_t size, gfp_t flags)
{
	if (!size) {
		kfree(p);
		return NULL;
	}
	if (unlikely(is_pages_block(p)))
		return krealloc_pages((void *)p, size, flags);
	if (unlikely(size > KMALLOC_MAX_SIZE) || kmalloc_fails(flags))
		return NULL;
	return realloc((void *)p, size);
}

static inline void *krealloc_array(const void *p, size_t n, size_t size, gfp_t flags)
{
	return krealloc(p, array_size(n, size), flags);
}

/* Overwrite @len bytes, then free: for keys. */
void kfree_sensitive_len(void *p, size_t len);

void *kvmalloc(size_t size, gfp_t flags) __malloc;

static inline void *kvzalloc(size_t size, gfp_t flags)
{
	return kvmalloc(size, flags | __GFP_ZERO);
}

static inline void *kvmalloc_array(size_t n, size_t size, gfp_t flags)
{
	return kvmalloc(array_size(n, size), flags);
}

static inline void *kvcalloc(size_t n, size_t size, gfp_t flags)
{
	return kvzalloc(array_size(n, size), flags);
}

#define kvfree	     kfree
#define vmalloc(n)   kvmalloc(n, GFP_KERNEL)
#define vzalloc(n)   kvzalloc(n, GFP_KERNEL)
#define vfree	     kfree

void *kmemdup(const void *p, size_t len, gfp_t flags);

/* Caches of objects of one size. */
struct kmem_cache;

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align,
				     unsigned long flags, void (*ctor)(void *));
void kmem_cache_destroy(struct kmem_cache *c);
void *kmem_cache_alloc(struct kmem_cache *c, gfp_t flags);
void kmem_cache_free(struct kmem_cache *c, void *p);

static inline void *kmem_cache_zalloc(struct kmem_cache *c, gfp_t flags)
{
	return kmem_cache_alloc(c, flags | __GFP_ZERO);
}

#define SLAB_HWCACHE_ALIGN     (1UL << 0)
#define SLAB_RECLAIM_ACCOUNT   0UL
#define KMEM_CACHE(s, flags)								\
	kmem_cache_create(#s, sizeof(struct s), __alignof__(struct s), flags, NULL)

#endif
