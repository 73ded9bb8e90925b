/*
 * Things that end with the scope of a variable: `struct x *p __free(kfree) = ...`,
 * `guard(mutex)(&lock);`, `scoped_guard(rcu) { ... }`, and no_free_ptr(p) to keep it.
 */
#ifndef _BCH_LINUX_CLEANUP_H
#define _BCH_LINUX_CLEANUP_H

#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/slab.h>

/* @free is a statement about _T, the variable. */
#define DEFINE_FREE(name, type, free)							\
static inline void __free_##name(void *p)						\
{											\
	type _T = *(type *)p;								\
	free;										\
}
#define __free(name)	__cleanup(__free_##name)

/* The value of @p, which the scope's end does not free any more. */
#define no_free_ptr(p)									\
	({										\
		__auto_type _v = (p);							\
		(p) = NULL;								\
		_v;									\
	})
#define return_ptr(p)	return no_free_ptr(p)

DEFINE_FREE(kfree, void *, if (!IS_ERR_OR_NULL(_T)) kfree(_T))
DEFINE_FREE(kvfree, void *, if (!IS_ERR_OR_NULL(_T)) kvfree(_T))

/* A guard holds a pointer to what it unlocks; NULL when a conditional one did not get it. */
#define DEFINE_GUARD(name, type, lock, unlock)						\
typedef type guard_##name##_t;								\
static inline type guard_##name##_enter(type _T)					\
{											\
	lock;										\
	return _T;									\
}											\
static inline void guard_##name##_exit(type *p)						\
{											\
	type _T = *p;									\
	if (_T) {									\
		unlock;									\
	}										\
}

#define __GUARD_ID_(a, b) a##b
#define __GUARD_ID(a, b)  __GUARD_ID_(a, b)
#define guard(name)									\
	__maybe_unused guard_##name##_t __GUARD_ID(_guard_, __COUNTER__)		\
		__cleanup(guard_##name##_exit) = guard_##name##_enter

#define scoped_guard(name, ...)								\
	for (guard_##name##_t _scope __cleanup(guard_##name##_exit) =			\
		     guard_##name##_enter(__VA_ARGS__), *_once = &_scope;		\
	     _once; _once = NULL)

DEFINE_GUARD(mutex, struct mutex *, mutex_lock(_T), mutex_unlock(_T))
DEFINE_GUARD(spinlock, spinlock_t *, spin_lock(_T), spin_unlock(_T))
DEFINE_GUARD(rwsem_read, struct rw_semaphore *, down_read(_T), up_read(_T))
DEFINE_GUARD(rwsem_write, struct rw_semaphore *, down_write(_T), up_write(_T))

typedef void *guard_rcu_t;

static inline void *guard_rcu_enter(void)
{
	rcu_read_lock();
	return (void *)1UL;
}

static inline void guard_rcu_exit(void **p)
{
	rcu_read_unlock();
}

#endif
