/* Snapshots and their trees (spec 03 section 19, spec 10 section 6.6). */
#ifndef _BCH_FS_SNAPSHOT_H
#define _BCH_FS_SNAPSHOT_H

#include "btree/bkey_ops.h"
#include "format/snapshot.h"

/* What a snapshot is, whatever version wrote it. 0: its codeword is damaged. */
enum bch_snapshot_state bch_snapshot_state(const struct bch_snapshot *s);

void bch_snapshot_key_types_init(void);

#endif
