/* A valid superblock of three members, made in memory, for tests to damage. */
#ifndef _BCH_TESTS_UNIT_MAKE_SB_H
#define _BCH_TESTS_UNIT_MAKE_SB_H

#include <linux/kernel.h>
#include <string.h>
#include "sb/labels.h"
#include "sb/members.h"
#include "sb/opts.h"
#include "sb/super.h"

#define MADE_DEV_SECTORS    131072 /* 64 MiB */
#define MADE_BUCKET_SECTORS 256
#define MADE_NR_BUCKETS	    512
#define MADE_NR_DEVICES	    3

static inline void made_member(struct bch_sb_handle *h, unsigned idx)
{
	struct bch_member m = {
		.uuid = {0xd0 + idx},
		.nbuckets = cpu_to_le64(MADE_NR_BUCKETS),
		.bucket_size = cpu_to_le16(MADE_BUCKET_SECTORS),
	};

	member_set_data_allowed(&m, 0x1c);
	member_set_durability(&m, 2);
	bch_member_put(h->sb, idx, &m);
}

static inline int make_sb(struct bch_sb_handle *h)
{
	struct printbuf err = PRINTBUF;
	unsigned i;
	int ret;

	*h = (struct bch_sb_handle){};
	ret = bch_sb_alloc(h, BCH_SB_SIZE_BITS_DEFAULT);
	if (ret)
		return ret;
	h->sb->version = h->sb->version_min = cpu_to_le16(BCH_VERSION_CURRENT);
	memset(h->sb->uuid, 0x11, 16);
	memset(h->sb->user_uuid, 0x22, 16);
	h->sb->time_precision = cpu_to_le32(1);
	h->sb->seq = cpu_to_le64(7);
	h->sb->features[0] = cpu_to_le64(BCH_FEATURES_ALL);
	for (i = 0; i < BCH_OPT_NR; i++)
		if (bch_opt_in_sb(i) && !(bch_option_table[i].flags & OPT_NEWER))
			bch_opt_to_sb(h->sb, i, bch_option_table[i].def, 0);
	bch_opt_to_sb(h->sb, Opt_btree_node_size, MADE_BUCKET_SECTORS << 9, 0);
	sb_set_initialized(h->sb, 1);
	sb_set_version_upgrade_complete(h->sb, BCH_VERSION_CURRENT);
	ret = bch_members_resize(h, MADE_NR_DEVICES);
	for (i = 0; !ret && i < MADE_NR_DEVICES; i++)
		made_member(h, i);
	ret = ret ?: bch_members_v1_update(h);
	ret = ret   ?:
		      bch_sb_layout_init(&h->sb->layout, 8, MADE_BUCKET_SECTORS, 2048,
					 BCH_SB_SECTOR, MADE_DEV_SECTORS, &err);
	printbuf_exit(&err);
	return ret;
}

#endif
