/* Snapshot keys: checks and text (spec 03 section 19; newer: spec 10 sections 6.6, 7.2). */
#include <linux/kernel.h>
#include "format/sb_errors.h"
#include "format/versions.h"
#include "fs/snapshot.h"
#include "sb/fs.h"
#include "util/json.h"

static const char *state_name(u32 state)
{
	switch (state) {
#define x(name, word) \
	case word:    \
		return #name;
		BCH_SNAPSHOT_STATES()
#undef x
	}
	return NULL;
}

/* Before 1.39 the flags tell. */
static enum bch_snapshot_state state_of_flags(u32 flags)
{
	if (flags & BCH_SNAPSHOT_FLAG_deleted)
		return BCH_SNAPSHOT_STATE_deleted;
	if (flags & BCH_SNAPSHOT_FLAG_no_keys)
		return BCH_SNAPSHOT_STATE_no_keys;
	if (flags & BCH_SNAPSHOT_FLAG_will_delete)
		return BCH_SNAPSHOT_STATE_will_delete;
	return BCH_SNAPSHOT_STATE_live;
}

enum bch_snapshot_state bch_snapshot_state(const struct bch_snapshot *s)
{
	u32 state = le32_to_cpu(s->state);

	if (!state)
		return state_of_flags(le32_to_cpu(s->flags));
	return state_name(state) ? state : 0;
}

static int children_validate(const struct bch_snapshot *s, u64 id, struct finding *f)
{
	u32 first = le32_to_cpu(s->children[0]), second = le32_to_cpu(s->children[1]);
	unsigned i;

	if (first < second)
		return finding_set(f, BCH_FSCK_ERR_snapshot_children_not_normalized,
				   "children not normalized");
	if (first && first == second)
		return finding_set(f, BCH_FSCK_ERR_snapshot_child_duplicate,
				   "duplicate child nodes");
	for (i = 0; i < 2; i++)
		if (le32_to_cpu(s->children[i]) >= id)
			return finding_set(f, BCH_FSCK_ERR_snapshot_child_bad,
					   "bad child node (%u >= %llu)",
					   le32_to_cpu(s->children[i]), id);
	return 0;
}

static int skips_validate(const struct bch_snapshot *s, struct finding *f)
{
	unsigned i;

	for (i = 1; i < SNAPSHOT_SKIPS; i++)
		if (le32_to_cpu(s->skip[i - 1]) > le32_to_cpu(s->skip[i]))
			return finding_set(f, BCH_FSCK_ERR_snapshot_skiplist_not_normalized,
					   "skiplist not normalized");
	for (i = 0; i < SNAPSHOT_SKIPS; i++)
		if (s->skip[i] && le32_to_cpu(s->skip[i]) < le32_to_cpu(s->parent))
			return finding_set(f, BCH_FSCK_ERR_snapshot_skiplist_bad,
					   "bad skiplist node %u", le32_to_cpu(s->skip[i]));
	return 0;
}

/* From 1.39 on. */
static int state_validate(const struct bch_snapshot *s, struct bkey_where where, struct finding *f)
{
	if (s->pad)
		return finding_set(f, BCH_FSCK_ERR_snapshot_pad_nonzero, "pad nonzero");
	if (where.flags & BKEY_VALIDATE_COMMIT && !bch_snapshot_state(s))
		return finding_set(f, BCH_FSCK_ERR_snapshot_state_bad, "bad state 0x%x",
				   le32_to_cpu(s->state));
	return 0;
}

static int snapshot_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			     struct finding *f)
{
	struct bpos p = k.k->p;
	struct bch_snapshot s;
	u32 parent;
	int ret;

	bkey_val_read(k, &s, sizeof(s));
	if (p.inode || !p.offset || p.offset > U32_MAX)
		return finding_set(f, BCH_FSCK_ERR_snapshot_pos_bad, "bad pos");
	parent = le32_to_cpu(s.parent);
	if (parent && parent <= p.offset)
		return finding_set(f, BCH_FSCK_ERR_snapshot_parent_bad,
				   "bad parent node (%u <= %llu)", parent, p.offset);
	ret = children_validate(&s, p.offset, f);
	if (ret)
		return ret;
	/* Only what the value has: 1.13 reads beyond values of 32 bytes. */
	if (bkey_val_bytes(k.k) >= offsetof(struct bch_snapshot, btime))
		ret = skips_validate(&s, f);
	if (!ret && c && c->version >= BCH_VERSION_per_dev_fragmentation_lru)
		ret = state_validate(&s, where, f);
	return ret;
}

static const char *const snapshot_flag_names[] = {
#define x(name, bit) [bit] = #name,
	BCH_SNAPSHOT_FLAGS()
#undef x
		NULL};

/* Flags that only repeat the state and say something else than it. */
static void obsolete_flags_to_text(struct printbuf *out, const struct bch_snapshot *s)
{
	u32 flags = le32_to_cpu(s->flags), state = le32_to_cpu(s->state), should = 0;
	unsigned i;

	if (s->subvol)
		should |= BCH_SNAPSHOT_FLAG_subvol;
	if (state == BCH_SNAPSHOT_STATE_will_delete)
		should |= BCH_SNAPSHOT_FLAG_will_delete;
	else if (state == BCH_SNAPSHOT_STATE_no_keys)
		should |= BCH_SNAPSHOT_FLAG_no_keys;
	else if (state == BCH_SNAPSHOT_STATE_deleted)
		should |= BCH_SNAPSHOT_FLAG_deleted;
	for (i = 0; snapshot_flag_names[i]; i++)
		if ((flags ^ should) & 1U << i)
			prt_printf(out, " %s_obsolete=%u", snapshot_flag_names[i], flags >> i & 1);
}

static void state_to_text(struct printbuf *out, const struct bch_snapshot *s)
{
	u32 flags = le32_to_cpu(s->flags), state = le32_to_cpu(s->state);

	if (state && state_name(state)) {
		prt_printf(out, " %s", state_name(state));
		obsolete_flags_to_text(out, s);
		return;
	}
	if (state)
		prt_printf(out, " state 0x%x invalid (flags 0x%x:", state, flags);
	else
		prt_printf(out, " %s (not upgraded, flags 0x%x:", state_name(state_of_flags(flags)),
			   flags);
	prt_bitflags(out, snapshot_flag_names, flags);
	prt_char(out, ')');
}

static void snapshot_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	enum bch_text_dialect dialect = bch_text_dialect(c);
	struct bch_snapshot s;
	unsigned i;
	u32 flags;

	bkey_val_read(k, &s, sizeof(s));
	flags = le32_to_cpu(s.flags);
	if (dialect == BCH_TEXT_1_13)
		prt_printf(out, "is_subvol %u deleted %u ", !!(flags & BCH_SNAPSHOT_FLAG_subvol),
			   !!(flags & BCH_SNAPSHOT_FLAG_will_delete));
	for (i = 0; dialect == BCH_TEXT_1_28 && snapshot_flag_names[i]; i++)
		if (flags & 1U << i)
			prt_printf(out, "%s ", snapshot_flag_names[i]);
	prt_printf(out, "parent %10u children %10u %10u subvol %u tree %u", le32_to_cpu(s.parent),
		   le32_to_cpu(s.children[0]), le32_to_cpu(s.children[1]), le32_to_cpu(s.subvol),
		   le32_to_cpu(s.tree));
	if (dialect == BCH_TEXT_1_39 || bkey_val_bytes(k.k) > offsetof(struct bch_snapshot, depth))
		prt_printf(out, " depth %u skiplist %u %u %u", le32_to_cpu(s.depth),
			   le32_to_cpu(s.skip[0]), le32_to_cpu(s.skip[1]), le32_to_cpu(s.skip[2]));
	if (dialect == BCH_TEXT_1_39)
		state_to_text(out, &s);
}

static void snapshot_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_snapshot s;
	u32 state;
	unsigned i;

	bkey_val_read(k, &s, sizeof(s));
	state = bch_snapshot_state(&s);
	json_bitflags(j, "flags", snapshot_flag_names, le32_to_cpu(s.flags));
	if (state)
		json_str(j, "state", state_name(state));
	else
		json_fmt(j, "state", "0x%x", le32_to_cpu(s.state));
	json_u64(j, "parent", le32_to_cpu(s.parent));
	json_array_begin(j, "children");
	for (i = 0; i < 2; i++)
		json_u64(j, NULL, le32_to_cpu(s.children[i]));
	json_array_end(j);
	json_u64(j, "subvol", le32_to_cpu(s.subvol));
	json_u64(j, "tree", le32_to_cpu(s.tree));
	json_u64(j, "depth", le32_to_cpu(s.depth));
	json_array_begin(j, "skiplist");
	for (i = 0; i < SNAPSHOT_SKIPS; i++)
		json_u64(j, NULL, le32_to_cpu(s.skip[i]));
	json_array_end(j);
	json_u64(j, "btime", le64_to_cpu(s.btime.lo));
}

static int snapshot_tree_validate(const struct bch_fs *c, struct bkey_view k,
				  struct bkey_where where, struct finding *f)
{
	if (k.k->p.inode || !k.k->p.offset || k.k->p.offset > U32_MAX)
		return finding_set(f, BCH_FSCK_ERR_snapshot_tree_pos_bad, "bad pos");
	return 0;
}

static void snapshot_tree_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_snapshot_tree v;

	bkey_val_read(k, &v, sizeof(v));
	prt_printf(out, "subvol %u root snapshot %u", le32_to_cpu(v.master_subvol),
		   le32_to_cpu(v.root_snapshot));
}

static void snapshot_tree_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_snapshot_tree v;

	bkey_val_read(k, &v, sizeof(v));
	json_u64(j, "subvol", le32_to_cpu(v.master_subvol));
	json_u64(j, "root_snapshot", le32_to_cpu(v.root_snapshot));
}

static const struct bkey_ops snapshot_ops = {
	.validate = snapshot_validate,
	.to_text = snapshot_to_text,
	.to_json = snapshot_to_json,
};

static const struct bkey_ops snapshot_tree_ops = {
	.validate = snapshot_tree_validate,
	.to_text = snapshot_tree_to_text,
	.to_json = snapshot_tree_to_json,
};

void bch_snapshot_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_snapshot, &snapshot_ops);
	bch_bkey_ops_register(KEY_TYPE_snapshot_tree, &snapshot_tree_ops);
}
