/* Btree nodes and bsets on disk (spec 02 section 5). */
#ifndef _BCH_FORMAT_BTREE_H
#define _BCH_FORMAT_BTREE_H

#include "format/bkey.h"

struct bch_csum {
	__le64 lo;
	__le64 hi;
} __packed __aligned(8);

struct bset {
	__le64 seq;	    /* random cookie, the same in all bsets of a node */
	__le64 journal_seq; /* highest journal sequence number of any key in it */
	__le32 flags;	    /* BSET_* */
	__le16 version;
	__le16 u64s; /* of the keys */
	u64 keys[];
} __packed __aligned(8);

#define BSET_CSUM_TYPE(flags)	 ((flags) & 0xf)
#define BSET_BIG_ENDIAN		 (1U << 4)
#define BSET_SEPARATE_WHITEOUTS	 (1U << 5)
#define BSET_OFFSET(flags)	 ((flags) >> 16) /* sectors from the node's start */

struct btree_node {
	struct bch_csum csum;
	__le64 magic;
	__le64 flags; /* BTREE_NODE_*; encrypted from here to the bset header */
	struct bpos min_key;
	struct bpos max_key;
	__le64 unused_ptr;
	struct bkey_format format;
	struct bset keys;
} __packed __aligned(8);

#define BTREE_NODE_ID(flags)	(((flags) & 0xf) | (((flags) >> 9 & 0xffff) << 4))
#define BTREE_NODE_LEVEL(flags) ((flags) >> 4 & 0xf)
#define BTREE_NODE_NEW_EXTENT_OVERWRITE (1ULL << 8)
#define BTREE_NODE_SEQ(flags)	((flags) >> 32)

struct btree_node_entry {
	struct bch_csum csum;
	struct bset keys;
} __packed __aligned(8);

#define BTREE_NODE_MAGIC_XOR 0x90135c78b99e07f5ULL

_Static_assert(sizeof(struct bpos) == 20, "bpos");
_Static_assert(sizeof(struct bkey) == 40, "bkey");
_Static_assert(sizeof(struct bkey_format) == 56, "bkey_format");
_Static_assert(sizeof(struct bset) == 24, "bset");
_Static_assert(sizeof(struct btree_node) == 160, "btree_node");
_Static_assert(sizeof(struct btree_node_entry) == 40, "btree_node_entry");
_Static_assert(sizeof(struct bch_btree_ptr_v2) == 40, "btree_ptr_v2");

#endif
