/*
 * The ways there are to compute each checksum and cipher, for those that choose, test and measure:
 * tables that end with a NULL name. The functions are those of the public headers; crypto ones
 * return false, and have done nothing, where the library does not offer them.
 */
#ifndef _BCH_LINUX_CHECKSUM_IMPLS_H
#define _BCH_LINUX_CHECKSUM_IMPLS_H

#include <linux/types.h>

struct crc32c_impl {
	const char *name;
	u32 (*fn)(u32 crc, const void *data, size_t len);
};

struct crc64_impl {
	const char *name;
	u64 (*fn)(u64 crc, const void *data, size_t len);
};

struct chacha20_impl {
	const char *name;
	bool (*fn)(const u8 key[32], const __le32 nonce[4], void *buf, size_t len);
};

struct poly1305_impl {
	const char *name;
	bool (*fn)(const u8 key[32], const void *data, size_t len, u8 tag[16]);
};

extern const struct crc32c_impl crc32c_impls[];
extern const struct crc64_impl crc64_impls[];
extern const struct chacha20_impl chacha20_impls[];
extern const struct poly1305_impl poly1305_impls[];

#endif
