/*
 * Memory for generated code: writable first, then executable, never both. Hardened systems may
 * refuse either step.
 */
#ifndef _BCH_LINUX_EXECMEM_H
#define _BCH_LINUX_EXECMEM_H

#include <linux/types.h>

#define EXECMEM_PAGE_SIZE 4096

/* One page, writable; NULL when there is none. */
void *execmem_alloc_page(void);
/* Make the page read-only and executable: 0 or a negative errno. */
int execmem_make_rox(void *page);
void execmem_free_page(void *page);

#endif
