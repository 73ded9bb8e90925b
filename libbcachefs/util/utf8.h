/* UTF-8: is it well formed, and text with U+FFFD for what is not. */
#ifndef _BCH_UTIL_UTF8_H
#define _BCH_UTIL_UTF8_H

#include "util/printbuf.h"

/* Bytes of the well-formed sequence at the start of @s, 0 if it is ill-formed (RFC 3629). */
unsigned utf8_sequence(const char *s, size_t n);
bool utf8_valid(const char *s, size_t n);
/* Append @s with every maximal ill-formed subsequence replaced by U+FFFD. */
void prt_utf8(struct printbuf *out, const char *s, size_t n);

#endif
