/*
 * Passphrase, passphrase key, master key: spec 01 section 10.2, 06 section 3.
 *
 * Nothing secret stays behind on the stack.
 */
#include <linux/kernel.h>
#include <linux/scrypt.h>
#include <linux/string.h>
#include "format/errcode.h"
#include "sb/crypt.h"

#define KDF_SCRYPT	 0
#define KDF_TYPE(flags)	 ((flags)&0xf)
#define KDF_MEM_BITS_MAX 30 /* log2 of bytes that scrypt may take */
#define KDF_P_BITS_MAX	 10

/* What is enciphered: the last 40 bytes of the section. */
struct key_record {
	__le64 magic;
	struct bch_crypt_key key;
};

_Static_assert(sizeof(struct key_record) == 40 &&
		       offsetof(struct sb_crypt, key_magic) + sizeof(struct key_record) ==
			       sizeof(struct sb_crypt),
	       "key record");

struct bch_kdf bch_crypt_kdf(const struct sb_crypt *crypt)
{
	u64 v = le64_to_cpu(crypt->kdf_flags);

	return (struct bch_kdf){.n = v, .r = v >> 16, .p = v >> 32};
}

/* 128 bytes * N * r of memory, p rounds. */
static bool kdf_possible(struct bch_kdf kdf)
{
	return kdf.n && kdf.p <= KDF_P_BITS_MAX && 7U + kdf.n + kdf.r <= KDF_MEM_BITS_MAX;
}

static int derive(struct bch_kdf kdf, const void *passphrase, size_t len, struct bch_crypt_key *key)
{
	static const char salt[] = "bcache"; /* its NUL belongs to it */

	if (!kdf_possible(kdf))
		return -BCH_ERR_invalid_sb_crypt;
	return scrypt(passphrase, len, salt, sizeof(salt), 1ULL << kdf.n, 1U << kdf.r, 1U << kdf.p,
		      key, sizeof(*key));
}

int bch_crypt_passphrase_key(const struct sb_crypt *crypt, const void *passphrase, size_t len,
			     struct bch_crypt_key *key)
{
	if (KDF_TYPE(le64_to_cpu(crypt->flags)) != KDF_SCRYPT)
		return -BCH_ERR_invalid_sb_crypt;
	return derive(bch_crypt_kdf(crypt), passphrase, len, key);
}

/* Encipher or decipher a record: the nonce is the start of the internal uuid. */
static void crypt_record(struct key_record *record, const u8 uuid[16],
			 const struct bch_crypt_key *passphrase_key)
{
	struct bch_nonce nonce = {};

	memcpy(&nonce.d[2], uuid, 8);
	bch_encrypt(passphrase_key, nonce, record, sizeof(*record));
}

int bch_crypt_master_key(const struct sb_crypt *crypt, const u8 uuid[16],
			 const struct bch_crypt_key *passphrase_key, struct bch_crypt_key *master)
{
	struct key_record record;
	int ret = 0;

	memcpy(&record, &crypt->key_magic, sizeof(record));
	if (bch_crypt_locked(crypt)) {
		if (!passphrase_key)
			return -BCH_ERR_no_encryption_key;
		crypt_record(&record, uuid, passphrase_key);
	}
	if (le64_to_cpu(record.magic) == BCH_KEY_MAGIC)
		*master = record.key;
	else
		ret = -BCH_ERR_incorrect_passphrase;
	memzero_explicit(&record, sizeof(record));
	return ret;
}

static struct bch_kdf kdf_at_least_default(const struct sb_crypt *crypt)
{
	struct bch_kdf kdf = bch_crypt_kdf(crypt), low = BCH_KDF_DEFAULT;

	kdf.n = max(kdf.n, low.n);
	kdf.r = max(kdf.r, low.r);
	kdf.p = max(kdf.p, low.p);
	return kdf_possible(kdf) ? kdf : low;
}

int bch_crypt_lock(struct sb_crypt *crypt, const u8 uuid[16], const struct bch_crypt_key *master,
		   const void *passphrase, size_t len, struct bch_crypt_key *passphrase_key)
{
	struct bch_kdf kdf = kdf_at_least_default(crypt);
	struct key_record record = {.magic = cpu_to_le64(BCH_KEY_MAGIC), .key = *master};
	struct bch_crypt_key key;
	int ret = derive(kdf, passphrase, len, &key);

	if (!ret) {
		crypt_record(&record, uuid, &key);
		memcpy(&crypt->key_magic, &record, sizeof(record));
		crypt->flags = cpu_to_le64((le64_to_cpu(crypt->flags) & ~0xfULL) | KDF_SCRYPT);
		crypt->kdf_flags = cpu_to_le64((u64)kdf.p << 32 | (u32)kdf.r << 16 | kdf.n);
		if (passphrase_key)
			*passphrase_key = key;
	}
	memzero_explicit(&record, sizeof(record));
	memzero_explicit(&key, sizeof(key));
	return ret;
}

void bch_crypt_store_clear(struct sb_crypt *crypt, const struct bch_crypt_key *master)
{
	struct key_record record = {.magic = cpu_to_le64(BCH_KEY_MAGIC), .key = *master};

	memcpy(&crypt->key_magic, &record, sizeof(record));
	memzero_explicit(&record, sizeof(record));
}
