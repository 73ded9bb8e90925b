/* Allocation flags. Only __GFP_ZERO and __GFP_NOFAIL change anything here. */
#ifndef _BCH_LINUX_GFP_H
#define _BCH_LINUX_GFP_H

#include <linux/types.h>

#define __GFP_ZERO	1U
#define __GFP_NOFAIL	2U
#define __GFP_NOWARN	0U
#define __GFP_NORETRY	0U
#define __GFP_ACCOUNT	0U
#define __GFP_RECLAIMABLE 0U
#define GFP_KERNEL	0U
#define GFP_NOFS	0U
#define GFP_NOIO	0U
#define GFP_NOWAIT	0U
#define GFP_ATOMIC	0U

#ifndef PAGE_SIZE
#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#endif
#define PAGE_SECTORS	(PAGE_SIZE >> 9)

#endif
