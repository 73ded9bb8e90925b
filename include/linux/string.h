#ifndef _BCH_LINUX_STRING_H
#define _BCH_LINUX_STRING_H
#include_next <linux/string.h>
#include <string.h>
#include <linux/types.h>

/* Wipe a secret: not optimised away though @p is not used afterwards. */
static inline void memzero_explicit(void *p, size_t len)
{
	explicit_bzero(p, len);
}

#endif
