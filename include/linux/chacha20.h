/*
 * ChaCha20: 20 rounds, a key of 32 bytes, and words 12..15 of the state from the caller: a block
 * counter, which wraps at 2^32 without carry, and the nonce of RFC 8439.
 */
#ifndef _BCH_LINUX_CHACHA20_H
#define _BCH_LINUX_CHACHA20_H

#include <linux/types.h>

#define CHACHA_KEY_SIZE	  32
#define CHACHA_BLOCK_SIZE 64

/* Xor @len bytes of key stream into @buf: encrypts and decrypts. */
void chacha20_crypt(const u8 key[CHACHA_KEY_SIZE], const __le32 nonce[4], void *buf, size_t len);

#endif
