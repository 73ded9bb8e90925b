/* Directory entries (spec 03 section 13, spec 10 section 6.5). */
#ifndef _BCH_FORMAT_DIRENT_H
#define _BCH_FORMAT_DIRENT_H

#include <linux/types.h>

struct bch_dirent {
	union {
		__le64 d_inum;
		struct { /* d_type subvol */
			__le32 d_child_subvol;
			__le32 d_parent_subvol;
		};
	};
	u8 d_type; /* 0..4 type, 7 casefold (from 1.24 on) */
	u8 d_name[];
} __packed __aligned(8);

#define DIRENT_NAME	   9 /* bytes before the name */
#define DIRENT_TYPE(v)	   ((v) & 0x1f)
#define DIRENT_CASEFOLD	   0x80
#define DIRENT_NAME_MAX	   512

/* With DIRENT_CASEFOLD: at these offsets two lengths (le16), then both names. */
#define DIRENT_CF_NAME_LEN    11
#define DIRENT_CF_CF_NAME_LEN 13
#define DIRENT_CF_NAMES	      15

#endif
