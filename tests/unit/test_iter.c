/*
 * Iterators against a flat sorted array: forwards, backwards, slots, snapshots, overlay, nodes;
 * with all sizes of memory and from several threads.
 */
#include <linux/kthread.h>
#include "btree_image.h"
#include "test.h"

#define PLAIN BTREE_ID_lru     /* neither extents nor snapshots */
#define SNAP  BTREE_ID_xattrs  /* snapshots */
#define EXT   BTREE_ID_extents /* extents with snapshots */

static int cmp_img_keys(const void *l, const void *r)
{
	return bpos_cmp(((const struct img_key *)l)->k.p, ((const struct img_key *)r)->k.p);
}

/* Sort by position, only the first at each. */
static unsigned sort_keys(struct img_key *keys, unsigned nr)
{
	unsigned n = 0;

	qsort(keys, nr, sizeof(*keys), cmp_img_keys);
	for (unsigned i = 0; i < nr; i++)
		if (!n || !bpos_eq(keys[n - 1].k.p, keys[i].k.p))
			keys[n++] = keys[i];
	return n;
}

static unsigned random_keys(struct img_key *keys, unsigned nr, bool snapshots)
{
	for (unsigned i = 0; i < nr; i++)
		keys[i] = img_key(SPOS(random_below(20), random_below(1000),
				       snapshots ? U32_MAX - random_below(6) : 0),
				  KEY_TYPE_cookie, i + 1);
	return sort_keys(keys, nr);
}

static bool is_key(struct bkey_view k, const struct img_key *want)
{
	return k.k && bpos_eq(k.k->p, want->k.p) && k.k->type == want->k.type &&
	       (k.k->type != KEY_TYPE_cookie || *(const u64 *)k.v == want->v);
}

static unsigned first_at(const struct img_key *keys, unsigned nr, struct bpos p)
{
	unsigned i = 0;

	while (i < nr && bpos_lt(keys[i].k.p, p))
		i++;
	return i;
}

static void check_walk(struct img *img, unsigned btree, const struct img_key *keys, unsigned nr,
		       unsigned flags)
{
	struct btree_iter iter;
	struct bkey_view k;
	unsigned i = 0;
	int ret;

	bch_iter_init(&iter, img->c, btree, POS_MIN, flags);
	for_each_btree_key(&iter, k, ret)
	{
		if (i >= nr || !is_key(k, &keys[i])) {
			UNIT_TEST_FAIL("key %u of %u is wrong", i, nr);
			break;
		}
		i++;
	}
	bch_iter_exit(&iter);
	EXPECT_EQ(ret, 0);
	EXPECT_EQ(i, nr);
}

static void check_walk_back(struct img *img, unsigned btree, const struct img_key *keys,
			    unsigned nr, unsigned flags)
{
	struct btree_iter iter;
	struct bkey_view k;
	unsigned i = nr;
	int ret;

	bch_iter_init(&iter, img->c, btree, SPOS_MAX, flags);
	for (ret = bch_iter_peek_prev(&iter, &k); !ret && k.k; ret = bch_iter_prev(&iter, &k)) {
		if (!i || !is_key(k, &keys[i - 1])) {
			UNIT_TEST_FAIL("key %u of %u is wrong", i, nr);
			break;
		}
		i--;
	}
	bch_iter_exit(&iter);
	EXPECT_EQ(ret, 0);
	EXPECT_EQ(i, 0);
}

static void check_seeks(struct img *img, unsigned btree, const struct img_key *keys, unsigned nr,
			unsigned flags)
{
	struct btree_iter iter;
	struct bkey_view k;

	bch_iter_init(&iter, img->c, btree, POS_MIN, flags);
	for (unsigned round = 0; round < 300; round++) {
		struct bpos p =
			SPOS(random_below(21), random_below(1001),
			     flags & BTREE_ITER_all_snapshots ? U32_MAX - random_below(7) : 0);
		unsigned i = first_at(keys, nr, p);

		bch_iter_set_pos(&iter, p);
		EXPECT_EQ(bch_iter_peek(&iter, &k), 0);
		EXPECT(i == nr ? !k.k : is_key(k, &keys[i]));
		if (i < nr && !random_below(3)) {
			EXPECT_EQ(bch_iter_next(&iter, &k), 0);
			EXPECT(i + 1 == nr ? !k.k : is_key(k, &keys[i + 1]));
		}
		if (!random_below(4))
			bch_iter_unlock(&iter);

		bch_iter_set_pos(&iter, p);
		EXPECT_EQ(bch_iter_peek_slot(&iter, &k), 0);
		if (i < nr && bpos_eq(keys[i].k.p, p))
			EXPECT(is_key(k, &keys[i]));
		else
			EXPECT(k.k && k.k->type == KEY_TYPE_deleted && bpos_eq(k.k->p, p));

		if (i < nr && bpos_eq(keys[i].k.p, p))
			i++;
		bch_iter_set_pos(&iter, p);
		EXPECT_EQ(bch_iter_peek_prev(&iter, &k), 0);
		EXPECT(i ? is_key(k, &keys[i - 1]) : !k.k);
	}
	bch_iter_exit(&iter);
}

static const struct shape {
	unsigned nr, per_leaf, per_node;
	u64 memory;
} shapes[] = {
	{0, 1, 2, 0},	 {1, 1, 2, 0},	   {40, 60, 2, 0},   {300, 20, 30, 0},
	{300, 20, 4, 0}, {2500, 40, 8, 0}, {2500, 40, 8, 1}, {2500, 40, 40, 40000},
};

TEST(walks_and_seeks_agree_with_a_sorted_array)
{
	static struct img_key keys[4000];

	for (unsigned s = 0; s < ARRAY_SIZE(shapes); s++)
		for (unsigned noise = 0; noise < 2; noise++) {
			struct img *img = img_new(1, shapes[s].memory);
			unsigned nr = random_keys(keys, shapes[s].nr, false);
			unsigned nr_snap, flags = s & 1 ? BTREE_ITER_prefetch : 0;

			img_tree(img, PLAIN, keys, nr, shapes[s].per_leaf, shapes[s].per_node,
				 noise);
			check_walk(img, PLAIN, keys, nr, flags);
			check_walk(img, PLAIN, keys, nr, flags | BTREE_ITER_once);
			check_walk_back(img, PLAIN, keys, nr, flags);
			check_seeks(img, PLAIN, keys, nr, flags);

			flags |= BTREE_ITER_all_snapshots;
			nr_snap = random_keys(keys, shapes[s].nr, true);
			img_tree(img, SNAP, keys, nr_snap, shapes[s].per_leaf, shapes[s].per_node,
				 noise);
			check_walk(img, SNAP, keys, nr_snap, flags);
			check_walk_back(img, SNAP, keys, nr_snap, flags);
			check_seeks(img, SNAP, keys, nr_snap, flags);
			EXPECT_EQ(img->c->nr_errors, 0);
			EXPECT_STR(printbuf_str(&img->messages), "");
			img_free(img);
		}
}

TEST(btree_without_root_is_empty)
{
	struct img *img = img_new(1, 0);

	check_walk(img, PLAIN, NULL, 0, 0);
	check_walk_back(img, PLAIN, NULL, 0, 0);
	img_free(img);
}

TEST(end_is_inclusive)
{
	struct img *img = img_new(1, 0);
	struct img_key keys[10];
	struct btree_iter iter;
	struct bkey_view k;

	for (unsigned i = 0; i < 10; i++)
		keys[i] = img_key(POS(0, i), KEY_TYPE_cookie, i);
	img_tree(img, PLAIN, keys, 10, 3, 2, false);
	bch_iter_init(&iter, img->c, PLAIN, POS(0, 4), 0);
	for (unsigned i = 4; i <= 7; i++, bch_iter_advance(&iter)) {
		EXPECT_EQ(bch_iter_peek_upto(&iter, POS(0, 7), &k), 0);
		EXPECT(is_key(k, &keys[i]));
	}
	EXPECT_EQ(bch_iter_peek_upto(&iter, POS(0, 7), &k), 0);
	EXPECT(!k.k);
	EXPECT(bpos_eq(iter.pos, POS(0, 7)));
	bch_iter_exit(&iter);
	img_free(img);
}

/* Overlay */

static void overlay_add(struct img *img, unsigned btree, struct img_key k, u64 seq)
{
	EXPECT_EQ(bch_overlay_add(img->c, btree, 0, (struct bkey_i *)&k, seq, 0), 0);
}

TEST(overlay_keys_replace_and_hide)
{
	static struct img_key keys[4000], all[4000], now[4000];

	for (unsigned s = 0; s < ARRAY_SIZE(shapes); s++) {
		struct img *img = img_new(1, shapes[s].memory);
		unsigned nr = random_keys(keys, shapes[s].nr, false), nr_all = 0, nr_now = 0;

		img_tree(img, PLAIN, keys, nr, shapes[s].per_leaf, shapes[s].per_node, true);
		/* Of equal positions the first stays when sorting: newest first. */
		for (unsigned i = 0; i < shapes[s].nr / 2 + 5; i++) {
			struct bpos p = nr && random_below(2) ?
						keys[random_below(nr)].k.p :
						POS(random_below(20), random_below(1000));

			all[nr_all++] = random_below(3) ? img_key(p, KEY_TYPE_cookie, 1 << 20 | i) :
							  img_key(p, KEY_TYPE_deleted, 0);
		}
		nr_all = sort_keys(all, nr_all);
		for (unsigned i = 0; i < nr_all; i++) {
			overlay_add(img, PLAIN, img_key(all[i].k.p, KEY_TYPE_cookie, 7), i);
			overlay_add(img, PLAIN, all[i], 10000 + i);
		}
		bch_overlay_sort(img->c);
		for (unsigned i = 0, j = 0; i < nr || j < nr_all;) {
			int cmp = i == nr     ? 1 :
				  j == nr_all ? -1 :
						bpos_cmp(keys[i].k.p, all[j].k.p);

			if (cmp < 0)
				now[nr_now++] = keys[i];
			else if (all[j].k.type != KEY_TYPE_deleted)
				now[nr_now++] = all[j];
			i += cmp <= 0;
			j += cmp >= 0;
		}
		check_walk(img, PLAIN, now, nr_now, 0);
		check_walk_back(img, PLAIN, now, nr_now, 0);
		check_seeks(img, PLAIN, now, nr_now, 0);
		EXPECT_STR(printbuf_str(&img->messages), "");
		img_free(img);
	}
}

TEST(overlay_of_interior_nodes_leads_to_new_children)
{
	struct img *img = img_new(1, 0);
	struct img_key keys[40], more[3];
	struct btree_ptr_key left, right, gone;

	for (unsigned i = 0; i < 40; i++)
		keys[i] = img_key(POS(0, i), KEY_TYPE_cookie, i);
	img_tree(img, PLAIN, keys, 40, 10, 8, false);
	/* The second leaf, 10..19, was split in two since, and one key added. */
	memcpy(more, &keys[16], 2 * sizeof(*keys));
	left = img_leaf(img, PLAIN, SPOS(0, 9, 1), POS(0, 14), keys + 10, 5, false);
	right = img_leaf(img, PLAIN, SPOS(0, 14, 1), POS(0, 19), keys + 15, 5, false);
	EXPECT_EQ(bch_overlay_add(img->c, PLAIN, 1, &left.k, 5, 0), 0);
	EXPECT_EQ(bch_overlay_add(img->c, PLAIN, 1, &right.k, 5, 1), 0);
	bch_overlay_sort(img->c);
	check_walk(img, PLAIN, keys, 40, 0);
	check_walk(img, PLAIN, keys, 40, BTREE_ITER_prefetch);
	check_walk_back(img, PLAIN, keys, 40, 0);

	/* Now one of them is merged into the next. */
	right = img_leaf(img, PLAIN, SPOS(0, 14, 1), POS(0, 29), keys + 15, 15, false);
	bkey_init_pos(&gone.k.k, POS(0, 19));
	EXPECT_EQ(bch_overlay_add(img->c, PLAIN, 1, &right.k, 6, 0), 0);
	EXPECT_EQ(bch_overlay_add(img->c, PLAIN, 1, &gone.k, 6, 1), 0);
	bch_overlay_sort(img->c);
	check_walk(img, PLAIN, keys, 40, 0);
	check_walk_back(img, PLAIN, keys, 40, 0);
	EXPECT_STR(printbuf_str(&img->messages), "");
	img_free(img);
}

/* Snapshots: a tree of ids below U32_MAX, children have smaller ones. */

#define NR_SNAPSHOTS 6
static u32 snapshot_parent[NR_SNAPSHOTS] = {0, 0, 0, 1, 1, 3}; /* index: U32_MAX - id */

static bool test_is_ancestor(const struct bch_fs *c, u32 id, u32 ancestor)
{
	for (u32 i = U32_MAX - id;; i = snapshot_parent[i]) {
		if (U32_MAX - i == ancestor)
			return true;
		if (!i || i >= NR_SNAPSHOTS)
			return false;
	}
}

/* What snapshot @id sees: for each inode:offset the nearest ancestor's key, unless a whiteout. */
static unsigned visible(const struct img_key *keys, unsigned nr, u32 id, struct img_key *out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nr;) {
		const struct img_key *nearest = NULL;
		struct bpos p = keys[i].k.p;

		for (; i < nr && bkey_eq(keys[i].k.p, p); i++)
			if (!nearest && test_is_ancestor(NULL, id, keys[i].k.p.snapshot))
				nearest = &keys[i];
		if (nearest && nearest->k.type != KEY_TYPE_whiteout)
			out[n++] = *nearest;
	}
	return n;
}

TEST(snapshots_see_the_nearest_ancestor)
{
	static struct img_key keys[3000], seen[3000];
	struct btree_iter iter;
	struct bkey_view k;

	for (unsigned round = 0; round < 8; round++) {
		struct img *img = img_new(1, 0);
		unsigned nr = 1500;

		img->c->btree->ops.snapshot_is_ancestor = test_is_ancestor;
		for (unsigned i = 0; i < nr; i++)
			keys[i] = img_key(SPOS(random_below(4), random_below(120),
					       U32_MAX - random_below(NR_SNAPSHOTS)),
					  random_below(4) ? KEY_TYPE_cookie : KEY_TYPE_whiteout, i);
		nr = sort_keys(keys, nr);
		img_tree(img, SNAP, keys, nr, 30, 10, round & 1);
		for (u32 id = U32_MAX; id > U32_MAX - NR_SNAPSHOTS; id--) {
			unsigned nr_seen = visible(keys, nr, id, seen), i = 0;
			int ret;

			bch_iter_init(&iter, img->c, SNAP, SPOS(0, 0, id), 0);
			for_each_btree_key(&iter, k, ret)
			{
				EXPECT(i < nr_seen && is_key(k, &seen[i]));
				EXPECT_EQ(iter.pos.snapshot, id);
				i++;
			}
			EXPECT_EQ(i, nr_seen);
			bch_iter_set_pos(&iter, SPOS(U64_MAX, U64_MAX, id));
			for (ret = bch_iter_peek_prev(&iter, &k); !ret && k.k;
			     ret = bch_iter_prev(&iter, &k)) {
				EXPECT(i && is_key(k, &seen[i - 1]));
				i--;
			}
			EXPECT_EQ(ret, 0);
			EXPECT_EQ(i, 0);
			for (unsigned p = 0; p < 120; p++) {
				while (i < nr_seen && bkey_lt(seen[i].k.p, POS(0, p)))
					i++;
				bch_iter_set_pos(&iter, SPOS(0, p, id));
				EXPECT_EQ(bch_iter_peek_slot(&iter, &k), 0);
				EXPECT(i < nr_seen && bkey_eq(seen[i].k.p, POS(0, p)) ?
					       is_key(k, &seen[i]) :
					       k.k->type == KEY_TYPE_deleted);
			}
			bch_iter_exit(&iter);
		}
		img_free(img);
	}
}

/* Extents */

static unsigned random_extents(struct img_key *keys, unsigned nr)
{
	struct bpos end = SPOS(1, 0, U32_MAX);
	unsigned n = 0;

	while (n < nr) {
		u32 size = 1 + random_below(20);

		if (random_below(2))
			end.offset += random_below(30);
		if (!random_below(50))
			end = SPOS(end.inode + 1 + random_below(2), 0, U32_MAX);
		end.offset += size;
		keys[n] = img_key(end, KEY_TYPE_cookie, n);
		keys[n++].k.size = size;
	}
	return n;
}

TEST(extents_cover_their_range)
{
	static struct img_key keys[600];
	struct btree_iter iter;
	struct bkey_view k;
	unsigned nr = random_extents(keys, 600), i = 0;
	struct img *img = img_new(1, 0);
	int ret;

	img_tree(img, EXT, keys, nr, 20, 10, true);
	bch_iter_init(&iter, img->c, EXT, SPOS(0, 0, U32_MAX), 0);
	for_each_btree_key(&iter, k, ret) EXPECT(i < nr && is_key(k, &keys[i++]));
	EXPECT_EQ(i, nr);
	bch_iter_set_pos(&iter, SPOS(U64_MAX, U64_MAX, U32_MAX));
	for (ret = bch_iter_peek_prev(&iter, &k); !ret && k.k; ret = bch_iter_prev(&iter, &k))
		EXPECT(i && is_key(k, &keys[--i]));
	EXPECT_EQ(i, 0);

	for (unsigned round = 0; round < 500; round++) {
		struct bpos p = SPOS(1 + random_below(5), random_below(2000), U32_MAX);
		const struct img_key *before = NULL, *at = NULL;

		for (i = 0; i < nr; i++) {
			if (bkey_lt(bkey_start_pos(&keys[i].k), p))
				before = &keys[i];
			if (!at && bkey_gt(keys[i].k.p, p))
				at = &keys[i];
		}
		bch_iter_set_pos(&iter, p);
		EXPECT_EQ(bch_iter_peek(&iter, &k), 0);
		EXPECT(at ? is_key(k, at) : !k.k);
		bch_iter_set_pos(&iter, p);
		EXPECT_EQ(bch_iter_peek_prev(&iter, &k), 0);
		EXPECT(before ? is_key(k, before) : !k.k);
		bch_iter_set_pos(&iter, p);
		EXPECT_EQ(bch_iter_peek_slot(&iter, &k), 0);
		if (at && bkey_le(bkey_start_pos(&at->k), p)) {
			EXPECT(is_key(k, at));
		} else {
			EXPECT_EQ(k.k->type, KEY_TYPE_deleted);
			EXPECT(bkey_eq(bkey_start_pos(k.k), p));
			if (at && at->k.p.inode == p.inode)
				EXPECT(bkey_eq(k.k->p, bkey_start_pos(&at->k)));
			else
				EXPECT_EQ(k.k->size, KEY_SIZE_MAX);
		}
	}
	bch_iter_exit(&iter);
	img_free(img);
}

TEST(slots_of_extents_cover_a_file_without_gaps)
{
	static struct img_key keys[100];
	struct btree_iter iter;
	struct bkey_view k;
	unsigned nr = random_extents(keys, 100);
	struct img *img = img_new(1, 0);
	u64 at = 0, data = 0, want = 0;
	int ret;

	for (unsigned i = 0; i < nr; i++)
		want += keys[i].k.p.inode == 1 ? keys[i].k.size : 0;
	img_tree(img, EXT, keys, nr, 20, 10, true);
	bch_iter_init(&iter, img->c, EXT, SPOS(1, 0, U32_MAX), 0);
	for (ret = bch_iter_peek_slot(&iter, &k); !ret && k.k->size != KEY_SIZE_MAX;
	     ret = bch_iter_next_slot(&iter, &k)) {
		EXPECT_EQ(bkey_start_offset(k.k), at);
		at = k.k->p.offset;
		data += k.k->type == KEY_TYPE_cookie ? k.k->size : 0;
	}
	EXPECT_EQ(ret, 0);
	EXPECT_EQ(data, want);
	bch_iter_exit(&iter);
	img_free(img);
}

/* Nodes */

TEST(nodes_come_in_post_order)
{
	static struct img_key keys[1000];
	struct img *img = img_new(1, 0);
	unsigned nr = random_keys(keys, 1000, false);

	img_tree(img, PLAIN, keys, nr, 30, 4, false);
	for (unsigned level = 0; level < 5; level++) {
		unsigned counts[5] = {}, last = level, total = 0;
		struct bpos max[5] = {};
		struct btree_iter iter;
		struct btree *b;
		int ret;

		bch_iter_init_level(&iter, img->c, PLAIN, POS_MIN, level, 0);
		while (!(ret = bch_iter_next_node(&iter, &b)) && b) {
			counts[b->level]++;
			total++;
			EXPECT(b->level >= level);
			EXPECT(b->level == level || b->level == last + 1);
			if (b->level > level)
				EXPECT(bpos_eq(max[b->level - 1], b->data->max_key));
			max[b->level] = b->data->max_key;
			last = b->level;
		}
		bch_iter_exit(&iter);
		EXPECT_EQ(ret, 0);
		EXPECT_EQ(total == 0, level > 3);
		EXPECT_EQ(counts[3], level <= 3);
		if (!level)
			EXPECT_EQ(counts[0], (nr + 29) / 30);
	}
	img_free(img);
}

TEST(node_walk_starts_at_its_position)
{
	struct img *img = img_new(1, 0);
	struct img_key keys[40];
	struct btree_iter iter;
	struct btree *b;

	for (unsigned i = 0; i < 40; i++)
		keys[i] = img_key(POS(0, i), KEY_TYPE_cookie, i);
	img_tree(img, PLAIN, keys, 40, 10, 8, false);
	bch_iter_init_level(&iter, img->c, PLAIN, POS(0, 25), 0, 0);
	EXPECT_EQ(bch_iter_next_node(&iter, &b), 0);
	EXPECT(b && bpos_eq(b->data->max_key, POS(0, 29)));
	bch_iter_exit(&iter);
	img_free(img);
}

/* Threads */

static struct img_key shared_keys[3000];
static unsigned nr_shared_keys;

static int walk_many(void *p)
{
	struct img *img = p;

	for (unsigned i = 0; i < 4; i++) {
		check_walk(img, PLAIN, shared_keys, nr_shared_keys,
			   i & 1 ? BTREE_ITER_prefetch : BTREE_ITER_once);
		check_walk_back(img, PLAIN, shared_keys, nr_shared_keys, 0);
	}
	return 0;
}

TEST(many_threads_walk_with_little_memory)
{
	struct img *img = img_new(2, 50000);
	struct task_struct *t[4];

	nr_shared_keys = random_keys(shared_keys, ARRAY_SIZE(shared_keys), false);
	img_tree(img, PLAIN, shared_keys, nr_shared_keys, 40, 8, true);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		t[i] = kthread_run(walk_many, img, "walk");
		REQUIRE(!IS_ERR(t[i]));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
		kthread_stop(t[i]);
	EXPECT_EQ(img->c->nr_errors, 0);
	EXPECT(img->c->btree->cache.nr_evicted > 0);
	img_free(img);
}
