/* Arithmetic that says when it does not fit, and sizes of structures with a flexible tail. */
#ifndef _BCH_LINUX_OVERFLOW_H
#define _BCH_LINUX_OVERFLOW_H

#include <linux/types.h>

#define check_add_overflow(a, b, d) __builtin_add_overflow(a, b, d)
#define check_sub_overflow(a, b, d) __builtin_sub_overflow(a, b, d)
#define check_mul_overflow(a, b, d) __builtin_mul_overflow(a, b, d)

/* Sum and product that stick at SIZE_MAX, which no allocator grants. */
static inline size_t size_add(size_t a, size_t b)
{
	size_t r;

	return __builtin_add_overflow(a, b, &r) ? SIZE_MAX : r;
}

static inline size_t size_mul(size_t a, size_t b)
{
	size_t r;

	return __builtin_mul_overflow(a, b, &r) ? SIZE_MAX : r;
}

#define array_size(n, size) size_mul(n, size)
#define struct_size(p, member, n)							\
	size_add(offsetof(__typeof__(*(p)), member), size_mul(n, sizeof((p)->member[0])))
#define flex_array_size(p, member, n) size_mul(n, sizeof((p)->member[0]))

#endif
