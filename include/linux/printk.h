/* Messages go to standard error. */
#ifndef _BCH_LINUX_PRINTK_H
#define _BCH_LINUX_PRINTK_H

#include <stdio.h>

#define pr_err(...)  fprintf(stderr, __VA_ARGS__)
#define pr_warn(...) fprintf(stderr, __VA_ARGS__)
#define pr_info(...) fprintf(stderr, __VA_ARGS__)

#endif
