/*
 * What of a btree is not as it should be (btree/damage.h). Ranges of one kind are kept apart from
 * each other, so that looking one up is a binary search.
 */
#include <linux/string.h>
#include "btree/damage.h"
#include "btree/state.h"

/* The first range that ends at or behind @pos. */
static size_t ranges_seek(const struct btree_ranges *r, struct bpos pos)
{
	size_t lo = 0, hi = r->d.nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (bpos_lt(r->d.data[mid].end, pos))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct btree_range *bch_btree_ranges_find(const struct btree_ranges *r, struct bpos pos)
{
	size_t i = ranges_seek(r, pos);

	return i < r->d.nr ? &r->d.data[i] : NULL;
}

int bch_btree_ranges_add(struct btree_ranges *r, struct bpos start, struct bpos end)
{
	size_t i = ranges_seek(r, bpos_eq(start, POS_MIN) ? start : bpos_predecessor(start));
	struct bpos behind = bpos_eq(end, SPOS_MAX) ? end : bpos_successor(end);
	size_t j = i;

	for (; j < r->d.nr && bpos_le(r->d.data[j].start, behind); j++) {
		start = bpos_min(start, r->d.data[j].start);
		end = bpos_max(end, r->d.data[j].end);
	}
	if (i == j) {
		if (darray_make_room(&r->d, 1))
			return -ENOMEM;
		memmove(&r->d.data[i + 1], &r->d.data[i], (r->d.nr - i) * sizeof(r->d.data[0]));
		r->d.nr++;
	} else if (j > i + 1) {
		memmove(&r->d.data[i + 1], &r->d.data[j], (r->d.nr - j) * sizeof(r->d.data[0]));
		r->d.nr -= j - i - 1;
	}
	r->d.data[i] = (struct btree_range){start, end};
	return 0;
}

int bch_btree_ranges_remove(struct btree_ranges *r, struct bpos start, struct bpos end)
{
	size_t i = ranges_seek(r, start), j;
	struct btree_range *d;

	if (darray_make_room(&r->d, 1))
		return -ENOMEM;
	d = r->d.data;
	if (i < r->d.nr && bpos_lt(d[i].start, start)) {
		if (bpos_gt(d[i].end, end)) {
			memmove(&d[i + 1], &d[i], (r->d.nr - i) * sizeof(*d));
			r->d.nr++;
			d[i + 1].start = bpos_successor(end);
		}
		d[i++].end = bpos_predecessor(start);
	}
	for (j = i; j < r->d.nr && bpos_le(d[j].end, end); j++)
		;
	if (j < r->d.nr && bpos_le(d[j].start, end))
		d[j].start = bpos_successor(end);
	memmove(&d[i], &d[j], (r->d.nr - j) * sizeof(*d));
	r->d.nr -= j - i;
	return 0;
}

void bch_btree_damage_add(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end,
			  enum btree_damage kind)
{
	struct bch_btree_state *s = c->btree;
	struct btree_damages *d;
	int ret = 0;

	if (btree >= ARRAY_SIZE(s->damage) || bpos_gt(start, end))
		return;
	mutex_lock(&s->damage_lock);
	d = s->damage[btree] ?: kzalloc(sizeof(*d), GFP_KERNEL);
	s->damage[btree] = d;
	ret = d ? bch_btree_ranges_add(&d->kinds[kind], start, end) : -ENOMEM;
	mutex_unlock(&s->damage_lock);
	if (ret)
		bch_log(c, "out of memory: damage of a btree is not remembered");
}

enum btree_damage bch_btree_damage(struct bch_fs *c, unsigned btree, struct bpos start,
				   struct bpos end)
{
	struct bch_btree_state *s = c->btree;
	const struct btree_range *r = NULL;
	int kind = BTREE_DAMAGE_NR;

	if (btree >= ARRAY_SIZE(s->damage))
		return BTREE_DAMAGE_none;
	mutex_lock(&s->damage_lock);
	while (s->damage[btree] && --kind > BTREE_DAMAGE_none) {
		r = bch_btree_ranges_find(&s->damage[btree]->kinds[kind], start);
		if (r && bpos_le(r->start, end))
			break;
	}
	mutex_unlock(&s->damage_lock);
	return kind == BTREE_DAMAGE_NR ? BTREE_DAMAGE_none : kind;
}

bool bch_btree_damage_next(struct bch_fs *c, unsigned btree, enum btree_damage kind,
			   struct bpos pos, struct btree_range *range)
{
	struct bch_btree_state *s = c->btree;
	const struct btree_range *r = NULL;

	if (btree >= ARRAY_SIZE(s->damage))
		return false;
	mutex_lock(&s->damage_lock);
	if (s->damage[btree])
		r = bch_btree_ranges_find(&s->damage[btree]->kinds[kind], pos);
	if (r)
		*range = (struct btree_range){bpos_max(r->start, pos), r->end};
	mutex_unlock(&s->damage_lock);
	return r;
}

const char *bch_btree_damage_name(enum btree_damage kind)
{
	static const char *const names[] = {
		[BTREE_DAMAGE_none] = "none",	      [BTREE_DAMAGE_unconfirmed] = "unconfirmed",
		[BTREE_DAMAGE_doubtful] = "doubtful", [BTREE_DAMAGE_older] = "older",
		[BTREE_DAMAGE_lost] = "lost",
	};

	return names[kind];
}

void bch_btree_damage_forget(struct bch_fs *c, unsigned btree, enum btree_damage kind)
{
	struct bch_btree_state *s = c->btree;

	mutex_lock(&s->damage_lock);
	if (s->damage[btree])
		darray_exit(&s->damage[btree]->kinds[kind].d);
	mutex_unlock(&s->damage_lock);
}

void bch_btree_damage_clear(struct bch_fs *c, unsigned btree, struct bpos start, struct bpos end)
{
	struct bch_btree_state *s = c->btree;
	int ret = 0;

	mutex_lock(&s->damage_lock);
	for (unsigned kind = 0; s->damage[btree] && kind < BTREE_DAMAGE_NR; kind++)
		ret = ret ?: bch_btree_ranges_remove(&s->damage[btree]->kinds[kind], start, end);
	mutex_unlock(&s->damage_lock);
	if (ret)
		bch_log(c, "out of memory: damage of a btree is remembered that is none");
}

void bch_btree_damage_exit(struct bch_fs *c)
{
	struct bch_btree_state *s = c->btree;

	for (unsigned id = 0; id < ARRAY_SIZE(s->damage); id++) {
		for (unsigned kind = 0; s->damage[id] && kind < BTREE_DAMAGE_NR; kind++)
			darray_exit(&s->damage[id]->kinds[kind].d);
		kfree(s->damage[id]);
		s->damage[id] = NULL;
	}
}
