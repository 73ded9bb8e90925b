#ifndef _BCH_LINUX_ERRNO_H
#define _BCH_LINUX_ERRNO_H
#include_next <linux/errno.h>
#include <errno.h>
#define MAX_ERRNO 4095
#endif
