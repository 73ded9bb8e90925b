/*
 * Checksums and encryption of blocks of bytes: spec 01 section 5, spec 06 sections 2 and 3.
 *
 * Everything is a pure function of its arguments and runs at the speed of the kernel API's
 * crc32c(), crc64_be(), xxh64(), chacha20_crypt() and poly1305(); nothing is allocated.
 */
#include <linux/chacha20.h>
#include <linux/crc32c.h>
#include <linux/crc64.h>
#include <linux/kernel.h>
#include <linux/poly1305.h>
#include <linux/string.h>
#include <linux/xxhash.h>
#include "sb/csum.h"

#define NONCE_POLY (1U << 31) /* xored into word 3 for the one-time key of a MAC */

const char *const bch_csum_type_names[] = {
#define x(name, nr, ...) [nr] = #name,
	BCH_CSUM_TYPES()
#undef x
		NULL};

const u8 bch_csum_bytes[] = {
#define x(name, nr, bytes) [nr] = bytes,
	BCH_CSUM_TYPES()
#undef x
};

static struct bch_csum csum_of_u64(u64 v)
{
	return (struct bch_csum){.lo = cpu_to_le64(v)};
}

/* The first @bytes bytes of the Poly1305 tag under the one-time key of @nonce (spec 06 3.6). */
static struct bch_csum mac(const struct bch_crypt_key *key, struct bch_nonce nonce,
			   const void *data, size_t len, size_t bytes)
{
	u8 once[POLY1305_KEY_SIZE] = {}, tag[POLY1305_DIGEST_SIZE];
	struct bch_csum ret = {};

	if (!key)
		return ret;
	nonce.d[3] ^= cpu_to_le32(NONCE_POLY);
	bch_encrypt(key, nonce, once, sizeof(once));
	poly1305(once, data, len, tag);
	memcpy(&ret, tag, bytes);
	return ret;
}

struct bch_csum bch_checksum(const struct bch_crypt_key *key, unsigned type, struct bch_nonce nonce,
			     const void *data, size_t len)
{
	switch (type) {
	case BCH_CSUM_crc32c_nonzero:
		return csum_of_u64((u32)~crc32c(~0U, data, len));
	case BCH_CSUM_crc32c:
		return csum_of_u64(crc32c(0, data, len));
	case BCH_CSUM_crc64_nonzero:
		return csum_of_u64(~crc64_be(~0ULL, data, len));
	case BCH_CSUM_crc64:
		return csum_of_u64(crc64_be(0, data, len));
	case BCH_CSUM_xxhash:
		return csum_of_u64(xxh64(data, len, 0));
	case BCH_CSUM_chacha20_poly1305_80:
	case BCH_CSUM_chacha20_poly1305_128:
		return mac(key, nonce, data, len, bch_csum_bytes[type]);
	default:
		return (struct bch_csum){};
	}
}

void bch_encrypt(const struct bch_crypt_key *key, struct bch_nonce nonce, void *data, size_t len)
{
	chacha20_crypt((const u8 *)key, nonce.d, data, len);
}

struct bch_nonce bch_nonce_add(struct bch_nonce nonce, unsigned bytes)
{
	nonce.d[0] = cpu_to_le32(le32_to_cpu(nonce.d[0]) + bytes / CHACHA_BLOCK_SIZE);
	return nonce;
}

void bch_csum_to_text(struct printbuf *out, unsigned type, struct bch_csum csum)
{
	const u8 *p = (const u8 *)&csum;
	unsigned bytes = type < BCH_CSUM_NR ? bch_csum_bytes[type] : sizeof(csum);

	for (unsigned i = 0; i < bytes; i++)
		prt_printf(out, "%02x", p[i]);
}

void bch_csum_err_to_text(struct printbuf *out, unsigned type, struct bch_csum expected,
			  struct bch_csum got)
{
	prt_str(out, "checksum error, type ");
	if (type < BCH_CSUM_NR)
		prt_str(out, bch_csum_type_names[type]);
	else
		prt_printf(out, "(unknown csum_type %u)", type);
	prt_str(out, ": got ");
	bch_csum_to_text(out, type, got);
	prt_str(out, " should be ");
	bch_csum_to_text(out, type, expected);
}
