/* The kmalloc family. */
#ifndef _BCH_LINUX_SLAB_H
#define _BCH_LINUX_SLAB_H

#include <stdlib.h>
#include <linux/types.h>

#define GFP_KERNEL	0U
#define __GFP_ZERO	1U

static inline void *kmalloc(size_t size, gfp_t flags)
{
	return (flags & __GFP_ZERO) ? calloc(1, size) : malloc(size);
}

static inline void *kzalloc(size_t size, gfp_t flags)
{
	return kmalloc(size, flags | __GFP_ZERO);
}

static inline void *kcalloc(size_t n, size_t size, gfp_t flags)
{
	return calloc(n, size);
}

static inline void *krealloc(const void *p, size_t size, gfp_t flags)
{
	return realloc((void *)p, size);
}

static inline void kfree(const void *p)
{
	free((void *)p);
}

#define kvmalloc kmalloc
#define kvzalloc kzalloc
#define kvfree	 kfree

#endif
