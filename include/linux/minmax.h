/* min(), max() and clamp(): the kernel keeps them here, we with the other arithmetic. */
#ifndef _BCH_LINUX_MINMAX_H
#define _BCH_LINUX_MINMAX_H
#include <linux/kernel.h>
#endif
