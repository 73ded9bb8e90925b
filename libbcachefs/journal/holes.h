/* Places in the rings where an entry must be, and is none (spec 04 sections 3.4, 6.2). */
#ifndef _BCH_JOURNAL_HOLES_H
#define _BCH_JOURNAL_HOLES_H

#include "sb/fs.h"

struct journal_hole {
	u8 dev;
	bool lost;   /* an entry that was here, and would be replayed, is nowhere else */
	u32 sectors; /* at most so many */
	u64 sector;  /* of the device */
	u64 seq;     /* the first that can have been here */
};

/*
 * Scan the rings again, and call @fn for each hole in front of which and behind which there are
 * entries, if what was in it would be replayed. The journal must have been read. 0, -ENOMEM, or
 * what @fn returned.
 */
int bch_journal_holes(struct bch_fs *c, int (*fn)(void *arg, const struct journal_hole *hole),
		      void *arg);

#endif
