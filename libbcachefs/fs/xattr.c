/* Extended attributes: checks and text, also of ACLs (spec 03 section 14). */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "format/sb_errors.h"
#include "fs/xattr.h"
#include "util/json.h"

static const char *const xattr_prefixes[] = {
#define x(name, nr, prefix) [nr] = prefix,
	BCH_XATTR_TYPES()
#undef x
};

static const char *const xattr_type_names[] = {
#define x(name, nr, prefix) [nr] = #name,
	BCH_XATTR_TYPES()
#undef x
		NULL};

const char *bch_xattr_prefix(unsigned type)
{
	return type < BCH_XATTR_NR ? xattr_prefixes[type] : NULL;
}

int bch_xattr_unpack(struct bkey_view k, struct bch_xattr_view *x)
{
	unsigned bytes = bkey_val_bytes(k.k), room = bytes - XATTR_NAME, name, val;
	const struct bch_xattr *v = k.v;

	*x = (struct bch_xattr_view){.name = "", .val = (const u8 *)""};
	if (bytes < bch_bkey_type_min_val[KEY_TYPE_xattr])
		return -EINVAL;
	name = v->x_name_len;
	val = le16_to_cpu(v->x_val_len);
	x->type = v->x_type;
	x->name = (const char *)v->x_name;
	x->name_len = min(name, room);
	x->val = v->x_name + x->name_len;
	x->val_len = min(val, room - x->name_len);
	return name + val > room ? -EINVAL : 0;
}

static int xattr_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			  struct finding *f)
{
	const struct bch_xattr *v = k.v;
	unsigned bytes = XATTR_NAME + v->x_name_len + le16_to_cpu(v->x_val_len);
	unsigned min_u64s = DIV_ROUND_UP(bytes, 8), max_u64s = DIV_ROUND_UP(bytes + 4, 8);
	unsigned u64s = bkey_val_u64s(k.k);

	if (u64s < min_u64s)
		return finding_set(f, BCH_FSCK_ERR_xattr_val_size_too_small,
				   "value too small (%u < %u)", u64s, min_u64s);
	if (u64s > max_u64s)
		return finding_set(f, BCH_FSCK_ERR_xattr_val_size_too_big,
				   "value too big (%u > %u)", u64s, max_u64s);
	if (v->x_type >= BCH_XATTR_NR)
		return finding_set(f, BCH_FSCK_ERR_xattr_invalid_type, "invalid type (%u)",
				   v->x_type);
	if (memchr(v->x_name, 0, v->x_name_len))
		return finding_set(f, BCH_FSCK_ERR_xattr_name_invalid_chars,
				   "xattr name has invalid characters");
	return 0;
}

/* ACLs */

static const char *acl_tag_name(unsigned tag)
{
	switch (tag) {
#define x(name, nr) \
	case nr:    \
		return #name;
		BCH_ACL_TAGS()
#undef x
	}
	return NULL;
}

static unsigned le16_at(const u8 *v)
{
	return v[0] | v[1] << 8;
}

static u32 le32_at(const u8 *v)
{
	return le16_at(v) | (u32)le16_at(v + 2) << 16;
}

/* Entries up to the first that is cut off or whose tag is unknown. */
static void acl_to_text(struct printbuf *out, const u8 *v, unsigned len)
{
	const u8 *end = v + len;

	if (len < sizeof(__le32) || le32_at(v) != BCH_ACL_VERSION)
		return;
	v += sizeof(__le32);
	while (end - v >= ACL_ENTRY_SHORT_BYTES) {
		unsigned tag = le16_at(v), perm = le16_at(v + 2), bytes = ACL_ENTRY_SHORT_BYTES;
		const char *name = acl_tag_name(tag);

		if (!name) {
			prt_printf(out, "(unknown tag %u)", tag);
			return;
		}
		prt_str(out, name);
		if (tag == BCH_ACL_user || tag == BCH_ACL_group) {
			if (end - v < ACL_ENTRY_BYTES)
				return;
			prt_printf(out, " %s %u", tag == BCH_ACL_user ? "uid" : "gid",
				   le32_at(v + 4));
			bytes = ACL_ENTRY_BYTES;
		}
		prt_printf(out, " %o", perm);
		v += bytes;
		if (v != end)
			prt_char(out, ' ');
	}
}

/* Text: up to the first NUL, through the line machine. */

static void prt_until_nul(struct printbuf *out, const void *s, unsigned len)
{
	prt_printf(out, "%.*s", len, (const char *)s);
}

static void xattr_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_xattr_view x;
	const char *prefix;

	bch_xattr_unpack(k, &x);
	prefix = bch_xattr_prefix(x.type);
	if (prefix)
		prt_str(out, prefix);
	else
		prt_printf(out, x.type < BCH_XATTR_NR ? "(type %u)" : "(unknown type %u)", x.type);
	prt_until_nul(out, x.name, x.name_len);
	prt_char(out, ':');
	prt_until_nul(out, x.val, x.val_len);
	if (x.type == BCH_XATTR_posix_acl_access || x.type == BCH_XATTR_posix_acl_default) {
		prt_char(out, ' ');
		acl_to_text(out, x.val, x.val_len);
	}
}

static void xattr_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct printbuf acl = PRINTBUF;
	struct bch_xattr_view x;

	bch_xattr_unpack(k, &x);
	bch_json_name(j, "type", xattr_type_names, x.type);
	json_strn(j, "name", x.name, x.name_len);
	json_strn(j, "value", x.val, x.val_len);
	if (x.type == BCH_XATTR_posix_acl_access || x.type == BCH_XATTR_posix_acl_default) {
		acl_to_text(&acl, x.val, x.val_len);
		json_str(j, "acl", printbuf_str(&acl));
		printbuf_exit(&acl);
	}
}

static const struct bkey_ops xattr_ops = {
	.validate = xattr_validate,
	.to_text = xattr_to_text,
	.to_json = xattr_to_json,
};

void bch_xattr_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_xattr, &xattr_ops);
}
