/* Jiffies: milliseconds of the monotonic clock. */
#ifndef _BCH_LINUX_JIFFIES_H
#define _BCH_LINUX_JIFFIES_H

#include <sys/param.h>
#include <linux/ktime.h>

#undef HZ /* of <sys/param.h>, the user API's */
#define HZ	1000
#define jiffies ((unsigned long)(ktime_get_ns() / NSEC_PER_MSEC))
#define get_jiffies_64() (ktime_get_ns() / NSEC_PER_MSEC)

#define time_after(a, b)	((long)((unsigned long)(b) - (unsigned long)(a)) < 0)
#define time_before(a, b)	time_after(b, a)
#define time_after_eq(a, b)	(!time_before(a, b))
#define time_before_eq(a, b)	(!time_after(a, b))

#define msecs_to_jiffies(ms)	((unsigned long)(ms))
#define jiffies_to_msecs(j)	((unsigned int)(j))
#define nsecs_to_jiffies(ns)	((unsigned long)((ns) / NSEC_PER_MSEC))

#endif
