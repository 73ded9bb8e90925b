#ifndef _BCH_FS_DAMAGE_H
#define _BCH_FS_DAMAGE_H

/* Keys of the damage btree: errors that hit an inode (spec 10 section 6.11). */
void bch_damage_key_types_init(void);

#endif
