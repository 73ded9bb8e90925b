/* Logarithms and powers of two; the arguments are not 0 unless said. */
#ifndef _BCH_LINUX_LOG2_H
#define _BCH_LINUX_LOG2_H

#include <linux/bitops.h>

/* A constant expression when @n is one, so that it can size arrays. */
#define ilog2(n)	((int)(63 - __builtin_clzll((u64)(n))))

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

static inline unsigned long roundup_pow_of_two(unsigned long n)
{
	return 1UL << fls_long(n - 1);
}

static inline unsigned long rounddown_pow_of_two(unsigned long n)
{
	return 1UL << (fls_long(n) - 1);
}

/* Log2 of @n rounded up; 0 for 0 and 1. */
static inline int order_base_2(unsigned long n)
{
	return n > 1 ? fls_long(n - 1) : 0;
}

#endif
