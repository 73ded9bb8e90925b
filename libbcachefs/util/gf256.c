/* Sums of products in GF(2^8) by a table of all products of the factor. */
#include <linux/string.h>
#include "util/gf256.h"

static void xor_bytes(u8 *dst, const u8 *src, size_t bytes)
{
	u64 a, b;

	for (; bytes >= 8; bytes -= 8, dst += 8, src += 8) {
		memcpy(&a, dst, 8);
		memcpy(&b, src, 8);
		a ^= b;
		memcpy(dst, &a, 8);
	}
	while (bytes--)
		*dst++ ^= *src++;
}

void gf256_mul_add(u8 *dst, const u8 *src, u8 factor, size_t bytes)
{
	u8 table[256];

	if (factor == 1) {
		xor_bytes(dst, src, bytes);
		return;
	}
	for (unsigned i = 0; i < 256; i++)
		table[i] = gf256_mul(i, factor);
	while (bytes--)
		*dst++ ^= table[*src++];
}
