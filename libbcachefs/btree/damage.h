/*
 * What of a btree is not as it should be: ranges of positions, remembered when a node was read with
 * faults or not at all, or when a node found by scanning stands in for one that is gone. Readers
 * ask afterwards what they have to tell their users.
 */
#ifndef _BCH_BTREE_DAMAGE_H
#define _BCH_BTREE_DAMAGE_H

#include "format/bkey.h"
#include "util/darray.h"

struct bch_fs;
struct printbuf;

/* From mild to bad. */
enum btree_damage {
	BTREE_DAMAGE_none,
	/* Read from a node that nothing confirms to be the newest. */
	BTREE_DAMAGE_unconfirmed,
	/* Read from a node with faults: keys may be missing or wrong. */
	BTREE_DAMAGE_doubtful,
	/* Read from a node that is older than the filesystem: changes may be missing. */
	BTREE_DAMAGE_older,
	/* There is nothing to read. */
	BTREE_DAMAGE_lost,
	BTREE_DAMAGE_NR
};

struct btree_range {
	struct bpos start, end; /* both inclusive */
};

struct btree_ranges {
	DARRAY(struct btree_range) d; /* ascending, none touches another */
};

/* Of one btree. */
struct btree_damages {
	struct btree_ranges kinds[BTREE_DAMAGE_NR];
};

/* Add a range, joined with those it overlaps or touches. 0 or -ENOMEM. */
int bch_btree_ranges_add(struct btree_ranges *r, struct bpos start, struct bpos end);
/* The first range that ends at or behind @pos, or NULL. */
const struct btree_range *bch_btree_ranges_find(const struct btree_ranges *r, struct bpos pos);

/* Remember that positions @start to @end of @btree are damaged. From any thread. */
void bch_btree_damage_add(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end,
			  enum btree_damage kind);

/* Take a range out. 0 or -ENOMEM. */
int bch_btree_ranges_remove(struct btree_ranges *r, struct bpos start, struct bpos end);
/* Forget all damage of @kind of @btree. */
void bch_btree_damage_forget(struct bch_fs *c, unsigned btree, enum btree_damage kind);
/* Forget what is known of @btree from @start to @end. */
void bch_btree_damage_clear(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end);

/*
 * The worst that is known of any position of @btree from @start to @end (inclusive; extents: an
 * extent is at its end). Damage is known only of what has been read, unless the filesystem was
 * opened with a scan. From any thread.
 */
enum btree_damage bch_btree_damage(struct bch_fs *c, unsigned btree, struct bpos start,
				   struct bpos end);
/*
 * The first range of exactly @kind that ends at or behind @pos, cut to begin there at the earliest;
 * false: there is none. For walks over all damage.
 */
bool bch_btree_damage_next(struct bch_fs *c, unsigned btree, enum btree_damage kind,
			   struct bpos pos, struct btree_range *range);

/* "lost", "older" ... for messages. */
const char *bch_btree_damage_name(enum btree_damage kind);

void bch_btree_damage_exit(struct bch_fs *c);

#endif
