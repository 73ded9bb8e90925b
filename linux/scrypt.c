/* scrypt over libsodium. */
#include <sodium.h>
#include <linux/errno.h>
#include <linux/scrypt.h>

int scrypt(const void *pass, size_t pass_len, const void *salt, size_t salt_len, u64 n, u32 r,
	   u32 p, void *key, size_t key_len)
{
	errno = 0;
	if (!crypto_pwhash_scryptsalsa208sha256_ll(pass, pass_len, salt, salt_len, n, r, p, key,
						   key_len))
		return 0;
	return errno == ENOMEM ? -ENOMEM : -EINVAL;
}
