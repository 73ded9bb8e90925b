/* Journal entries: every rule of spec 04 section 2.5 broken once, what is said and what is left. */
#include <linux/kernel.h>

#include "btree/bkey_ops.h"
#include "format/errcode.h"
#include "format/sb_errors.h"
#include "init/key_types.h"
#include "journal/entry_text.h"
#include "journal/validate.h"
#include "sb/csum.h"
#include "sb/fs.h"
#include "test.h"

#define PREFIX "invalid journal entry, version=1.13: inode_has_child_snapshots"

static struct bch_fs fs = {.version = 1037, .version_min = 1037, .nr_devices = 1};

/* An entry in the making, and what its validation said. */
static struct {
	union {
		struct jset j;
		u64 words[512];
	};
	struct bch_jset_check ck;
	struct printbuf said; /* sentences, each with a newline */
	u16 id;		      /* of the last finding */
} t;

static void found(struct bch_jset_check *ck, const struct finding *f)
{
	t.id = f->id;
	prt_printf(&t.said, "%s\n", printbuf_str(f->text));
}

static void begin(void)
{
	bch_key_types_init();
	memset(t.words, 0, sizeof(t.words));
	t.j.seq = cpu_to_le64(7);
	t.j.last_seq = cpu_to_le64(5);
	t.j.version = cpu_to_le32(1037);
	t.id = U16_MAX;
	printbuf_exit(&t.said);
}

static struct jset_entry *add(unsigned type, unsigned btree, unsigned level, unsigned u64s)
{
	struct jset_entry *e = jset_last(&t.j);

	e->type = type;
	e->btree_id = btree;
	e->level = level;
	e->u64s = cpu_to_le16(u64s);
	t.j.u64s = cpu_to_le32(le32_to_cpu(t.j.u64s) + 1 + u64s);
	return e;
}

/* A valid key without a value, as the n-th of a sub-entry of such keys. */
static struct bkey *key(struct jset_entry *e, unsigned n)
{
	struct bkey *k = (struct bkey *)(e->data + n * BKEY_U64s);

	*k = (struct bkey){
		.u64s = BKEY_U64s,
		.format = KEY_FORMAT_CURRENT,
		.type = KEY_TYPE_deleted,
		.p = SPOS(1, 10 + n, U32_MAX),
	};
	return k;
}

static struct jset_entry *add_keys(unsigned nr)
{
	struct jset_entry *e = add(JSET_ENTRY_btree_keys, BTREE_ID_dirents, 0, nr * BKEY_U64s);

	for (unsigned i = 0; i < nr; i++)
		key(e, i);
	return e;
}

static int validate(void)
{
	t.ck = bch_jset_check_of(&fs, &t.j);
	t.ck.dev = "sda";
	t.ck.sector = 4096;
	t.ck.found = found;
	return bch_jset_validate(&t.ck, &t.j);
}

/* Validate; then @id and @said were found, and a second time nothing is. */
static void expect(u16 id, const char *said)
{
	EXPECT_EQ(validate(), 0);
	EXPECT_EQ(t.id, id);
	EXPECT_STR(printbuf_str(&t.said), said);
	EXPECT_EQ(t.ck.nr, 1);

	printbuf_reset(&t.said);
	EXPECT_EQ(validate(), 0);
	EXPECT_STR(printbuf_str(&t.said), "");
}

static void expect_null(const struct jset_entry *e, unsigned u64s)
{
	static const u64 zero[64];

	EXPECT_MEM(e, zero, (1 + u64s) * sizeof(u64));
}

static void expect_text(const struct jset_entry *e, const char *text)
{
	struct printbuf out = PRINTBUF;

	bch_jset_entry_to_text(&out, NULL, e);
	EXPECT_STR(printbuf_str(&out), text);
	printbuf_exit(&out);
}

TEST(good_entry_has_no_findings)
{
	begin();
	add(JSET_ENTRY_log, 0, 0, 4);
	add_keys(3);
	add(JSET_ENTRY_datetime, 0, 0, 1);
	add(JSET_ENTRY_usage, FS_USAGE_key_version, 0, 1);
	add(JSET_ENTRY_clock, 0, 0, 2);
	add(JSET_ENTRY_rewind_limit, 0, 0, 1);
	add(JSET_ENTRY_rewind, 0, 0, 2);
	add(99, 0, 0, 3);
	EXPECT_EQ(validate(), 0);
	EXPECT_STR(printbuf_str(&t.said), "");
}

TEST(entry_past_end_of_jset_cuts_the_jset)
{
	begin();
	add(JSET_ENTRY_log, 0, 0, 1);
	add(JSET_ENTRY_log, 0, 0, 1)->u64s = cpu_to_le16(2);
	expect(BCH_FSCK_ERR_journal_entry_past_jset_end,
	       PREFIX " type=log seq=7 offset=2/4: journal entry extends past end of jset\n");
	EXPECT_EQ(le32_to_cpu(t.j.u64s), 2);
}

TEST(key_with_no_u64s_cuts_the_entry)
{
	struct jset_entry *e;

	begin();
	e = add_keys(3);
	key(e, 1)->u64s = 0;
	expect(BCH_FSCK_ERR_journal_entry_bkey_u64s_0,
	       PREFIX " type=btree_keys seq=7 offset=0/16: k->u64s 0\n");
	EXPECT_EQ(le16_to_cpu(e->u64s), 5);
	EXPECT_EQ(le32_to_cpu(t.j.u64s), 16);
	expect_null(jset_entry_next(e), 9);
}

TEST(key_past_end_of_entry_cuts_the_entry)
{
	struct jset_entry *e;

	begin();
	e = add_keys(2);
	key(e, 1)->u64s = 6;
	expect(BCH_FSCK_ERR_journal_entry_bkey_past_end,
	       PREFIX " type=btree_keys seq=7 offset=0/11: extends past end of journal entry\n");
	EXPECT_EQ(le16_to_cpu(e->u64s), 5);
}

TEST(key_of_another_format_is_removed)
{
	struct jset_entry *e;

	begin();
	e = add_keys(3);
	key(e, 1)->format = KEY_FORMAT_LOCAL_BTREE;
	expect(BCH_FSCK_ERR_journal_entry_bkey_bad_format,
	       PREFIX " type=btree_keys seq=7 offset=0/16: bad format 0\n");
	EXPECT_EQ(le16_to_cpu(e->u64s), 10);
	EXPECT_EQ(((struct bkey *)e->data)[0].p.offset, 10);
	EXPECT_EQ(((struct bkey *)e->data)[1].p.offset, 12);
	expect_null(jset_entry_next(e), 4);
}

TEST(key_shorter_than_its_head_is_removed)
{
	struct jset_entry *e;

	begin();
	e = add(JSET_ENTRY_overwrite, BTREE_ID_dirents, 0, 1);
	((struct bkey *)e->data)->u64s = 1;
	((struct bkey *)e->data)->format = KEY_FORMAT_CURRENT;
	expect(BCH_FSCK_ERR_bkey_u64s_too_small,
	       PREFIX " type=overwrite seq=7 offset=0/2: u64s too small (1 < 5)\n");
	expect_null(jset_entry_next(e), 0);
}

TEST(invalid_key_is_removed_with_its_own_message)
{
	struct jset_entry *e;

	begin();
	add(JSET_ENTRY_log, 0, 0, 4);
	e = add_keys(2);
	key(e, 0)->size = 8;
	expect(BCH_FSCK_ERR_bkey_size_nonzero,
	       PREFIX " type=btree_keys seq=7 offset=5/16: size != 0\n");
	EXPECT_EQ(le16_to_cpu(e->u64s), 5);
	EXPECT_EQ(((struct bkey *)e->data)->p.offset, 11);
}

TEST(btree_root_of_wrong_size_keeps_its_header)
{
	struct jset_entry *e;

	begin();
	e = add(JSET_ENTRY_btree_root, BTREE_ID_dirents, 2, 2 * BKEY_U64s);
	key(e, 0);
	EXPECT_EQ(validate(), 0);
	EXPECT_EQ(t.id, BCH_FSCK_ERR_journal_entry_btree_root_bad_size);
	EXPECT_STR(printbuf_str(&t.said),
		   PREFIX " type=btree_root seq=7 offset=0/11: "
			  "invalid btree root journal entry: wrong number of keys\n");
	EXPECT_EQ(e->type, JSET_ENTRY_btree_root);
	EXPECT_EQ(e->btree_id, BTREE_ID_dirents);
	EXPECT_EQ(le16_to_cpu(e->u64s), 0);
	expect_null(jset_entry_next(e), 9);
}

TEST(btree_root_must_be_a_pointer)
{
	struct jset_entry *e;

	begin();
	e = add(JSET_ENTRY_btree_root, BTREE_ID_dirents, 0, BKEY_U64s + 1);
	key(e, 0)->type = KEY_TYPE_cookie;
	key(e, 0)->u64s = BKEY_U64s + 1;
	((struct bkey *)e->data)->type = KEY_TYPE_cookie;
	((struct bkey *)e->data)->u64s = BKEY_U64s + 1;
	EXPECT_EQ(validate(), 0);
	EXPECT_EQ(t.id, BCH_FSCK_ERR_bkey_invalid_type_for_btree);
	EXPECT_EQ(le16_to_cpu(e->u64s), 0);
}

TEST(blacklist_of_wrong_size_is_nulled)
{
	struct jset_entry *e;

	begin();
	e = add(JSET_ENTRY_blacklist, 0, 0, 2);
	expect(BCH_FSCK_ERR_journal_entry_blacklist_bad_size,
	       PREFIX " type=blacklist seq=7 offset=0/3: "
		      "invalid journal seq blacklist entry: bad size\n");
	expect_null(e, 2);
}

TEST(blacklist_v2_of_wrong_size_is_nulled)
{
	struct jset_entry *e;

	begin();
	e = add(JSET_ENTRY_blacklist_v2, 0, 0, 1);
	expect(BCH_FSCK_ERR_journal_entry_blacklist_v2_bad_size,
	       PREFIX " type=blacklist_v2 seq=7 offset=0/2: "
		      "invalid journal seq blacklist entry: bad size\n");
	expect_null(e, 1);
}

TEST(blacklist_v2_with_start_behind_end_is_nulled)
{
	struct jset_entry *e;

	begin();
	e = add(JSET_ENTRY_blacklist_v2, 0, 0, 2);
	e->data[0] = 9;
	e->data[1] = 8;
	expect(BCH_FSCK_ERR_journal_entry_blacklist_v2_start_past_end,
	       PREFIX " type=blacklist_v2 seq=7 offset=0/3: "
		      "invalid journal seq blacklist entry: start > end\n");
	expect_null(e, 2);
}

TEST(short_usage_is_nulled)
{
	begin();
	add(JSET_ENTRY_usage, FS_USAGE_inodes, 0, 0);
	expect(BCH_FSCK_ERR_journal_entry_usage_bad_size,
	       PREFIX " type=usage seq=7 offset=0/1: invalid journal entry usage: bad size\n");
	expect_null(t.j.start, 0);
}

TEST(short_data_usage_is_nulled)
{
	struct jset_entry *e;

	begin();
	e = add(JSET_ENTRY_data_usage, 0, 0, 2);
	((struct jset_data_usage *)e->data)->nr_devs = 6;
	expect(BCH_FSCK_ERR_journal_entry_data_usage_bad_size,
	       PREFIX " type=data_usage seq=7 offset=0/3: invalid journal entry usage: bad size\n");
	expect_null(e, 2);
}

TEST(data_usage_with_bad_replicas_is_nulled)
{
	struct jset_entry *e;

	begin();
	e = add(JSET_ENTRY_data_usage, 0, 0, 2);
	((struct jset_data_usage *)e->data)->data_type = 4;
	expect(BCH_FSCK_ERR_journal_entry_data_usage_bad_size,
	       PREFIX " type=data_usage seq=7 offset=0/3: "
		      "invalid journal entry usage: no devices\n");
	expect_null(e, 2);
}

TEST(clock_of_wrong_size_is_nulled)
{
	begin();
	add(JSET_ENTRY_clock, 0, 0, 3);
	expect(BCH_FSCK_ERR_journal_entry_clock_bad_size,
	       PREFIX " type=clock seq=7 offset=0/4: bad size\n");
	expect_null(t.j.start, 3);
}

TEST(clock_neither_read_nor_write_is_nulled)
{
	begin();
	((struct jset_clock *)add(JSET_ENTRY_clock, 0, 0, 2)->data)->rw = 2;
	expect(BCH_FSCK_ERR_journal_entry_clock_bad_rw,
	       PREFIX " type=clock seq=7 offset=0/3: bad rw\n");
	expect_null(t.j.start, 2);
}

TEST(short_dev_usage_is_nulled)
{
	begin();
	add(JSET_ENTRY_dev_usage, 0, 0, 2);
	expect(BCH_FSCK_ERR_journal_entry_dev_usage_bad_size,
	       PREFIX " type=dev_usage seq=7 offset=0/3: bad size (24 < 32)\n");
	expect_null(t.j.start, 2);
}

TEST(dev_usage_with_bad_pad_is_nulled)
{
	begin();
	((struct jset_dev_usage *)add(JSET_ENTRY_dev_usage, 0, 0, 6)->data)->pad[3] = 1;
	expect(BCH_FSCK_ERR_journal_entry_dev_usage_bad_pad,
	       PREFIX " type=dev_usage seq=7 offset=0/7: bad pad\n");
	expect_null(t.j.start, 6);
}

TEST(short_datetime_is_nulled)
{
	begin();
	add(JSET_ENTRY_datetime, 0, 0, 0);
	expect(BCH_FSCK_ERR_journal_entry_dev_usage_bad_size,
	       PREFIX " type=datetime seq=7 offset=0/1: bad size (8 < 16)\n");
}

TEST(short_rewind_entries_are_nulled)
{
	begin();
	add(JSET_ENTRY_rewind_limit, 0, 0, 0);
	expect(BCH_FSCK_ERR_journal_entry_rewind_limit_bad_size,
	       PREFIX " type=rewind_limit seq=7 offset=0/1: bad size (got 8, expected >= 16)\n");
	begin();
	add(JSET_ENTRY_rewind, 0, 0, 1);
	expect(BCH_FSCK_ERR_journal_entry_rewind_bad_size,
	       PREFIX " type=rewind seq=7 offset=0/2: bad size (got 16, expected >= 24)\n");
}

TEST(last_seq_behind_seq_becomes_seq)
{
	begin();
	t.j.last_seq = cpu_to_le64(8);
	expect(BCH_FSCK_ERR_jset_last_seq_newer_than_seq,
	       PREFIX " seq=7: invalid journal entry: last_seq > seq (8 > 7)\n");
	EXPECT_EQ(le64_to_cpu(t.j.last_seq), 7);
	begin();
	t.j.last_seq = cpu_to_le64(8);
	t.j.flags = cpu_to_le32(JSET_NO_FLUSH);
	EXPECT_EQ(validate(), 0);
	EXPECT_STR(printbuf_str(&t.said), "");
}

TEST(unknown_checksum_type_is_found)
{
	begin();
	t.j.flags = cpu_to_le32(9);
	EXPECT_EQ(validate(), 0);
	EXPECT_EQ(t.id, BCH_FSCK_ERR_jset_unknown_csum);
	EXPECT_STR(printbuf_str(&t.said), PREFIX
		   " seq=7: sda sector 4096 seq 7: journal entry with unknown csum type 9\n");
}

TEST(unsupported_version_is_refused)
{
	begin();
	t.j.version = cpu_to_le32(2 << 10 | 3);
	EXPECT_EQ(validate(), -BCH_ERR_jset_unsupported_version);
	EXPECT_EQ(t.id, BCH_FSCK_ERR_jset_unsupported_version);
	EXPECT_STR(printbuf_str(&t.said),
		   "invalid journal entry, version=2.3: (unknown version) seq=7: "
		   "sda sector 4096 seq 7: incompatible journal entry version 2.3\n");
	begin();
	t.j.version = cpu_to_le32(8);
	EXPECT_EQ(validate(), -BCH_ERR_jset_unsupported_version);
}

TEST(early_checks_want_the_magic_and_cut_what_is_too_big)
{
	struct bch_jset_check ck;

	begin();
	add(JSET_ENTRY_log, 0, 0, 99);
	ck = bch_jset_check_of(&fs, &t.j);
	ck.dev = "sda";
	ck.sector = 4096;
	ck.found = found;
	EXPECT_EQ(bch_jset_validate_early(&ck, &t.j, 4096), -BCH_ERR_journal_entry_bad);
	t.j.magic = cpu_to_le64(bch_jset_magic(&fs));
	EXPECT_EQ(bch_jset_validate_early(&ck, &t.j, 4096), 0);
	EXPECT_STR(printbuf_str(&t.said), "");
	EXPECT_EQ(bch_jset_validate_early(&ck, &t.j, 512), 0);
	EXPECT_EQ(t.id, BCH_FSCK_ERR_jset_past_bucket_end);
	EXPECT_STR(printbuf_str(&t.said),
		   PREFIX " seq=7: sda sector 4096 seq 7: journal entry too big (856 bytes)\n");
	EXPECT_EQ(jset_bytes(&t.j), 512);
}

TEST(findings_in_the_superblock_name_it)
{
	begin();
	add(JSET_ENTRY_usage, FS_USAGE_inodes, 0, 0);
	t.ck = bch_jset_check_of(&fs, &t.j);
	t.ck.in_sb = true;
	t.ck.found = found;
	EXPECT_EQ(bch_jset_entry_validate(&t.ck, t.j.start, 0, 1), 0);
	EXPECT_STR(printbuf_str(&t.said), PREFIX " type=usage in superblock: "
						 "invalid journal entry usage: bad size\n");
}

TEST(before_a_write_the_first_finding_ends_it_and_nothing_changes)
{
	u64 before[16];

	begin();
	add(JSET_ENTRY_usage, FS_USAGE_inodes, 0, 0);
	add(JSET_ENTRY_clock, 0, 0, 3);
	memcpy(before, t.words, sizeof(before));
	t.ck = bch_jset_check_of(&fs, &t.j);
	t.ck.write = true;
	t.ck.found = found;
	EXPECT_EQ(bch_jset_validate(&t.ck, &t.j), -BCH_ERR_journal_entry_bad);
	EXPECT_EQ(t.ck.nr, 1);
	EXPECT_MEM(t.words, before, sizeof(before));
}

TEST(texts_of_all_types)
{
	struct jset_data_usage *u;
	struct jset_entry *e;

	begin();
	e = add(JSET_ENTRY_btree_keys, 0, 0, 0);
	expect_text(e, "btree_keys: ");
	expect_text(add_keys(2),
		    "btree_keys: btree=dirents l=0 u64s 5 type deleted 1:10:U32_MAX len 0 ver 0\n"
		    "btree_keys: btree=dirents l=0 u64s 5 type deleted 1:11:U32_MAX len 0 ver 0");
	expect_text(add(JSET_ENTRY_prio_ptrs, 0, 0, 1), "prio_ptrs: ");
	e = add(JSET_ENTRY_blacklist, 0, 0, 1);
	e->data[0] = 12;
	expect_text(e, "blacklist: seq=12");
	e = add(JSET_ENTRY_blacklist_v2, 0, 0, 2);
	e->data[0] = 12;
	e->data[1] = 13;
	expect_text(e, "blacklist_v2: start=12 end=13");
	e = add(JSET_ENTRY_usage, FS_USAGE_key_version, 0, 1);
	e->data[0] = 5;
	expect_text(e, "usage: type=key_version v=5");
	e->btree_id = 9;
	expect_text(e, "usage: type=(unknown fs_usage_type 9) v=5");
	e = add(JSET_ENTRY_clock, 0, 0, 2);
	e->data[1] = 77;
	expect_text(e, "clock: read=77");
	((struct jset_clock *)e->data)->rw = 1;
	expect_text(e, "clock: write=77");
	e = add(JSET_ENTRY_data_usage, 0, 0, 3);
	u = (void *)e->data;
	u->v = cpu_to_le64(99);
	u->data_type = 4;
	u->nr_required = 1;
	u->nr_devs = 2;
	u->devs[1] = 3;
	expect_text(e, "data_usage: user: 1/2 [0 3]=99");
	e = add(JSET_ENTRY_dev_usage, 0, 0, 9);
	e->data[0] = 3;
	e->data[3] = 1;
	e->data[4] = 2;
	e->data[8] = 3;
	expect_text(e, "dev_usage: dev=3  \n  free: buckets=1 sectors=2 fragmented=0\n"
		       "  sb: buckets=0 sectors=0 fragmented=3");
	e = add(JSET_ENTRY_log, 0, 1, 2);
	memcpy(e->data, "hello", 5);
	expect_text(e, "log: hello");
	memcpy(e->data, "sixteen bytes...", 16);
	expect_text(e, "log: sixteen bytes...");
	e = add(JSET_ENTRY_rewind_limit, 0, 0, 1);
	e->data[0] = 4;
	expect_text(e, "rewind_limit: seq 4");
	e = add(JSET_ENTRY_rewind, 0, 0, 2);
	e->data[0] = 4;
	e->data[1] = 2;
	expect_text(e, "rewind: from 4 to 2");
	expect_text(add(77, 0, 0, 2), "(unknown jset_entry_type 77)");
}
