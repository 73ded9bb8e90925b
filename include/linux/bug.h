/* Assertions for our own mistakes; none may be reachable by bad input. */
#ifndef _BCH_LINUX_BUG_H
#define _BCH_LINUX_BUG_H

#include <assert.h>
#include <stdlib.h>
#include <linux/types.h>

#define BUILD_BUG_ON(c) _Static_assert(!(c), #c)
#define BUG()		abort()
#define BUG_ON(c)	do { if (unlikely(c)) abort(); } while (0)
#define WARN_ON(c)	unlikely(!!(c))

#endif
