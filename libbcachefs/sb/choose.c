/*
 * Several devices, one filesystem: which superblock is the newest, and do the others belong to it
 * (spec 01 sections 17.2, 17.3).
 */
#include <linux/string.h>
#include "sb/members.h"
#include "sb/super.h"

static u64 seq_of(const struct bch_sb *sb)
{
	return le64_to_cpu(sb->seq);
}

static bool newer_than(const struct bch_sb *a, const struct bch_sb *b)
{
	if (seq_of(a) != seq_of(b))
		return seq_of(a) > seq_of(b);
	return le64_to_cpu(a->write_time) > le64_to_cpu(b->write_time);
}

static void split_brain_between(struct printbuf *notes, const char *name, const char *best_name)
{
	prt_printf(notes, "Split brain detected between %s and %s:\n", name, best_name);
}

static void prt_dated(struct printbuf *notes, const char *name, const struct bch_sb *sb)
{
	prt_printf(notes, "%s ", name);
	prt_date(notes, le64_to_cpu(sb->write_time));
	prt_newline(notes);
}

/* Were the two written to apart from each other? @drop: then @sb will not be used. */
static bool split_brain(const struct bch_sb *sb, const char *name, const struct bch_sb *best,
			const char *best_name, bool drop, struct printbuf *notes)
{
	struct bch_member m = bch_member_get(best, sb->dev_idx);
	u64 seen = le64_to_cpu(m.seq);

	if (le16_to_cpu(sb->version) < BCH_VERSION_member_seq ||
	    le16_to_cpu(best->version) < BCH_VERSION_member_seq)
		return false;
	if (sb->seq == best->seq && sb->write_time != best->write_time) {
		split_brain_between(notes, name, best_name);
		prt_printf(notes, "seq=%llu but write_time different, got\n", seq_of(sb));
		prt_dated(notes, best_name, best);
		prt_dated(notes, name, sb);
		if (drop)
			prt_str(notes, "Not using older sb\n");
		return true;
	}
	if (seen && seen < seq_of(sb)) {
		split_brain_between(notes, name, best_name);
		prt_printf(notes, "%s believes seq of %s to be %llu, but %s has %llu\n", best_name,
			   name, seen, name, seq_of(sb));
		if (drop)
			prt_printf(notes, "Not using %s\n", name);
		return true;
	}
	return false;
}

static int member_check(const struct bch_sb *sb, const char *name, const struct bch_sb *best,
			const char *best_name, bool no_splitbrain_check, struct printbuf *notes)
{
	if (memcmp(sb->uuid, best->uuid, sizeof(sb->uuid)))
		return -BCH_ERR_device_not_a_member_of_filesystem;
	if (!bch_member_exists(best, sb->dev_idx))
		return -BCH_ERR_device_has_been_removed;
	if (sb->block_size != best->block_size)
		return -BCH_ERR_mismatched_block_size;
	if (split_brain(sb, name, best, best_name, !no_splitbrain_check, notes) &&
	    !no_splitbrain_check)
		return -BCH_ERR_device_splitbrain;
	return 0;
}

int bch_sb_choose(struct bch_sb_handle *const *h, const char *const *names, unsigned nr,
		  bool no_splitbrain_check, int *errs, struct printbuf *notes)
{
	unsigned i, best = 0;
	int ret = 0;

	for (i = 1; i < nr; i++)
		if (newer_than(h[i]->sb, h[best]->sb))
			best = i;
	for (i = nr; i-- && !ret;) {
		errs[i] = 0;
		if (i == best)
			continue;
		errs[i] = member_check(h[i]->sb, names[i], h[best]->sb, names[best],
				       no_splitbrain_check, notes);
		if (errs[i] && errs[i] != -BCH_ERR_device_has_been_removed &&
		    errs[i] != -BCH_ERR_device_splitbrain)
			ret = errs[i];
	}
	return ret ?: (int)best;
}
