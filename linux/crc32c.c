/* CRC-32C, by isa-l. */
#include <isa-l/crc.h>
#include <linux/crc32c.h>
#include <linux/kernel.h>

#define CRC32C_POLY 0x82f63b78U /* reflected */

u32 crc32c(u32 crc, const void *data, size_t len)
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
