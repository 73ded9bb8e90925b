/* Keys in the kernel keyring, by libkeyutils. */
#include <linux/kernel.h>
#include <linux/string.h>
#include <errno.h>
#include <keyutils.h>
#include "host/keyring.h"
#include "util/printbuf.h"

#define KEY_TYPE "user"

const char *const host_keyring_names[] = {"session", "user", "user_session", NULL};

static const key_serial_t rings[HOST_KEYRING_NR] = {
	KEY_SPEC_SESSION_KEYRING,
	KEY_SPEC_USER_KEYRING,
	KEY_SPEC_USER_SESSION_KEYRING,
};

int host_keyring_lookup(const char *name)
{
	for (int i = 0; host_keyring_names[i]; i++)
		if (!strcmp(name, host_keyring_names[i]))
			return i;
	return -ENOENT;
}

static const char *key_name(const u8 user_uuid[16], char *buf, size_t size)
{
	struct printbuf out = PRINTBUF;

	prt_uuid(&out, user_uuid);
	snprintf(buf, size, "bcachefs:%s", printbuf_str(&out));
	printbuf_exit(&out);
	return buf;
}

/*
 * A key may be read and revoked by who possesses it, which means: reaches it from his session,
 * process or thread keyring. Reach the user's keyrings from the process's one; again is no harm.
 */
static void possess_user_keyrings(void)
{
	keyctl_link(KEY_SPEC_USER_KEYRING, KEY_SPEC_PROCESS_KEYRING);
	keyctl_link(KEY_SPEC_USER_SESSION_KEYRING, KEY_SPEC_PROCESS_KEYRING);
}

static key_serial_t find(enum host_keyring ring, const u8 user_uuid[16])
{
	char name[64];

	possess_user_keyrings();
	return keyctl_search(rings[ring], KEY_TYPE, key_name(user_uuid, name, sizeof(name)), 0);
}

int host_key_add(enum host_keyring ring, const u8 user_uuid[16], const struct bch_crypt_key *key,
		 bool *linked)
{
	char name[64];

	*linked = false;
	key_name(user_uuid, name, sizeof(name));
	if (add_key(KEY_TYPE, name, key, sizeof(*key), rings[ring]) < 0)
		return -errno;
	if (find(HOST_KEYRING_SESSION, user_uuid) < 0)
		*linked = add_key(KEY_TYPE, name, key, sizeof(*key), rings[HOST_KEYRING_SESSION]) >=
			  0;
	return 0;
}

int host_key_read(const u8 user_uuid[16], struct bch_crypt_key *key)
{
	int ret = -ENOKEY;

	for (int i = 0; i < HOST_KEYRING_NR; i++) {
		key_serial_t id = find(i, user_uuid);
		char buf[sizeof(*key) + 1];
		long n;

		if (id < 0)
			continue;
		n = keyctl_read(id, buf, sizeof(buf));
		if (n == sizeof(*key)) {
			memcpy(key, buf, sizeof(*key));
			memzero_explicit(buf, sizeof(buf));
			return 0;
		}
		ret = n < 0 ? -errno : -EINVAL;
	}
	return ret;
}

bool host_key_exists(const u8 user_uuid[16])
{
	for (int i = 0; i < HOST_KEYRING_NR; i++)
		if (find(i, user_uuid) >= 0)
			return true;
	return false;
}

int host_key_revoke(const u8 user_uuid[16])
{
	int revoked = 0;

	for (int i = 0; i < HOST_KEYRING_NR; i++) {
		key_serial_t id = find(i, user_uuid);

		if (id < 0)
			continue;
		if (keyctl_revoke(id))
			return -errno;
		revoked++;
	}
	return revoked;
}
