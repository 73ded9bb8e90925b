/*
 * The numbers of upstream's search trees: one entry for each LINE bytes, in Eytzinger order; an
 * entry is a prefix of its key's packed position, as long as it takes to tell the nearest
 * ancestors on both sides apart, so all three must be packed.
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include "btree/bset_numbers.h"
#include "util/eytzinger.h"

#define LINE_BYTES	256
#define FIRST_KEY_BYTES 32 /* where lines count from, before the first key */
#define MAX_LINES	((FIRST_KEY_BYTES + U16_MAX * 8) / LINE_BYTES + 1)

/* Of each line from 1 on: is the first key at or behind its start packed? false: no such key. */
static bool lines_packed(struct bset_keys set, unsigned lines, unsigned long *packed)
{
	unsigned line = 1;

	for (unsigned at = 0; at < set.u64s && line < lines;) {
		const struct bkey_packed *p = (const void *)(set.keys + at);

		while (line < lines && FIRST_KEY_BYTES + at * 8 >= line * LINE_BYTES)
			__assign_bit(line++, packed, bkey_p_is_packed(p));
		at += p->u64s;
	}
	return line == lines;
}

struct bset_numbers bch_bset_numbers(const struct bkey_format *f, struct bset_keys set,
				     struct bpos min, struct bpos max)
{
	unsigned lines = (FIRST_KEY_BYTES + set.u64s * 8) / LINE_BYTES, n = lines - 1;
	struct bset_numbers ret = {};
	DECLARE_BITMAP(packed, MAX_LINES);
	u64 pos[BKEY_U64s];
	bool min_packs, max_packs;

	if (lines < 2 || lines > MAX_LINES || !lines_packed(set, lines, packed))
		return ret;
	min_packs = bch_bkey_pack_pos(f, (void *)pos, min);
	max_packs = bch_bkey_pack_pos(f, (void *)pos, max);
	for (unsigned i = 1; i <= n; i++) {
		unsigned left = eytzinger_left_bound(i), right = eytzinger_right_bound(i);
		bool usable = bkey_format_key_bits(f) && test_bit(eytzinger_to_rank(i, n), packed);

		usable &= left ? test_bit(eytzinger_to_rank(left, n), packed) : min_packs;
		usable &= right ? test_bit(eytzinger_to_rank(right, n), packed) : max_packs;
		ret.failed_unpacked += !usable;
	}
	ret.floats = n;
	return ret;
}
