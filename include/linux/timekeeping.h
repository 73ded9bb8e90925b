/* Clocks: see <linux/time.h>. */
#ifndef _BCH_LINUX_TIMEKEEPING_H
#define _BCH_LINUX_TIMEKEEPING_H
#include <linux/ktime.h>
#endif
