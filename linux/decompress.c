/* Decompressors: liblz4, zlib, libzstd. Workspaces are kept per thread. */
#include <linux/decompress.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <lz4.h>
#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

struct workspace {
	ZSTD_DCtx *zstd;
	z_stream inflate;
	bool inflate_ready;
};

static pthread_key_t workspace_key;
static pthread_once_t workspace_once = PTHREAD_ONCE_INIT;

static void workspace_free(void *p)
{
	struct workspace *w = p;

	ZSTD_freeDCtx(w->zstd);
	if (w->inflate_ready)
		inflateEnd(&w->inflate);
	free(w);
}

static void workspace_key_make(void)
{
	pthread_key_create(&workspace_key, workspace_free);
}

static struct workspace *workspace_get(void)
{
	struct workspace *w;

	pthread_once(&workspace_once, workspace_key_make);
	w = pthread_getspecific(workspace_key);
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (w && pthread_setspecific(workspace_key, w)) {
			free(w);
			w = NULL;
		}
	}
	return w;
}

int lz4_decompress_exact(void *dst, size_t dst_len, const void *src, size_t src_len)
{
	int n;

	if (dst_len > INT_MAX || src_len > INT_MAX)
		return -EIO;
	n = LZ4_decompress_safe_partial(src, dst, src_len, dst_len, dst_len);
	return n >= 0 && (size_t)n == dst_len ? 0 : -EIO;
}

int deflate_decompress_exact(void *dst, size_t dst_len, const void *src, size_t src_len)
{
	struct workspace *w = workspace_get();
	int ret;

	if (!w)
		return -ENOMEM;
	if (!w->inflate_ready && inflateInit2(&w->inflate, -MAX_WBITS) != Z_OK)
		return -ENOMEM;
	w->inflate_ready = true;
	inflateReset(&w->inflate);
	w->inflate.next_in = (Bytef *)src;
	w->inflate.avail_in = src_len;
	w->inflate.next_out = dst;
	w->inflate.avail_out = dst_len;
	ret = inflate(&w->inflate, Z_FINISH);
	return ret == Z_STREAM_END && !w->inflate.avail_out ? 0 : -EIO;
}

int zstd_decompress_exact(void *dst, size_t dst_len, const void *src, size_t src_len)
{
	struct workspace *w = workspace_get();
	size_t n;

	if (!w)
		return -ENOMEM;
	if (!w->zstd)
		w->zstd = ZSTD_createDCtx();
	if (!w->zstd)
		return -ENOMEM;
	n = ZSTD_decompressDCtx(w->zstd, dst, dst_len, src, src_len);
	return !ZSTD_isError(n) && n == dst_len ? 0 : -EIO;
}
