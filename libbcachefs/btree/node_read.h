/*
 * One node read in progress: what read.c (I/O), assemble.c (bsets) and node_keys.c (keys) share.
 */
#ifndef _BCH_BTREE_NODE_READ_H
#define _BCH_BTREE_NODE_READ_H

#include <linux/bio.h>
#include <linux/workqueue.h>
#include "btree/compat.h"
#include "btree/node.h"
#include "btree/sort.h"
#include "btree/state.h"
#include "format/sb_errors.h"
#include "sb/csum.h"
#include "util/darray.h"

#define NODE_REPLICAS_MAX 8

enum node_replica_state {
	NODE_REPLICA_unread,
	NODE_REPLICA_loaded,
	NODE_REPLICA_bad, /* unreadable, or another node */
};

struct node_replica {
	struct bch_dev *ca; /* online; NULL: only in memory */
	u64 sector;
	u8 *buf;
	enum node_replica_state state;
	bool tried; /* for the current bset */
};

struct node_read {
	struct bch_fs *c;
	struct btree *b;
	struct work_struct work;
	struct bio bio;
	struct bio_vec vec;

	u8 *buf; /* the node as it is put together; also buffer of the first replica */
	struct node_replica replicas[NODE_REPLICAS_MAX];
	u8 nr_replicas, cur;
	bool degraded; /* a replica is offline or bad, or something was repaired */
	bool retried;

	u64 seq;
	u32 limit;	 /* sectors that may hold bsets */
	u32 ptr_sectors; /* sectors_written of the pointer, 0: unknown */
	u32 offset;	 /* sectors: where the current bset starts */
	bool range_updated;
	bool doubtful; /* the size of the current bset cannot be trusted */
	u64 journal_seq;

	struct bset_compat compat; /* of the current bset */

	/* For messages. */
	const struct bset *set;
	const void *key;

	DARRAY(struct bset_keys) sets; /* in r->buf, oldest first, those that count */
};

/* What to do after a finding. */
enum node_verdict {
	NODE_OK,   /* go on */
	NODE_NEXT, /* another replica */
	NODE_END,  /* no further bset here */
	NODE_BAD,  /* give up */
};

/*
 * Report (spec 02 section 7: classes): fix goes on; want tries another replica, else is fix; must
 * tries another replica, else is bad.
 */
void bch_node_fix(struct node_read *r, u16 id, const char *fmt, ...) __printf(3, 4);
enum node_verdict bch_node_want(struct node_read *r, u16 id, const char *fmt, ...) __printf(3, 4);
enum node_verdict bch_node_must(struct node_read *r, u16 id, const char *fmt, ...) __printf(3, 4);
enum node_verdict bch_node_bad(struct node_read *r, enum btree_finding_class class, u16 id,
			       const char *fmt, ...) __printf(4, 5);
/* Load a replica that has not been tried for the current bset; false: there is none. */
bool bch_node_other_replica(struct node_read *r);

/* Find, check, decrypt and convert the bsets; keys are checked too. 0 or negative error. */
int bch_node_assemble(struct node_read *r);
/* Rules 7.2 on the keys of @i: bad ones are dropped, the rest is sorted. */
void bch_node_check_keys(struct node_read *r, struct bset *i);
/* Merge the bsets, check the values, fill r->b. 0 or -ENOMEM. */
int bch_node_merge(struct node_read *r);

static inline struct btree_node *node_head(const struct node_read *r)
{
	return (struct btree_node *)r->buf;
}

/* Bytes before the keys of the bset at @offset sectors. */
static inline unsigned bset_head_bytes(u32 offset)
{
	return offset ? sizeof(struct btree_node_entry) : sizeof(struct btree_node);
}

static inline struct bset *bset_at(u8 *buf, u32 offset)
{
	return (struct bset *)(buf + ((size_t)offset << 9) + bset_head_bytes(offset) -
			       sizeof(struct bset));
}

/* End of the keys in bytes from the node's start; may lie behind the node. */
static inline size_t bset_end_bytes(const struct bset *i, u32 offset)
{
	return ((size_t)offset << 9) + bset_head_bytes(offset) + le16_to_cpu(i->u64s) * 8UL;
}

/* The sectors that the bset takes. */
static inline u32 bset_sectors(const struct bch_fs *c, const struct bset *i, u32 offset)
{
	return round_up(bset_end_bytes(i, offset) - ((size_t)offset << 9), bch_block_bytes(c)) >> 9;
}

struct bch_nonce bch_bset_nonce(const struct bset *i, u32 offset);
/* The checksum of the bset over what lies in the node. */
struct bch_csum bch_bset_csum(const struct bch_fs *c, u8 *buf, u32 offset);
bool bch_bset_csum_type_known(const struct bch_fs *c, const struct bset *i);
struct bch_csum bch_bset_csum_stored(const u8 *buf, u32 offset);
bool bch_bset_csum_is_good(const struct bch_fs *c, u8 *buf, u32 offset);
/* Decipher the bset in place, if it is enciphered. */
void bch_bset_decrypt(const struct bch_fs *c, u8 *buf, u32 offset);

#endif
