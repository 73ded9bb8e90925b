#ifndef _BCH_BTREE_TRIVIAL_KEYS_H
#define _BCH_BTREE_TRIVIAL_KEYS_H

/* set, hash_whiteout, cookie; the whiteouts have no operations at all. */
void bch_trivial_key_types_init(void);

#endif
