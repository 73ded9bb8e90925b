/* Shared extents and data in keys: reflink_p, reflink_v, inline data (spec 03 section 10). */
#ifndef _BCH_DATA_REFLINK_H
#define _BCH_DATA_REFLINK_H

void bch_reflink_key_types_init(void);

#endif
