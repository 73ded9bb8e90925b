/* Time: the wall clock and its text in the local zone, the monotonic clock, sleeping. */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/time.h>
#include <stdio.h>
#include <time.h>

static u64 frozen_ns; /* 0: the clock goes */

int local_ctime(u64 seconds, char *buf, size_t size)
{
	time_t t = seconds;
	struct tm tm;

	if ((s64)seconds < 0 || !localtime_r(&t, &tm))
		return -EINVAL;
	return strftime(buf, size, "%a %b %e %H:%M:%S %Y", &tm) ? 0 : -EINVAL;
}

static u64 clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

u64 ktime_get_real_ns(void)
{
	u64 frozen = READ_ONCE(frozen_ns);

	return frozen ? frozen : clock_ns(CLOCK_REALTIME);
}

u64 ktime_get_real_seconds(void)
{
	return ktime_get_real_ns() / NSEC_PER_SEC;
}

void clock_freeze(u64 ns)
{
	WRITE_ONCE(frozen_ns, ns);
}

u64 ktime_get_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

void msleep(unsigned int ms)
{
	usleep_range(ms * 1000UL, ms * 1000UL);
}

void usleep_range(unsigned long min_us, unsigned long max_us)
{
	struct timespec ts = {min_us / 1000000, min_us % 1000000 * 1000};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}
