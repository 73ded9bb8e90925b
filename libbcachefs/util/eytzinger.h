/*
 * Eytzinger order: a sorted array as a complete binary tree in breadth-first order, children of
 * slot i at 2i and 2i + 1. Slots count from 1 to n; 0 says there is none. A search reads slots
 * that are near each other first, without a branch to guess (find); prefetching is simple, since
 * all descendants k levels down lie side by side from 2^k i on.
 */
#ifndef _BCH_UTIL_EYTZINGER_H
#define _BCH_UTIL_EYTZINGER_H

#include <linux/types.h>

/* Levels of the tree; @n is not 0. */
static inline unsigned eytzinger_levels(unsigned n)
{
	return 32 - __builtin_clz(n);
}

/* Twice the number of slots of the last level, which are filled from the left. */
static inline unsigned eytzinger_last_level(unsigned n)
{
	return 2 * (n + 1 - (1U << (eytzinger_levels(n) - 1)));
}

/*
 * Rank (from 1) of slot @i in sorted order. In a tree whose last level is full the ranks of the
 * last level are the odd ones; those missing on its right make all ranks behind smaller.
 */
static inline unsigned eytzinger_to_rank(unsigned i, unsigned n)
{
	unsigned level = eytzinger_levels(i), below = eytzinger_levels(n) - level;
	unsigned rank = (2 * (i - (1U << (level - 1))) + 1) << below;
	unsigned last = eytzinger_last_level(n);

	return rank > last ? rank - (rank - last) / 2 : rank;
}

/* Slot of the rank @rank (1..n). */
static inline unsigned eytzinger_from_rank(unsigned rank, unsigned n)
{
	unsigned last = eytzinger_last_level(n), below;

	if (rank > last)
		rank = 2 * rank - last;
	below = __builtin_ctz(rank);
	return (1U << (eytzinger_levels(n) - 1 - below)) + (rank >> (below + 1));
}

/* The slot with the smallest element. */
static inline unsigned eytzinger_first(unsigned n)
{
	return n ? 1U << (eytzinger_levels(n) - 1) : 0;
}

/* The slot of the next larger element. */
static inline unsigned eytzinger_next(unsigned i, unsigned n)
{
	if (2 * i + 1 <= n) {
		i = 2 * i + 1;
		while (2 * i <= n)
			i *= 2;
		return i;
	}
	return i >> (__builtin_ctz(~i) + 1);
}

/* Nearest ancestor with a smaller, with a larger element. */
static inline unsigned eytzinger_left_bound(unsigned i)
{
	return i >> (__builtin_ctz(i) + 1);
}

static inline unsigned eytzinger_right_bound(unsigned i)
{
	return i >> (__builtin_ctz(~i) + 1);
}

/*
 * The first slot in sorted order that is not @less: an expression of the slot @i that is true for
 * a prefix of the sorted order. Give it as a value, not as a branch.
 */
#define eytzinger_find(n, i, less)            \
	({                                    \
		unsigned _n = (n), i = 1;     \
		while (i <= _n)               \
			i = 2 * i + !!(less); \
		i >> (__builtin_ctz(~i) + 1); \
	})

#endif
