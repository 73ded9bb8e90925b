/* From c->sb to the decoded fields of struct bch_fs and its members. */
#include <linux/slab.h>
#include <linux/string.h>
#include "sb/members.h"
#include "sb/opts.h"
#include "sb/super.h"

static int devs_from_sb(struct bch_fs *c)
{
	unsigned i;

	for (i = 0; i < c->nr_devices; i++) {
		struct bch_member_info mi = bch_member_info_get(c->sb->sb, i);

		if (!mi.alive && !c->devs[i])
			continue;
		if (!c->devs[i])
			c->devs[i] = kzalloc(sizeof(*c->devs[i]), GFP_KERNEL);
		if (!c->devs[i])
			return -ENOMEM;
		c->devs[i]->fs = c;
		c->devs[i]->idx = i;
		c->devs[i]->mi = mi;
	}
	return 0;
}

/* Those that we know, then those that the superblock names besides (spec 10 section 3.3). */
static struct extent_entry_sizes extent_sizes_from_sb(const struct bch_sb *sb)
{
	const struct sb_extent_type_u64s *s = sb_section_get(sb, extent_type_u64s);
	struct extent_entry_sizes sizes = extent_entry_sizes_known;
	size_t nr = s ? min_t(size_t, sb_section_nr(s, d), EXTENT_ENTRY_NR_MAX) : 0;

	for (; sizes.nr < nr && s->d[sizes.nr]; sizes.nr++)
		sizes.u64s[sizes.nr] = s->d[sizes.nr];
	return sizes;
}

int bch_fs_from_sb(struct bch_fs *c)
{
	const struct bch_sb *sb = c->sb->sb;
	unsigned i;

	memcpy(c->uuid, sb->uuid, sizeof(c->uuid));
	memcpy(c->user_uuid, sb->user_uuid, sizeof(c->user_uuid));
	c->version = le16_to_cpu(sb->version);
	c->version_min = le16_to_cpu(sb->version_min);
	c->version_upgrade_complete = sb_version_upgrade_complete(sb) ?: c->version;
	c->extent_bp_shift = sb_extent_bp_shift(sb);
	c->shard_inums_bits = sb_shard_inums_nbits(sb);
	c->extent_sizes = extent_sizes_from_sb(sb);
	for (i = 0; i < 2; i++) {
		c->features[i] = le64_to_cpu(sb->features[i]);
		c->compat[i] = le64_to_cpu(sb->compat[i]);
	}
	c->clean = sb_clean(sb);
	c->initialized = sb_initialized(sb);
	c->encrypted = sb_encryption_type(sb);
	c->block_sectors = le16_to_cpu(sb->block_size);
	c->btree_node_sectors = sb_btree_node_size(sb);
	c->encoded_extent_max = 1U << sb_encoded_extent_max_bits(sb);
	c->meta_csum_opt = sb_meta_csum_type(sb);
	c->nr_devices = sb->nr_devices;
	return devs_from_sb(c);
}
