/*
 * The superblock section `clean` (spec 04 section 8): what a clean shutdown leaves, so that the
 * journal need not be read. It holds the same sub-entries as a journal entry.
 */
#include "journal/clean.h"

#include <linux/string.h>

#include "btree/state.h"
#include "format/errcode.h"
#include "format/sb.h"
#include "journal/entry_text.h"
#include "journal/journal.h"
#include "journal/validate.h"
#include "sb/super.h"

static struct jset_entry *clean_start(const struct sb_clean *clean)
{
	return (struct jset_entry *)clean->entries;
}

static bool entry_is_empty(const struct jset_entry *e)
{
	return e->type == JSET_ENTRY_btree_keys && !e->u64s;
}

static int clean_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			  struct printbuf *err)
{
	const struct sb_clean *clean = (const struct sb_clean *)s;
	u64 *end = sb_section_end(s);

	if (sb_section_bytes(s) < sizeof(*clean)) {
		prt_printf(err, "wrong size (got %zu should be %zu)", sb_section_bytes(s),
			   sizeof(*clean));
		return -BCH_ERR_invalid_sb_clean;
	}
	for (struct jset_entry *e = clean_start(clean); (u64 *)e < end; e = jset_entry_next(e))
		if (jset_entry_u64s(e) > end - (u64 *)e) {
			prt_str(err, "entry type ");
			bch_jset_entry_type_to_text(err, e->type);
			prt_str(err, " overruns end of section");
			return -BCH_ERR_invalid_sb_clean;
		}
	return 0;
}

/*
 * A copy of the section whose sub-entries are valid, so that they may be looked into; NULL without
 * memory. The caller frees it.
 */
static struct sb_clean *clean_dup(const struct bch_sb *sb, const struct sb_clean *clean,
				  struct bch_jset_check *ck)
{
	size_t bytes = sb_section_bytes(&clean->head);
	struct sb_clean *copy = kmalloc(bytes, GFP_KERNEL);
	unsigned offset = 0, total = (bytes - sizeof(*clean)) / sizeof(u64);

	if (!copy)
		return NULL;
	memcpy(copy, clean, bytes);
	ck->in_sb = true;
	ck->version = le16_to_cpu(sb->version);
	ck->big_endian = sb_big_endian(sb);
	while (offset < total) {
		struct jset_entry *e = (struct jset_entry *)(copy->entries + offset);
		unsigned u64s = jset_entry_u64s(e);

		bch_jset_entry_validate(ck, e, offset, total);
		offset += u64s;
	}
	return copy;
}

static void clean_to_text(struct printbuf *out, const struct bch_sb *sb, const struct sb_section *s)
{
	struct bch_jset_check ck = {};
	struct sb_clean *clean = clean_dup(sb, (const struct sb_clean *)s, &ck);

	if (!clean)
		return;
	prt_printf(out, "flags:          %x\n", le32_to_cpu(clean->flags));
	prt_printf(out, "journal_seq:    %llu\n", le64_to_cpu(clean->journal_seq));
	for_each_jset_entry(e, clean_start(clean), sb_section_end(&clean->head)) {
		if (entry_is_empty(e))
			continue;
		bch_jset_entry_to_text(out, NULL, e);
		prt_newline(out);
	}
	kfree(clean);
}

static void clean_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	struct bch_jset_check ck = {};
	struct sb_clean *clean = clean_dup(sb, (const struct sb_clean *)s, &ck);

	if (!clean)
		return;
	json_u64(j, "flags", le32_to_cpu(clean->flags));
	json_u64(j, "journal_seq", le64_to_cpu(clean->journal_seq));
	json_array_begin(j, "entries");
	for_each_jset_entry(e, clean_start(clean), sb_section_end(&clean->head))
		if (!entry_is_empty(e))
			bch_jset_entry_to_json(j, NULL, e);
	json_array_end(j);
	kfree(clean);
}

void bch_journal_sections_register(void)
{
	static const struct bch_sb_section_ops ops = {
		.validate = clean_validate,
		.to_text = clean_to_text,
		.to_json = clean_to_json,
	};

	bch_sb_section_ops_register(SB_SECTION_clean, &ops);
}

static void clean_found(struct bch_jset_check *ck, const struct finding *f)
{
	struct bch_fs *c = ck->arg;

	bch_log(c, "%s", printbuf_str(f->text));
	c->nr_errors++;
}

static void btree_root_take(struct bch_fs *c, const struct jset_entry *e)
{
	const struct bkey_i *k = e->u64s ? (const struct bkey_i *)e->data : NULL;

	if (e->btree_id >= BTREE_ID_NR_MAX)
		bch_log(c, "invalid btree id %u (max %u)", e->btree_id, BTREE_ID_NR_MAX);
	else if (!bch_btree_root_set(c, e->btree_id, e->level, k))
		return;
	else
		bch_log(c, "invalid root of btree %u, level %u", e->btree_id, e->level);
	c->nr_errors++;
}

int bch_journal_entry_take(struct bch_fs *c, const struct jset_entry *e)
{
	struct bch_journal *j = c->journal;

	switch (e->type) {
	case JSET_ENTRY_btree_root:
		btree_root_take(c, e);
		return 0;
	case JSET_ENTRY_usage:
		if (e->btree_id == FS_USAGE_key_version)
			j->key_version = le64_to_cpu(((const struct jset_usage *)e->data)->v);
		return 0;
	case JSET_ENTRY_clock: {
		const struct jset_clock *clock = (const void *)e->data;

		j->clock[clock->rw] = le64_to_cpu(clock->time);
		return 0;
	}
	case JSET_ENTRY_blacklist: {
		u64 seq = le64_to_cpu(((const struct jset_blacklist *)e->data)->seq);

		return journal_blacklist_add(&j->blacklist, seq, max(seq, seq + 1));
	}
	case JSET_ENTRY_blacklist_v2: {
		const struct jset_blacklist_v2 *b = (const void *)e->data;

		u64 end = le64_to_cpu(b->end);

		return journal_blacklist_add(&j->blacklist, le64_to_cpu(b->start),
					     max(end, end + 1));
	}
	}
	return 0;
}

int bch_clean_section_take(struct bch_fs *c, u64 *seq)
{
	const struct bch_sb *sb = c->sb->sb;
	const struct sb_clean *section = sb_section_get(sb, clean);
	struct bch_jset_check ck = {.c = c, .found = clean_found, .arg = c};
	struct sb_clean *clean;
	int ret = 0;

	if (!section) {
		bch_log(c, "superblock marked clean but clean section not present");
		return -BCH_ERR_invalid_sb_clean;
	}
	clean = clean_dup(sb, section, &ck);
	if (!clean)
		return -ENOMEM;
	*seq = le64_to_cpu(clean->journal_seq);
	for_each_jset_entry(e, clean_start(clean), sb_section_end(&clean->head)) {
		ret = bch_journal_entry_take(c, e);
		if (ret)
			break;
	}
	kfree(clean);
	return ret;
}
