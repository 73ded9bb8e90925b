/* Ranges of damage: joined, cut, looked up; the same as an array of bytes would tell. */
#include "btree/bkey.h"
#include "btree/damage.h"
#include "btree/state.h"
#include "sb/fs.h"
#include "test.h"

#define SPAN 64

static u64 rnd(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

TEST(ranges_are_what_a_bitmap_is)
{
	u64 seed = 1;

	for (unsigned round = 0; round < 200; round++) {
		struct btree_ranges r = {};
		bool map[SPAN] = {};

		for (unsigned op = 0; op < 30; op++) {
			unsigned start = rnd(&seed) % SPAN, end = rnd(&seed) % SPAN;
			bool add = rnd(&seed) % 3;

			if (start > end)
				swap(start, end);
			for (unsigned i = start; i <= end; i++)
				map[i] = add;
			EXPECT_EQ((add ? bch_btree_ranges_add : bch_btree_ranges_remove)(
					  &r, SPOS(0, 0, start), SPOS(0, 0, end)),
				  0);
		}
		for (unsigned i = 0; i < SPAN; i++) {
			const struct btree_range *at = bch_btree_ranges_find(&r, SPOS(0, 0, i));

			EXPECT_EQ(at && bpos_le(at->start, SPOS(0, 0, i)), map[i]);
		}
		for (size_t i = 1; i < r.d.nr; i++)
			EXPECT(bpos_gt(r.d.data[i].start, bpos_successor(r.d.data[i - 1].end)));
		darray_exit(&r.d);
	}
}

TEST(the_worst_of_a_range_is_told)
{
	struct bch_btree_state *state = calloc(1, sizeof(*state));
	struct bch_fs c = {.btree = state};
	struct btree_range r;

	mutex_init(&state->damage_lock);
	EXPECT_EQ(bch_btree_damage(&c, 1, POS_MIN, SPOS_MAX), BTREE_DAMAGE_none);
	bch_btree_damage_add(&c, 1, POS(10, 0), POS(20, 0), BTREE_DAMAGE_older);
	bch_btree_damage_add(&c, 1, POS(15, 0), POS(16, 0), BTREE_DAMAGE_lost);
	EXPECT_EQ(bch_btree_damage(&c, 1, POS(0, 0), POS(9, 0)), BTREE_DAMAGE_none);
	EXPECT_EQ(bch_btree_damage(&c, 1, POS(0, 0), POS(10, 0)), BTREE_DAMAGE_older);
	EXPECT_EQ(bch_btree_damage(&c, 1, POS(12, 0), POS(15, 0)), BTREE_DAMAGE_lost);
	EXPECT_EQ(bch_btree_damage(&c, 2, POS_MIN, SPOS_MAX), BTREE_DAMAGE_none);
	EXPECT(bch_btree_damage_next(&c, 1, BTREE_DAMAGE_older, POS(12, 0), &r));
	EXPECT(bpos_eq(r.start, POS(12, 0)) && bpos_eq(r.end, POS(20, 0)));
	EXPECT(!bch_btree_damage_next(&c, 1, BTREE_DAMAGE_older, POS(21, 0), &r));
	bch_btree_damage_clear(&c, 1, POS(11, 0), SPOS_MAX);
	EXPECT_EQ(bch_btree_damage(&c, 1, POS(11, 0), SPOS_MAX), BTREE_DAMAGE_none);
	EXPECT_EQ(bch_btree_damage(&c, 1, POS(10, 5), POS(10, 5)), BTREE_DAMAGE_older);
	bch_btree_damage_exit(&c);
	free(state);
}

TEST(ranges_reach_both_ends)
{
	struct btree_ranges r = {};

	EXPECT_EQ(bch_btree_ranges_add(&r, POS_MIN, POS(0, 5)), 0);
	EXPECT_EQ(bch_btree_ranges_add(&r, POS(7, 0), SPOS_MAX), 0);
	EXPECT_EQ(r.d.nr, 2);
	EXPECT_EQ(bch_btree_ranges_add(&r, SPOS(0, 5, 1), bpos_predecessor(POS(7, 0))), 0);
	EXPECT_EQ(r.d.nr, 1);
	EXPECT_EQ(bch_btree_ranges_remove(&r, POS_MIN, SPOS_MAX), 0);
	EXPECT_EQ(r.d.nr, 0);
	darray_exit(&r.d);
}
