/*
 * Geometry: sizes that the real tool chose for the same inputs (taken from its runs with files,
 * whose block size is 4096), and what ours refuses.
 */
#include "format/errcode.h"
#include "sb/geometry.h"
#include "test.h"

#define K	 1024ULL
#define M	 (K * K)
#define G	 (M * K)
#define T	 (G * K)
#define MAX_DEVS 3

struct dev {
	u64 size, fs_size, bucket_given, bucket, nbuckets;
};

static const struct {
	u64 node_given, node;
	struct dev devs[MAX_DEVS];
} accepted[] = {
	{0, 128 * K, {{17 * M, 0, 0, 128 * K, 136}}},
	{0, 128 * K, {{18 * M, 0, 0, 128 * K, 144}}},
	{0, 128 * K, {{32 * M, 0, 0, 128 * K, 256}}},
	{0, 128 * K, {{64 * M, 0, 0, 128 * K, 512}}},
	{0, 128 * K, {{100 * M, 0, 0, 128 * K, 800}}},
	{0, 128 * K, {{128 * M, 0, 0, 128 * K, 1024}}},
	{0, 128 * K, {{1000 * M, 0, 0, 128 * K, 8000}}},
	{0, 128 * K, {{2147483136, 0, 0, 128 * K, 16383}}},
	{0, 128 * K, {{2147483647, 0, 0, 128 * K, 16383}}},
	{0, 256 * K, {{2 * G, 0, 0, 256 * K, 8192}}},
	{0, 256 * K, {{3 * G, 0, 0, 256 * K, 12288}}},
	{0, 256 * K, {{100 * G, 0, 0, 256 * K, 409600}}},
	{0, 256 * K, {{536870908 * K, 0, 0, 256 * K, 2097151}}},
	{0, 256 * K, {{512 * G, 0, 0, 512 * K, 1048576}}},
	{0, 256 * K, {{1 * T, 0, 0, 512 * K, 2097152}}},
	{0, 256 * K, {{4 * T, 0, 0, 512 * K, 8388608}}},
	{0, 256 * K, {{15 * T, 0, 0, 512 * K, 31457280}}},
	{16 * K, 16 * K, {{64 * M, 0, 0, 128 * K, 512}}},
	{32 * K, 32 * K, {{64 * M, 0, 0, 128 * K, 512}}},
	{64 * K, 64 * K, {{64 * M, 0, 0, 128 * K, 512}}},
	{128 * K, 128 * K, {{64 * M, 0, 0, 128 * K, 512}}},
	{256 * K, 256 * K, {{64 * M, 0, 0, 256 * K, 256}}},
	{16 * K, 16 * K, {{3 * G, 0, 0, 256 * K, 12288}}},
	{32 * K, 32 * K, {{3 * G, 0, 0, 256 * K, 12288}}},
	{64 * K, 64 * K, {{3 * G, 0, 0, 256 * K, 12288}}},
	{128 * K, 128 * K, {{3 * G, 0, 0, 256 * K, 12288}}},
	{256 * K, 256 * K, {{3 * G, 0, 0, 256 * K, 12288}}},
	{512 * K, 512 * K, {{600 * M, 0, 0, 512 * K, 1200}}},
	{0, 64 * K, {{4 * G, 0, 64 * K, 64 * K, 65536}}},
	{0, 128 * K, {{4 * G, 0, 128 * K, 128 * K, 32768}}},
	{0, 256 * K, {{4 * G, 0, 256 * K, 256 * K, 16384}}},
	{0, 256 * K, {{4 * G, 0, 512 * K, 512 * K, 8192}}},
	{0, 256 * K, {{4 * G, 0, 1 * M, 1 * M, 4096}}},
	{0, 256 * K, {{4 * G, 0, 2 * M, 2 * M, 2048}}},
	{0, 256 * K, {{4 * G, 0, 4 * M, 4 * M, 1024}}},
	{0, 256 * K, {{4 * G, 0, 16 * M, 16 * M, 256}}},
	{0, 128 * K, {{3 * G, 1073746824, 0, 128 * K, 8192}}},
	{0, 128 * K, {{3 * G, 104858377, 0, 128 * K, 800}}},
	{0, 128 * K, {{64 * M, 0, 0, 128 * K, 512}, {3 * G, 0, 0, 128 * K, 24576}}},
	{0,
	 256 * K,
	 {{3 * G, 0, 0, 256 * K, 12288},
	  {600 * G, 0, 0, 256 * K, 2457600},
	  {1 * T, 0, 0, 256 * K, 4194304}}},
	{0, 256 * K, {{3 * G, 0, 1 * M, 1 * M, 3072}, {64 * M, 0, 1 * M, 1 * M, 64}}},
	{0, 128 * K, {{64 * M, 0, 0, 128 * K, 512}, {64 * M, 0, 256 * K, 256 * K, 256}}},
	{0, 256 * K, {{64 * M, 0, 512 * K, 512 * K, 128}, {64 * M, 0, 512 * K, 512 * K, 128}}},
	{0,
	 256 * K,
	 {{3 * G, 0, 256 * K, 256 * K, 12288},
	  {3 * G, 0, 512 * K, 512 * K, 6144},
	  {4 * G, 0, 2 * M, 2 * M, 2048}}},
};

TEST(geometry_equals_that_of_the_real_tool)
{
	for (unsigned i = 0; i < ARRAY_SIZE(accepted); i++) {
		const struct dev *d = accepted[i].devs;
		struct bch_geometry_dev devs[MAX_DEVS] = {};
		struct bch_geometry g = {
			.node_size = accepted[i].node_given, .devs = devs, .gc_reserve_percent = 8};
		struct printbuf err = PRINTBUF;

		for (; g.nr_devs < MAX_DEVS && d[g.nr_devs].size; g.nr_devs++)
			devs[g.nr_devs] =
				(struct bch_geometry_dev){.name = "dev",
							  .block_size = 4096,
							  .size = d[g.nr_devs].size,
							  .fs_size = d[g.nr_devs].fs_size,
							  .bucket_size = d[g.nr_devs].bucket_given};
		EXPECT_EQ(bch_geometry_choose(&g, &err), 0);
		EXPECT_STR(printbuf_str(&err), "");
		EXPECT_EQ(g.block_size, 4096);
		EXPECT_EQ(g.node_size, accepted[i].node);
		EXPECT_EQ(g.sb_size, M);
		for (unsigned j = 0; j < g.nr_devs; j++) {
			EXPECT_EQ(devs[j].bucket_size, d[j].bucket);
			EXPECT_EQ(devs[j].nbuckets, d[j].nbuckets);
		}
		if (unit_test_failed)
			fprintf(stderr, "in row %u\n", i);
		printbuf_exit(&err);
	}
}

/* One device of block size 4096; zeros are not given. */
static const struct {
	u64 block, node, sb, size, fs_size, bucket;
	unsigned replicas;
	const char *err;
} refused[] = {
	/* with the real tool's words */
	{512, 0, 0, 64 * M, 0, 0, 1,
	 "blocksize too small: 512, must be greater than device blocksize 4096"},
	{0, 0, 0, 200 * K, 0, 0, 1, "cannot format dev, too small (204800 bytes, min 262144)"},
	{0, 0, 0, 64 * M, 0, 2 * K, 1,
	 "Bucket size (2048) cannot be smaller than block size (4096)"},
	{0, 128 * K, 0, 64 * M, 0, 64 * K, 1,
	 "Bucket size (65536) cannot be smaller than btree node size (131072)"},
	{0, 0, 0, 64 * M, 0, 4 * M, 1, "Not enough buckets: 16, need 64 (bucket size 4194304)"},
	{0, 0, 0, 4 * G, 0, 32 * M, 1, "Bucket size (33554432) too big (max 33553920)"},
	/* accepted by the real tool, but not usable */
	{8192, 0, 0, 64 * M, 0, 0, 1,
	 "block size 8192 is larger than 4096, which no kernel can mount"},
	{0, 0, 0, 64 * M, 0, 100 * K, 1, "bucket size 102400 is not a power of two"},
	{0, 4 * K, 0, 64 * M, 0, 0, 1,
	 "btree nodes of 4096 bytes cannot hold 4 of the largest keys"},
	{0, 8 * K, 0, 64 * M, 0, 0, 1,
	 "btree nodes of 8192 bytes cannot hold 4 of the largest keys"},
	{0, 0, 0, 64 * M, 65 * M, 0, 1,
	 "dev has 67108864 bytes, fewer than the 68157440 of --fs_size"},
	{0, 0, 3 * M, 64 * M, 0, 0, 1,
	 "superblock size 3145728 is not a power of two from 16384 to 33554432"},
	{0, 0, 8 * K, 64 * M, 0, 0, 1,
	 "superblock size 8192 is not a power of two from 16384 to 33554432"},
	{0, 0, 64 * M, 64 * M, 0, 0, 1,
	 "superblock size 67108864 is not a power of two from 16384 to 33554432"},
	{0, 0, 0, 4096 * T, 0, 64 * K, 1,
	 "dev would have 68719476736 buckets of 65536 bytes, "
	 "more than 2147483583: take larger buckets"},
	{0, 0, 0, 16 * M, 0, 0, 1,
	 "dev too small to be used: of 16777216 bytes 15990784 are kept in reserve and 1048576 "
	 "are needed at once; take smaller nodes or buckets, or more space"},
	{0, 512 * K, 0, 64 * M, 0, 0, 1,
	 "dev too small to be used: of 67108864 bytes 63963136 are kept in reserve and 4194304 "
	 "are needed at once; take smaller nodes or buckets, or more space"},
};

TEST(geometry_refuses_what_could_not_be_used)
{
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		struct bch_geometry_dev dev = {.name = "dev",
					       .block_size = 4096,
					       .size = refused[i].size,
					       .fs_size = refused[i].fs_size,
					       .bucket_size = refused[i].bucket};
		struct bch_geometry g = {.block_size = refused[i].block,
					 .node_size = refused[i].node,
					 .sb_size = refused[i].sb,
					 .metadata_replicas = refused[i].replicas,
					 .gc_reserve_percent = 8,
					 .devs = &dev,
					 .nr_devs = 1};
		struct printbuf err = PRINTBUF;

		EXPECT_EQ(bch_geometry_choose(&g, &err), -BCH_ERR_geometry);
		EXPECT_STR(printbuf_str(&err), refused[i].err);
		printbuf_exit(&err);
	}
}

TEST(devices_with_blocks_of_several_sizes_get_the_largest)
{
	struct bch_geometry_dev devs[] = {
		{.name = "a", .block_size = 512, .size = 64 * M},
		{.name = "b", .block_size = 4096, .size = 64 * M},
		{.name = "c",
		 .block_size = 65536,
		 .size = 64 * M}, /* st_blksize of some filesystem */
	};
	struct bch_geometry g = {.gc_reserve_percent = 8, .devs = devs, .nr_devs = 1};
	struct printbuf err = PRINTBUF;

	EXPECT_EQ(bch_geometry_choose(&g, &err), 0);
	EXPECT_EQ(g.block_size, 512);
	g = (struct bch_geometry){.gc_reserve_percent = 8, .devs = devs, .nr_devs = 3};
	devs[0].bucket_size = 0;
	EXPECT_EQ(bch_geometry_choose(&g, &err), 0);
	EXPECT_EQ(g.block_size, 4096);
	printbuf_exit(&err);
}
