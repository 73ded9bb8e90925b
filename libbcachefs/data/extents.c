/*
 * Extent entries and the keys made of them: decoding and checks (spec 03 sections 7, 9, 10.1).
 * Their text is in extents_text.c. What a checked key promises: its entries have known sizes and
 * do not reach beyond the value.
 */
#include "btree/bkey.h"
#include "data/extents.h"
#include "format/sb_errors.h"
#include "format/versions.h"
#include "sb/csum.h"
#include "util/json.h"

struct extent_crc bch_extent_crc_none(u32 size)
{
	return (struct extent_crc){
		.compressed_size = size,
		.uncompressed_size = size,
		.live_size = size,
	};
}

struct extent_crc bch_extent_crc_unpack(const u64 *entry, u32 live_size)
{
	u64 w = entry[0];

	switch (extent_entry_type(w)) {
	case EXTENT_ENTRY_crc32:
		return (struct extent_crc){
			.csum_type = EXTENT_CRC32_CSUM_TYPE(w),
			.compression_type = EXTENT_CRC32_COMPRESSION_TYPE(w),
			.compressed_size = EXTENT_CRC32_COMPRESSED_SIZE(w) + 1,
			.uncompressed_size = EXTENT_CRC32_UNCOMPRESSED_SIZE(w) + 1,
			.offset = EXTENT_CRC32_OFFSET(w),
			.live_size = live_size,
			.csum.lo = cpu_to_le64(EXTENT_CRC32_CSUM(w)),
		};
	case EXTENT_ENTRY_crc64:
		return (struct extent_crc){
			.csum_type = EXTENT_CRC64_CSUM_TYPE(w),
			.compression_type = EXTENT_CRC64_COMPRESSION_TYPE(w),
			.nonce = EXTENT_CRC64_NONCE(w),
			.compressed_size = EXTENT_CRC64_COMPRESSED_SIZE(w) + 1,
			.uncompressed_size = EXTENT_CRC64_UNCOMPRESSED_SIZE(w) + 1,
			.offset = EXTENT_CRC64_OFFSET(w),
			.live_size = live_size,
			.csum = {cpu_to_le64(entry[1]), cpu_to_le64(EXTENT_CRC64_CSUM_HI(w))},
		};
	case EXTENT_ENTRY_crc128:
		return (struct extent_crc){
			.csum_type = EXTENT_CRC128_CSUM_TYPE(w),
			.compression_type = EXTENT_CRC128_COMPRESSION_TYPE(w),
			.nonce = EXTENT_CRC128_NONCE(w),
			.compressed_size = EXTENT_CRC128_COMPRESSED_SIZE(w) + 1,
			.uncompressed_size = EXTENT_CRC128_UNCOMPRESSED_SIZE(w) + 1,
			.offset = EXTENT_CRC128_OFFSET(w),
			.live_size = live_size,
			.csum = {cpu_to_le64(entry[1]), cpu_to_le64(entry[2])},
		};
	}
	return bch_extent_crc_none(live_size);
}

void bch_extent_ptr_iter_init(struct extent_ptr_iter *iter, const struct bch_fs *c,
			      struct bkey_view k)
{
	iter->entries = bkey_extent_entries(k);
	iter->sizes = bch_extent_sizes(c);
	iter->crc = bch_extent_crc_none(k.k->size);
}

bool bch_extent_ptr_next(struct extent_ptr_iter *iter, struct extent_ptr *p)
{
	const u64 *entry;

	*p = (struct extent_ptr){};
	while ((entry = extent_entry_next(&iter->entries, iter->sizes))) {
		u64 w = *entry;

		switch (extent_entry_type(w)) {
		case EXTENT_ENTRY_crc32:
		case EXTENT_ENTRY_crc64:
		case EXTENT_ENTRY_crc128:
			iter->crc = bch_extent_crc_unpack(entry, iter->crc.live_size);
			break;
		case EXTENT_ENTRY_stripe_ptr:
			p->has_ec = true;
			p->ec_block = EXTENT_STRIPE_BLOCK(w);
			p->ec_redundancy = EXTENT_STRIPE_REDUNDANCY(w);
			p->ec_idx = EXTENT_STRIPE_IDX(w);
			break;
		case EXTENT_ENTRY_ptr:
			p->offset = EXTENT_PTR_OFFSET(w);
			p->dev = EXTENT_PTR_DEV(w);
			p->gen = EXTENT_PTR_GEN(w);
			p->cached = EXTENT_PTR_CACHED(w);
			p->unwritten = EXTENT_PTR_UNWRITTEN(w);
			p->crc = iter->crc;
			return true;
		}
	}
	return false;
}

bool bch_extent_is_poisoned(const struct bch_fs *c, struct bkey_view k)
{
	struct extent_entries e = bkey_extent_entries(k);
	const u64 *entry;

	while ((entry = extent_entry_next(&e, bch_extent_sizes(c))))
		if (extent_entry_type(*entry) == EXTENT_ENTRY_flags)
			return EXTENT_FLAGS(*entry) & EXTENT_FLAG_POISONED;
	return false;
}

/* Checks of lists of entries */

struct entries_check {
	const struct bch_fs *c;
	struct bkey_view k;
	struct extent_entries all;
	struct bkey_where where;
	struct finding *f;
	bool newer; /* a format after 1.13 */
	bool is_btree_ptr;
	u32 size_ondisk;
	int nonce; /* of encrypted crcs: offset + nonce; -1: none yet */
	unsigned nr_ptrs, nr_invalid_ptrs;
	bool have_written, have_unwritten, have_ec, crc_since_last_ptr;
};

static bool is_btree_ptr(unsigned type)
{
	return type == KEY_TYPE_btree_ptr || type == KEY_TYPE_btree_ptr_v2;
}

/* Told of the first of them, before what else is wrong further on, as 1.13 does. */
static bool has_dup_dev(struct entries_check *s, const u64 *entry)
{
	struct extent_entries e = s->all;
	const u64 *other;

	while ((other = extent_entry_next(&e, bch_extent_sizes(s->c))))
		if (other != entry && extent_entry_type(*other) == EXTENT_ENTRY_ptr &&
		    EXTENT_PTR_DEV(*other) == EXTENT_PTR_DEV(*entry))
			return true;
	return false;
}

static int check_ptr_in_dev(struct entries_check *s, const struct bch_dev *dev, u64 ptr)
{
	u64 bucket = EXTENT_PTR_OFFSET(ptr) / dev->mi.bucket_size;
	u32 offset = EXTENT_PTR_OFFSET(ptr) % dev->mi.bucket_size;

	if (bucket >= dev->mi.nbuckets)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_after_last_bucket,
				   "pointer past last bucket (%llu > %llu)", bucket,
				   dev->mi.nbuckets);
	if (bucket < dev->mi.first_bucket)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_before_first_bucket,
				   "pointer before first bucket (%llu < %u)", bucket,
				   dev->mi.first_bucket);
	if ((u64)offset + s->size_ondisk > dev->mi.bucket_size)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_spans_multiple_buckets,
				   "pointer spans multiple buckets (%u + %u > %u)", offset,
				   s->size_ondisk, dev->mi.bucket_size);
	return 0;
}

static int check_ptr(struct entries_check *s, const u64 *entry)
{
	const struct bch_dev *dev = bch_ptr_dev(s->c, *entry);
	unsigned idx = EXTENT_PTR_DEV(*entry);
	int ret;

	if (idx != BCH_DEV_INVALID && has_dup_dev(s, entry))
		return finding_set(s->f, BCH_FSCK_ERR_ptr_to_duplicate_device,
				   "multiple pointers to same device (%u)", idx);
	ret = dev ? check_ptr_in_dev(s, dev, *entry) : 0;
	if (ret)
		return ret;
	if (EXTENT_PTR_CACHED(*entry) && s->have_ec)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_cached_and_erasure_coded,
				   "cached, erasure coded ptr");
	if (EXTENT_PTR_UNWRITTEN(*entry))
		s->have_unwritten = true;
	else
		s->have_written = true;
	s->nr_ptrs++;
	s->nr_invalid_ptrs += idx == BCH_DEV_INVALID && !s->have_ec;
	s->have_ec = false;
	s->crc_since_last_ptr = false;
	return 0;
}

static int check_crc_nonce(struct entries_check *s, const struct extent_crc *crc)
{
	int nonce = crc->offset + crc->nonce;

	if (!bch_csum_type_is_encryption(crc->csum_type))
		return 0;
	if (s->nonce >= 0 && s->nonce != nonce)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_crc_nonce_mismatch, "incorrect nonce");
	s->nonce = nonce;
	return 0;
}

static int check_crc(struct entries_check *s, const u64 *entry)
{
	struct extent_crc crc = bch_extent_crc_unpack(entry, s->k.k->size);
	unsigned write = s->where.flags & (BKEY_VALIDATE_WRITE | BKEY_VALIDATE_COMMIT);
	int ret;

	if ((u64)crc.offset + crc.live_size > crc.uncompressed_size)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_crc_uncompressed_size_too_small,
				   "checksum offset + key size > uncompressed size");
	if (crc.csum_type >= BCH_CSUM_NR ||
	    (bch_csum_type_is_encryption(crc.csum_type) && s->c && !s->c->key))
		return finding_set(s->f, BCH_FSCK_ERR_ptr_crc_csum_type_unknown,
				   "invalid checksum type");
	if (crc.compression_type >= BCH_COMPRESSION_TYPE_NR)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_crc_compression_type_unknown,
				   "invalid compression type");
	ret = check_crc_nonce(s, &crc);
	if (ret)
		return ret;
	if (s->crc_since_last_ptr)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_crc_redundant, "redundant crc entry");
	if (write && s->c && extent_crc_is_encoded(&crc) &&
	    crc.uncompressed_size > s->c->encoded_extent_max)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_crc_uncompressed_size_too_big,
				   "too large encoded extent");
	if (write && !extent_crc_is_compressed(&crc) &&
	    crc.compressed_size != crc.uncompressed_size)
		return finding_set(s->f, BCH_FSCK_ERR_ptr_crc_uncompressed_size_mismatch,
				   "not compressed but compressed != uncompressed size");
	s->size_ondisk = crc.compressed_size;
	s->crc_since_last_ptr = true;
	return 0;
}

static int check_reconcile(struct entries_check *s, u64 w)
{
	unsigned need = EXTENT_RECONCILE_NEED_RB(w);

	if (EXTENT_RECONCILE_PENDING(w) && !need)
		return finding_set(s->f, BCH_FSCK_ERR_extent_reconcile_bad_pending,
				   "pending incorrectly set");
	if (EXTENT_RECONCILE_HIPRI(w) && !(need & 1U << RECONCILE_OPT_data_replicas))
		return finding_set(s->f, BCH_FSCK_ERR_extent_reconcile_bad_hipri,
				   "hipri incorrectly set");
	if (!EXTENT_RECONCILE_DATA_REPLICAS(w))
		return finding_set(s->f, BCH_FSCK_ERR_extent_reconcile_bad_replicas,
				   "bad replicas");
	return 0;
}

static int check_entry(struct entries_check *s, const u64 *entry)
{
	unsigned type = extent_entry_type(*entry);

	if (s->is_btree_ptr && type != EXTENT_ENTRY_ptr &&
	    !(s->newer && (type == EXTENT_ENTRY_reconcile || type == EXTENT_ENTRY_reconcile_bp)))
		return finding_set(s->f, BCH_FSCK_ERR_btree_ptr_has_non_ptr,
				   s->newer ? "has non allowed field" : "has non ptr field");

	switch (type) {
	case EXTENT_ENTRY_ptr:
		return check_ptr(s, entry);
	case EXTENT_ENTRY_crc32:
	case EXTENT_ENTRY_crc64:
	case EXTENT_ENTRY_crc128:
		return check_crc(s, entry);
	case EXTENT_ENTRY_stripe_ptr:
		if (s->have_ec)
			return finding_set(s->f, BCH_FSCK_ERR_ptr_stripe_redundant,
					   "redundant stripe entry");
		s->have_ec = true;
		return 0;
	case EXTENT_ENTRY_flags:
		if (entry != s->all.pos)
			return finding_set(s->f, BCH_FSCK_ERR_extent_flags_not_at_start,
					   "extent flags entry not at start");
		return 0;
	case EXTENT_ENTRY_reconcile:
		return check_reconcile(s, *entry);
	}
	return 0;
}

static int check_list_end(struct entries_check *s)
{
	struct finding *f = s->f;

	if (!s->nr_ptrs)
		return finding_set(f, BCH_FSCK_ERR_extent_ptrs_no_ptrs, "no ptrs");
	if (s->nr_ptrs > BKEY_PTRS_MAX)
		return finding_set(f, BCH_FSCK_ERR_extent_ptrs_too_many_ptrs,
				   "too many ptrs: %u > %u", s->nr_ptrs, BKEY_PTRS_MAX);
	if (s->have_written && s->have_unwritten)
		return finding_set(f, BCH_FSCK_ERR_extent_ptrs_written_and_unwritten,
				   "extent with unwritten and written ptrs");
	if (s->k.k->type != KEY_TYPE_extent && s->have_unwritten)
		return finding_set(f, BCH_FSCK_ERR_extent_ptrs_unwritten, "has unwritten ptrs");
	if (s->crc_since_last_ptr)
		return finding_set(f, BCH_FSCK_ERR_extent_ptrs_redundant_crc,
				   "redundant crc entry");
	if (s->have_ec)
		return finding_set(f, BCH_FSCK_ERR_extent_ptrs_redundant_stripe,
				   "redundant stripe entry");
	if (s->newer && !s->is_btree_ptr && s->k.k->type != KEY_TYPE_stripe &&
	    s->nr_invalid_ptrs == s->nr_ptrs)
		return finding_set(f, BCH_FSCK_ERR_extent_ptrs_all_invalid,
				   "extent without valid pointers");
	return 0;
}

int bch_extent_entries_validate(const struct bch_fs *c, struct bkey_view k, struct extent_entries e,
				struct bkey_where where, struct finding *f)
{
	const struct extent_entry_sizes *sizes = bch_extent_sizes(c);
	struct entries_check s = {
		.c = c,
		.k = k,
		.all = e,
		.where = where,
		.f = f,
		.newer = bch_text_dialect(c) != BCH_TEXT_1_13,
		.is_btree_ptr = is_btree_ptr(k.k->type),
		.nonce = -1,
	};
	const u64 *entry;
	int ret;

	s.size_ondisk = s.is_btree_ptr && c ? c->btree_node_sectors : k.k->size;
	while ((entry = extent_entry_next(&e, sizes))) {
		ret = check_entry(&s, entry);
		if (ret)
			return ret;
	}
	/* A word of 0 has no type: 1.13 says the number of types. */
	if (e.pos != e.end)
		return finding_set(f, BCH_FSCK_ERR_extent_ptrs_invalid_entry,
				   "invalid extent entry type (got %u, max %u)",
				   *e.pos ? extent_entry_type(*e.pos) : sizes->nr, sizes->nr);
	return check_list_end(&s);
}

/* Key types */

static int entries_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			    struct finding *f)
{
	return bch_extent_entries_validate(c, k, bkey_extent_entries(k), where, f);
}

static int btree_ptr_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			      struct finding *f)
{
	if (bkey_val_u64s(k.k) > BTREE_PTR_VAL_U64s_MAX)
		return finding_set(f, BCH_FSCK_ERR_btree_ptr_val_too_big, "value too big (%u > %u)",
				   bkey_val_u64s(k.k), BTREE_PTR_VAL_U64s_MAX);
	return entries_validate(c, k, where, f);
}

static int btree_ptr_v2_validate(const struct bch_fs *c, struct bkey_view k,
				 struct bkey_where where, struct finding *f)
{
	unsigned max = c && c->version >= BCH_VERSION_reconcile ? BTREE_PTR_V2_VAL_U64s_MAX_NEW :
								  BTREE_PTR_V2_VAL_U64s_MAX;
	const struct bch_btree_ptr_v2 *v = k.v;
	bool write = where.flags & BKEY_VALIDATE_WRITE;

	if (bkey_val_u64s(k.k) > max)
		return finding_set(f, BCH_FSCK_ERR_btree_ptr_v2_val_too_big,
				   "value too big (%u > %u)", bkey_val_u64s(k.k), max);
	/* A node of a single position is legal, but 1.13 would not read it: not written. */
	if (bpos_gt(v->min_key, k.k->p) || (write && bpos_eq(v->min_key, k.k->p)))
		return finding_set(f, BCH_FSCK_ERR_btree_ptr_v2_min_key_bad, "min_key > key");
	if (write && !v->sectors_written)
		return finding_set(f, BCH_FSCK_ERR_btree_ptr_v2_written_0, "sectors_written == 0");
	return entries_validate(c, k, where, f);
}

static int reservation_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
				struct finding *f)
{
	const struct bch_reservation *v = k.v;

	if (!v->nr_replicas || v->nr_replicas > BCH_REPLICAS_MAX)
		return finding_set(f, BCH_FSCK_ERR_reservation_key_nr_replicas_invalid,
				   "invalid nr_replicas (%u)", v->nr_replicas);
	return 0;
}

static int error_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			  struct finding *f)
{
	bool may_have_reason = bch_text_dialect(c) != BCH_TEXT_1_13;

	if (bkey_val_u64s(k.k) > may_have_reason)
		return finding_set(f, BCH_FSCK_ERR_bkey_val_size_nonzero,
				   "incorrect value size (%u != 0)", bkey_val_bytes(k.k));
	return 0;
}

/* Crc words are numbers, but the checksums in them are strings of bytes. */
static void crc_swab(u64 *entry)
{
	switch (extent_entry_type(*entry)) {
	case EXTENT_ENTRY_crc32:
		*entry = EXTENT_CRC32_CSUM_set(*entry, swab32(EXTENT_CRC32_CSUM(*entry)));
		break;
	case EXTENT_ENTRY_crc64:
		*entry = EXTENT_CRC64_CSUM_HI_set(*entry, swab16(EXTENT_CRC64_CSUM_HI(*entry)));
		entry[1] = swab64(entry[1]);
		break;
	case EXTENT_ENTRY_crc128:
		entry[1] = swab64(entry[1]);
		entry[2] = swab64(entry[2]);
		break;
	}
}

void bch_extent_entries_swab(u64 *v, unsigned u64s)
{
	struct extent_entries e = {v, v + u64s};
	const u64 *entry;
	unsigned i;

	for (i = 0; i < u64s; i++)
		v[i] = swab64(v[i]);
	while ((entry = extent_entry_next(&e, &extent_entry_sizes_known)))
		crc_swab(v + (entry - v));
}

static void entries_swab(void *v, unsigned u64s)
{
	bch_extent_entries_swab(v, u64s);
}

/* The head is little endian, min_key is turned by the compat hook (spec 03 section 22). */
static void btree_ptr_v2_swab(void *v, unsigned u64s)
{
	unsigned head = sizeof(struct bch_btree_ptr_v2) / sizeof(u64);

	if (u64s > head)
		bch_extent_entries_swab((u64 *)v + head, u64s - head);
}

static void btree_ptr_v2_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_btree_ptr_v2 v;

	bkey_val_read(k, &v, sizeof(v));
	if (bch_text_dialect(c) == BCH_TEXT_1_39)
		prt_newline(out);
	prt_printf(out, "seq %llx written %u min_key %s", le64_to_cpu(v.seq),
		   le16_to_cpu(v.sectors_written),
		   le16_to_cpu(v.flags) & BTREE_PTR_RANGE_UPDATED ? "R " : "");
	bch_bpos_to_text(out, v.min_key);
	prt_char(out, ' ');
	bch_extent_entries_to_text(out, c, k);
}

static void btree_ptr_v2_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_btree_ptr_v2 v;

	bkey_val_read(k, &v, sizeof(v));
	json_fmt(j, "seq", "%llx", le64_to_cpu(v.seq));
	json_u64(j, "written_sectors", le16_to_cpu(v.sectors_written));
	bch_bpos_to_json(j, "min_key", v.min_key);
	json_bool(j, "range_updated", le16_to_cpu(v.flags) & BTREE_PTR_RANGE_UPDATED);
	bch_extent_entries_to_json(j, c, k);
}

static void reservation_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_reservation v;

	bkey_val_read(k, &v, sizeof(v));
	prt_printf(out, "generation %u replicas %u", le32_to_cpu(v.generation), v.nr_replicas);
}

static void reservation_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_reservation v;

	bkey_val_read(k, &v, sizeof(v));
	json_u64(j, "generation", le32_to_cpu(v.generation));
	json_u64(j, "replicas", v.nr_replicas);
}

static void error_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_extent_error v;

	if (bch_text_dialect(c) == BCH_TEXT_1_13)
		return;
	bkey_val_read(k, &v, sizeof(v));
	bch_name_or_unknown(out, bch_extent_error_names, v.reason, "key_type_error_reason");
}

static void error_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_extent_error v;

	bkey_val_read(k, &v, sizeof(v));
	bch_json_name(j, "reason", bch_extent_error_names, v.reason);
}

static const struct bkey_ops btree_ptr_ops = {
	.validate = btree_ptr_validate,
	.to_text = bch_extent_entries_to_text,
	.to_json = bch_extent_entries_to_json,
	.swab = entries_swab,
};

static const struct bkey_ops btree_ptr_v2_ops = {
	.validate = btree_ptr_v2_validate,
	.to_text = btree_ptr_v2_to_text,
	.to_json = btree_ptr_v2_to_json,
	.swab = btree_ptr_v2_swab,
};

static const struct bkey_ops extent_ops = {
	.validate = entries_validate,
	.to_text = bch_extent_entries_to_text,
	.to_json = bch_extent_entries_to_json,
	.swab = entries_swab,
};

static const struct bkey_ops reservation_ops = {
	.validate = reservation_validate,
	.to_text = reservation_to_text,
	.to_json = reservation_to_json,
};

static const struct bkey_ops error_ops = {
	.validate = error_validate,
	.to_text = error_to_text,
	.to_json = error_to_json,
};

void bch_extent_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_btree_ptr, &btree_ptr_ops);
	bch_bkey_ops_register(KEY_TYPE_btree_ptr_v2, &btree_ptr_v2_ops);
	bch_bkey_ops_register(KEY_TYPE_extent, &extent_ops);
	bch_bkey_ops_register(KEY_TYPE_reservation, &reservation_ops);
	bch_bkey_ops_register(KEY_TYPE_error, &error_ops);
}
