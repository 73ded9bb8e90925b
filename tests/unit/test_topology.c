/*
 * Nodes found by scanning, and btrees put together from them: which node a position is read from,
 * against a search through all of them.
 */
#include "btree/topology.h"
#include "btree_image.h"
#include "test.h"

#define TREE  BTREE_ID_lru /* neither extents nor snapshots */
#define NODES 40
#define SPAN  200

/* A leaf with a key at each position of its range whose value tells which leaf it is. */
struct leaf {
	unsigned min, max, generation;
	u32 nr; /* of the image */
	u64 tag;
};

static struct btree_ptr_key leaf_write(struct img *img, struct leaf *l)
{
	struct bpos min = l->min ? POS(0, l->min) : POS_MIN;
	struct bpos max = l->max == SPAN ? SPOS_MAX : bpos_predecessor(POS(0, l->max + 1));
	struct img_node n;
	struct btree_node *head;

	img_node_begin(&n, img, TREE, 0, min, max, NULL);
	head = (struct btree_node *)n.buf;
	head->flags = cpu_to_le64((le64_to_cpu(head->flags) & U32_MAX) | (u64)l->generation << 32);
	l->nr = n.nr;
	for (unsigned i = l->min; i <= min(l->max, SPAN - 1); i++) {
		struct img_key k = img_key(POS(0, i), KEY_TYPE_cookie, l->tag);

		img_node_key(&n, (struct bkey_i *)&k);
	}
	img_node_end_set(&n);
	return img_node_end(&n);
}

static void scan(struct img *img, struct node_index *index)
{
	struct node_scan_args args = {};

	EXPECT_EQ(bch_node_scan(img->c, index, &args), 0);
}

static void rebuild(struct img *img, struct node_index *index, struct topology_args args)
{
	EXPECT_EQ(bch_topology_rebuild(img->c, TREE, index, &args), 0);
}

static void expect_tags(struct img *img, const u64 *tags)
{
	struct btree_iter iter;
	struct bkey_view k;
	unsigned i = 0;
	int ret;

	bch_iter_init(&iter, img->c, TREE, POS_MIN, 0);
	for_each_btree_key(&iter, k, ret)
	{
		for (; i < k.k->p.offset && i < SPAN; i++)
			if (tags[i])
				UNIT_TEST_FAIL("no key at %u, expected %llu", i,
					       (unsigned long long)tags[i]);
		if (i == SPAN || *(const u64 *)k.v != tags[i]) {
			UNIT_TEST_FAIL("wrong key at %u: %llu", i,
				       *(const unsigned long long *)k.v);
			break;
		}
		i++;
	}
	bch_iter_exit(&iter);
	EXPECT_EQ(ret, 0);
	for (; i < SPAN; i++)
		EXPECT_EQ(tags[i], 0);
}

static void img_destroy(struct img *img, u32 nr)
{
	for (unsigned dev = 0; dev < img->nr_devs; dev++)
		img_damage(img, dev, nr, 16);
}

TEST(replicas_are_one_node)
{
	struct img *img = img_new(2, 0);
	struct node_index index;
	struct leaf l[2] = {{0, 99, 1, 0, 1}, {100, SPAN, 1, 0, 2}};
	struct btree_ptr_key key;

	for (unsigned i = 0; i < 2; i++)
		key = leaf_write(img, &l[i]);
	img_damage(img, 0, l[1].nr, 200); /* one replica's content */
	scan(img, &index);
	REQUIRE(index.nodes.nr == 2);
	EXPECT_EQ(index.nodes.data[0].nr_ptrs, 2);
	EXPECT_EQ(index.nodes.data[1].nr_ptrs, 1);
	EXPECT_EQ(index.nodes.data[1].devs[0], 1);
	EXPECT_EQ(index.nodes.data[1].flags, 0);
	EXPECT(bch_node_index_find(&index, TREE, 0, le64_to_cpu(btree_ptr_v2(&key.k)->seq)) ==
	       &index.nodes.data[1]);
	EXPECT(!bch_node_index_find(&index, TREE, 1, le64_to_cpu(btree_ptr_v2(&key.k)->seq)));
	bch_node_index_exit(&index);
	img_free(img);
}

TEST(cancelled_scan_ends)
{
	struct img *img = img_new(1, 0);
	struct node_index index;
	const volatile bool cancel = true;

	EXPECT_EQ(bch_node_scan(img->c, &index, &(struct node_scan_args){.cancel = &cancel}),
		  -EINTR);
	bch_node_index_exit(&index);
	img_free(img);
}

/* The tree has no root: at each position the leaf of the highest generation counts. */
TEST(newest_leaf_of_each_position_is_read)
{
	for (unsigned round = 0; round < 60; round++) {
		struct img *img = img_new(1 + round % 2, 0);
		struct leaf leaves[NODES] = {};
		struct node_index index;
		u64 tags[SPAN] = {};
		unsigned best[SPAN] = {}, nr = 1 + random_below(NODES);

		for (unsigned i = 0; i < nr; i++) {
			struct leaf *l = &leaves[i];

			l->min = random_below(SPAN);
			l->max = min(l->min + random_below(60), SPAN);
			/* No two the same: what then counts is not told apart here. */
			l->generation = 1 + (i * 7 + round) % 101;
			l->tag = i + 1;
			leaf_write(img, l);
			for (unsigned at = l->min; at <= min(l->max, SPAN - 1); at++)
				if (l->generation > best[at]) {
					best[at] = l->generation;
					tags[at] = l->tag;
				}
		}
		EXPECT_EQ(bch_btree_root_set(img->c, TREE, 0, NULL), 0);
		scan(img, &index);
		EXPECT_EQ(index.nodes.nr, nr);
		rebuild(img, &index, (struct topology_args){});
		expect_tags(img, tags);
		for (unsigned i = 0; i < SPAN; i++)
			EXPECT_EQ(bch_btree_damage(img->c, TREE, POS(0, i), POS(0, i)),
				  tags[i] ? BTREE_DAMAGE_unconfirmed : BTREE_DAMAGE_lost);
		bch_node_index_exit(&index);
		img_free(img);
	}
}

/* A tree of four leaves of 50 positions, below a root; older leaves lie about. */
static struct img *four_leaves(struct leaf *leaves, u32 *root_nr)
{
	struct img *img = img_new(1, 0);
	struct btree_ptr_key ptrs[4], root;
	struct leaf old = {20, 140, 1, 0, 99};
	struct img_node n;

	for (unsigned i = 0; i < 4; i++) {
		leaves[i] = (struct leaf){i * 50, i < 3 ? i * 50 + 49 : SPAN, 2 + i, 0, i + 1};
		ptrs[i] = leaf_write(img, &leaves[i]);
	}
	leaf_write(img, &old);
	img_node_begin(&n, img, TREE, 1, POS_MIN, SPOS_MAX, NULL);
	for (unsigned i = 0; i < 4; i++)
		img_node_key(&n, &ptrs[i].k);
	img_node_end_set(&n);
	*root_nr = n.nr;
	root = img_node_end(&n);
	EXPECT_EQ(bch_btree_root_set(img->c, TREE, 1, &root.k), 0);
	return img;
}

static void tags_of_leaves(const struct leaf *leaves, u64 *tags)
{
	for (unsigned i = 0; i < SPAN; i++)
		tags[i] = leaves[i / 50].tag;
}

TEST(whole_tree_stays_as_it_is)
{
	struct leaf leaves[4];
	struct node_index index;
	u64 tags[SPAN];
	u32 root, referenced = 0;
	struct img *img = four_leaves(leaves, &root);

	scan(img, &index);
	EXPECT_EQ(index.nodes.nr, 6);
	rebuild(img, &index, (struct topology_args){});
	EXPECT(!test_bit(BTREE_NODE_fake, &bch_btree_root(img->c, TREE)->flags));
	tags_of_leaves(leaves, tags);
	expect_tags(img, tags);
	darray_for_each(index.nodes, n)
		referenced += !!(n->flags & FOUND_NODE_referenced);
	EXPECT_EQ(referenced, 5);
	EXPECT_EQ(img->c->nr_errors, 0);
	bch_node_index_exit(&index);
	img_free(img);
}

TEST(older_leaf_stands_in_where_one_is_lost)
{
	struct leaf leaves[4];
	struct node_index index;
	u64 tags[SPAN];
	u32 root;
	struct img *img = four_leaves(leaves, &root);

	img_destroy(img, leaves[2].nr);
	scan(img, &index);
	EXPECT_EQ(index.nodes.nr, 5);
	rebuild(img, &index, (struct topology_args){});
	tags_of_leaves(leaves, tags);
	for (unsigned i = 100; i < 150; i++)
		tags[i] = i <= 140 ? 99 : 0;
	expect_tags(img, tags);
	EXPECT_EQ(bch_btree_damage(img->c, TREE, POS_MIN, POS(0, 99)), BTREE_DAMAGE_none);
	EXPECT_EQ(bch_btree_damage(img->c, TREE, POS(0, 100), POS(0, 140)), BTREE_DAMAGE_older);
	EXPECT_EQ(bch_btree_damage(img->c, TREE, POS(0, 141), POS(0, 149)), BTREE_DAMAGE_lost);
	EXPECT_EQ(bch_btree_damage(img->c, TREE, POS(0, 150), SPOS_MAX), BTREE_DAMAGE_none);
	bch_node_index_exit(&index);
	img_free(img);
}

static enum node_expected by_tag(struct bch_fs *c, const struct found_node *n, void *arg)
{
	/* The leaf of generation 4 is not where anything is known to be. */
	return n->generation == 4 ? NODE_EXPECTED_other : NODE_EXPECTED_this;
}

TEST(what_is_known_of_a_place_comes_before_age)
{
	struct leaf leaves[4];
	struct node_index index;
	u64 tags[SPAN];
	u32 root;
	struct img *img = four_leaves(leaves, &root);

	img_destroy(img, root);
	scan(img, &index);
	rebuild(img, &index, (struct topology_args){.expected = by_tag});
	tags_of_leaves(leaves, tags);
	/* The one of generation 1 covers 20 to 140. */
	for (unsigned i = 100; i <= 140; i++)
		tags[i] = 99;
	expect_tags(img, tags);
	EXPECT_EQ(bch_btree_damage(img->c, TREE, POS_MIN, POS(0, 140)), BTREE_DAMAGE_none);
	EXPECT_EQ(bch_btree_damage(img->c, TREE, POS(0, 141), POS(0, 149)), BTREE_DAMAGE_older);
	EXPECT_EQ(bch_btree_damage(img->c, TREE, POS(0, 150), SPOS_MAX), BTREE_DAMAGE_none);
	bch_node_index_exit(&index);
	img_free(img);
}
