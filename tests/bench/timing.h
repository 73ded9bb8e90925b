/*
 * Time of short pieces of code on a busy machine: many batches, each timed on its own; the median
 * is not moved by the few in which something else ran.
 */
#ifndef _BCH_TESTS_BENCH_TIMING_H
#define _BCH_TESTS_BENCH_TIMING_H

#include <stdlib.h>
#include <time.h>
#include <linux/types.h>

#define TIMING_MAX_BATCHES 4096

struct timing {
	unsigned nr;
	double ns[TIMING_MAX_BATCHES]; /* per operation */
	double start;
};

static inline double timing_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static inline void timing_start(struct timing *t)
{
	t->start = timing_now();
}

/* A batch of @ops operations ends. */
static inline void timing_stop(struct timing *t, size_t ops)
{
	double ns = (timing_now() - t->start) / ops;

	if (t->nr < TIMING_MAX_BATCHES)
		t->ns[t->nr++] = ns;
}

static inline int timing_cmp(const void *l, const void *r)
{
	return (*(const double *)l > *(const double *)r) -
	       (*(const double *)l < *(const double *)r);
}

static inline double timing_median(struct timing *t)
{
	qsort(t->ns, t->nr, sizeof(t->ns[0]), timing_cmp);
	return t->nr ? t->ns[t->nr / 2] : 0;
}

#endif
