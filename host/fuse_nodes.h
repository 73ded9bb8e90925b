/*
 * The inodes that the kernel knows of a FUSE mount: one node for each (subvolume, inode number),
 * because subvolumes use the same numbers. A node id is the node's address. Nothing changes under
 * a read-only mount, so a node keeps its inode unpacked.
 */
#ifndef _HOST_FUSE_NODES_H
#define _HOST_FUSE_NODES_H

#include <pthread.h>
#include "fs/namei.h"

struct fuse_node {
	struct fuse_node *next; /* in its chain */
	struct bch_ino ino;
	u32 snapshot; /* what the subvolume shows */
	u64 lookups;  /* references that the kernel has, under the table's lock */
	struct bch_inode_unpacked u;
};

struct fuse_nodes {
	struct bch_fs *c;
	pthread_mutex_t lock;
	struct fuse_node **chains;
	unsigned bits; /* 1 << bits chains */
	size_t nr;
};

int fuse_nodes_init(struct fuse_nodes *t, struct bch_fs *c);
void fuse_nodes_exit(struct fuse_nodes *t);

/*
 * The node of @ino, read when it is not known yet, with one lookup more. -ENOENT, errors of
 * reading, -ENOMEM.
 */
int fuse_node_get(struct fuse_nodes *t, struct bch_ino ino, struct fuse_node **node);
/* The kernel forgets @lookups of its references. */
void fuse_node_forget(struct fuse_nodes *t, struct fuse_node *node, u64 lookups);

#endif
