/*
 * What a file consists of: holes, data, ranges that cannot be known (spec 03 sections 7 to 10).
 * For readers that do not read what is not there: sparse copies, clones.
 */
#ifndef _BCH_DATA_MAP_H
#define _BCH_DATA_MAP_H

#include "btree/iter.h"

enum bch_map_type {
	BCH_MAP_hole,	    /* nothing, reserved or unwritten: zeros */
	BCH_MAP_data,	    /* to be read; perhaps in vain */
	BCH_MAP_unreadable, /* the node that would tell cannot be read */
};

/* Bytes [start, end) of a file. */
struct bch_map_range {
	u64 start, end;
	u8 type;	/* enum bch_map_type */
	bool whole;	/* data: is checked, so only readable, as a whole */
	bool unchecked; /* data: a copy has no checksum (of shared data: see below) */
	bool shared;	/* data: of an indirect extent, */
	u64 shared_at;	/* ... in the reflink btree from this byte on */
};

struct bch_map {
	struct btree_iter iter;
	u64 inum, at; /* byte from which the next call looks */
	u32 snapshot;
};

void bch_map_init(struct bch_map *m, struct bch_fs *c, u64 inum, u32 snapshot, u64 offset);
void bch_map_exit(struct bch_map *m);
/*
 * The range at m->at, not beyond @end, which is larger; m->at moves behind it. A range is at most
 * one extent, but a hole reaches to the next one. 0 or a negative error (not of unreadable nodes).
 */
int bch_map_next(struct bch_map *m, u64 end, struct bch_map_range *r);
/*
 * Of @len bytes of the reflink btree from @at on: *@bytes that have a copy without a checksum. 0 or
 * a negative error.
 */
int bch_map_shared_unchecked(struct bch_fs *c, u64 at, u64 len, u64 *bytes);
/* Byte behind the last extent of the file; 0: it has none. Unreadable nodes are skipped. */
int bch_map_data_end(struct bch_fs *c, u64 inum, u32 snapshot, u64 *end);

#endif
