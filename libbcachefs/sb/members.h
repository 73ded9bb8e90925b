/*
 * Members: the sections members_v1 and members_v2 (spec 01 section 11). Entries are copied out and
 * in, because their stored size differs from version to version.
 */
#ifndef _BCH_SB_MEMBERS_H
#define _BCH_SB_MEMBERS_H

#include "format/data_type.h"
#include "format/sb.h"
#include "sb/fs.h"
#include "util/json.h"

struct bch_sb_handle;

/* The slot as stored (v2 if it exists, else v1), what is not stored as 0. @idx may be anything. */
struct bch_member bch_member_get(const struct bch_sb *sb, unsigned idx);

/* For messages: "member 1 is missing (label hdd.b, uuid U, last mounted D)". */
void bch_member_missing_to_text(struct printbuf *out, const struct bch_sb *sb, unsigned idx);
/* Store it in v2 (which must exist), as much as its entries hold. */
void bch_member_put(struct bch_sb *sb, unsigned idx, const struct bch_member *m);
/* In use: uuid neither zero nor the one of removed members. */
bool bch_member_alive(const struct bch_member *m);
bool bch_member_exists(const struct bch_sb *sb, unsigned idx);
/* Members in use. */
unsigned bch_members_nr(const struct bch_sb *sb);

/*
 * Make sure that v2 exists with entries of at least 144 bytes for @nr slots; sets nr_devices.
 * 0 or -BCH_ERR_ENOSPC_sb_members_v2, -ENOMEM.
 */
int bch_members_resize(struct bch_sb_handle *h, unsigned nr);
/* Make v1 from v2 (before a write, spec 01 section 8.2 step 4); dropped if not wanted any more. */
int bch_members_v1_update(struct bch_sb_handle *h);

/* Decode a slot. */
struct bch_member_info bch_member_info_get(const struct bch_sb *sb, unsigned idx);
/* Types of data that replicas entries name for this slot, as bits (spec 01 section 10.3). */
u64 bch_sb_dev_has_data(const struct bch_sb *sb, unsigned idx);
/*
 * May there be data of this type of which no slot with @online (by slot, BCH_MAX_DEVS + 1) has a
 * copy?
 */
bool bch_sb_data_may_be_missing(const struct bch_sb *sb, unsigned data_type, const bool *online);

/* Note that [start, end) (sectors) holds btree nodes (spec 01 section 11.2). */
void bch_member_bitmap_mark(struct bch_member *m, u64 start, u64 end);
bool bch_member_bitmap_marked(const struct bch_member *m, u64 start, u64 end);

/* A slot for a new member (spec 01 section 11.5), or -BCH_ERR_ENOSPC_sb_members. */
int bch_member_free_slot(const struct bch_sb *sb);

#endif
