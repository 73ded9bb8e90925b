/*
 * Reading the journal (spec 04 section 6): rings made by hand on one or two small devices, what is
 * chosen for replay and what is said about the rest.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <fcntl.h>
#include <unistd.h>

#include "format/errcode.h"
#include "init/key_types.h"
#include "journal/blacklist.h"
#include "journal/read.h"
#include "journal/validate.h"
#include "sb/csum.h"
#include "sb/super.h"
#include "test.h"

#define BUCKET_SECTORS 16
#define NR_BUCKETS     32
#define RING	       6

/* Ring order is not the order of the buckets. */
static const u64 ring[] = {4, 5, 6, 7, 11, 10};

static struct {
	struct bch_fs c;
	struct bch_sb_handle sb;
	struct bch_dev dev[2];
	char path[2][32];
	int fd[2];
	unsigned nr;
	struct bch_crypt_key key;
	unsigned csum_type;
} t;

static struct printbuf said;

static void log_line(struct bch_fs *c, const char *line)
{
	prt_printf(&said, "%s\n", line);
}

static void end(void)
{
	bch_journal_exit(&t.c);
	for (unsigned i = 0; i < t.nr; i++) {
		bdev_close(t.dev[i].bdev);
		close(t.fd[i]);
		unlink(t.path[i]);
	}
	bch_sb_free(&t.sb);
	printbuf_exit(&said);
}

static bool begin(unsigned nr)
{
	struct sb_journal_v2 *v2;

	bch_key_types_init();
	memset(&t, 0, sizeof(t));
	if (bch_sb_alloc(&t.sb, 11))
		return false;
	v2 = sb_section_resize(&t.sb, journal_v2, 7);
	if (!v2)
		return false;
	v2->ranges[0] = (struct sb_journal_range){cpu_to_le64(4), cpu_to_le64(4)};
	v2->ranges[1] = (struct sb_journal_range){cpu_to_le64(11), cpu_to_le64(1)};
	v2->ranges[2] = (struct sb_journal_range){cpu_to_le64(10), cpu_to_le64(1)};
	t.csum_type = BCH_CSUM_crc32c_nonzero;
	t.nr = nr;
	t.c = (struct bch_fs){
		.sb = &t.sb,
		.version = 1037,
		.block_sectors = 1,
		.nr_devices = nr,
		.uuid = {1, 2, 3, 4, 5, 6, 7, 8},
		.log = log_line,
	};
	for (unsigned i = 0; i < nr; i++) {
		struct bch_dev *ca = &t.dev[i];

		strcpy(t.path[i], "/tmp/test_journal_read.XXXXXX");
		t.fd[i] = mkstemp(t.path[i]);
		if (t.fd[i] < 0 || ftruncate(t.fd[i], NR_BUCKETS * BUCKET_SECTORS * 512))
			return false;
		ca->fs = &t.c;
		ca->idx = i;
		ca->name = i ? "b" : "a";
		ca->sb = &t.sb;
		ca->mi.alive = true;
		ca->mi.bucket_size = BUCKET_SECTORS;
		ca->mi.nbuckets = NR_BUCKETS;
		ca->bdev = bdev_open(t.path[i], BLK_OPEN_READ);
		if (IS_ERR(ca->bdev))
			return false;
		t.c.devs[i] = ca;
	}
	return true;
}

static off_t place(unsigned idx, unsigned offset)
{
	return (ring[idx] * BUCKET_SECTORS + offset) * 512;
}

struct entry {
	u64 seq, last_seq;
	bool noflush;
	const char *message; /* fills the entry up to its size */
	unsigned sectors;    /* 0: 1 */
	bool bad;	     /* checksum */
};

/* Write @e at a place; the number of sectors it takes. */
static unsigned put(unsigned dev, unsigned idx, unsigned offset, struct entry e)
{
	unsigned sectors = e.sectors ?: 1, u64s = (sectors * 512 - sizeof(struct jset)) / 8;
	union {
		struct jset j;
		u8 bytes[BUCKET_SECTORS * 512];
	} buf = {};
	struct bch_nonce nonce = {
		{0, cpu_to_le32(e.seq), cpu_to_le32(e.seq >> 32), cpu_to_le32(JSET_NONCE)}};
	struct jset *j = &buf.j;

	j->magic = cpu_to_le64(bch_jset_magic(&t.c));
	j->seq = cpu_to_le64(e.seq);
	j->version = cpu_to_le32(1037);
	j->flags = cpu_to_le32(t.csum_type | (e.noflush ? JSET_NO_FLUSH : 0));
	j->u64s = cpu_to_le32(u64s);
	j->last_seq = cpu_to_le64(e.noflush ? 0 : e.last_seq);
	j->start->type = JSET_ENTRY_log;
	j->start->u64s = cpu_to_le16(u64s - 1);
	if (e.message)
		strcpy((char *)j->start->data, e.message);
	if (bch_csum_type_is_encryption(t.csum_type))
		bch_encrypt(&t.key, nonce, &j->read_clock, sectors * 512 - 44);
	j->csum = bch_checksum(&t.key, t.csum_type, nonce, &j->magic, sectors * 512 - 16);
	if (e.bad)
		j->csum.lo ^= 1;
	if (pwrite(t.fd[dev], &buf, sectors * 512, place(idx, offset)) != sectors * 512)
		abort();
	return sectors;
}

/* Flush entries @first..@last, one a sector, behind each other from bucket @idx of @dev on. */
static void put_range(unsigned dev, unsigned idx, u64 first, u64 last, u64 last_seq)
{
	for (u64 seq = first; seq <= last; seq++)
		put(dev, idx + (seq - first) / BUCKET_SECTORS, (seq - first) % BUCKET_SECTORS,
		    (struct entry){.seq = seq, .last_seq = min(seq, last_seq)});
}

/* "3 4 5! 6*": clean and dirty are bare; ! bad, * dropped, # blacklisted, - clean. */
static const char *states(void)
{
	static const char marks[] = {
		[JOURNAL_ENTRY_DIRTY] = 0,	   [JOURNAL_ENTRY_CLEAN] = '-',
		[JOURNAL_ENTRY_BLACKLISTED] = '#', [JOURNAL_ENTRY_DROPPED] = '*',
		[JOURNAL_ENTRY_BAD] = '!',
	};
	static char text[512];
	char *p = text;

	*p = 0;
	darray_for_each(t.c.journal->entries, e) {
		p += sprintf(p, p > text ? " %llu" : "%llu", (*e)->seq);
		if (marks[(*e)->state])
			p += sprintf(p, "%c", marks[(*e)->state]);
	}
	return text;
}

static void expect(int ret, const char *entries, const char *text)
{
	EXPECT_EQ(ret, 0);
	EXPECT_STR(states(), entries);
	EXPECT_STR(printbuf_str(&said), text);
}

static const char *ptrs(unsigned i)
{
	static struct printbuf text;

	printbuf_reset(&text);
	bch_journal_ptrs_to_text(&text, t.c.journal->entries.data[i]);
	return printbuf_str(&text);
}

static const char *message(unsigned i)
{
	static char text[512];
	struct journal_entry *e = t.c.journal->entries.data[i];
	struct jset *j = bch_journal_entry_load(&t.c, e);

	strcpy(text, "(error)");
	if (!IS_ERR(j)) {
		strcpy(text, (char *)j->start->data);
		bch_journal_entry_put(e, j);
	}
	return text;
}

TEST(entries_from_last_seq_to_the_newest_are_replayed)
{
	REQUIRE(begin(1));
	put_range(0, 0, 1, 40, 38);
	expect(bch_journal_read(&t.c, 0, 0), "38 39 40",
	       "journal read done, replaying entries 38-40\n");
	EXPECT_STR(ptrs(0), "0:2:5 (sector 101)");
	EXPECT_EQ(t.c.journal->devs[0]->cur_idx, 2);
	EXPECT_EQ(t.c.journal->devs[0]->sectors_free, 8);
	EXPECT_EQ(t.c.journal->devs[0]->bucket_seq[1], 32);
	EXPECT_EQ(t.c.journal->oldest_seq, 1);
	EXPECT_EQ(t.c.journal->start_seq, 41);
	EXPECT_EQ(t.c.nr_errors, 0);
	end();
}

TEST(whole_journal_keeps_entries_that_are_clean)
{
	REQUIRE(begin(1));
	put_range(0, 1, 1, 5, 4);
	expect(bch_journal_read(&t.c, JOURNAL_READ_ALL, 0), "1- 2- 3- 4 5",
	       "journal read done, replaying entries 4-5\n");
	end();
}

TEST(ring_order_is_the_order_of_the_section)
{
	REQUIRE(begin(1));
	put(0, 5, 3, (struct entry){.seq = 9, .last_seq = 9});
	put(0, 5, 0, (struct entry){.seq = 8, .last_seq = 8, .sectors = 3});
	expect(bch_journal_read(&t.c, JOURNAL_READ_ALL, 0), "8- 9",
	       "journal read done, replaying entries 9-9\n");
	EXPECT_STR(ptrs(1), "0:5:3 (sector 163)");
	end();
}

TEST(noflush_entries_behind_the_newest_flush_are_dropped)
{
	REQUIRE(begin(1));
	put_range(0, 0, 1, 3, 2);
	put(0, 0, 3, (struct entry){.seq = 4, .noflush = true});
	put(0, 0, 4, (struct entry){.seq = 5, .noflush = true});
	expect(bch_journal_read(&t.c, 0, 0), "2 3 4* 5*",
	       "journal read done, replaying entries 2-3\n"
	       "dropped unflushed entries 4-5\n");
	EXPECT_EQ(t.c.journal->start_seq, 6);
	end();
}

TEST(noflush_entries_below_the_newest_flush_count)
{
	REQUIRE(begin(1));
	put_range(0, 0, 1, 1, 1);
	put(0, 0, 1, (struct entry){.seq = 2, .noflush = true});
	put(0, 0, 2, (struct entry){.seq = 3, .last_seq = 1});
	expect(bch_journal_read(&t.c, 0, 0), "1 2 3", "journal read done, replaying entries 1-3\n");
	end();
}

TEST(all_torn_entries_at_the_top_are_passed_over)
{
	REQUIRE(begin(1));
	put_range(0, 0, 1, 3, 2);
	put(0, 0, 3, (struct entry){.seq = 4, .last_seq = 4, .bad = true});
	put(0, 0, 4, (struct entry){.seq = 5, .last_seq = 5, .bad = true});
	EXPECT_EQ(bch_journal_read(&t.c, 0, 0), 0);
	EXPECT_STR(states(), "2 3 4* 5*");
	EXPECT(strstr(printbuf_str(&said), "a: journal checksum error, type crc32c_nonzero: got "));
	EXPECT(strstr(printbuf_str(&said), "journal read done, replaying entries 2-3\n"
					   "dropped unflushed entries 4-5\n"));
	EXPECT_EQ(t.c.nr_errors, 0);
	EXPECT_EQ(t.dev[0].csum_errors, 2);
	end();
}

TEST(last_seq_of_a_torn_entry_drops_nothing)
{
	REQUIRE(begin(1));
	put(0, 0, 0, (struct entry){.seq = 3, .last_seq = 2});
	put(0, 0, 1, (struct entry){.seq = 4, .last_seq = 4, .bad = true});
	put(0, 1, 0, (struct entry){.seq = 2, .last_seq = 2});
	EXPECT_EQ(bch_journal_read(&t.c, 0, 0), 0);
	EXPECT_STR(states(), "2 3 4*");
	end();
}

TEST(bad_entry_in_the_middle_is_not_replayed)
{
	REQUIRE(begin(1));
	put_range(0, 0, 1, 4, 1);
	put(0, 0, 1, (struct entry){.seq = 2, .last_seq = 1, .bad = true});
	EXPECT_EQ(bch_journal_read(&t.c, 0, 0), 0);
	EXPECT_STR(states(), "1 2! 3 4");
	EXPECT(strstr(printbuf_str(&said), "a sector 65: invalid journal checksum, seq 2\n"
					   "journal entry 2 has no good copy: not replayed\n"));
	end();
}

TEST(garbage_number_of_a_bad_entry_is_ignored)
{
	REQUIRE(begin(1));
	put_range(0, 0, 1, 4, 3);
	put(0, 1, 0, (struct entry){.seq = 1ULL << 60, .last_seq = 1, .bad = true});
	EXPECT_EQ(bch_journal_read(&t.c, 0, 0), 0);
	EXPECT_STR(states(), "3 4");
	EXPECT_EQ(t.c.journal->start_seq, 5);
	end();
}

TEST(older_entries_behind_newer_ones_in_a_bucket_end_it)
{
	REQUIRE(begin(1));
	put(0, 0, 0, (struct entry){.seq = 20, .last_seq = 20});
	put(0, 0, 1, (struct entry){.seq = 2, .last_seq = 2});
	expect(bch_journal_read(&t.c, JOURNAL_READ_ALL, 0), "20",
	       "journal read done, replaying entries 20-20\n");
	end();
}

TEST(missing_entries_are_told_by_run)
{
	REQUIRE(begin(1));
	put(0, 0, 0, (struct entry){.seq = 10, .last_seq = 8});
	put(0, 0, 1, (struct entry){.seq = 13, .last_seq = 8, .sectors = 2});
	put(0, 0, 3, (struct entry){.seq = 15, .last_seq = 8});
	expect(bch_journal_read(&t.c, 0, 0), "10 13 15",
	       "journal read done, replaying entries 8-15\n"
	       "journal entries 8-9 missing! (replaying 8-15)\n"
	       "  prev at (none)\n"
	       "  next at 0:0:0 (sector 64), continuing\n"
	       "journal entries 11-12 missing! (replaying 8-15)\n"
	       "  prev at 0:0:0 (sector 64) size 1\n"
	       "  next at 0:0:1 (sector 65), continuing\n"
	       "journal entries 14-14 missing! (replaying 8-15)\n"
	       "  prev at 0:0:1 (sector 65) size 2\n"
	       "  next at 0:0:3 (sector 67), continuing\n");
	EXPECT_EQ(t.c.nr_errors, 3);
	end();
}

TEST(blacklisted_numbers_are_not_missing)
{
	struct sb_journal_seq_blacklist *s;

	REQUIRE(begin(1));
	s = sb_section_resize(&t.sb, journal_seq_blacklist, 3);
	REQUIRE(s);
	s->ranges[0] = (struct sb_blacklist_range){cpu_to_le64(11), cpu_to_le64(14)};
	put(0, 0, 0, (struct entry){.seq = 10, .last_seq = 10});
	put(0, 0, 1, (struct entry){.seq = 12, .noflush = true});
	put(0, 0, 2, (struct entry){.seq = 15, .last_seq = 10});
	expect(bch_journal_read(&t.c, 0, 0), "10 12# 15",
	       "journal read done, replaying entries 10-15\n"
	       "journal entries 14-14 missing! (replaying 10-15)\n"
	       "  prev at 0:0:1 (sector 65) size 1\n"
	       "  next at 0:0:2 (sector 66), continuing\n");
	EXPECT(bch_journal_seq_is_blacklisted(&t.c, 13));
	EXPECT(!bch_journal_seq_is_blacklisted(&t.c, 14));
	end();
}

TEST(blacklisted_flush_entry_is_found)
{
	struct sb_journal_seq_blacklist *s;

	REQUIRE(begin(1));
	s = sb_section_resize(&t.sb, journal_seq_blacklist, 3);
	REQUIRE(s);
	s->ranges[0] = (struct sb_blacklist_range){cpu_to_le64(11), cpu_to_le64(12)};
	put_range(0, 0, 10, 12, 10);
	expect(bch_journal_read(&t.c, 0, 0), "10 11# 12",
	       "journal read done, replaying entries 10-12\n"
	       "found blacklisted journal entry 11\n");
	end();
}

TEST(entries_behind_a_hole_are_found_when_they_are_missing)
{
	REQUIRE(begin(1));
	put(0, 0, 0, (struct entry){.seq = 1, .last_seq = 1});
	put(0, 0, 4, (struct entry){.seq = 2, .last_seq = 1});
	put(0, 0, 5, (struct entry){.seq = 7, .last_seq = 1}); /* beyond the newest: not wanted */
	put(0, 1, 0, (struct entry){.seq = 3, .last_seq = 1});
	expect(bch_journal_read(&t.c, 0, 0), "1 2 3", "journal read done, replaying entries 1-3\n");
	end();
}

TEST(copies_on_two_devices_are_one_entry)
{
	REQUIRE(begin(2));
	put_range(0, 0, 1, 3, 1);
	put_range(1, 2, 1, 3, 1);
	expect(bch_journal_read(&t.c, 0, 0), "1 2 3", "journal read done, replaying entries 1-3\n");
	EXPECT_STR(ptrs(2), "0:0:2 (sector 66) 1:2:2 (sector 98)");
	end();
}

TEST(good_copy_on_another_device_is_used)
{
	REQUIRE(begin(2));
	put(0, 0, 0, (struct entry){.seq = 1, .last_seq = 1, .message = "bad", .bad = true});
	put(1, 3, 0, (struct entry){.seq = 1, .last_seq = 1, .message = "good"});
	EXPECT_EQ(bch_journal_read(&t.c, 0, 0), 0);
	EXPECT_STR(states(), "1");
	EXPECT_STR(message(0), "good");
	EXPECT_STR(ptrs(0), "1:3:0 (sector 112) 0:0:0 (sector 64)");
	EXPECT(strstr(printbuf_str(&said), "a sector 64: invalid journal checksum, seq 1 "
					   "(had good copy on another device)\n"));
	EXPECT_EQ(t.c.nr_errors, 1);
	end();
}

TEST(of_differing_copies_the_device_written_last_wins)
{
	REQUIRE(begin(2));
	t.dev[0].mi.seq = 5;
	t.dev[1].mi.seq = 6;
	put(0, 0, 0, (struct entry){.seq = 1, .last_seq = 1, .message = "old"});
	put(1, 0, 0, (struct entry){.seq = 1, .last_seq = 1, .message = "new"});
	expect(bch_journal_read(&t.c, 0, 0), "1",
	       "journal read done, replaying entries 1-1\n"
	       "found duplicate but non identical journal entries\n"
	       "  seq 1 1:0:0 (sector 64) 0:0:0 (sector 64)\n");
	EXPECT_STR(message(0), "new");
	end();
}

TEST(duplicate_on_one_device_is_told)
{
	REQUIRE(begin(1));
	put(0, 0, 0, (struct entry){.seq = 1, .last_seq = 1});
	put(0, 4, 2, (struct entry){.seq = 1, .last_seq = 1});
	put(0, 4, 0, (struct entry){.seq = 0, .last_seq = 0, .sectors = 2});
	expect(bch_journal_read(&t.c, 0, 0), "1",
	       "journal read done, replaying entries 1-1\n"
	       "duplicate journal entry on same device\n"
	       "  seq 1 0:0:0 (sector 64) 0:4:2 (sector 178)\n");
	end();
}

TEST(beyond_the_budget_entries_are_read_again)
{
	REQUIRE(begin(1));
	put(0, 0, 0, (struct entry){.seq = 1, .last_seq = 1, .message = "one"});
	put(0, 0, 1, (struct entry){.seq = 2, .last_seq = 1, .message = "two"});
	EXPECT_EQ(bch_journal_read(&t.c, 0, 600), 0);
	EXPECT_EQ(t.c.journal->bytes_loaded, 512);
	EXPECT_STR(message(0), "one");
	EXPECT_STR(message(1), "two");

	put(0, 0, 1, (struct entry){.seq = 2, .last_seq = 1, .message = "changed", .bad = true});
	EXPECT_STR(message(1), "(error)");
	end();
}

TEST(clean_entries_leave_memory_for_dirty_ones)
{
	REQUIRE(begin(1));
	put_range(0, 0, 1, 64, 60);
	EXPECT_EQ(bch_journal_read(&t.c, 0, 16 * 512), 0);
	EXPECT_STR(states(), "60 61 62 63 64");
	end();
}

TEST(encrypted_entries_are_decrypted)
{
	REQUIRE(begin(1));
	t.csum_type = BCH_CSUM_chacha20_poly1305_128;
	t.key.key[0] = cpu_to_le64(0x1234);
	t.c.encrypted = true;
	t.c.key = &t.key;
	put(0, 0, 0,
	    (struct entry){.seq = 1ULL << 33, .last_seq = 1ULL << 33, .message = "secret"});
	expect(bch_journal_read(&t.c, 0, 0), "8589934592",
	       "journal read done, replaying entries 8589934592-8589934592\n");
	EXPECT_STR(message(0), "secret");
	end();
}

TEST(without_the_key_nothing_is_replayed)
{
	REQUIRE(begin(1));
	t.csum_type = BCH_CSUM_chacha20_poly1305_128;
	put(0, 0, 0, (struct entry){.seq = 1, .last_seq = 1});
	EXPECT_EQ(bch_journal_read(&t.c, 0, 0), -BCH_ERR_journal_read_empty);
	EXPECT(strstr(printbuf_str(&said),
		      "journal read done, but no entries found after dropping non-flushes\n"));
	end();
}

TEST(entry_beyond_its_bucket_is_cut_and_bad)
{
	REQUIRE(begin(1));
	put(0, 0, 0, (struct entry){.seq = 1, .last_seq = 1});
	put(0, 0, 14, (struct entry){.seq = 2, .last_seq = 1});
	put(0, 0, 1, (struct entry){.seq = 1, .last_seq = 1, .sectors = 13});
	/* Its length says 3 sectors; there are 2. */
	EXPECT_EQ(pwrite(t.fd[0], &(__le32){cpu_to_le32(185)}, 4, place(0, 14) + 40), 4);
	EXPECT_EQ(bch_journal_read(&t.c, 0, 0), 0);
	EXPECT_STR(states(), "1 2*");
	EXPECT(strstr(printbuf_str(&said),
		      "invalid journal entry, version=1.13: inode_has_child_snapshots seq=2: "
		      "a sector 78 seq 2: journal entry too big (1536 bytes)\n"));
	end();
}

TEST(read_error_ends_the_bucket_only)
{
	REQUIRE(begin(1));
	put_range(0, 0, 1, 3, 3);
	/* The file ends within the last bucket of the ring. */
	EXPECT_EQ(ftruncate(t.fd[0], place(4, 0)), 0);
	expect(bch_journal_read(&t.c, 0, 0), "3",
	       "a: journal read error: sector 176\n"
	       "journal read done, replaying entries 3-3\n");
	EXPECT_EQ(t.c.nr_errors, 1);
	end();
}

TEST(empty_journal_is_an_error)
{
	REQUIRE(begin(1));
	EXPECT_EQ(bch_journal_read(&t.c, 0, 0), -BCH_ERR_journal_read_empty);
	EXPECT_STR(printbuf_str(&said), "journal read done, but no entries found\n");
	end();
}

TEST(newer_major_version_is_refused)
{
	u32 version = cpu_to_le32(2 << 10);
	u8 block[512];
	struct jset *j = (void *)block;

	REQUIRE(begin(1));
	put(0, 0, 0, (struct entry){.seq = 1, .last_seq = 1});
	EXPECT_EQ(pread(t.fd[0], block, 512, place(0, 0)), 512);
	j->version = version;
	j->csum = bch_checksum(NULL, t.csum_type, (struct bch_nonce){}, &j->magic, 512 - 16);
	EXPECT_EQ(pwrite(t.fd[0], block, 512, place(0, 0)), 512);
	EXPECT_EQ(bch_journal_read(&t.c, 0, 0), -BCH_ERR_jset_unsupported_version);
	end();
}

TEST(blacklist_merges_ranges_that_touch)
{
	struct journal_blacklist b = {};

	EXPECT_EQ(journal_blacklist_add(&b, 10, 20), 0);
	EXPECT_EQ(journal_blacklist_add(&b, 30, 40), 0);
	EXPECT_EQ(journal_blacklist_add(&b, 5, 5), 0);
	EXPECT_EQ(journal_blacklist_add(&b, 1, 3), 0);
	EXPECT_EQ(b.ranges.nr, 3);
	EXPECT_EQ(journal_blacklist_add(&b, 20, 30), 0);
	EXPECT_EQ(b.ranges.nr, 2);
	EXPECT_EQ(b.ranges.data[1].start, 10);
	EXPECT_EQ(b.ranges.data[1].end, 40);
	EXPECT_EQ(journal_blacklist_add(&b, 2, 100), 0);
	EXPECT_EQ(b.ranges.nr, 1);
	EXPECT_EQ(journal_blacklist_add(&b, 200, 300), 0);

	for (u64 seq = 0; seq < 320; seq++)
		EXPECT_EQ(!!journal_blacklist_find(&b, seq),
			  (seq >= 1 && seq < 100) || (seq >= 200 && seq < 300));
	darray_exit(&b.ranges);
}
