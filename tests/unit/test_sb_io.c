/* Superblocks on devices: reading with all fallbacks, choosing, writing. */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <fcntl.h>
#include <unistd.h>
#include "tests/unit/make_sb.h"
#include "tests/unit/test.h"

#define DEV_BYTES ((off_t)MADE_DEV_SECTORS << 9)

struct device {
	char path[64];
	struct block_device *bdev;
	struct bch_sb_handle sb;
};

/* An image file with the made superblock on it, as device @idx. */
static bool device_make(struct device *d, unsigned idx)
{
	struct printbuf err = PRINTBUF;
	bool ok;
	int fd;

	*d = (struct device){.path = "/tmp/test_sb_io.XXXXXX"};
	fd = mkstemp(d->path);
	if (fd < 0 || ftruncate(fd, DEV_BYTES))
		return false;
	close(fd);
	d->bdev = bdev_open(d->path, BLK_OPEN_READ | BLK_OPEN_WRITE | BLK_OPEN_EXCL);
	if (IS_ERR(d->bdev) || make_sb(&d->sb))
		return false;
	d->sb.sb->dev_idx = idx;
	sb_set_csum_type(d->sb.sb, 1);
	ok = !bch_sb_write_copies(&d->sb, d->bdev, &err);
	printbuf_exit(&err);
	return ok;
}

static void device_exit(struct device *d)
{
	bch_sb_free(&d->sb);
	bdev_close(d->bdev);
	unlink(d->path);
}

static void overwrite(struct device *d, u64 sector, unsigned sectors)
{
	u8 *buf = kvzalloc(sectors << 9, GFP_KERNEL);

	memset(buf, 0x5a, sectors << 9);
	EXPECT_EQ(bdev_write(d->bdev, sector, buf, sectors << 9), 0);
	kvfree(buf);
}

/* Write copy @k alone with another sequence number. */
static void write_copy(struct device *d, unsigned k, u64 seq)
{
	struct printbuf err = PRINTBUF;
	struct bch_sb_handle h = {};
	struct bch_sb_layout all = d->sb.sb->layout;

	EXPECT_EQ(bch_sb_dup(&h, &d->sb), 0);
	h.sb->seq = cpu_to_le64(seq);
	/* Through a layout of this copy alone, which is then put right in the bytes. */
	h.sb->layout.nr_superblocks = 1;
	h.sb->layout.sb_offset[0] = all.sb_offset[k];
	sb_set_csum_type(h.sb, 0);
	EXPECT_EQ(bch_sb_write_copies(&h, d->bdev, &err), 0);
	h.sb->layout = all;
	memset(&h.sb->csum, 0, sizeof(h.sb->csum));
	EXPECT_EQ(bdev_write(d->bdev, le64_to_cpu(all.sb_offset[k]), h.sb,
			     round_up(sb_bytes(h.sb), 4096UL)),
		  0);
	bch_sb_free(&h);
	printbuf_exit(&err);
}

static int read_back(struct device *d, struct bch_sb_handle *h, struct printbuf *notes,
		     struct printbuf *err)
{
	struct bch_sb_read_args args = {.access = SB_WRITE, .notes = notes};

	return bch_sb_read(h, d->bdev, &args, err);
}

#define EXPECT_READS_FROM(d, _sector, _seq, _notes)               \
	do {                                                      \
		struct printbuf err = PRINTBUF, notes = PRINTBUF; \
		struct bch_sb_handle h;                           \
                                                                  \
		EXPECT_EQ(read_back(d, &h, &notes, &err), 0);     \
		EXPECT_STR(printbuf_str(&err), "");               \
		REQUIRE(h.sb != NULL);                            \
		EXPECT_EQ(h.sector, _sector);                     \
		EXPECT_EQ(le64_to_cpu(h.sb->seq), _seq);          \
		EXPECT_STR(printbuf_str(&notes), _notes);         \
		bch_sb_free(&h);                                  \
		printbuf_exit(&err);                              \
		printbuf_exit(&notes);                            \
	} while (0)

TEST(what_is_written_is_read)
{
	struct printbuf err = PRINTBUF;
	struct bch_sb_handle h;
	struct device d;

	REQUIRE(device_make(&d, 0));
	EXPECT_EQ(read_back(&d, &h, NULL, &err), 0);
	EXPECT_EQ(h.nr_copies, 3);
	EXPECT_EQ(h.disk_seq, 7);
	EXPECT_EQ(sb_bytes(h.sb), sb_bytes(d.sb.sb));
	EXPECT_MEM(h.sb->flags, d.sb.sb->flags, sizeof(h.sb->flags));
	EXPECT_MEM(h.sb->sections, d.sb.sb->sections, sb_bytes(h.sb) - sizeof(*h.sb));
	bch_sb_free(&h);
	printbuf_exit(&err);
	device_exit(&d);
}

TEST(bytes_behind_a_superblock_are_zero)
{
	static u8 buf[4096];
	struct device d;
	size_t i;

	REQUIRE(device_make(&d, 0));
	overwrite(&d, 2056, 8);
	write_copy(&d, 1, 7);
	EXPECT_EQ(bdev_read(d.bdev, 2056, buf, sizeof(buf)), 0);
	for (i = sb_bytes(d.sb.sb); i < sizeof(buf) && !buf[i]; i++)
		;
	EXPECT_EQ(i, sizeof(buf));
	device_exit(&d);
}

TEST(the_copy_with_the_highest_seq_is_taken)
{
	struct device d;

	REQUIRE(device_make(&d, 0));
	write_copy(&d, 1, 9);
	EXPECT_READS_FROM(&d, 2056, 9,
			  "superblock at sector 8 is old: seq 7, newest 9\n"
			  "superblock at sector 129024 is old: seq 7, newest 9\n");
	device_exit(&d);
}

TEST(a_damaged_copy_is_passed_over)
{
	struct device d;

	REQUIRE(device_make(&d, 0));
	overwrite(&d, 8, 1);
	EXPECT_READS_FROM(&d, 129024, 7,
			  "superblock at sector 8: Not a bcachefs superblock (got magic "
			  "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a)\n");
	overwrite(&d, 129024, 1);
	EXPECT_READS_FROM(&d, 2056, 7,
			  "superblock at sector 8: Not a bcachefs superblock (got magic "
			  "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a)\n"
			  "superblock at sector 129024: Not a bcachefs superblock (got magic "
			  "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a)\n");
	device_exit(&d);
}

TEST(a_copy_that_fails_validation_is_passed_over)
{
	struct device d;

	REQUIRE(device_make(&d, 0));
	sb_set_meta_replicas_want(d.sb.sb, 0);
	write_copy(&d, 0, 11);
	EXPECT_READS_FROM(
		&d, 129024, 7,
		"superblock at sector 8: Invalid option metadata_replicas: too small (min "
		"1)\n");
	device_exit(&d);
}

TEST(a_format_that_is_refused_is_not_replaced_by_an_older_copy)
{
	struct printbuf err = PRINTBUF;
	struct bch_sb_handle h;
	struct device d;

	REQUIRE(device_make(&d, 0));
	d.sb.sb->features[0] |= cpu_to_le64(1ULL << 30);
	write_copy(&d, 1, 8);
	EXPECT_STR(bch_err_str(read_back(&d, &h, NULL, &err)), "invalid_sb_features");
	EXPECT_STR(
		printbuf_str(&err),
		"Filesystem has incompatible feature bit 30, highest supported no_default_sb (23)");
	printbuf_exit(&err);
	device_exit(&d);
}

TEST(copies_are_found_without_sectors_7_and_8)
{
	struct printbuf err = PRINTBUF;
	struct bch_sb_handle h;
	struct device d;

	REQUIRE(device_make(&d, 0));
	overwrite(&d, 0, 16);
	EXPECT_EQ(read_back(&d, &h, NULL, &err), 0);
	EXPECT_EQ(h.sector, 129024);
	bch_sb_free(&h);
	overwrite(&d, 2056, 8);
	EXPECT_EQ(read_back(&d, &h, NULL, &err), 0);
	EXPECT_EQ(h.sector, 129024);
	EXPECT_STR(printbuf_str(&err), "");
	bch_sb_free(&h);
	/* A place that no rule gives. */
	overwrite(&d, 129024, 8);
	d.sb.sb->layout.sb_offset[2] = cpu_to_le64(120003);
	write_copy(&d, 2, 8);
	EXPECT_EQ(read_back(&d, &h, NULL, &err), 0);
	EXPECT_EQ(h.sector, 120003);
	bch_sb_free(&h);
	printbuf_exit(&err);
	device_exit(&d);
}

TEST(reading_says_why_not)
{
	struct bch_sb_read_args args = {.access = SB_READ, .sector = 16};
	struct printbuf err = PRINTBUF;
	struct bch_sb_handle h;
	struct device d;

	REQUIRE(device_make(&d, 0));
	EXPECT_STR(bch_err_str(bch_sb_read(&h, d.bdev, &args, &err)), "invalid_sb_magic");
	EXPECT_STR(printbuf_str(&err),
		   "Not a bcachefs superblock (got magic 00000000-0000-0000-0000-000000000000)");
	printbuf_reset(&err);
	args.sector = 1ULL << 40;
	EXPECT(bch_sb_read(&h, d.bdev, &args, &err) != 0);
	printbuf_reset(&err);
	args.sector = 2056;
	EXPECT_EQ(bch_sb_read(&h, d.bdev, &args, &err), 0);
	EXPECT_EQ(h.nr_copies, 1);
	bch_sb_free(&h);
	/* A damaged byte in the middle of all three. */
	d.sb.sb->csum.lo = 0;
	overwrite(&d, 9, 1);
	overwrite(&d, 2057, 1);
	overwrite(&d, 129025, 1);
	args.sector = 0;
	EXPECT_STR(bch_err_str(bch_sb_read(&h, d.bdev, &args, &err)), "invalid_sb_csum");
	EXPECT(!strncmp(printbuf_str(&err), "checksum error, type crc32c_nonzero: got ", 41));
	printbuf_exit(&err);
	device_exit(&d);
}

/* --- choosing --- */

struct choice {
	struct bch_sb_handle h[MADE_NR_DEVICES];
	struct bch_sb_handle *ptrs[MADE_NR_DEVICES];
	int errs[MADE_NR_DEVICES];
	struct printbuf notes;
};

static bool choice_make(struct choice *c)
{
	unsigned i, k;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < MADE_NR_DEVICES; i++) {
		if (make_sb(&c->h[i]))
			return false;
		c->ptrs[i] = &c->h[i];
		c->h[i].sb->dev_idx = i;
		for (k = 0; k < MADE_NR_DEVICES; k++) {
			struct bch_member m = bch_member_get(c->h[i].sb, k);

			m.seq = c->h[i].sb->seq;
			bch_member_put(c->h[i].sb, k, &m);
		}
	}
	return true;
}

static int choose(struct choice *c, bool no_splitbrain_check)
{
	static const char *const names[] = {"a", "b", "c"};

	return bch_sb_choose(c->ptrs, names, MADE_NR_DEVICES, no_splitbrain_check, c->errs,
			     &c->notes);
}

static void choice_exit(struct choice *c)
{
	unsigned i;

	for (i = 0; i < MADE_NR_DEVICES; i++)
		bch_sb_free(&c->h[i]);
	printbuf_exit(&c->notes);
}

TEST(the_newest_superblock_of_the_members_is_chosen)
{
	struct choice c;

	REQUIRE(choice_make(&c));
	EXPECT_EQ(choose(&c, false), 0);
	c.h[0].sb->seq = 5; /* it missed two writes */
	EXPECT_EQ(choose(&c, false), 1);
	EXPECT_STR(printbuf_str(&c.notes), "");
	EXPECT(!c.errs[0] && !c.errs[1] && !c.errs[2]);
	choice_exit(&c);
}

TEST(devices_of_another_filesystem_are_refused)
{
	struct choice c;

	REQUIRE(choice_make(&c));
	c.h[2].sb->uuid[0]++;
	EXPECT_EQ(choose(&c, false), -BCH_ERR_device_not_a_member_of_filesystem);
	choice_exit(&c);
	REQUIRE(choice_make(&c));
	c.h[2].sb->block_size = 1;
	EXPECT_EQ(choose(&c, false), -BCH_ERR_mismatched_block_size);
	choice_exit(&c);
}

TEST(a_removed_device_is_dropped)
{
	struct choice c;
	struct bch_member m = {};

	REQUIRE(choice_make(&c));
	bch_member_put(c.h[0].sb, 1, &m);
	EXPECT_EQ(choose(&c, false), 0);
	EXPECT_EQ(c.errs[1], -BCH_ERR_device_has_been_removed);
	choice_exit(&c);
}

TEST(a_device_that_was_written_apart_is_a_split_brain)
{
	struct choice c;
	struct bch_member m;

	REQUIRE(choice_make(&c));
	c.h[0].sb->seq = cpu_to_le64(12);
	m = bch_member_get(c.h[0].sb, 1);
	m.seq = cpu_to_le64(6);
	bch_member_put(c.h[0].sb, 1, &m);
	EXPECT_EQ(choose(&c, false), 0);
	EXPECT_EQ(c.errs[1], -BCH_ERR_device_splitbrain);
	EXPECT_EQ(c.errs[2], 0);
	EXPECT_STR(printbuf_str(&c.notes), "Split brain detected between b and a:\n"
					   "a believes seq of b to be 6, but b has 7\n"
					   "Not using b\n");
	EXPECT_EQ(choose(&c, true), 0);
	EXPECT_EQ(c.errs[1], 0);
	choice_exit(&c);
}

TEST(equal_seqs_of_different_times_are_a_split_brain)
{
	struct choice c;

	setenv("TZ", "UTC", 1);
	REQUIRE(choice_make(&c));
	c.h[0].sb->write_time = cpu_to_le64(1700000000);
	c.h[1].sb->write_time = cpu_to_le64(1700000000);
	c.h[2].sb->write_time = cpu_to_le64(1600000000);
	EXPECT_EQ(choose(&c, false), 0);
	EXPECT_EQ(c.errs[2], -BCH_ERR_device_splitbrain);
	EXPECT_STR(printbuf_str(&c.notes), "Split brain detected between c and a:\n"
					   "seq=7 but write_time different, got\n"
					   "a Tue Nov 14 22:13:20 2023\n"
					   "c Sun Sep 13 12:26:40 2020\n"
					   "Not using older sb\n");
	choice_exit(&c);
}

/* --- writing --- */

struct filesystem {
	struct device d[MADE_NR_DEVICES];
	struct bch_sb_handle shared;
	struct bch_fs c;
	struct printbuf err;
};

static bool filesystem_make(struct filesystem *fs)
{
	unsigned i;

	memset(fs, 0, sizeof(*fs));
	for (i = 0; i < MADE_NR_DEVICES; i++) {
		if (!device_make(&fs->d[i], i))
			return false;
		fs->d[i].sb.disk_seq = 7;
	}
	if (bch_sb_dup(&fs->shared, &fs->d[0].sb))
		return false;
	fs->c.sb = &fs->shared;
	fs->shared.no_layout = true;
	if (bch_fs_from_sb(&fs->c))
		return false;
	for (i = 0; i < MADE_NR_DEVICES; i++) {
		fs->c.devs[i]->bdev = fs->d[i].bdev;
		fs->c.devs[i]->sb = &fs->d[i].sb;
		fs->c.devs[i]->name = &"abc"[i];
	}
	return true;
}

static void filesystem_exit(struct filesystem *fs)
{
	unsigned i;

	for (i = 0; i < MADE_NR_DEVICES; i++) {
		device_exit(&fs->d[i]);
		kfree(fs->c.devs[i]);
	}
	bch_sb_free(&fs->shared);
	printbuf_exit(&fs->err);
}

TEST(a_write_reaches_every_copy_of_every_member)
{
	struct filesystem fs;
	unsigned i, k;

	REQUIRE(filesystem_make(&fs));
	sb_set_data_replicas_want(fs.shared.sb, 3);
	EXPECT_EQ(bch_sb_write(&fs.c, SB_WRITE_VERIFY, &fs.err), 0);
	EXPECT_STR(printbuf_str(&fs.err), "");
	for (i = 0; i < MADE_NR_DEVICES; i++) {
		struct bch_sb_handle h;

		EXPECT_EQ(read_back(&fs.d[i], &h, NULL, &fs.err), 0);
		REQUIRE(h.sb != NULL);
		EXPECT_EQ(h.nr_copies, 3);
		for (k = 0; k < h.nr_copies; k++)
			EXPECT_EQ(h.copies[k].seq, 8);
		EXPECT_EQ(h.sb->dev_idx, i);
		EXPECT_EQ(sb_data_replicas_want(h.sb), 3);
		for (k = 0; k < MADE_NR_DEVICES; k++) {
			struct bch_member m = bch_member_get(h.sb, k);

			EXPECT_EQ(le64_to_cpu(m.seq), 8);
		}
		bch_sb_free(&h);
	}
	EXPECT_EQ(bch_sb_write(&fs.c, 0, &fs.err), 0);
	filesystem_exit(&fs);
}

TEST(each_devices_own_sections_stay)
{
	struct bch_sb_handle *h;
	struct sb_journal_v2 *j;
	struct filesystem fs;

	REQUIRE(filesystem_make(&fs));
	h = &fs.d[1].sb;
	j = sb_section_resize(h, journal_v2, 3);
	j->ranges[0] = (struct sb_journal_range){cpu_to_le64(20), cpu_to_le64(8)};
	bch_sb_section_resize(h, 77, 4);
	bch_sb_section_resize(h, SB_SECTION_counters, 9);
	bch_sb_section_resize(&fs.shared, 99, 2);
	EXPECT_EQ(bch_sb_write(&fs.c, 0, &fs.err), 0);
	EXPECT(bch_sb_section(h->sb, SB_SECTION_journal_v2) != NULL);
	EXPECT(bch_sb_section(h->sb, 77) != NULL);
	EXPECT(bch_sb_section(h->sb, 99) != NULL);
	EXPECT(!bch_sb_section(h->sb, SB_SECTION_counters));
	EXPECT(!bch_sb_section(fs.d[2].sb.sb, SB_SECTION_journal_v2));
	filesystem_exit(&fs);
}

TEST(writes_that_vanished_and_writes_of_others_stop_us)
{
	struct filesystem fs;

	REQUIRE(filesystem_make(&fs));
	write_copy(&fs.d[1], 0, 6);
	EXPECT_STR(bch_err_str(bch_sb_write(&fs.c, 0, &fs.err)), "sb_write_dropped");
	EXPECT_STR(printbuf_str(&fs.err),
		   "bc: Superblock write was silently dropped! (seq 6 expected 7)");
	printbuf_reset(&fs.err);
	write_copy(&fs.d[1], 0, 9);
	EXPECT_STR(bch_err_str(bch_sb_write(&fs.c, 0, &fs.err)), "sb_modified_by_another");
	EXPECT_STR(printbuf_str(&fs.err),
		   "bc: Superblock modified by another process (seq 9 expected 7)");
	printbuf_reset(&fs.err);
	filesystem_exit(&fs);
}

TEST(nothing_is_written_that_must_not_be)
{
	struct filesystem fs;
	struct bch_sb_handle h;

	REQUIRE(filesystem_make(&fs));
	fs.c.nochanges = true;
	EXPECT_EQ(bch_sb_write(&fs.c, 0, &fs.err), 0);
	fs.c.nochanges = false;
	sb_set_initialized(fs.shared.sb, 0);
	EXPECT_EQ(bch_sb_write(&fs.c, 0, &fs.err), 0);
	fs.shared.sb->version = cpu_to_le16(BCH_VERSION_MAX_READ);
	EXPECT_STR(bch_err_str(bch_sb_write(&fs.c, SB_WRITE_UNINITIALIZED, &fs.err)),
		   "sb_version_not_writeable");
	printbuf_reset(&fs.err);
	EXPECT_EQ(read_back(&fs.d[0], &h, NULL, &fs.err), 0);
	EXPECT_EQ(le64_to_cpu(h.sb->seq), 7);
	bch_sb_free(&h);
	filesystem_exit(&fs);
}

TEST(a_filesystem_never_mounted_can_be_written_on_demand)
{
	struct filesystem fs;
	struct bch_sb_handle h;

	REQUIRE(filesystem_make(&fs));
	sb_set_initialized(fs.shared.sb, 0);
	EXPECT_EQ(bch_sb_write(&fs.c, SB_WRITE_UNINITIALIZED, &fs.err), 0);
	EXPECT_EQ(read_back(&fs.d[0], &h, NULL, &fs.err), 0);
	EXPECT_EQ(le64_to_cpu(h.sb->seq), 8);
	bch_sb_free(&h);
	filesystem_exit(&fs);
}
