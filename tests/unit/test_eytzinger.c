/* util/eytzinger: order, neighbours and search in trees of all sizes. */
#include "util/eytzinger.h"
#include "tests/unit/test.h"

#define MAX_SLOTS 300

TEST(slots_in_order_have_ranks_one_to_n)
{
	for (unsigned n = 1; n <= MAX_SLOTS; n++) {
		unsigned rank = 0;

		for (unsigned i = eytzinger_first(n); i; i = eytzinger_next(i, n)) {
			EXPECT_EQ(eytzinger_to_rank(i, n), ++rank);
			EXPECT_EQ(eytzinger_from_rank(rank, n), i);
		}
		EXPECT_EQ(rank, n);
	}
}

TEST(bounds_are_the_nearest_ancestors_on_both_sides)
{
	for (unsigned n = 1; n <= MAX_SLOTS; n++)
		for (unsigned i = 1; i <= n; i++) {
			unsigned left = 0, right = 0, rank = eytzinger_to_rank(i, n);

			for (unsigned up = i / 2; up; up /= 2) {
				unsigned r = eytzinger_to_rank(up, n);

				if (r < rank && !left)
					left = up;
				if (r > rank && !right)
					right = up;
			}
			EXPECT_EQ(eytzinger_left_bound(i), left);
			EXPECT_EQ(eytzinger_right_bound(i), right);
		}
}

TEST(find_gives_the_first_slot_that_is_not_less)
{
	for (unsigned n = 0; n <= MAX_SLOTS; n++)
		for (unsigned less = 0; less <= n; less++) {
			unsigned found = eytzinger_find(n, i, eytzinger_to_rank(i, n) <= less);

			EXPECT_EQ(found, less < n ? eytzinger_from_rank(less + 1, n) : 0);
		}
}

TEST(an_empty_tree_has_no_first_slot)
{
	EXPECT_EQ(eytzinger_first(0), 0);
}
