/* btree/bkey: positions, formats, packing and comparison (spec 02 sections 1 and 2). */
#include "btree/bkey.h"
#include "util/printbuf.h"
#include "tests/unit/random_keys.h"
#include "tests/unit/test.h"

#define ROUNDS 200000

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static struct bpos random_pos(void)
{
	return SPOS(random_width(64), random_width(64), random_width(32));
}

TEST(positions_order_by_inode_then_offset_then_snapshot)
{
	struct bpos a = SPOS(1, U64_MAX, U32_MAX), b = SPOS(2, 0, 0);

	EXPECT(bpos_lt(a, b) && bpos_le(a, b) && !bpos_gt(a, b) && !bpos_ge(a, b));
	EXPECT_EQ(bpos_cmp(a, b), -1);
	EXPECT_EQ(bpos_cmp(SPOS(1, 2, 3), SPOS(1, 2, 2)), 1);
	EXPECT_EQ(bpos_cmp(SPOS(1, 2, 3), SPOS(1, 3, 2)), -1);
	EXPECT(bpos_eq(SPOS(1, 2, 3), SPOS(1, 2, 3)) && !bpos_eq(SPOS(1, 2, 3), SPOS(1, 2, 4)));
}

TEST(key_comparison_ignores_the_snapshot)
{
	EXPECT(bkey_eq(SPOS(1, 2, 3), SPOS(1, 2, 4)));
	EXPECT(!bkey_lt(SPOS(1, 2, 3), SPOS(1, 2, 4)) && bkey_le(SPOS(1, 2, 4), SPOS(1, 2, 3)));
	EXPECT_EQ(bkey_cmp(SPOS(1, 3, 0), SPOS(1, 2, 4)), 1);
}

TEST(successor_carries_and_stops_at_the_end)
{
	EXPECT(bpos_eq(bpos_successor(SPOS(1, 2, 3)), SPOS(1, 2, 4)));
	EXPECT(bpos_eq(bpos_successor(SPOS(1, 2, U32_MAX)), SPOS(1, 3, 0)));
	EXPECT(bpos_eq(bpos_successor(SPOS(1, U64_MAX, U32_MAX)), SPOS(2, 0, 0)));
	EXPECT(bpos_eq(bpos_successor(SPOS_MAX), SPOS_MAX));
	EXPECT(bpos_eq(bpos_nosnap_successor(SPOS(1, 2, 3)), SPOS(1, 3, 0)));
	EXPECT(bpos_eq(bpos_nosnap_successor(POS_MAX), SPOS_MAX));
}

TEST(predecessor_borrows_and_stops_at_the_start)
{
	EXPECT(bpos_eq(bpos_predecessor(SPOS(1, 2, 4)), SPOS(1, 2, 3)));
	EXPECT(bpos_eq(bpos_predecessor(SPOS(1, 3, 0)), SPOS(1, 2, U32_MAX)));
	EXPECT(bpos_eq(bpos_predecessor(SPOS(2, 0, 0)), SPOS(1, U64_MAX, U32_MAX)));
	EXPECT(bpos_eq(bpos_predecessor(POS_MIN), POS_MIN));
	EXPECT(bpos_eq(bpos_nosnap_predecessor(SPOS(1, 0, 3)), SPOS(0, U64_MAX, 0)));
	EXPECT(bpos_eq(bpos_nosnap_predecessor(SPOS(0, 0, 3)), POS_MIN));
}

TEST(swabbed_position_is_the_reversed_bytes)
{
	struct bpos p = SPOS(0x1112131415161718, 0x2122232425262728, 0x31323334);
	const u8 big_endian[20] = {0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x21, 0x22,
				   0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x31, 0x32, 0x33, 0x34};

	p = bpos_swab(p);
	EXPECT_MEM(&p, big_endian, 20);
}

TEST(extent_starts_size_sectors_before_its_position)
{
	struct bkey k = {.p = SPOS(7, 100, 9), .size = 30};

	EXPECT(bpos_eq(bkey_start_pos(&k), SPOS(7, 70, 9)));
}

/* Spec 02 section 5.4. */
static const u64 subvolume_key[] = {0x0000000000150008, 1, 0, 0x1122334455667788};

static struct bkey_format empty_root_format(void)
{
	struct bkey_format_state s;

	bch_bkey_format_init(&s);
	bch_bkey_format_add_pos(&s, POS_MIN);
	bch_bkey_format_add_pos(&s, SPOS_MAX);
	return bch_bkey_format_done(&s);
}

TEST(format_of_an_empty_root)
{
	struct bkey_format f = empty_root_format();
	struct printbuf out = PRINTBUF;

	bch_bkey_format_to_text(&out, &f);
	EXPECT_STR(printbuf_str(&out), "u64s 3 fields 64:0, 64:0, 32:0, 0:0, 0:0, 0:0");
	printbuf_exit(&out);
}

TEST(key_of_the_specification_unpacks)
{
	struct bkey_format f = empty_root_format();
	struct bkey k = bch_bkey_unpack_key(&f, (const void *)subvolume_key);

	EXPECT_EQ(k.u64s, 10);
	EXPECT_EQ(k.type, KEY_TYPE_subvolume);
	EXPECT(bpos_eq(k.p, SPOS(0, 1, 0)));
}

TEST(size_field_of_a_calculated_format_has_room_to_grow)
{
	struct bkey_format_state s;
	struct bkey k = {.p = SPOS(4096, 1000, U32_MAX), .size = 9};
	struct bkey_format f;

	bch_bkey_format_init(&s);
	bch_bkey_format_add_key(&s, &k);
	k.p.offset = 2000;
	bch_bkey_format_add_key(&s, &k);
	f = bch_bkey_format_done(&s);
	/* 24 + 10 + 8 bits; 22 are spare: offset to 16, size has 8. */
	EXPECT_EQ(f.key_u64s, 1);
	EXPECT_EQ(f.bits_per_field[BKEY_FIELD_INODE], 0);
	EXPECT_EQ(le64_to_cpu(f.field_offset[BKEY_FIELD_INODE]), 4096);
	EXPECT_EQ(f.bits_per_field[BKEY_FIELD_OFFSET], 16);
	EXPECT_EQ(le64_to_cpu(f.field_offset[BKEY_FIELD_OFFSET]), 1000);
	EXPECT_EQ(f.bits_per_field[BKEY_FIELD_SIZE], 8);
	EXPECT_EQ(le64_to_cpu(f.field_offset[BKEY_FIELD_SNAPSHOT]), U32_MAX);
}

static void expect_invalid(const struct bkey_format *f, unsigned version_min, const char *text)
{
	struct printbuf out = PRINTBUF;

	EXPECT(bch_bkey_format_validate(f, version_min, &out) < 0);
	EXPECT_STR(printbuf_str(&out), text);
	printbuf_exit(&out);
}

TEST(format_refuses_wrong_number_of_fields)
{
	struct bkey_format f = bch_bkey_format_current;

	f.nr_fields = 5;
	expect_invalid(&f, 1037, "incorrect number of fields: got 5, should be 6");
}

TEST(format_refuses_fields_that_overflow)
{
	struct bkey_format f = bch_bkey_format_current;

	f.field_offset[0] = cpu_to_le64(1);
	expect_invalid(&f, 1037,
		       "field 0 too large: 18446744073709551615 + 1 > 18446744073709551615");
	f = bch_bkey_format_current;
	f.bits_per_field[3] = 8;
	f.field_offset[3] = cpu_to_le64(0xffffff01);
	expect_invalid(&f, 1037, "field 3 too large: 255 + 4294967041 > 4294967295");
}

TEST(format_refuses_fields_too_wide_in_any_version)
{
	struct bkey_format f = bch_bkey_format_current;

	f.bits_per_field[2] = 33;
	expect_invalid(&f, 9, "field 2 too large: 8589934591 + 0 > 4294967295");
}

TEST(format_of_old_versions_may_wrap)
{
	struct bkey_format f = bch_bkey_format_current;
	struct printbuf out = PRINTBUF;

	f.field_offset[2] = cpu_to_le64(1);
	EXPECT_EQ(bch_bkey_format_validate(&f, 11, &out), 0);
	EXPECT(bch_bkey_format_validate(&f, 12, &out) < 0);
	printbuf_exit(&out);
}

TEST(format_refuses_wrong_key_size)
{
	struct bkey_format f = bch_bkey_format_current;

	f.key_u64s = 4;
	expect_invalid(&f, 1037, "incorrect key_u64s: got 4, should be 5");
}

TEST(unpacking_equals_the_definition)
{
	u64 w[BKEY_U64s];

	for (unsigned n = 0; n < ROUNDS && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		struct bkey k, expected;
		struct bpos p;

		random_packed(&f, w, 0);
		expected = reference_unpack(&f, w);
		k = bch_bkey_unpack_key(&f, (void *)w);
		p = bch_bkey_unpack_pos(&f, (void *)w);
		EXPECT_MEM(&k, &expected, sizeof(k));
		EXPECT(bpos_eq(p, expected.p));
	}
}

TEST(packing_is_the_inverse_of_unpacking)
{
	for (unsigned n = 0; n < ROUNDS && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		u64 w[BKEY_U64s + 3], again[BKEY_U64s + 3];
		struct bkey_packed *p = (void *)w;
		union {
			struct bkey_i k;
			u64 w[BKEY_U64s + 3];
		} u;
		unsigned spare = f.key_u64s * 64 - 24;

		random_packed(&f, w, 3);
		p->format = KEY_FORMAT_LOCAL_BTREE;
		for (unsigned i = 0; i < BKEY_NR_FIELDS; i++)
			spare -= f.bits_per_field[i];
		w[0] &= ~(random_ones(min(spare, 40U)) << 24);
		if (spare > 40)
			w[1] &= ~random_ones(spare - 40);
		bch_bkey_unpack(&f, &u.k, p);
		REQUIRE(bch_bkey_pack(&f, (void *)again, &u.k));
		EXPECT_MEM(again, w, p->u64s * sizeof(u64));
	}
}

TEST(packing_fails_exactly_when_a_field_does_not_fit)
{
	u64 w[BKEY_U64s];

	for (unsigned n = 0; n < ROUNDS && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		struct bkey k = {.u64s = 5, .format = 1, .type = 25};
		unsigned i = random_below(BKEY_NR_FIELDS);
		u64 v[BKEY_NR_FIELDS], lowest, span = random_ones(f.bits_per_field[i]);
		bool fits;

		for (unsigned j = 0; j < BKEY_NR_FIELDS; j++)
			v[j] = le64_to_cpu(f.field_offset[j]);
		lowest = v[i];
		v[i] = random_width(bch_bkey_field_bits[i]);
		fits = v[i] >= lowest && v[i] - lowest <= span;
		k.p = SPOS(v[0], v[1], v[2]);
		k.size = v[3];
		k.bversion = (struct bversion){.hi = v[4], .lo = v[5]};
		EXPECT_EQ(bch_bkey_pack_key(&f, (void *)w, &k), fits);
	}
}

/* Of all positions that pack the largest not above @p: there is none between, and it packs. */
TEST(lossy_packing_finds_the_nearest_smaller_position)
{
	for (unsigned n = 0; n < ROUNDS && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		u64 w[BKEY_U64s], v[BKEY_U64s];
		struct bkey_packed *p = (void *)w;
		struct bpos want, lowest, got;
		enum bkey_pack_pos ret;

		lowest = SPOS(le64_to_cpu(f.field_offset[0]), le64_to_cpu(f.field_offset[1]),
			      le64_to_cpu(f.field_offset[2]));
		random_packed(&f, v, 0);
		want = reference_unpack(&f, v).p;
		if (random_below(2))
			want.snapshot += random_below(5) - 2;
		if (random_below(2))
			want.offset += random_below(5) - 2;
		if (!random_below(4))
			want = random_pos();

		ret = bch_bkey_pack_pos_lossy(&f, p, want);
		if (ret == BKEY_PACK_POS_FAIL) {
			EXPECT(bpos_lt(want, lowest));
			continue;
		}
		got = bch_bkey_unpack_pos(&f, p);
		EXPECT_EQ(ret == BKEY_PACK_POS_EXACT, bpos_eq(got, want));
		EXPECT(bpos_le(got, want));
		/* Any packable position is on the same side of both. */
		if (bpos_le(reference_unpack(&f, v).p, want))
			EXPECT(bkey_cmp_bits(v, w, f.key_u64s, bkey_format_key_bits(&f)) <= 0);
		else
			EXPECT(bkey_cmp_bits(v, w, f.key_u64s, bkey_format_key_bits(&f)) > 0);
	}
}

TEST(packed_keys_compare_as_their_positions)
{
	for (unsigned n = 0; n < ROUNDS && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		u64 l[BKEY_U64s], r[BKEY_U64s];
		struct bkey lu, ru;
		int expected;

		random_packed(&f, l, 0);
		memcpy(r, l, sizeof(l));
		r[random_below(f.key_u64s)] ^= (1ULL << random_below(64)) & ~0xffffffULL;
		lu = reference_unpack(&f, l);
		ru = reference_unpack(&f, r);
		expected = bpos_cmp(lu.p, ru.p);
		EXPECT_EQ(sign(bch_bkey_p_cmp(&f, (void *)l, (void *)r)), expected);
		EXPECT_EQ(sign(bch_bkey_p_cmp(&f, (void *)&lu, (void *)r)), expected);
		EXPECT_EQ(sign(bch_bkey_p_cmp(&f, (void *)l, (void *)&ru)), expected);
		EXPECT_EQ(sign(bch_bkey_p_cmp_pos(&f, (void *)l, ru.p)), expected);
	}
}

TEST(calculated_formats_are_valid_and_pack_their_keys)
{
	for (unsigned n = 0; n < ROUNDS / 10 && !unit_test_failed; n++) {
		struct bkey keys[8];
		struct bkey_format_state s;
		struct bkey_format f;
		struct printbuf out = PRINTBUF;
		u64 w[BKEY_U64s];

		bch_bkey_format_init(&s);
		for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
			keys[i] = (struct bkey){
				.u64s = 5,
				.format = 1,
				.type = random_u64(),
				.p = random_pos(),
				.size = random_width(32),
				.bversion = {.hi = random_width(32), .lo = random_width(64)},
			};
			bch_bkey_format_add_key(&s, &keys[i]);
		}
		f = bch_bkey_format_done(&s);
		EXPECT_EQ(bch_bkey_format_validate(&f, 1037, &out), 0);
		for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
			EXPECT(bch_bkey_pack_key(&f, (void *)w, &keys[i]));
		printbuf_exit(&out);
	}
}

TEST(key_bits_are_printed_from_the_top_in_groups)
{
	struct bkey_format f = {.key_u64s = 2, .nr_fields = 6, .bits_per_field = {64, 3}};
	u64 w[2] = {0xa000000000000000, 0x8000000000000001};
	struct printbuf out = PRINTBUF;

	bch_bkey_p_to_bits(&out, &f, (void *)w);
	EXPECT_STR(printbuf_str(&out), "1000000000000000000000000000000000000000000000000000000000"
				       "000001 101");
	printbuf_reset(&out);
	f = (struct bkey_format){.key_u64s = 1, .nr_fields = 6};
	bch_bkey_p_to_bits(&out, &f, (void *)w);
	EXPECT_STR(printbuf_str(&out), "(empty)");
	printbuf_exit(&out);
}
