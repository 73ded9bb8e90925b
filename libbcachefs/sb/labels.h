/* Labels of members (section disk_groups) and targets (spec 01 section 12). */
#ifndef _BCH_SB_LABELS_H
#define _BCH_SB_LABELS_H

#include "format/sb.h"
#include "util/printbuf.h"

struct bch_sb_handle;

#define BCH_TARGET_DEV_START   1
#define BCH_TARGET_GROUP_START 257
#define BCH_LABEL_DEV_MAX      254 /* highest index that a member's group field can hold */

static inline unsigned bch_target_of_dev(unsigned dev)
{
	return dev + BCH_TARGET_DEV_START;
}

static inline unsigned bch_target_of_label(unsigned label)
{
	return label + BCH_TARGET_GROUP_START;
}

static inline bool bch_target_is_dev(unsigned target)
{
	return target >= BCH_TARGET_DEV_START && target < BCH_TARGET_GROUP_START;
}

static inline bool bch_target_is_label(unsigned target)
{
	return target >= BCH_TARGET_GROUP_START;
}

/* Entries in the section; 0 if it is missing. */
unsigned bch_labels_nr(const struct bch_sb *sb);
/* Index of the label with this path ("a.b.c"), or -ENOENT, -EINVAL. */
int bch_label_find(const struct bch_sb *sb, const char *path);
/*
 * The same, made with all its parents if it does not exist. -EINVAL: a component is empty or
 * longer than 32 bytes; -BCH_ERR_ENOSPC_disk_label_add: no room.
 */
int bch_label_create(struct bch_sb_handle *h, const char *path);
/* "a.b.c"; "invalid label N" if the index is bad, deleted or more than 32 deep. */
void bch_label_path_to_text(struct printbuf *out, const struct bch_sb *sb, unsigned idx);
/* Only the last component; false: no such label. */
bool bch_label_name(const struct bch_sb *sb, unsigned idx, struct printbuf *out);
/* Is member @dev in label @idx or below it? */
bool bch_label_has_dev(const struct bch_sb *sb, unsigned idx, unsigned dev);

/* Text of a target as show-super prints it. */
void bch_target_to_text(struct printbuf *out, const struct bch_sb *sb, unsigned target);
/*
 * "", "none", the uuid of a member or a label path; 0 or -EINVAL. Device names are the caller's
 * business: it knows which path has which slot.
 */
int bch_target_parse(const struct bch_sb *sb, const char *text, u64 *target);
/* Is member @dev in @target? Target 0 contains every member. */
bool bch_target_has_dev(const struct bch_sb *sb, unsigned target, unsigned dev);

#endif
