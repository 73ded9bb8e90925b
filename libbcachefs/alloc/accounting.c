/* Accounting keys: identity, checks, text (spec 03 section 18; newer: spec 10 section 6.9). */
#include <linux/bug.h>
#include <linux/string.h>
#include "alloc/accounting.h"
#include "alloc/alloc_keys.h"
#include "format/enums.h"
#include "format/sb_errors.h"
#include "format/versions.h"
#include "sb/fs.h"
#include "util/json.h"

/* 0: no filesystem open, taken as old. */
static unsigned form_version(const struct bch_fs *c)
{
	return c ? bch_form_version(c) : 0;
}

static void reverse(u8 *bytes, unsigned nr)
{
	unsigned i;

	for (i = 0; i < nr / 2; i++)
		swap(bytes[i], bytes[nr - 1 - i]);
}

/* Little endian in memory order up to 1.14, then most significant byte first. */
struct bch_accounting_pos bch_accounting_pos_unpack(const struct bch_fs *c, struct bpos p)
{
	struct {
		__le32 snapshot;
		__le64 offset;
		__le64 inode;
	} __packed le = {cpu_to_le32(p.snapshot), cpu_to_le64(p.offset), cpu_to_le64(p.inode)};
	struct bch_accounting_pos a;

	BUILD_BUG_ON(sizeof(le) != sizeof(a));
	memcpy(&a, &le, sizeof(a));
	if (form_version(c) >= BCH_VERSION_disk_accounting_big_endian)
		reverse((u8 *)&a, sizeof(a));
	return a;
}

struct bpos bch_accounting_pos_pack(const struct bch_fs *c, const struct bch_accounting_pos *a)
{
	struct {
		__le32 snapshot;
		__le64 offset;
		__le64 inode;
	} __packed le;

	memcpy(&le, a, sizeof(le));
	if (form_version(c) >= BCH_VERSION_disk_accounting_big_endian)
		reverse((u8 *)&le, sizeof(le));
	return SPOS(le64_to_cpu(le.inode), le64_to_cpu(le.offset), le32_to_cpu(le.snapshot));
}

/* Checks */

static int replicas_validate(const struct bch_accounting_pos *a, struct finding *f)
{
	unsigned nr = a->replicas.nr_devs, required = a->replicas.nr_required, i;
	const u8 *devs = a->replicas.devs;

	if (!nr)
		return finding_set(f, BCH_FSCK_ERR_accounting_key_replicas_nr_devs_0,
				   "accounting key replicas entry with nr_devs=0");
	if (required > nr || (required > 1 && required == nr))
		return finding_set(f, BCH_FSCK_ERR_accounting_key_replicas_nr_required_bad,
				   "accounting key replicas entry with bad nr_required");
	for (i = 1; i < min(nr, ACCOUNTING_DEVS_MAX); i++)
		if (devs[i] != BCH_DEV_INVALID && devs[i - 1] >= devs[i])
			return finding_set(f, BCH_FSCK_ERR_accounting_key_replicas_devs_unsorted,
					   "accounting key replicas entry with unsorted devs");
	return 0;
}

/* Bytes of the position that say something. */
static unsigned used_bytes(const struct bch_fs *c, const struct bch_accounting_pos *a)
{
	static const u8 used[] = {
#define x(name, nr, bytes) [nr] = bytes,
		BCH_ACCOUNTING_TYPES()
#undef x
	};

	if (a->type == BCH_ACCOUNTING_replicas)
		return 4 + a->replicas.nr_devs;
	if (a->type == BCH_ACCOUNTING_snapshot &&
	    form_version(c) >= BCH_VERSION_per_dev_fragmentation_lru)
		return 1 + sizeof(a->snapshot);
	return used[a->type];
}

static bool type_known(const struct bch_fs *c, unsigned type)
{
	return type <
	       (bch_text_dialect(c) == BCH_TEXT_1_13 ? BCH_ACCOUNTING_NR_1_13 : BCH_ACCOUNTING_NR);
}

static int junk_validate(const struct bch_fs *c, const struct bch_accounting_pos *a,
			 struct finding *f)
{
	const u8 *bytes = (const u8 *)a;
	unsigned i = used_bytes(c, a);
	bool junk = i > sizeof(*a);

	if (a->type == BCH_ACCOUNTING_inum)
		return 0;
	for (; i < sizeof(*a); i++)
		junk |= bytes[i];
	return junk ? finding_set(f, BCH_FSCK_ERR_accounting_key_junk_at_end,
				  "junk at end of accounting key") :
		      0;
}

static int accounting_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			       struct finding *f)
{
	struct bch_accounting_pos a = bch_accounting_pos_unpack(c, k.k->p);
	bool newer = bch_text_dialect(c) != BCH_TEXT_1_13;
	unsigned nr = bkey_val_u64s(k.k);
	int ret;

	if (!k.k->bversion.lo && !k.k->bversion.hi &&
	    (!newer || where.flags & BKEY_VALIDATE_COMMIT))
		return finding_set(f, BCH_FSCK_ERR_accounting_key_version_0,
				   "accounting key with version=0");
	if (newer && (!nr || nr > ACCOUNTING_COUNTERS_MAX))
		return finding_set(f, BCH_FSCK_ERR_accounting_key_nr_counters_wrong,
				   "accounting key with %u counters, should be 1 to %u", nr,
				   ACCOUNTING_COUNTERS_MAX);
	if (!type_known(c, a.type))
		return 0;
	ret = a.type == BCH_ACCOUNTING_replicas ? replicas_validate(&a, f) : 0;
	return ret ?: junk_validate(c, &a, f);
}

/* Text */

static void replicas_to_text(struct printbuf *out, const struct bch_fs *c,
			     const struct bch_accounting_pos *a)
{
	unsigned i, nr = a->replicas.nr_devs;

	bch_data_type_to_text(out, c, a->replicas.data_type);
	prt_printf(out, ": %u/%u [", a->replicas.nr_required, nr);
	for (i = 0; i < min(nr, ACCOUNTING_DEVS_MAX); i++)
		prt_printf(out, i ? " %u" : "%u", a->replicas.devs[i]);
	prt_char(out, ']');
}

static void snapshot_to_text(struct printbuf *out, const struct bch_fs *c,
			     const struct bch_accounting_pos *a)
{
	prt_printf(out, "id=%u", le32_to_cpu(a->snapshot.id));
	if (form_version(c) >= BCH_VERSION_per_dev_fragmentation_lru) {
		prt_str(out, " btree=");
		bch_btree_name_to_text(out, c, le32_to_cpu(a->snapshot.btree));
	}
}

static void dev_leaving_to_text(struct printbuf *out, const struct bch_fs *c,
				const struct bch_accounting_pos *a)
{
	u32 idx = le32_to_cpu(a->dev_leaving.dev);
	const struct bch_dev *dev = c ? bch_dev(c, idx) : NULL;

	if (dev && dev->name)
		prt_printf(out, "%s ", dev->name);
	else
		prt_printf(out, "%u ", idx);
}

void bch_accounting_pos_to_text(struct printbuf *out, const struct bch_fs *c,
				const struct bch_accounting_pos *a)
{
	if (!type_known(c, a->type)) {
		prt_printf(out, "unknown type %u", a->type);
		return;
	}
	prt_printf(out, "%s ", bch_accounting_type_names[a->type]);
	switch (a->type) {
	case BCH_ACCOUNTING_persistent_reserved:
		prt_printf(out, "replicas=%u", a->persistent_reserved.nr_replicas);
		break;
	case BCH_ACCOUNTING_replicas:
		replicas_to_text(out, c, a);
		break;
	case BCH_ACCOUNTING_dev_data_type:
		prt_printf(out, "dev=%u data_type=", a->dev_data_type.dev);
		bch_data_type_to_text(out, c, a->dev_data_type.data_type);
		break;
	case BCH_ACCOUNTING_compression:
		bch_name_or_unknown(out, bch_compression_type_names, a->compression.type,
				    "compression_type");
		break;
	case BCH_ACCOUNTING_snapshot:
		snapshot_to_text(out, c, a);
		break;
	case BCH_ACCOUNTING_btree:
		prt_str(out, "btree=");
		bch_btree_name_to_text(out, c, le32_to_cpu(a->btree.id));
		break;
	case BCH_ACCOUNTING_reconcile_work:
		bch_name_or_unknown(out, bch_reconcile_kind_names, a->reconcile_work.kind,
				    "reconcile_accounting_type");
		break;
	case BCH_ACCOUNTING_dev_leaving:
		dev_leaving_to_text(out, c, a);
		break;
	}
}

static void accounting_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_accounting_pos a = bch_accounting_pos_unpack(c, k.k->p);
	const u64 *counters = k.v;
	unsigned i;

	bch_accounting_pos_to_text(out, c, &a);
	for (i = 0; i < bkey_val_u64s(k.k); i++)
		prt_printf(out, " %lld", (s64)counters[i]);
}

static void accounting_pos_to_json(struct json *j, const struct bch_fs *c,
				   const struct bch_accounting_pos *a)
{
	unsigned i;

	bch_json_name(j, "type", bch_accounting_type_names, a->type);
	switch (a->type) {
	case BCH_ACCOUNTING_persistent_reserved:
		json_u64(j, "replicas", a->persistent_reserved.nr_replicas);
		break;
	case BCH_ACCOUNTING_replicas:
		bch_json_name(j, "data_type", bch_data_type_names, a->replicas.data_type);
		json_u64(j, "required", a->replicas.nr_required);
		json_array_begin(j, "devs");
		for (i = 0; i < min_t(unsigned, a->replicas.nr_devs, ACCOUNTING_DEVS_MAX); i++)
			json_u64(j, NULL, a->replicas.devs[i]);
		json_array_end(j);
		break;
	case BCH_ACCOUNTING_dev_data_type:
		json_u64(j, "dev", a->dev_data_type.dev);
		bch_json_name(j, "data_type", bch_data_type_names, a->dev_data_type.data_type);
		break;
	case BCH_ACCOUNTING_compression:
		bch_json_name(j, "compression", bch_compression_type_names, a->compression.type);
		break;
	case BCH_ACCOUNTING_snapshot:
		json_u64(j, "id", le32_to_cpu(a->snapshot.id));
		if (form_version(c) >= BCH_VERSION_per_dev_fragmentation_lru)
			bch_json_name(j, "btree", bch_btree_names, le32_to_cpu(a->snapshot.btree));
		break;
	case BCH_ACCOUNTING_btree:
		bch_json_name(j, "btree", bch_btree_names, le32_to_cpu(a->btree.id));
		break;
	case BCH_ACCOUNTING_inum:
		json_u64(j, "inum", le64_to_cpu(a->inum.inum));
		break;
	case BCH_ACCOUNTING_reconcile_work:
		bch_json_name(j, "kind", bch_reconcile_kind_names, a->reconcile_work.kind);
		break;
	case BCH_ACCOUNTING_dev_leaving:
		json_u64(j, "dev", le32_to_cpu(a->dev_leaving.dev));
		break;
	}
}

static void accounting_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_accounting_pos a = bch_accounting_pos_unpack(c, k.k->p);
	const u64 *counters = k.v;
	unsigned i;

	accounting_pos_to_json(j, c, &a);
	json_array_begin(j, "counters");
	for (i = 0; i < bkey_val_u64s(k.k); i++)
		json_s64(j, NULL, counters[i]);
	json_array_end(j);
}

static void accounting_swab(void *v, unsigned u64s)
{
	u64 *counters = v;

	while (u64s--)
		counters[u64s] = swab64(counters[u64s]);
}

static const struct bkey_ops accounting_ops = {
	.validate = accounting_validate,
	.to_text = accounting_to_text,
	.to_json = accounting_to_json,
	.swab = accounting_swab,
};

void bch_accounting_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_accounting, &accounting_ops);
}
