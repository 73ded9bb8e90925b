/*
 * Pools that keep a reserve of elements: mempool_alloc() does not fail, but waits for one to come
 * back when memory and reserve are used up.
 */
#ifndef _BCH_LINUX_MEMPOOL_H
#define _BCH_LINUX_MEMPOOL_H

#include <linux/slab.h>
#include <linux/wait.h>

typedef struct mempool_s {
	spinlock_t lock;
	int min_nr, curr_nr;
	size_t size;	/* bytes of an element, allocated by kvmalloc() */
	void **elements; /* the reserve: curr_nr of them */
	wait_queue_head_t wait;
} mempool_t;

/* 0 or -ENOMEM. */
int mempool_init_kvmalloc_pool(mempool_t *pool, int min_nr, size_t size);
#define mempool_init_kmalloc_pool mempool_init_kvmalloc_pool
/* All elements are back. Harmless on a zeroed pool and twice. */
void mempool_exit(mempool_t *pool);
void *mempool_alloc(mempool_t *pool, gfp_t flags);
void mempool_free(void *element, mempool_t *pool);

static inline bool mempool_initialized(mempool_t *pool)
{
	return pool->elements != NULL;
}

#endif
