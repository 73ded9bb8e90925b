/* Keys in the kernel keyring; passes without looking where there is none (containers). */
#include <errno.h>
#include "host/keyring.h"
#include "test.h"

static const u8 uuid[16] = {0x74, 0x65, 0x73, 0x74, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

TEST(key_is_found_replaced_and_revoked)
{
	struct bch_crypt_key key, found;
	bool linked;
	int ret;

	memset(&key, 1, sizeof(key));
	ret = host_key_add(HOST_KEYRING_SESSION, uuid, &key, &linked);
	if (ret == -ENOSYS || ret == -EPERM || ret == -EACCES)
		return;
	REQUIRE(ret == 0);
	EXPECT(!linked);
	EXPECT(host_key_exists(uuid));
	EXPECT_EQ(host_key_read(uuid, &found), 0);
	EXPECT_MEM(&found, &key, sizeof(key));

	memset(&key, 2, sizeof(key));
	EXPECT_EQ(host_key_add(HOST_KEYRING_SESSION, uuid, &key, &linked), 0);
	EXPECT_EQ(host_key_read(uuid, &found), 0);
	EXPECT_MEM(&found, &key, sizeof(key));

	EXPECT(host_key_revoke(uuid) >= 1);
	EXPECT(!host_key_exists(uuid));
	EXPECT_EQ(host_key_read(uuid, &found), -ENOKEY);
}

TEST(key_in_the_user_keyring_is_seen_from_the_session)
{
	struct bch_crypt_key key = {}, found;
	bool linked;
	int ret = host_key_add(HOST_KEYRING_USER, uuid, &key, &linked);

	if (ret == -ENOSYS || ret == -EPERM || ret == -EACCES)
		return;
	REQUIRE(ret == 0);
	EXPECT_EQ(host_key_read(uuid, &found), 0);
	EXPECT(host_key_revoke(uuid) >= 1);
	EXPECT(!host_key_exists(uuid));
}

TEST(keyrings_have_three_names)
{
	EXPECT_EQ(host_keyring_lookup("session"), HOST_KEYRING_SESSION);
	EXPECT_EQ(host_keyring_lookup("user"), HOST_KEYRING_USER);
	EXPECT_EQ(host_keyring_lookup("user_session"), HOST_KEYRING_USER_SESSION);
	EXPECT_EQ(host_keyring_lookup("process"), -ENOENT);
}
