#ifndef _BCH_LINUX_STRING_H
#define _BCH_LINUX_STRING_H
#include_next <linux/string.h>
#include <string.h>
#include <linux/types.h>
#endif
