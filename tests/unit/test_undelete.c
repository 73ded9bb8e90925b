/* Extents that cover each other: the first one counts, in bounded time. */
#include <linux/kernel.h>
#include <linux/slab.h>
#include "btree/bkey.h"
#include "fs/undelete_keys.h"
#include "random_keys.h"
#include "test.h"

#define HOSTILE 100000

struct extents {
	struct bkey_i *k;
	const struct bkey_i **order;
	size_t nr;
};

static struct extents extents_new(size_t nr)
{
	struct extents e = {
		.k = kvzalloc(nr * sizeof(*e.k), GFP_KERNEL),
		.order = kvzalloc(nr * sizeof(*e.order), GFP_KERNEL),
		.nr = nr,
	};

	for (size_t i = 0; i < nr; i++)
		e.order[i] = &e.k[i];
	return e;
}

static void extents_exit(struct extents *e)
{
	kvfree(e->k);
	kvfree(e->order);
}

static void extent_set(struct bkey_i *k, u64 start, u64 end)
{
	bkey_init(&k->k);
	k->k.type = KEY_TYPE_extent;
	k->k.p = POS(4096, end);
	k->k.size = end - start;
}

/* The same by a look at each sector. */
static const struct bkey_i *owner_of(const struct extents *e, u64 sector)
{
	for (size_t i = 0; i < e->nr; i++)
		if (e->order[i]->k.type != KEY_TYPE_deleted &&
		    bkey_start_offset(&e->order[i]->k) <= sector &&
		    e->order[i]->k.p.offset > sector)
			return e->order[i];
	return NULL;
}

static const struct bkey_i *painted(const struct undelete_pieces *p, u64 sector)
{
	darray_for_each(p->d, piece)
		if (piece->start <= sector && sector < piece->end)
			return piece->k;
	return NULL;
}

TEST(no_extents_give_no_pieces)
{
	struct undelete_pieces p;

	EXPECT_EQ(undelete_paint(NULL, 0, &p), 0);
	EXPECT_EQ(p.d.nr, 0);
	EXPECT_EQ(p.sectors, 0);
}

TEST(of_extents_at_one_place_the_first_counts)
{
	u64 sector, sectors;
	struct undelete_pieces p;

	for (unsigned run = 0; run < 300; run++) {
		struct extents e = extents_new(1 + run % 20);

		for (size_t i = 0; i < e.nr; i++) {
			u64 start = random_below(100);

			extent_set(&e.k[i], start, start + random_below(30));
			if (random_below(8) == 0)
				e.k[i].k.type = KEY_TYPE_deleted;
		}
		EXPECT_EQ(undelete_paint(e.order, e.nr, &p), 0);
		for (sector = sectors = 0; sector < 140; sector++) {
			EXPECT(painted(&p, sector) == owner_of(&e, sector));
			sectors += !!owner_of(&e, sector);
		}
		EXPECT_EQ(p.sectors, sectors);
		for (size_t i = 1; i < p.d.nr; i++)
			EXPECT(p.d.data[i - 1].end <= p.d.data[i].start);
		darray_exit(&p.d);
		extents_exit(&e);
	}
}

/* Each inside the one behind it in rank: a piece at either side of each. */
TEST(hostile_extents_that_nest)
{
	struct extents e = extents_new(HOSTILE);
	struct undelete_pieces p;

	for (u64 i = 0; i < HOSTILE; i++)
		extent_set(&e.k[i], HOSTILE - i, HOSTILE + 1 + i);
	EXPECT_EQ(undelete_paint(e.order, e.nr, &p), 0);
	EXPECT_EQ(p.d.nr, 2 * HOSTILE - 1);
	EXPECT_EQ(p.sectors, 2 * HOSTILE - 1);
	darray_exit(&p.d);
	extents_exit(&e);
}

/* One that covers all comes last: it fills the holes between the others, which come backwards. */
TEST(hostile_extents_with_holes)
{
	struct extents e = extents_new(HOSTILE);
	struct undelete_pieces p;

	for (u64 i = 0; i + 1 < HOSTILE; i++)
		extent_set(&e.k[i], 2 * (HOSTILE - i), 2 * (HOSTILE - i) + 1);
	extent_set(&e.k[HOSTILE - 1], 0, 3 * HOSTILE);
	EXPECT_EQ(undelete_paint(e.order, e.nr, &p), 0);
	EXPECT_EQ(p.d.nr, 2 * (HOSTILE - 1) + 1);
	EXPECT_EQ(p.sectors, 3 * HOSTILE);
	darray_exit(&p.d);
	extents_exit(&e);
}
