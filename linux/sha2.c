/* SHA-256 by libsodium. */
#include <linux/sha2.h>
#include <sodium.h>

void sha256(const void *data, size_t len, u8 out[SHA256_DIGEST_SIZE])
{
	crypto_hash_sha256(out, data, len);
}
