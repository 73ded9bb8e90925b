/* Sections quota and crypt: limits of quotas, the master key (spec 01 sections 10.2, 10.4). */
#include "sb/sb_sections.h"

static const char *const quota_names[] = {"user", "group", "project"};

static int quota_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			  struct printbuf *err)
{
	return sb_section_min_size(s, sizeof(struct sb_quota), -BCH_ERR_invalid_sb_quota, err);
}

static void quota_to_text(struct printbuf *out, const struct bch_sb *sb, const struct sb_section *s)
{
	struct sb_quota q = {};
	unsigned i;

	sb_section_copy(s, &q);
	for (i = 0; i < ARRAY_SIZE(quota_names); i++)
		prt_printf(out,
			   "%s: flags %llx space timelimit %u warnlimit %u inodes timelimit %u "
			   "warnlimit %u\n",
			   quota_names[i], le64_to_cpu(q.q[i].flags),
			   le32_to_cpu(q.q[i].c[0].timelimit), le32_to_cpu(q.q[i].c[0].warnlimit),
			   le32_to_cpu(q.q[i].c[1].timelimit), le32_to_cpu(q.q[i].c[1].warnlimit));
}

static void quota_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	static const char *const kinds[] = {"space", "inodes"};
	struct sb_quota q = {};
	unsigned i, k;

	sb_section_copy(s, &q);
	for (i = 0; i < ARRAY_SIZE(quota_names); i++) {
		json_object_begin(j, quota_names[i]);
		json_u64(j, "flags", le64_to_cpu(q.q[i].flags));
		for (k = 0; k < ARRAY_SIZE(kinds); k++) {
			json_object_begin(j, kinds[k]);
			json_u64(j, "timelimit", le32_to_cpu(q.q[i].c[k].timelimit));
			json_u64(j, "warnlimit", le32_to_cpu(q.q[i].c[k].warnlimit));
			json_object_end(j);
		}
		json_object_end(j);
	}
}

static int crypt_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			  struct printbuf *err)
{
	const struct sb_crypt *c = (const void *)s;
	int ret = sb_section_min_size(s, sizeof(*c), -BCH_ERR_invalid_sb_crypt, err);

	if (!ret && bits_get(c->flags, 0, 3)) {
		prt_printf(err, "bad kdf type %llu", bits_get(c->flags, 0, 3));
		ret = -BCH_ERR_invalid_sb_crypt;
	}
	return ret;
}

static void crypt_to_text(struct printbuf *out, const struct bch_sb *sb, const struct sb_section *s)
{
	struct sb_crypt c = {};

	sb_section_copy(s, &c);
	prt_printf(out, "KFD:               %llu\n", bits_get(c.flags, 0, 3));
	prt_printf(out, "scrypt n:          %llu\n", bits_get(c.kdf_flags, 0, 15));
	prt_printf(out, "scrypt r:          %llu\n", bits_get(c.kdf_flags, 16, 31));
	prt_printf(out, "scrypt p:          %llu\n", bits_get(c.kdf_flags, 32, 47));
}

static void crypt_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	struct sb_crypt c = {};

	sb_section_copy(s, &c);
	json_u64(j, "kdf", bits_get(c.flags, 0, 3));
	json_u64(j, "scrypt_n", bits_get(c.kdf_flags, 0, 15));
	json_u64(j, "r", bits_get(c.kdf_flags, 16, 31));
	json_u64(j, "p", bits_get(c.kdf_flags, 32, 47));
	json_bool(j, "encrypted", le64_to_cpu(c.key_magic) != BCH_KEY_MAGIC);
}

const struct bch_sb_section_ops bch_sb_quota_ops = {
	.validate = quota_validate,
	.to_text = quota_to_text,
	.to_json = quota_to_json,
};

const struct bch_sb_section_ops bch_sb_crypt_ops = {
	.validate = crypt_validate,
	.to_text = crypt_to_text,
	.to_json = crypt_to_json,
};
