/* Key types without or with next to no value (spec 03 section 6). */
#include "btree/bkey_ops.h"
#include "btree/trivial_keys.h"
#include "format/sb_errors.h"
#include "util/json.h"

static int empty_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			  struct finding *f)
{
	if (bkey_val_bytes(k.k))
		return finding_set(f, BCH_FSCK_ERR_bkey_val_size_nonzero,
				   "incorrect value size (%u != 0)", bkey_val_bytes(k.k));
	return 0;
}

static u64 cookie(struct bkey_view k)
{
	__le64 v;

	bkey_val_read(k, &v, sizeof(v));
	return le64_to_cpu(v);
}

static void cookie_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	prt_u64(out, cookie(k));
}

static void cookie_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	json_u64(j, "cookie", cookie(k));
}

static const struct bkey_ops empty_ops = {
	.validate = empty_validate,
};

static const struct bkey_ops cookie_ops = {
	.to_text = cookie_to_text,
	.to_json = cookie_to_json,
};

void bch_trivial_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_set, &empty_ops);
	bch_bkey_ops_register(KEY_TYPE_hash_whiteout, &empty_ops);
	bch_bkey_ops_register(KEY_TYPE_cookie, &cookie_ops);
}
