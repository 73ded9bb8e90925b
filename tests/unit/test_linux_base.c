/* Bits, arithmetic, lists, sorting, unaligned access, random numbers, UUIDs, time and memory. */
#include "test.h"
#include <linux/bitmap.h>
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/unaligned.h>
#include <linux/uuid.h>

TEST(find_last_and_first_set)
{
	EXPECT_EQ(fls(0), 0);
	EXPECT_EQ(fls64(0), 0);
	EXPECT_EQ(ffs(0), 0);
	for (int i = 0; i < 64; i++) {
		u64 bit = BIT_ULL(i), below = bit | (bit - 1);

		EXPECT_EQ(fls64(bit), i + 1);
		EXPECT_EQ(fls64(below), i + 1);
		EXPECT_EQ(__ffs64(bit), i);
		EXPECT_EQ(__ffs64(~0ULL << i), i);
		EXPECT_EQ(__fls(below), i);
		EXPECT_EQ(ilog2(below), i);
		EXPECT_EQ(hweight64(below), i + 1);
		if (i < 32) {
			EXPECT_EQ(fls(below), i + 1);
			EXPECT_EQ(ffs(bit), i + 1);
			EXPECT_EQ(hweight32(below), i + 1);
		}
		if (i < 63)
			EXPECT_EQ(ffz(below), i + 1);
	}
	EXPECT_EQ(hweight8(0xff), 8);
	EXPECT_EQ(hweight16(0x8001), 2);
}

TEST(powers_of_two)
{
	static const struct {
		u64 n, up, down;
		int order;
	} c[] = {
		{1, 1, 1, 0},
		{2, 2, 2, 1},
		{3, 4, 2, 2},
		{4, 4, 4, 2},
		{5, 8, 4, 3},
		{1023, 1024, 512, 10},
		{1024, 1024, 1024, 10},
		{1025, 2048, 1024, 11},
		{(1ULL << 40) - 1, 1ULL << 40, 1ULL << 39, 40},
	};

	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		EXPECT_EQ(roundup_pow_of_two(c[i].n), c[i].up);
		EXPECT_EQ(rounddown_pow_of_two(c[i].n), c[i].down);
		EXPECT_EQ(order_base_2(c[i].n), c[i].order);
		EXPECT_EQ(is_power_of_2(c[i].n), c[i].up == c[i].down);
	}
	EXPECT(!is_power_of_2(0));
	BUILD_BUG_ON(ilog2(4096) != 12);
}

TEST(rotations_and_signs)
{
	EXPECT_EQ(rol32(0x80000001, 4), 0x18);
	EXPECT_EQ(ror32(0x18, 4), 0x80000001);
	EXPECT_EQ(rol64(1, 0), 1);
	EXPECT_EQ(rol64(1ULL << 63, 1), 1);
	EXPECT_EQ(ror64(1, 1), 1ULL << 63);
	EXPECT_EQ(sign_extend64(0x1f, 4), -1);
	EXPECT_EQ(sign_extend64(0x0f, 4), 15);
	EXPECT_EQ(GENMASK_ULL(63, 0), ~0ULL);
	EXPECT_EQ(GENMASK_ULL(7, 4), 0xf0);
}

TEST(bits_of_a_bitmap)
{
	DECLARE_BITMAP(map, 300);
	unsigned long bit, n = 0;

	bitmap_zero(map, 300);
	EXPECT(bitmap_empty(map, 300));
	EXPECT_EQ(find_first_bit(map, 300), 300);
	for (bit = 0; bit < 300; bit += 7)
		__set_bit(bit, map);
	EXPECT_EQ(bitmap_weight(map, 300), 43);
	for_each_set_bit(bit, map, 300) {
		EXPECT_EQ(bit % 7, 0);
		n++;
	}
	EXPECT_EQ(n, 43);
	n = 0;
	for_each_clear_bit(bit, map, 300)
		n++;
	EXPECT_EQ(n, 300 - 43);
	EXPECT_EQ(find_next_bit(map, 300, 295), 300);
	EXPECT_EQ(find_next_bit(map, 300, 294), 294);
	EXPECT_EQ(find_next_bit(map, 300, 300), 300);
	EXPECT_EQ(find_next_zero_bit(map, 300, 294), 295);
	EXPECT_EQ(find_first_zero_bit(map, 300), 1);
	EXPECT(test_and_set_bit(7, map) && !test_and_set_bit(8, map));
	EXPECT(test_and_clear_bit(8, map) && !test_bit(8, map));
	EXPECT(__test_and_set_bit(7, map) && __test_and_clear_bit(7, map) && !test_bit(7, map));
	change_bit(7, map);
	EXPECT(test_bit(7, map));
	assign_bit(7, map, false);
	EXPECT(!test_bit(7, map));
	bitmap_fill(map, 300);
	EXPECT(bitmap_full(map, 300));
	/* bits after the last do not count */
	EXPECT_EQ(bitmap_weight(map, 257), 257);
	clear_bit(256, map);
	EXPECT(!bitmap_full(map, 257) && bitmap_full(map, 256));
}

TEST(arithmetic_of_the_kernel)
{
	u64 n = 1000000000007ULL;
	u32 rem;

	EXPECT_EQ(min(3, 5), 3);
	EXPECT_EQ(max3(3, 9, 5), 9);
	EXPECT_EQ(min_t(u32, -1, 2), 2);
	EXPECT_EQ(clamp(7, 1, 5), 5);
	EXPECT_EQ(min_not_zero(0, 4), 4);
	EXPECT_EQ(abs(-5000000000LL), 5000000000LL);
	EXPECT_EQ(abs_diff(3U, 5U), 2);
	EXPECT_EQ(round_up(4097U, 4096), 8192);
	EXPECT_EQ(round_up(0ULL, 4096), 0);
	EXPECT_EQ(round_down(8191U, 4096), 4096);
	EXPECT_EQ(roundup(10, 7), 14);
	EXPECT_EQ(DIV_ROUND_UP(10, 4), 3);
	EXPECT_EQ(div_u64_rem(n, 1000, &rem), 1000000000);
	EXPECT_EQ(rem, 7);
	EXPECT_EQ(do_div(n, 10), 7);
	EXPECT_EQ(n, 100000000000ULL);
	EXPECT_EQ(mul_u64_u64_div_u64(U64_MAX, 6, 7), U64_MAX / 7 * 6 + 6 * (U64_MAX % 7) / 7);
	EXPECT_EQ(array_size(SIZE_MAX / 2, 3), SIZE_MAX);
	EXPECT(time_after(2UL, 1UL) && time_before(~0UL, 1UL));
}

struct item {
	int n;
	struct list_head list;
	struct hlist_node hash;
};

static int list_sum(struct list_head *head)
{
	struct item *i;
	int sum = 0;

	list_for_each_entry(i, head, list)
		sum = sum * 10 + i->n;
	return sum;
}

TEST(lists_keep_their_order)
{
	struct item i[5], *p, *n;
	LIST_HEAD(a);
	LIST_HEAD(b);

	for (int k = 0; k < 5; k++) {
		i[k].n = k + 1;
		list_add_tail(&i[k].list, &a);
	}
	EXPECT_EQ(list_sum(&a), 12345);
	list_move(&i[4].list, &a);
	EXPECT_EQ(list_sum(&a), 51234);
	list_move_tail(&i[1].list, &b);
	list_add(&i[0].list, (list_del(&i[0].list), &b));
	EXPECT_EQ(list_sum(&b), 12);
	list_splice_tail_init(&b, &a);
	EXPECT_EQ(list_sum(&a), 53412);
	EXPECT(list_empty(&b));
	list_splice_init(&a, &b);
	EXPECT_EQ(list_sum(&b), 53412);
	EXPECT_EQ(list_count_nodes(&b), 5);
	EXPECT(list_first_entry(&b, struct item, list) == &i[4]);
	EXPECT(list_last_entry(&b, struct item, list) == &i[1]);
	EXPECT(list_is_first(&i[4].list, &b) && list_is_last(&i[1].list, &b));
	list_for_each_entry_safe(p, n, &b, list)
		if (p->n != 3)
			list_del_init(&p->list);
	EXPECT(list_is_singular(&b));
	EXPECT(list_empty(&i[0].list));
	EXPECT(!list_first_entry_or_null(&a, struct item, list));
	list_replace(&i[2].list, &i[0].list);
	EXPECT_EQ(list_sum(&b), 1);
}

TEST(hash_chains)
{
	HLIST_HEAD(h);
	struct hlist_node *tmp;
	struct item i[4], *p;
	int sum = 0;

	for (int k = 0; k < 3; k++) {
		i[k].n = k + 1;
		hlist_add_head(&i[k].hash, &h);
	}
	i[3].n = 4;
	hlist_add_before(&i[3].hash, &i[1].hash);
	hlist_for_each_entry(p, &h, hash)
		sum = sum * 10 + p->n;
	EXPECT_EQ(sum, 3421);
	hlist_for_each_entry_safe(p, tmp, &h, hash)
		hlist_del_init(&p->hash);
	EXPECT(hlist_empty(&h) && hlist_unhashed(&i[0].hash));
}

struct sort_priv {
	size_t size;
	int order; /* 1, -1, or 0: contradicts itself */
	u64 compared, swapped;
};

static int sort_cmp(const void *a, const void *b, const void *priv)
{
	struct sort_priv *p = (void *)priv;

	p->compared++;
	return p->order ? memcmp(a, b, p->size) * p->order : 1;
}

static int cmp_bytes3(const void *a, const void *b)
{
	return memcmp(a, b, 3);
}

static void sort_swap(void *a, void *b, int size, const void *priv)
{
	u8 t[32];

	memcpy(t, a, size);
	memcpy(a, b, size);
	memcpy(b, t, size);
	((struct sort_priv *)priv)->swapped++;
}

enum sort_input { SORT_RANDOM, SORT_UP, SORT_DOWN, SORT_EQUAL, SORT_FEW, SORT_ORGAN, SORT_INPUTS };

static void sort_fill(u8 *p, size_t n, size_t size, enum sort_input input)
{
	for (size_t i = 0; i < n; i++) {
		const u32 values[SORT_INPUTS] = {
			[SORT_RANDOM] = get_random_u32(),
			[SORT_UP] = i,
			[SORT_DOWN] = n - i,
			[SORT_EQUAL] = 1,
			[SORT_FEW] = get_random_u32_below(4),
			[SORT_ORGAN] = min(i, n - i),
		};
		u32 v = values[input];

		for (size_t k = 0; k < size; k++)
			p[i * size + k] = k < 4 ? v >> (24 - 8 * k) : i;
	}
}

TEST(sort_orders_all_inputs_of_all_sizes)
{
	static const size_t sizes[] = {1, 3, 4, 8, 12, 16, 24};
	u8 *p = kmalloc(24 * 2000, GFP_KERNEL);

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
		for (size_t n = 0; n < 2000; n = n * 3 / 2 + 1)
			for (enum sort_input in = 0; in < SORT_INPUTS; in++) {
				struct sort_priv priv = {.size = sizes[s], .order = n % 2 ? 1 : -1};
				size_t sum = 0, i;

				sort_fill(p, n, sizes[s], in);
				for (i = 0; i < n * sizes[s]; i++)
					sum += p[i];
				sort_r(p, n, sizes[s], sort_cmp, s % 2 ? sort_swap : NULL, &priv);
				for (i = 0; i < n * sizes[s]; i++)
					sum -= p[i];
				EXPECT_EQ(sum, 0);
				for (i = 1; i < n; i++)
					EXPECT(sort_cmp(&p[(i - 1) * sizes[s]], &p[i * sizes[s]],
							&priv) <= 0);
			}
	kfree(p);
}

TEST(sort_is_never_quadratic)
{
	u8 *p = kmalloc(4 * 20000, GFP_KERNEL);

	for (enum sort_input in = 0; in < SORT_INPUTS; in++) {
		struct sort_priv priv = {.size = 4, .order = 1};

		sort_fill(p, 20000, 4, in);
		sort_r(p, 20000, 4, sort_cmp, NULL, &priv);
		/* n log2 n = 286,000 */
		EXPECT(priv.compared < 900000);
	}
	kfree(p);
}

TEST(sort_survives_a_comparison_that_contradicts_itself)
{
	struct sort_priv priv = {.size = 4};
	u8 *p = kmalloc(4 * 3000, GFP_KERNEL);

	sort_fill(p, 3000, 4, SORT_RANDOM);
	sort_r(p, 3000, 4, sort_cmp, NULL, &priv);
	kfree(p);
}

TEST(sort_without_priv)
{
	char s[] = "foobarquxbaz";

	sort(s, 4, 3, cmp_bytes3, NULL);
	EXPECT_STR(s, "barbazfooqux");
}

TEST(unaligned_loads_and_stores)
{
	u8 b[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

	EXPECT_EQ(get_unaligned_le16(b + 1), 0x0201);
	EXPECT_EQ(get_unaligned_le32(b + 1), 0x04030201);
	EXPECT_EQ(get_unaligned_le64(b + 1), 0x0807060504030201);
	EXPECT_EQ(get_unaligned_be16(b + 1), 0x0102);
	EXPECT_EQ(get_unaligned_be32(b + 1), 0x01020304);
	EXPECT_EQ(get_unaligned_be64(b + 1), 0x0102030405060708);
	put_unaligned_le64(0x1122334455667788, b + 3);
	EXPECT_EQ(b[3], 0x88);
	EXPECT_EQ(b[10], 0x11);
	put_unaligned_be16(0xabcd, b + 5);
	EXPECT_EQ(get_unaligned((u16 *)(b + 5)), le16_to_cpu(0xcdab));
}

TEST(random_numbers_differ_and_a_seed_repeats_them)
{
	u8 a[1000], b[1000];
	u64 x, y;

	EXPECT(get_random_u64() != get_random_u64());
	for (int i = 0; i < 1000; i++)
		EXPECT(get_random_u32_below(3) < 3);
	EXPECT_EQ(get_random_u32_below(1), 0);
	random_seed(42);
	x = get_random_u64();
	get_random_bytes(a, sizeof(a));
	random_seed(42);
	y = get_random_u64();
	get_random_bytes(b, sizeof(b));
	EXPECT_EQ(x, y);
	EXPECT_MEM(a, b, sizeof(a));
	random_seed(43);
	EXPECT(get_random_u64() != x);
}

TEST(uuids_are_random_and_parsed)
{
	uuid_t a, b;

	uuid_gen(&a);
	uuid_gen(&b);
	EXPECT(!uuid_equal(&a, &b));
	EXPECT_EQ(a.b[6] >> 4, 4);
	EXPECT_EQ(a.b[8] >> 6, 2);
	EXPECT_EQ(uuid_parse("00112233-4455-6677-8899-aAbBcCdDeEfF", &a), 0);
	for (int i = 0; i < 16; i++)
		EXPECT_EQ(a.b[i], i * 0x11);
	EXPECT_EQ(uuid_parse("00112233-4455-6677-8899-aAbBcCdDeEf", &a), -EINVAL);
	EXPECT_EQ(uuid_parse("00112233-4455-6677-8899-aAbBcCdDeEfF0", &a), -EINVAL);
	EXPECT_EQ(uuid_parse("00112233-4455-6677-8899aaAbBcCdDeEfF", &a), -EINVAL);
	EXPECT_EQ(uuid_parse("0011223g-4455-6677-8899-aAbBcCdDeEfF", &a), -EINVAL);
	EXPECT_EQ(uuid_parse("", &a), -EINVAL);
	EXPECT(!uuid_is_null(&a) && uuid_is_null(&(uuid_t){}));
}

TEST(clock_stands_when_frozen)
{
	clock_freeze(1700000000123456789ULL);
	EXPECT_EQ(ktime_get_real_ns(), 1700000000123456789ULL);
	EXPECT_EQ(ktime_get_real_seconds(), 1700000000);
	clock_freeze(0);
	EXPECT(ktime_get_real_seconds() > 1700000000);
	EXPECT(ktime_get_ns() <= ktime_get_ns());
}

TEST(memory_is_zeroed_aligned_and_grows)
{
	struct kmem_cache *c = kmem_cache_create("test", 100, 256, 0, NULL);
	u8 *p = kvzalloc(3 * PAGE_SIZE, GFP_KERNEL);

	EXPECT_EQ((unsigned long)p % PAGE_SIZE, 0);
	for (size_t i = 0; i < 3 * PAGE_SIZE; i++)
		EXPECT_EQ(p[i], 0);
	kvfree(p);
	p = kcalloc(10, 10, GFP_KERNEL);
	p[99] = 7;
	p = krealloc(p, 1000, GFP_KERNEL);
	EXPECT_EQ(p[99], 7);
	EXPECT(!krealloc(p, 0, GFP_KERNEL));
	EXPECT(!kcalloc(SIZE_MAX / 2, 3, GFP_KERNEL));
	EXPECT(!kmalloc_array(SIZE_MAX / 2, 3, GFP_KERNEL));
	p = kmem_cache_zalloc(c, GFP_KERNEL);
	EXPECT_EQ((unsigned long)p % 256, 0);
	EXPECT_EQ(p[99], 0);
	kmem_cache_free(c, p);
	kmem_cache_destroy(c);
	p = kmemdup("abc", 4, GFP_KERNEL);
	EXPECT_STR((char *)p, "abc");
	kfree_sensitive_len(p, 4);
}

static unsigned int allocations(unsigned int failed[], unsigned int n)
{
	unsigned int nr_failed = 0;

	for (unsigned int i = 1; i <= n; i++) {
		void *p = i % 2 ? kvmalloc(PAGE_SIZE, GFP_KERNEL) : krealloc(NULL, 16, GFP_KERNEL);

		if (!p)
			failed[nr_failed++] = i;
		kfree(p);
	}
	return nr_failed;
}

TEST(allocations_fail_when_told)
{
	unsigned int failed[20];
	void *p;

	kmalloc_fail_after(4);
	EXPECT_EQ(allocations(failed, 10), 1);
	EXPECT_EQ(failed[0], 4);
	EXPECT_EQ(kmalloc_fail_after(0), 10);
	kmalloc_fail_from(6);
	EXPECT_EQ(allocations(failed, 10), 5);
	EXPECT_EQ(failed[0], 6);
	p = kmalloc(8, __GFP_NOFAIL);
	EXPECT(p != NULL);
	kfree(p);
	kmalloc_fail_from(0);
	EXPECT_EQ(allocations(failed, 10), 0);
}

TEST(hash_uses_its_upper_bits)
{
	unsigned int seen = 0;

	for (u64 i = 0; i < 16; i++)
		seen |= 1U << hash_64(i << 12, 4);
	EXPECT(hweight32(seen) >= 8);
	EXPECT(hash_32(1, 32) != hash_32(2, 32));
}
