/*
 * Members of a filesystem: the sections members_v1 and members_v2 (spec 01 section 11). An entry's
 * stored size differs between versions: what is not stored reads as 0 and what we do not know is
 * kept.
 */
#include <linux/string.h>
#include "sb/labels.h"
#include "sb/members.h"
#include "sb/sb_sections.h"

#define MEMBER_BITMAP_SHIFT_MAX 58 /* so that no shift of 64 bits overflows */

/* Where a slot is stored; NULL: nowhere. */
static u8 *slot_find(const struct bch_sb *sb, unsigned idx, size_t *bytes)
{
	struct sb_members_v2 *v2 = sb_section_get(sb, members_v2);
	struct sb_members_v1 *v1;
	size_t offset;

	if (v2 && sb_section_bytes(&v2->head) >= sizeof(*v2)) {
		*bytes = le16_to_cpu(v2->member_bytes);
		offset = sizeof(*v2) + idx * *bytes;
		return offset + *bytes <= sb_section_bytes(&v2->head) ? (u8 *)v2 + offset : NULL;
	}
	v1 = sb_section_get(sb, members_v1);
	*bytes = BCH_MEMBER_V1_BYTES;
	offset = sizeof(*v1) + idx * *bytes;
	return v1 && offset + *bytes <= sb_section_bytes(&v1->head) ? (u8 *)v1 + offset : NULL;
}

struct bch_member bch_member_get(const struct bch_sb *sb, unsigned idx)
{
	struct bch_member m = {};
	size_t bytes;
	const u8 *slot = slot_find(sb, idx, &bytes);

	if (slot)
		memcpy(&m, slot, min(bytes, sizeof(m)));
	return m;
}

void bch_member_put(struct bch_sb *sb, unsigned idx, const struct bch_member *m)
{
	size_t bytes;
	u8 *slot = slot_find(sb, idx, &bytes);

	if (slot)
		memcpy(slot, m, min(bytes, sizeof(*m)));
}

bool bch_member_alive(const struct bch_member *m)
{
	static const u8 none[16], deleted[16] = BCH_MEMBER_DELETED_UUID_BYTES;

	return memcmp(m->uuid, none, 16) && memcmp(m->uuid, deleted, 16);
}

bool bch_member_exists(const struct bch_sb *sb, unsigned idx)
{
	struct bch_member m = bch_member_get(sb, idx);

	return idx < sb->nr_devices && bch_member_alive(&m);
}

unsigned bch_members_nr(const struct bch_sb *sb)
{
	unsigned i, nr = 0;

	for (i = 0; i < sb->nr_devices; i++)
		nr += bch_member_exists(sb, i);
	return nr;
}

int bch_members_resize(struct bch_sb_handle *h, unsigned nr)
{
	struct sb_members_v2 *v2 = sb_section_get(h->sb, members_v2);
	size_t old_bytes = v2 ? le16_to_cpu(v2->member_bytes) : 0;
	size_t bytes = max_t(size_t, old_bytes, BCH_MEMBER_BYTES);
	unsigned i, kept = min_t(unsigned, nr, h->sb->nr_devices);
	struct bch_sb_handle old = {};
	int ret = 0;

	if (bytes != old_bytes)
		ret = bch_sb_dup(&old, h); /* entries move apart */
	if (ret)
		return ret;
	v2 = sb_section_resize(h, members_v2, DIV_ROUND_UP(sizeof(*v2) + bytes * nr, sizeof(u64)));
	if (!v2) {
		ret = -BCH_ERR_ENOSPC_sb_members_v2;
		goto out;
	}
	v2->member_bytes = cpu_to_le16(bytes);
	if (old.sb) {
		memset(v2->members, 0, bytes * nr);
		for (i = 0; i < kept; i++) {
			struct bch_member m = bch_member_get(old.sb, i);

			bch_member_put(h->sb, i, &m);
		}
	}
	h->sb->nr_devices = nr;
out:
	bch_sb_free(&old);
	return ret;
}

int bch_members_v1_update(struct bch_sb_handle *h)
{
	unsigned i, nr = h->sb->nr_devices;
	struct sb_members_v1 *v1;

	v1 = sb_section_resize(h, members_v1,
			       DIV_ROUND_UP(sizeof(*v1) + BCH_MEMBER_V1_BYTES * nr, sizeof(u64)));
	if (!v1)
		return -BCH_ERR_ENOSPC_sb_members;
	for (i = 0; i < nr; i++) {
		struct bch_member m = bch_member_get(h->sb, i);

		memcpy(v1->members + i * BCH_MEMBER_V1_BYTES, &m, BCH_MEMBER_V1_BYTES);
	}
	return 0;
}

struct bch_member_info bch_member_info_get(const struct bch_sb *sb, unsigned idx)
{
	struct bch_member m = bch_member_get(sb, idx);
	struct bch_member_info mi = {
		.alive = bch_member_exists(sb, idx),
		.nbuckets = le64_to_cpu(m.nbuckets),
		.first_bucket = le16_to_cpu(m.first_bucket),
		.bucket_size = le16_to_cpu(m.bucket_size),
		.group = member_group(&m),
		.state = member_state(&m),
		.data_allowed = member_data_allowed(&m),
		.durability = member_durability(&m) ? member_durability(&m) - 1 : 1,
		.discard = member_discard(&m),
		.freespace_initialized = member_freespace_initialized(&m),
		.btree_bitmap_shift = m.btree_bitmap_shift,
		.btree_allocated_bitmap = le64_to_cpu(m.btree_allocated_bitmap),
		.seq = le64_to_cpu(m.seq),
		.last_mount = le64_to_cpu(m.last_mount),
	};

	memcpy(mi.uuid, m.uuid, sizeof(mi.uuid));
	return mi;
}

void bch_member_bitmap_mark(struct bch_member *m, u64 start, u64 end)
{
	u64 bitmap = le64_to_cpu(m->btree_allocated_bitmap), wider;
	unsigned i, shift = m->btree_bitmap_shift;
	unsigned end_bits = end > 1 ? 64 - __builtin_clzll(end - 1) : 0;

	if (start >= end)
		return;
	if (end_bits > shift + 6) {
		unsigned by = end_bits - (shift + 6);

		for (wider = 0, i = 0; i < 64; i++)
			if (bitmap >> i & 1)
				wider |= 1ULL << (by < 6 ? i >> by : 0);
		bitmap = wider;
		shift += by;
	}
	for (i = start >> shift; i <= (end - 1) >> shift; i++)
		bitmap |= 1ULL << i;
	m->btree_bitmap_shift = shift;
	m->btree_allocated_bitmap = cpu_to_le64(bitmap);
}

bool bch_member_bitmap_marked(const struct bch_member *m, u64 start, u64 end)
{
	u64 i;

	if (m->btree_bitmap_shift >= MEMBER_BITMAP_SHIFT_MAX || start >= end)
		return false;
	for (i = start >> m->btree_bitmap_shift; i <= (end - 1) >> m->btree_bitmap_shift; i++)
		if (i >= 64 || !(le64_to_cpu(m->btree_allocated_bitmap) >> i & 1))
			return false;
	return true;
}

int bch_member_free_slot(const struct bch_sb *sb)
{
	u64 oldest = U64_MAX;
	int slot = -BCH_ERR_ENOSPC_sb_members;
	unsigned i;

	if (sb->nr_devices < BCH_SB_MEMBERS_MAX)
		return sb->nr_devices;
	for (i = 0; i < sb->nr_devices; i++) {
		struct bch_member m = bch_member_get(sb, i);

		if (!bch_member_alive(&m) && le64_to_cpu(m.last_mount) < oldest) {
			oldest = le64_to_cpu(m.last_mount);
			slot = i;
		}
	}
	return slot;
}

/* --- validation --- */

static int member_validate(const struct bch_sb *sb, const struct bch_member *m, unsigned idx,
			   struct printbuf *err)
{
	u64 nbuckets = le64_to_cpu(m->nbuckets);
	unsigned bucket_size = le16_to_cpu(m->bucket_size);

	if (nbuckets > BCH_MAX_NR_BUCKETS)
		prt_printf(err, "device %u: too many buckets (got %llu, max %llu)", idx, nbuckets,
			   BCH_MAX_NR_BUCKETS);
	else if (nbuckets - le16_to_cpu(m->first_bucket) < BCH_MIN_NR_BUCKETS ||
		 nbuckets < le16_to_cpu(m->first_bucket))
		prt_printf(err, "device %u: not enough buckets (got %llu, max %u)", idx, nbuckets,
			   BCH_MIN_NR_BUCKETS);
	else if (bucket_size < le16_to_cpu(sb->block_size))
		prt_printf(err, "device %u: bucket size %u smaller than block size %u", idx,
			   bucket_size, le16_to_cpu(sb->block_size));
	else if (bucket_size < sb_btree_node_size(sb))
		prt_printf(err, "device %u: bucket size %u smaller than btree node size %llu", idx,
			   bucket_size, sb_btree_node_size(sb));
	else if (m->btree_bitmap_shift >= MEMBER_BITMAP_SHIFT_MAX)
		prt_printf(err, "device %u: invalid btree bitmap shift %u", idx,
			   m->btree_bitmap_shift);
	else
		return 0;
	return -BCH_ERR_invalid_sb_members;
}

/* Slots of this very section. Dead ones may be anything (spec 01 section 19.12). */
static int slots_validate(const struct bch_sb *sb, const u8 *slots, size_t bytes,
			  struct printbuf *err)
{
	unsigned i;
	int ret = 0;

	for (i = 0; !ret && i < sb->nr_devices; i++) {
		struct bch_member m = {};

		memcpy(&m, slots + i * bytes, min(bytes, sizeof(m)));
		if (bch_member_alive(&m))
			ret = member_validate(sb, &m, i, err);
	}
	return ret;
}

static int members_v1_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			       struct printbuf *err)
{
	const struct sb_members_v1 *v1 = (const void *)s;

	if (sizeof(*v1) + (size_t)sb->nr_devices * BCH_MEMBER_V1_BYTES > sb_section_bytes(s)) {
		prt_str(err, "too many devices for section size");
		return -BCH_ERR_invalid_sb_members;
	}
	return slots_validate(sb, v1->members, BCH_MEMBER_V1_BYTES, err);
}

static int members_v2_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			       struct printbuf *err)
{
	const struct sb_members_v2 *v2 = (const void *)s;
	size_t bytes = 0, want = sizeof(*v2);

	if (sb_section_bytes(s) >= want) {
		bytes = le16_to_cpu(v2->member_bytes);
		want += bytes * sb->nr_devices;
	}
	if (sb_section_bytes(s) < want) {
		prt_printf(err, "section too small (%zu > %zu)", want, sb_section_bytes(s));
		return -BCH_ERR_invalid_sb_members;
	}
	return slots_validate(sb, v2->members, bytes, err);
}

/* --- text --- */

static void label_to_text(struct printbuf *out, const struct bch_sb *sb, const struct bch_member *m)
{
	unsigned group = member_group(m);

	if (!group)
		prt_str(out, "(none)");
	else if (bch_label_name(sb, group - 1, out))
		prt_printf(out, " (%u)", group - 1);
	else
		prt_str(out, "(bad disk labels section)");
}

static void bits_or_none_to_text(struct printbuf *out, const char *const *names, u64 bits)
{
	if (bits)
		prt_bitflags(out, names, bits);
	else
		prt_str(out, "(none)");
	prt_newline(out);
}

static void counts_to_text(struct printbuf *out, const struct bch_member *m)
{
	static const char *const error_names[] = {"read", "write", "checksum"};
	static const char *const iops_names[] = {"seqread", "seqwrite", "randread", "randwrite"};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(error_names); i++)
		prt_printf(out, "%s errors:\t%llu\n", error_names[i], le64_to_cpu(m->errors[i]));
	for (i = 0; i < ARRAY_SIZE(iops_names); i++)
		prt_printf(out, "%s iops:\t%u\n", iops_names[i], le32_to_cpu(m->iops[i]));
}

static void bitmap_to_text(struct printbuf *out, const struct bch_member *m)
{
	int i;

	/* A number of sectors, but the text takes it for bytes (spec 01 section 11.4). */
	prt_str(out, "Btree allocated bitmap blocksize:\t");
	if (m->btree_bitmap_shift < 64)
		prt_units_u64(out, 1ULL << m->btree_bitmap_shift);
	else
		prt_printf(out, "(invalid shift %u)", m->btree_bitmap_shift);
	prt_str(out, "\nBtree allocated bitmap:\t");
	for (i = 63; i >= 0; i--)
		prt_char(out, le64_to_cpu(m->btree_allocated_bitmap) >> i & 1 ? '1' : '0');
	prt_newline(out);
}

static void prt_padded(struct printbuf *out, const char *what, const u8 *s, size_t size)
{
	if (s[0])
		prt_printf(out, "%s:\t%.*s\n", what, (int)strnlen((const char *)s, size), s);
}

static void newer_to_text(struct printbuf *out, const struct bch_member *m)
{
	prt_padded(out, "Failure domain", m->failure_domain, sizeof(m->failure_domain));
	if (member_rotational_set(m))
		prt_printf(out, "Rotational:\t%llu\n", member_rotational(m));
	if (member_resize_on_mount(m))
		prt_str(out, "Resize on mount:\t1\n");
	prt_padded(out, "Last device name", m->device_name, sizeof(m->device_name));
	prt_padded(out, "Last device model", m->device_model, sizeof(m->device_model));
	prt_padded(out, "Last device serial", m->device_serial, sizeof(m->device_serial));
	if (m->flush_errors)
		prt_printf(out, "Flush errors:\t%llu\n", le64_to_cpu(m->flush_errors));
}

static void member_to_text(struct printbuf *out, const struct bch_sb *sb,
			   const struct bch_member *m, unsigned idx)
{
	u64 bucket_bytes = (u64)le16_to_cpu(m->bucket_size) << 9;
	unsigned state = member_state(m);

	prt_printf(out, "Device:\t%u\n", idx);
	printbuf_indent_add(out, 2);
	prt_str(out, "Label:\t");
	label_to_text(out, sb, m);
	prt_str(out, "\nUUID:\t");
	prt_uuid(out, m->uuid);
	prt_str(out, "\nSize:\t");
	prt_units_u64(out, le64_to_cpu(m->nbuckets) * bucket_bytes);
	prt_newline(out);
	counts_to_text(out, m);
	prt_str(out, "Bucket size:\t");
	prt_units_u64(out, bucket_bytes);
	prt_printf(out, "\nFirst bucket:\t%u\n", le16_to_cpu(m->first_bucket));
	prt_printf(out, "Buckets:\t%llu\n", le64_to_cpu(m->nbuckets));
	prt_str(out, "Last mount:\t");
	if (m->last_mount)
		prt_date(out, le64_to_cpu(m->last_mount));
	else
		prt_str(out, "(never)");
	prt_printf(out, "\nLast superblock write:\t%llu\n", le64_to_cpu(m->seq));
	prt_printf(out, "State:\t%s\n",
		   state < BCH_MEMBER_STATE_NR ? bch_member_state_names[state] : "unknown");
	prt_str(out, "Data allowed:\t");
	bits_or_none_to_text(out, bch_data_type_names, member_data_allowed(m));
	prt_str(out, "Has data:\t");
	bits_or_none_to_text(out, bch_data_type_names, bch_sb_dev_has_data(sb, idx));
	bitmap_to_text(out, m);
	prt_printf(out, "Durability:\t%llu\n", member_durability(m) ? member_durability(m) - 1 : 1);
	prt_printf(out, "Discard:\t%llu\n", member_discard(m));
	prt_printf(out, "Freespace initialized:\t%llu\n", member_freespace_initialized(m));
	newer_to_text(out, m);
	printbuf_indent_sub(out, 2);
}

void bch_member_missing_to_text(struct printbuf *out, const struct bch_sb *sb, unsigned idx)
{
	struct bch_member m = bch_member_get(sb, idx);

	prt_printf(out, "member %u is missing (", idx);
	if (member_group(&m)) {
		prt_str(out, "label ");
		bch_label_path_to_text(out, sb, member_group(&m) - 1);
		prt_str(out, ", ");
	}
	prt_str(out, "uuid ");
	prt_uuid(out, m.uuid);
	prt_str(out, ", ");
	if (m.last_mount) {
		prt_str(out, "last mounted ");
		prt_date(out, le64_to_cpu(m.last_mount));
	} else {
		prt_str(out, "never mounted");
	}
	prt_char(out, ')');
}

/* Slot @idx of this very section. */
static struct bch_member slot_of(const struct sb_section *s, unsigned idx)
{
	bool is_v2 = le32_to_cpu(s->type) == SB_SECTION_members_v2;
	struct sb_members_v2 v2 = {};
	struct bch_member m = {};
	size_t bytes, offset;

	sb_section_copy(s, &v2);
	bytes = is_v2 ? le16_to_cpu(v2.member_bytes) : BCH_MEMBER_V1_BYTES;
	offset = (is_v2 ? sizeof(v2) : sizeof(struct sb_members_v1)) + idx * bytes;

	if (offset + bytes <= sb_section_bytes(s))
		memcpy(&m, (const u8 *)s + offset, min(bytes, sizeof(m)));
	return m;
}

static void members_to_text(struct printbuf *out, const struct bch_sb *sb,
			    const struct sb_section *s)
{
	unsigned i;

	for (i = 0; i < sb->nr_devices; i++) {
		struct bch_member m = slot_of(s, i);

		if (bch_member_alive(&m))
			member_to_text(out, sb, &m, i);
	}
}

static void io_errors_to_json(struct json *j, const struct bch_member *m)
{
	static const char *const names[] = {"read", "write", "checksum"};
	unsigned i;

	json_object_begin(j, "io_errors");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		json_u64(j, names[i],
			 le64_to_cpu(m->errors[i]) - le64_to_cpu(m->errors_at_reset[i]));
	json_object_begin(j, "since_creation");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		json_u64(j, names[i], le64_to_cpu(m->errors[i]));
	json_object_end(j);
	if (m->errors_reset_time)
		json_u64(j, "reset_time", le64_to_cpu(m->errors_reset_time));
	json_object_end(j);
}

static void member_to_json(struct json *j, const struct bch_sb *sb, const struct bch_member *m,
			   unsigned idx)
{
	u64 bucket_bytes = (u64)le16_to_cpu(m->bucket_size) << 9;
	unsigned state = member_state(m);
	struct printbuf label = PRINTBUF;

	json_object_begin(j, NULL);
	json_u64(j, "idx", idx);
	json_bool(j, "present", bch_member_alive(m));
	json_uuid(j, "uuid", m->uuid);
	if (member_group(m)) {
		bch_label_path_to_text(&label, sb, member_group(m) - 1);
		json_str(j, "label", printbuf_str(&label));
	}
	json_u64(j, "size", le64_to_cpu(m->nbuckets) * bucket_bytes);
	json_u64(j, "bucket_size", bucket_bytes);
	json_u64(j, "first_bucket", le16_to_cpu(m->first_bucket));
	json_u64(j, "nbuckets", le64_to_cpu(m->nbuckets));
	json_u64(j, "last_mount", le64_to_cpu(m->last_mount));
	json_u64(j, "seq", le64_to_cpu(m->seq));
	if (state < BCH_MEMBER_STATE_NR)
		json_str(j, "state", bch_member_state_names[state]);
	else
		json_u64(j, "state", state);
	json_bitflags(j, "data_allowed", bch_data_type_names, member_data_allowed(m));
	json_bitflags(j, "has_data", bch_data_type_names, bch_sb_dev_has_data(sb, idx));
	json_object_begin(j, "btree_bitmap");
	json_u64(j, "shift", m->btree_bitmap_shift);
	json_u64(j, "popcount", __builtin_popcountll(m->btree_allocated_bitmap));
	json_object_end(j);
	json_u64(j, "durability", member_durability(m) ? member_durability(m) - 1 : 1);
	json_bool(j, "discard", member_discard(m));
	json_bool(j, "freespace_initialized", member_freespace_initialized(m));
	io_errors_to_json(j, m);
	json_object_end(j);
	printbuf_exit(&label);
}

static void members_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	unsigned i;

	json_array_begin(j, "members");
	for (i = 0; i < sb->nr_devices; i++) {
		struct bch_member m = slot_of(s, i);

		member_to_json(j, sb, &m, i);
	}
	json_array_end(j);
}

const struct bch_sb_section_ops bch_sb_members_v1_ops = {
	.validate = members_v1_validate,
	.to_text = members_to_text,
	.to_json = members_to_json,
};

const struct bch_sb_section_ops bch_sb_members_v2_ops = {
	.validate = members_v2_validate,
	.to_text = members_to_text,
	.to_json = members_to_json,
};
