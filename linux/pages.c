/*
 * Blocks of pages (linux/pages.h): cut from one large reservation of addresses, never given back to
 * it, kept in lists by size class. A block has at most half again as many addresses as it needs;
 * pages that nobody touches cost nothing.
 */
#include <sys/mman.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/pages.h>
#include <linux/spinlock.h>

#define RESERVED_PAGES (1UL << 24) /* 64 GiB of addresses */
#define KEEP_BYTES     (64UL << 20)
#define NR_CLASSES     20

/* Of the first page of a block. */
struct page_info {
	u32 next; /* when free: first page of the next one in the list; 0: none */
	u32 class;
};

char *pages_start, *pages_end;

static struct {
	spinlock_t lock;
	bool reserved;
	u32 used; /* pages cut so far; page 0 is never used */
	struct page_info *info;
	u32 mapped[NR_CLASSES], unmapped[NR_CLASSES]; /* lists of free blocks */
	size_t kept;				      /* bytes in mapped ones */
} pool;

/* 1, 2, 3, 4, 6, 8, 12 ... */
static u32 class_pages(unsigned class)
{
	if (!class)
		return 1;
	return class & 1 ? 1U << (class + 1) / 2 : 3U << (class - 2) / 2;
}

static unsigned class_of(size_t pages)
{
	unsigned class = 0;

	while (class_pages(class) < pages)
		class ++;
	return class;
}

static char *page_address_of(u32 page)
{
	return pages_start + (size_t)page * PAGE_SIZE;
}

static __maybe_unused void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Once. Sanitizers want each block from malloc(), to see what is done behind its end. */
static void pool_reserve(void)
{
	size_t bytes = RESERVED_PAGES * PAGE_SIZE;
	char *start = NULL;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	pool.info = reserve(RESERVED_PAGES * sizeof(*pool.info));
	start = pool.info ? reserve(bytes) : NULL;
#endif
	pool.used = 1;
	pool.reserved = true;
	if (!start) {
		pool.used = RESERVED_PAGES;
		return;
	}
	/* Large buffers are filled anew by each read: a fault for 2 MiB, not for 4 KiB. */
	madvise(start, bytes, MADV_HUGEPAGE);
	/* In this order nobody takes other memory for a block. */
	__atomic_store_n(&pages_start, start, __ATOMIC_RELEASE);
	__atomic_store_n(&pages_end, start + bytes, __ATOMIC_RELEASE);
}

static u32 take(u32 *list)
{
	u32 page = *list;

	if (page)
		*list = pool.info[page].next;
	return page;
}

static u32 cut(u32 pages)
{
	u32 page = pool.used;

	if (pages > RESERVED_PAGES - page)
		return 0;
	pool.used += pages;
	return page;
}

void *pages_alloc(size_t bytes)
{
	unsigned class;
	u32 page;

	if (!bytes || bytes > PAGES_BLOCK_MAX)
		return NULL;
	class = class_of(DIV_ROUND_UP(bytes, PAGE_SIZE));
	spin_lock(&pool.lock);
	if (unlikely(!pool.reserved))
		pool_reserve();
	page = take(&pool.mapped[class]);
	if (page)
		pool.kept -= class_pages(class) * PAGE_SIZE;
	else
		page = take(&pool.unmapped[class]) ?: cut(class_pages(class));
	if (page)
		pool.info[page].class = class;
	spin_unlock(&pool.lock);
	return page ? page_address_of(page) : NULL;
}

size_t pages_size(const void *p)
{
	u32 page = ((const char *)p - pages_start) / PAGE_SIZE;

	return class_pages(pool.info[page].class) * PAGE_SIZE;
}

void pages_free(void *p)
{
	u32 page = ((char *)p - pages_start) / PAGE_SIZE, *list;
	size_t bytes = pages_size(p);
	unsigned class = pool.info[page].class;
	bool keep;

	spin_lock(&pool.lock);
	keep = pool.kept + bytes <= KEEP_BYTES;
	if (keep)
		pool.kept += bytes;
	spin_unlock(&pool.lock);
	if (!keep)
		madvise(p, bytes, MADV_DONTNEED);
	list = keep ? &pool.mapped[class] : &pool.unmapped[class];
	spin_lock(&pool.lock);
	pool.info[page].next = *list;
	*list = page;
	spin_unlock(&pool.lock);
}
