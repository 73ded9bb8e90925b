/* Subvolume keys: checks and text (spec 03 section 19.3; newer: spec 10 sections 6.6, 7.2). */
#include <linux/kernel.h>
#include "format/sb_errors.h"
#include "format/versions.h"
#include "fs/subvolume.h"
#include "sb/fs.h"
#include "util/json.h"

static const char *state_name(u32 state)
{
	switch (state) {
#define x(name, word) \
	case word:    \
		return #name;
		BCH_SUBVOL_STATES()
#undef x
	}
	return NULL;
}

static bool is_unlinked(const struct bch_subvolume *s)
{
	return le32_to_cpu(s->flags) & BCH_SUBVOL_FLAG_unlinked;
}

enum bch_subvol_state bch_subvol_state(const struct bch_subvolume *s)
{
	u32 state = le32_to_cpu(s->state);

	if (!state)
		return is_unlinked(s) ? BCH_SUBVOL_STATE_unlinked : BCH_SUBVOL_STATE_live;
	return state_name(state) ? state : 0;
}

static int subvolume_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			      struct finding *f)
{
	struct bpos p = k.k->p;
	struct bch_subvolume s;

	bkey_val_read(k, &s, sizeof(s));
	if (p.inode || !p.offset || p.offset > SUBVOL_ID_MAX)
		return finding_set(f, BCH_FSCK_ERR_subvol_pos_bad, "invalid pos");
	if (!s.snapshot)
		return finding_set(f, BCH_FSCK_ERR_subvol_snapshot_bad, "invalid snapshot");
	if (!s.inode)
		return finding_set(f, BCH_FSCK_ERR_subvol_inode_bad, "invalid inode");
	if (!c || c->version < BCH_VERSION_per_dev_fragmentation_lru)
		return 0;
	if (s.pad)
		return finding_set(f, BCH_FSCK_ERR_subvol_pad_nonzero, "pad nonzero");
	if (where.flags & BKEY_VALIDATE_COMMIT && !bch_subvol_state(&s))
		return finding_set(f, BCH_FSCK_ERR_subvol_state_bad, "bad state 0x%x",
				   le32_to_cpu(s.state));
	return 0;
}

static void state_to_text(struct printbuf *out, const struct bch_subvolume *s)
{
	u32 state = le32_to_cpu(s->state);
	bool unlinked = is_unlinked(s);

	if (!state) {
		prt_printf(out, " %s (not upgraded, unlinked_obsolete=%u)",
			   unlinked ? "unlinked" : "live", unlinked);
	} else if (!state_name(state)) {
		prt_printf(out, " state 0x%x invalid (unlinked_obsolete=%u)", state, unlinked);
	} else {
		prt_printf(out, " %s", state_name(state));
		if (unlinked != (state != BCH_SUBVOL_STATE_live))
			prt_printf(out, " unlinked_obsolete=%u", unlinked);
	}
}

static void subvolume_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	enum bch_text_dialect dialect = bch_text_dialect(c);
	struct bch_subvolume s;
	u32 flags;

	bkey_val_read(k, &s, sizeof(s));
	flags = le32_to_cpu(s.flags);
	prt_printf(out, "root %llu snapshot id %u", le64_to_cpu(s.inode), le32_to_cpu(s.snapshot));
	if (bkey_val_bytes(k.k) > offsetof(struct bch_subvolume, creation_parent))
		prt_printf(out, " creation_parent %u fs_parent %u", le32_to_cpu(s.creation_parent),
			   le32_to_cpu(s.fs_path_parent));
	if (dialect == BCH_TEXT_1_13)
		return;
	if (flags & BCH_SUBVOL_FLAG_ro)
		prt_str(out, " ro");
	if (flags & BCH_SUBVOL_FLAG_snapshot)
		prt_str(out, " snapshot");
	if (dialect == BCH_TEXT_1_39)
		state_to_text(out, &s);
}

static const char *const subvol_flag_names[] = {"ro", "snapshot", "unlinked", NULL};

static void subvolume_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct bch_subvolume s;
	u32 state;

	bkey_val_read(k, &s, sizeof(s));
	state = bch_subvol_state(&s);
	json_bitflags(j, "flags", subvol_flag_names, le32_to_cpu(s.flags));
	if (state)
		json_str(j, "state", state_name(state));
	else
		json_fmt(j, "state", "0x%x", le32_to_cpu(s.state));
	json_u64(j, "root", le64_to_cpu(s.inode));
	json_u64(j, "snapshot_id", le32_to_cpu(s.snapshot));
	json_u64(j, "creation_parent", le32_to_cpu(s.creation_parent));
	json_u64(j, "fs_parent", le32_to_cpu(s.fs_path_parent));
	json_u64(j, "otime", le64_to_cpu(s.otime.lo));
}

static const struct bkey_ops subvolume_ops = {
	.validate = subvolume_validate,
	.to_text = subvolume_to_text,
	.to_json = subvolume_to_json,
};

void bch_subvolume_key_types_init(void)
{
	bch_bkey_ops_register(KEY_TYPE_subvolume, &subvolume_ops);
}
