/* Checksums and the cipher against published vectors and those of spec 06 section 2.1, 3.6. */
#include "sb/csum.h"
#include "test.h"

static const struct bch_nonce no_nonce;

static const char *hex(unsigned type, struct bch_csum csum)
{
	static struct printbuf out;

	printbuf_reset(&out);
	bch_csum_to_text(&out, type, csum);
	return printbuf_str(&out);
}

static const struct {
	unsigned type;
	const char *digits, *zeros, *bytes_twice;
} vectors[] = {
	{BCH_CSUM_none, "", "", ""},
	{BCH_CSUM_crc32c_nonzero, "839206e3", "8941f998", "5aee10ae"},
	{BCH_CSUM_crc64_nonzero, "0af0a4f1e359ec62", "64cbcb29a4570fa5", "8feaa4869c544420"},
	{BCH_CSUM_crc32c, "20fae358", "00000000", "9a03ec9e"},
	{BCH_CSUM_crc64, "4773490b5fdf406c", "0000000000000000", "19a373c2a98e7b16"},
	{BCH_CSUM_xxhash, "83aee640db41b88c", "dbbbd8326f9b86ac", "c08a34c0aafc3b7b"},
};

TEST(checksums_of_every_keyless_type)
{
	static u8 zeros[4096], twice[512];

	for (unsigned i = 0; i < sizeof(twice); i++)
		twice[i] = i;
	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		unsigned t = vectors[i].type;

		EXPECT_STR(hex(t, bch_checksum(NULL, t, no_nonce, "123456789", 9)),
			   vectors[i].digits);
		EXPECT_STR(hex(t, bch_checksum(NULL, t, no_nonce, zeros, sizeof(zeros))),
			   vectors[i].zeros);
		EXPECT_STR(hex(t, bch_checksum(NULL, t, no_nonce, twice, sizeof(twice))),
			   vectors[i].bytes_twice);
		EXPECT_EQ(bch_checksum(NULL, t, no_nonce, twice, sizeof(twice)).hi, 0);
	}
}

static struct bch_crypt_key counting_key(void)
{
	struct bch_crypt_key key;

	for (unsigned i = 0; i < sizeof(key); i++)
		((u8 *)&key)[i] = i;
	return key;
}

static struct bch_nonce extent_nonce(void)
{
	return (struct bch_nonce){{0, cpu_to_le32(1), cpu_to_le32(2), cpu_to_le32(3 ^ 0x10000000)}};
}

TEST(mac_of_an_extent)
{
	struct bch_crypt_key key = counting_key();
	struct bch_csum c;

	c = bch_checksum(&key, BCH_CSUM_chacha20_poly1305_128, extent_nonce(), "123456789", 9);
	EXPECT_STR(hex(BCH_CSUM_chacha20_poly1305_128, c), "d3ed472242e80cb2e812c55a8296f845");
	c = bch_checksum(&key, BCH_CSUM_chacha20_poly1305_80, extent_nonce(), "123456789", 9);
	EXPECT_STR(hex(BCH_CSUM_chacha20_poly1305_80, c), "d3ed472242e80cb2e812");
	EXPECT_MEM((u8 *)&c + 10, "\0\0\0\0\0\0", 6);
	c = bch_checksum(NULL, BCH_CSUM_chacha20_poly1305_80, extent_nonce(), "123456789", 9);
	EXPECT_EQ(c.lo | c.hi, 0);
}

TEST(encrypt_twice_gives_the_text_back)
{
	struct bch_crypt_key key = counting_key();
	char text[] = "123456789";

	bch_encrypt(&key, extent_nonce(), text, 9);
	EXPECT_MEM(text, "\xd2\x34\xc3\x94\xbc\x4c\xd3\x4b\xfc", 9);
	bch_encrypt(&key, extent_nonce(), text, 9);
	EXPECT_STR(text, "123456789");
}

TEST(nonce_add_skips_whole_blocks_of_the_key_stream)
{
	struct bch_crypt_key key = counting_key();
	struct bch_nonce high = {{cpu_to_le32(~0U)}};
	u8 stream[256] = {}, tail[128] = {};

	bch_encrypt(&key, extent_nonce(), stream, sizeof(stream));
	bch_encrypt(&key, bch_nonce_add(extent_nonce(), 128), tail, sizeof(tail));
	EXPECT_MEM(stream + 128, tail, sizeof(tail));
	EXPECT_EQ(bch_nonce_add(high, 64).d[0], 0);
	EXPECT_EQ(bch_nonce_add(high, 64).d[1], 0);
}

TEST(block_counter_wraps_without_carry)
{
	struct bch_crypt_key key = counting_key();
	struct bch_nonce high = {{cpu_to_le32(~0U), cpu_to_le32(7)}}, zero = {{0, cpu_to_le32(7)}};
	u8 stream[128] = {}, tail[64] = {};

	bch_encrypt(&key, high, stream, sizeof(stream));
	bch_encrypt(&key, zero, tail, sizeof(tail));
	EXPECT_MEM(stream + 64, tail, sizeof(tail));
}

TEST(error_text_names_the_type)
{
	struct printbuf out = PRINTBUF;
	struct bch_csum a = {.lo = cpu_to_le64(0x0a7a9625)}, b = {.lo = cpu_to_le64(0x495cc870)};

	bch_csum_err_to_text(&out, BCH_CSUM_crc32c_nonzero, a, b);
	EXPECT_STR(printbuf_str(&out),
		   "checksum error, type crc32c_nonzero: got 70c85c49 should be 25967a0a");
	printbuf_reset(&out);
	bch_csum_err_to_text(&out, 9, (struct bch_csum){}, b);
	EXPECT_STR(printbuf_str(&out),
		   "checksum error, type (unknown csum_type 9): got 70c85c490000000000000000"
		   "00000000 should be 00000000000000000000000000000000");
	printbuf_exit(&out);
}
