/*
 * What a scrub checks outside of the btrees (spec 06 section 14): superblock copies, the layout,
 * and the journal's entries that would be replayed. All but the layout were read when the
 * filesystem was opened; what was found then is told here.
 */
#include <linux/blkdev.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "data/data.h"
#include "data/scrub_state.h"
#include "format/errcode.h"
#include "journal/holes.h"
#include "journal/journal.h"
#include "sb/super.h"

/* One thing was looked at; @why: what is wrong, or NULL. */
static int fixed_add(struct bch_scrub *s, struct bch_scrub_item item, const char *why, int err,
		     u8 remedy)
{
	struct bch_scrub_finding f = {.item = item, .why = why, .remedy = remedy, .err = err};
	struct bch_scrub_dev *dev = &s->devs[item.dev];

	if (!why) {
		dev->bytes[item.kind] += (u64)item.sectors << 9;
		return 0;
	}
	f.fault = err ? SCRUB_io : SCRUB_checksum;
	bch_scrub_count(dev, remedy);
	return darray_push(&s->findings, f);
}

static int check_layout(struct bch_scrub *s, struct bch_dev *ca)
{
	struct bch_scrub_item item = {
		.dev = ca->idx, .kind = SCRUB_layout, .sector = BCH_SB_LAYOUT_SECTOR, .sectors = 1};
	const struct bch_sb_layout *expected = &ca->sb->sb->layout;
	u8 *buf = kmalloc(512, GFP_KERNEL);
	const char *why = NULL;
	int ret;

	if (!buf)
		return -ENOMEM;
	/* A filesystem that came from a migration has it elsewhere. */
	if (le64_to_cpu(expected->sb_offset[0]) != BCH_SB_SECTOR) {
		kfree(buf);
		return 0;
	}
	ret = bch_dev_read(s->c, ca->idx, BCH_SB_LAYOUT_SECTOR, buf, 512);
	if (ret)
		why = "read error";
	else if (memcmp(buf, expected, sizeof(*expected)))
		why = "differs from the one in the superblock";
	ret = fixed_add(s, item, why, ret, SCRUB_other_copy);
	kfree(buf);
	return ret;
}

static int check_supers(struct bch_scrub *s, struct bch_dev *ca)
{
	const struct bch_sb_handle *h = ca->sb;
	struct bch_scrub_item item = {
		.dev = ca->idx, .kind = SCRUB_super, .sectors = DIV_ROUND_UP(sb_bytes(h->sb), 512)};
	const struct bch_sb_layout *l = &h->sb->layout;
	unsigned i, k;
	int ret = 0;

	for (k = 0; k < min_t(unsigned, l->nr_superblocks, BCH_SB_LAYOUT_NR) && !ret; k++) {
		const char *why = "not there";
		int err = 0;

		item.sector = le64_to_cpu(l->sb_offset[k]);
		for (i = 0; i < h->nr_copies; i++) {
			const struct bch_sb_copy *copy = &h->copies[i];

			if (copy->sector != item.sector)
				continue;
			err = copy->err == -EIO ? -EIO : 0;
			why = err				   ? "read error" :
			      copy->err				   ? bch_err_sentence(copy->err) :
			      copy->seq != le64_to_cpu(h->sb->seq) ? "older than the others" :
								     NULL;
		}
		ret = fixed_add(s, item, why, err, SCRUB_other_copy);
	}
	return ret;
}

/* Entries that count have to be good in each place where they are. */
static int check_journal(struct bch_scrub *s)
{
	struct bch_journal *j = s->c->journal;
	int ret = 0;

	if (!j)
		return 0;
	darray_for_each(j->entries, _e) {
		const struct journal_entry *e = *_e;

		if (e->state != JOURNAL_ENTRY_DIRTY && e->state != JOURNAL_ENTRY_BAD)
			continue;
		darray_for_each(e->ptrs, p) {
			struct bch_scrub_item item = {.dev = p->dev,
						      .kind = SCRUB_journal,
						      .sector = p->sector,
						      .sectors = DIV_ROUND_UP(e->bytes, 512),
						      .seq = e->seq};

			if (ret || !bch_scrub_wants_dev(s, p->dev))
				continue;
			ret = fixed_add(s, item, p->csum_good ? NULL : "checksum mismatch", 0,
					e->csum_good ? SCRUB_other_copy : SCRUB_lost);
		}
	}
	return ret;
}

static int hole_found(void *arg, const struct journal_hole *hole)
{
	struct bch_scrub *s = arg;
	struct bch_scrub_item item = {.dev = hole->dev,
				      .kind = SCRUB_journal,
				      .sector = hole->sector,
				      .sectors = hole->sectors,
				      .seq = hole->seq};

	if (!bch_scrub_wants_dev(s, hole->dev))
		return 0;
	return fixed_add(s, item, "there is no entry, but must have been one", 0,
			 hole->lost ? SCRUB_lost : SCRUB_other_copy);
}

/* Entries that even the header of is gone. A clean filesystem needs none. */
static int check_journal_holes(struct bch_scrub *s)
{
	struct bch_journal *j = s->c->journal;

	return j && !s->c->clean && j->replay_last ? bch_journal_holes(s->c, hole_found, s) : 0;
}

int bch_scrub_check_fixed(struct bch_scrub *s)
{
	int ret = 0;

	for (unsigned i = 0; i < s->c->nr_devices && !ret; i++) {
		struct bch_dev *ca = bch_dev(s->c, i);

		if (bch_scrub_wants_dev(s, i) && ca->sb)
			ret = check_supers(s, ca) ?: check_layout(s, ca);
	}
	return ret ?: check_journal(s) ?: check_journal_holes(s);
}
