/*
 * Nanoseconds to unpack one key, on the keys of all nodes of real images.
 *
 *	bench_unpack [IMAGE...]		default: some of tests/images
 *
 * walk: reading a word of each key, part of all others. loop: the portable loop over fields, the
 * format looked at for each key. windows: the portable way of a prepared format. jit: generated
 * code. choice: as the engine calls it.
 */
#include <stdio.h>
#include "btree/jit.h"
#include "util/printbuf.h"
#include "tests/bench/timing.h"
#include "tests/image.h"

#define ROUNDS 300

enum way { WAY_WALK, WAY_LOOP, WAY_WINDOWS, WAY_JIT, WAY_CHOICE, WAY_NR };

static const char *const way_names[] = {"walk", "loop", "windows", "jit", "choice"};

struct bench_node {
	struct bkey_unpacker u;
	bch_unpack_fn jit, windows;
	struct image_bset set;
	unsigned nr_keys;
};

static struct bench_node *nodes;
static size_t nr_nodes, nr_keys;

static void add_set(const struct bkey_format *f, struct image_bset set)
{
	struct bench_node *n;

	if (nr_nodes % 1024 == 0)
		nodes = realloc(nodes, (nr_nodes + 1024) * sizeof(*nodes));
	n = &nodes[nr_nodes++];
	*n = (struct bench_node){.set = set};
	bch_unpacker_init(&n->u, f);
	n->jit = bch_unpack_jit(f) ?: n->u.fn;
	n->windows = bch_unpack_windows(&n->u) ?: bch_unpack_loop(&n->u);
	for (unsigned at = 0; at < set.u64s; at += ((u8 *)(set.keys + at))[0])
		n->nr_keys++;
	nr_keys += n->nr_keys;
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
			for (unsigned i = 0; i < n.nr; i++)
				if (n.set[i].u64s)
					add_set(&n.head->format, n.set[i]);
	printbuf_exit(&err);
}

#define WALK(n, p, body)                                                                 \
	for (u64 *w = (n)->set.keys, *end = w + (n)->set.u64s; w < end; w += *(u8 *)w) { \
		const struct bkey_packed *p = (const void *)w;                           \
		body;                                                                    \
	}

static inline void unpack_by(bch_unpack_fn fn, const struct bkey_unpacker *u, struct bkey *k,
			     const struct bkey_packed *p)
{
	if (bkey_p_is_packed(p))
		fn(u, k, p);
	else
		memcpy(k, p, sizeof(*k));
}

static u64 unpack_node(const struct bench_node *n, enum way way)
{
	const struct bkey_unpacker *u = &n->u;
	struct bkey k = {};
	u64 sum = 0;

	switch (way) {
	case WAY_WALK:
		WALK(n, p, sum += p->u64s + w[0]);
		break;
	case WAY_LOOP:
		WALK(n, p, k = bch_bkey_unpack_key(&u->format, p); sum += k.p.offset + k.size);
		break;
	case WAY_WINDOWS:
		WALK(n, p, unpack_by(n->windows, u, &k, p); sum += k.p.offset + k.size);
		break;
	case WAY_JIT:
		WALK(n, p, unpack_by(n->jit, u, &k, p); sum += k.p.offset + k.size);
		break;
	default:
		WALK(n, p, bkey_unpack_header(u, &k, p); sum += k.p.offset + k.size);
	}
	return sum;
}

/* All nodes are one batch: every way has the same mixture. */
static double measure(enum way way, u64 *sum)
{
	struct timing t = {};

	for (unsigned round = 0; round < ROUNDS; round++) {
		*sum = 0;
		timing_start(&t);
		for (size_t i = 0; i < nr_nodes; i++)
			*sum += unpack_node(&nodes[i], way);
		timing_stop(&t, nr_keys);
	}
	return timing_median(&t);
}

int main(int argc, char **argv)
{
	double ns[WAY_NR] = {};
	u64 sum[WAY_NR];

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			add_image(argv[i]);
	} else {
		add_image("tests/images/basic/dev0.img.zst");
		add_image("tests/images/deep/dev0.img.zst");
		add_image("tests/images/objects/dev0.img.zst");
	}
	printf("%zu bsets, %zu keys\n", nr_nodes, nr_keys);
	for (unsigned way = 0; way < WAY_NR; way++)
		ns[way] = measure(way, &sum[way]);
	for (unsigned way = 0; way < WAY_NR; way++)
		printf("%-8s %6.2f ns/key\n", way_names[way], ns[way]);
	printf("jit is %.1f times as fast as the loop, %.1f times as fast as windows\n",
	       ns[WAY_LOOP] / ns[WAY_JIT], ns[WAY_WINDOWS] / ns[WAY_JIT]);
	for (unsigned way = WAY_WINDOWS; way < WAY_NR; way++)
		if (sum[way] != sum[WAY_LOOP]) {
			fprintf(stderr, "%s gives other keys\n", way_names[way]);
			return 1;
		}
	return 0;
}
