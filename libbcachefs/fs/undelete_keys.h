/* Old keys that undelete works with: what its two files share. */
#ifndef _BCH_FS_UNDELETE_KEYS_H
#define _BCH_FS_UNDELETE_KEYS_H

#include "btree/bkey.h"
#include "fs/undelete.h"

enum undelete_kind {
	UNDELETE_inodes,
	UNDELETE_dirents,
	UNDELETE_extents,
	UNDELETE_xattrs,
	UNDELETE_reflink,
	UNDELETE_subvols, /* dirents of subvolumes */
	UNDELETE_KIND_NR
};

struct undelete_key {
	const struct bkey_i *k; /* type deleted: there was nothing */
	/* Of inode or file; of dirents: what they lead to, inode or subvolume; reflink: 0. */
	u64 inum;
	/* The journal's: when it was replaced; else the newest entry that its bset knows. */
	struct bch_undelete_time t;
	u8 source;    /* enum bch_undelete_source */
	bool removed; /* dirents of the journal: not only renamed */
	/* Inodes: */
	bool deletes;	 /* what replaced it is no inode, or another one */
	bool unlinks;	 /* what replaced it is the same, but without a name */
	bool is_version; /* others still have the inode, with other data */
	u32 generation;
	u64 inode_seq; /* of its last change, as it says */
};

/* A snapshot that nobody sees any more: since when. */
struct undelete_death {
	u32 snapshot;
	struct bch_undelete_time t;
};

/* What was above a snapshot until @t. */
struct undelete_orphan {
	u32 snapshot, parent;
	struct bch_undelete_time t;
};

/* As @snapshot saw things at @t. */
struct undelete_view {
	u32 snapshot;
	struct bch_undelete_time t;
};

/* When an entry of the journal was written. */
struct undelete_clock {
	u64 seq, time;
};

/* An inode that a transaction made. */
struct undelete_made {
	u64 seq, inum;
	u32 trans;
};

/* What snapshot a subvolume had until @t, when it went or got another one. */
struct undelete_subvol {
	u64 root; /* inode */
	u32 snapshot, id;
	struct bch_undelete_time t;
	bool went;
};

struct undelete_keys {
	/* By inum, source, time. */
	DARRAY(struct undelete_key) d[UNDELETE_KIND_NR];
	u64 bytes;
	u64 complete_from; /* no update of the journal is missing from this entry on */
	u32 reflink_size_max;
	DARRAY(struct undelete_death) deaths; /* by time */
	DARRAY(struct undelete_death) deaths_by_id;
	DARRAY(struct undelete_death) removals; /* of the snapshot's key; by snapshot, then time */
	DARRAY(u32) dead;			/* snapshots that still have keys; ascending */
	DARRAY(struct undelete_orphan) orphans; /* by snapshot, then time */
	DARRAY(struct undelete_subvol) subvols; /* by root, snapshot, time */
	DARRAY(struct undelete_death) gone_subvols; /* that the journal saw go: by id, time */
	bool ids_given_again; /* of subvolumes or snapshots, since they went */
	DARRAY(struct bch_undelete_file) kept;
	DARRAY(struct undelete_clock) clock; /* by seq */
	struct undelete_made made;	     /* the last one */
	unsigned path_steps;		     /* for the path that is being made */
	DARRAY(struct bkey_i *) memory;	     /* of the keys */
};

static inline int undelete_time_cmp(struct bch_undelete_time l, struct bch_undelete_time r)
{
	return l.seq != r.seq ? u64_cmp(l.seq, r.seq) : u64_cmp(l.offset, r.offset);
}

/* A copy of @k that lives as long as @d; NULL without memory, or with the budget used up. */
const struct bkey_i *undelete_key_copy(struct bch_undelete *d, struct bkey_view k);

/* Keep a copy of @k; beyond the budget it is left out and d->out_of_memory set. 0 or -ENOMEM. */
int undelete_key_add(struct bch_undelete *d, enum undelete_kind kind, struct bkey_view k,
		     struct undelete_key key);
void undelete_keys_sort(struct bch_undelete *d, enum undelete_kind kind);

/* Index of the first key of @kind with this inum, or the place for it. */
size_t undelete_keys_seek(const struct bch_undelete *d, enum undelete_kind kind, u64 inum);

/* for_each_undelete_key(d, kind, inum, k): all of them, the journal's first, oldest first. */
#define for_each_undelete_key(_d, _kind, _inum, _k)                                         \
	for (const struct undelete_key *                                                    \
		     _k = (_d)->keys->d[_kind].data + undelete_keys_seek(_d, _kind, _inum), \
		    *_last = (_d)->keys->d[_kind].data + (_d)->keys->d[_kind].nr;           \
	     _k < _last && _k->inum == (_inum); _k++)

/* Sectors [start, end) of a file come from @k. */
struct undelete_piece {
	u64 start, end;
	const struct bkey_i *k;
};

struct undelete_pieces {
	DARRAY(struct undelete_piece) d; /* ascending */
	u64 sectors;			 /* as bi_sectors counts */
};

/*
 * What counts at each place: of the extents in @keys that cover it the first one. Others than
 * extents are passed over. 0 or -ENOMEM; p->d is to be freed in any case.
 */
int undelete_paint(const struct bkey_i *const *keys, size_t nr, struct undelete_pieces *p);

struct journal_update;

/*
 * Snapshots and subvolumes that are gone: note what an update of the journal tells of them, then,
 * when it has told all, those that are still being deleted. 0 or -ENOMEM.
 */
int undelete_journal_snapshots(struct bch_undelete *d, const struct journal_update *j);
int undelete_find_dead(struct bch_undelete *d);

/*
 * When what has keys at @snapshot went with a snapshot, at or before @t; NULL: not known. Nothing
 * changes at one that is deleted, nor at one that has others below it. What of the latter is
 * cleared away names no single one: of them the last one counts.
 */
const struct undelete_death *undelete_death_of(const struct bch_undelete *d, u32 snapshot,
					       struct bch_undelete_time t);

/*
 * Snapshots above @v.snapshot as they were at @t, those included that are gone by now: is @above
 * one of them, or itself; the first that is still there, or 0.
 */
bool undelete_is_above(const struct bch_undelete *d, struct undelete_view v, u32 above);
u32 undelete_live_above(const struct bch_undelete *d, struct undelete_view v);

/* Is the snapshot of @v still there? Later ones may have got its id. */
bool undelete_is_there(const struct bch_undelete *d, struct undelete_view v);

/* Is what has keys at @snapshot seen by nobody? */
bool undelete_is_dead(const struct bch_undelete *d, u32 snapshot);

/*
 * The subvolume with inode @inum as its root that had @v.snapshot at @v.t; where that is not known,
 * the only one that ever had this root; or NULL.
 */
const struct undelete_subvol *undelete_find_subvol(const struct bch_undelete *d, u64 inum,
						   struct undelete_view v);
/* When it went, at the latest; U64_MAX: it is there, or waits to be deleted. */
struct bch_undelete_time undelete_subvol_end(const struct bch_undelete *d,
					     const struct undelete_subvol *s);

/* Index of the first file with this inum, or the place for it. */
size_t undelete_files_seek(const struct bch_undelete *d, u64 inum);

/* The last key of @kind with this inum until @end; NULL: there is none. */
const struct undelete_key *undelete_last_key(const struct bch_undelete *d, enum undelete_kind kind,
					     u64 inum, struct bch_undelete_time end);

/* The file of this number and snapshot that was deleted last, or NULL; @snapshot 0: any. */
struct bch_undelete_file *undelete_find(const struct bch_undelete *d, u64 inum, u32 snapshot);
/* The one that was there before @t, if it was deleted at or after @t; or NULL. */
struct bch_undelete_file *undelete_find_at(const struct bch_undelete *d, u64 inum, u32 snapshot,
					   struct bch_undelete_time t);

#endif
