/*
 * Bit operations on words and on arrays of unsigned long. set_bit() and its like are atomic,
 * the forms with two underscores are not. Searches return @size when there is no such bit.
 */
#ifndef _BCH_LINUX_BITOPS_H
#define _BCH_LINUX_BITOPS_H

#include <strings.h> /* ffs */
#include <linux/bits.h>
#include <linux/types.h>

/* Position of the highest set bit, 1 the lowest; fls(0) is 0. */
static inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

static inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

static inline int fls_long(unsigned long x)
{
	return fls64(x);
}

/* Index of the lowest or highest set bit, 0 the lowest; @x is not 0. */
static inline unsigned long __ffs(unsigned long x)
{
	return __builtin_ctzl(x);
}

static inline unsigned long __ffs64(u64 x)
{
	return __builtin_ctzll(x);
}

static inline unsigned long __fls(unsigned long x)
{
	return BITS_PER_LONG - 1 - __builtin_clzl(x);
}

/* Index of the lowest clear bit; @x is not ~0. */
static inline unsigned long ffz(unsigned long x)
{
	return __builtin_ctzl(~x);
}

static inline unsigned int hweight8(u8 x)
{
	return __builtin_popcount(x);
}

static inline unsigned int hweight16(u16 x)
{
	return __builtin_popcount(x);
}

static inline unsigned int hweight32(u32 x)
{
	return __builtin_popcount(x);
}

static inline unsigned long hweight64(u64 x)
{
	return __builtin_popcountll(x);
}

static inline unsigned long hweight_long(unsigned long x)
{
	return __builtin_popcountl(x);
}

static inline u32 rol32(u32 x, unsigned int n)
{
	return x << (n & 31) | x >> (-n & 31);
}

static inline u32 ror32(u32 x, unsigned int n)
{
	return x >> (n & 31) | x << (-n & 31);
}

static inline u64 rol64(u64 x, unsigned int n)
{
	return x << (n & 63) | x >> (-n & 63);
}

static inline u64 ror64(u64 x, unsigned int n)
{
	return x >> (n & 63) | x << (-n & 63);
}

static inline s64 sign_extend64(u64 x, int sign_bit)
{
	return (s64)(x << (63 - sign_bit)) >> (63 - sign_bit);
}

static inline void __set_bit(unsigned long nr, volatile unsigned long *p)
{
	p[BIT_WORD(nr)] |= BIT_MASK(nr);
}

static inline void __clear_bit(unsigned long nr, volatile unsigned long *p)
{
	p[BIT_WORD(nr)] &= ~BIT_MASK(nr);
}

static inline void __change_bit(unsigned long nr, volatile unsigned long *p)
{
	p[BIT_WORD(nr)] ^= BIT_MASK(nr);
}

static inline void __assign_bit(unsigned long nr, volatile unsigned long *p, bool v)
{
	if (v)
		__set_bit(nr, p);
	else
		__clear_bit(nr, p);
}

static inline bool __test_and_set_bit(unsigned long nr, volatile unsigned long *p)
{
	unsigned long old = p[BIT_WORD(nr)];

	p[BIT_WORD(nr)] = old | BIT_MASK(nr);
	return old & BIT_MASK(nr);
}

static inline bool __test_and_clear_bit(unsigned long nr, volatile unsigned long *p)
{
	unsigned long old = p[BIT_WORD(nr)];

	p[BIT_WORD(nr)] = old & ~BIT_MASK(nr);
	return old & BIT_MASK(nr);
}

static inline bool test_bit(unsigned long nr, const volatile unsigned long *p)
{
	return __atomic_load_n(&p[BIT_WORD(nr)], __ATOMIC_RELAXED) & BIT_MASK(nr);
}

static inline bool test_bit_acquire(unsigned long nr, const volatile unsigned long *p)
{
	return __atomic_load_n(&p[BIT_WORD(nr)], __ATOMIC_ACQUIRE) & BIT_MASK(nr);
}

static inline void set_bit(unsigned long nr, volatile unsigned long *p)
{
	__atomic_fetch_or(&p[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline void clear_bit(unsigned long nr, volatile unsigned long *p)
{
	__atomic_fetch_and(&p[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline void change_bit(unsigned long nr, volatile unsigned long *p)
{
	__atomic_fetch_xor(&p[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_RELAXED);
}

static inline void assign_bit(unsigned long nr, volatile unsigned long *p, bool v)
{
	if (v)
		set_bit(nr, p);
	else
		clear_bit(nr, p);
}

static inline bool test_and_set_bit(unsigned long nr, volatile unsigned long *p)
{
	return __atomic_fetch_or(&p[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_SEQ_CST) & BIT_MASK(nr);
}

static inline bool test_and_clear_bit(unsigned long nr, volatile unsigned long *p)
{
	return __atomic_fetch_and(&p[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_SEQ_CST) & BIT_MASK(nr);
}

static inline bool test_and_set_bit_lock(unsigned long nr, volatile unsigned long *p)
{
	return __atomic_fetch_or(&p[BIT_WORD(nr)], BIT_MASK(nr), __ATOMIC_ACQUIRE) & BIT_MASK(nr);
}

static inline void clear_bit_unlock(unsigned long nr, volatile unsigned long *p)
{
	__atomic_fetch_and(&p[BIT_WORD(nr)], ~BIT_MASK(nr), __ATOMIC_RELEASE);
}

/* First bit at or after @start whose value differs from @skip's. */
static inline unsigned long __find_next(const unsigned long *p, unsigned long size,
					unsigned long start, unsigned long skip)
{
	unsigned long i = BIT_WORD(start), w;

	if (start >= size)
		return size;
	w = (p[i] ^ skip) & (~0UL << (start % BITS_PER_LONG));
	while (!w) {
		if (++i * BITS_PER_LONG >= size)
			return size;
		w = p[i] ^ skip;
	}
	start = i * BITS_PER_LONG + __ffs(w);
	return start < size ? start : size;
}

static inline unsigned long find_next_bit(const unsigned long *p, unsigned long size,
					  unsigned long start)
{
	return __find_next(p, size, start, 0);
}

static inline unsigned long find_next_zero_bit(const unsigned long *p, unsigned long size,
					       unsigned long start)
{
	return __find_next(p, size, start, ~0UL);
}

static inline unsigned long find_first_bit(const unsigned long *p, unsigned long size)
{
	return __find_next(p, size, 0, 0);
}

static inline unsigned long find_first_zero_bit(const unsigned long *p, unsigned long size)
{
	return __find_next(p, size, 0, ~0UL);
}

#define for_each_set_bit(bit, p, size)							\
	for ((bit) = find_first_bit((p), (size)); (bit) < (size);			\
	     (bit) = find_next_bit((p), (size), (bit) + 1))

#define for_each_clear_bit(bit, p, size)						\
	for ((bit) = find_first_zero_bit((p), (size)); (bit) < (size);			\
	     (bit) = find_next_zero_bit((p), (size), (bit) + 1))

#endif
