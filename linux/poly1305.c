/* Poly1305, by libsodium. */
#include <sodium.h>
#include <linux/poly1305.h>

void poly1305_init(struct poly1305_desc_ctx *ctx, const u8 key[POLY1305_KEY_SIZE])
{
	crypto_onetimeauth_init((crypto_onetimeauth_state *)ctx, key);
}

void poly1305_update(struct poly1305_desc_ctx *ctx, const void *data, size_t len)
{
	crypto_onetimeauth_update((crypto_onetimeauth_state *)ctx, data, len);
}

void poly1305_final(struct poly1305_desc_ctx *ctx, u8 tag[POLY1305_DIGEST_SIZE])
{
	crypto_onetimeauth_final((crypto_onetimeauth_state *)ctx, tag);
}

void poly1305(const u8 key[POLY1305_KEY_SIZE], const void *data, size_t len,
	      u8 tag[POLY1305_DIGEST_SIZE])
{
	crypto_onetimeauth(tag, data, len, key);
}
