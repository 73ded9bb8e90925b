/*
 * Damage keys: which errors hit an inode, how often and when (spec 10 section 6.11). The value is
 * a list of records as in superblock section errors_v2.
 */
#include "btree/bkey_ops.h"
#include "format/field.h"
#include "format/sb.h"
#include "format/sb_errors.h"
#include "fs/damage.h"
#include "util/json.h"

WORD_FIELD(DAMAGE_ID, 0, 16)
WORD_FIELD(DAMAGE_COUNT, 16, 48)
WORD_FIELD(DAMAGE_LAST_LO, 48, 64)
WORD_FIELD(DAMAGE_LAST_HI, 0, 24)
WORD_FIELD(DAMAGE_FIRST, 24, 64)

struct damage {
	unsigned id;
	u32 count;	 /* saturates */
	u64 first, last; /* s since the epoch */
};

static unsigned damage_nr(struct bkey_view k)
{
	return bkey_val_bytes(k.k) / sizeof(struct sb_error_entry_v2);
}

static struct damage damage_get(struct bkey_view k, unsigned i)
{
	const struct sb_error_entry_v2 *e = (const struct sb_error_entry_v2 *)k.v + i;
	u64 w0 = le64_to_cpu(e->w[0]), w1 = le64_to_cpu(e->w[1]);

	return (struct damage){
		.id = DAMAGE_ID(w0),
		.count = DAMAGE_COUNT(w0),
		.first = DAMAGE_FIRST(w1),
		.last = DAMAGE_LAST_LO(w0) | DAMAGE_LAST_HI(w1) << 16,
	};
}

static int damage_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			   struct finding *f)
{
	unsigned i;

	for (i = 0; i < damage_nr(k); i++) {
		struct damage d = damage_get(k, i);

		if (d.first > d.last || (i && damage_get(k, i - 1).id >= d.id))
			return finding_set(f, BCH_FSCK_ERR_damage_entries_bad,
					   "damage entries not sorted");
	}
	return 0;
}

static void damage_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	unsigned i;

	for (i = 0; i < damage_nr(k); i++) {
		struct damage d = damage_get(k, i);

		if (i)
			prt_newline(out);
		bch_name_or_unknown(out, bch_fsck_err_names, d.id, "error");
		prt_printf(out, " nr %u%s first ", d.count, d.count == U32_MAX ? "+" : "");
		prt_date(out, d.first);
		prt_str(out, " last ");
		prt_date(out, d.last);
	}
}

static void damage_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	unsigned i;

	json_array_begin(j, "errors");
	for (i = 0; i < damage_nr(k); i++) {
		struct damage d = damage_get(k, i);

		json_object_begin(j, NULL);
		json_u64(j, "id", d.id);
		bch_json_name(j, "name", bch_fsck_err_names, d.id);
		json_u64(j, "count", d.count);
		json_u64(j, "first", d.first);
		json_u64(j, "last", d.last);
		json_object_end(j);
	}
	json_array_end(j);
}

static const struct bkey_ops damage_ops = {
	.validate = damage_validate,
	.to_text = damage_to_text,
	.to_json = damage_to_json,
};

void bch_damage_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_damage, &damage_ops);
}
