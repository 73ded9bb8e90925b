/*
 * Nanoseconds to find a position in a node, on the merged nodes of real images.
 *
 *	bench_bset [IMAGE...]		default: some of tests/images
 *
 * index: bch_bset_search(). binary: binary search over a table with the offset of every key,
 * comparing packed words. linear: from the first key on. Positions are those of existing keys and
 * their successors, in random order. One line for the largest node alone (warm caches) and one
 * for all nodes in turn.
 */
#include <stdio.h>
#include "btree/bset.h"
#include "tests/bench/timing.h"
#include "tests/image.h"
#include "tests/unit/random_keys.h"
#include "util/printbuf.h"

#define MAX_NS	 1e9 /* for one line and way */
#define QUERIES	 65536
#define BATCH	 64
#define MIN_U64s 1024 /* smaller nodes are left out */

struct bench_node {
	struct bkey_unpacker u;
	struct bset_keys set;
	struct bset_index index;
	u32 *offsets;
	struct bpos *pos;
	unsigned nr;
};

struct query {
	const struct bench_node *n;
	struct bpos pos;
};

static struct bench_node *nodes;
static size_t nr_nodes, nr_keys, index_bytes;
static struct query queries[QUERIES];

static void add_node(const struct image_node *in)
{
	struct bset_keys sets[IMAGE_MAX_BSETS];
	struct bset_counts counts;
	struct bench_node *n;
	unsigned room = 0;

	if (nr_nodes % 1024 == 0)
		nodes = realloc(nodes, (nr_nodes + 1024) * sizeof(*nodes));
	n = &nodes[nr_nodes];
	*n = (struct bench_node){};
	bch_unpacker_init(&n->u, &in->head->format);
	for (unsigned i = 0; i < in->nr; i++) {
		sets[i] = (struct bset_keys){in->set[i].keys, in->set[i].u64s};
		room += in->set[i].u64s;
	}
	n->set.keys = malloc(room * 8 + 8);
	bch_bset_merge(&n->u, n->set.keys, sets, in->nr, 0, &counts);
	n->set.u64s = counts.u64s;
	n->nr = counts.nr_packed + counts.nr_unpacked;
	if (n->set.u64s < MIN_U64s) {
		free(n->set.keys);
		return;
	}
	n->offsets = malloc(n->nr * sizeof(*n->offsets));
	n->pos = malloc(n->nr * sizeof(*n->pos));
	for (unsigned i = 0, at = 0; i < n->nr; i++) {
		const struct bkey_packed *p = (void *)(n->set.keys + at);

		n->offsets[i] = at;
		n->pos[i] = bch_bkey_unpack_pos(&n->u.format, p);
		at += p->u64s;
	}
	bch_bset_index_init(&n->index, &n->u, n->set);
	index_bytes += n->index.nr * 10;
	nr_keys += n->nr;
	nr_nodes++;
}

static void add_image(const char *path)
{
	struct image img;
	struct image_node n;
	struct printbuf err = PRINTBUF;

	if (image_open(&img, path)) {
		fprintf(stderr, "%s: not an image\n", path);
		exit(1);
	}
	for (u64 at = 0; image_next_node(&img, &at, &n);)
		if (!bch_bkey_format_validate(&n.head->format, 1037, &err))
			add_node(&n);
	printbuf_exit(&err);
	image_close(&img);
}

static void make_queries(const struct bench_node *only)
{
	for (unsigned i = 0; i < QUERIES; i++) {
		const struct bench_node *n = only ?: &nodes[random_below(nr_nodes)];
		struct bpos pos = n->pos[random_below(n->nr)];

		queries[i] = (struct query){n, random_below(2) ? pos : bpos_successor(pos)};
	}
}

static const void *binary_search(const struct bench_node *n, struct bpos pos)
{
	const struct bkey_format *f = &n->u.format;
	unsigned lo = 0, hi = n->nr;
	u64 packed[BKEY_U64s];
	bool packs = bch_bkey_pack_pos(f, (void *)packed, pos);

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct bkey_packed *p = (void *)(n->set.keys + n->offsets[mid]);
		int c;

		if (packs && bkey_p_is_packed(p))
			c = bkey_cmp_bits((u64 *)p, packed, f->key_u64s, n->u.key_bits);
		else
			c = bch_bkey_p_cmp_pos(f, p, pos);
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return n->set.keys + (lo < n->nr ? n->offsets[lo] : n->set.u64s);
}

static const void *linear_search(const struct bench_node *n, struct bpos pos)
{
	const struct bkey_format *f = &n->u.format;
	const struct bkey_packed *p = bset_start(&n->index), *end = bset_end(&n->index);

	while (p != end && bch_bkey_p_cmp_pos(f, p, pos) < 0)
		p = bkey_p_next(p);
	return p;
}

static const void *index_search(const struct bench_node *n, struct bpos pos)
{
	return bch_bset_search(&n->index, &n->u, pos);
}

typedef const void *(*search_fn)(const struct bench_node *n, struct bpos pos);

/* @sum: of what was found in the first queries, which all searches make. */
static double measure(search_fn search, u64 *sum)
{
	struct timing t = {};
	double start = timing_now();
	const void *volatile sink;

	*sum = 0;
	for (unsigned i = 0; i < QUERIES / 16; i++)
		*sum += (u64)search(queries[i].n, queries[i].pos);
	for (unsigned n = 0; t.nr < 3 * QUERIES / BATCH && timing_now() - start < MAX_NS;) {
		timing_start(&t);
		for (unsigned i = 0; i < BATCH; i++, n++)
			sink = search(queries[n % QUERIES].n, queries[n % QUERIES].pos);
		timing_stop(&t, BATCH);
	}
	(void)sink;
	return timing_median(&t);
}

static int bench(const char *name, const struct bench_node *only)
{
	u64 sums[3];
	double t[3];

	make_queries(only);
	t[0] = measure(index_search, &sums[0]);
	t[1] = measure(binary_search, &sums[1]);
	t[2] = measure(linear_search, &sums[2]);
	printf("%-14s index %6.1f  binary %6.1f  linear %8.1f ns/lookup\n", name, t[0], t[1], t[2]);
	if (sums[0] == sums[1] && sums[1] == sums[2])
		return 0;
	fprintf(stderr, "the searches find different keys\n");
	return 1;
}

static void bench_build(void)
{
	struct timing t = {};

	for (size_t i = 0; i < nr_nodes; i++) {
		bch_bset_index_exit(&nodes[i].index);
		timing_start(&t);
		bch_bset_index_init(&nodes[i].index, &nodes[i].u, nodes[i].set);
		timing_stop(&t, nodes[i].nr);
	}
	printf("building an index: %.1f ns/key, %.2f bytes/key\n", timing_median(&t),
	       (double)index_bytes / nr_keys);
}

int main(int argc, char **argv)
{
	const struct bench_node *largest;

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			add_image(argv[i]);
	} else {
		add_image("tests/images/basic/dev0.img.zst");
		add_image("tests/images/deep/dev0.img.zst");
		add_image("tests/images/objects/dev0.img.zst");
	}
	if (!nr_nodes)
		return 0;
	largest = nodes;
	for (size_t i = 0; i < nr_nodes; i++)
		if (nodes[i].nr > largest->nr)
			largest = &nodes[i];
	printf("%zu nodes, %zu keys; the largest has %u\n", nr_nodes, nr_keys, largest->nr);
	bench_build();
	return bench("largest node", largest) | bench("all nodes", NULL);
}
