/* Quota keys: checks and text (spec 03 section 20). */
#include "btree/bkey_ops.h"
#include "format/quota.h"
#include "format/sb_errors.h"
#include "fs/quota.h"
#include "util/json.h"

static const char *const quota_type_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_QUOTA_TYPES()
#undef x
		NULL};

static const char *const quota_counter_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_QUOTA_COUNTERS()
#undef x
};

static int quota_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			  struct finding *f)
{
	if (k.k->p.inode >= BCH_QUOTA_NR)
		return finding_set(f, BCH_FSCK_ERR_quota_type_invalid,
				   "invalid quota type (%llu >= %u)", k.k->p.inode, BCH_QUOTA_NR);
	return 0;
}

/* No blank between the counters: so does 1.13. */
static void quota_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_quota v;
	unsigned i;

	bkey_val_read(k, &v, sizeof(v));
	for (i = 0; i < BCH_QUOTA_COUNTER_NR; i++)
		prt_printf(out, "%s hardlimit %llu softlimit %llu", quota_counter_names[i],
			   le64_to_cpu(v.c[i].hardlimit), le64_to_cpu(v.c[i].softlimit));
}

static void quota_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_quota v;
	unsigned i;

	bkey_val_read(k, &v, sizeof(v));
	if (k.k->p.inode < BCH_QUOTA_NR)
		bch_json_name(j, "type", quota_type_names, k.k->p.inode);
	for (i = 0; i < BCH_QUOTA_COUNTER_NR; i++) {
		json_object_begin(j, quota_counter_names[i]);
		json_u64(j, "hardlimit", le64_to_cpu(v.c[i].hardlimit));
		json_u64(j, "softlimit", le64_to_cpu(v.c[i].softlimit));
		json_object_end(j);
	}
}

static const struct bkey_ops quota_ops = {
	.validate = quota_validate,
	.to_text = quota_to_text,
	.to_json = quota_to_json,
};

void bch_quota_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_quota, &quota_ops);
}
