/* Subvolumes (spec 03 section 19.3, spec 10 section 6.6). */
#ifndef _BCH_FS_SUBVOLUME_H
#define _BCH_FS_SUBVOLUME_H

#include "btree/bkey_ops.h"
#include "format/snapshot.h"

/* What a subvolume is, whatever version wrote it. 0: its codeword is damaged. */
enum bch_subvol_state bch_subvol_state(const struct bch_subvolume *s);

void bch_subvolume_key_types_init(void);

#endif
