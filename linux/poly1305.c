/*
 * Poly1305: short messages by libsodium, which needs no setup, long ones by libcrypto, which is
 * three times as fast; by libsodium alone where libcrypto has no Poly1305.
 */
#include <pthread.h>
#include <sodium.h>
#include <openssl/evp.h>
#include <linux/bug.h>
#include <linux/poly1305.h>
#include "checksum_impls.h"

#define SHORT_BYTES 256 /* measured: equal here */

static pthread_once_t sodium_once = PTHREAD_ONCE_INIT;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MAC *mac; /* NULL: libcrypto has none */

static pthread_key_t ctx_key;
static bool have_ctx_key;

static void ctx_free(void *ctx)
{
	EVP_MAC_CTX_free(ctx);
}

static void __attribute__((constructor)) ctx_setup(void)
{
	have_ctx_key = !pthread_key_create(&ctx_key, ctx_free);
}

static void mac_fetch(void)
{
	mac = EVP_MAC_fetch(NULL, "POLY1305", NULL);
}

/* A context of one's own, ready for the message; NULL when there can be none. */
static EVP_MAC_CTX *ctx_new(void)
{
	pthread_once(&fetch_once, mac_fetch);
	return mac ? EVP_MAC_CTX_new(mac) : NULL;
}

/* The one that this thread keeps. */
static EVP_MAC_CTX *ctx_get(void)
{
	EVP_MAC_CTX *ctx = have_ctx_key ? pthread_getspecific(ctx_key) : NULL;

	if (ctx || !have_ctx_key)
		return ctx;
	ctx = ctx_new();
	if (ctx && pthread_setspecific(ctx_key, ctx)) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

static void ctx_final(EVP_MAC_CTX *ctx, u8 tag[POLY1305_DIGEST_SIZE])
{
	size_t len;

	if (EVP_MAC_final(ctx, tag, &len, POLY1305_DIGEST_SIZE) != 1)
		BUG();
}

static bool poly1305_libcrypto(const u8 key[POLY1305_KEY_SIZE], const void *data, size_t len,
			       u8 tag[POLY1305_DIGEST_SIZE])
{
	EVP_MAC_CTX *ctx = ctx_get();

	if (!ctx || EVP_MAC_init(ctx, key, POLY1305_KEY_SIZE, NULL) != 1)
		return false;
	if (EVP_MAC_update(ctx, data, len) != 1)
		BUG();
	ctx_final(ctx, tag);
	return true;
}

/* libsodium looks at the processor only when told. */
static void sodium_setup(void)
{
	BUG_ON(sodium_init() < 0);
}

static bool poly1305_libsodium(const u8 key[POLY1305_KEY_SIZE], const void *data, size_t len,
			       u8 tag[POLY1305_DIGEST_SIZE])
{
	pthread_once(&sodium_once, sodium_setup);
	crypto_onetimeauth(tag, data, len, key);
	return true;
}

void poly1305(const u8 key[POLY1305_KEY_SIZE], const void *data, size_t len,
	      u8 tag[POLY1305_DIGEST_SIZE])
{
	if (len <= SHORT_BYTES || !poly1305_libcrypto(key, data, len, tag))
		poly1305_libsodium(key, data, len, tag);
}

static crypto_onetimeauth_state *sodium_state(struct poly1305_desc_ctx *ctx)
{
	BUILD_BUG_ON(sizeof(crypto_onetimeauth_state) > sizeof(ctx->state));
	return (crypto_onetimeauth_state *)ctx->state;
}

void poly1305_init(struct poly1305_desc_ctx *ctx, const u8 key[POLY1305_KEY_SIZE])
{
	ctx->libcrypto = ctx_new();
	if (ctx->libcrypto && EVP_MAC_init(ctx->libcrypto, key, POLY1305_KEY_SIZE, NULL) != 1) {
		EVP_MAC_CTX_free(ctx->libcrypto);
		ctx->libcrypto = NULL;
	}
	if (ctx->libcrypto)
		return;
	pthread_once(&sodium_once, sodium_setup);
	crypto_onetimeauth_init(sodium_state(ctx), key);
}

void poly1305_update(struct poly1305_desc_ctx *ctx, const void *data, size_t len)
{
	if (!ctx->libcrypto)
		crypto_onetimeauth_update(sodium_state(ctx), data, len);
	else if (EVP_MAC_update(ctx->libcrypto, data, len) != 1)
		BUG();
}

void poly1305_final(struct poly1305_desc_ctx *ctx, u8 tag[POLY1305_DIGEST_SIZE])
{
	if (!ctx->libcrypto) {
		crypto_onetimeauth_final(sodium_state(ctx), tag);
		return;
	}
	ctx_final(ctx->libcrypto, tag);
	EVP_MAC_CTX_free(ctx->libcrypto);
}

const struct poly1305_impl poly1305_impls[] = {
	{"libcrypto", poly1305_libcrypto},
	{"libsodium", poly1305_libsodium},
	{},
};
