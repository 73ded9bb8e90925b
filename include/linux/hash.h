/* Hashes of integers to a number of bits, 1 to the width, from the well-mixed upper ones. */
#ifndef _BCH_LINUX_HASH_H
#define _BCH_LINUX_HASH_H

#include <linux/types.h>

#define GOLDEN_RATIO_32 0x61C88647U
#define GOLDEN_RATIO_64 0x61C8864680B583EBULL

static inline u32 hash_32(u32 v, unsigned int bits)
{
	return (v * GOLDEN_RATIO_32) >> (32 - bits);
}

static inline u32 hash_64(u64 v, unsigned int bits)
{
	return (v * GOLDEN_RATIO_64) >> (64 - bits);
}

static inline u32 hash_long(unsigned long v, unsigned int bits)
{
	return hash_64(v, bits);
}

static inline u32 hash_ptr(const void *p, unsigned int bits)
{
	return hash_64((unsigned long)p, bits);
}

#endif
