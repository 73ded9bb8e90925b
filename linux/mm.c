/* How much memory the machine has. */
#include <unistd.h>
#include <linux/mm.h>

unsigned long totalram_pages(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (u64)pages * size / PAGE_SIZE : 0;
}
