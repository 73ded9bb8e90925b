/*
 * Decompressors whose output has a known size. All: 0, -EIO when the input is damaged or does not
 * give exactly @dst_len bytes, -ENOMEM. Never reads or writes beyond the lengths given.
 */
#ifndef _BCH_LINUX_DECOMPRESS_H
#define _BCH_LINUX_DECOMPRESS_H

#include <linux/types.h>

/* An LZ4 block; what follows it in @src is ignored. */
int lz4_decompress_exact(void *dst, size_t dst_len, const void *src, size_t src_len);
/* A raw deflate stream; what follows it is ignored. */
int deflate_decompress_exact(void *dst, size_t dst_len, const void *src, size_t src_len);
/* Exactly one zstd frame. */
int zstd_decompress_exact(void *dst, size_t dst_len, const void *src, size_t src_len);

#endif
