/*
 * How full a filesystem is, as statfs(2) shows it (spec 05 sections 6.5, 6.6, 8.1): from the
 * accounting btree and the members. All in sectors of 512 bytes.
 */
#ifndef _BCH_ALLOC_USAGE_H
#define _BCH_ALLOC_USAGE_H

#include "sb/fs.h"

struct bch_usage {
	u64 hidden; /* superblocks and journal */
	u64 btree, data, cached, reserved;
	u64 data_once; /* of files, one copy, as when it is not compressed: about */
	u64 nr_inodes;

	u64 capacity;	       /* without hidden and what the allocator keeps back */
	u64 used, free, avail; /* avail: free without room for the growth of metadata */
};

/* What cannot be read is missing in the figures. 0, or -BCH_ERR_btree_node_read_error then. */
int bch_usage_get(struct bch_fs *c, struct bch_usage *u);

#endif
