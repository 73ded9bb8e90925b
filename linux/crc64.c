/*
 * CRC-64 of ECMA-182: by isa-l, which picks code for the processor and inverts at both ends;
 * without it by tables, 8 bytes at a time.
 */
#include <linux/crc64.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "checksum_impls.h"
#if __has_include(<isa-l/crc64.h>)
#include <isa-l/crc64.h>
#define HAVE_ISAL 1
#else
#define HAVE_ISAL 0
#endif

#define CRC64_POLY 0x42f0e1eba9ea3693ULL

/* tables[k][b]: the register after byte b and k zero bytes */
static u64 tables[8][256];

static void __attribute__((constructor)) make_tables(void)
{
	for (u32 b = 0; b < 256; b++) {
		u64 crc = (u64)b << 56;

		for (int i = 0; i < 8; i++)
			crc = crc << 1 ^ (crc >> 63 ? CRC64_POLY : 0);
		tables[0][b] = crc;
	}
	for (int k = 1; k < 8; k++)
		for (u32 b = 0; b < 256; b++)
			tables[k][b] = tables[k - 1][b] << 8 ^ tables[0][tables[k - 1][b] >> 56];
}

static u64 crc64_tables(u64 crc, const void *data, size_t len)
{
	const u8 *p = data;

	for (; len >= 8; p += 8, len -= 8) {
		u64 v;

		memcpy(&v, p, 8);
		v = be64_to_cpu(v) ^ crc;
		crc = 0;
#pragma GCC unroll 8
		for (int k = 0; k < 8; k++)
			crc ^= tables[k][(u8)(v >> 8 * k)];
	}
	while (len--)
		crc = crc << 8 ^ tables[0][(u8)(crc >> 56) ^ *p++];
	return crc;
}

#if HAVE_ISAL
static u64 crc64_isal(u64 crc, const void *data, size_t len)
{
	return ~crc64_ecma_norm(~crc, data, len);
}
#endif

u64 crc64_be(u64 crc, const void *data, size_t len)
{
#if HAVE_ISAL
	return crc64_isal(crc, data, len);
#else
	return crc64_tables(crc, data, len);
#endif
}

/* a * b modulo the polynomial: bit 0 is x^0. */
static u64 crc64_mul(u64 a, u64 b)
{
	u64 r = 0;

	for (; b; b >>= 1) {
		if (b & 1)
			r ^= a;
		a = a << 1 ^ (a >> 63 ? CRC64_POLY : 0);
	}
	return r;
}

u64 crc64_be_shift(u64 crc, u64 len)
{
	u64 power = 1ULL << 8; /* x^8, then its squares */

	for (; len; len >>= 1) {
		if (len & 1)
			crc = crc64_mul(crc, power);
		power = crc64_mul(power, power);
	}
	return crc;
}

const struct crc64_impl crc64_impls[] = {
#if HAVE_ISAL
	{"isa-l", crc64_isal},
#endif
	{"tables", crc64_tables},
	{},
};
