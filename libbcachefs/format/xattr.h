/* Extended attributes and the ACLs in them (spec 03 section 14). */
#ifndef _BCH_FORMAT_XATTR_H
#define _BCH_FORMAT_XATTR_H

#include <linux/types.h>

struct bch_xattr {
	u8 x_type;
	u8 x_name_len;
	__le16 x_val_len;
	u8 x_name[]; /* without prefix; directly followed by the value */
} __packed __aligned(4);

#define XATTR_NAME 4 /* bytes before the name */

/* x(name, number, prefix of names; NULL: the type is the whole name) */
#define BCH_XATTR_TYPES()				\
	x(user, 0, "user.")				\
	x(posix_acl_access, 1, NULL)			\
	x(posix_acl_default, 2, NULL)			\
	x(trusted, 3, "trusted.")			\
	x(security, 4, "security.")

enum bch_xattr_type {
#define x(name, nr, prefix) BCH_XATTR_##name = nr,
	BCH_XATTR_TYPES()
#undef x
	BCH_XATTR_NR
};

#define BCH_ACL_VERSION 1

struct bch_acl_entry {
	__le16 e_tag;
	__le16 e_perm;
	__le32 e_id; /* only of the tags user and group */
};

#define ACL_ENTRY_SHORT_BYTES 4
#define ACL_ENTRY_BYTES	      8

/* x(name, number) */
#define BCH_ACL_TAGS()		\
	x(user_obj, 0x01)	\
	x(user, 0x02)		\
	x(group_obj, 0x04)	\
	x(group, 0x08)		\
	x(mask, 0x10)		\
	x(other, 0x20)

enum bch_acl_tag {
#define x(name, nr) BCH_ACL_##name = nr,
	BCH_ACL_TAGS()
#undef x
};

#endif
