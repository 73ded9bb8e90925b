/* Decompression of extents (spec 06 section 4.3). */
#include <linux/decompress.h>
#include <linux/errno.h>
#include <linux/unaligned.h>
#include "data/compress.h"
#include "format/enums.h"

int bch_decompress(unsigned type, void *dst, size_t dst_len, const void *src, size_t src_len)
{
	u32 n;

	switch (type) {
	case BCH_COMPRESSION_TYPE_lz4_old:
	case BCH_COMPRESSION_TYPE_lz4:
		return lz4_decompress_exact(dst, dst_len, src, src_len);
	case BCH_COMPRESSION_TYPE_gzip:
		return deflate_decompress_exact(dst, dst_len, src, src_len);
	case BCH_COMPRESSION_TYPE_zstd:
		if (src_len < sizeof(u32))
			return -EIO;
		n = get_unaligned_le32(src);
		if (n > src_len - sizeof(u32))
			return -EIO;
		return zstd_decompress_exact(dst, dst_len, (const u8 *)src + sizeof(u32), n);
	default:
		return -EINVAL;
	}
}
