/* Compression of extents (spec 06 section 4). */
#ifndef _BCH_DATA_COMPRESS_H
#define _BCH_DATA_COMPRESS_H

#include <linux/types.h>

/*
 * Decompress one extent as stored: @src of @src_len bytes (whole sectors, the data's real length is
 * in its own framing) into @dst of exactly @dst_len bytes. @type: BCH_COMPRESSION_TYPE_*. Bounded
 * by both lengths whatever the bytes say. 0, -EIO: the data is damaged; -EINVAL: unknown type;
 * -ENOMEM. Any thread; workspaces are kept per thread.
 */
int bch_decompress(unsigned type, void *dst, size_t dst_len, const void *src, size_t src_len);

#endif
