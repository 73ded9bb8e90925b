/* linux/pages.h: blocks of pages, freed and given out again. */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pages.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAVE_POOL 0 /* sanitizers see malloc() alone */
#else
#define HAVE_POOL 1
#endif

TEST(a_freed_block_is_given_out_again)
{
	void *a = pages_alloc(3 * PAGE_SIZE), *b;

	REQUIRE(!a == !HAVE_POOL);
	if (!a)
		return;
	REQUIRE(!((uintptr_t)a & (PAGE_SIZE - 1)));
	pages_free(a);
	b = pages_alloc(2 * PAGE_SIZE + 1);
	REQUIRE(a == b);
	REQUIRE(pages_size(b) == 3 * PAGE_SIZE);
	pages_free(b);
}

TEST(blocks_do_not_overlap)
{
	size_t sizes[] = {1, 4096, 4097, 65536, 65537, 100000, 262144, 1 << 20, 4 << 20};
	char *p[ARRAY_SIZE(sizes)];
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = kvmalloc(sizes[i], GFP_KERNEL);
		REQUIRE(p[i]);
		memset(p[i], i + 1, sizes[i]);
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		REQUIRE(p[i][0] == (char)(i + 1) && p[i][sizes[i] - 1] == (char)(i + 1));
		kvfree(p[i]);
	}
}

TEST(too_large_blocks_come_from_elsewhere)
{
	void *p = kvmalloc(PAGES_BLOCK_MAX + 1, GFP_KERNEL);

	REQUIRE(p && !is_pages_block(p));
	REQUIRE(!pages_alloc(PAGES_BLOCK_MAX + 1));
	REQUIRE(!pages_alloc(0));
	kvfree(p);
}

TEST(reused_memory_is_zeroed_when_asked)
{
	char *p = kvmalloc(8192, GFP_KERNEL);
	unsigned i;

	memset(p, 0xff, 8192);
	kvfree(p);
	p = kvzalloc(8192, GFP_KERNEL);
	for (i = 0; i < 8192; i++)
		REQUIRE(!p[i]);
	kvfree(p);
}

TEST(realloc_keeps_what_was_there)
{
	char *p = kvmalloc(5000, GFP_KERNEL);

	memset(p, 7, 5000);
	p = krealloc(p, 100000, GFP_KERNEL);
	REQUIRE(p && p[0] == 7 && p[4999] == 7);
	p = krealloc(p, 5000, GFP_KERNEL);
	REQUIRE(p && p[0] == 7 && p[4999] == 7);
	kfree(p);
}

TEST(more_than_is_kept_comes_and_goes)
{
	void *p[40];
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = kvmalloc(4 << 20, GFP_KERNEL);
		REQUIRE(p[i]);
		*(char *)p[i] = 1;
	}
	for (i = 0; i < ARRAY_SIZE(p); i++)
		kvfree(p[i]);
	p[0] = kvzalloc(4 << 20, GFP_KERNEL);
	REQUIRE(p[0] && !*(char *)p[0]);
	kvfree(p[0]);
}
