/*
 * Inodes: unpacking, packing, checks, text (spec 03 section 11; newer: spec 10 sections 6.4, 7.3).
 *
 * FIELDS_START is honoured, other than in 1.13, which writes but ignores it.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "format/enums.h"
#include "format/sb_errors.h"
#include "fs/inode.h"
#include "sb/csum.h"
#include "sb/fs.h"
#include "util/json.h"
#include "util/varint.h"

struct inode_field {
	const char *name;
	u16 offset; /* of an u64 in struct bch_inode_unpacked */
	u8 bits;
};

#define x(_name, _bits) {#_name, offsetof(struct bch_inode_unpacked, _name), _bits},
static const struct inode_field fields_v2[] = {BCH_INODE_FIELDS_V2()};
static const struct inode_field fields_v3[] = {BCH_INODE_FIELDS_V3()};
#undef x

static u64 *field_ptr(struct bch_inode_unpacked *u, const struct inode_field *f)
{
	return (u64 *)((char *)u + f->offset);
}

static u64 field_get(const struct bch_inode_unpacked *u, const struct inode_field *f)
{
	return *(const u64 *)((const char *)u + f->offset);
}

static bool fits(u64 v, unsigned bits)
{
	return bits >= 64 || !(v >> bits);
}

/* The packing of old inode keys: the first byte's highest set bit tells the length. */
static int old_int_decode(const u8 *in, const u8 *end, u64 *v)
{
	static const u8 bytes_of[] = {1, 2, 3, 4, 6, 8, 10, 13};
	unsigned bytes, i, top;

	if (in >= end || !*in)
		return -EINVAL;
	top = 31 - __builtin_clz(*in);
	bytes = bytes_of[7 - top];
	if (bytes > end - in)
		return -EINVAL;
	*v = *in & ~(1U << top);
	for (i = 1; i < bytes; i++) {
		if (*v >> 56)
			return -EINVAL;
		*v = *v << 8 | in[i];
	}
	return bytes;
}

static int unpack_old(const u8 *in, const u8 *end, unsigned nr, struct bch_inode_unpacked *u)
{
	const struct inode_field *f;

	for (f = fields_v2; f < fields_v2 + ARRAY_SIZE(fields_v2) && nr; f++, nr--) {
		int ret = old_int_decode(in, end, field_ptr(u, f));

		if (ret < 0 || !fits(field_get(u, f), f->bits))
			return -EINVAL;
		in += ret;
	}
	return 0;
}

static int unpack_varints(const struct inode_field *f, size_t nr_known, const u8 *in, const u8 *end,
			  unsigned nr, struct bch_inode_unpacked *u)
{
	const struct inode_field *last = f + nr_known;
	u64 hi;
	int ret;

	for (; f < last && nr; f++, nr--) {
		ret = varint_decode(in, end, field_ptr(u, f));
		if (ret < 0 || !fits(field_get(u, f), f->bits))
			return -EINVAL;
		in += ret;
		if (f->bits <= 64)
			continue;
		ret = varint_decode(in, end, &hi);
		if (ret < 0 || hi)
			return -EINVAL;
		in += ret;
	}
	return 0;
}

static u64 hash_seed(const u8 seed[8])
{
	__le64 v;

	memcpy(&v, seed, sizeof(v));
	return le64_to_cpu(v);
}

static int unpack_v1(const struct bch_inode *v, const u8 *end, struct bch_inode_unpacked *u)
{
	unsigned nr;

	u->bi_flags = le32_to_cpu(v->bi_flags);
	u->bi_mode = le16_to_cpu(v->bi_mode);
	u->bi_hash_seed = hash_seed(v->bi_hash_seed);
	nr = INODE_NR_FIELDS(u->bi_flags);
	if (!INODE_V1_NEW_VARINT(u->bi_flags))
		return unpack_old(v->fields, end, nr, u);
	return unpack_varints(fields_v2, ARRAY_SIZE(fields_v2), v->fields, end, nr, u);
}

static int unpack_v2(const struct bch_inode_v2 *v, const u8 *end, struct bch_inode_unpacked *u)
{
	u->bi_journal_seq = le64_to_cpu(v->bi_journal_seq);
	u->bi_flags = le64_to_cpu(v->bi_flags);
	u->bi_mode = le16_to_cpu(v->bi_mode);
	u->bi_hash_seed = hash_seed(v->bi_hash_seed);
	return unpack_varints(fields_v2, ARRAY_SIZE(fields_v2), v->fields, end,
			      INODE_NR_FIELDS(u->bi_flags), u);
}

static int unpack_v3(const struct bch_inode_v3 *v, const u8 *end, struct bch_inode_unpacked *u)
{
	const u8 *start;

	u->bi_journal_seq = le64_to_cpu(v->bi_journal_seq);
	u->bi_flags = le64_to_cpu(v->bi_flags);
	u->bi_mode = INODE_V3_MODE(u->bi_flags);
	u->bi_hash_seed = hash_seed(v->bi_hash_seed);
	u->bi_sectors = le64_to_cpu(v->bi_sectors);
	u->bi_size = le64_to_cpu(v->bi_size);
	u->bi_version = le64_to_cpu(v->bi_version);
	start = (const u8 *)v + max_t(u64, INODE_V3_FIELDS_START(u->bi_flags) * 8, INODE_V3_FIELDS);
	return unpack_varints(fields_v3, ARRAY_SIZE(fields_v3), start, end,
			      INODE_NR_FIELDS(u->bi_flags), u);
}

int bch_inode_unpack(struct bkey_view k, struct bch_inode_unpacked *u)
{
	const u8 *end = (const u8 *)k.v + bkey_val_bytes(k.k);

	*u = (struct bch_inode_unpacked){
		.bi_inum = k.k->p.offset,
		.bi_snapshot = k.k->p.snapshot,
	};
	if (!bkey_is_inode(k.k->type) || bkey_val_bytes(k.k) < bch_bkey_type_min_val[k.k->type])
		return -EINVAL;

	switch (k.k->type) {
	case KEY_TYPE_inode:
		return unpack_v1(k.v, end, u);
	case KEY_TYPE_inode_v2:
		return unpack_v2(k.v, end, u);
	default:
		return unpack_v3(k.v, end, u);
	}
}

unsigned bch_inode_pack(u64 *words, const struct bch_inode_unpacked *u)
{
	struct bch_inode_v3 *v = (void *)words;
	const struct inode_field *f, *end = fields_v3 + ARRAY_SIZE(fields_v3);
	__le64 seed = cpu_to_le64(u->bi_hash_seed);
	u64 flags = u->bi_flags;
	u8 *out;

	memset(words, 0, INODE_VAL_U64s_MAX * sizeof(u64));
	while (end > fields_v3 && !field_get(u, end - 1))
		end--;
	for (f = fields_v3, out = v->fields; f < end; f++) {
		out += varint_encode(out, field_get(u, f));
		if (f->bits > 64)
			out += varint_encode(out, 0);
	}

	flags = INODE_NR_FIELDS_set(flags, end - fields_v3);
	flags = INODE_V3_FIELDS_START_set(flags, INODE_V3_FIELDS / 8);
	flags = INODE_V3_MODE_set(flags, u->bi_mode);
	v->bi_flags = cpu_to_le64(flags);
	v->bi_journal_seq = cpu_to_le64(u->bi_journal_seq);
	memcpy(v->bi_hash_seed, &seed, sizeof(seed));
	v->bi_sectors = cpu_to_le64(u->bi_sectors);
	v->bi_size = cpu_to_le64(u->bi_size);
	v->bi_version = cpu_to_le64(u->bi_version);
	return DIV_ROUND_UP(out - (u8 *)words, sizeof(u64));
}

/* Checks */

/* What newer formats leave to fsck. */
static int inode_content_validate(const struct bch_inode_unpacked *u, struct finding *f)
{
	if (u->bi_data_checksum > BCH_CSUM_OPT_NR)
		return finding_set(f, BCH_FSCK_ERR_inode_checksum_type_invalid,
				   "invalid data checksum type (%llu >= %u", u->bi_data_checksum,
				   BCH_CSUM_OPT_NR + 1);
	if (u->bi_compression && !bch_compression_opt_valid(u->bi_compression - 1))
		return finding_set(f, BCH_FSCK_ERR_inode_compression_type_invalid,
				   "invalid compression opt %llu", u->bi_compression - 1);
	if (u->bi_flags & BCH_INODE_FLAG_unlinked && u->bi_nlink)
		return finding_set(f, BCH_FSCK_ERR_inode_unlinked_but_nlink_nonzero,
				   "flagged as unlinked but bi_nlink != 0");
	if (u->bi_subvol && !inode_is_dir(u->bi_mode))
		return finding_set(f, BCH_FSCK_ERR_inode_subvol_root_but_not_dir,
				   "subvolume root but not a directory");
	return 0;
}

static int inode_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			  struct finding *f)
{
	struct bch_inode_unpacked u;
	int unpack = bch_inode_unpack(k, &u);
	u64 start = INODE_V3_FIELDS_START(u.bi_flags);

	if (k.k->type == KEY_TYPE_inode_v3 &&
	    (start < INODE_V3_FIELDS / 8 || start > bkey_val_u64s(k.k)))
		return finding_set(f, BCH_FSCK_ERR_inode_v3_fields_start_bad,
				   "invalid fields_start (got %llu, min %u max %u)", start,
				   INODE_V3_FIELDS / 8, bkey_val_u64s(k.k));
	if (INODE_STR_HASH(u.bi_flags) >= BCH_STR_HASH_NR)
		return finding_set(f, BCH_FSCK_ERR_inode_str_hash_invalid,
				   "invalid str hash type (%llu >= %u)", INODE_STR_HASH(u.bi_flags),
				   BCH_STR_HASH_NR);
	if (k.k->p.inode)
		return finding_set(f, BCH_FSCK_ERR_inode_pos_inode_nonzero, "nonzero k.p.inode");
	if (k.k->p.offset < BLOCKDEV_INODE_MAX)
		return finding_set(f, BCH_FSCK_ERR_inode_pos_blockdev_range,
				   "fs inode in blockdev range");
	if (unpack)
		return finding_set(f, BCH_FSCK_ERR_inode_unpack_error,
				   "invalid variable length fields");
	return bch_text_dialect(c) == BCH_TEXT_1_13 ? inode_content_validate(&u, f) : 0;
}

static int inode_generation_validate(const struct bch_fs *c, struct bkey_view k,
				     struct bkey_where where, struct finding *f)
{
	if (k.k->p.inode)
		return finding_set(f, BCH_FSCK_ERR_inode_pos_inode_nonzero, "nonzero k.p.inode");
	return 0;
}

/* Text */

static const char *const inode_flag_names[] = {
#define x(name, bit) [bit] = #name,
	BCH_INODE_FLAGS()
#undef x
		NULL};

static const char *mode_type_name(u16 mode)
{
	unsigned type = mode >> 12;

	return type == BCH_DT_unknown || type == BCH_DT_whiteout ? NULL : bch_d_type_name(type);
}

static void inode_mode_to_text(struct printbuf *out, u16 mode, enum bch_text_dialect dialect)
{
	prt_printf(out, "mode=%o", mode);
	if (dialect == BCH_TEXT_1_39)
		prt_printf(out, " (%s)", mode_type_name(mode) ?: "(null)");
	prt_newline(out);
}

static void inode_flags_to_text(struct printbuf *out, u64 flags, enum bch_text_dialect dialect)
{
	static const u32 known[] = {
		[BCH_TEXT_1_13] = (1U << INODE_FLAG_NR_1_13) - 1,
		[BCH_TEXT_1_28] = (1U << (INODE_FLAG_NR_1_13 + 1)) - 1,
		[BCH_TEXT_1_39] = (1U << INODE_FLAG_BITS) - 1,
	};
	u32 named = flags & ((1U << INODE_FLAG_BITS) - 1);

	/* Printing stops at the first bit without a name. */
	if (named & ~known[dialect])
		named &= (1U << __builtin_ctz(named & ~known[dialect])) - 1;
	prt_str(out, "flags=");
	prt_bitflags(out, inode_flag_names, named);
	prt_printf(out, "(%x)\n", (u32)flags);
}

static void inode_fields_to_text(struct printbuf *out, const struct bch_inode_unpacked *u,
				 enum bch_text_dialect dialect)
{
	static const u8 nr_fields[] = {
		[BCH_TEXT_1_13] = INODE_V3_NR_FIELDS_1_13,
		[BCH_TEXT_1_28] = INODE_V3_NR_FIELDS_1_28,
		[BCH_TEXT_1_39] = ARRAY_SIZE(fields_v3),
	};
	unsigned i;

	for (i = 0; i < nr_fields[dialect]; i++) {
		if (i)
			prt_newline(out);
		prt_str(out, fields_v3[i].name);
		prt_char(out, '=');
		prt_u64(out, field_get(u, &fields_v3[i]));
	}
}

static void inode_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	enum bch_text_dialect dialect = bch_text_dialect(c);
	/* From 1.39 on the frame of the key indents. */
	unsigned indent = dialect == BCH_TEXT_1_39 ? 0 : 2;
	struct bch_inode_unpacked u;

	if (bch_inode_unpack(k, &u)) {
		prt_str(out, "(unpack error)");
		return;
	}
	prt_newline(out);
	printbuf_indent_add(out, indent);
	inode_mode_to_text(out, u.bi_mode, dialect);
	inode_flags_to_text(out, u.bi_flags, dialect);
	prt_printf(out, "journal_seq=%llu\n", u.bi_journal_seq);
	if (dialect != BCH_TEXT_1_13) {
		prt_printf(out, "hash_seed=%llx\nhash_type=", u.bi_hash_seed);
		bch_name_or_unknown(out, bch_str_hash_type_names, INODE_STR_HASH(u.bi_flags),
				    "str_hash_type");
		prt_newline(out);
	}
	prt_printf(out, "bi_size=%llu\nbi_sectors=%llu\nbi_version=%llu\n", u.bi_size, u.bi_sectors,
		   u.bi_version);
	inode_fields_to_text(out, &u, dialect);
	if (dialect == BCH_TEXT_1_39)
		prt_newline(out);
	printbuf_indent_sub(out, indent);
}

static void inode_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_inode_unpacked u;
	const struct inode_field *f;

	if (bch_inode_unpack(k, &u)) {
		json_str(j, "error", "fields do not unpack");
		return;
	}
	json_fmt(j, "mode", "%o", u.bi_mode);
	json_bitflags(j, "flags", inode_flag_names, u.bi_flags & ((1U << INODE_FLAG_BITS) - 1));
	json_u64(j, "journal_seq", u.bi_journal_seq);
	json_fmt(j, "hash_seed", "%016llx", u.bi_hash_seed);
	bch_json_name(j, "hash_type", bch_str_hash_type_names, INODE_STR_HASH(u.bi_flags));
	json_u64(j, "bi_size", u.bi_size);
	json_u64(j, "bi_sectors", u.bi_sectors);
	json_u64(j, "bi_version", u.bi_version);
	for (f = fields_v3; f < fields_v3 + ARRAY_SIZE(fields_v3); f++)
		json_u64(j, f->name, field_get(&u, f));
}

static void inode_generation_to_text(struct printbuf *out, const struct bch_fs *c,
				     struct bkey_view k)
{
	struct bch_inode_generation v;

	bkey_val_read(k, &v, sizeof(v));
	prt_printf(out, "generation: %u", le32_to_cpu(v.bi_generation));
}

static void inode_generation_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_inode_generation v;

	bkey_val_read(k, &v, sizeof(v));
	json_u64(j, "generation", le32_to_cpu(v.bi_generation));
}

static const struct bkey_ops inode_ops = {
	.validate = inode_validate,
	.to_text = inode_to_text,
	.to_json = inode_to_json,
};

static const struct bkey_ops inode_generation_ops = {
	.validate = inode_generation_validate,
	.to_text = inode_generation_to_text,
	.to_json = inode_generation_to_json,
};

void bch_inode_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_inode, &inode_ops);
	bch_bkey_ops_register(KEY_TYPE_inode_v2, &inode_ops);
	bch_bkey_ops_register(KEY_TYPE_inode_v3, &inode_ops);
	bch_bkey_ops_register(KEY_TYPE_inode_generation, &inode_generation_ops);
}
