/*
 * Operations to be resumed after a crash, and inode cursors: checks and text (spec 03 section 21,
 * spec 10 section 6.11).
 */
#include "btree/bkey_ops.h"
#include "format/inode.h"
#include "format/logged_ops.h"
#include "format/sb_errors.h"
#include "fs/logged_ops.h"
#include "sb/fs.h"
#include "util/json.h"

static void truncate_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_logged_op_truncate v;

	bkey_val_read(k, &v, sizeof(v));
	prt_printf(out, "subvol=%u inum=%llu new_i_size=%llu", le32_to_cpu(v.subvol),
		   le64_to_cpu(v.inum), le64_to_cpu(v.new_i_size));
}

static void truncate_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_logged_op_truncate v;

	bkey_val_read(k, &v, sizeof(v));
	json_u64(j, "subvol", le32_to_cpu(v.subvol));
	json_u64(j, "inum", le64_to_cpu(v.inum));
	json_u64(j, "new_i_size", le64_to_cpu(v.new_i_size));
}

static void finsert_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_logged_op_finsert v;

	bkey_val_read(k, &v, sizeof(v));
	prt_printf(out, "subvol=%u inum=%llu dst_offset=%lld src_offset=%llu",
		   le32_to_cpu(v.subvol), le64_to_cpu(v.inum), (s64)le64_to_cpu(v.dst_offset),
		   le64_to_cpu(v.src_offset));
}

static void finsert_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_logged_op_finsert v;

	bkey_val_read(k, &v, sizeof(v));
	json_u64(j, "state", v.state);
	json_u64(j, "subvol", le32_to_cpu(v.subvol));
	json_u64(j, "inum", le64_to_cpu(v.inum));
	json_s64(j, "dst_offset", le64_to_cpu(v.dst_offset));
	json_u64(j, "src_offset", le64_to_cpu(v.src_offset));
	json_u64(j, "pos", le64_to_cpu(v.pos));
}

static void stripe_update_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_logged_op_stripe_update v;

	bkey_val_read(k, &v, sizeof(v));
	prt_printf(out, "old_idx=%llu new_idx=%llu old_blocks_nr=%u", le64_to_cpu(v.old_idx),
		   le64_to_cpu(v.new_idx), v.old_blocks_nr);
}

static void stripe_update_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_logged_op_stripe_update v;
	unsigned i;

	bkey_val_read(k, &v, sizeof(v));
	json_u64(j, "old_idx", le64_to_cpu(v.old_idx));
	json_u64(j, "new_idx", le64_to_cpu(v.new_idx));
	json_array_begin(j, "old_block_map");
	for (i = 0; i < min_t(unsigned, v.old_blocks_nr, sizeof(v.old_block_map)); i++)
		json_u64(j, NULL, v.old_block_map[i]);
	json_array_end(j);
}

static int cursor_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			   struct finding *f)
{
	if (k.k->p.inode != LOGGED_OPS_INODE_CURSORS)
		return finding_set(f, BCH_FSCK_ERR_inode_alloc_cursor_inode_bad, "k.p.inode bad");
	return 0;
}

struct inum_range {
	u64 min, max;
};

static struct inum_range cursor_range(const struct bch_fs *c, u64 idx)
{
	unsigned bits = 63 - (c ? c->shard_inums_bits & 15 : 0);
	u64 first;

	if (!idx)
		return (struct inum_range){BLOCKDEV_INODE_MAX, INODE_32BIT_MAX};
	first = (idx - 1) << bits;
	return (struct inum_range){max(first, INODE_32BIT_MAX + 1), first | ((1ULL << bits) - 1)};
}

static void cursor_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct inum_range range = cursor_range(c, k.k->p.offset);
	struct bch_inode_alloc_cursor v;
	u64 idx;

	bkey_val_read(k, &v, sizeof(v));
	idx = le64_to_cpu(v.idx);
	if (bch_text_dialect(c) == BCH_TEXT_1_39)
		prt_printf(out, "min %llu max %llu consumed %llu ", range.min, range.max,
			   idx - range.min);
	prt_printf(out, "idx %llu generation %u", idx, le32_to_cpu(v.generation));
}

static void cursor_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct inum_range range = cursor_range(c, k.k->p.offset);
	struct bch_inode_alloc_cursor v;

	bkey_val_read(k, &v, sizeof(v));
	json_u64(j, "min", range.min);
	json_u64(j, "max", range.max);
	json_u64(j, "idx", le64_to_cpu(v.idx));
	json_u64(j, "generation", le32_to_cpu(v.generation));
}

static const struct bkey_ops truncate_ops = {
	.to_text = truncate_to_text,
	.to_json = truncate_to_json,
};

static const struct bkey_ops finsert_ops = {
	.to_text = finsert_to_text,
	.to_json = finsert_to_json,
};

static const struct bkey_ops stripe_update_ops = {
	.to_text = stripe_update_to_text,
	.to_json = stripe_update_to_json,
};

static const struct bkey_ops cursor_ops = {
	.validate = cursor_validate,
	.to_text = cursor_to_text,
	.to_json = cursor_to_json,
};

void bch_logged_ops_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_logged_op_truncate, &truncate_ops);
	bch_bkey_ops_register(KEY_TYPE_logged_op_finsert, &finsert_ops);
	bch_bkey_ops_register(KEY_TYPE_logged_op_stripe_update, &stripe_update_ops);
	bch_bkey_ops_register(KEY_TYPE_inode_alloc_cursor, &cursor_ops);
}
