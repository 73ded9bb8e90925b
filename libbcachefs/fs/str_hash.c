/* Hashes of names (spec 03 section 12). */
#include <linux/crc32c.h>
#include <linux/crc64.h>
#include <linux/kernel.h>
#include <linux/sha2.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include "format/inode.h"
#include "fs/inode.h"
#include "fs/str_hash.h"
#include "util/siphash.h"

#define NAME_MAX_BYTES 1024 /* longer than any name in a key */

struct bch_hash_info bch_hash_info(const struct bch_inode_unpacked *u)
{
	return (struct bch_hash_info){
		.type = INODE_STR_HASH(u->bi_flags),
		.is_31bit = u->bi_flags & BCH_INODE_FLAG_31bit_dirent_offset,
		.seed = u->bi_hash_seed,
	};
}

static u64 siphash(const struct bch_hash_info *info, const void *data, unsigned len)
{
	__le64 seed = cpu_to_le64(info->seed);
	u8 digest[SHA256_DIGEST_SIZE];

	if (info->type == BCH_STR_HASH_siphash)
		return siphash_2_4(info->seed, 0, data, len);
	sha256(&seed, sizeof(seed), digest);
	return siphash_2_4(get_unaligned_le64(digest), get_unaligned_le64(digest + 8), data, len);
}

/* The message in two pieces, as the crcs take it. */
static u64 crc_hash(const struct bch_hash_info *info, const void *a, unsigned a_len, const void *b,
		    unsigned b_len)
{
	__le64 seed = cpu_to_le64(info->seed);

	if (info->type == BCH_STR_HASH_crc32c)
		return crc32c(crc32c(crc32c(~0U, &seed, sizeof(seed)), a, a_len), b, b_len);
	return crc64_be(crc64_be(crc64_be(~0ULL, &seed, sizeof(seed)), a, a_len), b, b_len) >> 1;
}

u64 bch_dirent_hash(const struct bch_hash_info *info, const char *name, unsigned len)
{
	u64 hash = info->type <= BCH_STR_HASH_crc64 ? crc_hash(info, name, len, NULL, 0) :
						      siphash(info, name, len) >> 1;

	if (info->is_31bit)
		hash &= 0x7fffffff;
	return max_t(u64, hash, 2); /* 0 and 1 are "." and ".." */
}

u64 bch_xattr_hash(const struct bch_hash_info *info, u8 x_type, const char *name, unsigned len)
{
	u8 msg[1 + NAME_MAX_BYTES];
	unsigned rest;

	if (info->type <= BCH_STR_HASH_crc64)
		return crc_hash(info, &x_type, 1, name, len);
	len = min_t(unsigned, len, NAME_MAX_BYTES);
	msg[0] = x_type;
	memcpy(msg + 1, name, len);
	/*
	 * The type byte goes in first and stays in the block buffer; what is left of the name
	 * behind its last whole block lands behind it there, without the last byte.
	 */
	rest = len > 7 ? (len - 7) % 8 : 0;
	if (rest) {
		msg[1 + len - rest] = x_type;
		memcpy(msg + 2 + len - rest, name + len - rest, rest - 1);
	}
	return siphash(info, msg, len + 1) >> 1;
}
