/*
 * Keys of buckets: conversion of all versions to one, checks, text (spec 03 sections 15 and 17,
 * spec 10 sections 6.7 and 7.4).
 *
 * alloc_v2 and alloc_v3 keep need_inc_gen in the conversion, other than in 1.13.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include "alloc/alloc_keys.h"
#include "alloc/backpointers.h"
#include "format/sb_errors.h"
#include "format/versions.h"
#include "util/json.h"
#include "util/varint.h"

enum alloc_field {
	ALLOC_FIELD_read_time,
	ALLOC_FIELD_write_time,
	ALLOC_FIELD_data_type,
	ALLOC_FIELD_dirty_sectors,
	ALLOC_FIELD_cached_sectors,
	ALLOC_FIELD_oldest_gen,
	ALLOC_FIELD_stripe,
	ALLOC_FIELD_stripe_redundancy,
	ALLOC_FIELD_NR,
};

static void alloc_set_fields(struct bch_alloc *a, const u64 *fields)
{
	a->io_time[0] = fields[ALLOC_FIELD_read_time];
	a->io_time[1] = fields[ALLOC_FIELD_write_time];
	a->dirty_sectors = fields[ALLOC_FIELD_dirty_sectors];
	a->cached_sectors = fields[ALLOC_FIELD_cached_sectors];
	a->stripe = fields[ALLOC_FIELD_stripe];
	a->stripe_redundancy = fields[ALLOC_FIELD_stripe_redundancy];
}

static const u8 v1_field_bytes[] = {
#define x(name, bytes) [ALLOC_FIELD_##name] = bytes,
	BCH_ALLOC_V1_FIELDS()
#undef x
};

static unsigned v1_bytes(const struct bch_alloc_v1 *v)
{
	unsigned i, bytes = ALLOC_V1_DATA;

	for (i = 0; i < ARRAY_SIZE(v1_field_bytes); i++)
		if (v->fields & 1U << i)
			bytes += v1_field_bytes[i];
	return bytes;
}

static int unpack_v1(const struct bch_alloc_v1 *v, const u8 *end, struct bch_alloc *a)
{
	u64 fields[ALLOC_FIELD_NR] = {};
	const u8 *in = v->data;
	unsigned i;
	__le64 word;

	a->gen = v->gen;
	if (v1_bytes(v) > end - (const u8 *)v)
		return -EINVAL;
	for (i = 0; i < ALLOC_FIELD_NR; i++) {
		if (!(v->fields & 1U << i))
			continue;
		word = 0;
		memcpy(&word, in, v1_field_bytes[i]);
		in += v1_field_bytes[i];
		fields[i] = le64_to_cpu(word);
	}
	a->data_type = fields[ALLOC_FIELD_data_type];
	a->oldest_gen = fields[ALLOC_FIELD_oldest_gen];
	alloc_set_fields(a, fields);
	return 0;
}

static int unpack_varints(const u8 *in, const u8 *end, unsigned nr, struct bch_alloc *a)
{
	static const struct {
		u8 field, bits;
	} order[] = {
#define x(name, bits) {ALLOC_FIELD_##name, bits},
		BCH_ALLOC_V2_FIELDS()
#undef x
	};
	u64 fields[ALLOC_FIELD_NR] = {}, v;
	unsigned i;
	int ret = 0;

	for (i = 0; i < min_t(unsigned, nr, ARRAY_SIZE(order)); i++) {
		ret = varint_decode(in, end, &v);
		if (ret < 0 || (order[i].bits < 64 && v >> order[i].bits)) {
			ret = -EINVAL;
			break;
		}
		fields[order[i].field] = v;
		in += ret;
		ret = 0;
	}
	alloc_set_fields(a, fields);
	return ret;
}

static int unpack_v2(const struct bch_alloc_v2 *v, const u8 *end, struct bch_alloc *a)
{
	a->gen = v->gen;
	a->oldest_gen = v->oldest_gen;
	a->data_type = v->data_type;
	return unpack_varints(v->data, end, v->nr_fields, a);
}

static int unpack_v3(const struct bch_alloc_v3 *v, const u8 *end, struct bch_alloc *a)
{
	a->journal_seq = le64_to_cpu(v->journal_seq);
	a->need_discard = le32_to_cpu(v->flags) & ALLOC_NEED_DISCARD;
	a->need_inc_gen = le32_to_cpu(v->flags) & ALLOC_NEED_INC_GEN;
	a->gen = v->gen;
	a->oldest_gen = v->oldest_gen;
	a->data_type = v->data_type;
	return unpack_varints(v->data, end, v->nr_fields, a);
}

static void unpack_v4(struct bkey_view k, struct bch_alloc *a)
{
	struct bch_alloc_v4 v;
	unsigned start;
	u32 flags;

	bkey_val_read(k, &v, sizeof(v));
	flags = le32_to_cpu(v.flags);
	start = (ALLOC_BACKPOINTERS_START(flags) ?: ALLOC_V4_U64s_MIN) * sizeof(u64);
	if (start < sizeof(v))
		memset((char *)&v + start, 0, sizeof(v) - start);
	*a = (struct bch_alloc){
		.journal_seq = le64_to_cpu(v.journal_seq),
		.journal_seq_empty = le64_to_cpu(v.journal_seq_empty),
		.io_time = {le64_to_cpu(v.io_time[0]), le64_to_cpu(v.io_time[1])},
		.dirty_sectors = le32_to_cpu(v.dirty_sectors),
		.cached_sectors = le32_to_cpu(v.cached_sectors),
		.stripe_sectors = le32_to_cpu(v.stripe_sectors),
		.stripe = le32_to_cpu(v.stripe),
		.gen = v.gen,
		.oldest_gen = v.oldest_gen,
		.data_type = v.data_type,
		.stripe_redundancy = v.stripe_redundancy,
		.need_discard = flags & ALLOC_NEED_DISCARD,
		.need_inc_gen = flags & ALLOC_NEED_INC_GEN,
		.backpointers_start = ALLOC_BACKPOINTERS_START(flags),
	};
}

int bch_alloc_unpack(struct bkey_view k, struct bch_alloc *a)
{
	const u8 *end = (const u8 *)k.v + bkey_val_bytes(k.k);

	*a = (struct bch_alloc){.backpointers_start = ALLOC_V4_U64s};
	if (k.k->type == KEY_TYPE_alloc_v4) {
		unpack_v4(k, a);
		return 0;
	}
	if (k.k->type >= KEY_TYPE_NR || bkey_val_bytes(k.k) < bch_bkey_type_min_val[k.k->type])
		return -EINVAL;

	switch (k.k->type) {
	case KEY_TYPE_alloc:
		return unpack_v1(k.v, end, a);
	case KEY_TYPE_alloc_v2:
		return unpack_v2(k.v, end, a);
	case KEY_TYPE_alloc_v3:
		return unpack_v3(k.v, end, a);
	}
	return -EINVAL;
}

/* From 1.35 on buckets count their stripes, and some types are stored, not derived. */
static bool counts_stripes(const struct bch_fs *c)
{
	return c && c->version >= BCH_VERSION_bucket_stripe_index;
}

unsigned bch_alloc_data_type(const struct bch_fs *c, const struct bch_alloc *a, unsigned type)
{
	bool newer = counts_stripes(c);

	if (newer && type == BCH_DATA_multiple)
		return type;
	if (a->stripe)
		return type == BCH_DATA_parity ? type : BCH_DATA_stripe;
	if (a->stripe_sectors || a->dirty_sectors)
		return newer && (type == BCH_DATA_cached || type == BCH_DATA_stripe) ?
			       BCH_DATA_user :
			       type;
	if (a->cached_sectors)
		return BCH_DATA_cached;
	if (newer ? type == BCH_DATA_need_discard : a->need_discard)
		return BCH_DATA_need_discard;
	if ((u8)(a->gen - a->oldest_gen) >= ALLOC_GC_GENS_MAX)
		return BCH_DATA_need_gc_gens;
	return BCH_DATA_free;
}

u64 bch_alloc_lru_idx_fragmentation(const struct bch_fs *c, const struct bch_alloc *a,
				    const struct bch_dev *dev)
{
	/* In 32 bits, signed in the comparison, as those who keep the LRU reckon. */
	u32 sectors = a->stripe_sectors + a->dirty_sectors, size = dev->mi.bucket_size;
	bool movable = a->data_type == BCH_DATA_btree || a->data_type == BCH_DATA_user ||
		       a->data_type == BCH_DATA_stripe ||
		       (counts_stripes(c) && a->data_type == BCH_DATA_multiple);

	if (!movable || !sectors || (s32)sectors >= (s32)size)
		return 0;
	return min(sectors, size) * (1ULL << 31) / size;
}

/* Checks */

static bool is_empty_type(unsigned type)
{
	return type == BCH_DATA_free || type == BCH_DATA_need_gc_gens ||
	       type == BCH_DATA_need_discard;
}

static bool is_dirty_type(unsigned type)
{
	return type == BCH_DATA_sb || type == BCH_DATA_journal || type == BCH_DATA_btree ||
	       type == BCH_DATA_user || type == BCH_DATA_parity;
}

static int alloc_counts_validate(const struct bch_fs *c, const struct bch_alloc *a,
				 struct finding *f)
{
	if (is_empty_type(a->data_type) &&
	    (a->stripe_sectors || a->dirty_sectors || a->cached_sectors || a->stripe))
		return finding_set(f, BCH_FSCK_ERR_alloc_key_empty_but_have_data,
				   "empty data type free but have data %u.%u.%u %u",
				   a->stripe_sectors, a->dirty_sectors, a->cached_sectors,
				   a->stripe);
	if (is_dirty_type(a->data_type) && !a->dirty_sectors && !a->stripe_sectors)
		return finding_set(f, BCH_FSCK_ERR_alloc_key_dirty_sectors_0,
				   "data_type %s but dirty_sectors==0",
				   bch_data_type_names[a->data_type]);
	if (a->data_type == BCH_DATA_cached &&
	    (!a->cached_sectors || a->dirty_sectors || a->stripe_sectors || a->stripe))
		return finding_set(f, BCH_FSCK_ERR_alloc_key_cached_inconsistency,
				   "data type inconsistency");
	return 0;
}

static int alloc_v4_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			     struct finding *f)
{
	const struct bch_alloc_v4 *v = k.v;
	u32 flags = le32_to_cpu(v->flags);
	unsigned start = ALLOC_BACKPOINTERS_START(flags), nr = ALLOC_NR_BACKPOINTERS(flags);
	unsigned u64s = (start ?: ALLOC_V4_U64s_MIN) + nr * ALLOC_BACKPOINTER_U64s;
	struct bch_alloc a;
	unsigned i, type;

	if (u64s > bkey_val_u64s(k.k))
		return finding_set(f, BCH_FSCK_ERR_alloc_v4_val_size_bad, "bad val size (%u > %u)",
				   u64s, bkey_val_u64s(k.k));
	if (!start && nr)
		return finding_set(f, BCH_FSCK_ERR_alloc_v4_backpointers_start_bad,
				   "invalid backpointers_start");
	bch_alloc_unpack(k, &a);
	type = bch_alloc_data_type(c, &a, a.data_type);
	if (type != a.data_type)
		return finding_set(f, BCH_FSCK_ERR_alloc_key_data_type_bad,
				   "invalid data type (got %u should be %u)", a.data_type, type);
	for (i = 0; i < 2; i++)
		if (a.io_time[i] > ALLOC_IO_TIME_MAX)
			return finding_set(f, BCH_FSCK_ERR_alloc_key_io_time_bad,
					   "invalid io_time[%s]: %llu, max %llu",
					   i ? "write" : "read", a.io_time[i], ALLOC_IO_TIME_MAX);
	return alloc_counts_validate(c, &a, f);
}

static int alloc_v1_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			     struct finding *f)
{
	unsigned u64s = DIV_ROUND_UP(v1_bytes(k.v), sizeof(u64));

	if (bkey_val_u64s(k.k) < u64s)
		return finding_set(f, BCH_FSCK_ERR_alloc_v1_val_size_bad,
				   "incorrect value size (%u < %u)", bkey_val_u64s(k.k), u64s);
	return 0;
}

static int alloc_v2_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			     struct finding *f)
{
	struct bch_alloc a;

	if (bch_alloc_unpack(k, &a))
		return finding_set(f,
				   k.k->type == KEY_TYPE_alloc_v2 ?
					   BCH_FSCK_ERR_alloc_v2_unpack_error :
					   BCH_FSCK_ERR_alloc_v3_unpack_error,
				   "unpack error");
	return 0;
}

static int bucket_gens_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
				struct finding *f)
{
	if (bkey_val_bytes(k.k) != sizeof(struct bch_bucket_gens))
		return finding_set(f, BCH_FSCK_ERR_bucket_gens_val_size_bad,
				   "bad val size (%u != %zu)", bkey_val_bytes(k.k),
				   sizeof(struct bch_bucket_gens));
	return 0;
}

static int lru_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			struct finding *f)
{
	if (!(k.k->p.inode & LRU_TIME_MAX))
		return finding_set(f, BCH_FSCK_ERR_lru_entry_at_time_0, "lru entry at time=0");
	return 0;
}

/* Text */

/* A line with its name padded to @width columns. */
static void alloc_line(struct printbuf *out, unsigned width, const char *name, u64 v)
{
	prt_printf(out, "%-*s%llu\n", width, name, v);
}

void bch_data_type_to_text(struct printbuf *out, const struct bch_fs *c, unsigned type)
{
	bool known = bch_text_dialect(c) != BCH_TEXT_1_13 || type < BCH_DATA_NR_1_13;

	if (known)
		bch_name_or_unknown(out, bch_data_type_names, type, "data_type");
	else
		prt_printf(out, "(unknown data_type %u)", type);
}

static bool bucket_in_dev(const struct bch_dev *dev, u64 bucket)
{
	return bucket >= dev->mi.first_bucket && bucket < dev->mi.nbuckets;
}

static void alloc_end_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k,
			      const struct bch_alloc *a, unsigned bp_start)
{
	bool newer = bch_text_dialect(c) != BCH_TEXT_1_13;
	const struct bch_dev *dev = bch_pos_dev(c, k.k->p);

	if (dev && (newer || bucket_in_dev(dev, k.k->p.offset)))
		alloc_line(out, 18, "fragmentation", bch_alloc_lru_idx_fragmentation(c, a, dev));
	alloc_line(out, 18, "bp_start", bp_start);
}

static void alloc_text_1_13(struct printbuf *out, const struct bch_fs *c, struct bkey_view k,
			    const struct bch_alloc *a)
{
	alloc_line(out, 18, "journal_seq", a->journal_seq);
	alloc_line(out, 18, "need_discard", a->need_discard);
	alloc_line(out, 18, "need_inc_gen", a->need_inc_gen);
	alloc_line(out, 18, "dirty_sectors", a->dirty_sectors);
	alloc_line(out, 18, "stripe_sectors", a->stripe_sectors);
	alloc_line(out, 18, "cached_sectors", a->cached_sectors);
	alloc_line(out, 18, "stripe", a->stripe);
	alloc_line(out, 18, "stripe_redundancy", a->stripe_redundancy);
	alloc_line(out, 18, "io_time[READ]", a->io_time[0]);
	alloc_line(out, 18, "io_time[WRITE]", a->io_time[1]);
	alloc_end_to_text(out, c, k, a, ALLOC_V4_U64s);
}

static void alloc_text_newer(struct printbuf *out, const struct bch_fs *c, struct bkey_view k,
			     const struct bch_alloc *a)
{
	unsigned bytes =
		k.k->type == KEY_TYPE_alloc_v4 ? bkey_val_bytes(k.k) : sizeof(struct bch_alloc_v4);

	alloc_line(out, 21, "journal_seq_nonempty", a->journal_seq);
	if (bytes > offsetof(struct bch_alloc_v4, journal_seq_empty))
		alloc_line(out, 21, "journal_seq_empty", a->journal_seq_empty);
	alloc_line(out, 21, "need_discard", a->need_discard);
	alloc_line(out, 21, "need_inc_gen", a->need_inc_gen);
	alloc_line(out, 21, "dirty_sectors", a->dirty_sectors);
	if (bytes > offsetof(struct bch_alloc_v4, stripe_sectors))
		alloc_line(out, 21, "stripe_sectors", a->stripe_sectors);
	alloc_line(out, 21, "cached_sectors", a->cached_sectors);
	if (bch_text_dialect(c) == BCH_TEXT_1_28) {
		alloc_line(out, 21, "stripe", a->stripe);
		alloc_line(out, 21, "stripe_redundancy", a->stripe_redundancy);
	} else {
		alloc_line(out, 21, "stripe_refcount", a->stripe);
	}
	alloc_line(out, 21, "io_time[READ]", a->io_time[0]);
	alloc_line(out, 21, "io_time[WRITE]", a->io_time[1]);
	alloc_end_to_text(out, c, k, a, a->backpointers_start);
}

static void alloc_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	enum bch_text_dialect dialect = bch_text_dialect(c);
	/* From 1.39 on the frame of the key indents. */
	unsigned indent = dialect == BCH_TEXT_1_39 ? 0 : 2;
	struct bch_alloc a;

	bch_alloc_unpack(k, &a);
	prt_newline(out);
	printbuf_indent_add(out, indent);
	prt_printf(out, "gen %u oldest_gen %u data_type ", a.gen, a.oldest_gen);
	bch_data_type_to_text(out, c, a.data_type);
	prt_newline(out);
	if (dialect == BCH_TEXT_1_13)
		alloc_text_1_13(out, c, k, &a);
	else
		alloc_text_newer(out, c, k, &a);
	printbuf_indent_sub(out, indent);
}

static void alloc_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	const struct bch_dev *dev = bch_pos_dev(c, k.k->p);
	struct bch_alloc a;

	if (bch_alloc_unpack(k, &a))
		json_str(j, "error", "fields do not unpack");
	json_u64(j, "gen", a.gen);
	json_u64(j, "oldest_gen", a.oldest_gen);
	bch_json_name(j, "data_type", bch_data_type_names, a.data_type);
	json_u64(j, "journal_seq", a.journal_seq);
	if (c && c->version >= BCH_VERSION_need_discard_by_journal_seq)
		json_u64(j, "journal_seq_empty", a.journal_seq_empty);
	json_bool(j, "need_discard", a.need_discard);
	json_bool(j, "need_inc_gen", a.need_inc_gen);
	json_u64(j, "dirty_sectors", a.dirty_sectors);
	json_u64(j, "stripe_sectors", a.stripe_sectors);
	json_u64(j, "cached_sectors", a.cached_sectors);
	json_u64(j, counts_stripes(c) ? "stripe_refcount" : "stripe", a.stripe);
	json_u64(j, "stripe_redundancy", a.stripe_redundancy);
	json_u64(j, "io_time_read", a.io_time[0]);
	json_u64(j, "io_time_write", a.io_time[1]);
	if (dev)
		json_u64(j, "fragmentation", bch_alloc_lru_idx_fragmentation(c, &a, dev));
	json_u64(j, "bp_start", a.backpointers_start);
}

static void bucket_gens_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_bucket_gens v;
	unsigned i;

	bkey_val_read(k, &v, sizeof(v));
	for (i = 0; i < BUCKET_GENS_NR; i++) {
		if (i)
			prt_char(out, ' ');
		prt_u64(out, v.gens[i]);
	}
}

static void bucket_gens_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_bucket_gens v;
	unsigned i;

	bkey_val_read(k, &v, sizeof(v));
	json_array_begin(j, "gens");
	for (i = 0; i < BUCKET_GENS_NR; i++)
		json_u64(j, NULL, v.gens[i]);
	json_array_end(j);
}

static void lru_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_lru v;

	bkey_val_read(k, &v, sizeof(v));
	prt_printf(out, "idx %llu", le64_to_cpu(v.idx));
}

static void lru_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_lru v;

	bkey_val_read(k, &v, sizeof(v));
	json_u64(j, "idx", le64_to_cpu(v.idx));
}

/* Declared in native byte order on the machine that wrote them, inline backpointers too. */
static void alloc_v4_swab(void *_v, unsigned u64s)
{
	struct bch_alloc_v4 *v = _v;
	unsigned start, nr;

	if (u64s < ALLOC_V4_U64s_MIN)
		return;
	v->journal_seq = swab64(v->journal_seq);
	v->flags = swab32(v->flags);
	v->dirty_sectors = swab32(v->dirty_sectors);
	v->cached_sectors = swab32(v->cached_sectors);
	v->io_time[0] = swab64(v->io_time[0]);
	v->io_time[1] = swab64(v->io_time[1]);
	v->stripe = swab32(v->stripe);
	v->nr_external_backpointers = swab32(v->nr_external_backpointers);
	start = ALLOC_BACKPOINTERS_START(v->flags) ?: ALLOC_V4_U64s_MIN;
	nr = ALLOC_NR_BACKPOINTERS(v->flags);
	if (u64s >= ALLOC_V4_U64s && start >= ALLOC_V4_U64s)
		v->stripe_sectors = swab32(v->stripe_sectors);
	for (; nr && start + ALLOC_BACKPOINTER_U64s <= u64s; nr--) {
		bch_backpointer_swab((struct bch_backpointer *)((u64 *)_v + start));
		start += ALLOC_BACKPOINTER_U64s;
	}
}

static const struct bkey_ops alloc_v1_ops = {
	.validate = alloc_v1_validate,
	.to_text = alloc_to_text,
	.to_json = alloc_to_json,
};

static const struct bkey_ops alloc_v2_ops = {
	.validate = alloc_v2_validate,
	.to_text = alloc_to_text,
	.to_json = alloc_to_json,
};

static const struct bkey_ops alloc_v4_ops = {
	.validate = alloc_v4_validate,
	.to_text = alloc_to_text,
	.to_json = alloc_to_json,
	.swab = alloc_v4_swab,
};

static const struct bkey_ops bucket_gens_ops = {
	.validate = bucket_gens_validate,
	.to_text = bucket_gens_to_text,
	.to_json = bucket_gens_to_json,
};

static const struct bkey_ops lru_ops = {
	.validate = lru_validate,
	.to_text = lru_to_text,
	.to_json = lru_to_json,
};

void bch_alloc_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_alloc, &alloc_v1_ops);
	bch_bkey_ops_register(KEY_TYPE_alloc_v2, &alloc_v2_ops);
	bch_bkey_ops_register(KEY_TYPE_alloc_v3, &alloc_v2_ops);
	bch_bkey_ops_register(KEY_TYPE_alloc_v4, &alloc_v4_ops);
	bch_bkey_ops_register(KEY_TYPE_bucket_gens, &bucket_gens_ops);
	bch_bkey_ops_register(KEY_TYPE_lru, &lru_ops);
}
