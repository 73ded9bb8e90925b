/* Generations of buckets in memory (spec 03 sections 7.5, 15.4). */
#ifndef _BCH_ALLOC_GENS_H
#define _BCH_ALLOC_GENS_H

struct bch_fs;

/*
 * Read the generation of every bucket of every member, as of the nodes with the journal overlay:
 * pointers older than their bucket are stale. Where that btree is damaged the alloc keys are asked;
 * if these are, too, no pointer counts as stale. What cannot be read is counted in c->nr_errors.
 * 0 or -ENOMEM.
 */
int bch_bucket_gens_load(struct bch_fs *c);

#endif
