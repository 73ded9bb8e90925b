/*
 * btree/bset, btree/sort: random bsets against plain loops; real nodes against what the real tool
 * prints of them.
 */
#include <glob.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include "btree/bset.h"
#include "btree/bset_numbers.h"
#include "util/printbuf.h"
#include "tests/image.h"
#include "tests/unit/random_keys.h"
#include "tests/unit/test.h"

static const struct bkey_packed *linear_search(const struct bkey_format *f,
					       const struct random_set *s, struct bpos pos)
{
	const struct bkey_packed *p = (void *)s->keys, *end = (void *)(s->keys + s->u64s);

	while (p != end && bpos_lt(bch_bkey_unpack_pos(f, p), pos))
		p = bkey_p_next(p);
	return p;
}

static void expect_search(const struct bset_index *t, const struct bkey_unpacker *u,
			  const struct random_set *s, struct bpos pos)
{
	const struct bkey_packed *found = bch_bset_search(t, u, pos);

	EXPECT_EQ((u64 *)found - s->keys, (u64 *)linear_search(&u->format, s, pos) - s->keys);
}

static void expect_index_works(const struct bkey_unpacker *u, const struct random_set *s)
{
	const struct bkey_packed *prev = NULL;
	struct bset_index t;

	EXPECT_EQ(bch_bset_index_init(&t, u, (struct bset_keys){s->keys, s->u64s}), 0);
	for (const struct bkey_packed *p = bset_start(&t);; p = bkey_p_next(p)) {
		EXPECT(bch_bset_prev(&t, p) == prev);
		if (p == bset_end(&t))
			break;
		EXPECT(bch_bset_search(&t, u, bch_bkey_unpack_pos(&u->format, p)) == p);
		prev = p;
	}
	for (unsigned i = 0; i < 200; i++)
		expect_search(&t, u, s, random_near_pos(&u->format, i % 3 * 2));
	expect_search(&t, u, s, POS_MIN);
	expect_search(&t, u, s, SPOS_MAX);
	bch_bset_index_exit(&t);
}

TEST(search_finds_what_a_plain_loop_finds)
{
	for (unsigned n = 0; n < 2000 && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		struct bkey_unpacker u;
		struct random_set s;

		bch_unpacker_init(&u, &f);
		random_set_init(&s, &f, random_below(n % 10 ? 60 : 2000), n % 4 * 3,
				n % 7 ? 5 : 100);
		expect_index_works(&u, &s);
		random_set_exit(&s);
	}
}

/* Merged by comparing everything with everything; @live: without deleted keys. */
static unsigned plain_merge(const struct bkey_format *f, const struct random_set *sets, unsigned nr,
			    bool live, const struct bkey_packed **out)
{
	unsigned at[8] = {}, n = 0;

	for (;;) {
		const struct bkey_packed *best = NULL;

		for (unsigned i = 0; i < nr; i++) {
			const struct bkey_packed *p = (void *)(sets[i].keys + at[i]);

			if (at[i] < sets[i].u64s && (!best || bch_bkey_p_cmp(f, p, best) <= 0))
				best = p;
		}
		if (!best)
			return n;
		if (!live || !bkey_p_deleted(best))
			out[n++] = best;
		for (unsigned i = 0; i < nr; i++) {
			const struct bkey_packed *p = (void *)(sets[i].keys + at[i]);

			if (at[i] < sets[i].u64s && !bch_bkey_p_cmp(f, p, best))
				at[i] += p->u64s;
		}
	}
}

static void expect_merge_works(const struct bkey_unpacker *u, const struct random_set *sets,
			       unsigned nr, unsigned flags)
{
	struct bset_keys in[8];
	struct bset_counts counts;
	unsigned room = 0, at = 0, packed = 0, n;
	const struct bkey_packed *expected[4096];
	u64 *merged;

	for (unsigned i = 0; i < nr; i++) {
		in[i] = (struct bset_keys){sets[i].keys, sets[i].u64s};
		room += sets[i].u64s;
	}
	merged = malloc(room * 8 + 1);
	n = plain_merge(&u->format, sets, nr, !(flags & BSET_MERGE_KEEP_DELETED), expected);
	EXPECT_EQ(bch_bset_merge(u, merged, in, nr, flags, &counts), 0);
	for (unsigned i = 0; i < n && at < counts.u64s; i++) {
		EXPECT_MEM(merged + at, expected[i], expected[i]->u64s * 8);
		packed += bkey_p_is_packed(expected[i]);
		at += expected[i]->u64s;
	}
	EXPECT_EQ(at, counts.u64s);
	EXPECT_EQ(counts.nr_packed, packed);
	EXPECT_EQ(counts.nr_packed + counts.nr_unpacked, n);
	free(merged);
}

static void expect_iterator_works(const struct bkey_unpacker *u, const struct random_set *sets,
				  unsigned nr)
{
	const struct bkey_packed *expected[4096], *p;
	struct bset_list list = {.u = *u, .nr = nr};
	struct bset_iter iter;
	struct bpos pos = random_near_pos(&u->format, 0);
	unsigned n = plain_merge(&u->format, sets, nr, true, expected), i = 0;

	for (unsigned j = 0; j < nr; j++)
		bch_bset_index_init(&list.set[j], u,
				    (struct bset_keys){sets[j].keys, sets[j].u64s});
	for (p = bch_bset_iter_seek(&iter, &list, POS_MIN); p; p = bch_bset_iter_next(&iter), i++)
		EXPECT(i < n && p == expected[i]);
	EXPECT_EQ(i, n);
	EXPECT(!bch_bset_iter_next(&iter));
	while ((p = bch_bset_iter_prev(&iter))) {
		i--;
		EXPECT(i < n && p == expected[i]);
		EXPECT(bch_bset_iter_peek(&iter) == p);
	}
	EXPECT_EQ(i, 0);
	while (i < n && bch_bkey_p_cmp_pos(&u->format, expected[i], pos) < 0)
		i++;
	EXPECT(bch_bset_iter_seek(&iter, &list, pos) == (i < n ? expected[i] : NULL));
	EXPECT(bch_bset_iter_prev(&iter) == (i ? expected[i - 1] : NULL));
	for (unsigned j = 0; j < nr; j++)
		bch_bset_index_exit(&list.set[j]);
}

/* Few positions, so that bsets have many in common. */
TEST(merging_and_iterating_see_the_newest_key_of_each_position)
{
	for (unsigned n = 0; n < 3000 && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		struct random_set sets[8];
		struct bkey_unpacker u;
		unsigned nr = random_below(n % 2 ? 4 : 8);

		f.bits_per_field[0] = f.bits_per_field[2] = 0;
		f.bits_per_field[1] = n % 5 ? 7 : 16;
		f.key_u64s = (24 + bkey_format_key_bits(&f) + f.bits_per_field[3] +
			      f.bits_per_field[4] + f.bits_per_field[5] + 63) /
			     64;
		f.field_offset[1] = cpu_to_le64(random_below(1000));
		bch_unpacker_init(&u, &f);
		for (unsigned i = 0; i < nr; i++)
			random_set_init(&sets[i], &f, random_below(i ? 60 : 300), n % 3 * 4, 4);
		expect_merge_works(&u, sets, nr, n % 2 ? 0 : BSET_MERGE_KEEP_DELETED);
		if (nr <= BSET_LIST_MAX)
			expect_iterator_works(&u, sets, nr);
		for (unsigned i = 0; i < nr; i++)
			random_set_exit(&sets[i]);
	}
}

/* A deleted key in front of a live one in the same bset is overridden by it. */
TEST(in_one_bset_the_live_key_at_a_position_wins)
{
	struct bkey deleted = {.u64s = 5, .format = 1, .p = SPOS(1, 2, 3)};
	struct bkey live = {.u64s = 5, .format = 1, .type = KEY_TYPE_set, .p = SPOS(1, 2, 3)};
	struct bkey old[2] = {live, {.u64s = 5, .format = 1, .type = 1, .p = SPOS(1, 2, 4)}};
	struct bkey new[2] = {deleted, live}, out[4];
	struct bset_keys sets[2] = {{(u64 *)old, 10}, {(u64 *)new, 10}};
	struct bset_counts counts;
	struct bkey_unpacker u;

	bch_unpacker_init(&u, &bch_bkey_format_current);
	EXPECT_EQ(bch_bset_merge(&u, (u64 *)out, sets + 1, 1, 0, &counts), 0);
	EXPECT_EQ(counts.u64s, 5);
	EXPECT_MEM(out, &live, sizeof(live));
	EXPECT_EQ(bch_bset_merge(&u, (u64 *)out, sets, 2, 0, &counts), 0);
	EXPECT_EQ(counts.u64s, 10);
	EXPECT_MEM(out, old, sizeof(old));
}

/* A sorted array of keys, changed the simple way. */
static void model_replace(const struct bkey_format *f, struct random_set *s, struct bpos pos,
			  const struct bkey_packed *key)
{
	u64 *dst = (u64 *)linear_search(f, s, pos), *end = s->keys + s->u64s;
	const struct bkey_packed *at = (void *)dst;
	unsigned old = 0, new = key ? key->u64s : 0;

	if (dst != end && bpos_eq(bch_bkey_unpack_pos(f, at), pos))
		old = at->u64s;
	memmove(dst + new, dst + old, (end - dst - old) * 8);
	if (key)
		memcpy(dst, key, new * 8);
	s->u64s += new - old;
}

static void expect_changes_work(const struct bkey_unpacker *u, unsigned max_val_u64s, unsigned wild)
{
	const struct bkey_format *f = &u->format;
	unsigned ops = 1 + random_below(600), max_u64s = ops * (BKEY_U64s + max_val_u64s);
	struct random_set model = {.keys = malloc(max_u64s * 8)}, one;
	u64 *keys = malloc(max_u64s * 8);
	bool shrink = false;
	struct bset_index t;

	EXPECT_EQ(bch_bset_index_init_writable(&t, keys, max_u64s), 0);
	for (unsigned i = 0; i < ops && !unit_test_failed; i++) {
		struct bkey_packed *where, *key;
		struct bpos pos;

		if (!random_below(50))
			shrink = !shrink;
		random_set_init(&one, f, 1, wild, max_val_u64s);
		key = (void *)one.keys;
		pos = bch_bkey_unpack_pos(f, key);
		where = bch_bset_search(&t, u, pos);
		if (shrink && random_below(3)) {
			if (where != bset_end(&t)) {
				model_replace(f, &model, bch_bkey_unpack_pos(f, where), NULL);
				bch_bset_replace(&t, u, where, NULL);
			}
		} else {
			bch_bset_replace(&t, u, where, key);
			model_replace(f, &model, pos, key);
		}
		random_set_exit(&one);
		EXPECT_EQ(t.u64s, model.u64s);
		EXPECT_MEM(keys, model.keys, model.u64s * 8);
		for (unsigned j = 0; j < 5; j++)
			expect_search(&t, u, &(struct random_set){keys, t.u64s},
				      random_near_pos(f, j));
		EXPECT(t.nr <= t.max);
	}
	bch_bset_index_exit(&t);
	free(keys);
	free(model.keys);
}

TEST(a_bset_that_changes_is_searched_as_well)
{
	for (unsigned n = 0; n < 200 && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		struct bkey_unpacker u;

		bch_unpacker_init(&u, &f);
		expect_changes_work(&u, n % 5 ? 3 : 60, n % 3 * 3);
	}
}

/* Thinned out, then filled again behind: short blocks must not use up the room for landmarks. */
TEST(a_bset_refilled_after_many_deletions_is_searched_as_well)
{
	const unsigned nr = 2000;
	struct bkey_unpacker u;
	struct bset_index t;
	struct bkey *keys = malloc(nr * sizeof(*keys));
	unsigned end = nr;

	bch_unpacker_init(&u, &bch_bkey_format_current);
	EXPECT_EQ(bch_bset_index_init_writable(&t, (u64 *)keys, nr * BKEY_U64s), 0);
	for (unsigned i = 0; i < nr; i++) {
		struct bkey k = {.u64s = 5, .format = 1, .type = KEY_TYPE_set, .p = POS(0, i)};

		bch_bset_replace(&t, &u, bset_end(&t), (void *)&k);
	}
	for (unsigned i = 0; i < nr; i++)
		if (i % 7)
			bch_bset_replace(&t, &u, bch_bset_search(&t, &u, POS(0, i)), NULL);
	while (t.u64s + BKEY_U64s <= nr * BKEY_U64s) {
		struct bkey k = {.u64s = 5, .format = 1, .type = KEY_TYPE_set, .p = POS(0, end++)};

		bch_bset_replace(&t, &u, bset_end(&t), (void *)&k);
	}
	EXPECT(t.nr <= t.max);
	for (unsigned i = 0; i < end; i++) {
		unsigned at = i < nr ? (i + 6) / 7 : (nr + 6) / 7 + i - nr;

		EXPECT((struct bkey *)bch_bset_search(&t, &u, POS(0, i)) == keys + at);
	}
	bch_bset_index_exit(&t);
	free(keys);
}

TEST(without_memory_a_bset_is_searched_slowly_and_not_merged)
{
	struct bkey_unpacker u;
	struct random_set s;
	struct bset_index t;
	struct bset_counts counts;

	bch_unpacker_init(&u, &bch_bkey_format_current);
	random_set_init(&s, &u.format, 300, 0, 0);
	kmalloc_fail_after(1);
	EXPECT_EQ(bch_bset_index_init(&t, &u, (struct bset_keys){s.keys, s.u64s}), -ENOMEM);
	kmalloc_fail_after(1);
	EXPECT_EQ(bch_bset_merge(&u, NULL, NULL, 0, 0, &counts), -ENOMEM);
	kmalloc_fail_after(0);
	EXPECT(bch_bset_prev(&t, bset_start(&t)) == NULL);
	for (unsigned i = 0; i < 100; i++)
		expect_search(&t, &u, &s, random_near_pos(&u.format, 0));
	bch_bset_index_exit(&t);
	random_set_exit(&s);
}

/* One node of `list -m formats`. */
struct printed_node {
	u64 seq;
	unsigned written;
	char format[1024];
	unsigned bytes_used, nr_packed, nr_unpacked, floats, failed;
};

static bool read_printed_node(FILE *in, struct printed_node *n)
{
	char line[1024], *p;

	*n = (struct printed_node){};
	while (fgets(line, sizeof(line), in)) {
		unsigned long long seq;

		if (sscanf(line, "    ptrs: seq %llx written %u", &seq, &n->written) == 2)
			n->seq = seq;
		if (!strncmp(line, "    format: ", 12) && (p = strstr(line, "    unpack fn"))) {
			*p = 0;
			memcpy(n->format, line + 12, p + 1 - line - 12);
		}
		sscanf(line, "    bytes used %u/", &n->bytes_used);
		sscanf(line, "    nr packed keys %u", &n->nr_packed);
		sscanf(line, "    nr unpacked keys %u", &n->nr_unpacked);
		sscanf(line, "    floats %u", &n->floats);
		if (sscanf(line, "    failed unpacked %u", &n->failed) == 1)
			return true;
	}
	return false;
}

/* The position that a pointer gives the node as its end is in its head, too. */
static void expect_numbers(const struct image_node *n, const struct printed_node *printed)
{
	struct bkey_unpacker u;
	struct bset_keys sets[IMAGE_MAX_BSETS];
	struct bset_counts counts;
	struct bset_numbers numbers;
	struct printbuf text = PRINTBUF;
	u64 *merged = malloc(1 << 20);

	bch_bkey_format_to_text(&text, &n->head->format);
	EXPECT_STR(printbuf_str(&text), printed->format);
	for (unsigned i = 0; i < n->nr; i++)
		sets[i] = (struct bset_keys){n->set[i].keys, n->set[i].u64s};
	bch_unpacker_init(&u, &n->head->format);
	EXPECT_EQ(bch_bset_merge(&u, merged, sets, n->nr, 0, &counts), 0);
	EXPECT_EQ(counts.u64s * 8, printed->bytes_used);
	EXPECT_EQ(counts.nr_packed, printed->nr_packed);
	EXPECT_EQ(counts.nr_unpacked, printed->nr_unpacked);
	numbers = bch_bset_numbers(&u.format, (struct bset_keys){merged, counts.u64s},
				   n->head->min_key, n->head->max_key);
	EXPECT_EQ(numbers.floats, printed->floats);
	EXPECT_EQ(numbers.failed_unpacked, printed->failed);
	printbuf_exit(&text);
	free(merged);
}

#define MAX_NODES 4096

/* Where the nodes of an image are: seq and byte. */
struct node_table {
	unsigned nr;
	u64 seq[MAX_NODES], at[MAX_NODES];
};

static struct node_table *find_nodes(struct image *img)
{
	struct node_table *t = calloc(1, sizeof(*t));
	struct image_node n;

	for (u64 at = 0; t->nr < MAX_NODES && image_next_node(img, &at, &n); t->nr++) {
		t->seq[t->nr] = le64_to_cpu(n.head->keys.seq);
		t->at[t->nr] = n.offset;
	}
	return t;
}

/* Compare all nodes printed in @path with those in the image; how many were found. */
static unsigned expect_formats_file(const struct image *img, const struct node_table *t,
				    const char *path)
{
	FILE *in = fopen(path, "r");
	struct printed_node printed;
	unsigned found = 0;

	while (in && !unit_test_failed && read_printed_node(in, &printed)) {
		struct image_node n;
		unsigned i = 0;

		while (i < t->nr && t->seq[i] != printed.seq)
			i++;
		if (i == t->nr) /* on another member */
			continue;
		EXPECT(image_node_at(img, t->at[i], printed.written, &n));
		expect_numbers(&n, &printed);
		found++;
		if (unit_test_failed)
			fprintf(stderr, "%s: node %llx\n", path, (unsigned long long)printed.seq);
	}
	if (in)
		fclose(in);
	return found;
}

static unsigned expect_set(const char *set)
{
	char path[256];
	struct node_table *t;
	struct image img;
	unsigned found = 0;
	glob_t files = {};

	snprintf(path, sizeof(path), "tests/images/%s/dev0.img.zst", set);
	if (image_open(&img, path)) {
		UNIT_TEST_FAIL("cannot read %s", path);
		return 0;
	}
	t = find_nodes(&img);
	snprintf(path, sizeof(path), "tests/images/%s/list/*.formats.txt", set);
	glob(path, 0, NULL, &files);
	for (size_t i = 0; i < files.gl_pathc && !unit_test_failed; i++)
		found += expect_formats_file(&img, t, files.gl_pathv[i]);
	globfree(&files);
	image_close(&img);
	free(t);
	return found;
}

TEST(merged_nodes_have_the_numbers_the_real_tool_prints)
{
	static const char *const sets[] = {"deep", "objects", "snap"};
	unsigned found = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sets) && !unit_test_failed; i++)
		found += expect_set(sets[i]);
	EXPECT_EQ(found, 54);
}

/* Of the keys that a node was created with, and its range. */
static bool format_is_calculated(const struct image_node *n)
{
	const struct btree_node *head = n->head;
	struct bkey_format_state s;
	struct bkey_format f;

	bch_bkey_format_init(&s);
	bch_bkey_format_add_pos(&s, head->min_key);
	bch_bkey_format_add_pos(&s, head->max_key);
	for (unsigned at = 0; at < n->set[0].u64s;) {
		const struct bkey_packed *p = (void *)(n->set[0].keys + at);
		struct bkey k = bch_bkey_unpack_key(&head->format, p);

		bch_bkey_format_add_key(&s, &k);
		at += p->u64s;
	}
	f = bch_bkey_format_done(&s);
	return !memcmp(&f, &head->format, sizeof(f));
}

TEST(formats_of_nodes_are_those_that_kernels_calculate)
{
	static const char *const images[] = {"tests/images/deep/dev0.img.zst",
					     "tests/images/objects/dev0.img.zst"};
	unsigned equal = 0, differ = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(images); i++) {
		struct image img;
		struct image_node n;

		REQUIRE(!image_open(&img, images[i]));
		for (u64 at = 0; image_next_node(&img, &at, &n);)
			*(format_is_calculated(&n) ? &equal : &differ) += 1;
		image_close(&img);
	}
	EXPECT_EQ(differ, 0);
	EXPECT_EQ(equal, 104);
}
