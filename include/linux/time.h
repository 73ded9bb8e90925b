/* Time: the wall clock, and its text in the local zone. */
#ifndef _BCH_LINUX_TIME_H
#define _BCH_LINUX_TIME_H

#include <linux/types.h>

/* "Tue Nov 24 11:26:00 2026" of @seconds since the epoch; 0 or -EINVAL. */
int local_ctime(u64 seconds, char *buf, size_t size);
/* Wall clock in ns since the epoch. */
u64 ktime_get_real_ns(void);
u64 ktime_get_real_seconds(void);

#endif
