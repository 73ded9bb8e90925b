/* What host_probe() sees on image files, and that host_wipe() leaves nothing to see. */
#include <fcntl.h>
#include <unistd.h>
#include "format/sb.h"
#include "host/probe.h"
#include "test.h"

#define IMAGE_SIZE (4 << 20)

static int image(void)
{
	char path[] = "/tmp/bcachefs-probe-XXXXXX";
	int fd = mkstemp(path);

	unlink(path);
	if (ftruncate(fd, IMAGE_SIZE)) {
		perror("ftruncate");
		exit(1);
	}
	return fd;
}

static void put(int fd, const void *bytes, size_t n, off_t at)
{
	EXPECT_EQ(pwrite(fd, bytes, n, at), n);
}

static void put_swap(int fd)
{
	static const u32 header[] = {1, 1023}; /* version, last page */

	put(fd, header, sizeof(header), 1024);
	put(fd, "SWAPSPACE2", 10, 4086);
}

static void put_partition_table(int fd)
{
	static const u8 entry[16] = {0x80, 1, 1, 0, 0x83, 1, 1, 1, 8, 0, 0, 0, 0, 16, 0, 0};

	put(fd, entry, sizeof(entry), 446);
	put(fd, "\x55\xaa", 2, 510);
}

static void put_bcachefs(int fd, const char *label)
{
	struct bch_sb sb = {.magic = BCH_SB_MAGIC_BYTES};

	memcpy(sb.label, label, strnlen(label, sizeof(sb.label)));
	memcpy(sb.layout.magic, sb.magic, 16);
	sb.layout.nr_superblocks = 3;
	sb.layout.sb_offset[0] = cpu_to_le64(8);
	sb.layout.sb_offset[1] = cpu_to_le64(2056);
	sb.layout.sb_offset[2] = cpu_to_le64(~0ULL);
	put(fd, &sb, sizeof(sb), 8 * 512);
	put(fd, &sb, sizeof(sb), 2056 * 512);
	put(fd, &sb.layout, 512, 7 * 512);
}

static void expect_found(int fd, int nr, const char *text)
{
	struct printbuf found = PRINTBUF;

	EXPECT_EQ(host_probe(fd, "image", &found), nr);
	EXPECT_STR(printbuf_str(&found), text);
	printbuf_exit(&found);
}

TEST(probe_finds_nothing_on_an_empty_image)
{
	int fd = image();

	expect_found(fd, 0, "");
	EXPECT_EQ(host_wipe(fd), 0);
	close(fd);
}

TEST(probe_names_swap_and_wipe_removes_it)
{
	int fd = image();

	put_swap(fd);
	expect_found(fd, 1, "image contains a swap\n");
	EXPECT_EQ(host_wipe(fd), 0);
	expect_found(fd, 0, "");
	close(fd);
}

TEST(probe_names_a_bare_partition_table)
{
	int fd = image();

	put_partition_table(fd);
	expect_found(fd, 1, "image contains a dos partition table\n");
	EXPECT_EQ(host_wipe(fd), 0);
	expect_found(fd, 0, "");
	close(fd);
}

TEST(wipe_of_bcachefs_takes_its_backups_too)
{
	u8 block[512], zeros[512] = {};
	int fd = image();

	put_bcachefs(fd, "my label");
	expect_found(fd, 1, "image contains a bcachefs filesystem labelled 'my label'\n");
	EXPECT_EQ(host_wipe(fd), 0);
	expect_found(fd, 0, "");
	for (unsigned i = 0; i < 3; i++) {
		static const unsigned sectors[] = {7, 8, 2056};

		EXPECT_EQ(pread(fd, block, 512, sectors[i] * 512), 512);
		EXPECT_MEM(block, zeros, 512);
	}
	close(fd);
}

TEST(label_that_fills_its_field_is_not_overrun)
{
	int fd = image();

	put_bcachefs(fd, "12345678901234567890123456789012");
	expect_found(fd, 1,
		     "image contains a bcachefs filesystem labelled "
		     "'12345678901234567890123456789012'\n");
	close(fd);
}

TEST(in_use_names_where_a_device_is_mounted)
{
	struct printbuf why = PRINTBUF;

	EXPECT(!host_in_use("/dev/null", &why));
	EXPECT(!host_in_use("/no/such/file", &why));
	EXPECT_STR(printbuf_str(&why), "");
	printbuf_exit(&why);
}
