/*
 * Reading damaged nodes: what is good is found, what is not is told, and nothing more is lost than
 * was damaged (spec 02 sections 7, 29).
 */
#include "btree_image.h"
#include "test.h"

#define PLAIN BTREE_ID_lru
#define SNAP  BTREE_ID_xattrs

static struct btree_ptr_key ptr_key; /* of the last node written */

/* A root with a leaf only: @sets bsets of 10 keys each, POS(0, 0) on, values the same. */
static struct img *leaf_image(unsigned nr_devs, unsigned sets, struct bch_crypt_key *key)
{
	struct img *img = img_new(nr_devs, 0);
	static struct img_node n;

	img->c->key = key;
	img_node_begin(&n, img, PLAIN, 0, POS_MIN, SPOS_MAX, NULL);
	for (unsigned i = 0; i < sets * 10; i++) {
		struct img_key k = img_key(POS(0, i), KEY_TYPE_cookie, i);

		img_node_key(&n, (struct bkey_i *)&k);
		if (i % 10 == 9)
			img_node_end_set(&n);
	}
	ptr_key = img_node_end(&n);
	bch_btree_root_set(img->c, PLAIN, 0, &ptr_key.k);
	return img;
}

/* Number of the only node, offset in it of the sector where bset @set begins. */
#define NODE (IMG_BUCKET / IMG_NODE_SECTORS)

static u32 set_byte(unsigned set)
{
	return set << 9;
}

/* How many of POS(0, 0) to POS(0, nr - 1) there are, each with its right value when @exact. */
static unsigned count_keys(struct img *img, unsigned btree, bool exact)
{
	struct btree_iter iter;
	struct bkey_view k;
	unsigned nr = 0;
	int ret;

	bch_iter_init(&iter, img->c, btree, POS_MIN, BTREE_ITER_all_snapshots);
	for_each_btree_key(&iter, k, ret)
	{
		if (exact)
			EXPECT_EQ(*(u64 *)k.v, k.k->p.offset);
		nr++;
	}
	bch_iter_exit(&iter);
	EXPECT(!ret || ret == -BCH_ERR_btree_node_read_error);
	return nr;
}

static bool said(struct img *img, const char *s)
{
	return strstr(printbuf_str(&img->messages), s);
}

TEST(good_node_is_silent)
{
	struct img *img = leaf_image(1, 4, NULL);

	EXPECT_EQ(count_keys(img, PLAIN, true), 40);
	EXPECT_EQ(img->c->nr_errors, 0);
	EXPECT_STR(printbuf_str(&img->messages), "");
	img_free(img);
}

TEST(other_replica_is_taken)
{
	for (unsigned byte = 0; byte < 40; byte++) {
		struct img *img = leaf_image(2, 3, NULL);

		img_damage(img, 0, NODE, byte);
		EXPECT_EQ(count_keys(img, PLAIN, true), 30);
		EXPECT(said(img, "retrying read"));
		EXPECT(said(img, "retry success"));
		EXPECT_EQ(img->c->nr_errors, 0);
		EXPECT(test_bit(BTREE_NODE_need_rewrite, &bch_btree_root(img->c, PLAIN)->flags));
		img_free(img);
	}
}

TEST(each_bset_comes_from_where_it_is_good)
{
	struct img *img = leaf_image(2, 4, NULL);

	img_damage(img, 0, NODE, set_byte(0) + 300);
	img_damage(img, 1, NODE, set_byte(1) + 100);
	img_damage(img, 0, NODE, set_byte(2) + 16);
	img_damage(img, 1, NODE, set_byte(3) + 60);
	EXPECT_EQ(count_keys(img, PLAIN, true), 40);
	EXPECT_EQ(img->c->nr_errors, 0);
	EXPECT_EQ(img->dev[0].csum_errors, 1);
	img_free(img);
}

TEST(wrong_value_without_replica_is_told)
{
	struct img *img = leaf_image(1, 4, NULL);

	/* The value of the second key of the second bset. */
	img_damage(img, 0, NODE, set_byte(1) + 40 + 8 * (4 + 3));
	EXPECT_EQ(count_keys(img, PLAIN, false), 40);
	EXPECT(said(img, "checksum error, type crc32c_nonzero: got "));
	EXPECT_EQ(img->c->nr_errors, 1);
	img_free(img);
}

TEST(bsets_behind_a_damaged_one_are_found)
{
	/* seq, flags, version, u64s of the second bset: 16 ... 39 */
	for (unsigned byte = 16; byte < 40; byte++) {
		struct img *img = leaf_image(1, 4, NULL);
		unsigned nr;

		img_damage(img, 0, NODE, set_byte(1) + byte);
		nr = count_keys(img, PLAIN, true);
		EXPECT(nr >= 30);
		EXPECT(img->c->nr_errors > 0);
		img_free(img);
	}
}

TEST(no_damage_of_one_byte_hides_the_other_bsets)
{
	for (unsigned byte = 0; byte < 512; byte++) {
		struct img *img = leaf_image(1, 3, NULL);

		img_damage(img, 0, NODE, set_byte(1) + byte);
		EXPECT(count_keys(img, PLAIN, false) >= 20);
		/* Behind the keys there is nothing to find. */
		EXPECT_EQ(img->c->nr_errors > 0, byte < 40 + 10 * 4 * 8);
		img_free(img);
	}
}

TEST(lost_node_is_an_error)
{
	struct img *img = leaf_image(1, 2, NULL);

	img_damage(img, 0, NODE, 136);
	EXPECT_EQ(count_keys(img, PLAIN, true), 0);
	EXPECT(said(img, "got wrong btree node: got\nbtree=lru l=0 seq "));
	EXPECT(said(img, "error reading btree root lru l=0: btree_node_read_error"));
	EXPECT(said(img, "flagging btree lru lost data"));
	EXPECT(img->c->nr_errors > 0);
	img_free(img);
}

TEST(missing_device_is_an_error)
{
	struct img *img = leaf_image(1, 2, NULL);
	struct block_device *bdev = img->dev[0].bdev;

	img->dev[0].bdev = NULL;
	EXPECT_EQ(count_keys(img, PLAIN, true), 0);
	EXPECT(said(img, "no device to read from"));
	img->dev[0].bdev = bdev;
	img_free(img);
}

/* Encryption */

TEST(encrypted_nodes_are_read)
{
	struct bch_crypt_key key = {{1, 2, 3, 4}}, wrong = {{1, 2, 3, 5}};
	struct img *img = leaf_image(1, 4, &key);

	EXPECT_EQ(count_keys(img, PLAIN, true), 40);
	EXPECT_STR(printbuf_str(&img->messages), "");
	img->c->key = &wrong;
	img_reopen(img, 0);
	EXPECT_EQ(count_keys(img, PLAIN, true), 0);
	EXPECT(img->c->nr_errors > 0);
	img->c->key = NULL;
	img_reopen(img, 0);
	EXPECT_EQ(count_keys(img, PLAIN, true), 0);
	EXPECT(said(img, "unknown checksum type 4"));
	img_free(img);
}

TEST(forged_bset_is_not_used)
{
	struct bch_crypt_key key = {{1, 2, 3, 4}};
	struct img *img = leaf_image(1, 4, &key);

	img_damage(img, 0, NODE, set_byte(1) + 100);
	EXPECT_EQ(count_keys(img, PLAIN, true), 30);
	EXPECT(img->c->nr_errors > 0);
	img_free(img);
}

/* Bad keys under good checksums: what buggy writers leave behind */

/* A leaf of SNAP with 20 keys, the one at @at made by @make. */
static struct img *keys_image(unsigned at, void (*make)(struct img_node *n, u64 *key))
{
	struct img *img = img_new(1, 0);
	static struct img_node n;

	img_node_begin(&n, img, SNAP, 0, POS_MIN, SPOS_MAX, NULL);
	for (unsigned i = 0; i < 20; i++) {
		struct img_key k = img_key(SPOS(0, i, U32_MAX), KEY_TYPE_cookie, i);
		u64 *key = n.dst;

		img_node_key(&n, (struct bkey_i *)&k);
		if (i == at)
			make(&n, key);
	}
	img_node_end_set(&n);
	ptr_key = img_node_end(&n);
	bch_btree_root_set(img->c, SNAP, 0, &ptr_key.k);
	return img;
}

static void swap_with_previous(struct img_node *n, u64 *key)
{
	u64 size = n->dst - key;

	for (u64 i = 0; i < size; i++)
		swap(key[i], key[i - size]);
}

TEST(swapped_keys_are_sorted)
{
	struct img *img = keys_image(7, swap_with_previous);

	EXPECT_EQ(count_keys(img, SNAP, true), 20);
	EXPECT(said(img,
		    "keys out of order: u64s 6 type cookie 0:7:U32_MAX len 0 ver 0 > u64s 6 type "
		    "cookie 0:6:U32_MAX len 0 ver 0"));
	EXPECT_EQ(img->c->nr_errors, 1);
	img_free(img);
}

static void double_it(struct img_node *n, u64 *key)
{
	u64 size = n->dst - key;

	memcpy(n->dst, key, size * sizeof(u64));
	n->dst += size;
}

TEST(second_key_of_a_position_is_dropped)
{
	struct img *img = keys_image(7, double_it);

	EXPECT_EQ(count_keys(img, SNAP, true), 20);
	EXPECT_EQ(img->c->nr_errors, 1);
	img_free(img);
}

static void no_snapshot(struct img_node *n, u64 *key)
{
	struct img_key k = img_key(POS(0, 8), KEY_TYPE_cookie, 8);

	n->dst = key;
	img_node_key(n, (struct bkey_i *)&k);
}

static void short_value(struct img_node *n, u64 *key)
{
	((struct bkey_packed *)key)->u64s--;
	n->dst--;
}

static void bad_format(struct img_node *n, u64 *key)
{
	((struct bkey_packed *)key)->format = 17;
}

static void no_size(struct img_node *n, u64 *key)
{
	((struct bkey_packed *)key)->u64s = 0;
}

static void too_large(struct img_node *n, u64 *key)
{
	((struct bkey_packed *)key)->u64s = 255;
}

static void reaches_into_next(struct img_node *n, u64 *key)
{
	((struct bkey_packed *)key)->u64s += 2;
	((struct bkey_packed *)key)->format = 3;
}

TEST(exactly_the_bad_key_is_dropped)
{
	static void (*const make[])(struct img_node * n, u64 * key) = {
		no_snapshot, short_value, bad_format, no_size, too_large, reaches_into_next,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(make); i++)
		for (unsigned at = 0; at < 20; at++) {
			struct img *img = keys_image(at, make[i]);

			EXPECT_EQ(count_keys(img, SNAP, true), 19);
			EXPECT_EQ(img->c->nr_errors, 1);
			img_free(img);
		}
}

TEST(bad_key_is_told_with_its_rule)
{
	struct img *img = keys_image(8, no_snapshot);

	count_keys(img, SNAP, true);
	EXPECT(said(img,
		    "error validating btree node on a at btree xattrs level 0/0\n  u64s 11 type "
		    "btree_ptr_v2 SPOS_MAX len 0 ver 0: seq "));
	EXPECT(said(img,
		    "bset byte offset 416: invalid bkey u64s 6 type cookie 0:8:0 len 0 ver 0: 8\n  "
		    "snapshot == 0, fixing"));
	img_free(img);
}

/* Pointers */

static void reroot(struct img *img, u16 sectors, u16 flags, struct bpos min, struct bpos max)
{
	struct bch_btree_ptr_v2 *v2 = (void *)ptr_key.k.v;

	v2->sectors_written = cpu_to_le16(sectors);
	v2->flags = cpu_to_le16(flags);
	v2->min_key = min;
	ptr_key.k.k.p = max;
	img_reopen(img, 0);
	bch_btree_root_set(img->c, PLAIN, 0, &ptr_key.k);
}

TEST(sectors_written_ends_the_node)
{
	struct img *img = leaf_image(1, 4, NULL);

	reroot(img, 2, 0, POS_MIN, SPOS_MAX);
	EXPECT_EQ(count_keys(img, PLAIN, true), 20);
	EXPECT_EQ(img->c->nr_errors, 0);
	reroot(img, 0, 0, POS_MIN, SPOS_MAX);
	EXPECT_EQ(count_keys(img, PLAIN, true), 40);
	EXPECT_EQ(img->c->nr_errors, 0);
	reroot(img, 6, 0, POS_MIN, SPOS_MAX);
	EXPECT_EQ(count_keys(img, PLAIN, true), 40);
	EXPECT(said(img, "btree node data missing: expected 6 sectors, found 4, fixing"));
	EXPECT_EQ(img->c->nr_errors, 1);
	reroot(img, 99, 0, POS_MIN, SPOS_MAX);
	EXPECT_EQ(count_keys(img, PLAIN, true), 40);
	EXPECT_EQ(img->c->nr_errors, 1);
	img_free(img);
}

TEST(updated_range_cuts_the_node)
{
	struct img *img = leaf_image(1, 4, NULL);

	reroot(img, 4, 0, POS(0, 5), POS(0, 24));
	EXPECT_EQ(count_keys(img, PLAIN, true), 0);
	EXPECT(said(img, "incorrect min_key: got POS_MIN should be 0:5:0"));
	reroot(img, 4, BTREE_PTR_RANGE_UPDATED, POS(0, 5), POS(0, 24));
	EXPECT_EQ(count_keys(img, PLAIN, true), 20);
	/* As the root of a btree it is too small. */
	EXPECT(said(img, "btree root with incorrect min_key: 0:5:0"));
	EXPECT(said(img, "btree root with incorrect max_key: 0:24:0"));
	EXPECT_EQ(img->c->nr_errors, 2);
	img_free(img);
}

/* The blacklist: bset n has journal_seq n */

static u64 blacklisted;

static bool is_blacklisted(const struct bch_fs *c, u64 seq)
{
	return seq == blacklisted;
}

TEST(blacklisted_bset_is_left_out)
{
	struct img *img = leaf_image(1, 4, NULL);

	img->c->btree->ops.seq_is_blacklisted = is_blacklisted;
	blacklisted = 2;
	EXPECT_EQ(count_keys(img, PLAIN, true), 30);
	EXPECT(said(img, "found blacklisted bset (journal seq 2) in btree node at offset 2-3/4"));
	EXPECT_EQ(img->c->nr_errors, 1);

	reroot(img, 0, 0, POS_MIN, SPOS_MAX);
	img->c->btree->ops.seq_is_blacklisted = is_blacklisted;
	EXPECT_EQ(count_keys(img, PLAIN, true), 30);
	EXPECT_EQ(img->c->nr_errors, 0);

	reroot(img, 4, 0, POS_MIN, SPOS_MAX);
	img->c->btree->ops.seq_is_blacklisted = is_blacklisted;
	blacklisted = 0;
	EXPECT_EQ(count_keys(img, PLAIN, true), 40);
	EXPECT(said(img, "first btree node bset has blacklisted journal seq (0)"));
	img_free(img);
}

/* Walks over damage */

TEST(walk_goes_on_behind_a_lost_leaf)
{
	static struct img_key keys[100];
	struct img *img = img_new(1, 0);
	struct btree_iter iter;
	struct bkey_view k;
	struct btree *b;
	unsigned i = 0, lost = 0;
	int ret;

	for (unsigned n = 0; n < 100; n++)
		keys[n] = img_key(POS(0, n), KEY_TYPE_cookie, n);
	img_tree(img, PLAIN, keys, 100, 10, 4, false);
	/* Leaves 0, 3, 4 and 9. */
	img_damage(img, 0, NODE, 16);
	img_damage(img, 0, NODE + 3, 16);
	img_damage(img, 0, NODE + 4, 16);
	img_damage(img, 0, NODE + 9, 16);

	bch_iter_init(&iter, img->c, PLAIN, POS_MIN, BTREE_ITER_prefetch);
	while ((ret = bch_iter_peek(&iter, &k)) || k.k) {
		if (ret) {
			REQUIRE(ret == -BCH_ERR_btree_node_read_error);
			EXPECT(bpos_eq(iter.unreadable_start, i ? SPOS(0, i - 1, 1) : POS_MIN));
			lost++;
			i += 10;
			if (!bch_iter_skip_unreadable(&iter))
				break;
			continue;
		}
		EXPECT_EQ(k.k->p.offset, i);
		i++;
		bch_iter_advance(&iter);
	}
	EXPECT_EQ(i, 100);
	EXPECT_EQ(lost, 4);
	bch_iter_exit(&iter);

	i = lost = 0;
	bch_iter_init_level(&iter, img->c, PLAIN, POS_MIN, 0, 0);
	while ((ret = bch_iter_next_node(&iter, &b)) || b) {
		if (ret) {
			lost++;
			EXPECT(bch_iter_skip_unreadable(&iter));
		} else {
			i++;
		}
	}
	EXPECT_EQ(i, 6 + 3 + 1);
	EXPECT_EQ(lost, 4);
	bch_iter_exit(&iter);
	img_free(img);
}

TEST(gap_between_children_is_told)
{
	struct img *img = img_new(1, 0);
	struct img_key keys[30];
	struct bkey_i gone;

	for (unsigned n = 0; n < 30; n++)
		keys[n] = img_key(POS(0, n), KEY_TYPE_cookie, n);
	img_tree(img, PLAIN, keys, 30, 10, 4, false);
	bkey_init_pos(&gone.k, POS(0, 19));
	EXPECT_EQ(bch_overlay_add(img->c, PLAIN, 1, &gone, 5, 0), 0);
	bch_overlay_sort(img->c);
	EXPECT_EQ(count_keys(img, PLAIN, true), 20);
	EXPECT(said(
		img,
		"end of prev node doesn't match start of next node: next should start at 0:9:1"));
	EXPECT_EQ(img->c->nr_errors, 1);
	img_free(img);
}
