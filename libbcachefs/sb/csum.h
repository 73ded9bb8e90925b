/*
 * Checksums of metadata and data (spec 01 section 5, 06 section 2). They live on this floor
 * because superblock, journal, nodes and data all need them.
 */
#ifndef _BCH_SB_CSUM_H
#define _BCH_SB_CSUM_H

#include "format/btree.h"
#include "util/printbuf.h"

/* x(name, number, bytes stored) */
#define BCH_CSUM_TYPES()                                                                       \
	x(none, 0, 0) x(crc32c_nonzero, 1, 4) x(crc64_nonzero, 2, 8)                           \
		x(chacha20_poly1305_80, 3, 10) x(chacha20_poly1305_128, 4, 16) x(crc32c, 5, 4) \
			x(crc64, 6, 8) x(xxhash, 7, 8)

enum bch_csum_type {
#define x(name, nr, ...) BCH_CSUM_##name = nr,
	BCH_CSUM_TYPES()
#undef x
		BCH_CSUM_NR
};

extern const char *const bch_csum_type_names[];
extern const u8 bch_csum_bytes[];

static inline bool bch_csum_type_is_encryption(unsigned type)
{
	return type == BCH_CSUM_chacha20_poly1305_80 || type == BCH_CSUM_chacha20_poly1305_128;
}

/* Four le32 words; word 0 is the block counter of the key stream. */
struct bch_nonce {
	__le32 d[4];
};

struct bch_crypt_key {
	__le64 key[4];
};

/*
 * Checksum of @len bytes. @type must be below BCH_CSUM_NR; for the encryption types @key must not
 * be NULL (else all zero is returned). MACs are cut to the bytes of the type.
 */
struct bch_csum bch_checksum(const struct bch_crypt_key *key, unsigned type, struct bch_nonce nonce,
			     const void *data, size_t len);

static inline bool bch_csum_eq(struct bch_csum a, struct bch_csum b)
{
	return !((a.lo ^ b.lo) | (a.hi ^ b.hi));
}

/* XOR @len bytes with the key stream of @nonce. */
void bch_encrypt(const struct bch_crypt_key *key, struct bch_nonce nonce, void *data, size_t len);

/* @nonce with its block counter advanced by @bytes (a multiple of 64). */
struct bch_nonce bch_nonce_add(struct bch_nonce nonce, unsigned bytes);

/* The stored bytes in order, in hex, as many as @type has. */
void bch_csum_to_text(struct printbuf *out, unsigned type, struct bch_csum csum);
/* "checksum error, type crc32c_nonzero: got 70c85c49 should be 25967a0a" */
void bch_csum_err_to_text(struct printbuf *out, unsigned type, struct bch_csum expected,
			  struct bch_csum got);

#endif
