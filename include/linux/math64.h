/* 64-bit division under its kernel names. */
#ifndef _BCH_LINUX_MATH64_H
#define _BCH_LINUX_MATH64_H

#include <linux/kernel.h>

static inline u64 div_u64(u64 n, u32 d)
{
	return n / d;
}

static inline u64 div_u64_rem(u64 n, u32 d, u32 *rem)
{
	*rem = n % d;
	return n / d;
}

static inline s64 div_s64(s64 n, s32 d)
{
	return n / d;
}

static inline u64 div64_u64(u64 n, u64 d)
{
	return n / d;
}

static inline u64 div64_u64_rem(u64 n, u64 d, u64 *rem)
{
	*rem = n % d;
	return n / d;
}

static inline s64 div64_s64(s64 n, s64 d)
{
	return n / d;
}

/* a * b / c without overflow of the product; @c is not 0, the result fits. */
static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 c)
{
	return (unsigned __int128)a * b / c;
}

#define do_div(n, base)									\
	({										\
		u32 _base = (base);							\
		u32 _rem = (n) % _base;							\
		(n) /= _base;								\
		_rem;									\
	})

#define DIV_ROUND_UP_ULL(n, d)	   (((unsigned long long)(n) + (d) - 1) / (d))
#define DIV_ROUND_DOWN_ULL(n, d)   ((unsigned long long)(n) / (d))
#define DIV64_U64_ROUND_UP(n, d)   DIV_ROUND_UP_ULL(n, d)
#define sector_div(n, d)	   do_div(n, d)

#endif
