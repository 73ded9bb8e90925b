/* Superblock: what validation refuses, with which words; sections; members; labels; text. */
#include <linux/kernel.h>
#include <linux/slab.h>
#include "format/sb_errors.h"
#include "tests/unit/make_sb.h"
#include "tests/unit/test.h"

/* The first line of what validation says, and its error. */
static int refusal(struct bch_sb_handle *h, enum sb_access access, unsigned flags, char *line)
{
	struct printbuf err = PRINTBUF;
	int ret = bch_sb_validate(h->sb, access, flags, &err);

	snprintf(line, 256, "%.*s", (int)strcspn(printbuf_str(&err), "\n"), printbuf_str(&err));
	printbuf_exit(&err);
	return ret;
}

/* Damage a good superblock by @damage(h); expect @name and @text. */
#define EXPECT_REFUSED_AS(_access, _flags, _name, _text, ...)         \
	do {                                                          \
		struct bch_sb_handle _h, *h = &_h;                    \
		char line[256];                                       \
		int ret;                                              \
                                                                      \
		REQUIRE(!make_sb(h));                                 \
		{                                                     \
			__VA_ARGS__;                                  \
		}                                                     \
		ret = refusal(h, _access, _flags, line);              \
		EXPECT_STR(ret ? bch_err_str(ret) : "(none)", _name); \
		EXPECT_STR(line, _text);                              \
		bch_sb_free(h);                                       \
	} while (0)

#define EXPECT_REFUSED(_name, _text, ...) EXPECT_REFUSED_AS(SB_READ, 0, _name, _text, __VA_ARGS__)

/* Replace a section by @bytes of @data. */
static void put_section(struct bch_sb_handle *h, unsigned type, const void *data, size_t bytes)
{
	struct sb_section *s;

	bch_sb_section_delete(h, type);
	s = bch_sb_section_resize(h, type, 1 + DIV_ROUND_UP(bytes, 8));
	memcpy(s + 1, data, bytes);
}

#define PUT_SECTION(name, type, ...)                               \
	do {                                                       \
		type _d[] = {__VA_ARGS__};                         \
		put_section(h, SB_SECTION_##name, _d, sizeof(_d)); \
	} while (0)

#define CHANGE_MEMBER(idx, ...)                                   \
	do {                                                      \
		struct bch_member m = bch_member_get(h->sb, idx); \
		__VA_ARGS__;                                      \
		bch_member_put(h->sb, idx, &m);                   \
	} while (0)

TEST(a_made_superblock_is_valid)
{
	struct bch_sb_handle h;
	char line[256];

	REQUIRE(!make_sb(&h));
	EXPECT_EQ(refusal(&h, SB_WRITE, 0, line), 0);
	EXPECT_STR(line, "");
	EXPECT_EQ(bch_members_nr(h.sb), 3);
	EXPECT_EQ(h.sb->flags[0], 0x8111110080100101);
	bch_sb_free(&h);
}

TEST(versions_out_of_range_are_refused)
{
	EXPECT_REFUSED("invalid_sb_version",
		       "Unsupported superblock version 0.8: (unknown version) (min 0.9: (unknown "
		       "version), max 1.39: per_dev_fragmentation_lru)",
		       h->sb->version = h->sb->version_min = 8);
	EXPECT_REFUSED_AS(
		SB_WRITE, 0, "invalid_sb_version",
		"Unsupported superblock version 2.0: (unknown version) (min 0.9: (unknown "
		"version), max 1.13: inode_has_child_snapshots)",
		h->sb->version = 2048);
	EXPECT_REFUSED(
		"invalid_sb_version",
		"Bad minimum version 1.14: backpointer_bucket_gen, greater than version field "
		"1.13: inode_has_child_snapshots",
		h->sb->version_min = 1038);
}

TEST(newer_formats_can_be_read_but_not_written)
{
	EXPECT_REFUSED("(none)", "", h->sb->version = 1063);
	EXPECT_REFUSED_AS(
		SB_WRITE, 0, "sb_version_not_writeable",
		"format per_dev_fragmentation_lru (1.39) is newer than 1.13: only read-only is "
		"supported",
		h->sb->version = 1063);
	EXPECT_REFUSED_AS(
		SB_WRITE, 0, "sb_version_not_writeable",
		"uses features of newer formats (casefolding): only read-only is supported",
		h->sb->features[0] |= 1 << 20);
	EXPECT_REFUSED(
		"invalid_sb_features",
		"Filesystem has incompatible feature bit 24, highest supported no_default_sb "
		"(23)",
		h->sb->features[0] |= 1 << 24);
	EXPECT_REFUSED(
		"invalid_sb_features",
		"Filesystem has incompatible feature bit 65, highest supported no_default_sb "
		"(23)",
		h->sb->features[1] = 2);
	EXPECT_REFUSED("invalid_sb_features",
		       "uses incompatible features up to 1.40, newest known here is 1.39",
		       h->sb->features[0] |= 1 << 19;
		       sb_set_version_incompat(h->sb, 1064));
	EXPECT_REFUSED_AS(SB_READ, SB_VALIDATE_NO_VERSION_CHECK, "(none)", "",
			  h->sb->version = 4096;
			  h->sb->features[0] |= 1ULL << 40);
}

TEST(bad_heads_are_refused)
{
	EXPECT_REFUSED("invalid_sb_block_size", "Block size too big (got 16, max 8)",
		       h->sb->block_size = 16);
	EXPECT_REFUSED("invalid_sb_uuid", "Bad user UUID (got zeroes)",
		       memset(h->sb->user_uuid, 0, 16));
	EXPECT_REFUSED("invalid_sb_uuid", "Bad internal UUID (got zeroes)",
		       memset(h->sb->uuid, 0, 16));
	EXPECT_REFUSED("invalid_sb_too_many_members", "Bad number of member devices 0 (max 64)",
		       h->sb->nr_devices = 0);
	EXPECT_REFUSED("invalid_sb_too_many_members", "Bad number of member devices 65 (max 64)",
		       h->sb->nr_devices = 65);
	EXPECT_REFUSED("invalid_sb_dev_idx", "Bad dev_idx (got 3, nr_devices 3)",
		       h->sb->dev_idx = 3);
	EXPECT_REFUSED("invalid_sb_time_precision",
		       "Invalid time precision: 0 (min 1, max 1000000000)",
		       h->sb->time_precision = 0);
	EXPECT_REFUSED("invalid_sb_time_precision",
		       "Invalid time precision: 1000000001 (min 1, max 1000000000)",
		       h->sb->time_precision = 1000000001);
}

TEST(bad_layouts_are_refused)
{
	EXPECT_REFUSED("invalid_sb_layout", "Not a bcachefs superblock layout",
		       h->sb->layout.magic[0]++);
	EXPECT_REFUSED("invalid_sb_layout_type", "Invalid superblock layout type 1",
		       h->sb->layout.layout_type = 1);
	EXPECT_REFUSED("invalid_sb_layout_nr_superblocks",
		       "Invalid superblock layout: no superblocks",
		       h->sb->layout.nr_superblocks = 0);
	EXPECT_REFUSED("invalid_sb_layout_nr_superblocks",
		       "Invalid superblock layout: too many superblocks",
		       h->sb->layout.nr_superblocks = 62);
	EXPECT_REFUSED("invalid_sb_layout", "Invalid superblock layout: max_size_bits too high",
		       h->sb->layout.sb_max_size_bits = 17);
	EXPECT_REFUSED("invalid_sb_layout_superblocks_overlap",
		       "Invalid superblock layout: superblocks overlap",
		       h->sb->layout.sb_offset[1] = 2055);
	EXPECT_REFUSED("invalid_sb_layout_superblocks_overlap",
		       "Invalid superblock layout: superblocks overlap",
		       h->sb->layout.sb_offset[1] = U64_MAX);
}

TEST(stored_options_out_of_range_are_refused)
{
	EXPECT_REFUSED("ERANGE_option_too_small", "Invalid option block_size: too small (min 512)",
		       h->sb->block_size = 0);
	EXPECT_REFUSED("opt_parse_error", "Invalid option block_size: must be a power of two",
		       h->sb->block_size = 3);
	EXPECT_REFUSED("ERANGE_option_too_small",
		       "Invalid option metadata_replicas: too small (min 1)",
		       sb_set_meta_replicas_want(h->sb, 0));
	EXPECT_REFUSED("ERANGE_option_too_big", "Invalid option data_replicas: too big (max 4)",
		       sb_set_data_replicas_want(h->sb, 4));
	EXPECT_REFUSED("ERANGE_option_too_big", "Invalid option errors: too big (max 5)",
		       sb_set_error_action(h->sb, 5));
	EXPECT_REFUSED("invalid_sb_opt_compression", "Invalid option invalid compression opt 5",
		       sb_set_compression_type_lo(h->sb, 5));
	EXPECT_REFUSED("ERANGE_option_too_small",
		       "Invalid option encoded_extent_max: too small (min 4096)",
		       sb_set_encoded_extent_max_bits(h->sb, 63));
	EXPECT_REFUSED("ERANGE_option_too_big",
		       "Invalid option encoded_extent_max: too big (max 2097152)",
		       sb_set_encoded_extent_max_bits(h->sb, 12));
}

TEST(what_older_writers_left_unset_is_repaired_when_reading)
{
	struct bch_sb_handle h;
	char line[256];

	REQUIRE(!make_sb(&h));
	sb_set_journal_flush_delay(h.sb, 0);
	sb_set_journal_reclaim_delay(h.sb, 0);
	sb_set_version_upgrade_complete(h.sb, 0);
	EXPECT_EQ(refusal(&h, SB_READ, 0, line), 0);
	EXPECT_EQ(sb_journal_flush_delay(h.sb), 1000);
	EXPECT_EQ(sb_journal_reclaim_delay(h.sb), 1000);
	EXPECT_EQ(sb_version_upgrade_complete(h.sb), BCH_VERSION_CURRENT);
	bch_sb_free(&h);
}

TEST(section_headers_are_bounded)
{
	EXPECT_REFUSED("invalid_sb_field_size",
		       "Invalid superblock: optional field with size 0 (type 1)",
		       bch_sb_section(h->sb, SB_SECTION_members_v1)->u64s = 0);
	EXPECT_REFUSED("invalid_sb_field_size",
		       "Invalid superblock: optional field extends past end of superblock (type 1)",
		       bch_sb_section(h->sb, SB_SECTION_members_v1)->u64s = 100000);
}

TEST(members_must_be_there_and_fit)
{
	EXPECT_REFUSED("invalid_sb_members_missing", "Invalid superblock: member info area missing",
		       bch_sb_section_delete(h, SB_SECTION_members_v1));
	EXPECT_REFUSED("(none)", "", bch_sb_section_delete(h, SB_SECTION_members_v1);
		       h->sb->version = 1063);
	EXPECT_REFUSED("invalid_sb_members",
		       "Invalid superblock section members_v1: too many devices for section size",
		       h->sb->nr_devices = 4);
	EXPECT_REFUSED("invalid_sb_members",
		       "Invalid superblock section members_v2: section too small (916 > 448)",
		       sb_section_get(h->sb, members_v2)->member_bytes = 300);
	EXPECT_REFUSED("invalid_sb_members",
		       "Invalid superblock section members_v2: device 1: too many buckets (got "
		       "2147483584, max 2147483583)",
		       CHANGE_MEMBER(1, m.nbuckets = 2147483584));
	EXPECT_REFUSED(
		"invalid_sb_members",
		"Invalid superblock section members_v2: device 2: not enough buckets (got 63, "
		"max 64)",
		CHANGE_MEMBER(2, m.nbuckets = 63));
	EXPECT_REFUSED(
		"invalid_sb_members",
		"Invalid superblock section members_v2: device 0: not enough buckets (got 512, "
		"max 64)",
		CHANGE_MEMBER(0, m.first_bucket = 600));
	EXPECT_REFUSED(
		"invalid_sb_members",
		"Invalid superblock section members_v2: device 0: bucket size 4 smaller than "
		"block size 8",
		CHANGE_MEMBER(0, m.bucket_size = 4));
	EXPECT_REFUSED(
		"invalid_sb_members",
		"Invalid superblock section members_v2: device 0: bucket size 128 smaller than "
		"btree node size 256",
		CHANGE_MEMBER(0, m.bucket_size = 128));
	EXPECT_REFUSED(
		"invalid_sb_members",
		"Invalid superblock section members_v2: device 0: invalid btree bitmap shift "
		"58",
		CHANGE_MEMBER(0, m.btree_bitmap_shift = 58));
	/* A removed slot may hold anything. */
	EXPECT_REFUSED("(none)", "",
		       CHANGE_MEMBER(2, memset(m.uuid, 0, 16); m.nbuckets = 0; m.bucket_size = 0));
}

TEST(bad_journal_buckets_are_refused)
{
	EXPECT_REFUSED("invalid_sb_journal",
		       "Invalid superblock section journal: journal bucket at sector 0",
		       PUT_SECTION(journal, u64, 9, 0));
	EXPECT_REFUSED("invalid_sb_journal",
		       "Invalid superblock section journal: journal bucket 600 past end of device "
		       "(nbuckets 512)",
		       PUT_SECTION(journal, u64, 600, 9));
	EXPECT_REFUSED("invalid_sb_journal",
		       "Invalid superblock section journal: duplicate journal buckets 8",
		       PUT_SECTION(journal, u64, 8, 9, 8));
	EXPECT_REFUSED(
		"invalid_sb_journal",
		"Invalid superblock section journal: journal bucket 7 before first bucket 10",
		CHANGE_MEMBER(0, m.first_bucket = 10);
		PUT_SECTION(journal, u64, 30, 7));
	EXPECT_REFUSED("(none)", "", PUT_SECTION(journal, u64, 30, 7));

	EXPECT_REFUSED(
		"invalid_sb_journal",
		"Invalid superblock section journal_v2: journal buckets entry with bad nr: 8+0",
		PUT_SECTION(journal_v2, u64, 8, 0));
	EXPECT_REFUSED("invalid_sb_journal",
		       "Invalid superblock section journal_v2: journal buckets entry with bad nr: "
		       "8+18446744073709551615",
		       PUT_SECTION(journal_v2, u64, 8, U64_MAX));
	EXPECT_REFUSED("invalid_sb_journal",
		       "Invalid superblock section journal_v2: journal bucket at sector 0",
		       PUT_SECTION(journal_v2, u64, 0, 4));
	EXPECT_REFUSED(
		"invalid_sb_journal",
		"Invalid superblock section journal_v2: journal bucket 539 past end of device "
		"(nbuckets 512)",
		PUT_SECTION(journal_v2, u64, 500, 40));
	EXPECT_REFUSED("invalid_sb_journal",
		       "Invalid superblock section journal_v2: duplicate journal buckets in ranges "
		       "20-51, 50-90",
		       PUT_SECTION(journal_v2, u64, 50, 40, 20, 31));
	EXPECT_REFUSED("(none)", "", PUT_SECTION(journal_v2, u64, 50, 40, 20, 30));
}

TEST(bad_replicas_entries_are_refused)
{
	EXPECT_REFUSED("invalid_replicas_entry",
		       "Invalid superblock section replicas_v0: no devices in entry btree: 1/0 []",
		       PUT_SECTION(replicas_v0, u8, 3, 0));
	EXPECT_REFUSED(
		"invalid_replicas_entry",
		"Invalid superblock section replicas_v0: invalid device 9 in entry btree: 1/1 "
		"[9]",
		PUT_SECTION(replicas_v0, u8, 3, 1, 9));
	EXPECT_REFUSED(
		"invalid_sb_replicas",
		"Invalid superblock section replicas_v0: duplicate replicas entry btree: 1/1 "
		"[0]",
		PUT_SECTION(replicas_v0, u8, 3, 1, 0, 4, 1, 0, 3, 1, 0));
	EXPECT_REFUSED(
		"invalid_replicas_entry",
		"Invalid superblock section replicas: bad nr_required in entry btree: 2/2 [0 1]",
		PUT_SECTION(replicas, u8, 3, 2, 2, 0, 1));
	EXPECT_REFUSED("(none)", "", PUT_SECTION(replicas, u8, 3, 2, 1, 0, 255, 200, 1, 1, 2));
}

TEST(bad_labels_are_refused)
{
	EXPECT_REFUSED(
		"invalid_sb_disk_groups",
		"Invalid superblock section disk_groups: disk 1 has invalid label 7 (have 1)",
		bch_label_create(h, "a");
		CHANGE_MEMBER(1, member_set_group(&m, 8)));
	EXPECT_REFUSED("invalid_sb_disk_groups",
		       "Invalid superblock section disk_groups: disk 1 has deleted label 0",
		       bch_label_create(h, "a");
		       CHANGE_MEMBER(1, member_set_group(&m, 1));
		       disk_group_set_deleted(sb_section_get(h->sb, disk_groups)->entries, 1));
	EXPECT_REFUSED("invalid_sb_disk_groups",
		       "Invalid superblock section disk_groups: label 1 empty",
		       bch_label_create(h, "a.b");
		       memset(sb_section_get(h->sb, disk_groups)->entries[1].label, 0, 32));
	EXPECT_REFUSED("invalid_sb_disk_groups",
		       "Invalid superblock section disk_groups: duplicate label 1.b",
		       bch_label_create(h, "a.b");
		       bch_label_create(h, "a.c");
		       sb_section_get(h->sb, disk_groups)->entries[2].label[0] = 'b');
}

TEST(other_bad_sections_are_refused)
{
	EXPECT_REFUSED("invalid_sb_crypt",
		       "Invalid superblock section crypt: wrong size (got 56 should be 64)",
		       PUT_SECTION(crypt, u64, 0, 0, 0, 0, 0, 0));
	EXPECT_REFUSED("invalid_sb_crypt", "Invalid superblock section crypt: bad kdf type 3",
		       PUT_SECTION(crypt, u64, 3, 0, 0, 0, 0, 0, 0));
	EXPECT_REFUSED("invalid_sb_quota",
		       "Invalid superblock section quota: wrong size (got 16 should be 80)",
		       PUT_SECTION(quota, u64, 0));
	EXPECT_REFUSED("invalid_sb_clean",
		       "Invalid superblock section clean: wrong size (got 16 should be 24)",
		       PUT_SECTION(clean, u64, 0));
	EXPECT_REFUSED(
		"invalid_sb_journal_seq_blacklist",
		"Invalid superblock section journal_seq_blacklist: entry 0 start >= end (5 >= "
		"5)",
		PUT_SECTION(journal_seq_blacklist, u64, 5, 5));
	EXPECT_REFUSED(
		"invalid_sb_journal_seq_blacklist",
		"Invalid superblock section journal_seq_blacklist: entry 1 out of order with "
		"next entry (9 > 8)",
		PUT_SECTION(journal_seq_blacklist, u64, 5, 9, 8, 12));
	EXPECT_REFUSED(
		"invalid_sb_errors",
		"Invalid superblock section errors: entry with count 0 (id sb_clean_missing)",
		PUT_SECTION(errors, u64, 5, 1));
	EXPECT_REFUSED(
		"invalid_sb_errors",
		"Invalid superblock section errors: entry with count 0 (id (unknown error 500))",
		PUT_SECTION(errors, u64, 500, 1));
	EXPECT_REFUSED("invalid_sb_errors",
		       "Invalid superblock section errors: entries out of order",
		       PUT_SECTION(errors, u64, 0x10005, 1, 0x10005, 1));
	EXPECT_REFUSED("invalid_sb_ext",
		       "Invalid superblock section ext: field too small (16 < 88)",
		       PUT_SECTION(ext, u64, 0));
	EXPECT_REFUSED(
		"invalid_sb_downgrade",
		"Invalid superblock section downgrade: downgrade entry with mismatched major "
		"version (0 != 1)",
		PUT_SECTION(downgrade, u16, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0));
	EXPECT_REFUSED("(none)", "", PUT_SECTION(downgrade, u16, 1036, 0, 0, 0, 0, 0, 0, 0, 0, 5));
	EXPECT_REFUSED_AS(SB_WRITE, SB_VALIDATE_WRITE, "invalid_sb_downgrade",
			  "Invalid superblock section downgrade: downgrade entry overruns end of "
			  "superblock section",
			  PUT_SECTION(downgrade, u16, 1036, 0, 0, 0, 0, 0, 0, 0, 0, 5));
	EXPECT_REFUSED(
		"invalid_sb",
		"Invalid superblock section extent_type_u64s: extent_type_u64s for crc64 does "
		"not match in-mem (7 != 2)",
		PUT_SECTION(extent_type_u64s, u8, 1, 1, 7, 3));
	EXPECT_REFUSED(
		"invalid_sb_errors",
		"Invalid superblock section errors_v2: entry with first occurrence after last "
		"(id sb_clean_missing)",
		PUT_SECTION(errors_v2, u64, 5 | 1 << 16 | 9ULL << 48, 10ULL << 24));
	EXPECT_REFUSED("(none)", "", put_section(h, 200, "unknown", 8));
}

TEST(a_write_needs_the_members_own_seq)
{
	EXPECT_REFUSED_AS(SB_WRITE, SB_VALIDATE_WRITE, "invalid_sb_members_missing",
			  "Invalid superblock: member seq 6 != sb seq 7",
			  CHANGE_MEMBER(0, m.seq = 6));
}

TEST(a_refused_section_is_shown)
{
	struct printbuf err = PRINTBUF;
	struct bch_sb_handle _h, *h = &_h;

	REQUIRE(!make_sb(h));
	PUT_SECTION(journal_seq_blacklist, u64, 5, 5);
	bch_sb_validate(h->sb, SB_READ, 0, &err);
	EXPECT_STR(
		printbuf_str(&err),
		"Invalid superblock section journal_seq_blacklist: entry 0 start >= end (5 >= 5)\n"
		"journal_seq_blacklist (size 24):\n5-5\n");
	printbuf_exit(&err);
	bch_sb_free(h);
}

/* --- sections --- */

TEST(sections_grow_and_shrink_without_touching_others)
{
	struct bch_sb_handle h;
	struct sb_counters *c;
	unsigned before, i;

	REQUIRE(!make_sb(&h));
	before = le32_to_cpu(h.sb->u64s);
	for (i = 1; i < 2000; i = i * 3) {
		c = sb_section_resize(&h, counters, 1 + i);
		REQUIRE(c != NULL);
		EXPECT_EQ(c->d[i - 1], 0);
		c->d[i - 1] = i;
		bch_sb_section_resize(&h, SB_SECTION_quota, 10);
		EXPECT_EQ(bch_members_nr(h.sb), 3);
		EXPECT_EQ(le32_to_cpu(h.sb->u64s), before + 1 + i + 10);
		c = sb_section_resize(&h, counters, 2);
		EXPECT_EQ(sb_section_nr(c, d), 1);
		bch_sb_section_delete(&h, SB_SECTION_quota);
	}
	EXPECT(!bch_sb_section(h.sb, SB_SECTION_quota));
	bch_sb_section_delete(&h, SB_SECTION_counters);
	EXPECT_EQ(le32_to_cpu(h.sb->u64s), before);
	bch_sb_section_delete(&h, SB_SECTION_counters);
	bch_sb_free(&h);
}

TEST(a_superblock_does_not_outgrow_its_layout)
{
	struct bch_sb_handle h;
	unsigned room;

	REQUIRE(!make_sb(&h));
	room = (2048 * 512 - sb_bytes(h.sb)) / 8;
	EXPECT(!bch_sb_section_resize(&h, SB_SECTION_counters, room + 1));
	EXPECT(bch_sb_section_resize(&h, SB_SECTION_counters, room) != NULL);
	EXPECT_EQ(bch_sb_realloc(&h, U32_MAX), -BCH_ERR_ENOSPC_sb);
	bch_sb_free(&h);
}

/* --- members --- */

TEST(members_keep_what_they_are_when_slots_are_added)
{
	struct bch_sb_handle h;
	struct bch_member m;

	REQUIRE(!make_sb(&h));
	EXPECT_EQ(bch_members_resize(&h, 5), 0);
	EXPECT_EQ(h.sb->nr_devices, 5);
	EXPECT_EQ(bch_members_nr(h.sb), 3);
	m = bch_member_get(h.sb, 2);
	EXPECT_EQ(m.uuid[0], 0xd2);
	EXPECT_EQ(bch_member_free_slot(h.sb), 5);
	bch_sb_free(&h);
}

TEST(members_v2_is_made_from_v1)
{
	struct bch_sb_handle h;
	struct bch_member m;

	REQUIRE(!make_sb(&h));
	bch_sb_section_delete(&h, SB_SECTION_members_v2);
	EXPECT_EQ(bch_members_nr(h.sb), 3);
	EXPECT_EQ(bch_members_resize(&h, 3), 0);
	m = bch_member_get(h.sb, 1);
	EXPECT_EQ(m.uuid[0], 0xd1);
	EXPECT_EQ(le64_to_cpu(m.nbuckets), MADE_NR_BUCKETS);
	EXPECT_EQ(le16_to_cpu(sb_section_get(h.sb, members_v2)->member_bytes), BCH_MEMBER_BYTES);
	bch_sb_free(&h);
}

TEST(the_bitmap_widens_until_the_end_fits)
{
	struct bch_member m = {};

	bch_member_bitmap_mark(&m, 0, 1);
	EXPECT_EQ(m.btree_bitmap_shift, 0);
	EXPECT_EQ(m.btree_allocated_bitmap, 1);
	bch_member_bitmap_mark(&m, 63, 64);
	EXPECT_EQ(m.btree_bitmap_shift, 0);
	bch_member_bitmap_mark(&m, 64, 65);
	EXPECT_EQ(m.btree_bitmap_shift, 1);
	EXPECT_EQ(m.btree_allocated_bitmap, 1 | 1ULL << 31 | 1ULL << 32);
	EXPECT(bch_member_bitmap_marked(&m, 62, 66));
	EXPECT(!bch_member_bitmap_marked(&m, 62, 67));
	bch_member_bitmap_mark(&m, (1ULL << 62), (1ULL << 62) + 1);
	EXPECT(bch_member_bitmap_marked(&m, 1ULL << 62, (1ULL << 62) + 1));
	EXPECT(bch_member_bitmap_marked(&m, 0, 1));
	EXPECT(m.btree_bitmap_shift < 58);
}

/* --- labels and targets --- */

TEST(labels_are_made_with_their_parents)
{
	struct printbuf out = PRINTBUF;
	struct bch_sb_handle h;

	REQUIRE(!make_sb(&h));
	EXPECT_EQ(bch_label_create(&h, "ssd.a"), 1);
	EXPECT_EQ(bch_label_create(&h, "ssd.b"), 2);
	EXPECT_EQ(bch_label_create(&h, "a"), 3);
	EXPECT_EQ(bch_label_create(&h, "ssd.a"), 1);
	EXPECT_EQ(bch_label_find(h.sb, "ssd"), 0);
	EXPECT_EQ(bch_label_find(h.sb, "ssd.c"), -ENOENT);
	EXPECT_EQ(bch_label_create(&h, ""), -EINVAL);
	EXPECT_EQ(bch_label_create(&h, "x..y"), -EINVAL);
	EXPECT_EQ(bch_label_create(&h, "x."), -EINVAL);
	EXPECT_EQ(bch_label_create(&h, "0123456789012345678901234567890123"), -EINVAL);
	EXPECT_EQ(bch_labels_nr(h.sb), 4);
	EXPECT_EQ(bch_label_create(&h, "01234567890123456789012345678901"), 4);
	bch_label_path_to_text(&out, h.sb, 1);
	EXPECT_STR(printbuf_str(&out), "ssd.a");
	printbuf_reset(&out);
	bch_sb_section_to_text(&out, h.sb, bch_sb_section(h.sb, SB_SECTION_disk_groups));
	EXPECT_STR(printbuf_str(&out),
		   "[parent 0 name ssd] [parent 1 name a] [parent 1 name b] [parent 0 name a] "
		   "[parent 0 name 01234567890123456789012345678901]");
	printbuf_exit(&out);
	bch_sb_free(&h);
}

TEST(deleted_labels_are_used_again)
{
	struct bch_sb_handle h;

	REQUIRE(!make_sb(&h));
	bch_label_create(&h, "a.b.c");
	disk_group_set_deleted(&sb_section_get(h.sb, disk_groups)->entries[1], 1);
	EXPECT_EQ(bch_label_find(h.sb, "a.b"), -ENOENT);
	EXPECT_EQ(bch_label_create(&h, "x"), 1);
	bch_sb_free(&h);
}

static void expect_target(const struct bch_sb *sb, unsigned target, const char *text)
{
	struct printbuf out = PRINTBUF;

	bch_target_to_text(&out, sb, target);
	EXPECT_STR(printbuf_str(&out), text);
	printbuf_exit(&out);
}

TEST(targets_are_devices_or_labels)
{
	struct bch_sb_handle _h, *h = &_h;
	u64 v;

	REQUIRE(!make_sb(h));
	bch_label_create(h, "ssd.a");
	CHANGE_MEMBER(1, member_set_group(&m, 2));
	expect_target(h->sb, 0, "none");
	expect_target(h->sb, 2, "Device d1000000-0000-0000-0000-000000000000 (1)");
	expect_target(h->sb, 9, "Bad device 8");
	expect_target(h->sb, 258, "ssd.a");
	expect_target(h->sb, 300, "invalid label 43");
	EXPECT_EQ(bch_target_parse(h->sb, "ssd", &v), 0);
	EXPECT_EQ(v, 257);
	EXPECT_EQ(bch_target_parse(h->sb, "d1000000-0000-0000-0000-000000000000", &v), 0);
	EXPECT_EQ(v, 2);
	EXPECT_EQ(bch_target_parse(h->sb, "hdd", &v), -EINVAL);
	EXPECT(bch_target_has_dev(h->sb, 257, 1));
	EXPECT(bch_target_has_dev(h->sb, 258, 1));
	EXPECT(!bch_target_has_dev(h->sb, 258, 0));
	EXPECT(bch_target_has_dev(h->sb, 0, 0));
	EXPECT(!bch_target_has_dev(h->sb, 0, 3));
	/* A ring of parents ends, too. */
	disk_group_set_parent(&sb_section_get(h->sb, disk_groups)->entries[0], 2);
	expect_target(h->sb, 258, "invalid label 1");
	EXPECT(!bch_target_has_dev(h->sb, 299, 1));
	bch_sb_free(h);
}

/* --- may it start --- */

TEST(missing_members_are_judged_by_the_replicas_entries)
{
	bool all[BCH_MAX_DEVS + 1] = {true, true, true}, one[BCH_MAX_DEVS + 1] = {true};
	bool two[BCH_MAX_DEVS + 1] = {true, true};
	struct printbuf err = PRINTBUF;
	struct bch_sb_handle _h, *h = &_h;

	REQUIRE(!make_sb(h));
	PUT_SECTION(replicas_v0, u8, 3, 2, 0, 1, 4, 2, 1, 2, 5, 1, 2);
	EXPECT_EQ(bch_sb_may_start(h->sb, all, 0, &err), 0);
	EXPECT_EQ(bch_sb_may_start(h->sb, two, SB_START_DEGRADED, &err), 0);
	EXPECT_STR(printbuf_str(&err), "");
	EXPECT(bch_sb_may_start(h->sb, two, 0, &err) != 0);
	EXPECT(!strncmp(printbuf_str(&err), "member 2 is missing (", 21));
	printbuf_reset(&err);
	EXPECT(bch_sb_may_start(h->sb, one, SB_START_DEGRADED, &err) != 0);
	EXPECT_STR(printbuf_str(&err),
		   "insufficient devices online (0) for replicas entry user: 1/2 [1 2]");
	EXPECT_EQ(bch_sb_may_start(h->sb, one, SB_START_VERY_DEGRADED, &err), 0);
	printbuf_exit(&err);
	bch_sb_free(h);
}

/* --- the layout --- */

TEST(copies_are_laid_out_behind_the_first_and_at_the_end)
{
	struct printbuf err = PRINTBUF;
	struct bch_sb_layout l;

	EXPECT_EQ(bch_sb_layout_init(&l, 8, 256, 2048, 8, 327680, &err), 0);
	EXPECT_EQ(l.nr_superblocks, 3);
	EXPECT_EQ(l.sb_offset[1], 2056);
	EXPECT_EQ(l.sb_offset[2], 325632);
	EXPECT_EQ(bch_sb_layout_init(&l, 8, 256, 2048, 20, 327680, &err), 0);
	EXPECT_EQ(l.nr_superblocks, 2);
	EXPECT_EQ(l.sb_offset[0], 24);
	EXPECT(bch_sb_layout_init(&l, 8, 256, 2048, 8, 4000, &err) != 0);
	EXPECT_STR(printbuf_str(&err),
		   "insufficient space for superblocks: start 8 end 4104 > 4000 size 2048");
	/* Overlap of the second and the third. */
	EXPECT(bch_sb_layout_init(&l, 8, 256, 2048, 8, 5120, &err) != 0);
	printbuf_exit(&err);
}
