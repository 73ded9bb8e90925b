/*
 * Extended attributes for readers (spec 03 section 14, 08 section 1.6): those of the xattrs btree,
 * ACLs in the form that getxattr(2) gives, and the options of an inode.
 */
#include <linux/err.h>
#include <linux/string.h>
#include <linux/unaligned.h>
#include "btree/iter.h"
#include "format/errcode.h"
#include "format/xattr.h"
#include "fs/namei.h"
#include "fs/snapshots.h"
#include "fs/str_hash.h"
#include "fs/xattr.h"
#include "sb/labels.h"
#include "sb/opts.h"
#include "sb/super.h"

#define ACL_VERSION_DISK 1
#define ACL_VERSION_VFS	 2
#define ACL_ID_NONE	 U32_MAX
#define ACL_TAG_USER	 0x02
#define ACL_TAG_GROUP	 0x08

static const char *const acl_names[] = {
	[1] = "system.posix_acl_access",
	[2] = "system.posix_acl_default",
};

/* Type of @name, and *@rest what follows the prefix; -EOPNOTSUPP. */
static int xattr_type(const char *name, const char **rest)
{
	unsigned type;

	for (type = 0; type <= 4; type++) {
		const char *prefix = bch_xattr_prefix(type);

		if (type == 1 || type == 2) {
			*rest = "";
			if (!strcmp(name, acl_names[type]))
				return type;
		} else if (prefix && !strncmp(name, prefix, strlen(prefix))) {
			*rest = name + strlen(prefix);
			return **rest ? type : -EINVAL;
		}
	}
	return -EOPNOTSUPP;
}

static void append_le(struct printbuf *out, u32 v, unsigned bytes)
{
	u8 b[4];

	put_unaligned_le32(v, b);
	prt_bytes(out, b, bytes);
}

/* The stored ACL with a tag, permissions and an id in each entry. */
static int acl_to_vfs(const u8 *acl, unsigned len, struct printbuf *out)
{
	unsigned at = 4;

	if (len < 4 || get_unaligned_le32(acl) != ACL_VERSION_DISK)
		return -EIO;
	append_le(out, ACL_VERSION_VFS, 4);
	while (at + 4 <= len) {
		u16 tag = get_unaligned_le16(acl + at), perm = get_unaligned_le16(acl + at + 2);
		u32 id = ACL_ID_NONE;

		at += 4;
		if (tag == ACL_TAG_USER || tag == ACL_TAG_GROUP) {
			if (at + 4 > len)
				return -EIO;
			id = get_unaligned_le32(acl + at);
			at += 4;
		}
		append_le(out, tag, 2);
		append_le(out, perm, 2);
		append_le(out, id, 4);
	}
	return at == len ? 0 : -EIO;
}

/* ---- Options as attributes ---- */

struct inode_opt {
	const char *name;
	size_t at;    /* of the u64 in struct bch_inode_unpacked */
	unsigned bit; /* in bi_fields_set */
};

static const struct inode_opt inode_opts[] = {
#define x(name, bit) {#name, offsetof(struct bch_inode_unpacked, bi_##name), bit},
	BCH_INODE_OPTS()
#undef x
};

/*
 * The stored value, plus 1; 0: there is none. As bcachefs.* those are seen that were set on the
 * inode itself, as bcachefs_effective.* those that it inherited, too; defaults are not seen.
 */
static u64 opt_value(const struct bch_inode_unpacked *u, const struct inode_opt *opt,
		     bool effective)
{
	return effective || u->bi_fields_set & BIT(opt->bit) ?
		       *(const u64 *)((const u8 *)u + opt->at) :
		       0;
}

/*
 * @id < 0: a number, which is no option of the filesystem. A member as its device, like the kernel
 * does, when it is here.
 */
static void opt_to_text(struct printbuf *out, struct bch_fs *c, int id, u64 v)
{
	const struct bch_dev *ca = NULL;

	if (id < 0) {
		prt_u64(out, v);
		return;
	}
	if (bch_option_table[id].kind == OPT_TARGET && bch_target_is_dev(v))
		ca = bch_dev(c, v - BCH_TARGET_DEV_START);
	if (bch_dev_online(ca))
		prt_str(out, ca->path);
	else
		bch_opt_to_text(out, id, v, c->sb->sb, 0);
}

static int opt_get(struct bch_fs *c, const struct bch_inode_unpacked *u, const char *name,
		   bool effective, struct printbuf *out)
{
	int id = bch_opt_lookup(name, strlen(name));
	unsigned i;
	u64 v;

	for (i = 0; i < ARRAY_SIZE(inode_opts); i++)
		if (!strcmp(inode_opts[i].name, name))
			break;
	if (i == ARRAY_SIZE(inode_opts))
		return -EINVAL;
	v = opt_value(u, &inode_opts[i], effective);
	if (!v)
		return -ENODATA;
	opt_to_text(out, c, id, v - 1);
	return 0;
}

/* ---- The btree ---- */

static int stored_get(struct bch_fs *c, struct bch_ino ino, const struct bch_inode_unpacked *u,
		      unsigned type, const char *name, struct printbuf *out)
{
	struct bch_hash_info info = bch_hash_info(u);
	unsigned len = strlen(name);
	struct bch_subvol subvol;
	struct bch_xattr_view x;
	struct btree_iter iter;
	struct bkey_view k;
	int ret = bch_subvol_get(c, ino.subvol, &subvol);

	if (ret)
		return ret;
	bch_iter_init(&iter, c, BTREE_ID_xattrs,
		      SPOS(ino.inum, bch_xattr_hash(&info, type, name, len), subvol.snapshot), 0);
	for (ret = bch_iter_peek_slot(&iter, &k); !ret; ret = bch_iter_next_slot(&iter, &k)) {
		if (k.k->type != KEY_TYPE_xattr && k.k->type != KEY_TYPE_hash_whiteout) {
			ret = -ENODATA;
			break;
		}
		if (k.k->type != KEY_TYPE_xattr || bch_xattr_unpack(k, &x) || x.type != type ||
		    x.name_len != len || memcmp(x.name, name, len))
			continue;
		if (type == 1 || type == 2)
			ret = acl_to_vfs(x.val, x.val_len, out);
		else
			prt_bytes(out, x.val, x.val_len);
		break;
	}
	bch_iter_exit(&iter);
	return ret;
}

static const char *strip(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(name, prefix, len) ? NULL : name + len;
}

int bch_xattr_get(struct bch_fs *c, struct bch_ino ino, const struct bch_inode_unpacked *u,
		  const char *name, struct printbuf *out)
{
	size_t start = out->pos;
	const char *rest;
	int type, ret;

	if ((rest = strip(name, "bcachefs_effective."))) {
		ret = opt_get(c, u, rest, true, out);
	} else if ((rest = strip(name, "bcachefs."))) {
		ret = opt_get(c, u, rest, false, out);
	} else {
		type = xattr_type(name, &rest);
		ret = type < 0 ? type : stored_get(c, ino, u, type, rest, out);
	}
	if (!ret && printbuf_failed(out))
		ret = -ENOMEM;
	return ret ?: (int)(out->pos - start);
}

static void name_add(struct printbuf *out, const char *prefix, const char *name, unsigned len)
{
	prt_bytes(out, prefix, strlen(prefix));
	prt_bytes(out, name, len);
	prt_bytes(out, "", 1);
}

int bch_xattr_list(struct bch_fs *c, struct bch_ino ino, const struct bch_inode_unpacked *u,
		   struct printbuf *out)
{
	struct bch_subvol subvol;
	struct bch_xattr_view x;
	struct btree_iter iter;
	struct bkey_view k;
	unsigned i;
	int ret = bch_subvol_get(c, ino.subvol, &subvol);

	if (ret)
		return ret;
	bch_iter_init(&iter, c, BTREE_ID_xattrs, SPOS(ino.inum, 0, subvol.snapshot), 0);
	for (ret = bch_iter_peek(&iter, &k); !ret && k.k && k.k->p.inode == ino.inum;
	     ret = bch_iter_next(&iter, &k)) {
		if (k.k->type != KEY_TYPE_xattr || bch_xattr_unpack(k, &x))
			continue;
		if (x.type == 1 || x.type == 2)
			name_add(out, acl_names[x.type], "", 0);
		else if (bch_xattr_prefix(x.type))
			name_add(out, bch_xattr_prefix(x.type), x.name, x.name_len);
	}
	bch_iter_exit(&iter);
	for (i = 0; i < 2 * ARRAY_SIZE(inode_opts) && !ret; i++) {
		bool effective = i >= ARRAY_SIZE(inode_opts);
		const struct inode_opt *opt = &inode_opts[i % ARRAY_SIZE(inode_opts)];

		if (opt_value(u, opt, effective))
			name_add(out, effective ? "bcachefs_effective." : "bcachefs.", opt->name,
				 strlen(opt->name));
	}
	return ret ?: printbuf_failed(out) ? -ENOMEM : 0;
}

int bch_xattr_key(struct bkey_view k, struct printbuf *name, struct printbuf *value)
{
	struct bch_xattr_view x;

	if (k.k->type != KEY_TYPE_xattr || bch_xattr_unpack(k, &x))
		return -EINVAL;
	if (x.type == 1 || x.type == 2) {
		name_add(name, acl_names[x.type], "", 0);
		return acl_to_vfs(x.val, x.val_len, value);
	}
	if (!bch_xattr_prefix(x.type))
		return -EINVAL;
	name_add(name, bch_xattr_prefix(x.type), x.name, x.name_len);
	prt_bytes(value, x.val, x.val_len);
	return 0;
}
