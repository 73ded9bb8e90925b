/*
 * Atomic integers with the kernel's ordering rules: operations that return a value order fully,
 * those that return none and plain reads and writes do not order; _acquire, _release, _relaxed say.
 */
#ifndef _BCH_LINUX_ATOMIC_H
#define _BCH_LINUX_ATOMIC_H

#include <linux/types.h>

#define ATOMIC_INIT(i)	   {(i)}
#define ATOMIC64_INIT(i)   {(i)}

#if BUILT_WITH_TSAN
/* It does not follow fences; an exchange that all of them share orders more than they do. */
extern int smp_mb_word;
#define smp_mb()	   ((void)__atomic_fetch_add(&smp_mb_word, 0, __ATOMIC_SEQ_CST))
#define smp_rmb()	   smp_mb()
#define smp_wmb()	   smp_mb()
#else
#define smp_mb()	   __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()	   __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()	   __atomic_thread_fence(__ATOMIC_RELEASE)
#endif
#define smp_mb__before_atomic() smp_mb()
#define smp_mb__after_atomic()	smp_mb()
#define smp_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define smp_store_mb(x, v)	__atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

#if defined(__x86_64__) || defined(__i386__)
#define cpu_relax()	   __builtin_ia32_pause()
#elif defined(__aarch64__)
#define cpu_relax()	   __asm__ __volatile__("yield" ::: "memory")
#else
#define cpu_relax()	   __asm__ __volatile__("" ::: "memory")
#endif

#define xchg(p, v)	   __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define xchg_acquire(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQUIRE)
#define xchg_release(p, v) __atomic_exchange_n(p, v, __ATOMIC_RELEASE)

#define __cmpxchg(p, old, new, order)							\
	({										\
		__typeof__(*(p)) _old = (old);						\
		__atomic_compare_exchange_n(p, &_old, new, false, order, __ATOMIC_RELAXED);	\
		_old;									\
	})

/* The value found: @old when the exchange took place. */
#define cmpxchg(p, old, new)		__cmpxchg(p, old, new, __ATOMIC_SEQ_CST)
#define cmpxchg_acquire(p, old, new)	__cmpxchg(p, old, new, __ATOMIC_ACQUIRE)
#define cmpxchg_release(p, old, new)	__cmpxchg(p, old, new, __ATOMIC_RELEASE)
#define cmpxchg64			cmpxchg

/* True when the exchange took place; else *@oldp is the value found. */
#define try_cmpxchg(p, oldp, new)							\
	__atomic_compare_exchange_n(p, oldp, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
#define try_cmpxchg_acquire(p, oldp, new)						\
	__atomic_compare_exchange_n(p, oldp, new, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define try_cmpxchg_release(p, oldp, new)						\
	__atomic_compare_exchange_n(p, oldp, new, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)

#define DEFINE_ATOMIC(a, int_t)								\
static inline int_t a##_read(const a##_t *v)						\
{											\
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);				\
}											\
static inline int_t a##_read_acquire(const a##_t *v)					\
{											\
	return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE);				\
}											\
static inline void a##_set(a##_t *v, int_t i)						\
{											\
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED);				\
}											\
static inline void a##_set_release(a##_t *v, int_t i)					\
{											\
	__atomic_store_n(&v->counter, i, __ATOMIC_RELEASE);				\
}											\
static inline void a##_add(int_t i, a##_t *v)						\
{											\
	__atomic_fetch_add(&v->counter, i, __ATOMIC_RELAXED);				\
}											\
static inline void a##_sub(int_t i, a##_t *v)						\
{											\
	__atomic_fetch_sub(&v->counter, i, __ATOMIC_RELAXED);				\
}											\
static inline void a##_inc(a##_t *v)							\
{											\
	a##_add(1, v);									\
}											\
static inline void a##_dec(a##_t *v)							\
{											\
	a##_sub(1, v);									\
}											\
static inline void a##_or(int_t i, a##_t *v)						\
{											\
	__atomic_fetch_or(&v->counter, i, __ATOMIC_RELAXED);				\
}											\
static inline void a##_and(int_t i, a##_t *v)						\
{											\
	__atomic_fetch_and(&v->counter, i, __ATOMIC_RELAXED);				\
}											\
static inline int_t a##_add_return(int_t i, a##_t *v)					\
{											\
	return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);			\
}											\
static inline int_t a##_sub_return(int_t i, a##_t *v)					\
{											\
	return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST);			\
}											\
static inline int_t a##_sub_return_release(int_t i, a##_t *v)				\
{											\
	return __atomic_sub_fetch(&v->counter, i, __ATOMIC_RELEASE);			\
}											\
static inline int_t a##_inc_return(a##_t *v)						\
{											\
	return a##_add_return(1, v);							\
}											\
static inline int_t a##_dec_return(a##_t *v)						\
{											\
	return a##_sub_return(1, v);							\
}											\
static inline int_t a##_fetch_add(int_t i, a##_t *v)					\
{											\
	return __atomic_fetch_add(&v->counter, i, __ATOMIC_SEQ_CST);			\
}											\
static inline int_t a##_fetch_sub(int_t i, a##_t *v)					\
{											\
	return __atomic_fetch_sub(&v->counter, i, __ATOMIC_SEQ_CST);			\
}											\
static inline int_t a##_fetch_or(int_t i, a##_t *v)					\
{											\
	return __atomic_fetch_or(&v->counter, i, __ATOMIC_SEQ_CST);			\
}											\
static inline int_t a##_fetch_and(int_t i, a##_t *v)					\
{											\
	return __atomic_fetch_and(&v->counter, i, __ATOMIC_SEQ_CST);			\
}											\
static inline int_t a##_xchg(a##_t *v, int_t i)						\
{											\
	return __atomic_exchange_n(&v->counter, i, __ATOMIC_SEQ_CST);			\
}											\
static inline int_t a##_cmpxchg(a##_t *v, int_t old, int_t i)				\
{											\
	return cmpxchg(&v->counter, old, i);						\
}											\
static inline bool a##_try_cmpxchg(a##_t *v, int_t *old, int_t i)			\
{											\
	return try_cmpxchg(&v->counter, old, i);					\
}											\
static inline bool a##_try_cmpxchg_acquire(a##_t *v, int_t *old, int_t i)		\
{											\
	return try_cmpxchg_acquire(&v->counter, old, i);				\
}											\
static inline bool a##_sub_and_test(int_t i, a##_t *v)					\
{											\
	return !a##_sub_return(i, v);							\
}											\
static inline bool a##_dec_and_test(a##_t *v)						\
{											\
	return !a##_dec_return(v);							\
}											\
static inline bool a##_inc_and_test(a##_t *v)						\
{											\
	return !a##_inc_return(v);							\
}											\
/* Add @i unless the value is @u; true when added. */					\
static inline bool a##_add_unless(a##_t *v, int_t i, int_t u)				\
{											\
	int_t old = a##_read(v);							\
											\
	do {										\
		if (old == u)								\
			return false;							\
	} while (!a##_try_cmpxchg(v, &old, old + i));					\
	return true;									\
}											\
static inline bool a##_inc_not_zero(a##_t *v)						\
{											\
	return a##_add_unless(v, 1, 0);							\
}

DEFINE_ATOMIC(atomic, int)
DEFINE_ATOMIC(atomic64, s64)
#undef DEFINE_ATOMIC

#if __SIZEOF_LONG__ == 8
typedef atomic64_t atomic_long_t;
#define ATOMIC_LONG_INIT	ATOMIC64_INIT
#define atomic_long_read	atomic64_read
#define atomic_long_set		atomic64_set
#define atomic_long_add		atomic64_add
#define atomic_long_sub		atomic64_sub
#define atomic_long_inc		atomic64_inc
#define atomic_long_dec		atomic64_dec
#define atomic_long_add_return	atomic64_add_return
#define atomic_long_sub_return	atomic64_sub_return
#define atomic_long_dec_and_test atomic64_dec_and_test
#endif

#endif
