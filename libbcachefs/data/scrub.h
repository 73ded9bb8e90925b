/*
 * Scrub (spec 06 section 14, 09 section 16): reads every copy of every node and extent and every
 * block of every stripe, each device in the order of its sectors, all devices at once, and tells
 * which copies are bad, whether something else can stand in for them, and which files they are of.
 * Nothing is written.
 */
#ifndef _BCH_DATA_SCRUB_H
#define _BCH_DATA_SCRUB_H

#include "data/extents.h"
#include "util/darray.h"

enum bch_scrub_kind {
	SCRUB_node,
	SCRUB_extent,
	SCRUB_cached,	   /* a copy that is only cached */
	SCRUB_stripe_data, /* a data block, by the checksums of the stripe */
	SCRUB_parity,
	SCRUB_super,
	SCRUB_layout,
	SCRUB_journal, /* an entry that would be replayed; item.seq is its number */
	SCRUB_KIND_NR
};

enum bch_scrub_fault {
	SCRUB_good,
	SCRUB_unverified, /* has no checksum, but can be read */
	SCRUB_checksum,
	SCRUB_io,
	SCRUB_decompress,
	SCRUB_node_head, /* another node, or bsets are missing */
	SCRUB_wrong,	 /* parity: its checksum is right, but it is not what the data give */
	SCRUB_differs,	 /* from another copy, and neither has a checksum */
	SCRUB_poisoned,	 /* stored as it was meant to be, but the data were bad before */
	SCRUB_FAULT_NR
};

/* What can stand in for a bad copy. */
enum bch_scrub_remedy {
	SCRUB_other_copy,
	SCRUB_other_unverified, /* another copy can be read, and has no checksum */
	SCRUB_stripe,		/* the other blocks of the stripe */
	SCRUB_dispensable,	/* only cached */
	SCRUB_lost,
	SCRUB_undecided, /* copies differ, and nothing tells which one is right */
	SCRUB_REMEDY_NR
};

extern const char *const bch_scrub_kind_names[], *const bch_scrub_fault_names[],
							 *const bch_scrub_remedy_names[];

/* A run of sectors on a device with one checksum, and the key that points there. */
struct bch_scrub_item {
	u64 sector;
	u32 sectors;
	u32 skip; /* extent without checksum: sectors into the live part */
	u8 dev, kind, btree;
	u8 level;	/* of the node */
	u8 block;	/* of the stripe */
	bool has_peers; /* of an extent without checksum: other copies to compare with */
	bool poisoned;	/* the extent is marked as bad (spec 06 section 16.2) */
	struct bpos pos;
	bool size_known; /* of a node: else sectors is the most it can be */
	u64 seq;	 /* of a node; 0: not known */
	struct bversion version;
	struct extent_crc crc; /* of a granule of a stripe: csum_type and csum */
};

struct bch_scrub_finding {
	struct bch_scrub_item item;
	u8 fault, remedy;
	s32 err; /* SCRUB_io: negative errno */
	u32 at;	 /* SCRUB_node: sectors into the node, or so many were found */
	/* SCRUB_differs: where the other copy's bytes lie. */
	u8 other_dev;
	u64 other_sector;
	const char *why;
	char *path; /* the caller's: of a file that it is about */
};

/* A bad copy found before. */
struct bch_scrub_place {
	u64 sector;
	u8 dev;
	/* The caller's: what was told of it. */
	u32 told_bytes;
	const char *told;
};

struct bch_scrub_dev {
	u64 start;   /* given: sector to begin at; what lies below was checked before */
	u64 pos;     /* all below is checked; U64_MAX: everything */
	u64 reached; /* the same, of this run alone: all below that it has to look at */
	u64 bytes[SCRUB_KIND_NR]; /* read and checked, or unverified */
	u64 unverified;		  /* bytes of those that have no checksum */
	u64 unverified_copies;
	u64 repairable, lost, undecided; /* bad copies */
	/*
	 * Newest entry of the journal in the state that was checked; given with @start: of what
	 * was checked before. 0: not known.
	 */
	u64 journal_seq;
};

static inline u64 bch_scrub_dev_bad(const struct bch_scrub_dev *d)
{
	return d->repairable + d->lost + d->undecided;
}

struct bch_scrub {
	struct bch_fs *c;
	bool metadata, data;  /* what to check */
	bool parity;	      /* compute it anew, at the price of reading stripes twice */
	bool decompress;      /* also what has a checksum, which is then decrypted, too */
	struct bch_dev *only; /* this member alone; NULL: all */
	u64 rate;	      /* bytes a second and member; 0: no limit */
	/* Given: places below the devices' start to look at again; sorted by device and sector. */
	DARRAY(struct bch_scrub_place)
	recheck;
	/* Called by the caller's thread now and then: false stops. May be NULL. */
	bool (*tick)(struct bch_scrub *s);
	void *private;

	/* Progress: bytes to read (0: not known yet) and done. */
	u64 total, done;
	/* Results: */
	struct bch_scrub_dev devs[BCH_MAX_DEVS + 1]; /* counters: what is there is added to */
	DARRAY(struct bch_scrub_finding)
	findings;		  /* sorted by device and sector; the first of many */
	struct bch_scrub_dev all; /* sums of the counters */
	u64 missing;		  /* copies on devices that are not there */
	u64 lost_btrees;	  /* bits: nothing points to their roots */
	bool stopped;		  /* by tick */
	int err;		  /* what else ended it before its end */

	struct scrub_state *state;
};

/*
 * @s zeroed but for its first part; the filesystem ready for reading (init/open.h). 0 when all
 * was read, whatever was found; -ENOMEM, -EINTR (stopped), or what ended the walk over the btrees.
 */
int bch_scrub_run(struct bch_scrub *s);
void bch_scrub_exit(struct bch_scrub *s);
/* Call @fn while counters and findings stand still and all devs[].pos are set. */
void bch_scrub_hold(struct bch_scrub *s, void (*fn)(struct bch_scrub *s, void *arg), void *arg);

/*
 * Call @fn for each place in a file that finding @f is about: bytes [@offset, @offset + @len) of
 * @inum as @snapshot sees it. For shared extents all files that point to them are looked for.
 * 0 or an error of reading.
 */
typedef void (*bch_scrub_file_fn)(void *arg, u64 inum, u32 snapshot, u64 offset, u64 len);
int bch_scrub_files(struct bch_scrub *s, const struct bch_scrub_finding *f, bch_scrub_file_fn fn,
		    void *arg);

#endif
