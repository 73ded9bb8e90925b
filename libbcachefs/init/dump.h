/*
 * What a metadata dump of a filesystem holds (spec 09 section 12.3): superblocks, journal, btree
 * nodes of every member, collected as ranges, then streamed in ascending order; optionally without
 * names and data.
 */
#ifndef _BCH_INIT_DUMP_H
#define _BCH_INIT_DUMP_H

#include "sb/fs.h"
#include "util/darray.h"

enum bch_dump_flags {
	DUMP_NO_OLD_JOURNAL = 1U << 0, /* of the journal only buckets with dirty entries */
	/* Names of files, of extended attributes, of labels and devices become X. */
	DUMP_SANITIZE_NAMES = 1U << 1,
	/* Inline data becomes zeros, values of extended attributes become X; but not ACLs. */
	DUMP_SANITIZE_DATA = 1U << 2,
	/* One copy of each node, a good one; the other pointers lead to no device. */
	DUMP_SINGLE_REPLICA = 1U << 3,
};
#define DUMP_SANITIZE (DUMP_SANITIZE_NAMES | DUMP_SANITIZE_DATA)
#define DUMP_EDIT     (DUMP_SANITIZE | DUMP_SINGLE_REPLICA)

enum dump_kind {
	DUMP_LAYOUT,
	DUMP_SUPER,
	DUMP_JOURNAL, /* one bucket */
	DUMP_NODE,
};

/* One thing to dump, in bytes of the device. */
struct dump_piece {
	u64 start, end;
	u8 kind; /* enum dump_kind */
};

struct bch_dump {
	struct bch_fs *c;
	unsigned flags;
	size_t cluster;	 /* bytes, a power of two: ranges are rounded out to it */
	u64 nr_left_out; /* bsets that could not be sanitized */
	struct {
		DARRAY(struct dump_piece) pieces; /* ascending, none twice */
	} devs[BCH_MAX_DEVS + 1];
};

/*
 * Collect what is to be dumped of all online members. @c must be open with roots and journal; its
 * journal overlay is forgotten. Nodes that cannot be read are told and counted in c->nr_errors.
 * 0 or a negative error. bch_dump_exit() in any case.
 */
int bch_dump_collect(struct bch_dump *d, struct bch_fs *c, unsigned flags);
void bch_dump_exit(struct bch_dump *d);
/* Is the node at byte @start of member @dev part of it? */
bool bch_dump_has_node(const struct bch_dump *d, unsigned dev, u64 start);

/* @bytes is a multiple of the cluster size; offsets ascend. 0 or negative: it ends. */
typedef int (*bch_dump_emit)(void *arg, u64 offset, const void *buf, size_t bytes);

/*
 * Give all of member @ca to @emit. Sectors that cannot be read are zeros, told and counted; so is
 * what lies behind the end of the device. Edited dumps hold nothing around the pieces.
 */
int bch_dump_stream(struct bch_dump *d, struct bch_dev *ca, bch_dump_emit emit, void *arg);

/* Change in place what is in @buf, the whole of @p (init/dump_edit.c). */
void bch_dump_edit(struct bch_dump *d, const struct dump_piece *p, u8 *buf);

#endif
