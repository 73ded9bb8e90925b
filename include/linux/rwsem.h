/*
 * Reader-writer locks that sleep. A waiting writer keeps new readers out. A zeroed one is free and
 * has no rank. Another thread may unlock than the one that locked, but not with CONFIG_LOCKDEP.
 */
#ifndef _BCH_LINUX_RWSEM_H
#define _BCH_LINUX_RWSEM_H

#include <linux/atomic.h>
#include <linux/lockdep.h>

#define RWSEM_WRITER  (1U << 31) /* held for writing */
#define RWSEM_PENDING (1U << 30) /* a writer waits */
#define RWSEM_WAITERS (1U << 29) /* somebody sleeps */
#define RWSEM_READERS (RWSEM_WAITERS - 1)

struct rw_semaphore {
	u32 state; /* the flags above and the number of readers */
#ifdef CONFIG_LOCKDEP
	struct lockdep_map dep_map;
#endif
};

#define __RWSEM_INITIALIZER(name) {LOCKDEP_INIT(#name)}
#define DECLARE_RWSEM(name)	  struct rw_semaphore name = __RWSEM_INITIALIZER(name)

#define init_rwsem(s)									\
	do {										\
		*(s) = (struct rw_semaphore){LOCKDEP_INIT(#s)};				\
	} while (0)

void rwsem_down_read_slow(struct rw_semaphore *s);
void rwsem_down_write_slow(struct rw_semaphore *s);
void rwsem_wake(struct rw_semaphore *s);

static inline bool rwsem_try_read(struct rw_semaphore *s)
{
	u32 v = READ_ONCE(s->state);

	while (!(v & (RWSEM_WRITER | RWSEM_PENDING)))
		if (try_cmpxchg_acquire(&s->state, &v, v + 1))
			return true;
	return false;
}

static inline bool rwsem_try_write(struct rw_semaphore *s)
{
	u32 v = READ_ONCE(s->state);

	while (!(v & (RWSEM_WRITER | RWSEM_READERS)))
		if (try_cmpxchg_acquire(&s->state, &v, v | RWSEM_WRITER))
			return true;
	return false;
}

static inline void down_read(struct rw_semaphore *s)
{
	lock_acquire(s, false);
	if (unlikely(!rwsem_try_read(s)))
		rwsem_down_read_slow(s);
}

static inline bool down_read_trylock(struct rw_semaphore *s)
{
	if (!rwsem_try_read(s))
		return false;
	lock_acquire(s, true);
	return true;
}

static inline void up_read(struct rw_semaphore *s)
{
	u32 v = READ_ONCE(s->state), n;

	lock_release(s);
	do {
		n = v - 1;
		if (!(n & RWSEM_READERS))
			n = 0;
	} while (!try_cmpxchg_release(&s->state, &v, n));
	if (unlikely(!n && (v & RWSEM_WAITERS)))
		rwsem_wake(s);
}

static inline void down_write(struct rw_semaphore *s)
{
	lock_acquire(s, false);
	if (unlikely(!rwsem_try_write(s)))
		rwsem_down_write_slow(s);
}

static inline bool down_write_trylock(struct rw_semaphore *s)
{
	if (!rwsem_try_write(s))
		return false;
	lock_acquire(s, true);
	return true;
}

static inline void up_write(struct rw_semaphore *s)
{
	lock_release(s);
	if (unlikely(xchg_release(&s->state, 0) & RWSEM_WAITERS))
		rwsem_wake(s);
}

/* From writing to reading, without a moment in which it is free. */
static inline void downgrade_write(struct rw_semaphore *s)
{
	if (unlikely(xchg_release(&s->state, 1) & RWSEM_WAITERS))
		rwsem_wake(s);
}

static inline bool rwsem_is_locked(const struct rw_semaphore *s)
{
	return READ_ONCE(s->state) & (RWSEM_WRITER | RWSEM_READERS);
}

#define down_read_killable(s)	   ({ down_read(s); 0; })
#define down_write_killable(s)	   ({ down_write(s); 0; })
#define down_read_nested(s, c)	   down_read(s)
#define down_write_nested(s, c)	   down_write(s)

#endif
