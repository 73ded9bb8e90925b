/*
 * Blocks of whole pages, of which kvmalloc() makes its large ones. Freed blocks are kept, up to a
 * bound, and given out again still mapped: buffers for I/O come and go by the thousand, and to map,
 * fault in and unmap each costs more than to fill it.
 */
#ifndef _BCH_LINUX_PAGES_H
#define _BCH_LINUX_PAGES_H

#include <linux/types.h>

#define PAGES_BLOCK_MAX (4UL << 20) /* bytes of the largest block */

extern char *pages_start, *pages_end; /* all blocks are in here */

static inline bool is_pages_block(const void *p)
{
	return (const char *)p >= pages_start && (const char *)p < pages_end;
}

/* Aligned to a page, not zeroed. NULL: no memory or too large; the caller has other ways. */
void *pages_alloc(size_t bytes);
void pages_free(void *p);
/* Bytes that the block at @p has room for. */
size_t pages_size(const void *p);

#endif
