#ifndef _BCH_INIT_KEY_TYPES_H
#define _BCH_INIT_KEY_TYPES_H

/* Register the operations of every key type; may be called again. */
void bch_key_types_init(void);

#endif
