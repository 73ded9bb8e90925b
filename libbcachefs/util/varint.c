/* varint: integers of 1 to 9 bytes (spec 03 section 11.2). */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "util/varint.h"

int varint_decode(const u8 *in, const u8 *end, u64 *v)
{
	unsigned bytes;
	__le64 word = 0;

	*v = 0;
	if (in >= end)
		return -EINVAL;
	bytes = *in == 0xff ? VARINT_MAX_BYTES : __builtin_ctz(~*in) + 1;
	if (bytes > end - in)
		return -EINVAL;
	if (bytes == VARINT_MAX_BYTES) {
		memcpy(&word, in + 1, sizeof(word));
		*v = le64_to_cpu(word);
	} else {
		memcpy(&word, in, bytes);
		*v = le64_to_cpu(word) >> bytes;
	}
	return bytes;
}

unsigned varint_encode(u8 *out, u64 v)
{
	unsigned bits = v ? 64 - __builtin_clzll(v) : 1;
	unsigned bytes = (bits + 6) / 7;
	__le64 word;

	if (bytes > 8) {
		out[0] = 0xff;
		word = cpu_to_le64(v);
		memcpy(out + 1, &word, sizeof(word));
		return VARINT_MAX_BYTES;
	}
	word = cpu_to_le64(v << bytes | ((1ULL << (bytes - 1)) - 1));
	memcpy(out, &word, bytes);
	return bytes;
}
