/* Bytes as elements of GF(2^8) modulo x^8+x^4+x^3+x^2+1 (spec 07 section 2). */
#ifndef _BCH_UTIL_GF256_H
#define _BCH_UTIL_GF256_H

#include <linux/types.h>

static inline u8 gf256_mul(u8 a, u8 b)
{
	u8 sum = 0;

	for (; b; b >>= 1) {
		if (b & 1)
			sum ^= a;
		a = a << 1 ^ (a & 0x80 ? 0x1d : 0);
	}
	return sum;
}

static inline u8 gf256_pow2(unsigned n)
{
	u8 v = 1;

	while (n--)
		v = v << 1 ^ (v & 0x80 ? 0x1d : 0);
	return v;
}

/* a^254; 0 for 0. */
static inline u8 gf256_inverse(u8 a)
{
	u8 square = a, v = 1;

	for (unsigned i = 1; i < 8; i++) {
		square = gf256_mul(square, square);
		v = gf256_mul(v, square);
	}
	return v;
}

/* dst ^= src * factor, byte by byte. */
void gf256_mul_add(u8 *dst, const u8 *src, u8 factor, size_t bytes);

#endif
