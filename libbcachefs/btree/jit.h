/* Machine code that unpacks keys of one format (spec 02 section 27). */
#ifndef _BCH_BTREE_JIT_H
#define _BCH_BTREE_JIT_H

#include "btree/unpack.h"

#if defined(__x86_64__) && !defined(__KERNEL__)
#define BCH_HAVE_JIT 1
#else
#define BCH_HAVE_JIT 0
#endif

/*
 * Code for formats with these widths of fields; offsets are data, so that nodes share it. Valid
 * for ever. NULL when there is none: other machines, no executable memory, too many formats.
 * @f is valid. Callable from any thread; a few nanoseconds when the code exists.
 */
bch_unpack_fn bch_unpack_jit(const struct bkey_format *f);

#if BCH_HAVE_JIT
/* Largest code, in bytes. */
#define BCH_JIT_MAX_BYTES 256

/* The code for @f at @buf of BCH_JIT_MAX_BYTES; its length in bytes. For tests and tools. */
unsigned bch_jit_generate(u8 *buf, const struct bkey_format *f);
#endif

#endif
