/*
 * Names and inodes, for readers (spec 03 sections 11 to 14, 08): lookup, directories, attributes,
 * paths. An inode is named by subvolume and number; what it shows is what the subvolume's snapshot
 * shows. All functions may be called from any thread. Errors: -ENOENT and the like, or
 * -BCH_ERR_btree_node_read_error when the answer lies in a node that cannot be read.
 */
#ifndef _BCH_FS_NAMEI_H
#define _BCH_FS_NAMEI_H

#include "fs/inode.h"
#include "util/printbuf.h"

struct bch_fs;

struct bch_ino {
	u32 subvol;
	u64 inum;
};

/* The inode as @ino.subvol sees it. */
int bch_inode_get(struct bch_fs *c, struct bch_ino ino, struct bch_inode_unpacked *u);
/* The same, for callers that know the subvolume's snapshot. */
int bch_inode_get_at(struct bch_fs *c, u32 snapshot, u64 inum, struct bch_inode_unpacked *u);

/* What an entry of a directory leads to: for subvolumes the root inode of the child. */
struct bch_dir_target {
	struct bch_ino ino;
	u8 d_type; /* DT_* of readdir; a subvolume's root is a DT_DIR */
};

/* Entry @name (@len bytes, not "." or "..") of directory @dir. */
int bch_dir_lookup(struct bch_fs *c, struct bch_ino dir, const struct bch_inode_unpacked *dir_u,
		   const char *name, unsigned len, struct bch_dir_target *t);
/* Does the directory take names without case? */
bool bch_dir_is_casefolded(const struct bch_fs *c, const struct bch_inode_unpacked *dir_u);
/* The directory above; of the filesystem's root: itself. */
int bch_dir_parent(struct bch_fs *c, struct bch_ino dir, struct bch_ino *parent);

/*
 * Entries of @dir behind the cookie *@pos (0: from the start; "." and ".." are the caller's), in
 * hash order. Cookies stay valid when entries come and go, and fit in 63 bits. @emit returns
 * nonzero to stop before its entry. 0: the end was reached or @emit stopped.
 */
typedef int (*bch_dir_emit_fn)(void *arg, const char *name, unsigned len,
			       const struct bch_dir_target *t, u64 next_pos);
int bch_dir_read(struct bch_fs *c, struct bch_ino dir, u64 *pos, bch_dir_emit_fn emit, void *arg);

/*
 * Extended attribute by its full name ("user.x", also system.posix_acl_access in the form of
 * getxattr(2), bcachefs.* and bcachefs_effective.* of options): appended to @out, its length
 * returned. -ENODATA: there is none; -EINVAL: nor can there be one.
 */
int bch_xattr_get(struct bch_fs *c, struct bch_ino ino, const struct bch_inode_unpacked *u,
		  const char *name, struct printbuf *out);
/* Names as listxattr(2) gives them, each with its NUL, appended to @out. */
int bch_xattr_list(struct bch_fs *c, struct bch_ino ino, const struct bch_inode_unpacked *u,
		   struct printbuf *out);

/*
 * The full name of an xattr key, with its NUL, and its value as getxattr(2) gives it, appended.
 * -EINVAL: it has none.
 */
int bch_xattr_key(struct bkey_view k, struct printbuf *name, struct printbuf *value);

/* ns since the epoch of a bi_*time (units of the superblock's time base). */
s64 bch_inode_time_ns(const struct bch_fs *c, u64 t);
/* As in st_nlink, st_rdev, st_blocks. */
u32 bch_inode_nlink(const struct bch_inode_unpacked *u);

/* "a/b" from the root of subvolume @subvol; symlinks are not followed. */
int bch_path_lookup(struct bch_fs *c, u32 subvol, const char *path, struct bch_dir_target *t);
/*
 * Name of the entry of @dir at @offset, as @snapshot sees it; to be freed. NULL: there is none, or
 * no memory.
 */
char *bch_dirent_name_at(struct bch_fs *c, u32 snapshot, u64 dir, u64 offset);
/*
 * A path of inode @inum as snapshot @snapshot (or a descendant) sees it, from the filesystem's
 * root, by backpointers: for messages. "inode N" when it cannot be found. Bounded.
 */
void bch_inode_path_to_text(struct printbuf *out, struct bch_fs *c, u32 snapshot, u64 inum);
/*
 * Call @fn with the snapshot of each subvolume that still sees, of the extents of @inum at
 * @snapshot, something in [@start, @end) sectors: for messages about keys that snapshots share.
 * With @snapshot itself when none does. 0 or an error of reading.
 */
int bch_extent_viewers(struct bch_fs *c, u64 inum, u32 snapshot, u64 start, u64 end,
		       void (*fn)(void *arg, u32 snapshot), void *arg);

#endif
