/*
 * Checksums and ciphers, each way there is to compute them: GB/s for pieces of several sizes, and
 * what part of memcpy()'s that is. The best of many short rounds, in turns, so that whoever shares
 * the machine disturbs little, and all alike.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/chacha20.h>
#include <linux/crc32c.h>
#include <linux/crc64.h>
#include <linux/kernel.h>
#include <linux/poly1305.h>
#include <linux/slab.h>
#include <linux/time.h>
#include <linux/xxhash.h>
#include "linux/checksum_impls.h"

#define BUF_BYTES    (64U << 20)
#define ROUND_BYTES  (256U << 10) /* a round of small pieces: shorter than a time slice */
#define ROUNDS	     40
#define ROUNDS_LARGE 7 /* of BUF_BYTES */
#define MAX_ROWS     16

static const size_t sizes[] = {64, 4 << 10, 256 << 10, BUF_BYTES};

static u8 *buf, *copy;
static u64 sink;
static const u8 key[32] = {1, 2, 3};
static const __le32 nonce[4];

struct row {
	const char *name, *how;
	void (*run)(const struct row *row, size_t len);
	const void *impl;
	double gbs[ARRAY_SIZE(sizes)];
};

static void run_memcpy(const struct row *row, size_t len)
{
	memcpy(copy, buf, len);
	sink += copy[len / 2];
}

static void run_crc32c(const struct row *row, size_t len)
{
	sink = ((const struct crc32c_impl *)row->impl)->fn(sink, buf, len);
}

static void run_crc64(const struct row *row, size_t len)
{
	sink = ((const struct crc64_impl *)row->impl)->fn(sink, buf, len);
}

static void run_xxh64(const struct row *row, size_t len)
{
	sink = xxh64(buf, len, sink);
}

static void run_chacha20(const struct row *row, size_t len)
{
	((const struct chacha20_impl *)row->impl)->fn(key, nonce, buf, len);
}

static void run_chacha20_chosen(const struct row *row, size_t len)
{
	chacha20_crypt(key, nonce, buf, len);
}

static void run_poly1305(const struct row *row, size_t len)
{
	u8 tag[16];

	((const struct poly1305_impl *)row->impl)->fn(key, buf, len, tag);
	sink += tag[0];
}

static void run_poly1305_chosen(const struct row *row, size_t len)
{
	u8 tag[16];

	poly1305(key, buf, len, tag);
	sink += tag[0];
}

static double measure(const struct row *row, size_t len)
{
	size_t reps = len < ROUND_BYTES ? ROUND_BYTES / len : 1;
	u64 start = ktime_get_ns();

	for (size_t i = 0; i < reps; i++)
		row->run(row, len);
	return (double)len * reps / (ktime_get_ns() - start);
}

static int list_rows(struct row *rows)
{
	int n = 0;

	rows[n++] = (struct row){"memcpy", "C library", run_memcpy};
	for (const struct crc32c_impl *c = crc32c_impls; c->name; c++)
		rows[n++] = (struct row){"crc32c", c->name, run_crc32c, c};
	for (const struct crc64_impl *c = crc64_impls; c->name; c++)
		rows[n++] = (struct row){"crc64", c->name, run_crc64, c};
	rows[n++] = (struct row){"xxhash", "libxxhash", run_xxh64};
	rows[n++] = (struct row){"chacha20", "as chosen", run_chacha20_chosen};
	for (const struct chacha20_impl *c = chacha20_impls; c->name; c++)
		rows[n++] = (struct row){"chacha20", c->name, run_chacha20, c};
	rows[n++] = (struct row){"poly1305", "as chosen", run_poly1305_chosen};
	for (const struct poly1305_impl *c = poly1305_impls; c->name; c++)
		rows[n++] = (struct row){"poly1305", c->name, run_poly1305, c};
	return n;
}

int main(void)
{
	struct row rows[MAX_ROWS];
	int nr = list_rows(rows);

	buf = kvmalloc(BUF_BYTES, GFP_KERNEL);
	copy = kvmalloc(BUF_BYTES, GFP_KERNEL);
	if (!buf || !copy)
		return 1;
	memset(buf, 1, BUF_BYTES);
	memset(copy, 2, BUF_BYTES);
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
		for (int round = 0; round < (sizes[s] < BUF_BYTES ? ROUNDS : ROUNDS_LARGE); round++)
			for (int i = 0; i < nr; i++)
				rows[i].gbs[s] = max(rows[i].gbs[s], measure(&rows[i], sizes[s]));

	printf("%-20s %17s %17s %17s %17s\n", "GB/s, memcpy = 1", "64 B", "4 KiB", "256 KiB",
	       "64 MiB");
	for (int i = 0; i < nr; i++) {
		printf("%-9s %-10s", rows[i].name, rows[i].how);
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			printf(" %9.2f %7.3f", rows[i].gbs[s], rows[i].gbs[s] / rows[0].gbs[s]);
		printf("\n");
	}
	kvfree(buf);
	kvfree(copy);
	return sink == 42 ? 2 : 0; /* so that nothing is optimised away */
}
