/* The journal overlay: the newest key of a position counts, accounting deltas add up. */
#include "btree/bkey.h"
#include "btree/overlay.h"
#include "btree/state.h"
#include "sb/fs.h"
#include "test.h"

struct fixture {
	struct bch_btree_state state;
	struct bch_fs c;
};

static struct fixture *fixture(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->c.btree = &f->state;
	return f;
}

static void fixture_exit(struct fixture *f)
{
	bch_overlay_clear(&f->c);
	free(f);
}

/* A key with one word of value. */
static void add(struct fixture *f, unsigned btree, unsigned level, struct bpos p, u8 type, u64 v,
		u64 seq, u32 offset)
{
	u64 words[BKEY_U64s + 1];
	struct bkey_i *k = (struct bkey_i *)words;

	bkey_init_pos(&k->k, p);
	k->k.u64s++;
	k->k.type = type;
	k->v[0] = v;
	EXPECT_EQ(bch_overlay_add(&f->c, btree, level, k, seq, offset), 0);
}

static u64 found(struct fixture *f, unsigned btree, unsigned level, struct bpos p)
{
	const struct overlay_key *k = bch_overlay_lookup(&f->state.overlay, btree, level, p);

	return k ? k->k->v[0] : 0;
}

TEST(newest_key_of_a_position_counts)
{
	struct fixture *f = fixture();

	add(f, 1, 0, POS(0, 7), KEY_TYPE_cookie, 3, 12, 5);
	add(f, 1, 0, POS(0, 7), KEY_TYPE_cookie, 1, 10, 50);
	add(f, 1, 0, POS(0, 7), KEY_TYPE_cookie, 4, 12, 60);
	add(f, 1, 0, POS(0, 7), KEY_TYPE_cookie, 2, 11, 90);
	bch_overlay_sort(&f->c);
	EXPECT_EQ(f->state.overlay.keys.nr, 1);
	EXPECT_EQ(f->state.overlay.nr_added, 4);
	EXPECT_EQ(found(f, 1, 0, POS(0, 7)), 4);
	fixture_exit(f);
}

TEST(btrees_levels_and_snapshots_are_apart)
{
	struct fixture *f = fixture();

	add(f, 1, 0, SPOS(0, 7, 1), KEY_TYPE_cookie, 1, 1, 0);
	add(f, 1, 1, SPOS(0, 7, 1), KEY_TYPE_cookie, 2, 1, 1);
	add(f, 2, 0, SPOS(0, 7, 1), KEY_TYPE_cookie, 3, 1, 2);
	add(f, 1, 0, SPOS(0, 7, 2), KEY_TYPE_cookie, 4, 1, 3);
	bch_overlay_sort(&f->c);
	EXPECT_EQ(found(f, 1, 0, SPOS(0, 7, 1)), 1);
	EXPECT_EQ(found(f, 1, 1, SPOS(0, 7, 1)), 2);
	EXPECT_EQ(found(f, 2, 0, SPOS(0, 7, 1)), 3);
	EXPECT_EQ(found(f, 1, 0, SPOS(0, 7, 2)), 4);
	EXPECT_EQ(found(f, 1, 0, SPOS(0, 7, 3)), 0);
	EXPECT_EQ(found(f, 0, 0, SPOS(0, 7, 1)), 0);
	fixture_exit(f);
}

TEST(seek_finds_the_first_key_at_or_behind)
{
	struct fixture *f = fixture();
	struct btree_overlay *o = &f->state.overlay;

	for (unsigned i = 20; i; i--)
		add(f, 3, 0, POS(0, i * 10), KEY_TYPE_cookie, i, i, 0);
	bch_overlay_sort(&f->c);
	for (unsigned p = 0; p < 220; p++) {
		size_t i = bch_overlay_seek(o, 3, 0, POS(0, p)), want = (max(p, 1u) + 9) / 10 - 1;

		EXPECT_EQ(i, min(want, (size_t)20));
		EXPECT_EQ(overlay_key_is_of(o, i, 3, 0), want < 20);
	}
	EXPECT_EQ(bch_overlay_seek(o, 2, 0, SPOS_MAX), 0);
	EXPECT_EQ(bch_overlay_seek(o, 3, 1, POS_MIN), 20);
	fixture_exit(f);
}

TEST(overwritten_keys_are_not_found)
{
	struct fixture *f = fixture();

	add(f, 1, 0, POS(0, 7), KEY_TYPE_cookie, 3, 12, 5);
	bch_overlay_sort(&f->c);
	f->state.overlay.keys.data[0].overwritten = true;
	EXPECT(!bch_overlay_lookup(&f->state.overlay, 1, 0, POS(0, 7)));
	fixture_exit(f);
}

TEST(pointer_keys_lose_their_memory_address)
{
	struct fixture *f = fixture();
	u64 words[BKEY_U64s + 5] = {};
	struct bkey_i *k = (struct bkey_i *)words;

	bkey_init_pos(&k->k, SPOS_MAX);
	k->k.u64s = BKEY_U64s + 5;
	k->k.type = KEY_TYPE_btree_ptr_v2;
	k->v[0] = 0xdeadbeef;
	EXPECT_EQ(bch_overlay_add(&f->c, 0, 1, k, 1, 0), 0);
	bch_overlay_sort(&f->c);
	EXPECT_EQ(found(f, 0, 1, SPOS_MAX), 0);
	fixture_exit(f);
}

TEST(refuses_what_no_btree_has)
{
	struct fixture *f = fixture();
	struct bkey_i k;

	bkey_init_pos(&k.k, POS_MIN);
	EXPECT(bch_overlay_add(&f->c, BTREE_ID_NR_MAX, 0, &k, 1, 0) < 0);
	EXPECT(bch_overlay_add(&f->c, 0, BTREE_MAX_DEPTH, &k, 1, 0) < 0);
	k.k.u64s = BKEY_U64s - 1;
	EXPECT(bch_overlay_add(&f->c, 0, 0, &k, 1, 0) < 0);
	fixture_exit(f);
}

/* Accounting */

static struct bkey_i *accounting(struct bkey_i *k, u64 version, unsigned nr, u64 a, u64 b)
{
	bkey_init_pos(&k->k, POS(9, 9));
	k->k.type = KEY_TYPE_accounting;
	k->k.bversion = (struct bversion){.hi = version >> 32, .lo = version << 32};
	k->k.u64s = BKEY_U64s + nr;
	k->v[0] = a;
	if (nr > 1)
		k->v[1] = b;
	return k;
}

TEST(accounting_deltas_newer_than_the_key_are_added)
{
	struct fixture *f = fixture();
	u64 delta_words[BKEY_U64s + 2], base_words[BKEY_U64s + 2], sum_words[BKEY_U64s_MAX];
	struct bkey_i *delta = (struct bkey_i *)delta_words, *sum = (struct bkey_i *)sum_words;
	struct bkey_view base;

	for (u64 seq = 5; seq < 10; seq++)
		bch_overlay_add(&f->c, BTREE_ID_accounting, 0,
				accounting(delta, seq, 2, 1ULL << seq, -seq), seq, 3);
	add(f, BTREE_ID_accounting, 0, POS(9, 10), KEY_TYPE_accounting, 1, 1, 1);
	bch_overlay_sort(&f->c);
	EXPECT_EQ(f->state.overlay.keys.nr, 6);

	base = bkey_i_view(accounting((struct bkey_i *)base_words, 7, 1, 1000, 0));
	EXPECT_EQ(bch_overlay_sum_accounting(&f->state.overlay, 0, &base, sum), 5);
	EXPECT_EQ(sum->k.u64s, BKEY_U64s + 2);
	EXPECT_EQ(sum->v[0], 1000 + 256 + 512);
	EXPECT_EQ((s64)sum->v[1], -17);
	EXPECT_EQ(sum->k.bversion.lo >> 32, 9);

	EXPECT_EQ(bch_overlay_sum_accounting(&f->state.overlay, 0, NULL, sum), 5);
	EXPECT_EQ(sum->v[0], 32 + 64 + 128 + 256 + 512);
	EXPECT(bpos_eq(sum->k.p, POS(9, 9)));
	fixture_exit(f);
}
