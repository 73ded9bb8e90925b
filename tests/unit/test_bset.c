/* btree/sort, btree/bset_numbers: on real nodes, against what the real tool prints of them. */
#include <glob.h>
#include "btree/bset_numbers.h"
#include "util/printbuf.h"
#include "tests/image.h"
#include "tests/unit/random_keys.h"
#include "tests/unit/test.h"

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
	static const char *const sets[] = {"deep", "objects", "resized", "snap"};
	unsigned found = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(sets) && !unit_test_failed; i++)
		found += expect_set(sets[i]);
	EXPECT_EQ(found, 62);
}
