/* Keys and passphrases: sections that the real tool wrote, and our own round trips. */
#include <linux/string.h>
#include "format/errcode.h"
#include "sb/crypt.h"
#include "test.h"

/* An image formatted with --encrypted, passphrase "correct horse": internal uuid and section. */
static const char real_uuid[] = "db5b63cc86d2401494fe56915167649e";
static const char real_locked[] =
	"080000000200000000000000000000000e0003000400000012f60b6bab92b9ad6ae307c1fe990a7b"
	"0c8e315719d6b87ff149b41c796917f7c6c8b381b79eb120";
/* --encrypted --no_passphrase */
static const char real_clear[] =
	"0800000002000000000000000000000000000000000000006263682a2a6b6579f90f25f5436f0ab8"
	"3d89c03c81f0ead760e78d75d340fda0c56b9a89810aef90";

static void from_hex(const char *hex, void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sscanf(hex + 2 * i, "%2hhx", (u8 *)bytes + i);
}

static void load(const char *hex, struct sb_crypt *crypt, u8 uuid[16])
{
	from_hex(hex, crypt, sizeof(*crypt));
	from_hex(real_uuid, uuid, 16);
}

TEST(passphrase_gives_the_documented_key)
{
	struct sb_crypt crypt;
	struct bch_crypt_key key;
	u8 uuid[16], expected[32];

	load(real_locked, &crypt, uuid);
	from_hex("d3f4890002d955a0435c02a332696fa9c02ae662ce8dae4639ae1c73bbd0e5b7", expected, 32);
	EXPECT_EQ(bch_crypt_passphrase_key(&crypt, "correct horse", 13, &key), 0);
	EXPECT_MEM(&key, expected, 32);
}

TEST(passphrase_unlocks_what_the_real_tool_locked)
{
	struct sb_crypt crypt, again;
	struct bch_crypt_key key, master;
	u8 uuid[16];

	load(real_locked, &crypt, uuid);
	EXPECT(bch_crypt_locked(&crypt));
	REQUIRE(!bch_crypt_passphrase_key(&crypt, "correct horse", 13, &key));
	EXPECT_EQ(bch_crypt_master_key(&crypt, uuid, &key, &master), 0);
	again = crypt;
	memset(&again.kdf_flags, 0, 48);
	EXPECT_EQ(bch_crypt_lock(&again, uuid, &master, "correct horse", 13, NULL), 0);
	EXPECT_MEM(&again, &crypt, sizeof(crypt));
}

TEST(wrong_passphrase_is_refused)
{
	struct sb_crypt crypt;
	struct bch_crypt_key key, master;
	u8 uuid[16];

	load(real_locked, &crypt, uuid);
	REQUIRE(!bch_crypt_passphrase_key(&crypt, "correct horse\n", 14, &key));
	EXPECT_EQ(bch_crypt_master_key(&crypt, uuid, &key, &master), -BCH_ERR_incorrect_passphrase);
	EXPECT_EQ(bch_crypt_master_key(&crypt, uuid, NULL, &master), -BCH_ERR_no_encryption_key);
}

TEST(clear_key_needs_no_passphrase_and_can_get_one)
{
	struct sb_crypt crypt, clear;
	struct bch_crypt_key key, master, again;
	u8 uuid[16];

	load(real_clear, &clear, uuid);
	crypt = clear;
	EXPECT(!bch_crypt_locked(&crypt));
	EXPECT_EQ(bch_crypt_master_key(&crypt, uuid, NULL, &master), 0);
	EXPECT_MEM(&master, clear.key, 32);

	EXPECT_EQ(bch_crypt_lock(&crypt, uuid, &master, "x", 1, &key), 0);
	EXPECT(bch_crypt_locked(&crypt));
	EXPECT_EQ(le64_to_cpu(crypt.kdf_flags), 0x40003000eULL);
	EXPECT_EQ(bch_crypt_master_key(&crypt, uuid, &key, &again), 0);
	EXPECT_MEM(&again, &master, 32);

	bch_crypt_store_clear(&crypt, &master);
	EXPECT_MEM(crypt.key, clear.key, 32);
	EXPECT(!bch_crypt_locked(&crypt));
}

TEST(higher_cost_is_kept_and_lower_raised)
{
	struct sb_crypt crypt;
	struct bch_crypt_key master = {}, key;
	u8 uuid[16];

	load(real_locked, &crypt, uuid);
	crypt.kdf_flags = cpu_to_le64(15ULL | 2 << 16 | 1ULL << 32);
	EXPECT_EQ(bch_crypt_lock(&crypt, uuid, &master, "x", 1, &key), 0);
	EXPECT_EQ(le64_to_cpu(crypt.kdf_flags), 0x40003000fULL);
}

TEST(impossible_cost_is_refused_and_never_kept)
{
	static const u64 bad[] = {0, 0x40003ffffULL, 0x4ffff000eULL, 0xffff0003000eULL, 64};
	struct sb_crypt crypt;
	struct bch_crypt_key key, master = {};
	u8 uuid[16];

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		load(real_locked, &crypt, uuid);
		crypt.kdf_flags = cpu_to_le64(bad[i]);
		EXPECT_EQ(bch_crypt_passphrase_key(&crypt, "x", 1, &key),
			  -BCH_ERR_invalid_sb_crypt);
		EXPECT_EQ(bch_crypt_lock(&crypt, uuid, &master, "x", 1, NULL), 0);
		EXPECT_EQ(le64_to_cpu(crypt.kdf_flags), 0x40003000eULL);
	}
	crypt.flags = cpu_to_le64(1);
	EXPECT_EQ(bch_crypt_passphrase_key(&crypt, "x", 1, &key), -BCH_ERR_invalid_sb_crypt);
}
