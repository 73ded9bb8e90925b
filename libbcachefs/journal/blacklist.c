/*
 * Blacklisted journal sequence numbers (spec 04 section 7): a sorted table of disjoint ranges,
 * from the superblock and from what recovery drops. There are few, and most numbers asked for
 * are above the last range: that is tested first.
 */
#include "journal/blacklist.h"

#include <linux/string.h>

#include "format/sb.h"
#include "journal/journal.h"
#include "sb/fs.h"
#include "sb/super.h"

/* Index of the first range whose end is behind @seq (or at it, with @touch). */
static size_t blacklist_search(const struct journal_blacklist *b, u64 seq, bool touch)
{
	size_t lo = 0, hi = b->ranges.nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		u64 end = b->ranges.data[mid].end;

		if (end > seq || (touch && end == seq))
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

int journal_blacklist_add(struct journal_blacklist *b, u64 start, u64 end)
{
	size_t first, last;

	if (start >= end)
		return 0;
	first = last = blacklist_search(b, start, true);
	while (last < b->ranges.nr && b->ranges.data[last].start <= end) {
		start = min(start, b->ranges.data[last].start);
		end = max(end, b->ranges.data[last].end);
		last++;
	}
	if (first == last && darray_make_room(&b->ranges, 1))
		return -ENOMEM;
	memmove(b->ranges.data + first + 1, b->ranges.data + last,
		(b->ranges.nr - last) * sizeof(b->ranges.data[0]));
	b->ranges.nr -= last - first;
	b->ranges.nr++;
	b->ranges.data[first] = (struct blacklist_range){start, end};
	return 0;
}

const struct blacklist_range *journal_blacklist_find(const struct journal_blacklist *b, u64 seq)
{
	size_t i;

	if (!b->ranges.nr || seq >= darray_last(b->ranges).end)
		return NULL;
	i = blacklist_search(b, seq, false);
	return b->ranges.data[i].start <= seq ? &b->ranges.data[i] : NULL;
}

bool journal_blacklist_covers(const struct journal_blacklist *b, u64 start, u64 end)
{
	while (start < end) {
		const struct blacklist_range *r = journal_blacklist_find(b, start);

		if (!r)
			return false;
		start = r->end;
	}
	return true;
}

bool bch_journal_seq_is_blacklisted(const struct bch_fs *c, u64 seq)
{
	return c->journal && journal_blacklist_find(&c->journal->blacklist, seq);
}

int bch_journal_blacklist_read(struct bch_fs *c)
{
	const struct sb_journal_seq_blacklist *s = sb_section_get(c->sb->sb, journal_seq_blacklist);
	int ret = 0;

	for (size_t i = 0; s && i < sb_section_nr(s, ranges) && !ret; i++)
		ret = journal_blacklist_add(&c->journal->blacklist, le64_to_cpu(s->ranges[i].start),
					    le64_to_cpu(s->ranges[i].end));
	return ret;
}
