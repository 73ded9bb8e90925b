/*
 * Merging bsets.
 *
 * One cursor a bset; the cursors lie in an array in order of their keys, the next key last. In a
 * node one old bset is large and a few later ones are small: a long run of keys comes from the
 * same cursor, each compared with the head of the second cursor only and copied together.
 */
#include <linux/errno.h>
#include <linux/slab.h>
#include "btree/sort.h"

struct cursor {
	const struct bkey_packed *p, *end;
	unsigned set; /* higher: later */
};

struct merge {
	const struct bkey_unpacker *u;
	struct cursor *cursors;
	unsigned nr;
	unsigned flags;
	u64 *dst;
	const u64 *run, *run_end; /* keys that are to be copied next */
	struct bset_counts counts;
};

static inline int cmp(const struct merge *m, const struct bkey_packed *l,
		      const struct bkey_packed *r)
{
	const struct bkey_format *f = &m->u->format;

	if (likely(bkey_p_is_packed(l) && bkey_p_is_packed(r)))
		return bkey_cmp_bits((const u64 *)l, (const u64 *)r, f->key_u64s, m->u->key_bits);
	return bch_bkey_p_cmp(f, l, r);
}

/* Before the other one: a smaller position, or the same one in a later bset. */
static inline bool cursor_first(const struct merge *m, const struct cursor *l,
				const struct cursor *r)
{
	int c = cmp(m, l->p, r->p);

	return c ? c < 0 : l->set > r->set;
}

/* Bring the last cursor, which moved on, to its place; drop it at its end. */
static void cursors_fix(struct merge *m)
{
	struct cursor c = m->cursors[m->nr - 1];
	unsigned i = m->nr - 1;

	if (c.p == c.end) {
		m->nr--;
		return;
	}
	while (i && cursor_first(m, &m->cursors[i - 1], &c)) {
		m->cursors[i] = m->cursors[i - 1];
		i--;
	}
	m->cursors[i] = c;
}

static void flush_run(struct merge *m)
{
	size_t u64s = m->run_end - m->run;

	if (!u64s)
		return;
	memcpy(m->dst, m->run, u64s * sizeof(u64));
	m->dst += u64s;
	m->counts.u64s += u64s;
}

static inline void emit(struct merge *m, const struct bkey_packed *p)
{
	bool packed = bkey_p_is_packed(p);

	if (bkey_p_deleted(p) && !(m->flags & BSET_MERGE_KEEP_DELETED))
		return;
	if ((const u64 *)p != m->run_end) {
		flush_run(m);
		m->run = (const u64 *)p;
	}
	m->run_end = (const u64 *)bkey_p_next(p);
	m->counts.nr_packed += packed;
	m->counts.nr_unpacked += !packed;
}

/* The next key of the same bset is at the same position. */
static inline bool overwritten_in_set(const struct merge *m, const struct cursor *c)
{
	const struct bkey_packed *next = bkey_p_next(c->p);

	return bkey_p_deleted(c->p) && next != c->end && !cmp(m, c->p, next);
}

/* Keys of the last cursor that come before all others'. */
static void merge_run(struct merge *m)
{
	struct cursor *c = &m->cursors[m->nr - 1];
	const struct cursor *second = m->nr > 1 ? c - 1 : NULL;

	do {
		if (!overwritten_in_set(m, c))
			emit(m, c->p);
		c->p = bkey_p_next(c->p);
	} while (c->p != c->end && (!second || cmp(m, c->p, second->p) < 0));
}

/* The key of the last cursor is at the position of others, in older bsets: these lose. */
static void merge_equal(struct merge *m)
{
	const struct cursor *c = &m->cursors[m->nr - 1];
	const struct bkey_packed *winner = c->p, *next = bkey_p_next(winner);

	while (next != c->end && !cmp(m, winner, next)) {
		winner = next;
		next = bkey_p_next(next);
	}
	emit(m, winner);
	while (m->nr && !cmp(m, m->cursors[m->nr - 1].p, winner)) {
		m->cursors[m->nr - 1].p = bkey_p_next(m->cursors[m->nr - 1].p);
		cursors_fix(m);
	}
}

int bch_bset_merge(const struct bkey_unpacker *u, u64 *dst, const struct bset_keys *sets,
		   unsigned nr, unsigned flags, struct bset_counts *counts)
{
	struct merge m = {.u = u, .flags = flags, .dst = dst};

	m.cursors = kmalloc((nr ?: 1) * sizeof(*m.cursors), GFP_KERNEL);
	if (!m.cursors)
		return -ENOMEM;
	for (unsigned i = 0; i < nr; i++) {
		const void *keys = sets[i].keys;

		m.cursors[m.nr++] = (struct cursor){
			.p = keys,
			.end = keys + sets[i].u64s * sizeof(u64),
			.set = i,
		};
		cursors_fix(&m);
	}
	while (m.nr) {
		const struct cursor *c = &m.cursors[m.nr - 1];

		if (m.nr > 1 && !cmp(&m, c->p, c[-1].p)) {
			merge_equal(&m);
		} else {
			merge_run(&m);
			cursors_fix(&m);
		}
	}
	flush_run(&m);
	kfree(m.cursors);
	*counts = m.counts;
	return 0;
}
