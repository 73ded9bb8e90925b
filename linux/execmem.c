/* Pages for generated code, by mmap() and mprotect(). */
#include <errno.h>
#include <sys/mman.h>
#include <linux/execmem.h>

void *execmem_alloc_page(void)
{
	void *p = mmap(NULL, EXECMEM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int execmem_make_rox(void *page)
{
	return mprotect(page, EXECMEM_PAGE_SIZE, PROT_READ | PROT_EXEC) ? -errno : 0;
}

void execmem_free_page(void *page)
{
	munmap(page, EXECMEM_PAGE_SIZE);
}
