/*
 * ChaCha20: by libcrypto, which is three times as fast as libsodium; by that, which starts sooner,
 * a single block, and all where libcrypto has no ChaCha20. A thread keeps its libcrypto context,
 * with the last key.
 */
#include <pthread.h>
#include <sodium.h>
#include <openssl/evp.h>
#include <linux/bug.h>
#include <linux/chacha20.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "checksum_impls.h"

#define SHORT_BYTES CHACHA_BLOCK_SIZE /* measured */

struct chacha20_ctx {
	EVP_CIPHER_CTX *evp;
	u8 key[CHACHA_KEY_SIZE];
};

static pthread_once_t sodium_once = PTHREAD_ONCE_INIT;
static pthread_key_t ctx_key;
static bool have_ctx_key;

static void ctx_free(void *arg)
{
	struct chacha20_ctx *ctx = arg;

	EVP_CIPHER_CTX_free(ctx->evp);
	explicit_bzero(ctx, sizeof(*ctx));
	free(ctx);
}

static void __attribute__((constructor)) ctx_setup(void)
{
	have_ctx_key = !pthread_key_create(&ctx_key, ctx_free);
}

/* This thread's context, NULL when there can be none. */
static struct chacha20_ctx *ctx_get(void)
{
	static const u8 zeros[CHACHA_KEY_SIZE];
	struct chacha20_ctx *ctx = have_ctx_key ? pthread_getspecific(ctx_key) : NULL;

	if (ctx || !have_ctx_key)
		return ctx;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return NULL;
	ctx->evp = EVP_CIPHER_CTX_new();
	if (!ctx->evp || EVP_EncryptInit_ex(ctx->evp, EVP_chacha20(), NULL, zeros, zeros) != 1 ||
	    pthread_setspecific(ctx_key, ctx)) {
		ctx_free(ctx);
		return NULL;
	}
	return ctx;
}

/* Up to @max bytes, and not past the block with which the counter wraps. */
static size_t chacha20_room(u32 counter, size_t len, size_t max)
{
	u64 room = ((1ULL << 32) - counter) * CHACHA_BLOCK_SIZE;

	return min_t(u64, min(len, max), room);
}

static bool chacha20_libcrypto(const u8 key[CHACHA_KEY_SIZE], const __le32 nonce[4], void *buf,
			       size_t len)
{
	struct chacha20_ctx *ctx = ctx_get();
	__le32 iv[4];
	u8 *p = buf;

	if (!ctx)
		return false;
	memcpy(iv, nonce, sizeof(iv));
	while (len) {
		size_t n = chacha20_room(le32_to_cpu(iv[0]), len, 1U << 30);
		bool same = !memcmp(ctx->key, key, CHACHA_KEY_SIZE);
		int done;

		/* of a context that was set up and a length that fits, neither fails */
		if (EVP_EncryptInit_ex(ctx->evp, NULL, NULL, same ? NULL : key, (u8 *)iv) != 1 ||
		    EVP_EncryptUpdate(ctx->evp, p, &done, p, n) != 1)
			BUG();
		if (!same)
			memcpy(ctx->key, key, CHACHA_KEY_SIZE);
		le32_add_cpu(&iv[0], n / CHACHA_BLOCK_SIZE);
		p += n;
		len -= n;
	}
	return true;
}

/* libsodium looks at the processor only when told. */
static void sodium_setup(void)
{
	BUG_ON(sodium_init() < 0);
}

static bool chacha20_libsodium(const u8 key[CHACHA_KEY_SIZE], const __le32 nonce[4], void *buf,
			       size_t len)
{
	u32 counter = le32_to_cpu(nonce[0]);
	u8 *p = buf;

	pthread_once(&sodium_once, sodium_setup);
	while (len) {
		size_t n = chacha20_room(counter, len, 1U << 30);

		crypto_stream_chacha20_ietf_xor_ic(p, p, n, (const u8 *)(nonce + 1), counter, key);
		counter += n / CHACHA_BLOCK_SIZE;
		p += n;
		len -= n;
	}
	return true;
}

void chacha20_crypt(const u8 key[CHACHA_KEY_SIZE], const __le32 nonce[4], void *buf, size_t len)
{
	if (len <= SHORT_BYTES || !chacha20_libcrypto(key, nonce, buf, len))
		chacha20_libsodium(key, nonce, buf, len);
}

const struct chacha20_impl chacha20_impls[] = {
	{"libcrypto", chacha20_libcrypto},
	{"libsodium", chacha20_libsodium},
	{},
};
