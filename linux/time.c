/* Time: the wall clock, and its text in the local zone. */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/time.h>
#include <stdio.h>
#include <time.h>

int local_ctime(u64 seconds, char *buf, size_t size)
{
	time_t t = seconds;
	struct tm tm;

	if ((s64)seconds < 0 || !localtime_r(&t, &tm))
		return -EINVAL;
	return strftime(buf, size, "%a %b %e %H:%M:%S %Y", &tm) ? 0 : -EINVAL;
}

u64 ktime_get_real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

u64 ktime_get_real_seconds(void)
{
	return ktime_get_real_ns() / 1000000000ULL;
}
