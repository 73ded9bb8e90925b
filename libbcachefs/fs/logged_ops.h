#ifndef _BCH_FS_LOGGED_OPS_H
#define _BCH_FS_LOGGED_OPS_H

/* Keys of the logged_ops btree (spec 03 section 21, spec 10 section 6.11). */
void bch_logged_ops_key_types_init(void);

#endif
