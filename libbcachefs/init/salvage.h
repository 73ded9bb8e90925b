/*
 * Making the most of a filesystem of which parts are gone: nodes found by scanning, btrees put
 * together again (spec 09 section 15.1). All of it in memory.
 */
#ifndef _BCH_INIT_SALVAGE_H
#define _BCH_INIT_SALVAGE_H

#include "init/open.h"

/*
 * Scan the members as args->scan says, into c->btree->scan, and put together what cannot be read of
 * the btrees. @journal_lost: roots and pointers may be older than the nodes, or not known at all.
 * 0, -EINTR or -ENOMEM.
 */
int bch_salvage_btrees(struct bch_fs *c, const struct bch_open_args *args, bool journal_lost);

#endif
