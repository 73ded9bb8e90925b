/*
 * struct bch_fs: one open filesystem, and struct bch_dev: one of its members.
 *
 * The lowest floor with state owns them; the floors above hang what is theirs on opaque pointers
 * (c->btree, c->journal ...), so that no header of a higher floor is needed here. All numbers are
 * in the machine's byte order; sizes are in sectors of 512 bytes unless they say bytes.
 */
#ifndef _BCH_SB_FS_H
#define _BCH_SB_FS_H

#include "format/bkey.h"
#include "format/btree.h"
#include "format/extents.h"
#include "format/versions.h"
#include "util/printbuf.h"

#define BCH_MAX_DEVS	255 /* slots that nr_devices can count; 1.13 uses 64 */
#define BCH_DEV_INVALID 255 /* in pointers: the device is gone for good */

struct block_device;
struct bch_sb;
struct bch_sb_handle;	/* sb/super.h: one superblock in memory */
struct bch_opts;	/* sb/opts.h */
struct bch_crypt_key;	/* sb/crypt.h */
struct bch_btree_state; /* btree/ */
struct bch_journal;	/* journal/ */
struct bch_snapshots;	/* fs/snapshots.h */
struct bch_data;	/* data/read.h */

/* A member slot as the filesystem's superblock describes it (spec 01 section 11.2). */
struct bch_member_info {
	u8 uuid[16];
	bool alive; /* the slot is in use */
	u64 nbuckets;
	u16 first_bucket;
	u32 bucket_size; /* sectors */
	u16 group;	 /* label index + 1, 0: none */
	u8 state;	 /* rw, ro, failed, spare */
	u8 data_allowed; /* bits: data types */
	u8 durability;
	bool discard;
	bool freespace_initialized;
	u8 btree_bitmap_shift;
	u64 btree_allocated_bitmap;
	u64 seq;
	u64 last_mount;
};

struct bch_dev {
	struct bch_fs *fs;
	u8 idx;
	struct bch_member_info mi;
	/* The rest only when online: */
	struct block_device *bdev; /* NULL: offline */
	struct bch_sb_handle *sb;  /* as read from this device */
	char *path;
	const char *name;  /* last component of path, in messages */
	u8 *bucket_gens;   /* mi.nbuckets of them, or NULL: all 0 */
	bool gens_unknown; /* bucket_gens cannot be trusted */
	bool stale;	   /* writes that it had are not on it: an old copy of the member */
	u64 read_errors, csum_errors; /* seen since opening */
};

struct bch_fs {
	struct bch_sb_handle *sb; /* the newest superblock of all members */
	struct bch_opts *opts;
	const char *name; /* in messages: first path, or uuid */

	/* Decoded from the superblock: */
	u8 uuid[16], user_uuid[16];
	u16 version, version_min;
	u16 version_upgrade_complete; /* form of derived btrees: <= version (spec 10 section 1.3) */
	u8 extent_bp_shift;	      /* of backpointer positions; 0: 10 */
	u8 shard_inums_bits;	      /* of inode numbers, from 1.18 on */
	struct extent_entry_sizes extent_sizes; /* superblock section 16; nr 0: the known ones */
	u64 features[2], compat[2];
	bool clean, initialized, encrypted;
	u16 block_sectors;
	u32 btree_node_sectors;
	u32 encoded_extent_max;			/* sectors */
	u8 meta_csum_opt;			/* option value: none crc32c crc64 xxhash */
	unsigned nr_devices;			/* slots */
	struct bch_dev *devs[BCH_MAX_DEVS + 1]; /* NULL: slot not in use */

	struct bch_crypt_key *key; /* NULL: not encrypted, or locked */

	/* States of the floors above. */
	struct bch_btree_state *btree;
	struct bch_journal *journal;
	struct bch_snapshots *snapshots;
	struct bch_data *data;

	/* Messages for the user, one line each without newline; NULL: stderr. */
	void (*log)(struct bch_fs *c, const char *line);
	/* Something could not be read, or was dropped: commands end with status 4. */
	u64 nr_errors;
	bool nochanges;
};

void bch_log(struct bch_fs *c, const char *fmt, ...) __printf(2, 3);

/* Version of the form that derived btrees have: less than c->version in an unfinished upgrade. */
static inline unsigned bch_form_version(const struct bch_fs *c)
{
	return c->version_upgrade_complete ?: c->version;
}

/* Words of each extent entry type; @c may be NULL. */
static inline const struct extent_entry_sizes *bch_extent_sizes(const struct bch_fs *c)
{
	if (!c)
		return &extent_entry_sizes_known;
	if (c->version < BCH_VERSION(1, 14))
		return &extent_entry_sizes_1_13;
	return c->extent_sizes.nr ? &c->extent_sizes : &extent_entry_sizes_known;
}

/* The member in slot @idx (online or not), or NULL. */
static inline struct bch_dev *bch_dev(const struct bch_fs *c, unsigned idx)
{
	return idx < ARRAY_SIZE(c->devs) ? c->devs[idx] : NULL;
}

static inline bool bch_dev_online(const struct bch_dev *ca)
{
	return ca && ca->bdev;
}

static inline size_t bch_node_bytes(const struct bch_fs *c)
{
	return (size_t)c->btree_node_sectors << 9;
}

static inline size_t bch_block_bytes(const struct bch_fs *c)
{
	return (size_t)c->block_sectors << 9;
}

/* First 8 bytes of the internal uuid: nodes and journal entries derive their magic from it. */
static inline u64 bch_uuid_lo(const struct bch_fs *c)
{
	u64 v;

	__builtin_memcpy(&v, c->uuid, sizeof(v));
	return le64_to_cpu((__le64)v);
}

#endif
