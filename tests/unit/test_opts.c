/* Options: parsing, range checks, places in the superblock, mount option strings. */
#include <linux/kernel.h>
#include "tests/unit/make_sb.h"
#include "tests/unit/test.h"

static void expect_value(enum bch_opt_id id, const char *text, u64 value)
{
	struct printbuf err = PRINTBUF;
	u64 v = ~0ULL;

	EXPECT_EQ(bch_opt_parse(id, text, NULL, &v, &err), 0);
	EXPECT_STR(printbuf_str(&err), "");
	EXPECT_EQ(v, value);
	printbuf_exit(&err);
}

static void expect_bad(enum bch_opt_id id, const char *text, const char *sentence)
{
	struct printbuf err = PRINTBUF;
	u64 v;

	EXPECT(bch_opt_parse(id, text, NULL, &v, &err) < 0);
	EXPECT_STR(printbuf_str(&err), sentence);
	printbuf_exit(&err);
}

TEST(sizes_have_units_of_1024)
{
	static const struct {
		const char *text;
		u64 v;
	} good[] = {
		{"4096", 4096},	    {"10M", 10485760}, {"10k", 10240},	    {"10KiB", 10240},
		{"10 M", 10485760}, {"1.5M", 1572864}, {"1E", 1ULL << 60},  {"0.5k", 512},
		{"7B", 7},	    {"12\n", 12},      {"64MiB", 64 << 20}, {"+5", 5},
		{"10 ", 10},
	};
	static const char *const bad[] = {
		"",    "k",	"10MB", "10kB", "1.",
		"1.x", "10M x", "-1",	"16E",	"18446744073709551616",
		"10Q", "10  M", "0x10",
	};
	unsigned i;
	u64 v;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(bch_parse_size(good[i].text, &v), 0);
		EXPECT_EQ(v, good[i].v);
	}
	EXPECT_EQ(bch_parse_size("15.999999999999E", &v), 0);
	EXPECT_EQ(v >> 50, 0x3fff);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!bch_parse_size(bad[i], &v))
			UNIT_TEST_FAIL("\"%s\" was accepted as %llu", bad[i], v);
}

TEST(values_of_each_kind_are_parsed)
{
	expect_value(Opt_acl, "1", 1);
	expect_value(Opt_acl, "0", 0);
	expect_value(Opt_acl, NULL, 1);
	expect_value(Opt_metadata_replicas, "3", 3);
	expect_value(Opt_encoded_extent_max, "128k", 131072);
	expect_value(Opt_gc_reserve_bytes, "1.5G", 3ULL << 29);
	expect_value(Opt_errors, "ro", BCH_ERROR_ACTION_ro);
	expect_value(Opt_fix_errors, NULL, BCH_FIX_ERRORS_yes);
	expect_value(Opt_fix_errors, "ask", BCH_FIX_ERRORS_ask);
	expect_value(Opt_compression, "lz4", 1);
	expect_value(Opt_compression, "zstd:15", 0xf3);
	expect_value(Opt_compression, "none:0", 0);
	expect_value(Opt_data_allowed, "journal,btree;user", 0x1c);
	expect_value(Opt_recovery_passes, "check_topology;check_nlinks",
		     1ULL << BCH_PASS_check_topology | 1ULL << BCH_PASS_check_nlinks);
	expect_value(Opt_foreground_target, "none", 0);
}

TEST(bad_values_are_refused_with_a_sentence)
{
	expect_bad(Opt_acl, "2", "acl: must be bool");
	expect_bad(Opt_acl, "yes", "acl: must be bool");
	expect_bad(Opt_metadata_replicas, NULL, "metadata_replicas: required value");
	expect_bad(Opt_metadata_replicas, "many", "metadata_replicas: must be a number");
	expect_bad(Opt_metadata_replicas, "0", "metadata_replicas: too small (min 1)");
	expect_bad(Opt_metadata_replicas, "4", "metadata_replicas: too big (max 4)");
	expect_bad(Opt_metadata_replicas, "1k", "metadata_replicas: must be a number");
	expect_bad(Opt_gc_reserve_bytes, "1000", "gc_reserve_bytes: not a multiple of 512");
	expect_bad(Opt_btree_node_size, "192k", "btree_node_size: must be a power of two");
	expect_bad(Opt_errors, "maybe", "errors: invalid selection");
	expect_bad(Opt_compression, "rar", "invalid compression typecompression: parse error");
	expect_bad(Opt_compression, "zstd:16", "invalid compression levelcompression: parse error");
	expect_bad(Opt_compression, "none:1", "invalid compression levelcompression: parse error");
	expect_bad(Opt_data_allowed, "btree,everything", "data_allowed: invalid selection");
	expect_bad(Opt_data_allowed, "parity", "data_allowed: too big (max 32)");
	expect_bad(Opt_foreground_target, "ssd", "");
}

TEST(names_are_found_with_either_dash_but_not_newer_ones)
{
	EXPECT_EQ(bch_opt_lookup("data_replicas", 13), Opt_data_replicas);
	EXPECT_EQ(bch_opt_lookup("data-replicas", 13), Opt_data_replicas);
	EXPECT_EQ(bch_opt_lookup("quota", 5), Opt_usrquota);
	EXPECT_EQ(bch_opt_lookup("data_replica", 12), -ENOENT);
	EXPECT_EQ(bch_opt_lookup("casefold", 8), -ENOENT);
	EXPECT_EQ(bch_opt_lookup("", 0), -ENOENT);
}

TEST(stored_values_come_back)
{
	struct bch_sb_handle h;
	unsigned i;

	REQUIRE(!make_sb(&h));
	for (i = 0; i < BCH_OPT_NR; i++) {
		const struct bch_option *opt = &bch_option_table[i];
		u64 v = opt->max ? opt->max - 1 : opt->kind == OPT_TARGET ? 4095 : 0xf3;

		if (!opt->store || (opt->flags & OPT_NEWER))
			continue;
		if (opt->flags & OPT_POW2)
			v = opt->max / 2;
		if (opt->flags & OPT_SECTORS)
			v &= ~511ULL;
		if (i == Opt_durability)
			v = 2;
		bch_opt_to_sb(h.sb, i, v, 1);
		if (bch_opt_from_sb(h.sb, i, 1) != v)
			UNIT_TEST_FAIL("%s: %llu comes back as %llu", opt->name, v,
				       bch_opt_from_sb(h.sb, i, 1));
	}
	/* None has damaged another. */
	EXPECT_EQ(bch_opt_from_sb(h.sb, Opt_block_size, 0), 32768);
	EXPECT_EQ(bch_opt_from_sb(h.sb, Opt_durability, 0), 1);
	EXPECT_EQ(h.sb->features[0],
		  BCH_FEATURES_ALL | 1 << BCH_FEATURE_zstd | 1 << BCH_FEATURE_ec);
	bch_sb_free(&h);
}

TEST(values_print_as_show_super_does)
{
	static const struct {
		u8 id;
		u64 v;
		u8 how;
		const char *text;
	} cases[] = {
		{Opt_errors, 1, OPT_TEXT_LIST, "continue [fix_safe] panic ro "},
		{Opt_errors, 4, OPT_TEXT_LIST, "(invalid option 4)"},
		{Opt_errors, 3, 0, "ro"},
		{Opt_encoded_extent_max, 65536, 0, "64.0 KiB"},
		{Opt_journal_flush_delay, 1000, 0, "1000"},
		{Opt_compression, 0x52, 0, "gzip:5"},
		{Opt_compression, 0x57, 0, "(unknown compression opt 87)"},
		{Opt_data_allowed, 0x1c, 0, "journal,btree,user"},
		{Opt_acl, 0, OPT_TEXT_MOUNT, "noacl"},
		{Opt_nocow, 1, OPT_TEXT_MOUNT, "nocow"},
		{Opt_str_hash, 1, OPT_TEXT_MOUNT, "str_hash=crc64"},
	};
	struct printbuf out = PRINTBUF;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		printbuf_reset(&out);
		bch_opt_to_text(&out, cases[i].id, cases[i].v, NULL, cases[i].how);
		EXPECT_STR(printbuf_str(&out), cases[i].text);
	}
	printbuf_exit(&out);
}

/* --- mount option strings --- */

TEST(mount_options_are_parsed)
{
	struct printbuf rest = PRINTBUF, err = PRINTBUF, out = PRINTBUF;
	struct bch_opts opts;

	bch_opts_init(&opts);
	EXPECT_EQ(bch_opts_parse_mount(
			  &opts,
			  ",errors=ro,noacl,nochanges,nonocow_enabled,quota,foreground_target="
			  "ssd,nofail,x-foo=1,,compression=lz4,fsck,fix_errors",
			  NULL, &rest, &err),
		  0);
	EXPECT_EQ(opts.errors, BCH_ERROR_ACTION_ro);
	EXPECT(!opts.acl && opts.nochanges && !opts.nocow_enabled && opts.usrquota && opts.fsck);
	EXPECT_EQ(opts.compression, 1);
	EXPECT_EQ(opts.fix_errors, BCH_FIX_ERRORS_yes);
	EXPECT_STR(printbuf_str(&rest), "foreground_target=ssd,nofail,x-foo=1");
	EXPECT_STR(printbuf_str(&err), "");
	EXPECT(bch_opt_defined(&opts, Opt_acl) && !bch_opt_defined(&opts, Opt_grpquota));
	bch_opts_to_mount_text(&out, &opts, NULL);
	EXPECT_STR(printbuf_str(&out),
		   "errors=ro,compression=lz4,noacl,usrquota,fsck,fix_errors=yes,"
		   "nochanges,nonocow_enabled");
	printbuf_exit(&rest);
	printbuf_exit(&err);
	printbuf_exit(&out);
}

static void expect_mount_refusal(const char *text, const char *name, const char *sentence)
{
	struct printbuf err = PRINTBUF;
	struct bch_opts opts;

	bch_opts_init(&opts);
	EXPECT_STR(bch_err_str(bch_opts_parse_mount(&opts, text, NULL, NULL, &err)), name);
	EXPECT_STR(printbuf_str(&err), sentence);
	printbuf_exit(&err);
}

TEST(bad_mount_options_are_refused)
{
	expect_mount_refusal("ro,block_size=4096", "option_name", "Bad mount option block_size");
	expect_mount_refusal("nostart", "option_name", "Bad mount option nostart");
	expect_mount_refusal("errors=never", "option_value",
			     "Invalid mount option errors: invalid selection");
	expect_mount_refusal("data_replicas=9,errors=ro", "option_value",
			     "Invalid mount option data_replicas: too big (max 4)");
}

TEST(a_target_is_resolved_when_labels_are_known)
{
	struct printbuf rest = PRINTBUF, err = PRINTBUF;
	struct bch_sb_handle h;
	struct bch_opts opts;

	REQUIRE(!make_sb(&h));
	bch_label_create(&h, "ssd");
	bch_opts_init(&opts);
	EXPECT_EQ(bch_opts_parse_mount(&opts, "promote_target=ssd", h.sb, &rest, &err), 0);
	EXPECT_EQ(opts.promote_target, 257);
	EXPECT_STR(printbuf_str(&rest), "");
	EXPECT(bch_opts_parse_mount(&opts, "promote_target=hdd", h.sb, &rest, &err) < 0);
	EXPECT_STR(printbuf_str(&err), "Invalid mount option promote_target: parse error");
	bch_sb_free(&h);
	printbuf_exit(&rest);
	printbuf_exit(&err);
}

TEST(what_the_superblock_stores_overrides_defaults)
{
	struct bch_opts opts, mount;
	struct bch_sb_handle h;

	REQUIRE(!make_sb(&h));
	sb_set_error_action(h.sb, BCH_ERROR_ACTION_panic);
	bch_opts_init(&opts);
	EXPECT_EQ(opts.errors, BCH_ERROR_ACTION_fix_safe);
	bch_opts_from_sb(&opts, h.sb);
	EXPECT_EQ(opts.errors, BCH_ERROR_ACTION_panic);
	EXPECT_EQ(opts.block_size, 4096);
	bch_opts_init(&mount);
	bch_opt_set(&mount, Opt_errors, BCH_ERROR_ACTION_ro);
	bch_opts_apply(&opts, &mount);
	EXPECT_EQ(opts.errors, BCH_ERROR_ACTION_ro);
	EXPECT_EQ(opts.metadata_replicas, 1);
	bch_sb_free(&h);
}
