/* The waiting sides of spinlocks and rw_semaphores, futexes, and the ranks of locks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/futex.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/time.h>

#define SPIN_LIMIT 100 /* looks at a held lock before sleeping */

static int futex_sleep(const u32 *word, u32 val, s64 timeout_ns)
{
	struct timespec ts = {timeout_ns / NSEC_PER_SEC, timeout_ns % NSEC_PER_SEC};
	long r;

	r = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, val, timeout_ns < 0 ? NULL : &ts, NULL, 0);
	return r < 0 && errno == ETIMEDOUT ? -ETIMEDOUT : 0;
}

int futex_wait(const u32 *word, u32 val, s64 timeout_ns)
{
	task_will_sleep();
	return futex_sleep(word, val, timeout_ns);
}

void futex_wake(const u32 *word, int nr)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, nr, NULL, NULL, 0);
}

void spin_lock_slow(spinlock_t *lock)
{
	for (int i = 0; i < SPIN_LIMIT; i++) {
		if (!spin_is_locked(lock) && spin_trylock(lock))
			return;
		cpu_relax();
	}
	/*
	 * Whoever has slept takes it as 2: there may be more that sleep. It is not for long, and
	 * other spinlocks may be held: will_sleep is not called.
	 */
	while (xchg_acquire(&lock->state, 2))
		futex_sleep(&lock->state, 2, -1);
}

/* The lock is released: only its address is used, its next holder may have freed it. */
void spin_unlock_slow(spinlock_t *lock)
{
	futex_wake(&lock->state, 1);
}

/* Sleep while the lock looks like @v; @flag says to the holder and to readers that we do. */
static void rwsem_sleep(struct rw_semaphore *s, u32 v, u32 flag)
{
	if ((v & flag) == flag || try_cmpxchg(&s->state, &v, v | flag))
		futex_wait(&s->state, v | flag, -1);
}

void rwsem_down_read_slow(struct rw_semaphore *s)
{
	for (int i = 0; !rwsem_try_read(s); i++) {
		u32 v = READ_ONCE(s->state);

		if (i < SPIN_LIMIT)
			cpu_relax();
		else if (v & (RWSEM_WRITER | RWSEM_PENDING))
			rwsem_sleep(s, v, RWSEM_WAITERS);
	}
}

void rwsem_down_write_slow(struct rw_semaphore *s)
{
	for (int i = 0; !rwsem_try_write(s); i++) {
		u32 v = READ_ONCE(s->state);

		if (i < SPIN_LIMIT)
			cpu_relax();
		else if (v & (RWSEM_WRITER | RWSEM_READERS))
			rwsem_sleep(s, v, RWSEM_WAITERS | RWSEM_PENDING);
	}
}

/* The lock is released and its flags are gone; as above. */
void rwsem_wake(struct rw_semaphore *s)
{
	futex_wake(&s->state, INT_MAX);
}

#if BUILT_WITH_TSAN
int smp_mb_word;
#endif

#ifdef CONFIG_LOCKDEP

#define HELD_MAX 64

static __thread struct {
	const struct lockdep_map *maps[HELD_MAX];
	int nr;
} held;

static const char *lock_name(const struct lockdep_map *map)
{
	return map->name ? map->name : "a lock without name";
}

void lockdep_acquire(const struct lockdep_map *map, bool try)
{
	for (int i = 0; map->rank && !try && i < held.nr; i++) {
		const struct lockdep_map *h = held.maps[i];

		if (h->rank < map->rank)
			continue;
		fprintf(stderr, "lock order: %s (rank %d) taken while holding %s (rank %d)\n",
			lock_name(map), map->rank, lock_name(h), h->rank);
		abort();
	}
	if (held.nr == HELD_MAX) {
		fprintf(stderr, "lock order: more than %d locks held, %s the last\n", HELD_MAX,
			lock_name(map));
		abort();
	}
	held.maps[held.nr++] = map;
}

void lockdep_release(const struct lockdep_map *map)
{
	for (int i = held.nr; i-- > 0;)
		if (held.maps[i] == map) {
			held.maps[i] = held.maps[--held.nr];
			return;
		}
	fprintf(stderr, "lock order: %s released by a thread that does not hold it\n",
		lock_name(map));
	abort();
}

bool lockdep_is_held(const struct lockdep_map *map)
{
	for (int i = 0; i < held.nr; i++)
		if (held.maps[i] == map)
			return true;
	return false;
}

void lockdep_not_held_abort(const struct lockdep_map *map)
{
	fprintf(stderr, "lock order: %s is not held here\n", lock_name(map));
	abort();
}

#endif
