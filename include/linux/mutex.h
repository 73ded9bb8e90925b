/* Mutexes. A zeroed one is free and has no rank. */
#ifndef _BCH_LINUX_MUTEX_H
#define _BCH_LINUX_MUTEX_H

#include <linux/lockdep.h>
#include <linux/spinlock.h>

struct mutex {
	spinlock_t lock;
#ifdef CONFIG_LOCKDEP
	struct lockdep_map dep_map;
#endif
};

#define __MUTEX_INITIALIZER(name) {LOCKDEP_INIT(#name)}
#define DEFINE_MUTEX(name)	  struct mutex name = __MUTEX_INITIALIZER(name)

#define mutex_init(m)									\
	do {										\
		*(m) = (struct mutex){LOCKDEP_INIT(#m)};				\
	} while (0)

static inline void mutex_destroy(struct mutex *m)
{
}

static inline void mutex_lock(struct mutex *m)
{
	lock_acquire(m, false);
	spin_lock(&m->lock);
}

static inline bool mutex_trylock(struct mutex *m)
{
	if (!spin_trylock(&m->lock))
		return false;
	lock_acquire(m, true);
	return true;
}

static inline void mutex_unlock(struct mutex *m)
{
	lock_release(m);
	spin_unlock(&m->lock);
}

static inline bool mutex_is_locked(const struct mutex *m)
{
	return spin_is_locked(&m->lock);
}

/* Nothing interrupts: always 0. */
static inline int mutex_lock_interruptible(struct mutex *m)
{
	mutex_lock(m);
	return 0;
}

#define mutex_lock_killable mutex_lock_interruptible
#define mutex_lock_nested(m, subclass) mutex_lock(m)

#endif
