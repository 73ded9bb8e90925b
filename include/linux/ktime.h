/* Time since some start that never steps back, in ns. */
#ifndef _BCH_LINUX_KTIME_H
#define _BCH_LINUX_KTIME_H

#include <linux/time.h>

typedef s64 ktime_t;

#define local_clock() ktime_get_ns()
#define sched_clock() ktime_get_ns()

static inline ktime_t ktime_get(void)
{
	return ktime_get_ns();
}

#endif
