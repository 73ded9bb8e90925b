/*
 * CRC-32C: reflected polynomial 0x82f63b78. The register goes in and comes out as it is: callers
 * begin with and invert what their format says.
 */
#ifndef _BCH_LINUX_CRC32C_H
#define _BCH_LINUX_CRC32C_H

#include <linux/types.h>

u32 crc32c(u32 crc, const void *data, size_t len);
/*
 * The register after @len zero bytes, in O(log len):
 * crc(ab) = crc32c_shift(crc(a), |b|) ^ crc(b).
 */
u32 crc32c_shift(u32 crc, u64 len);

#endif
