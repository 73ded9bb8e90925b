/* Directory entries: checks and text (spec 03 section 13; newer: spec 10 sections 6.5, 7.2). */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "format/sb_errors.h"
#include "fs/dirent.h"
#include "util/json.h"

/* Zero bytes at the end of the value; only the last word counts as padding. */
static unsigned trailing_zeros(const u8 *v, unsigned bytes)
{
	unsigned n = 0;

	while (n < bytes && n < sizeof(u64) && !v[bytes - 1 - n])
		n++;
	return n;
}

static void unpack_plain_name(const u8 *v, unsigned bytes, struct bch_dirent_view *d)
{
	unsigned used = bytes - trailing_zeros(v, bytes);

	d->name = (const char *)v + DIRENT_NAME;
	d->name_len = used > DIRENT_NAME ? used - DIRENT_NAME : 0;
}

static unsigned le16_at(const u8 *v)
{
	return v[0] | v[1] << 8;
}

static int unpack_cf_names(const u8 *v, unsigned bytes, struct bch_dirent_view *d)
{
	unsigned room = bytes > DIRENT_CF_NAMES ? bytes - DIRENT_CF_NAMES : 0;
	unsigned name = 0, cf = 0;

	if (room) {
		name = le16_at(v + DIRENT_CF_NAME_LEN);
		cf = le16_at(v + DIRENT_CF_CF_NAME_LEN);
	}
	d->name = (const char *)v + (room ? DIRENT_CF_NAMES : 0);
	d->name_len = min(name, room);
	d->cf_name = d->name + d->name_len;
	d->cf_name_len = min(cf, room - d->name_len);
	return name + cf > room ? -EINVAL : 0;
}

int bch_dirent_unpack(const struct bch_fs *c, struct bkey_view k, struct bch_dirent_view *d)
{
	bool newer = bch_text_dialect(c) != BCH_TEXT_1_13;
	unsigned bytes = bkey_val_bytes(k.k);
	const struct bch_dirent *v = k.v;

	*d = (struct bch_dirent_view){.name = "", .cf_name = ""};
	if (k.k->type != KEY_TYPE_dirent || bytes < bch_bkey_type_min_val[KEY_TYPE_dirent])
		return -EINVAL;
	d->d_type = newer ? DIRENT_TYPE(v->d_type) : v->d_type;
	d->casefold = newer && v->d_type & DIRENT_CASEFOLD;
	if (d->d_type == BCH_DT_subvol) {
		d->child_subvol = le32_to_cpu(v->d_child_subvol);
		d->parent_subvol = le32_to_cpu(v->d_parent_subvol);
	} else {
		d->inum = le64_to_cpu(v->d_inum);
	}
	if (d->casefold)
		return unpack_cf_names(k.v, bytes, d);
	unpack_plain_name(k.v, bytes, d);
	return 0;
}

static int name_validate(const char *name, unsigned len, struct finding *f)
{
	if (memchr(name, 0, len))
		return finding_set(f, BCH_FSCK_ERR_dirent_name_embedded_nul,
				   "dirent has stray data after name's NUL");
	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return finding_set(f, BCH_FSCK_ERR_dirent_name_dot_or_dotdot, "invalid name");
	if (memchr(name, '/', len))
		return finding_set(f, BCH_FSCK_ERR_dirent_name_has_slash, "name with /");
	return 0;
}

static int cf_name_validate(const struct bch_dirent_view *d, struct bkey_where where,
			    struct finding *f)
{
	if (where.flags & BKEY_VALIDATE_COMMIT && d->cf_name_len > DIRENT_NAME_MAX)
		return finding_set(f, BCH_FSCK_ERR_dirent_cf_name_too_big,
				   "dirent w/ cf name too big (%u > %u)", d->cf_name_len,
				   DIRENT_NAME_MAX);
	if (memchr(d->cf_name, 0, d->cf_name_len))
		return finding_set(f, BCH_FSCK_ERR_dirent_stray_data_after_cf_name,
				   "dirent has stray data after cf name's NUL");
	return 0;
}

static int dirent_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			   struct finding *f)
{
	struct bch_dirent_view d;
	int unpack = bch_dirent_unpack(c, k, &d), ret;
	unsigned u64s;

	if (!d.name_len)
		return finding_set(f, BCH_FSCK_ERR_dirent_empty_name, "empty name");
	u64s = d.casefold ? DIV_ROUND_UP(DIRENT_CF_NAMES + d.name_len + d.cf_name_len, 8) :
			    DIV_ROUND_UP(DIRENT_NAME + d.name_len, 8);
	if (unpack || bkey_val_u64s(k.k) > u64s)
		return finding_set(f, BCH_FSCK_ERR_dirent_val_too_big, "value too big (%u > %u)",
				   bkey_val_u64s(k.k), u64s);
	if (where.flags & BKEY_VALIDATE_COMMIT && d.name_len > DIRENT_NAME_MAX)
		return finding_set(f, BCH_FSCK_ERR_dirent_name_too_long,
				   "dirent name too big (%u > %u)", d.name_len, DIRENT_NAME_MAX);
	ret = name_validate(d.name, d.name_len, f);
	if (ret)
		return ret;
	if (d.d_type != BCH_DT_subvol && d.inum == k.k->p.inode)
		return finding_set(f, BCH_FSCK_ERR_dirent_to_itself,
				   "dirent points to own directory");
	return d.casefold ? cf_name_validate(&d, where, f) : 0;
}

/* Newlines in names are indented like others up to 1.28, then they stay as they are. */
static void name_to_text(struct printbuf *out, const struct bch_fs *c, const char *name,
			 unsigned len)
{
	if (bch_text_dialect(c) == BCH_TEXT_1_39)
		prt_bytes(out, name, len);
	else
		prt_printf(out, "%.*s", (int)len, name);
}

static void dirent_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_dirent_view d;
	const char *type;

	bch_dirent_unpack(c, k, &d);
	name_to_text(out, c, d.name, d.name_len);
	if (d.casefold) {
		prt_str(out, " (casefold ");
		name_to_text(out, c, d.cf_name, d.cf_name_len);
		prt_char(out, ')');
	}
	prt_str(out, " -> ");
	if (d.d_type == BCH_DT_subvol)
		prt_printf(out, "%u -> %u", d.parent_subvol, d.child_subvol);
	else
		prt_u64(out, d.inum);
	type = bch_d_type_name(d.d_type);
	prt_printf(out, " type %s", type ?: "(bad d_type)");
}

static void dirent_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_dirent_view d;
	const char *type;

	bch_dirent_unpack(c, k, &d);
	json_strn(j, "name", d.name, d.name_len);
	if (d.casefold)
		json_strn(j, "cf_name", d.cf_name, d.cf_name_len);
	if (d.d_type == BCH_DT_subvol) {
		json_u64(j, "parent_subvol", d.parent_subvol);
		json_u64(j, "child_subvol", d.child_subvol);
	} else {
		json_u64(j, "inum", d.inum);
	}
	type = bch_d_type_name(d.d_type);
	if (type)
		json_str(j, "type", type);
	else
		json_u64(j, "type", d.d_type);
}

static const struct bkey_ops dirent_ops = {
	.validate = dirent_validate,
	.to_text = dirent_to_text,
	.to_json = dirent_to_json,
};

void bch_dirent_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_dirent, &dirent_ops);
}
