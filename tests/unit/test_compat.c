/* btree/compat: nodes of old versions and of big endian machines (spec 02 section 8). */
#include "btree/bkey_ops.h"
#include "btree/compat.h"
#include "tests/unit/random_keys.h"
#include "tests/unit/test.h"

static const struct bset_compat big_endian = {.version = 1037, .other_endian = true};

static void reverse(u8 *b, unsigned from, unsigned to)
{
	for (; from + 1 < to; from++, to--) {
		u8 t = b[from];

		b[from] = b[to - 1];
		b[to - 1] = t;
	}
}

TEST(current_bsets_need_no_conversion)
{
	EXPECT(!bch_compat_needed((struct bset_compat){.version = 12}));
	EXPECT(bch_compat_needed((struct bset_compat){.version = 11}));
	EXPECT(bch_compat_needed(big_endian));
}

/* A packed key is one integer, of which another machine writes all bytes but the head reversed. */
TEST(packed_keys_of_big_endian_machines_are_the_same_integers)
{
	for (unsigned n = 0; n < 10000 && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		u64 w[BKEY_U64s + 2], expected[BKEY_U64s + 2];

		random_packed(&f, w, 2);
		((struct bkey_packed *)w)->type = KEY_TYPE_cookie;
		memcpy(expected, w, sizeof(w));
		reverse((u8 *)w, 3, f.key_u64s * 8);
		bch_compat_key(big_endian, &f, (void *)w);
		EXPECT_MEM(w, expected, (f.key_u64s + 2) * 8);
	}
}

TEST(unpacked_keys_of_big_endian_machines)
{
	/* u64s, format, type; inode, offset, snapshot; size; version hi, lo; pad */
	u8 key[40] = {5, 1, 25, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0, 0, 0, 0, 0, 0x20, 2, 0,
		      0, 0, 3,	0, 0, 0, 4, 0, 0, 0,	5, 0, 0, 0, 0, 0, 0, 0,	   6, 0};
	struct bkey expected = {.u64s = 5,
				.format = 1,
				.type = 25,
				.bversion = {.lo = 6, .hi = 5},
				.size = 4,
				.p = SPOS(0x1001, 0x2002, 3)};
	struct bkey k;

	memcpy(&k, key, sizeof(k));
	bch_compat_key(big_endian, &bch_bkey_format_current, (void *)&k);
	EXPECT_MEM(&k, &expected, sizeof(k));
}

static void swab_first(void *v, unsigned val_u64s)
{
	if (val_u64s)
		*(u64 *)v = swab64(*(u64 *)v);
}

TEST(values_of_big_endian_machines_are_swabbed_by_their_type)
{
	static const struct bkey_ops ops = {.swab = swab_first};
	struct {
		struct bkey k;
		u64 v;
	} key = {.k = {.u64s = 6, .format = 1, .type = KEY_TYPE_accounting}, .v = swab64(77)};

	bch_bkey_ops_register(KEY_TYPE_accounting, &ops);
	bch_compat_key(big_endian, &bch_bkey_format_current, (void *)&key);
	EXPECT_EQ(key.v, 77);
}

static unsigned converted_type(unsigned btree, unsigned level, unsigned type)
{
	struct bset_compat c = {.version = 9, .btree = btree, .level = level};
	struct bkey k = {.u64s = 5, .format = 1, .type = type};

	bch_compat_key(c, &bch_bkey_format_current, (void *)&k);
	return k.type;
}

TEST(types_are_renumbered_by_btree)
{
	EXPECT_EQ(converted_type(BTREE_ID_extents, 1, 128), KEY_TYPE_btree_ptr);
	EXPECT_EQ(converted_type(BTREE_ID_extents, 0, 128), KEY_TYPE_extent);
	EXPECT_EQ(converted_type(BTREE_ID_extents, 0, 129), KEY_TYPE_extent);
	EXPECT_EQ(converted_type(BTREE_ID_extents, 0, 130), KEY_TYPE_reservation);
	EXPECT_EQ(converted_type(BTREE_ID_inodes, 0, 130), KEY_TYPE_inode_generation);
	EXPECT_EQ(converted_type(BTREE_ID_dirents, 0, 129), KEY_TYPE_hash_whiteout);
	EXPECT_EQ(converted_type(BTREE_ID_quotas, 0, 128), KEY_TYPE_quota);
	EXPECT_EQ(converted_type(BTREE_ID_quotas, 0, 0), KEY_TYPE_deleted);
}

/* Up to 0.10 an inode's number was the inode field; its format's fields are swapped as well. */
TEST(old_inodes_move_to_the_offset_and_to_the_last_snapshot)
{
	struct bset_compat c = {.version = 10, .btree = BTREE_ID_inodes};
	struct bkey_format f = {.key_u64s = 2, .nr_fields = 6, .bits_per_field = {32, 8, 16}};
	struct bkey k = {.u64s = 5, .format = 1, .type = KEY_TYPE_inode, .p = POS(4096, 3)}, got;
	u64 w[2];

	REQUIRE(bch_bkey_pack_key(&f, (void *)w, &k));
	bch_compat_format(c, &f);
	EXPECT_EQ(f.bits_per_field[BKEY_FIELD_INODE], 8);
	EXPECT_EQ(f.bits_per_field[BKEY_FIELD_OFFSET], 32);
	EXPECT_EQ(le64_to_cpu(f.field_offset[BKEY_FIELD_SNAPSHOT]), U32_MAX - 0xffff);
	bch_compat_key(c, &f, (void *)w);
	got = bch_bkey_unpack_key(&f, (void *)w);
	EXPECT(bpos_eq(got.p, SPOS(3, 4096, U32_MAX)));

	bch_compat_key(c, &f, (void *)&k);
	EXPECT(bpos_eq(k.p, SPOS(3, 4096, U32_MAX)));
}

TEST(with_a_constant_field_packed_inodes_stay_as_they_are)
{
	struct bset_compat c = {.version = 10, .btree = BTREE_ID_inodes};
	struct bkey_format f = {.key_u64s = 1, .nr_fields = 6, .bits_per_field = {32}};
	struct bkey k = {.u64s = 5, .format = 1, .type = KEY_TYPE_inode, .p = POS(4096, 0)}, got;
	u64 w[1];

	REQUIRE(bch_bkey_pack_key(&f, (void *)w, &k));
	bch_compat_format(c, &f);
	bch_compat_key(c, &f, (void *)w);
	got = bch_bkey_unpack_key(&f, (void *)w);
	EXPECT(bpos_eq(got.p, SPOS(0, 4096, U32_MAX)));
}

TEST(the_range_of_old_nodes)
{
	struct bset_compat extents = {.version = 10, .btree = BTREE_ID_extents};
	struct bset_compat inodes = {.version = 10, .btree = BTREE_ID_inodes};
	struct bpos min = POS(1, 2), max = POS(3, 4);

	bch_compat_node_range(extents, &min, &max);
	EXPECT(bpos_eq(min, POS(1, 3)));
	EXPECT(bpos_eq(max, SPOS(3, 4, U32_MAX)));
	min = POS_MIN;
	bch_compat_node_range(extents, &min, NULL);
	EXPECT(bpos_eq(min, POS_MIN));
	min = POS(1, 2);
	max = bpos_swab(POS(3, 4));
	bch_compat_node_range(inodes, &min, NULL);
	EXPECT(bpos_eq(min, POS(2, 1)));
	min = bpos_swab(POS(1, 2));
	bch_compat_node_range(big_endian, &min, &max);
	EXPECT(bpos_eq(min, POS(1, 2)) && bpos_eq(max, POS(3, 4)));
}

TEST(the_smallest_key_of_a_pointer_is_converted_with_it)
{
	struct bset_compat c = {.version = 10, .btree = BTREE_ID_extents, .level = 1};
	struct {
		struct bkey k;
		struct bch_btree_ptr_v2 v;
	} key = {.k = {.u64s = 10, .format = 1, .type = KEY_TYPE_btree_ptr_v2, .p = POS(9, 9)},
		 .v = {.min_key = POS(1, 2)}};

	bch_compat_key(c, &bch_bkey_format_current, (void *)&key);
	EXPECT(bpos_eq(key.v.min_key, POS(1, 3)));
	EXPECT(bpos_eq(key.k.p, SPOS(9, 9, U32_MAX)));
}
