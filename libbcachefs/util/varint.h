/*
 * varint: unsigned integers of 1 to 9 bytes; the trailing one bits of the first byte tell how many
 * follow (spec 03 section 11.2). Knows nothing of bcachefs.
 */
#ifndef _BCH_UTIL_VARINT_H
#define _BCH_UTIL_VARINT_H

#include <linux/types.h>

#define VARINT_MAX_BYTES 9

/* Read from [in, end): bytes used, or -EINVAL if it is cut off. */
int varint_decode(const u8 *in, const u8 *end, u64 *v);
/* Write the shortest form to @out, which has room for VARINT_MAX_BYTES: bytes used. */
unsigned varint_encode(u8 *out, u64 v);

#endif
