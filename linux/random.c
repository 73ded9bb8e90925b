/*
 * Random numbers: of the system's generator, or after random_seed() of xoshiro256** under a lock.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <linux/bitops.h>
#include <linux/random.h>

static struct {
	pthread_mutex_t lock;
	bool seeded;
	u64 s[4];
} rng = {.lock = PTHREAD_MUTEX_INITIALIZER};

static u64 splitmix64(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

void random_seed(u64 seed)
{
	pthread_mutex_lock(&rng.lock);
	for (int i = 0; i < 4; i++)
		rng.s[i] = splitmix64(&seed);
	__atomic_store_n(&rng.seeded, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&rng.lock);
}

static u64 xoshiro_next(u64 *s)
{
	u64 r = rol64(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rol64(s[3], 45);
	return r;
}

static void seeded_bytes(u8 *p, size_t len)
{
	pthread_mutex_lock(&rng.lock);
	while (len) {
		u64 v = xoshiro_next(rng.s);
		size_t n = len < sizeof(v) ? len : sizeof(v);

		for (size_t i = 0; i < n; i++, v >>= 8)
			*p++ = v;
		len -= n;
	}
	pthread_mutex_unlock(&rng.lock);
}

void get_random_bytes(void *buf, size_t len)
{
	if (__atomic_load_n(&rng.seeded, __ATOMIC_ACQUIRE)) {
		seeded_bytes(buf, len);
		return;
	}
	while (len) {
		ssize_t n = getrandom(buf, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort(); /* no kernel that we run on refuses */
		buf = (u8 *)buf + n;
		len -= n;
	}
}

u8 get_random_u8(void)
{
	u8 v;

	get_random_bytes(&v, sizeof(v));
	return v;
}

u16 get_random_u16(void)
{
	u16 v;

	get_random_bytes(&v, sizeof(v));
	return v;
}

u32 get_random_u32(void)
{
	u32 v;

	get_random_bytes(&v, sizeof(v));
	return v;
}

u64 get_random_u64(void)
{
	u64 v;

	get_random_bytes(&v, sizeof(v));
	return v;
}

u32 get_random_u32_below(u32 ceil)
{
	u64 m = (u64)get_random_u32() * ceil;

	/* the products whose low half is below 2^32 mod ceil are one too many */
	if ((u32)m < ceil)
		for (u32 limit = -ceil % ceil; (u32)m < limit;)
			m = (u64)get_random_u32() * ceil;
	return m >> 32;
}
