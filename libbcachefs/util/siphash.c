/* SipHash-2-4 of one message (Aumasson and Bernstein, 2012). */
#include <linux/unaligned.h>
#include "util/siphash.h"

static inline u64 rotl(u64 v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static inline void rounds(u64 v[4], unsigned n)
{
	while (n--) {
		v[0] += v[1];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[0] = rotl(v[0], 32);
		v[2] += v[3];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[2] = rotl(v[2], 32);
	}
}

static inline void word(u64 v[4], u64 m)
{
	v[3] ^= m;
	rounds(v, 2);
	v[0] ^= m;
}

u64 siphash_2_4(u64 k0, u64 k1, const void *data, size_t len)
{
	const u8 *p = data;
	u64 v[4] = {
		k0 ^ 0x736f6d6570736575ULL,
		k1 ^ 0x646f72616e646f6dULL,
		k0 ^ 0x6c7967656e657261ULL,
		k1 ^ 0x7465646279746573ULL,
	};
	u64 last = (u64)len << 56;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8)
		word(v, get_unaligned_le64(p + i));
	for (unsigned shift = 0; i < len; i++, shift += 8)
		last |= (u64)p[i] << shift;
	word(v, last);
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
