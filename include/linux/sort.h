/* Sorting in place: not stable, O(n log n) in the worst case, no memory, no recursion. */
#ifndef _BCH_LINUX_SORT_H
#define _BCH_LINUX_SORT_H

#include <linux/types.h>

typedef int (*cmp_func_t)(const void *a, const void *b);
typedef int (*cmp_r_func_t)(const void *a, const void *b, const void *priv);
typedef void (*swap_func_t)(void *a, void *b, int size);
typedef void (*swap_r_func_t)(void *a, void *b, int size, const void *priv);

/* Sort @num elements of @size bytes; @swap NULL: exchange their bytes. */
void sort(void *base, size_t num, size_t size, cmp_func_t cmp, swap_func_t swap);
/* The same with @priv handed to each call. */
void sort_r(void *base, size_t num, size_t size, cmp_r_func_t cmp, swap_r_func_t swap,
	    const void *priv);

#endif
