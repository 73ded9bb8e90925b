/*
 * Text and JSON of extent entries: spec 03 section 7.5 for formats up to 1.13, spec 10 sections
 * 7.5 and 7.6 for newer ones. The list may be broken in any way.
 */
#include "data/extents.h"
#include "format/sb.h"
#include "sb/csum.h"
#include "sb/labels.h"
#include "sb/super.h"
#include "util/json.h"

/* The last component of its path, else its slot. */
static void dev_name_to_text(struct printbuf *out, const struct bch_dev *dev, unsigned width)
{
	if (dev->name)
		prt_printf(out, "%*s", width, dev->name);
	else
		prt_printf(out, "%*u", width, dev->idx);
}

void bch_fs_label_to_text(struct printbuf *out, const struct bch_fs *c, unsigned idx)
{
	if (c && c->sb)
		bch_label_path_to_text(out, c->sb->sb, idx);
	else
		prt_printf(out, "label %u", idx);
}

void bch_fs_target_to_text(struct printbuf *out, const struct bch_fs *c, unsigned target)
{
	const struct bch_dev *dev;

	if (!target) {
		prt_str(out, "none");
		return;
	}
	if (target >= BCH_TARGET_GROUP_START) {
		bch_fs_label_to_text(out, c, target - BCH_TARGET_GROUP_START);
		return;
	}
	dev = c ? bch_dev(c, target - BCH_TARGET_DEV_START) : NULL;
	if (dev && dev->bdev)
		prt_printf(out, "/dev/%s", dev->name ?: "?");
	else
		prt_printf(out, "%s device %u", dev ? "offline" : "invalid",
			   target - BCH_TARGET_DEV_START);
}

void bch_compression_opt_to_text(struct printbuf *out, unsigned v)
{
	if (!bch_compression_opt_valid(v))
		v = BCH_COMPRESSION_OPT_none;
	prt_str(out, bch_compression_opt_names[BCH_COMPRESSION_OPT_TYPE(v)]);
	if (BCH_COMPRESSION_OPT_LEVEL(v))
		prt_printf(out, ":%u", BCH_COMPRESSION_OPT_LEVEL(v));
}

/* Replicas that this pointer is worth. */
static unsigned ptr_durability(const struct bch_fs *c, const struct extent_ptr *p)
{
	bool newer = bch_text_dialect(c) == BCH_TEXT_1_39;
	const struct bch_dev *dev = p->dev != BCH_DEV_INVALID ? bch_dev(c, p->dev) : NULL;

	if (p->cached)
		return 0;
	if (!newer && (!dev || dev->mi.state == BCH_MEMBER_STATE_failed))
		return 0;
	if (p->has_ec)
		return p->ec_redundancy + 1;
	if (dev)
		return dev->mi.durability;
	return p->dev != BCH_DEV_INVALID;
}

static unsigned key_durability(const struct bch_fs *c, struct bkey_view k)
{
	struct extent_ptr_iter iter;
	struct extent_ptr p;
	unsigned sum = 0;

	bch_extent_ptr_iter_init(&iter, c, k);
	while (bch_extent_ptr_next(&iter, &p))
		sum += ptr_durability(c, &p);
	return sum;
}

static bool bucket_in_dev(const struct bch_dev *dev, u64 bucket)
{
	return bucket >= dev->mi.first_bucket && bucket < dev->mi.nbuckets;
}

static void ptr_state_to_text(struct printbuf *out, const struct bch_dev *dev, u64 ptr,
			      enum bch_text_dialect dialect)
{
	unsigned stale =
		dev ? extent_ptr_stale(dev, EXTENT_PTR_OFFSET(ptr), EXTENT_PTR_GEN(ptr)) : 0;

	if (dialect == BCH_TEXT_1_39 && stale)
		prt_printf(out, " stale=%u", stale);
	if (EXTENT_PTR_CACHED(ptr))
		prt_str(out, " cached");
	if (EXTENT_PTR_UNWRITTEN(ptr) && (dev || dialect == BCH_TEXT_1_39))
		prt_str(out, " unwritten");
	if (dialect == BCH_TEXT_1_39 || !dev)
		return;
	if (!bucket_in_dev(dev, EXTENT_PTR_OFFSET(ptr) / dev->mi.bucket_size))
		prt_str(out, " invalid");
	else if (stale)
		prt_str(out, " stale");
}

void bch_extent_ptr_to_text(struct printbuf *out, const struct bch_fs *c, u64 ptr)
{
	enum bch_text_dialect dialect = bch_text_dialect(c);
	const struct bch_dev *dev = bch_ptr_dev(c, ptr);
	u64 offset = EXTENT_PTR_OFFSET(ptr);

	if (dev && dialect == BCH_TEXT_1_39) {
		dev_name_to_text(out, dev, 6);
		prt_char(out, ' ');
	}
	prt_u64(out, EXTENT_PTR_DEV(ptr));
	prt_char(out, ':');
	if (dev) {
		prt_u64(out, offset / dev->mi.bucket_size);
		prt_char(out, ':');
		offset %= dev->mi.bucket_size;
	}
	prt_u64(out, offset);
	prt_str(out, " gen ");
	prt_u64(out, EXTENT_PTR_GEN(ptr));
	if (dev && dev->mi.durability != 1)
		prt_printf(out, " d=%u", dev->mi.durability);
	ptr_state_to_text(out, dev, ptr, dialect);
}

static void crc_to_text(struct printbuf *out, const u64 *entry)
{
	struct extent_crc crc = bch_extent_crc_unpack(entry, 0);

	prt_printf(out, "c_size %u size %u offset %u nonce %u csum ", crc.compressed_size,
		   crc.uncompressed_size, crc.offset, crc.nonce);
	bch_name_or_unknown(out, bch_csum_type_names, crc.csum_type, "csum_type");
	prt_printf(out, " %llx:%llx  compress ", le64_to_cpu(crc.csum.hi),
		   le64_to_cpu(crc.csum.lo));
	bch_name_or_unknown(out, bch_compression_type_names, crc.compression_type,
			    "compression_type");
}

/* The options of data that rebalance (1.16 on) and reconcile entries carry. */
struct entry_opts {
	unsigned data_replicas, data_checksum, erasure_code;
	unsigned background_compression, background_target, promote_target;
	unsigned from_inode; /* bits: enum bch_reconcile_opt */
};

static struct entry_opts rebalance_opts(u64 w)
{
	static const u8 bit_of[] = {
		[REBALANCE_INODE_promote_target] = RECONCILE_OPT_promote_target,
		[REBALANCE_INODE_erasure_code] = RECONCILE_OPT_erasure_code,
		[REBALANCE_INODE_data_checksum] = RECONCILE_OPT_data_checksum,
		[REBALANCE_INODE_background_compression] = RECONCILE_OPT_background_compression,
		[REBALANCE_INODE_data_replicas] = RECONCILE_OPT_data_replicas,
		[REBALANCE_INODE_background_target] = RECONCILE_OPT_background_target,
	};
	struct entry_opts o = {
		.data_replicas = EXTENT_REBALANCE_DATA_REPLICAS(w),
		.data_checksum = EXTENT_REBALANCE_DATA_CHECKSUM(w),
		.erasure_code = EXTENT_REBALANCE_ERASURE_CODE(w),
		.background_compression = EXTENT_REBALANCE_COMPRESSION(w),
		.background_target = EXTENT_REBALANCE_TARGET(w),
		.promote_target = EXTENT_REBALANCE_PROMOTE_TARGET(w),
	};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(bit_of); i++)
		if (EXTENT_REBALANCE_FROM_INODE(w) & 1U << i)
			o.from_inode |= 1U << bit_of[i];
	return o;
}

static struct entry_opts reconcile_opts(u64 w)
{
	return (struct entry_opts){
		.data_replicas = EXTENT_RECONCILE_DATA_REPLICAS(w),
		.data_checksum = EXTENT_RECONCILE_DATA_CHECKSUM(w),
		.erasure_code = EXTENT_RECONCILE_ERASURE_CODE(w),
		.background_compression = EXTENT_RECONCILE_BACKGROUND_COMPRESSION(w),
		.background_target = EXTENT_RECONCILE_BACKGROUND_TARGET(w),
		.promote_target = EXTENT_RECONCILE_PROMOTE_TARGET(w),
		.from_inode = EXTENT_RECONCILE_FROM_INODE(w),
	};
}

static void opt_source_to_text(struct printbuf *out, const struct entry_opts *o, unsigned opt)
{
	if (o->from_inode & 1U << opt)
		prt_str(out, " (inode)");
}

static bool opt_shown(const struct entry_opts *o, unsigned v, unsigned opt)
{
	return v || o->from_inode & 1U << opt;
}

static void entry_opts_to_text(struct printbuf *out, const struct bch_fs *c,
			       const struct entry_opts *o)
{
	prt_printf(out, "replicas=%u", o->data_replicas);
	opt_source_to_text(out, o, RECONCILE_OPT_data_replicas);
	prt_str(out, " checksum=");
	bch_name_or_unknown(out, bch_csum_opt_names, o->data_checksum, "csum_opt");
	opt_source_to_text(out, o, RECONCILE_OPT_data_checksum);
	if (opt_shown(o, o->background_compression, RECONCILE_OPT_background_compression)) {
		prt_str(out, " background_compression=");
		bch_compression_opt_to_text(out, o->background_compression);
		opt_source_to_text(out, o, RECONCILE_OPT_background_compression);
	}
	if (opt_shown(o, o->background_target, RECONCILE_OPT_background_target)) {
		prt_str(out, " background_target=");
		bch_fs_target_to_text(out, c, o->background_target);
		opt_source_to_text(out, o, RECONCILE_OPT_background_target);
	}
	if (opt_shown(o, o->promote_target, RECONCILE_OPT_promote_target)) {
		prt_str(out, " promote_target=");
		bch_fs_target_to_text(out, c, o->promote_target);
		opt_source_to_text(out, o, RECONCILE_OPT_promote_target);
	}
	if (opt_shown(o, o->erasure_code, RECONCILE_OPT_erasure_code)) {
		prt_printf(out, " ec=%u", o->erasure_code);
		opt_source_to_text(out, o, RECONCILE_OPT_erasure_code);
	}
}

static void rebalance_to_text(struct printbuf *out, const struct bch_fs *c, u64 w)
{
	struct entry_opts o = rebalance_opts(w);

	if (bch_text_dialect(c) != BCH_TEXT_1_13) {
		entry_opts_to_text(out, c, &o);
		return;
	}
	prt_str(out, "target ");
	bch_fs_target_to_text(out, c, o.background_target);
	prt_str(out, " compression ");
	bch_compression_opt_to_text(out, o.background_compression);
}

static void reconcile_to_text(struct printbuf *out, const struct bch_fs *c, u64 w)
{
	struct entry_opts o = reconcile_opts(w);

	prt_str(out, "need_rb=");
	prt_bitflags(out, bch_reconcile_opt_names, EXTENT_RECONCILE_NEED_RB(w));
	if (EXTENT_RECONCILE_HIPRI(w))
		prt_str(out, " hipri");
	if (EXTENT_RECONCILE_PENDING(w))
		prt_str(out, " pending");
	prt_char(out, ' ');
	entry_opts_to_text(out, c, &o);
}

static const char *const extent_flag_names[] = {"poisoned", NULL};

static void entry_body_to_text(struct printbuf *out, const struct bch_fs *c, const u64 *entry)
{
	u64 w = *entry;

	switch (extent_entry_type(w)) {
	case EXTENT_ENTRY_ptr:
		bch_extent_ptr_to_text(out, c, w);
		break;
	case EXTENT_ENTRY_crc32:
	case EXTENT_ENTRY_crc64:
	case EXTENT_ENTRY_crc128:
		crc_to_text(out, entry);
		break;
	case EXTENT_ENTRY_stripe_ptr:
		prt_printf(out, "idx %llu block %llu", EXTENT_STRIPE_IDX(w),
			   EXTENT_STRIPE_BLOCK(w));
		break;
	case EXTENT_ENTRY_rebalance:
		rebalance_to_text(out, c, w);
		break;
	case EXTENT_ENTRY_flags:
		prt_bitflags(out, extent_flag_names, EXTENT_FLAGS(w));
		break;
	case EXTENT_ENTRY_reconcile:
		reconcile_to_text(out, c, w);
		break;
	case EXTENT_ENTRY_reconcile_bp:
		prt_printf(out, "idx %llu", EXTENT_RECONCILE_BP_IDX(w));
		break;
	}
}

/* What 1.39 calls the entries; older ones do not tell the crc types apart. */
static const char *entry_label(unsigned type, enum bch_text_dialect dialect)
{
	if (dialect == BCH_TEXT_1_39)
		return type == EXTENT_ENTRY_rebalance ? "rebalance_v1" :
							bch_extent_entry_names[type];
	if (extent_entry_is_crc(type))
		return "crc";
	return type == EXTENT_ENTRY_stripe_ptr ? "ec" : bch_extent_entry_names[type];
}

static void unknown_entry_to_text(struct printbuf *out, u64 w, enum bch_text_dialect dialect)
{
	prt_printf(out, "(%s extent entry %.16llx)",
		   dialect == BCH_TEXT_1_39 ? "unknown" : "invalid", w);
}

void bch_extent_entries_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	enum bch_text_dialect dialect = bch_text_dialect(c);
	struct extent_entries e = bkey_extent_entries(k);
	const u64 *entry;
	bool first = true;

	if (c)
		prt_printf(out, "durability: %u ", key_durability(c, k));
	while (e.pos != e.end) {
		u64 w = *e.pos;
		unsigned type = extent_entry_type(w);

		if (dialect == BCH_TEXT_1_39)
			prt_newline(out);
		else if (!first)
			prt_char(out, ' ');
		first = false;
		entry = extent_entry_next(&e, bch_extent_sizes(c));
		if (!entry || type >= EXTENT_ENTRY_NR) {
			unknown_entry_to_text(out, w, dialect);
			if (!entry)
				break;
			continue;
		}
		prt_printf(out, "%s: ", entry_label(type, dialect));
		entry_body_to_text(out, c, entry);
	}
}

/* JSON */

void bch_extent_ptr_to_json(struct json *j, const struct bch_fs *c, u64 ptr)
{
	const struct bch_dev *dev = bch_ptr_dev(c, ptr);
	u64 offset = EXTENT_PTR_OFFSET(ptr);

	json_u64(j, "dev", EXTENT_PTR_DEV(ptr));
	json_u64(j, "offset_sectors", offset);
	json_u64(j, "gen", EXTENT_PTR_GEN(ptr));
	if (dev)
		json_u64(j, "bucket", offset / dev->mi.bucket_size);
	json_bool(j, "cached", EXTENT_PTR_CACHED(ptr));
	json_bool(j, "unwritten", EXTENT_PTR_UNWRITTEN(ptr));
	if (dev)
		json_bool(j, "stale", extent_ptr_stale(dev, offset, EXTENT_PTR_GEN(ptr)));
}

static void ptrs_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct extent_entries e = bkey_extent_entries(k);
	const u64 *entry, *stripe = NULL;
	int crc = -1;

	json_array_begin(j, "ptrs");
	while ((entry = extent_entry_next(&e, bch_extent_sizes(c)))) {
		unsigned type = extent_entry_type(*entry);

		if (extent_entry_is_crc(type))
			crc++;
		else if (type == EXTENT_ENTRY_stripe_ptr)
			stripe = entry;
		if (type != EXTENT_ENTRY_ptr)
			continue;
		json_object_begin(j, NULL);
		bch_extent_ptr_to_json(j, c, *entry);
		if (crc >= 0)
			json_u64(j, "crc", crc);
		if (stripe) {
			json_object_begin(j, "stripe");
			json_u64(j, "idx", EXTENT_STRIPE_IDX(*stripe));
			json_u64(j, "block", EXTENT_STRIPE_BLOCK(*stripe));
			json_u64(j, "redundancy", EXTENT_STRIPE_REDUNDANCY(*stripe));
			json_object_end(j);
		}
		stripe = NULL;
		json_object_end(j);
	}
	json_array_end(j);
}

static void crc_to_json(struct json *j, const u64 *entry, u32 live_size)
{
	struct extent_crc crc = bch_extent_crc_unpack(entry, live_size);

	json_object_begin(j, NULL);
	json_str(j, "entry", bch_extent_entry_names[extent_entry_type(*entry)]);
	bch_json_name(j, "type", bch_csum_type_names, crc.csum_type);
	bch_json_name(j, "compression", bch_compression_type_names, crc.compression_type);
	json_u64(j, "compressed_sectors", crc.compressed_size);
	json_u64(j, "uncompressed_sectors", crc.uncompressed_size);
	json_u64(j, "offset_sectors", crc.offset);
	json_u64(j, "live_sectors", crc.live_size);
	json_u64(j, "nonce", crc.nonce);
	json_fmt(j, "csum", "%llx:%llx", le64_to_cpu(crc.csum.hi), le64_to_cpu(crc.csum.lo));
	json_object_end(j);
}

static void crcs_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct extent_entries e = bkey_extent_entries(k);
	const u64 *entry;

	json_array_begin(j, "crc");
	while ((entry = extent_entry_next(&e, bch_extent_sizes(c))))
		if (extent_entry_is_crc(extent_entry_type(*entry)))
			crc_to_json(j, entry, k.k->size);
	json_array_end(j);
}

static void entry_opts_to_json(struct json *j, const struct bch_fs *c, const struct entry_opts *o)
{
	struct printbuf text = PRINTBUF;

	json_u64(j, "data_replicas", o->data_replicas);
	bch_json_name(j, "data_checksum", bch_csum_opt_names, o->data_checksum);
	json_bool(j, "erasure_code", o->erasure_code);
	bch_compression_opt_to_text(&text, o->background_compression);
	json_str(j, "background_compression", printbuf_str(&text));
	printbuf_reset(&text);
	bch_fs_target_to_text(&text, c, o->background_target);
	json_str(j, "background_target", printbuf_str(&text));
	printbuf_reset(&text);
	bch_fs_target_to_text(&text, c, o->promote_target);
	json_str(j, "promote_target", printbuf_str(&text));
	printbuf_exit(&text);
	json_bitflags(j, "from_inode", bch_reconcile_opt_names, o->from_inode);
}

static void rebalance_to_json(struct json *j, const struct bch_fs *c, u64 w)
{
	struct entry_opts o = rebalance_opts(w);

	json_object_begin(j, "rebalance");
	entry_opts_to_json(j, c, &o);
	json_object_end(j);
}

static void reconcile_to_json(struct json *j, const struct bch_fs *c, u64 w)
{
	struct entry_opts o = reconcile_opts(w);

	json_object_begin(j, "reconcile");
	json_bitflags(j, "need_rb", bch_reconcile_opt_names, EXTENT_RECONCILE_NEED_RB(w));
	json_bool(j, "hipri", EXTENT_RECONCILE_HIPRI(w));
	json_bool(j, "pending", EXTENT_RECONCILE_PENDING(w));
	json_u64(j, "ptrs_moving", EXTENT_RECONCILE_PTRS_MOVING(w));
	entry_opts_to_json(j, c, &o);
	json_object_end(j);
}

static void other_entries_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct extent_entries e = bkey_extent_entries(k);
	const u64 *entry;

	while ((entry = extent_entry_next(&e, bch_extent_sizes(c))))
		switch (extent_entry_type(*entry)) {
		case EXTENT_ENTRY_rebalance:
			rebalance_to_json(j, c, *entry);
			break;
		case EXTENT_ENTRY_flags:
			json_bitflags(j, "flags", extent_flag_names, EXTENT_FLAGS(*entry));
			break;
		case EXTENT_ENTRY_reconcile:
			reconcile_to_json(j, c, *entry);
			break;
		case EXTENT_ENTRY_reconcile_bp:
			json_u64(j, "reconcile_bp", EXTENT_RECONCILE_BP_IDX(*entry));
			break;
		}
	if (e.pos == e.end)
		return;
	json_array_begin(j, "unknown");
	for (; e.pos != e.end; e.pos++)
		json_fmt(j, NULL, "%016llx", *e.pos);
	json_array_end(j);
}

void bch_extent_entries_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	if (c)
		json_u64(j, "durability", key_durability(c, k));
	ptrs_to_json(j, c, k);
	crcs_to_json(j, c, k);
	other_entries_to_json(j, c, k);
}
