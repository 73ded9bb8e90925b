/*
 * One instance of an object a processor, apart from each other's cache lines. Threads move between
 * processors at any time: what is shared so must be atomic, as this_cpu_add() is.
 */
#ifndef _BCH_LINUX_PERCPU_H
#define _BCH_LINUX_PERCPU_H

#include <linux/kernel.h>
#include <linux/slab.h>

#define __percpu

extern unsigned int nr_cpu_ids; /* that the machine may have, at least 1 */

#define PERCPU_UNIT (32UL << 10) /* bytes between two processors' instances, and most of one */

/* Zeroed; NULL without memory. */
void *__alloc_percpu(size_t size, size_t align);
void free_percpu(void *p);
/* The processor that this thread runs on now. */
unsigned int raw_smp_processor_id(void);

#define alloc_percpu(type)	((type *)__alloc_percpu(sizeof(type), __alignof__(type)))
#define alloc_percpu_gfp(type, gfp) alloc_percpu(type)
#define per_cpu_ptr(p, cpu)	((__typeof__(p))((char *)(p) + (cpu) * PERCPU_UNIT))
#define this_cpu_ptr(p)		per_cpu_ptr(p, raw_smp_processor_id())
#define raw_cpu_ptr(p)		this_cpu_ptr(p)
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < nr_cpu_ids; (cpu)++)
#define num_possible_cpus()	nr_cpu_ids
#define num_online_cpus()	nr_cpu_ids

/* @lvalue is an integer in a per-cpu object: this_cpu_add(*counter, 1), this_cpu_inc(s->reads). */
#define this_cpu_add(lvalue, n)								\
	((void)__atomic_fetch_add(this_cpu_ptr(&(lvalue)), n, __ATOMIC_RELAXED))
#define this_cpu_sub(lvalue, n) this_cpu_add(lvalue, -(n))
#define this_cpu_inc(lvalue)	this_cpu_add(lvalue, 1)
#define this_cpu_dec(lvalue)	this_cpu_add(lvalue, -1)

/* The sum over all processors of a per-cpu u64. */
static inline u64 percpu_u64_get(u64 *p)
{
	unsigned int cpu;
	u64 sum = 0;

	for_each_possible_cpu(cpu)
		sum += __atomic_load_n(per_cpu_ptr(p, cpu), __ATOMIC_RELAXED);
	return sum;
}

#endif
