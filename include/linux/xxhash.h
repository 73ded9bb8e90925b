/* XXH64. */
#ifndef _BCH_LINUX_XXHASH_H
#define _BCH_LINUX_XXHASH_H

#include <linux/types.h>

u64 xxh64(const void *data, size_t len, u64 seed);

#endif
