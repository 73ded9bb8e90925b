/* Operations to be resumed after a crash, inode cursors (spec 03 section 21, 10 section 6.11). */
#ifndef _BCH_FORMAT_LOGGED_OPS_H
#define _BCH_FORMAT_LOGGED_OPS_H

#include <linux/types.h>

/* p.inode in the logged_ops btree. */
#define LOGGED_OPS_INODE_OPS	 0
#define LOGGED_OPS_INODE_CURSORS 1

struct bch_logged_op_truncate {
	__le32 subvol;
	__le32 pad;
	__le64 inum;
	__le64 new_i_size; /* bytes */
} __packed __aligned(8);

struct bch_logged_op_finsert {
	u8 state; /* enum logged_op_finsert_state */
	u8 pad[3];
	__le32 subvol;
	__le64 inum;
	__le64 dst_offset; /* sectors; signed */
	__le64 src_offset; /* dst > src: insert range, dst < src: collapse range */
	__le64 pos;	   /* progress */
} __packed __aligned(8);

enum logged_op_finsert_state {
	LOGGED_OP_FINSERT_start,
	LOGGED_OP_FINSERT_shift_extents,
	LOGGED_OP_FINSERT_finish,
};

struct bch_logged_op_stripe_update {
	__le64 old_idx;
	__le64 new_idx;
	u8 old_blocks_nr;
	u8 old_block_map[16];
	u8 pad[7];
} __packed __aligned(8);

/* Where the search for a free inode number goes on; p.offset 0: 32-bit numbers, else shard + 1. */
struct bch_inode_alloc_cursor {
	u8 bits; /* of the shard */
	u8 pad[3];
	__le32 generation;
	__le64 idx;
} __packed __aligned(8);

#define INODE_32BIT_MAX 0x7fffffffULL

_Static_assert(sizeof(struct bch_logged_op_finsert) == 40, "logged_op_finsert");
_Static_assert(sizeof(struct bch_logged_op_stripe_update) == 40, "logged_op_stripe_update");

#endif
