/*
 * Sorting in place: quicksort with the median of three, insertion sort of short pieces, and
 * heapsort for a piece that splits badly, so that no order of input costs more than n log n.
 * A comparison that contradicts itself gives some order, never an access outside of the array.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/sort.h>
#include <linux/string.h>

#define SORT_SHORT 12 /* elements; shorter pieces are sorted by insertion */

struct sorter {
	size_t size;
	cmp_r_func_t cmp;
	swap_r_func_t swap_fn;
	const void *priv;
};

static __always_inline void swap_words(char *a, char *b, size_t size, size_t word)
{
	for (; size; size -= word, a += word, b += word) {
		u64 x = 0, y = 0;

		memcpy(&x, a, word);
		memcpy(&y, b, word);
		memcpy(a, &y, word);
		memcpy(b, &x, word);
	}
}

static inline void sort_swap(const struct sorter *s, char *a, char *b)
{
	if (s->swap_fn)
		s->swap_fn(a, b, s->size, s->priv);
	else if (!(s->size % 8))
		swap_words(a, b, s->size, 8);
	else if (!(s->size % 4))
		swap_words(a, b, s->size, 4);
	else
		swap_words(a, b, s->size, 1);
}

static inline bool sort_less(const struct sorter *s, const char *a, const char *b)
{
	return s->cmp(a, b, s->priv) < 0;
}

static void sort_insertion(const struct sorter *s, char *base, size_t n)
{
	for (char *i = base + s->size; i < base + n * s->size; i += s->size)
		for (char *j = i; j > base && sort_less(s, j, j - s->size); j -= s->size)
			sort_swap(s, j, j - s->size);
}

static void sift_down(const struct sorter *s, char *base, size_t i, size_t n)
{
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n &&
		    sort_less(s, base + child * s->size, base + (child + 1) * s->size))
			child++;
		if (!sort_less(s, base + i * s->size, base + child * s->size))
			return;
		sort_swap(s, base + i * s->size, base + child * s->size);
	}
}

static void sort_heap(const struct sorter *s, char *base, size_t n)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(s, base, i, n);
	while (--n) {
		sort_swap(s, base, base + n * s->size);
		sift_down(s, base, 0, n);
	}
}

/* Put the median of first, middle and last element first. */
static void sort_pivot(const struct sorter *s, char *base, size_t n)
{
	char *mid = base + n / 2 * s->size, *last = base + (n - 1) * s->size;

	if (sort_less(s, mid, base))
		sort_swap(s, mid, base);
	if (sort_less(s, last, mid)) {
		sort_swap(s, last, mid);
		if (sort_less(s, mid, base))
			sort_swap(s, mid, base);
	}
	sort_swap(s, base, mid);
}

/* Split around the first element; its index afterwards. None before is greater, none after less. */
static size_t sort_partition(const struct sorter *s, char *base, size_t n)
{
	size_t i = 1, j = n - 1;

	while (1) {
		while (i <= j && sort_less(s, base + i * s->size, base))
			i++;
		while (i <= j && sort_less(s, base, base + j * s->size))
			j--;
		if (i >= j)
			break;
		sort_swap(s, base + i++ * s->size, base + j-- * s->size);
	}
	sort_swap(s, base, base + j * s->size);
	return j;
}

void sort_r(void *base, size_t num, size_t size, cmp_r_func_t cmp, swap_r_func_t swap,
	    const void *priv)
{
	const struct sorter s = {size, cmp, swap, priv};
	struct {
		char *base;
		size_t n;
		int depth;
	} stack[64], cur = {base, num, 2 * fls64(num)};
	int top = 0;

	while (1) {
		while (cur.n > SORT_SHORT && cur.depth--) {
			size_t p, right;

			sort_pivot(&s, cur.base, cur.n);
			p = sort_partition(&s, cur.base, cur.n);
			right = cur.n - p - 1;
			/* the longer part waits: the stack is never deeper than log2(num) */
			stack[top] = cur;
			if (p < right) {
				stack[top].base += (p + 1) * size;
				stack[top++].n = right;
				cur.n = p;
			} else {
				stack[top++].n = p;
				cur.base += (p + 1) * size;
				cur.n = right;
			}
		}
		if (cur.n > SORT_SHORT)
			sort_heap(&s, cur.base, cur.n);
		else
			sort_insertion(&s, cur.base, cur.n);
		if (!top)
			return;
		cur = stack[--top];
	}
}

struct cmp_swap {
	cmp_func_t cmp;
	swap_func_t swap_fn;
};

static int sort_call_cmp(const void *a, const void *b, const void *priv)
{
	return ((const struct cmp_swap *)priv)->cmp(a, b);
}

static void sort_call_swap(void *a, void *b, int size, const void *priv)
{
	((const struct cmp_swap *)priv)->swap_fn(a, b, size);
}

void sort(void *base, size_t num, size_t size, cmp_func_t cmp, swap_func_t swap)
{
	const struct cmp_swap f = {cmp, swap};

	sort_r(base, num, size, sort_call_cmp, swap ? sort_call_swap : NULL, &f);
}
