/*
 * Which of many extents that cover each other counts where (fs/undelete_keys.h). In n log n steps
 * for n extents, whatever they are: old keys of a damaged or hostile filesystem can be many, and
 * lie anyhow.
 *
 * The ends of all extents cut the file into cells. Extents take cells in the order of their rank;
 * a forest of "the next free cell at or behind this one" leads past those that are taken.
 */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "fs/undelete_keys.h"

static bool is_allocation(unsigned type)
{
	return type == KEY_TYPE_extent || type == KEY_TYPE_reservation ||
	       type == KEY_TYPE_reflink_p || type == KEY_TYPE_inline_data || type == KEY_TYPE_error;
}

static int cmp_ends(const void *_l, const void *_r)
{
	const u64 *l = _l, *r = _r;

	return u64_cmp(*l, *r);
}

/* The ends of all extents, ascending, each once: how many. */
static size_t cut(const struct bkey_i *const *keys, size_t nr, u64 *ends)
{
	size_t i, n = 0, unique = 0;

	for (i = 0; i < nr; i++) {
		if (!is_allocation(keys[i]->k.type) || !keys[i]->k.size)
			continue;
		ends[n++] = bkey_start_offset(&keys[i]->k);
		ends[n++] = keys[i]->k.p.offset;
	}
	sort(ends, n, sizeof(ends[0]), cmp_ends, NULL);
	for (i = 0; i < n; i++)
		if (!unique || ends[unique - 1] != ends[i])
			ends[unique++] = ends[i];
	return unique;
}

static size_t cell_of(const u64 *ends, size_t nr, u64 at)
{
	size_t l = 0, r = nr;

	while (l < r) {
		size_t m = l + (r - l) / 2;

		if (ends[m] < at)
			l = m + 1;
		else
			r = m;
	}
	return l;
}

/* The first free cell from @i on; paths are halved on the way. */
static size_t next_free(size_t *next, size_t i)
{
	while (next[i] != i) {
		next[i] = next[next[i]];
		i = next[i];
	}
	return i;
}

static int collect(const u64 *ends, size_t nr, const struct bkey_i **owner,
		   struct undelete_pieces *p)
{
	size_t i;
	int ret = 0;

	for (i = 0; i + 1 < nr && !ret; i++) {
		struct undelete_piece *last = p->d.nr ? &darray_last(p->d) : NULL;

		if (!owner[i])
			continue;
		p->sectors += ends[i + 1] - ends[i];
		if (last && last->k == owner[i] && last->end == ends[i])
			last->end = ends[i + 1];
		else
			ret = darray_push(
				&p->d, ((struct undelete_piece){ends[i], ends[i + 1], owner[i]}));
	}
	return ret;
}

int undelete_paint(const struct bkey_i *const *keys, size_t nr, struct undelete_pieces *p)
{
	const struct bkey_i **owner;
	size_t *next, i, cells;
	int ret = -ENOMEM;
	u64 *ends;

	*p = (struct undelete_pieces){};
	if (!nr)
		return 0;
	ends = kvmalloc(nr * 2 * sizeof(*ends), GFP_KERNEL);
	next = kvmalloc(nr * 2 * sizeof(*next), GFP_KERNEL);
	owner = kvzalloc(nr * 2 * sizeof(*owner), GFP_KERNEL);
	if (!ends || !next || !owner)
		goto out;
	cells = cut(keys, nr, ends);
	for (i = 0; i < cells; i++)
		next[i] = i;
	for (i = 0; i < nr && cells; i++) {
		u64 end = keys[i]->k.p.offset;
		size_t cell;

		if (!is_allocation(keys[i]->k.type) || !keys[i]->k.size)
			continue;
		cell = next_free(next, cell_of(ends, cells, bkey_start_offset(&keys[i]->k)));
		for (; ends[cell] < end; cell = next_free(next, cell)) {
			owner[cell] = keys[i];
			next[cell] = cell + 1;
		}
	}
	ret = collect(ends, cells, owner, p);
out:
	kvfree(owner);
	kvfree(next);
	kvfree(ends);
	return ret;
}
