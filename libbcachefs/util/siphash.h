/* SipHash-2-4 of one message. */
#ifndef _BCH_UTIL_SIPHASH_H
#define _BCH_UTIL_SIPHASH_H

#include <linux/types.h>

u64 siphash_2_4(u64 k0, u64 k1, const void *data, size_t len);

#endif
