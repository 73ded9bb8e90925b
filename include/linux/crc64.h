/*
 * CRC-64 of ECMA-182: polynomial 0x42f0e1eba9ea3693, most significant bit first. The register goes
 * in and comes out as it is.
 */
#ifndef _BCH_LINUX_CRC64_H
#define _BCH_LINUX_CRC64_H

#include <linux/types.h>

u64 crc64_be(u64 crc, const void *data, size_t len);
/*
 * The register after @len zero bytes, in O(log len):
 * crc(ab) = crc64_be_shift(crc(a), |b|) ^ crc(b).
 */
u64 crc64_be_shift(u64 crc, u64 len);

#endif
