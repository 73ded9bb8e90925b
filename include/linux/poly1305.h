/* Poly1305: a 16-byte tag of a message under a key of 32 bytes that is used once. */
#ifndef _BCH_LINUX_POLY1305_H
#define _BCH_LINUX_POLY1305_H

#include <linux/types.h>

#define POLY1305_KEY_SIZE    32
#define POLY1305_DIGEST_SIZE 16

/* A message in pieces: init, any number of updates, final, which frees what init took. */
struct poly1305_desc_ctx {
	void *libcrypto; /* its context, or NULL: libsodium's is here */
	u8 state[256] __aligned(64);
};

void poly1305_init(struct poly1305_desc_ctx *ctx, const u8 key[POLY1305_KEY_SIZE]);
void poly1305_update(struct poly1305_desc_ctx *ctx, const void *data, size_t len);
void poly1305_final(struct poly1305_desc_ctx *ctx, u8 tag[POLY1305_DIGEST_SIZE]);

/* The tag of one piece. */
void poly1305(const u8 key[POLY1305_KEY_SIZE], const void *data, size_t len,
	      u8 tag[POLY1305_DIGEST_SIZE]);

#endif
