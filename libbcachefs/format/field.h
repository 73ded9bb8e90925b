/*
 * Bitfields of on-disk words, by accessors: WORD_FIELD(NAME, lo, hi) declares NAME(word), which
 * reads bits lo to hi - 1, and NAME_set(word, v), which gives the word with them replaced.
 */
#ifndef _BCH_FORMAT_FIELD_H
#define _BCH_FORMAT_FIELD_H

#include <linux/types.h>

#define WORD_FIELD(NAME, lo, hi)						\
static inline __maybe_unused u64 NAME(u64 word)					\
{										\
	return word << (64 - (hi)) >> (64 - (hi) + (lo));			\
}										\
										\
static inline __maybe_unused u64 NAME##_set(u64 word, u64 v)			\
{										\
	u64 mask = ~0ULL << (64 - (hi)) >> (64 - (hi) + (lo));			\
										\
	return (word & ~(mask << (lo))) | (v & mask) << (lo);			\
}

#endif
