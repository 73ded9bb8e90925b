/*
 * Sizes of blocks, nodes and buckets of a new filesystem (spec 01 section 16.2) and the refusals of
 * what could not be used (01 sections 19.7, 19.8; 02 section 29.17). All sizes are bytes.
 */
#ifndef _BCH_SB_GEOMETRY_H
#define _BCH_SB_GEOMETRY_H

#include "util/printbuf.h"

#define BCH_SB_SIZE_DEFAULT (1U << 20)
#define BCH_SB_SIZE_MIN	    (1U << 14) /* room for the sections that a mount adds */

struct bch_geometry_dev {
	const char *name; /* in messages */
	u64 size;	  /* of the device */
	u64 fs_size;	  /* part to use; 0: all of it */
	u64 bucket_size;  /* 0: choose */
	u32 block_size;	  /* the smallest unit that the device writes well */
	u64 nbuckets;	  /* chosen */
};

struct bch_geometry {
	u64 block_size; /* 0: choose */
	u64 node_size;	/* 0: choose */
	u64 sb_size;	/* of a superblock with its reserve; 0: BCH_SB_SIZE_DEFAULT */
	unsigned metadata_replicas;
	unsigned gc_reserve_percent;
	u64 gc_reserve_bytes; /* unless 0 it counts in place of the percentage */
	struct bch_geometry_dev *devs;
	unsigned nr_devs;
};

/*
 * Choose what was not given, for all devices, and check everything that was. 0 or -BCH_ERR_geometry
 * with a sentence in @err.
 */
int bch_geometry_choose(struct bch_geometry *g, struct printbuf *err);

/* Bytes of the device that are used. */
static inline u64 bch_geometry_dev_size(const struct bch_geometry_dev *d)
{
	return d->fs_size ?: d->size;
}

#endif
