/* CRC-64 of ECMA-182, by isa-l, whose function inverts at both ends. */
#include <isa-l/crc64.h>
#include <linux/crc64.h>

#define CRC64_POLY 0x42f0e1eba9ea3693ULL

u64 crc64_be(u64 crc, const void *data, size_t len)
{
	return ~crc64_ecma_norm(~crc, data, len);
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
