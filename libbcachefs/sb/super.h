/*
 * The superblock: reading with all its fallbacks, validation, sections, text, writing (spec 01
 * sections 5 to 10, 17, 19).
 */
#ifndef _BCH_SB_SUPER_H
#define _BCH_SB_SUPER_H

#include "format/errcode.h"
#include "format/features.h"
#include "format/sb.h"
#include "format/versions.h"
#include "sb/fs.h"
#include "util/json.h"
#include "util/printbuf.h"

/* What the superblock is opened for: reading knows versions up to 1.39, writing up to 1.13. */
enum sb_access {
	SB_READ,
	SB_WRITE,
};

/* One copy on a device, as it was found when reading. */
struct bch_sb_copy {
	u64 sector;
	u64 seq; /* if it could be read */
	int err; /* 0: good */
};

/* A superblock in memory. Zero it before use; bch_sb_free() ends it. */
struct bch_sb_handle {
	struct bch_sb *sb;
	size_t buffer_size;	   /* bytes allocated */
	struct block_device *bdev; /* NULL: the filesystem's copy. Not owned */
	bool no_layout;		   /* the filesystem's copy: has no limit of its own */
	u64 disk_seq;		   /* of the first copy as read or last written; 0: it is bad */
	u64 sector;		   /* of the copy that was taken */
	unsigned nr_copies;	   /* all that were looked at when reading */
	struct bch_sb_copy copies[BCH_SB_LAYOUT_NR];
};

struct bch_sb_read_args {
	enum sb_access access;
	u64 sector;		/* option sb; 0: 8 with all fallbacks */
	bool no_version_check;	/* show what can be shown; never to start a filesystem */
	struct printbuf *notes; /* NULL or: a line per bad or stale copy */
};

/*
 * Read the superblock of a device: of all its copies the newest one that is valid. On failure a
 * negative error and a sentence in @err, each copy's reason included.
 */
int bch_sb_read(struct bch_sb_handle *h, struct block_device *bdev,
		const struct bch_sb_read_args *args, struct printbuf *err);
void bch_sb_free(struct bch_sb_handle *h);

/* An empty superblock (magic only) with room to grow up to 1 << @max_size_bits sectors. */
int bch_sb_alloc(struct bch_sb_handle *h, unsigned max_size_bits);
/* Room for @u64s words of sections; 0, -ENOMEM or -BCH_ERR_ENOSPC_sb. */
int bch_sb_realloc(struct bch_sb_handle *h, unsigned u64s);
/* A copy of @src, layout included. */
int bch_sb_dup(struct bch_sb_handle *dst, const struct bch_sb_handle *src);

/* Sections. The first of a type counts. */
struct sb_section *bch_sb_section(const struct bch_sb *sb, unsigned type);
/* NULL: failed. New words are zero, 0 words removes. Pointers into sections become invalid. */
struct sb_section *bch_sb_section_resize(struct bch_sb_handle *h, unsigned type, unsigned u64s);
void bch_sb_section_delete(struct bch_sb_handle *h, unsigned type);
#define sb_section_get(sb, name) ((struct sb_##name *)bch_sb_section(sb, SB_SECTION_##name))
#define sb_section_resize(h, name, u64s) \
	((struct sb_##name *)bch_sb_section_resize(h, SB_SECTION_##name, u64s))

/* Only over superblocks whose sections have been validated. */
#define sb_for_each_section(sb, s)                                       \
	for (struct sb_section *s = (struct sb_section *)(sb)->sections; \
	     (u64 *)s < (sb)->sections + le32_to_cpu((sb)->u64s); s = sb_section_end(s))

/* Elements of an array at the section's end. */
#define sb_section_nr(s, array) \
	((sb_section_bytes(&(s)->head) - offsetof(__typeof__(*(s)), array)) / sizeof((s)->array[0]))

struct bch_sb_section_ops {
	/*
	 * 0 or negative; appends the reason. At least the head is there. Text and JSON are made of
	 * bad sections, too, but not of bad ones of type clean.
	 */
	int (*validate)(const struct bch_sb *sb, const struct sb_section *s, bool write,
			struct printbuf *err);
	void (*to_text)(struct printbuf *out, const struct bch_sb *sb, const struct sb_section *s);
	/* Members of an object. NULL: {"text": ...}. */
	void (*to_json)(struct json *j, const struct bch_sb *sb, const struct sb_section *s);
};

/* For sections that are a higher floor's (clean: the journal's). */
void bch_sb_section_ops_register(unsigned type, const struct bch_sb_section_ops *ops);

enum bch_sb_validate_flags {
	SB_VALIDATE_WRITE = 1U << 0, /* before a write; else what may be is repaired silently */
	/*
	 * To be shown only: versions and features may be newer than any known. Sections of another
	 * major version are not looked into.
	 */
	SB_VALIDATE_NO_VERSION_CHECK = 1U << 1,
};

/* The whole superblock (spec 01 section 7), which has its length checked already. */
int bch_sb_validate(struct bch_sb *sb, enum sb_access access, unsigned flags, struct printbuf *err);
/* Version fields alone (spec 01 section 6.1 step 3). */
int bch_sb_version_validate(const struct bch_sb *sb, enum sb_access access, unsigned flags,
			    struct printbuf *err);
/* Versions and features that are known well enough to read the filesystem (spec 10 section 1.1). */
int bch_sb_features_validate(const struct bch_sb *sb, struct printbuf *err);
int bch_sb_layout_validate(const struct bch_sb_layout *l, struct printbuf *err);

/* "1.13: inode_has_child_snapshots" */
void bch_version_to_text(struct printbuf *out, unsigned version);
/*
 * May a filesystem like this be written to (spec 10 section 13)? Else a negative error and a
 * sentence.
 */
int bch_sb_may_write(const struct bch_sb *sb, struct printbuf *err);

/*
 * Text of spec 01 section 9.3 without the Device line; @sections: bits of types to print. Sets
 * the tab stop.
 */
void bch_sb_to_text(struct printbuf *out, const struct bch_sb *sb, bool layout, u64 sections);
/* Only the body of one section, for --field-only. */
void bch_sb_section_to_text(struct printbuf *out, const struct bch_sb *sb,
			    const struct sb_section *s);
/* The same below "NAME (size BYTES):". */
void bch_sb_section_headed_to_text(struct printbuf *out, const struct bch_sb *sb,
				   const struct sb_section *s);
/* Members "sb", "options", "members", "errors", "layout" and sections of spec 09 section 17. */
void bch_sb_to_json(struct json *j, const struct bch_sb *sb, bool layout, u64 sections);

/* --- layout (spec 01 section 16.5) --- */

/*
 * Lay out superblocks of @sb_sectors on a device: from sector 8 with a third at the end, or, for
 * migration, from @start with two. @bucket_sectors need not be a power of two. 0 or
 * -BCH_ERR_invalid_sb_layout with a sentence.
 */
int bch_sb_layout_init(struct bch_sb_layout *l, unsigned block_sectors, unsigned bucket_sectors,
		       unsigned sb_sectors, u64 start, u64 dev_sectors, struct printbuf *err);

/*
 * Write all copies of one superblock as they are (format, recover-super): sets offset and checksum
 * of each, zeroes what follows, writes the layout to sector 7 when a copy is at sector 8, flushes
 * after each.
 */
int bch_sb_write_copies(struct bch_sb_handle *h, struct block_device *bdev, struct printbuf *err);

/* --- a filesystem's superblocks --- */

/*
 * Of @nr superblocks just read choose the newest (spec 01 sections 17.2, 17.3): its index, or a
 * negative error. errs[i]: 0 or why device i is not used: device_has_been_removed and
 * device_splitbrain drop it, other errors are returned. Messages go to @notes.
 */
int bch_sb_choose(struct bch_sb_handle *const *h, const char *const *names, unsigned nr,
		  bool no_splitbrain_check, int *errs, struct printbuf *notes);

enum bch_sb_start_flags {
	SB_DATA_DEGRADED = 1U << 0,
	SB_METADATA_DEGRADED = 1U << 1,
	SB_DATA_LOST = 1U << 2,
	SB_METADATA_LOST = 1U << 3,
};
#define SB_START_DEGRADED      (SB_DATA_DEGRADED | SB_METADATA_DEGRADED)
#define SB_START_VERY_DEGRADED (SB_START_DEGRADED | SB_DATA_LOST | SB_METADATA_LOST)

/*
 * May the filesystem start with the members online[slot] (of BCH_MAX_DEVS + 1), spec 01 section
 * 17.4? Without flags all members in state rw or ro must be there. 0 or
 * -BCH_ERR_insufficient_devices_to_start with a sentence.
 */
int bch_sb_may_start(const struct bch_sb *sb, const bool *online, unsigned flags,
		     struct printbuf *err);

/* Fill the decoded fields of @c and its members (spec 01 section 11) from c->sb. */
int bch_fs_from_sb(struct bch_fs *c);

/* Copy what all members share from @src (spec 01 section 8.1). */
int bch_sb_copy(struct bch_sb_handle *dst, const struct bch_sb *src, bool to_fs);

/*
 * Write c->sb to all online members (spec 01 section 8.2). 0 or negative with a sentence in @err.
 */
int bch_sb_write(struct bch_fs *c, unsigned flags, struct printbuf *err);

enum bch_sb_write_flags {
	SB_WRITE_UNINITIALIZED = 1U << 0, /* also when the filesystem was never mounted */
	SB_WRITE_VERIFY = 1U << 1,	  /* read all copies back and compare */
};

/* Names for a reader: read error, magic uuid ... */
extern const u8 bch_sb_magic[16], bch_sb_magic_old[16];

#endif
