/* How much memory the machine has. */
#ifndef _BCH_LINUX_MM_H
#define _BCH_LINUX_MM_H

#include <linux/gfp.h>
#include <linux/types.h>

/* In pages of PAGE_SIZE. */
unsigned long totalram_pages(void);

#endif
