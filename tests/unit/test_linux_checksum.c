/*
 * Checksums and ciphers, each way there is to compute them: published vectors, then all lengths and
 * alignments against a definition bit by bit, then pieces against the whole.
 */
#include "test.h"
#include <linux/chacha20.h>
#include <linux/crc32c.h>
#include <linux/crc64.h>
#include <linux/kernel.h>
#include <linux/poly1305.h>
#include <linux/random.h>
#include <linux/unaligned.h>
#include <linux/xxhash.h>
#include "linux/checksum_impls.h"

#define MAX_LEN	  300
#define MAX_ALIGN 64

static u8 data[100000];

static void __attribute__((constructor)) fill_data(void)
{
	u32 x = 1;

	for (size_t i = 0; i < sizeof(data); i++) {
		x = x * 1664525 + 1013904223;
		data[i] = x >> 24;
	}
}

static void unhex(u8 *out, const char *hex)
{
	for (; *hex; hex += 2) {
		unsigned int byte;

		while (*hex == ' ')
			hex++;
		sscanf(hex, "%2x", &byte);
		*out++ = byte;
	}
}

static u32 crc32c_bits(u32 crc, const u8 *p, size_t len)
{
	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

static u64 crc64_bits(u64 crc, const u8 *p, size_t len)
{
	while (len--) {
		crc ^= (u64)*p++ << 56;
		for (int i = 0; i < 8; i++)
			crc = crc << 1 ^ (crc >> 63 ? 0x42f0e1eba9ea3693 : 0);
	}
	return crc;
}

/* RFC 3720 B.4 and the check value of the catalogue. */
TEST(crc32c_vectors)
{
	u8 b[48] = {};

	for (const struct crc32c_impl *c = crc32c_impls; c->name; c++) {
		EXPECT_EQ(c->fn(~0U, "123456789", 9) ^ ~0U, 0xe3069283);
		memset(b, 0, 32);
		EXPECT_EQ(c->fn(~0U, b, 32) ^ ~0U, 0x8a9136aa);
		memset(b, 0xff, 32);
		EXPECT_EQ(c->fn(~0U, b, 32) ^ ~0U, 0x62a8ab43);
		for (int i = 0; i < 32; i++)
			b[i] = i;
		EXPECT_EQ(c->fn(~0U, b, 32) ^ ~0U, 0x46dd794e);
		for (int i = 0; i < 32; i++)
			b[i] = 31 - i;
		EXPECT_EQ(c->fn(~0U, b, 32) ^ ~0U, 0x113fdb5c);
		EXPECT_EQ(c->fn(0x1234, b, 0), 0x1234);
	}
}

/* CRC-64/ECMA-182 (start 0) and CRC-64/WE (start and xor ~0) of the catalogue. */
TEST(crc64_vectors)
{
	for (const struct crc64_impl *c = crc64_impls; c->name; c++) {
		EXPECT_EQ(c->fn(0, "123456789", 9), 0x6c40df5f0b497347);
		EXPECT_EQ(~c->fn(~0ULL, "123456789", 9), 0x62ec59e3f1a4f00a);
		EXPECT_EQ(c->fn(0x1234, "", 0), 0x1234);
	}
}

TEST(crc_of_all_lengths_and_alignments)
{
	for (size_t len = 0; len <= MAX_LEN; len++)
		for (size_t a = 0; a < MAX_ALIGN; a++) {
			u32 c32 = crc32c_bits(len * 77, data + a, len);
			u64 c64 = crc64_bits(len * 77777777777777ULL, data + a, len);

			for (const struct crc32c_impl *c = crc32c_impls; c->name; c++)
				EXPECT_EQ(c->fn(len * 77, data + a, len), c32);
			for (const struct crc64_impl *c = crc64_impls; c->name; c++)
				EXPECT_EQ(c->fn(len * 77777777777777ULL, data + a, len), c64);
			EXPECT_EQ(crc32c(len * 77, data + a, len), c32);
			EXPECT_EQ(crc64_be(len * 77777777777777ULL, data + a, len), c64);
		}
}

TEST(crc_of_pieces_is_that_of_the_whole)
{
	u32 c32 = crc32c_bits(5, data, sizeof(data));
	u64 c64 = crc64_bits(5, data, sizeof(data));

	for (size_t piece = 1; piece < sizeof(data); piece = piece * 5 / 2 + 1) {
		for (const struct crc32c_impl *c = crc32c_impls; c->name; c++) {
			u32 crc = 5;

			for (size_t i = 0; i < sizeof(data); i += piece)
				crc = c->fn(crc, data + i, min(piece, sizeof(data) - i));
			EXPECT_EQ(crc, c32);
		}
		for (const struct crc64_impl *c = crc64_impls; c->name; c++) {
			u64 crc = 5;

			for (size_t i = 0; i < sizeof(data); i += piece)
				crc = c->fn(crc, data + i, min(piece, sizeof(data) - i));
			EXPECT_EQ(crc, c64);
		}
	}
}

TEST(crc_shift_joins_two_pieces)
{
	static u8 zeros[5000];

	for (size_t len = 0; len < 5000; len = len * 3 + 1) {
		u32 a32 = crc32c(0, data, 1000), b32 = crc32c(0, data + 1000, len);
		u64 a64 = crc64_be(0, data, 1000), b64 = crc64_be(0, data + 1000, len);

		EXPECT_EQ(crc32c_shift(a32, len), crc32c(a32, zeros, len));
		EXPECT_EQ(crc64_be_shift(a64, len), crc64_be(a64, zeros, len));
		EXPECT_EQ(crc32c_shift(a32, len) ^ b32, crc32c(0, data, 1000 + len));
		EXPECT_EQ(crc64_be_shift(a64, len) ^ b64, crc64_be(0, data, 1000 + len));
	}
	EXPECT_EQ(crc32c_shift(crc32c_shift(1, 1ULL << 40), 123),
		  crc32c_shift(1, (1ULL << 40) + 123));
}

/* Values of the reference implementation, seed 0. */
TEST(xxh64_vectors)
{
	EXPECT_EQ(xxh64("", 0, 0), 0xef46db3751d8e999);
	EXPECT_EQ(xxh64("a", 1, 0), 0xd24ec4f1a98c6e5b);
	EXPECT_EQ(xxh64("abc", 3, 0), 0x44bc2cf5ad770999);
	EXPECT_EQ(xxh64("Nobody inspects the spammish repetition", 39, 0), 0xfbcea83c8a378bf1);
	EXPECT_EQ(xxh64("", 0, 1), 0xd5afba1336a3be4b);
}

/* RFC 8439, 2.4.2: block counter 1. */
TEST(chacha20_vector)
{
	static const char text[] =
		"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
		"the future, sunscreen would be it.";
	static const char hex[] = "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
				  "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
				  "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
				  "5af90bbf74a35be6b40b8eedf2785e42874d";
	__le32 nonce[4] = {cpu_to_le32(1), 0, cpu_to_le32(0x4a000000), 0};
	u8 key[32], want[114], buf[114];

	for (int i = 0; i < 32; i++)
		key[i] = i;
	unhex(want, hex);
	for (const struct chacha20_impl *c = chacha20_impls; c->name; c++) {
		memcpy(buf, text, sizeof(buf));
		EXPECT(c->fn(key, nonce, buf, sizeof(buf)));
		EXPECT_MEM(buf, want, sizeof(buf));
	}
	chacha20_crypt(key, nonce, buf, sizeof(buf));
	EXPECT_MEM(buf, text, sizeof(buf));
}

#define QUARTER(a, b, c, d, n, m)                                          \
	do {                                                               \
		x[a] += x[b];                                              \
		x[d] = (x[d] ^ x[a]) << (n) | (x[d] ^ x[a]) >> (32 - (n)); \
		x[c] += x[d];                                              \
		x[b] = (x[b] ^ x[c]) << (m) | (x[b] ^ x[c]) >> (32 - (m)); \
	} while (0)

static void chacha20_block(const u8 key[32], const u32 nonce[4], u8 out[64])
{
	u32 s[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];

	for (int i = 0; i < 8; i++)
		s[4 + i] = get_unaligned_le32(key + 4 * i);
	memcpy(s + 12, nonce, 16);
	memcpy(x, s, sizeof(x));
	for (int round = 0; round < 20; round++)
		for (int i = 0; i < 4; i++) {
			int k = round % 2; /* columns, then diagonals */

			QUARTER(i, 4 + (i + k) % 4, 8 + (i + 2 * k) % 4, 12 + (i + 3 * k) % 4, 16,
				12);
			QUARTER(i, 4 + (i + k) % 4, 8 + (i + 2 * k) % 4, 12 + (i + 3 * k) % 4, 8,
				7);
		}
	for (int i = 0; i < 16; i++)
		put_unaligned_le32(x[i] + s[i], out + 4 * i);
}

static void chacha20_plain(const u8 key[32], const u32 nonce[4], u8 *p, size_t len)
{
	u32 n[4] = {nonce[0], nonce[1], nonce[2], nonce[3]};
	u8 stream[64];

	for (size_t i = 0; i < len; i++) {
		if (i % 64 == 0) {
			chacha20_block(key, n, stream);
			n[0]++; /* without carry */
		}
		p[i] ^= stream[i % 64];
	}
}

static void chacha20_check(const u32 nonce[4], size_t align, size_t len)
{
	__le32 le[4];
	u8 *want = malloc(len + 1), *got = malloc(len + MAX_ALIGN);

	for (int i = 0; i < 4; i++)
		le[i] = cpu_to_le32(nonce[i]);
	memcpy(want, data, len);
	chacha20_plain(data + 500, nonce, want, len);
	for (const struct chacha20_impl *c = chacha20_impls; c->name; c++) {
		memcpy(got + align, data, len);
		EXPECT(c->fn(data + 500, le, got + align, len));
		EXPECT_MEM(got + align, want, len);
	}
	memcpy(got + align, data, len);
	chacha20_crypt(data + 500, le, got + align, len);
	EXPECT_MEM(got + align, want, len);
	free(want);
	free(got);
}

TEST(chacha20_of_all_lengths_and_alignments)
{
	static const u32 nonce[4] = {7, 1, 2, 3};

	for (size_t len = 0; len <= MAX_LEN; len++)
		for (size_t a = 0; a < 16; a++)
			chacha20_check(nonce, a, len);
	for (size_t len = MAX_LEN; len < 20000; len = len * 3 / 2)
		chacha20_check(nonce, len % 16, len);
}

TEST(chacha20_counter_wraps_without_carry)
{
	for (u32 before = 0; before <= 20; before++) {
		u32 nonce[4] = {-before, ~0U, 5, 6};

		chacha20_check(nonce, 0, 1000);
		chacha20_check(nonce, 3, 64 * 20 + 17);
	}
}

/* RFC 8439, 2.5.2 and the vectors of A.3 that reach the corners of the arithmetic. */
TEST(poly1305_vectors)
{
	static const struct {
		const char *key, *text, *tag;
	} v[] = {
		{"85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b",
		 "43727970746f6772617068696320466f72756d2052657365617263682047726f7570",
		 "a8061dc1305136c6c22b8baf0c0127a9"},
		{"0000000000000000000000000000000000000000000000000000000000000000",
		 "00000000000000000000000000000000", "00000000000000000000000000000000"},
		{"0200000000000000000000000000000000000000000000000000000000000000",
		 "ffffffffffffffffffffffffffffffff", "03000000000000000000000000000000"},
		{"02000000000000000000000000000000ffffffffffffffffffffffffffffffff",
		 "02000000000000000000000000000000", "03000000000000000000000000000000"},
		{"0100000000000000000000000000000000000000000000000000000000000000",
		 "fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff"
		 "11000000000000000000000000000000",
		 "05000000000000000000000000000000"},
		{"0100000000000000000000000000000000000000000000000000000000000000",
		 "fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe"
		 "01010101010101010101010101010101",
		 "00000000000000000000000000000000"},
		{"0200000000000000000000000000000000000000000000000000000000000000",
		 "fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff"},
		{"0100000000000000040000000000000000000000000000000000000000000000",
		 "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
		 "0000000000000000000000000000000001000000000000000000000000000000",
		 "14000000000000005500000000000000"},
		{"0100000000000000040000000000000000000000000000000000000000000000",
		 "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
		 "00000000000000000000000000000000",
		 "13000000000000000000000000000000"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		size_t len = strlen(v[i].text) / 2;
		u8 key[32], text[64], want[16], tag[16];

		unhex(key, v[i].key);
		unhex(text, v[i].text);
		unhex(want, v[i].tag);
		for (const struct poly1305_impl *c = poly1305_impls; c->name; c++) {
			EXPECT(c->fn(key, text, len, tag));
			EXPECT_MEM(tag, want, 16);
		}
		poly1305(key, text, len, tag);
		EXPECT_MEM(tag, want, 16);
	}
}

/* h * r mod 2^130 - 5, with 26-bit digits and nothing clever. */
static void poly1305_plain(const u8 key[32], const u8 *p, size_t len, u8 tag[16])
{
	u64 r[5], h[5] = {}, c, g[5];
	unsigned __int128 sum;

	r[0] = get_unaligned_le32(key) & 0x3ffffff;
	r[1] = (get_unaligned_le32(key + 3) >> 2) & 0x3ffff03;
	r[2] = (get_unaligned_le32(key + 6) >> 4) & 0x3ffc0ff;
	r[3] = (get_unaligned_le32(key + 9) >> 6) & 0x3f03fff;
	r[4] = (get_unaligned_le32(key + 12) >> 8) & 0x00fffff;
	while (len) {
		size_t n = min(len, 16);
		u64 d[5] = {};
		u8 b[20] = {};

		memcpy(b, p, n);
		b[n] = 1;
		for (int i = 0; i < 5; i++)
			h[i] += (get_unaligned_le32(b + 26 * i / 8) >> 26 * i % 8) & 0x3ffffff;
		for (int i = 0; i < 5; i++)
			for (int k = 0; k < 5; k++)
				d[(i + k) % 5] += h[i] * r[k] * (i + k >= 5 ? 5 : 1);
		c = 0;
		for (int i = 0; i < 5; i++) {
			d[i] += c;
			h[i] = d[i] & 0x3ffffff;
			c = d[i] >> 26;
		}
		h[0] += c * 5;
		p += n;
		len -= n;
	}
	for (int round = 0; round < 3; round++) {
		c = 0;
		for (int i = 0; i < 5; i++) {
			h[i] += c;
			c = h[i] >> 26;
			h[i] &= 0x3ffffff;
		}
		h[0] += c * 5;
	}
	c = 5;
	for (int i = 0; i < 5; i++) {
		g[i] = h[i] + c;
		c = g[i] >> 26;
		g[i] &= 0x3ffffff;
	}
	if (c) /* h is at least 2^130 - 5 */
		memcpy(h, g, sizeof(h));
	sum = 0;
	for (int i = 4; i >= 0; i--)
		sum = (sum << 26) + h[i];
	sum += (unsigned __int128)get_unaligned_le64(key + 24) << 64 | get_unaligned_le64(key + 16);
	put_unaligned_le64(sum, tag);
	put_unaligned_le64(sum >> 64, tag + 8);
}

TEST(poly1305_of_all_lengths_and_alignments)
{
	u8 want[16], tag[16];

	for (size_t len = 0; len <= MAX_LEN; len++)
		for (size_t a = 0; a < 16; a++) {
			const u8 *key = data + 1000 + len;

			poly1305_plain(key, data + a, len, want);
			for (const struct poly1305_impl *c = poly1305_impls; c->name; c++) {
				EXPECT(c->fn(key, data + a, len, tag));
				EXPECT_MEM(tag, want, 16);
			}
			poly1305(key, data + a, len, tag);
			EXPECT_MEM(tag, want, 16);
		}
}

TEST(poly1305_of_pieces_is_that_of_the_whole)
{
	u8 want[16], tag[16];

	poly1305_plain(data, data, sizeof(data), want);
	poly1305(data, data, sizeof(data), tag);
	EXPECT_MEM(tag, want, 16);
	for (size_t piece = 1; piece < sizeof(data); piece = piece * 5 / 2 + 1) {
		struct poly1305_desc_ctx ctx;

		poly1305_init(&ctx, data);
		for (size_t i = 0; i < sizeof(data); i += piece)
			poly1305_update(&ctx, data + i, min(piece, sizeof(data) - i));
		poly1305_final(&ctx, tag);
		EXPECT_MEM(tag, want, 16);
	}
}
