/*
 * Extents that had to be read whole, checked and decompressed for a part of them: kept for the next
 * reader of another part. Least recently used ones go first.
 */
#ifndef _BCH_DATA_READ_CACHE_H
#define _BCH_DATA_READ_CACHE_H

#include "data/extents.h"

struct read_cache;

struct read_cache *bch_read_cache_new(void); /* NULL without memory */
void bch_read_cache_free(struct read_cache *rc);

/* Copy @len bytes at @at of the decoded extent behind @p to @dst; false: it is not here. */
bool bch_read_cache_get(struct read_cache *rc, const struct extent_ptr *p, size_t at, void *dst,
			size_t len);
/*
 * Keep @data, @bytes of it: everything that the crc of @p covers, decoded. Takes over @data, a
 * block of kvmalloc(), also when it does not keep it.
 */
void bch_read_cache_put(struct read_cache *rc, const struct extent_ptr *p, void *data,
			size_t bytes);

#endif
