/* Time: the wall clock and its text in the local zone, and a clock that never steps back. */
#ifndef _BCH_LINUX_TIME_H
#define _BCH_LINUX_TIME_H

#include <sys/time.h> /* the user API's <linux/time.h> contradicts it */
#include <time.h>
#include <linux/types.h>

#define NSEC_PER_USEC	1000L
#define NSEC_PER_MSEC	1000000L
#define NSEC_PER_SEC	1000000000L
#define USEC_PER_MSEC	1000L
#define USEC_PER_SEC	1000000L
#define MSEC_PER_SEC	1000L

/* "Tue Nov 24 11:26:00 2026" of @seconds since the epoch; 0 or -EINVAL. */
int local_ctime(u64 seconds, char *buf, size_t size);
/* Wall clock in ns since the epoch. */
u64 ktime_get_real_ns(void);
u64 ktime_get_real_seconds(void);
/* From now on the wall clock stands at @ns, or goes again when 0: for tests. */
void clock_freeze(u64 ns);
/* Monotonic clock in ns. */
u64 ktime_get_ns(void);

#endif
