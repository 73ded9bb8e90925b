/*
 * Shared extents and data in keys: reflink_p, reflink_v, inline_data, indirect_inline_data (spec
 * 03 section 10; newer: spec 10 sections 6.3, 7.2).
 *
 * The bytes of inline data are printed in hex as newer tools do; 1.13 prints an address of its own
 * memory in their place (spec 03 section 24.1).
 */
#include "data/extents.h"
#include "data/reflink.h"
#include "format/reflink.h"
#include "format/sb_errors.h"
#include "util/json.h"

#define INLINE_DATA_SHOWN 32 /* bytes */

/* Before 1.16 all 64 bits are the index. */
static u64 reflink_p_idx(const struct bch_fs *c, u64 idx_flags)
{
	return bch_text_dialect(c) == BCH_TEXT_1_13 ? idx_flags : REFLINK_P_IDX(idx_flags);
}

static int reflink_p_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			      struct finding *f)
{
	const struct bch_reflink_p *v = k.v;
	u64 idx = reflink_p_idx(c, le64_to_cpu(v->idx_flags));

	if (idx < le32_to_cpu(v->front_pad))
		return finding_set(f, BCH_FSCK_ERR_reflink_p_front_pad_bad,
				   "idx < front_pad (%llu < %u)", idx, le32_to_cpu(v->front_pad));
	return 0;
}

static void reflink_p_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_reflink_p v;
	u64 word;

	bkey_val_read(k, &v, sizeof(v));
	word = le64_to_cpu(v.idx_flags);
	prt_printf(out, "idx %llu front_pad %u back_pad %u", reflink_p_idx(c, word),
		   le32_to_cpu(v.front_pad), le32_to_cpu(v.back_pad));
	if (bch_text_dialect(c) != BCH_TEXT_1_39)
		return;
	if (REFLINK_P_ERROR(word))
		prt_str(out, " error");
	if (REFLINK_P_MAY_UPDATE_OPTIONS(word))
		prt_str(out, " may_update_opts");
}

static void reflink_p_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_reflink_p v;
	u64 word;

	bkey_val_read(k, &v, sizeof(v));
	word = le64_to_cpu(v.idx_flags);
	json_u64(j, "idx", reflink_p_idx(c, word));
	json_u64(j, "front_pad", le32_to_cpu(v.front_pad));
	json_u64(j, "back_pad", le32_to_cpu(v.back_pad));
	if (bch_text_dialect(c) == BCH_TEXT_1_13)
		return;
	json_bool(j, "error", REFLINK_P_ERROR(word));
	json_bool(j, "may_update_opts", REFLINK_P_MAY_UPDATE_OPTIONS(word));
}

static int reflink_v_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			      struct finding *f)
{
	if (bch_text_dialect(c) != BCH_TEXT_1_13 &&
	    (k.k->p.inode || k.k->p.offset > REFLINK_P_IDX_MAX))
		return finding_set(f, BCH_FSCK_ERR_reflink_v_pos_bad,
				   "indirect extent above maximum position 0:%llu",
				   REFLINK_P_IDX_MAX);
	return bch_extent_entries_validate(c, k, bkey_extent_entries(k), where, f);
}

static u64 refcount(struct bkey_view k)
{
	__le64 v;

	bkey_val_read(k, &v, sizeof(v));
	return le64_to_cpu(v);
}

static void reflink_v_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	prt_printf(out, "refcount: %llu ", refcount(k));
	bch_extent_entries_to_text(out, c, k);
}

static void reflink_v_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	json_u64(j, "refcount", refcount(k));
	bch_extent_entries_to_json(j, c, k);
}

static void reflink_v_swab(void *v, unsigned u64s)
{
	if (u64s > 1)
		bch_extent_entries_swab((u64 *)v + 1, u64s - 1);
}

static void data_to_text(struct printbuf *out, const u8 *data, unsigned bytes)
{
	unsigned i;

	prt_printf(out, "datalen %u: ", bytes);
	for (i = 0; i < min_t(unsigned, bytes, INLINE_DATA_SHOWN); i++)
		prt_printf(out, "%02x", data[i]);
}

static void data_to_json(struct json *j, const u8 *data, unsigned bytes)
{
	struct printbuf hex = PRINTBUF;
	unsigned i;

	for (i = 0; i < bytes; i++)
		prt_printf(&hex, "%02x", data[i]);
	json_u64(j, "datalen", bytes);
	json_str(j, "data", printbuf_str(&hex));
	printbuf_exit(&hex);
}

static void inline_data_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	data_to_text(out, k.v, bkey_val_bytes(k.k));
}

static void inline_data_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	data_to_json(j, k.v, bkey_val_bytes(k.k));
}

/* The data behind the reference count. */
static const u8 *indirect_data(struct bkey_view k, unsigned *bytes)
{
	unsigned head = sizeof(struct bch_indirect_inline_data), val = bkey_val_bytes(k.k);

	*bytes = val > head ? val - head : 0;
	return (const u8 *)k.v + (val > head ? head : 0);
}

static void indirect_inline_data_to_text(struct printbuf *out, const struct bch_fs *c,
					 struct bkey_view k)
{
	unsigned bytes;
	const u8 *data = indirect_data(k, &bytes);

	prt_printf(out, "refcount %llu ", refcount(k));
	data_to_text(out, data, bytes);
}

static void indirect_inline_data_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	unsigned bytes;
	const u8 *data = indirect_data(k, &bytes);

	json_u64(j, "refcount", refcount(k));
	data_to_json(j, data, bytes);
}

static const struct bkey_ops reflink_p_ops = {
	.validate = reflink_p_validate,
	.to_text = reflink_p_to_text,
	.to_json = reflink_p_to_json,
};

static const struct bkey_ops reflink_v_ops = {
	.validate = reflink_v_validate,
	.to_text = reflink_v_to_text,
	.to_json = reflink_v_to_json,
	.swab = reflink_v_swab,
};

static const struct bkey_ops inline_data_ops = {
	.to_text = inline_data_to_text,
	.to_json = inline_data_to_json,
};

static const struct bkey_ops indirect_inline_data_ops = {
	.to_text = indirect_inline_data_to_text,
	.to_json = indirect_inline_data_to_json,
};

void bch_reflink_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_reflink_p, &reflink_p_ops);
	bch_bkey_ops_register(KEY_TYPE_reflink_v, &reflink_v_ops);
	bch_bkey_ops_register(KEY_TYPE_inline_data, &inline_data_ops);
	bch_bkey_ops_register(KEY_TYPE_indirect_inline_data, &indirect_inline_data_ops);
}
