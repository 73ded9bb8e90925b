/* Arrays of bits, in unsigned longs. */
#ifndef _BCH_LINUX_BITMAP_H
#define _BCH_LINUX_BITMAP_H

#include <linux/bitops.h>
#include <linux/slab.h>
#include <linux/string.h>

#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

static inline unsigned long *bitmap_zalloc(unsigned int nbits, gfp_t flags)
{
	return kcalloc(BITS_TO_LONGS((size_t)nbits), sizeof(unsigned long), flags);
}

static inline void bitmap_free(const unsigned long *p)
{
	kfree(p);
}

static inline void bitmap_zero(unsigned long *p, unsigned int nbits)
{
	memset(p, 0, BITS_TO_LONGS((size_t)nbits) * sizeof(*p));
}

static inline void bitmap_fill(unsigned long *p, unsigned int nbits)
{
	memset(p, 0xff, BITS_TO_LONGS((size_t)nbits) * sizeof(*p));
}

static inline void bitmap_copy(unsigned long *dst, const unsigned long *src, unsigned int nbits)
{
	memcpy(dst, src, BITS_TO_LONGS((size_t)nbits) * sizeof(*dst));
}

/* The bits of the last word of a bitmap of @nbits that belong to it. */
static inline unsigned long bitmap_last_word_mask(unsigned int nbits)
{
	return ~0UL >> (-nbits & (BITS_PER_LONG - 1));
}

static inline unsigned int bitmap_weight(const unsigned long *p, unsigned int nbits)
{
	unsigned int n = 0, i;

	for (i = 0; i < nbits / BITS_PER_LONG; i++)
		n += hweight_long(p[i]);
	if (nbits % BITS_PER_LONG)
		n += hweight_long(p[i] & bitmap_last_word_mask(nbits));
	return n;
}

static inline bool bitmap_empty(const unsigned long *p, unsigned int nbits)
{
	return find_first_bit(p, nbits) == nbits;
}

static inline bool bitmap_full(const unsigned long *p, unsigned int nbits)
{
	return find_first_zero_bit(p, nbits) == nbits;
}

#endif
