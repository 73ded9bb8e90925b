/* CRC-32C: by isa-l, which picks code for the processor; else by tables, 8 bytes at a time. */
#include <linux/crc32c.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "checksum_impls.h"
#if __has_include(<isa-l/crc.h>)
#include <isa-l/crc.h>
#define HAVE_ISAL 1
#else
#define HAVE_ISAL 0
#endif

#define CRC32C_POLY 0x82f63b78U /* reflected */

/* tables[k][b]: the register after byte b and k zero bytes */
static u32 tables[8][256];

static void __attribute__((constructor)) make_tables(void)
{
	for (u32 b = 0; b < 256; b++) {
		u32 crc = b;

		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLY : 0);
		tables[0][b] = crc;
	}
	for (int k = 1; k < 8; k++)
		for (u32 b = 0; b < 256; b++)
			tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xff];
}

static u32 crc32c_tables(u32 crc, const void *data, size_t len)
{
	const u8 *p = data;

	for (; len >= 8; p += 8, len -= 8) {
		u64 v;

		memcpy(&v, p, 8);
		v = le64_to_cpu(v) ^ crc;
		crc = 0;
#pragma GCC unroll 8
		for (int k = 0; k < 8; k++)
			crc ^= tables[7 - k][(u8)(v >> 8 * k)];
	}
	while (len--)
		crc = crc >> 8 ^ tables[0][(u8)(crc ^ *p++)];
	return crc;
}

#if HAVE_ISAL
static u32 crc32c_isal(u32 crc, const void *data, size_t len)
{
	unsigned char *p = (unsigned char *)data;

	while (len) {
		int n = min_t(size_t, len, 1U << 30);

		crc = crc32_iscsi(p, n, crc);
		p += n;
		len -= n;
	}
	return crc;
}
#endif

u32 crc32c(u32 crc, const void *data, size_t len)
{
#if HAVE_ISAL
	return crc32c_isal(crc, data, len);
#else
	return crc32c_tables(crc, data, len);
#endif
}

/* a * b modulo the polynomial, in the reflected order: bit 31 is x^0. */
static u32 crc32c_mul(u32 a, u32 b)
{
	u32 r = 0;

	for (; b; b <<= 1) {
		if (b >> 31)
			r ^= a;
		a = a >> 1 ^ (a & 1 ? CRC32C_POLY : 0);
	}
	return r;
}

u32 crc32c_shift(u32 crc, u64 len)
{
	u32 power = 1U << 23; /* x^8, then its squares */

	for (; len; len >>= 1) {
		if (len & 1)
			crc = crc32c_mul(crc, power);
		power = crc32c_mul(power, power);
	}
	return crc;
}

const struct crc32c_impl crc32c_impls[] = {
#if HAVE_ISAL
	{"isa-l", crc32c_isal},
#endif
	{"tables", crc32c_tables},
	{},
};
