/*
 * Spinlocks of one word, zero when free. A thread that does not get one soon sleeps: in a process
 * the holder may have lost its processor.
 */
#ifndef _BCH_LINUX_SPINLOCK_H
#define _BCH_LINUX_SPINLOCK_H

#include <linux/atomic.h>

typedef struct spinlock {
	u32 state; /* 0 free, 1 held, 2 held and perhaps waited for */
} spinlock_t;

typedef spinlock_t raw_spinlock_t;

#define __SPIN_LOCK_UNLOCKED(name) {0}
#define DEFINE_SPINLOCK(name)	   spinlock_t name = __SPIN_LOCK_UNLOCKED(name)

void spin_lock_slow(spinlock_t *lock);
void spin_unlock_slow(spinlock_t *lock);

static inline void spin_lock_init(spinlock_t *lock)
{
	lock->state = 0;
}

static inline bool spin_trylock(spinlock_t *lock)
{
	u32 free = 0;

	return try_cmpxchg_acquire(&lock->state, &free, 1);
}

static inline void spin_lock(spinlock_t *lock)
{
	if (unlikely(!spin_trylock(lock)))
		spin_lock_slow(lock);
}

static inline void spin_unlock(spinlock_t *lock)
{
	if (unlikely(xchg_release(&lock->state, 0) == 2))
		spin_unlock_slow(lock);
}

static inline bool spin_is_locked(const spinlock_t *lock)
{
	return __atomic_load_n(&lock->state, __ATOMIC_RELAXED);
}

/* There are no interrupts to keep out. */
#define spin_lock_irq(l)		spin_lock(l)
#define spin_unlock_irq(l)		spin_unlock(l)
#define spin_lock_bh(l)			spin_lock(l)
#define spin_unlock_bh(l)		spin_unlock(l)
#define spin_lock_irqsave(l, flags)	 do { (flags) = 0; spin_lock(l); } while (0)
#define spin_unlock_irqrestore(l, flags) do { (void)(flags); spin_unlock(l); } while (0)
#define raw_spin_lock(l)		spin_lock(l)
#define raw_spin_unlock(l)		spin_unlock(l)
#define raw_spin_lock_init(l)		spin_lock_init(l)

#endif
