/*
 * Stripe keys: checks and text (spec 03 section 21.1; newer: spec 10 sections 6.10, 7.2).
 *
 * Stricter than 1.13 (spec 03 section 24.9): numbers of blocks, sectors, checksum type and
 * granularity are checked, because the layout of the value follows from them.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include "btree/bkey.h"
#include "data/ec.h"
#include "data/extents.h"
#include "format/sb_errors.h"
#include "sb/csum.h"
#include "util/json.h"

struct bch_stripe_layout bch_stripe_layout(const struct bch_stripe *s)
{
	unsigned chunks =
		DIV_ROUND_UP((u64)le16_to_cpu(s->sectors), 1ULL << s->csum_granularity_bits);
	unsigned bytes = s->csum_type < BCH_CSUM_NR ? bch_csum_bytes[s->csum_type] : 0;
	unsigned csums = sizeof(*s) + s->nr_blocks * sizeof(u64);
	unsigned blockcounts = csums + s->nr_blocks * chunks * bytes;

	return (struct bch_stripe_layout){
		.csums_per_block = chunks,
		.csum_bytes = bytes,
		.csums = csums,
		.blockcounts = blockcounts,
		.end = blockcounts + s->nr_blocks * sizeof(__le16),
	};
}

/* The head; a granularity that cannot be shifted by is taken as the largest. */
static void stripe_head(struct bkey_view k, struct bch_stripe *s)
{
	bkey_val_read(k, s, sizeof(*s));
	s->csum_granularity_bits = min_t(u8, s->csum_granularity_bits, 63);
}

int bch_stripe_blockcount(struct bkey_view k, unsigned block)
{
	struct bch_stripe s;
	unsigned offset;
	__le16 count;

	stripe_head(k, &s);
	offset = bch_stripe_layout(&s).blockcounts + block * sizeof(count);
	if (offset + sizeof(count) > bkey_val_bytes(k.k))
		return -1;
	memcpy(&count, (const char *)k.v + offset, sizeof(count));
	return le16_to_cpu(count);
}

/* The pointers that lie inside of the value. */
static struct extent_entries stripe_ptrs(struct bkey_view k, const struct bch_stripe *s)
{
	unsigned head = sizeof(*s) / sizeof(u64), u64s = bkey_val_u64s(k.k);
	const u64 *v = k.v;
	unsigned nr = u64s > head ? min_t(unsigned, s->nr_blocks, u64s - head) : 0;

	return (struct extent_entries){v + (nr ? head : 0), v + (nr ? head + nr : 0)};
}

static int stripe_geometry_validate(const struct bch_stripe *s, struct finding *f)
{
	if (!s->sectors)
		return finding_set(f, BCH_FSCK_ERR_stripe_sectors_zero, "stripe with 0 sectors");
	if (s->csum_granularity_bits > STRIPE_GRANULARITY_BITS_MAX)
		return finding_set(f, BCH_FSCK_ERR_stripe_csum_granularity_bad,
				   "invalid csum granularity (%u > %u)", s->csum_granularity_bits,
				   STRIPE_GRANULARITY_BITS_MAX);
	if (s->csum_type >= BCH_CSUM_NR)
		return finding_set(f, BCH_FSCK_ERR_stripe_val_size_bad,
				   "invalid csum type (%u >= %u)", s->csum_type, BCH_CSUM_NR);
	if (s->nr_redundant >= s->nr_blocks || s->nr_blocks > STRIPE_BLOCKS_MAX)
		return finding_set(f, BCH_FSCK_ERR_stripe_val_size_bad,
				   "invalid number of blocks (%u, %u of them redundant)",
				   s->nr_blocks, s->nr_redundant);
	return 0;
}

static int stripe_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			   struct finding *f)
{
	const struct bch_stripe *s = k.v;
	unsigned u64s;
	int ret;

	if (bpos_eq(k.k->p, POS_MIN) || bpos_gt(k.k->p, POS(0, STRIPE_IDX_MAX)))
		return finding_set(f, BCH_FSCK_ERR_stripe_pos_bad, "stripe at bad pos");
	ret = stripe_geometry_validate(s, f);
	if (ret)
		return ret;
	u64s = DIV_ROUND_UP(bch_stripe_layout(s).end, sizeof(u64));
	if (bkey_val_u64s(k.k) < u64s)
		return finding_set(f, BCH_FSCK_ERR_stripe_val_size_bad,
				   "incorrect value size (%u < %u)", bkey_val_u64s(k.k), u64s);
	return bch_extent_entries_validate(c, k, stripe_ptrs(k, s), where, f);
}

static void stripe_head_to_text(struct printbuf *out, const struct bch_fs *c,
				const struct bch_stripe *s, u8 granularity_bits)
{
	bool newer = bch_text_dialect(c) == BCH_TEXT_1_39;

	prt_printf(out, "algo %u sectors %u blocks %u:%u csum ",
		   newer ? STRIPE_ALGORITHM(s->algorithm) : s->algorithm, le16_to_cpu(s->sectors),
		   s->nr_blocks - s->nr_redundant, s->nr_redundant);
	bch_name_or_unknown(out, bch_csum_type_names, s->csum_type, "csum_type");
	prt_str(out, " gran ");
	if (!newer)
		prt_u64(out, 1U << (granularity_bits & 31));
	else if (granularity_bits < 64)
		prt_u64(out, 1ULL << granularity_bits);
	else
		prt_printf(out, "(invalid shift %u)", granularity_bits);
	if (newer && !s->disk_label)
		prt_str(out, " label=(none)");
	if (s->disk_label) {
		prt_str(out, newer ? " label=" : " label");
		bch_fs_label_to_text(out, c, s->disk_label - 1);
	}
	if (newer && STRIPE_NEEDS_RECONCILE(s->algorithm))
		prt_str(out, " needs_reconcile");
	if (newer && STRIPE_CAN_WIDEN(s->algorithm))
		prt_printf(out, " can_widen=%u", STRIPE_CAN_WIDEN(s->algorithm));
}

static void stripe_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	bool newer = bch_text_dialect(c) == BCH_TEXT_1_39;
	struct bch_stripe s, stored;
	struct extent_entries ptrs;
	unsigned i, nr;
	int count;

	bkey_val_read(k, &stored, sizeof(stored));
	stripe_head(k, &s);
	ptrs = stripe_ptrs(k, &s);
	nr = ptrs.end - ptrs.pos;
	stripe_head_to_text(out, c, &s, stored.csum_granularity_bits);
	if (newer)
		printbuf_indent_add(out, 2);
	for (i = 0; i < nr; i++) {
		if (newer)
			prt_newline(out);
		else
			prt_str(out, " ptr: ");
		bch_extent_ptr_to_text(out, c, ptrs.pos[i]);
		count = bch_stripe_blockcount(k, i);
		if (count >= 0 && (newer || i < (unsigned)s.nr_blocks - s.nr_redundant))
			prt_printf(out, "#%u", count);
	}
	if (newer)
		printbuf_indent_sub(out, 2);
}

static void stripe_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_stripe s;
	struct extent_entries ptrs;
	unsigned i, nr;

	stripe_head(k, &s);
	ptrs = stripe_ptrs(k, &s);
	nr = ptrs.end - ptrs.pos;
	json_u64(j, "algo", STRIPE_ALGORITHM(s.algorithm));
	json_u64(j, "sectors", le16_to_cpu(s.sectors));
	json_u64(j, "nr_blocks", s.nr_blocks);
	json_u64(j, "nr_redundant", s.nr_redundant);
	bch_json_name(j, "csum_type", bch_csum_type_names, s.csum_type);
	json_u64(j, "csum_granularity_sectors", 1ULL << s.csum_granularity_bits);
	json_u64(j, "disk_label", s.disk_label);
	json_bool(j, "needs_reconcile", STRIPE_NEEDS_RECONCILE(s.algorithm));
	json_u64(j, "can_widen", STRIPE_CAN_WIDEN(s.algorithm));
	json_array_begin(j, "ptrs");
	for (i = 0; i < nr; i++) {
		int count = bch_stripe_blockcount(k, i);

		json_object_begin(j, NULL);
		bch_extent_ptr_to_json(j, c, ptrs.pos[i]);
		if (count >= 0)
			json_u64(j, "live_sectors", count);
		json_object_end(j);
	}
	json_array_end(j);
}

/* Only the pointers: head and counts are little endian, checksums strings of bytes. */
static void stripe_swab(void *v, unsigned u64s)
{
	const struct bch_stripe *s = v;
	unsigned head = sizeof(*s) / sizeof(u64);

	if (u64s > head)
		bch_extent_entries_swab((u64 *)v + head,
					min_t(unsigned, s->nr_blocks, u64s - head));
}

static const struct bkey_ops stripe_ops = {
	.validate = stripe_validate,
	.to_text = stripe_to_text,
	.to_json = stripe_to_json,
	.swab = stripe_swab,
};

void bch_stripe_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_stripe, &stripe_ops);
}
