/*
 * Sections replicas and replicas_v0: over which devices there may be data of each type (spec 01
 * sections 10.3, 10.7).
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "format/data_type.h"
#include "sb/members.h"
#include "sb/sb_sections.h"

/* An entry of either version, of a fixed size, so that it can be sorted bytewise. */
struct entry {
	u8 data_type, nr_devs, nr_required;
	u8 devs[U8_MAX];
};

static bool is_v0(const struct sb_section *s)
{
	return le32_to_cpu(s->type) == SB_SECTION_replicas_v0;
}

/*
 * The entry at @p, zero padded; the position behind it, or NULL at the end of the list. An entry
 * that runs over the section's end ends it too.
 */
static const u8 *entry_get(const struct sb_section *s, const u8 *p, struct entry *e)
{
	const u8 *end = sb_section_end(s);
	size_t head = is_v0(s) ? 2 : 3;

	if (p + head > end || !p[0] || p + head + p[1] > end)
		return NULL;
	*e = (struct entry){p[0], p[1], is_v0(s) ? 1 : p[2]};
	memcpy(e->devs, p + head, e->nr_devs);
	return p + head + e->nr_devs;
}

static const u8 *entries_start(const struct sb_section *s)
{
	return ((const struct sb_replicas *)s)->entries;
}

u64 bch_sb_dev_has_data(const struct bch_sb *sb, unsigned idx)
{
	const struct sb_section *s = bch_sb_section(sb, SB_SECTION_replicas) ?:
					     bch_sb_section(sb, SB_SECTION_replicas_v0);
	struct entry e;
	const u8 *p;
	u64 types = 0;

	if (!s)
		return 0;
	for (p = entries_start(s); (p = entry_get(s, p, &e));)
		if (memchr(e.devs, idx, e.nr_devs) && e.data_type < 64)
			types |= 1ULL << e.data_type;
	return types;
}

bool bch_sb_data_may_be_missing(const struct bch_sb *sb, unsigned data_type, const bool *online)
{
	const struct sb_section *s = bch_sb_section(sb, SB_SECTION_replicas) ?:
					     bch_sb_section(sb, SB_SECTION_replicas_v0);
	struct entry e;
	const u8 *p;

	if (!s)
		return false;
	for (p = entries_start(s); (p = entry_get(s, p, &e));) {
		unsigned i = 0;

		while (i < e.nr_devs && !online[e.devs[i]])
			i++;
		if (e.data_type == data_type && e.nr_devs && i == e.nr_devs)
			return true;
	}
	return false;
}

static void type_to_text(struct printbuf *out, unsigned data_type)
{
	if (data_type < BCH_DATA_NR)
		prt_str(out, bch_data_type_names[data_type]);
	else
		prt_printf(out, "(unknown data_type %u)", data_type);
}

static void entry_to_text(struct printbuf *out, const struct entry *e, bool v0)
{
	unsigned i;

	type_to_text(out, e->data_type);
	if (v0)
		prt_printf(out, ": %u [", e->nr_devs);
	else
		prt_printf(out, ": %u/%u [", e->nr_required, e->nr_devs);
	for (i = 0; i < e->nr_devs; i++)
		prt_printf(out, i ? " %u" : "%u", e->devs[i]);
	prt_char(out, ']');
}

/* What is missing of one entry: spec 01 section 17.4 step 3. */
static bool entry_suffices(const struct bch_sb *sb, const struct entry *e, const bool *online,
			   unsigned flags, unsigned *nr_online)
{
	bool meta = e->data_type < BCH_DATA_user;
	unsigned i, gone = 0;

	*nr_online = 0;
	for (i = 0; i < e->nr_devs; i++) {
		struct bch_member m = bch_member_get(sb, e->devs[i]);

		if (online[e->devs[i]])
			++*nr_online;
		else if (!bch_member_exists(sb, e->devs[i]) ||
			 member_state(&m) == BCH_MEMBER_STATE_failed)
			gone++;
	}
	if (e->data_type == BCH_DATA_cached || *nr_online + gone == e->nr_devs)
		return true;
	if (*nr_online < e->nr_required)
		return flags & (meta ? SB_METADATA_LOST : SB_DATA_LOST);
	return flags & (meta ? SB_METADATA_DEGRADED : SB_DATA_DEGRADED);
}

int bch_sb_may_start(const struct bch_sb *sb, const bool *online, unsigned flags,
		     struct printbuf *err)
{
	const struct sb_section *s = bch_sb_section(sb, SB_SECTION_replicas) ?:
					     bch_sb_section(sb, SB_SECTION_replicas_v0);
	unsigned i, nr_online, nr_missing = 0;
	struct entry e;
	const u8 *p;

	for (i = 0; i < sb->nr_devices && !flags; i++) {
		struct bch_member m = bch_member_get(sb, i);

		if (!bch_member_alive(&m) || online[i] || member_state(&m) > BCH_MEMBER_STATE_ro)
			continue;
		prt_str(err, nr_missing++ ? ", " : "");
		bch_member_missing_to_text(err, sb, i);
	}
	if (nr_missing)
		return -BCH_ERR_insufficient_devices_to_start;
	for (p = s ? entries_start(s) : NULL; p && (p = entry_get(s, p, &e));) {
		if (entry_suffices(sb, &e, online, flags, &nr_online))
			continue;
		prt_printf(err, "insufficient devices online (%u) for replicas entry ", nr_online);
		entry_to_text(err, &e, false);
		return -BCH_ERR_insufficient_devices_to_start;
	}
	return 0;
}

/* --- validation --- */

static int entry_validate(const struct bch_sb *sb, const struct entry *e, struct printbuf *err)
{
	unsigned i;

	if (!e->nr_devs) {
		prt_str(err, "no devices in entry ");
	} else if (e->nr_required > 1 && e->nr_required >= e->nr_devs) {
		prt_str(err, "bad nr_required in entry ");
	} else {
		for (i = 0; i < e->nr_devs; i++)
			if (e->devs[i] != BCH_DEV_INVALID && !bch_member_exists(sb, e->devs[i]))
				break;
		if (i == e->nr_devs)
			return 0;
		prt_printf(err, "invalid device %u in entry ", e->devs[i]);
	}
	entry_to_text(err, e, false);
	return -BCH_ERR_invalid_replicas_entry;
}

/* Pointers to entries of the section @priv, bytewise as if padded with zeros. */
static int cmp_entries(const void *a, const void *b, const void *priv)
{
	struct entry l = {}, r = {};

	entry_get(priv, *(const u8 *const *)a, &l);
	entry_get(priv, *(const u8 *const *)b, &r);
	return memcmp(&l, &r, sizeof(l));
}

static const u8 **entries_sorted(const struct sb_section *s, unsigned *nr)
{
	const u8 *p, *next, **sorted;
	struct entry e;

	*nr = 0;
	for (p = entries_start(s); (p = entry_get(s, p, &e));)
		++*nr;
	sorted = kcalloc(*nr + 1, sizeof(*sorted), GFP_KERNEL);
	if (!sorted)
		return NULL;
	*nr = 0;
	for (p = entries_start(s); (next = entry_get(s, p, &e)); p = next)
		sorted[(*nr)++] = p;
	sort_r(sorted, *nr, sizeof(*sorted), cmp_entries, NULL, s);
	return sorted;
}

static int replicas_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			     struct printbuf *err)
{
	const u8 **sorted;
	unsigned i, nr;
	struct entry e;
	int ret = 0;

	sorted = entries_sorted(s, &nr);
	if (!sorted)
		return -ENOMEM;
	for (i = 0; !ret && i < nr; i++) {
		entry_get(s, sorted[i], &e);
		ret = entry_validate(sb, &e, err);
		if (!ret && i + 1 < nr && !cmp_entries(&sorted[i], &sorted[i + 1], s)) {
			prt_str(err, "duplicate replicas entry ");
			entry_to_text(err, &e, false);
			ret = -BCH_ERR_invalid_sb_replicas;
		}
	}
	kfree(sorted);
	return ret;
}

/* --- text --- */

static void replicas_to_text(struct printbuf *out, const struct bch_sb *sb,
			     const struct sb_section *s)
{
	struct entry e;
	bool first = true;
	const u8 *p;

	for (p = entries_start(s); (p = entry_get(s, p, &e)); first = false) {
		prt_str(out, first ? "" : " ");
		entry_to_text(out, &e, is_v0(s));
	}
	prt_newline(out);
}

static void replicas_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	struct entry e;
	const u8 *p;
	unsigned i;

	json_array_begin(j, "entries");
	for (p = entries_start(s); (p = entry_get(s, p, &e));) {
		json_object_begin(j, NULL);
		if (e.data_type < BCH_DATA_NR)
			json_str(j, "data_type", bch_data_type_names[e.data_type]);
		else
			json_u64(j, "data_type", e.data_type);
		json_u64(j, "required", e.nr_required);
		json_array_begin(j, "devices");
		for (i = 0; i < e.nr_devs; i++)
			json_u64(j, NULL, e.devs[i]);
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

const struct bch_sb_section_ops bch_sb_replicas_v0_ops = {
	.validate = replicas_validate,
	.to_text = replicas_to_text,
	.to_json = replicas_to_json,
};

const struct bch_sb_section_ops bch_sb_replicas_ops = {
	.validate = replicas_validate,
	.to_text = replicas_to_text,
	.to_json = replicas_to_json,
};
