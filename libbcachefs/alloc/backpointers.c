/* Backpointer keys: checks and text (spec 03 section 16; newer: spec 10 sections 6.8, 7.2). */
#include "alloc/alloc_keys.h"
#include "alloc/backpointers.h"
#include "btree/bkey.h"
#include "format/sb_errors.h"
#include "format/versions.h"
#include "util/json.h"

static bool form_1_14(const struct bch_fs *c)
{
	return c && bch_form_version(c) >= BCH_VERSION_backpointer_bucket_gen;
}

/* Little endian; turned on big-endian machines by bch_backpointer_swab() like the rest. */
static u64 bytes_to_u64(const u8 *bytes, unsigned nr)
{
	u64 v = 0;

	while (nr--)
		v = v << 8 | bytes[nr];
	return v;
}

struct bch_backpointer_unpacked bch_backpointer_unpack(const struct bch_fs *c, struct bkey_view k)
{
	struct bch_backpointer v;
	struct bch_backpointer_unpacked bp;

	bkey_val_read(k, &v, sizeof(v));
	bp = (struct bch_backpointer_unpacked){
		.btree = v.btree_id,
		.level = v.level,
		.data_type = v.data_type,
		.bucket_len = le32_to_cpu(v.bucket_len),
		.pos = v.pos,
	};
	if (form_1_14(c)) {
		bp.bucket_gen = v.bucket_offset[0];
		bp.flags = bytes_to_u64(v.bucket_offset + 1, 4);
	} else {
		bp.bucket_offset = bytes_to_u64(v.bucket_offset, 5);
	}
	return bp;
}

static int validate_1_13(const struct bch_fs *c, struct bkey_view k, struct finding *f)
{
	struct bch_backpointer_unpacked bp = bch_backpointer_unpack(c, k);
	const struct bch_dev *dev = bch_pos_dev(c, k.k->p);
	u64 bucket, offset;

	if (!dev)
		return 0;
	bucket = (k.k->p.offset >> BACKPOINTER_SHIFT) / dev->mi.bucket_size;
	offset = (bucket * dev->mi.bucket_size << BACKPOINTER_SHIFT) + bp.bucket_offset;
	if (bp.bucket_offset >> BACKPOINTER_SHIFT >= dev->mi.bucket_size ||
	    !bpos_eq(k.k->p, POS(k.k->p.inode, offset)))
		return finding_set(f, BCH_FSCK_ERR_backpointer_bucket_offset_wrong,
				   "backpointer bucket_offset wrong");
	return 0;
}

static int backpointer_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
				struct finding *f)
{
	const struct bch_backpointer *v = k.v;

	if (!form_1_14(c))
		return validate_1_13(c, k, f);
	if (v->level > BTREE_MAX_DEPTH)
		return finding_set(f, BCH_FSCK_ERR_backpointer_level_bad,
				   "backpointer level bad: %u > %u", v->level, BTREE_MAX_DEPTH);
	if (where.btree == BTREE_ID_backpointers && k.k->p.inode == BCH_DEV_INVALID)
		return finding_set(f, BCH_FSCK_ERR_backpointer_dev_bad,
				   "backpointer to removed device");
	return 0;
}

static void text_1_13(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_backpointer_unpacked bp = bch_backpointer_unpack(c, k);
	const struct bch_dev *dev = bch_pos_dev(c, k.k->p);

	if (dev) {
		prt_str(out, "bucket=");
		bch_bpos_to_text(out, POS(k.k->p.inode, (k.k->p.offset >> BACKPOINTER_SHIFT) /
								dev->mi.bucket_size));
		prt_char(out, ' ');
	}
	prt_str(out, "btree=");
	bch_btree_name_to_text(out, c, bp.btree);
	prt_printf(out, " l=%u offset=%llu:%llu len=%u pos=", bp.level,
		   bp.bucket_offset >> BACKPOINTER_SHIFT,
		   bp.bucket_offset & ((1U << BACKPOINTER_SHIFT) - 1), bp.bucket_len);
	bch_bpos_to_text(out, bp.pos);
}

static void backpointer_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	unsigned shift = bch_backpointer_shift(c);
	struct bch_backpointer_unpacked bp = bch_backpointer_unpack(c, k);
	const struct bch_dev *dev = bch_pos_dev(c, k.k->p);
	u64 sector = k.k->p.offset >> shift;

	if (bch_text_dialect(c) == BCH_TEXT_1_13) {
		text_1_13(out, c, k);
		return;
	}
	if (dev)
		prt_printf(out, "bucket=%llu:%llu:%llu ", k.k->p.inode,
			   sector / dev->mi.bucket_size, sector % dev->mi.bucket_size);
	else
		prt_printf(out, "sector=%llu:%llu ", k.k->p.inode, sector);
	prt_str(out, "btree=");
	bch_btree_name_to_text(out, c, bp.btree);
	prt_printf(out, " level=%u data_type=", bp.level);
	bch_data_type_to_text(out, c, bp.data_type);
	prt_printf(out, " suboffset=%llu len=%u gen=%u pos=", k.k->p.offset & ((1ULL << shift) - 1),
		   bp.bucket_len, bp.bucket_gen);
	bch_bpos_to_text(out, bp.pos);
	if (BACKPOINTER_RECONCILE_PHYS(bp.flags))
		prt_str(out, " phys");
	if (bp.flags & BACKPOINTER_STRIPE_PTR)
		prt_str(out, " stripe");
}

static void backpointer_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_backpointer_unpacked bp = bch_backpointer_unpack(c, k);
	const struct bch_dev *dev = bch_pos_dev(c, k.k->p);
	u64 sector = k.k->p.offset >> bch_backpointer_shift(c);

	json_u64(j, "dev", k.k->p.inode);
	json_u64(j, "offset_sectors", sector);
	if (dev)
		json_u64(j, "bucket", sector / dev->mi.bucket_size);
	bch_json_name(j, "btree", bch_btree_names, bp.btree);
	json_u64(j, "level", bp.level);
	bch_json_name(j, "data_type", bch_data_type_names, bp.data_type);
	if (form_1_14(c)) {
		json_u64(j, "gen", bp.bucket_gen);
		json_u64(j, "flags", bp.flags);
	} else {
		json_u64(j, "bucket_offset_sectors", bp.bucket_offset >> BACKPOINTER_SHIFT);
	}
	json_u64(j, "len_sectors", bp.bucket_len);
	bch_bpos_to_json(j, "pos", bp.pos);
}

void bch_backpointer_swab(struct bch_backpointer *bp)
{
	swap(bp->bucket_offset[0], bp->bucket_offset[4]);
	swap(bp->bucket_offset[1], bp->bucket_offset[3]);
	bp->bucket_len = swab32(bp->bucket_len);
	bp->pos = bpos_swab(bp->pos);
}

static void backpointer_swab(void *v, unsigned u64s)
{
	if (u64s * sizeof(u64) >= sizeof(struct bch_backpointer))
		bch_backpointer_swab(v);
}

static const struct bkey_ops backpointer_ops = {
	.validate = backpointer_validate,
	.to_text = backpointer_to_text,
	.to_json = backpointer_to_json,
	.swab = backpointer_swab,
};

void bch_backpointer_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_backpointer, &backpointer_ops);
}
