/* Conversion of nodes on reading. */
#include "btree/bkey_ops.h"
#include "btree/compat.h"

/* Key types of before bkey_renumber: numbers from 128 on, in each btree anew. */
static const struct {
	u8 btree; /* BTREE_ID_NR: interior nodes */
	u8 old;
	u8 type;
} old_types[] = {
	{BTREE_ID_NR, 128, KEY_TYPE_btree_ptr},	  {BTREE_ID_extents, 128, KEY_TYPE_extent},
	{BTREE_ID_extents, 129, KEY_TYPE_extent}, {BTREE_ID_extents, 130, KEY_TYPE_reservation},
	{BTREE_ID_inodes, 128, KEY_TYPE_inode},	  {BTREE_ID_inodes, 130, KEY_TYPE_inode_generation},
	{BTREE_ID_dirents, 128, KEY_TYPE_dirent}, {BTREE_ID_dirents, 129, KEY_TYPE_hash_whiteout},
	{BTREE_ID_xattrs, 128, KEY_TYPE_xattr},	  {BTREE_ID_xattrs, 129, KEY_TYPE_hash_whiteout},
	{BTREE_ID_alloc, 128, KEY_TYPE_alloc},	  {BTREE_ID_quotas, 128, KEY_TYPE_quota},
};

static u8 renumbered_type(struct bset_compat c, u8 type)
{
	unsigned btree = c.level ? BTREE_ID_NR : c.btree;

	for (unsigned i = 0; i < ARRAY_SIZE(old_types); i++)
		if (old_types[i].btree == btree && old_types[i].old == type)
			return old_types[i].type;
	return type;
}

static bool inodes_swapped(struct bset_compat c)
{
	return c.version < BCH_VERSION_inode_btree_change && c.btree == BTREE_ID_inodes;
}

static bool min_key_exclusive(struct bset_compat c)
{
	return c.version < BCH_VERSION_inode_btree_change && c.btree == BTREE_ID_extents;
}

static bool snapshot_missing(struct bset_compat c)
{
	return c.version < BCH_VERSION_snapshot &&
	       (c.level || (btree_id_flags(c.btree) & BTREE_IS_SNAPSHOTS));
}

static struct bpos pos_swapped(struct bpos p)
{
	return SPOS(p.offset, p.inode, p.snapshot);
}

static void format_swap_inode_offset(struct bkey_format *f)
{
	swap(f->bits_per_field[BKEY_FIELD_INODE], f->bits_per_field[BKEY_FIELD_OFFSET]);
	swap(f->field_offset[BKEY_FIELD_INODE], f->field_offset[BKEY_FIELD_OFFSET]);
}

void bch_compat_node_range(struct bset_compat c, struct bpos *min, struct bpos *max)
{
	if (c.other_endian)
		*min = bpos_swab(*min);
	if (inodes_swapped(c))
		*min = pos_swapped(*min);
	if (min_key_exclusive(c) && !bkey_eq(*min, POS_MIN))
		*min = bpos_nosnap_successor(*min);
	if (!max)
		return;
	if (c.other_endian)
		*max = bpos_swab(*max);
	if (inodes_swapped(c))
		*max = pos_swapped(*max);
	if (c.version < BCH_VERSION_snapshot)
		max->snapshot = KEY_SNAPSHOT_MAX;
}

void bch_compat_format(struct bset_compat c, struct bkey_format *f)
{
	unsigned bits = f->bits_per_field[BKEY_FIELD_SNAPSHOT];

	if (inodes_swapped(c))
		format_swap_inode_offset(f);
	if (snapshot_missing(c))
		f->field_offset[BKEY_FIELD_SNAPSHOT] =
			cpu_to_le64(KEY_SNAPSHOT_MAX - ((1ULL << bits) - 1));
}

/* ---- Keys ---- */

static void reverse_bytes(u8 *from, u8 *to)
{
	while (from < --to) {
		swap(*from, *to);
		from++;
	}
}

static void swap_inode_offset(const struct bkey_format *f, struct bkey_packed *p)
{
	struct bkey_format old = *f;
	struct bkey k;

	if (!bkey_p_is_packed(p)) {
		struct bkey *u = (struct bkey *)p;

		u->p = pos_swapped(u->p);
		return;
	}
	/* With one field constant the bits of the other one lie at the same place. */
	if (!f->bits_per_field[BKEY_FIELD_INODE] || !f->bits_per_field[BKEY_FIELD_OFFSET])
		return;
	format_swap_inode_offset(&old);
	k = bch_bkey_unpack_key(&old, p);
	k.p = pos_swapped(k.p);
	bch_bkey_pack_key(f, p, &k);
}

static void set_snapshot(const struct bkey_format *f, struct bkey_packed *p)
{
	unsigned bits = f->bits_per_field[BKEY_FIELD_SNAPSHOT];
	u64 largest = le64_to_cpu(f->field_offset[BKEY_FIELD_SNAPSHOT]) + (1ULL << bits) - 1;
	struct bkey k;

	if (!bkey_p_is_packed(p)) {
		((struct bkey *)p)->p.snapshot = KEY_SNAPSHOT_MAX;
		return;
	}
	k = bch_bkey_unpack_key(f, p);
	k.p.snapshot = min_t(u64, KEY_SNAPSHOT_MAX, largest);
	bch_bkey_pack_key(f, p, &k);
}

static void convert_val(struct bset_compat c, const struct bkey_format *f, struct bkey_packed *p)
{
	const struct bkey_ops *ops = bch_bkey_ops(p->type);
	unsigned val_u64s = bkey_p_val_u64s(f, p);
	void *v = bkey_p_val(f, p);

	if (c.other_endian && ops && ops->swab)
		ops->swab(v, val_u64s);
	if (p->type == KEY_TYPE_btree_ptr_v2 &&
	    val_u64s * sizeof(u64) >= sizeof(struct bch_btree_ptr_v2)) {
		struct bch_btree_ptr_v2 *ptr = v;
		struct bpos min = ptr->min_key;

		bch_compat_node_range(c, &min, NULL);
		ptr->min_key = min;
	}
}

void bch_compat_key(struct bset_compat c, const struct bkey_format *f, struct bkey_packed *p)
{
	unsigned key_u64s = bkey_p_key_u64s(f, p);

	if (c.other_endian)
		reverse_bytes(p->fields, (u8 *)((u64 *)p + key_u64s));
	if (c.version < BCH_VERSION_bkey_renumber)
		p->type = renumbered_type(c, p->type);
	if (inodes_swapped(c))
		swap_inode_offset(f, p);
	if (snapshot_missing(c))
		set_snapshot(f, p);
	convert_val(c, f, p);
}
