/*
 * The kernel keyring, where kernel and tool look for the passphrase key of an encrypted filesystem
 * (spec 06 section 3.4, 09 section 6.2): keys of type "user" called "bcachefs:EXTERNAL-UUID".
 */
#ifndef _HOST_KEYRING_H
#define _HOST_KEYRING_H

#include "sb/csum.h"

enum host_keyring {
	HOST_KEYRING_SESSION,
	HOST_KEYRING_USER,
	HOST_KEYRING_USER_SESSION,
	HOST_KEYRING_NR,
};

extern const char *const host_keyring_names[]; /* NULL-terminated */

/* Number of the keyring called @name, or -ENOENT. */
int host_keyring_lookup(const char *name);

/*
 * Add the passphrase key, in place of one that is there. 0 or a negative errno. *@linked: it went
 * into the session keyring too, because a mount from this session would not find it else.
 */
int host_key_add(enum host_keyring ring, const u8 user_uuid[16], const struct bch_crypt_key *key,
		 bool *linked);

/*
 * The passphrase key from the first of the session, user and user-session keyrings that has it.
 * -ENOKEY: none; -EACCES: there is one, but it may not be read; -EINVAL: it is not 32 bytes long.
 */
int host_key_read(const u8 user_uuid[16], struct bch_crypt_key *key);

/* Is there a key in any of the three keyrings, readable or not? */
bool host_key_exists(const u8 user_uuid[16]);

/* Revoke the key in all three keyrings: how many were, or a negative errno. */
int host_key_revoke(const u8 user_uuid[16]);

#endif
