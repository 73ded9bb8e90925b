/*
 * Labels: a tree of names that members hang on, stored in section disk_groups; targets: a device
 * or a label, in 12 bits (spec 01 section 12).
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "sb/labels.h"
#include "sb/members.h"
#include "sb/sb_sections.h"

#define LABEL_DEPTH_MAX 32

unsigned bch_labels_nr(const struct bch_sb *sb)
{
	const struct sb_disk_groups *g = sb_section_get(sb, disk_groups);

	return g ? sb_section_nr(g, entries) : 0;
}

/* NULL: no such label, or deleted. */
static struct sb_disk_group *label_get(const struct bch_sb *sb, unsigned idx)
{
	struct sb_disk_groups *g = sb_section_get(sb, disk_groups);

	if (!g || idx >= sb_section_nr(g, entries) || disk_group_deleted(&g->entries[idx]))
		return NULL;
	return &g->entries[idx];
}

static size_t label_len(const struct sb_disk_group *g)
{
	return strnlen((const char *)g->label, sizeof(g->label));
}

/* The child of @parent (index + 1, 0: root) called @name. */
static int child_find(const struct bch_sb *sb, unsigned parent, const char *name, size_t len)
{
	unsigned i, nr = bch_labels_nr(sb);

	for (i = 0; i < nr; i++) {
		const struct sb_disk_group *g = label_get(sb, i);

		if (g && disk_group_parent(g) == parent && label_len(g) == len &&
		    !memcmp(g->label, name, len))
			return i;
	}
	return -ENOENT;
}

/* An unused entry, made if there is none. */
static int entry_alloc(struct bch_sb_handle *h)
{
	struct sb_disk_groups *g = sb_section_get(h->sb, disk_groups);
	unsigned i, nr = bch_labels_nr(h->sb);

	for (i = 0; i < nr; i++)
		if (disk_group_deleted(&g->entries[i]))
			return i;
	g = sb_section_resize(h, disk_groups,
			      (sizeof(*g) + (nr + 1) * sizeof(g->entries[0])) / sizeof(u64));
	return g ? (int)nr : -BCH_ERR_ENOSPC_disk_label_add;
}

static int child_create(struct bch_sb_handle *h, unsigned parent, const char *name, size_t len)
{
	struct sb_disk_groups *g;
	int i = entry_alloc(h);

	if (i < 0)
		return i;
	g = sb_section_get(h->sb, disk_groups);
	memset(&g->entries[i], 0, sizeof(g->entries[i]));
	memcpy(g->entries[i].label, name, len);
	disk_group_set_data_allowed(&g->entries[i], 31);
	disk_group_set_parent(&g->entries[i], parent);
	return i;
}

/* Walk along @path; @h: make what is missing. */
static int path_walk(const struct bch_sb *sb, struct bch_sb_handle *h, const char *path)
{
	int idx = -1;

	while (true) {
		size_t len = strcspn(path, ".");
		int child;

		if (!len || len > sizeof(((struct sb_disk_group *)NULL)->label))
			return -EINVAL;
		child = child_find(h ? h->sb : sb, idx + 1, path, len);
		if (child < 0 && h)
			child = child_create(h, idx + 1, path, len);
		if (child < 0)
			return child;
		idx = child;
		path += len;
		if (!*path)
			return idx;
		path++;
	}
}

int bch_label_find(const struct bch_sb *sb, const char *path)
{
	return path_walk(sb, NULL, path);
}

/* Components of a path that can be stored; checked before anything is made. */
static bool path_valid(const char *path)
{
	while (true) {
		size_t len = strcspn(path, ".");

		if (!len || len > sizeof(((struct sb_disk_group *)NULL)->label))
			return false;
		path += len;
		if (!*path)
			return true;
		path++;
	}
}

int bch_label_create(struct bch_sb_handle *h, const char *path)
{
	return path_valid(path) ? path_walk(NULL, h, path) : -EINVAL;
}

void bch_label_path_to_text(struct printbuf *out, const struct bch_sb *sb, unsigned idx)
{
	const struct sb_disk_group *chain[LABEL_DEPTH_MAX];
	unsigned depth = 0, at = idx;

	do {
		const struct sb_disk_group *g = label_get(sb, at);

		if (!g || depth == ARRAY_SIZE(chain)) {
			prt_printf(out, "invalid label %u", idx);
			return;
		}
		chain[depth++] = g;
		at = disk_group_parent(g) - 1;
	} while (disk_group_parent(chain[depth - 1]));

	while (depth--) {
		prt_bytes(out, chain[depth]->label, label_len(chain[depth]));
		if (depth)
			prt_char(out, '.');
	}
}

bool bch_label_name(const struct bch_sb *sb, unsigned idx, struct printbuf *out)
{
	const struct sb_disk_groups *g = sb_section_get(sb, disk_groups);

	if (!g || idx >= sb_section_nr(g, entries))
		return false;
	prt_bytes(out, g->entries[idx].label, label_len(&g->entries[idx]));
	return true;
}

bool bch_label_has_dev(const struct bch_sb *sb, unsigned idx, unsigned dev)
{
	struct bch_member m = bch_member_get(sb, dev);
	unsigned depth, group = member_group(&m);

	if (dev >= sb->nr_devices || !bch_member_alive(&m))
		return false;
	for (depth = 0; group && depth < LABEL_DEPTH_MAX; depth++) {
		const struct sb_disk_group *g = label_get(sb, group - 1);

		if (!g)
			return false;
		if (group - 1 == idx)
			return true;
		group = disk_group_parent(g);
	}
	return false;
}

/* --- targets --- */

void bch_target_to_text(struct printbuf *out, const struct bch_sb *sb, unsigned target)
{
	unsigned dev = target - BCH_TARGET_DEV_START;

	if (!target) {
		prt_str(out, "none");
	} else if (bch_target_is_label(target)) {
		bch_label_path_to_text(out, sb, target - BCH_TARGET_GROUP_START);
	} else if (bch_member_exists(sb, dev)) {
		struct bch_member m = bch_member_get(sb, dev);

		prt_str(out, "Device ");
		prt_uuid(out, m.uuid);
		prt_printf(out, " (%u)", dev);
	} else {
		prt_printf(out, "Bad device %u", dev);
	}
}

int bch_target_parse(const struct bch_sb *sb, const char *text, u64 *target)
{
	struct printbuf uuid = PRINTBUF;
	unsigned i;
	int label;

	*target = 0;
	if (!*text || !strcmp(text, "none"))
		return 0;
	for (i = 0; i < sb->nr_devices && !*target; i++) {
		struct bch_member m = bch_member_get(sb, i);

		printbuf_reset(&uuid);
		prt_uuid(&uuid, m.uuid);
		if (bch_member_alive(&m) && !strcmp(text, printbuf_str(&uuid)))
			*target = bch_target_of_dev(i);
	}
	printbuf_exit(&uuid);
	if (*target)
		return 0;
	label = bch_label_find(sb, text);
	if (label < 0)
		return -EINVAL;
	*target = bch_target_of_label(label);
	return 0;
}

bool bch_target_has_dev(const struct bch_sb *sb, unsigned target, unsigned dev)
{
	if (!target)
		return bch_member_exists(sb, dev);
	if (bch_target_is_label(target))
		return bch_label_has_dev(sb, target - BCH_TARGET_GROUP_START, dev);
	return target == bch_target_of_dev(dev) && bch_member_exists(sb, dev);
}

/* --- the section --- */

static int members_labels_validate(const struct bch_sb *sb, const struct sb_disk_groups *g,
				   struct printbuf *err)
{
	unsigned i, nr = sb_section_nr(g, entries);

	for (i = 0; i < sb->nr_devices; i++) {
		struct bch_member m = bch_member_get(sb, i);
		unsigned group = member_group(&m);

		if (!group || !bch_member_alive(&m))
			continue;
		if (group > nr) {
			prt_printf(err, "disk %u has invalid label %u (have %u)", i, group - 1, nr);
			return -BCH_ERR_invalid_sb_disk_groups;
		}
		if (disk_group_deleted(&g->entries[group - 1])) {
			prt_printf(err, "disk %u has deleted label %u", i, group - 1);
			return -BCH_ERR_invalid_sb_disk_groups;
		}
	}
	return 0;
}

/* By parent and name; what is deleted comes last. */
static int cmp_labels(const void *a, const void *b)
{
	const struct sb_disk_group *l = *(const struct sb_disk_group *const *)a;
	const struct sb_disk_group *r = *(const struct sb_disk_group *const *)b;
	u64 lp = disk_group_parent(l), rp = disk_group_parent(r);

	if (disk_group_deleted(l) != disk_group_deleted(r))
		return disk_group_deleted(l) ? 1 : -1;
	if (lp != rp)
		return lp < rp ? -1 : 1;
	return memcmp(l->label, r->label, sizeof(l->label));
}

static int duplicates_validate(const struct sb_disk_groups *g, struct printbuf *err)
{
	unsigned i, nr = sb_section_nr(g, entries);
	const struct sb_disk_group **sorted = kcalloc(nr + 1, sizeof(*sorted), GFP_KERNEL);
	int ret = 0;

	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		sorted[i] = &g->entries[i];
	sort(sorted, nr, sizeof(*sorted), cmp_labels, NULL);
	for (i = 0; i + 1 < nr && !disk_group_deleted(sorted[i + 1]) && !ret; i++)
		if (!cmp_labels(&sorted[i], &sorted[i + 1])) {
			prt_printf(err, "duplicate label %llu.%.*s", disk_group_parent(sorted[i]),
				   (int)label_len(sorted[i]), sorted[i]->label);
			ret = -BCH_ERR_invalid_sb_disk_groups;
		}
	kfree(sorted);
	return ret;
}

static int disk_groups_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
				struct printbuf *err)
{
	const struct sb_disk_groups *g = (const void *)s;
	unsigned i, nr = sb_section_nr(g, entries);
	int ret = members_labels_validate(sb, g, err);

	for (i = 0; !ret && i < nr; i++)
		if (!disk_group_deleted(&g->entries[i]) && !label_len(&g->entries[i])) {
			prt_printf(err, "label %u empty", i);
			ret = -BCH_ERR_invalid_sb_disk_groups;
		}
	return ret ?: duplicates_validate(g, err);
}

static void disk_groups_to_text(struct printbuf *out, const struct bch_sb *sb,
				const struct sb_section *s)
{
	const struct sb_disk_groups *g = (const void *)s;
	unsigned i;

	for (i = 0; i < sb_section_nr(g, entries); i++) {
		const struct sb_disk_group *e = &g->entries[i];

		prt_str(out, i ? " " : "");
		if (disk_group_deleted(e))
			prt_str(out, "[deleted]");
		else
			prt_printf(out, "[parent %llu name %.*s]", disk_group_parent(e),
				   (int)label_len(e), e->label);
	}
}

static void disk_groups_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	const struct sb_disk_groups *g = (const void *)s;
	unsigned i;

	json_array_begin(j, "labels");
	for (i = 0; i < sb_section_nr(g, entries); i++) {
		const struct sb_disk_group *e = &g->entries[i];

		json_object_begin(j, NULL);
		if (disk_group_deleted(e)) {
			json_bool(j, "deleted", true);
		} else {
			json_u64(j, "parent", disk_group_parent(e));
			json_strn(j, "name", e->label, label_len(e));
		}
		json_object_end(j);
	}
	json_array_end(j);
}

const struct bch_sb_section_ops bch_sb_disk_groups_ops = {
	.validate = disk_groups_validate,
	.to_text = disk_groups_to_text,
	.to_json = disk_groups_to_json,
};
