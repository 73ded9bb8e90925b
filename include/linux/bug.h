/* Assertions for our own mistakes; none may be reachable by bad input. They say where. */
#ifndef _BCH_LINUX_BUG_H
#define _BCH_LINUX_BUG_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/types.h>

#define BUILD_BUG_ON(c) _Static_assert(!(c), #c)

/* Say that @what is wrong at @file:@line. */
static inline __cold void bug_say(const char *kind, const char *what, const char *file, int line)
{
	fprintf(stderr, "%s at %s:%d%s%s\n", kind, file, line, *what ? ": " : "", what);
}

#define BUG()										\
	do {										\
		bug_say("BUG", "", __FILE__, __LINE__);					\
		abort();								\
	} while (0)

#define BUG_ON(c)									\
	do {										\
		if (unlikely(c)) {							\
			bug_say("BUG", #c, __FILE__, __LINE__);				\
			abort();							\
		}									\
	} while (0)

/* True when @c is, which it should not be. */
#define WARN_ON(c)									\
	({										\
		bool _warn = (c);							\
		if (unlikely(_warn))							\
			bug_say("warning", #c, __FILE__, __LINE__);			\
		unlikely(_warn);							\
	})

#define WARN_ON_ONCE(c)									\
	({										\
		static bool _warned;							\
		bool _now = (c);							\
		if (unlikely(_now) && !__atomic_exchange_n(&_warned, true, __ATOMIC_RELAXED))	\
			bug_say("warning", #c, __FILE__, __LINE__);			\
		unlikely(_now);								\
	})

#endif
