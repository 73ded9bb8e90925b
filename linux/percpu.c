/*
 * Per-cpu memory: areas of one unit a processor, one after the other, so that a pointer into the
 * first unit plus a constant gives any processor's. An area hands out pieces of its unit.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/bitmap.h>
#include <linux/percpu.h>

#define UNIT_GRANULES (PERCPU_UNIT / 8) /* pieces are multiples of 8 bytes */

struct percpu_area {
	struct percpu_area *next;
	char *base;
	DECLARE_BITMAP(used, UNIT_GRANULES);
	DECLARE_BITMAP(last, UNIT_GRANULES); /* set at the last granule of a piece */
};

unsigned int nr_cpu_ids = 1;

static struct {
	pthread_mutex_t lock;
	struct percpu_area *areas;
} percpu = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void __attribute__((constructor)) percpu_setup(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);

	nr_cpu_ids = n > 0 ? n : 1;
}

unsigned int raw_smp_processor_id(void)
{
	int cpu = sched_getcpu();

	return cpu > 0 ? (unsigned int)cpu % nr_cpu_ids : 0;
}

static struct percpu_area *area_new(void)
{
	struct percpu_area *a = kzalloc(sizeof(*a), GFP_KERNEL);

	if (!a)
		return NULL;
	a->base = mmap(NULL, (size_t)nr_cpu_ids * PERCPU_UNIT, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a->base == MAP_FAILED) {
		kfree(a);
		return NULL;
	}
	a->next = percpu.areas;
	percpu.areas = a;
	return a;
}

/* @n granules from a multiple of @align on; UNIT_GRANULES when there is no room. */
static unsigned long area_find(const struct percpu_area *a, unsigned long n, unsigned long align)
{
	unsigned long start = 0, end;

	while (1) {
		start = find_next_zero_bit(a->used, UNIT_GRANULES, start);
		start = round_up(start, align);
		if (start + n > UNIT_GRANULES)
			return UNIT_GRANULES;
		end = find_next_bit(a->used, UNIT_GRANULES, start);
		if (end - start >= n)
			return start;
		start = end;
	}
}

static void *area_take(struct percpu_area *a, unsigned long start, unsigned long n)
{
	for (unsigned long i = start; i < start + n; i++)
		__set_bit(i, a->used);
	__set_bit(start + n - 1, a->last);
	for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
		memset(a->base + (size_t)cpu * PERCPU_UNIT + start * 8, 0, n * 8);
	return a->base + start * 8;
}

void *__alloc_percpu(size_t size, size_t align)
{
	unsigned long n = DIV_ROUND_UP(max(size, 1), 8), start = UNIT_GRANULES;
	struct percpu_area *a;
	void *p = NULL;

	if (size > PERCPU_UNIT || kmalloc_fails(GFP_KERNEL))
		return NULL;
	align = max(align / 8, 1);
	pthread_mutex_lock(&percpu.lock);
	for (a = percpu.areas; a; a = a->next) {
		start = area_find(a, n, align);
		if (start < UNIT_GRANULES)
			break;
	}
	if (!a) {
		a = area_new();
		start = 0;
	}
	if (a)
		p = area_take(a, start, n);
	pthread_mutex_unlock(&percpu.lock);
	return p;
}

void free_percpu(void *p)
{
	pthread_mutex_lock(&percpu.lock);
	for (struct percpu_area *a = p ? percpu.areas : NULL; a; a = a->next) {
		unsigned long i = ((char *)p - a->base) / 8;

		if ((char *)p < a->base || i >= UNIT_GRANULES)
			continue;
		do {
			__clear_bit(i, a->used);
		} while (!__test_and_clear_bit(i++, a->last));
		break;
	}
	pthread_mutex_unlock(&percpu.lock);
}
