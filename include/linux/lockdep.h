/*
 * Ranks of locks. In builds with CONFIG_LOCKDEP a mutex or rw_semaphore may have a rank and a name;
 * a thread may wait for a ranked lock only when its rank is above that of all that the thread
 * holds. A violation prints both names and aborts. Rank 0, the default, is not checked. Trylocks
 * cannot deadlock and are not checked, but count as held. Without CONFIG_LOCKDEP all this is empty.
 */
#ifndef _BCH_LINUX_LOCKDEP_H
#define _BCH_LINUX_LOCKDEP_H

#include <linux/types.h>

#ifdef CONFIG_LOCKDEP

struct lockdep_map {
	const char *name;
	int rank;
};

#define lockdep_set_rank(lock, r, n)							\
	do {										\
		(lock)->dep_map.rank = (r);						\
		(lock)->dep_map.name = (n);						\
	} while (0)
#define LOCKDEP_INIT(n) .dep_map = {.name = (n)},

void lockdep_acquire(const struct lockdep_map *map, bool try);
void lockdep_release(const struct lockdep_map *map);
bool lockdep_is_held(const struct lockdep_map *map);
void lockdep_not_held_abort(const struct lockdep_map *map) __noreturn;

#define lock_acquire(lock, try) lockdep_acquire(&(lock)->dep_map, try)
#define lock_release(lock)	lockdep_release(&(lock)->dep_map)
#define lockdep_assert_held(lock)							\
	do {										\
		if (!lockdep_is_held(&(lock)->dep_map))					\
			lockdep_not_held_abort(&(lock)->dep_map);			\
	} while (0)

#else

#define lockdep_set_rank(lock, r, n) do { } while (0)
#define LOCKDEP_INIT(n)
#define lock_acquire(lock, try)	     do { } while (0)
#define lock_release(lock)	     do { } while (0)
#define lockdep_assert_held(lock)    do { } while (0)

#endif

#endif
