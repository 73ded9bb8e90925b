/*
 * The crypt section: the master key, in the clear or under a passphrase (spec 01 section 10.2, 06
 * section 3).
 *
 * Three keys: the passphrase gives the passphrase key (scrypt); it unlocks the master key in the
 * superblock; the master key enciphers data and metadata and never changes. Callers wipe what they
 * get with memzero_explicit().
 */
#ifndef _BCH_SB_CRYPT_H
#define _BCH_SB_CRYPT_H

#include "format/sb.h"
#include "sb/csum.h"

/* Cost of scrypt: log2 of N, r, p. */
struct bch_kdf {
	u16 n, r, p;
};

#define BCH_KDF_DEFAULT ((struct bch_kdf){.n = 14, .r = 3, .p = 4}) /* 16 MiB */

struct bch_kdf bch_crypt_kdf(const struct sb_crypt *crypt);

/* The master key is not in the clear. */
static inline bool bch_crypt_locked(const struct sb_crypt *crypt)
{
	return le64_to_cpu(crypt->key_magic) != BCH_KEY_MAGIC;
}

/*
 * The passphrase key of @len bytes of passphrase (no newline, no NUL) at the cost @crypt names.
 * -BCH_ERR_invalid_sb_crypt: unknown KDF or a cost beyond 1 GiB of memory or 2^10 rounds; -ENOMEM.
 */
int bch_crypt_passphrase_key(const struct sb_crypt *crypt, const void *passphrase, size_t len,
			     struct bch_crypt_key *key);

/*
 * The master key of the filesystem with the internal uuid @uuid. @passphrase_key may be NULL when
 * the key is in the clear. -BCH_ERR_no_encryption_key: it is not; -BCH_ERR_incorrect_passphrase.
 */
int bch_crypt_master_key(const struct sb_crypt *crypt, const u8 uuid[16],
			 const struct bch_crypt_key *passphrase_key, struct bch_crypt_key *master);

/*
 * Store @master under a passphrase. The cost is what @crypt has, or the default where that is
 * lower. Errors as bch_crypt_passphrase_key(); @crypt is then unchanged. The passphrase key goes to
 * @passphrase_key when that is not NULL.
 */
int bch_crypt_lock(struct sb_crypt *crypt, const u8 uuid[16], const struct bch_crypt_key *master,
		   const void *passphrase, size_t len, struct bch_crypt_key *passphrase_key);
/* Store @master in the clear. */
void bch_crypt_store_clear(struct sb_crypt *crypt, const struct bch_crypt_key *master);

#endif
