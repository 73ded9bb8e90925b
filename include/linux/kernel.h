/* Small arithmetic and byte order helpers under their kernel names. */
#ifndef _BCH_LINUX_KERNEL_H
#define _BCH_LINUX_KERNEL_H

#include_next <linux/kernel.h>
#include <linux/types.h>
#include <linux/bits.h>
#include <endian.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef U8_MAX
#define U8_MAX		((u8)~0U)
#define U16_MAX		((u16)~0U)
#define U32_MAX		((u32)~0U)
#define S32_MAX		((s32)(U32_MAX >> 1))
#define S32_MIN		((s32)(-S32_MAX - 1))
#define U64_MAX		((u64)~0ULL)
#define S64_MAX		((s64)(U64_MAX >> 1))
#define S64_MIN		((s64)(-S64_MAX - 1))
#endif

#define SECTOR_SHIFT	9
#define SECTOR_SIZE	(1 << SECTOR_SHIFT)

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(x)	(sizeof(x) / sizeof((x)[0]))
#endif

#define min(a, b)	({ __auto_type _a = (a); __auto_type _b = (b); _a < _b ? _a : _b; })
#define max(a, b)	({ __auto_type _a = (a); __auto_type _b = (b); _a > _b ? _a : _b; })
#define min3(a, b, c)	min(min(a, b), c)
#define max3(a, b, c)	max(max(a, b), c)
#define min_t(t, a, b)	({ t _a = (a); t _b = (b); _a < _b ? _a : _b; })
#define max_t(t, a, b)	({ t _a = (a); t _b = (b); _a > _b ? _a : _b; })
#define min_not_zero(a, b)								\
	({ __auto_type _x = (a); __auto_type _y = (b); !_x ? _y : !_y ? _x : min(_x, _y); })
#define clamp(v, lo, hi) min(max(v, lo), hi)
#define clamp_t(t, v, lo, hi) min_t(t, max_t(t, v, lo), hi)
#define swap(a, b)	do { __auto_type _t = (a); (a) = (b); (b) = _t; } while (0)
#undef abs /* the C library's is for int alone */
#define abs(x)		({ __auto_type _x = (x); _x < 0 ? -_x : _x; })
#define abs_diff(a, b)									\
	({ __auto_type _a = (a); __auto_type _b = (b); _a > _b ? _a - _b : _b - _a; })

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define typeof_member(type, member)	__typeof__(((type *)0)->member)
#define sizeof_field(type, member)	sizeof(((type *)0)->member)
#define offsetofend(type, member)	(offsetof(type, member) + sizeof_field(type, member))

#undef roundup /* of <sys/param.h>; the same value */
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define round_up(x, y)	((((x) - 1) | ((__typeof__(x))((y) - 1))) + 1) /* y: power of two */
#define round_down(x, y) ((x) & ~((__typeof__(x))((y) - 1)))		/* y: power of two */
#define roundup(x, y)	((((x) + (y) - 1) / (y)) * (y))
#define rounddown(x, y) ((x) - ((x) % (y)))
#define ALIGN(x, a)	round_up(x, a)
#define IS_ALIGNED(x, a) (!((x) & ((__typeof__(x))(a) - 1)))

#define cpu_to_le16	htole16
#define cpu_to_le32	htole32
#define cpu_to_le64(v)	((__le64)htole64(v))
#define le16_to_cpu	le16toh
#define le32_to_cpu	le32toh
#define le64_to_cpu(v)	((u64)le64toh(v))
#define cpu_to_be16	htobe16
#define cpu_to_be32	htobe32
#define cpu_to_be64(v)	((__be64)htobe64(v))
#define be16_to_cpu	be16toh
#define be32_to_cpu	be32toh
#define be64_to_cpu(v)	((u64)be64toh(v))
#define swab16		__builtin_bswap16
#define swab32		__builtin_bswap32
#define swab64		__builtin_bswap64

static inline void le16_add_cpu(__le16 *v, u16 n)
{
	*v = cpu_to_le16(le16_to_cpu(*v) + n);
}

static inline void le32_add_cpu(__le32 *v, u32 n)
{
	*v = cpu_to_le32(le32_to_cpu(*v) + n);
}

static inline void le64_add_cpu(__le64 *v, u64 n)
{
	*v = cpu_to_le64(le64_to_cpu(*v) + n);
}

/* snprintf() that returns what it stored, without the terminator. */
int scnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#endif
