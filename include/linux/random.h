/*
 * Random numbers of the operating system, fit for keys; or, after random_seed(), a stream that
 * is a function of the seed, so that a test can make an image twice.
 */
#ifndef _BCH_LINUX_RANDOM_H
#define _BCH_LINUX_RANDOM_H

#include_next <linux/random.h>
#include <linux/types.h>

void get_random_bytes(void *buf, size_t len);
u8 get_random_u8(void);
u16 get_random_u16(void);
u32 get_random_u32(void);
u64 get_random_u64(void);
/* Uniform in [0, ceil); @ceil is not 0. */
u32 get_random_u32_below(u32 ceil);
/* From now on all of the above follow @seed, in this process. Not for real use. */
void random_seed(u64 seed);

#endif
