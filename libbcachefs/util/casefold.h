/*
 * Names without case (spec 10 section 6.5): each code point is decomposed canonically, folded
 * (CaseFolding C and F of Unicode 12.1) and decomposed again; ignorable ones are dropped and
 * combining marks put in order.
 */
#ifndef _BCH_UTIL_CASEFOLD_H
#define _BCH_UTIL_CASEFOLD_H

#include <linux/types.h>

/*
 * The folded form of @s (@n bytes) in @out: its length; -EINVAL: @s is not UTF-8; -ENAMETOOLONG:
 * it needs more than @max bytes.
 */
int utf8_casefold(const char *s, size_t n, char *out, size_t max);

#endif
