/*
 * Subvolumes and snapshots whose btrees are lost, put together again from inodes, in memory (spec
 * 08 section 2, 09 section 15.1).
 */
#ifndef _BCH_FS_RECONSTRUCT_H
#define _BCH_FS_RECONSTRUCT_H

struct bch_fs;

/*
 * Lay keys for what is missing of the btrees subvolumes and snapshots, where those are damaged,
 * over them. Damage of both is forgotten when there was only one way to see it; else they stay
 * doubtful. What was done is told. Before bch_snapshots_load(). 0 or -ENOMEM.
 */
int bch_snapshots_reconstruct(struct bch_fs *c);

#endif
