/* ChaCha20, by libsodium. */
#include <sodium.h>
#include <stdlib.h>
#include <linux/chacha20.h>
#include <linux/kernel.h>

/* Makes the library choose the fastest code for this processor; until then it takes portable code. */
static void __attribute__((constructor)) choose_implementation(void)
{
	if (sodium_init() < 0)
		abort();
}

void chacha20_crypt(const u8 key[CHACHA_KEY_SIZE], const __le32 nonce[4], void *buf, size_t len)
{
	u32 counter = le32_to_cpu(nonce[0]);
	u8 *p = buf;

	while (len) {
		/* up to where the counter wraps: the library knows other ways to go on there */
		u64 room = ((1ULL << 32) - counter) * CHACHA_BLOCK_SIZE;
		size_t n = min_t(u64, len, room);

		crypto_stream_chacha20_ietf_xor_ic(p, p, n, (const u8 *)(nonce + 1), counter, key);
		counter = 0;
		p += n;
		len -= n;
	}
}
