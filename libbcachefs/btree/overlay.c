/*
 * The journal overlay (spec 02 section 25, 04 section 9): a sorted array over copies of the keys.
 */
#include <linux/bug.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/bkey.h"
#include "btree/overlay.h"
#include "btree/state.h"

#define OVERLAY_CHUNK_BYTES (1U << 18)

struct overlay_chunk {
	struct overlay_chunk *next;
	u32 used; /* words */
	u64 words[OVERLAY_CHUNK_BYTES / sizeof(u64)];
};

static struct bkey_i *overlay_room(struct btree_overlay *o, unsigned u64s)
{
	struct overlay_chunk *chunk = o->chunks;
	struct bkey_i *k;

	if (!chunk || chunk->used + u64s > ARRAY_SIZE(chunk->words)) {
		chunk = kvmalloc(sizeof(*chunk), GFP_KERNEL);
		if (!chunk)
			return NULL;
		chunk->used = 0;
		chunk->next = o->chunks;
		o->chunks = chunk;
	}
	k = (struct bkey_i *)&chunk->words[chunk->used];
	chunk->used += u64s;
	return k;
}

int bch_overlay_add(struct bch_fs *c, unsigned btree, unsigned level, const struct bkey_i *k,
		    u64 seq, u32 offset)
{
	struct btree_overlay *o = &c->btree->overlay;
	struct bkey_i *copy;

	if (btree >= BTREE_ID_NR_MAX || level >= BTREE_MAX_DEPTH || k->k.u64s < BKEY_U64s)
		return -BCH_ERR_invalid;
	copy = overlay_room(o, k->k.u64s);
	if (!copy)
		return -ENOMEM;
	bkey_i_copy(copy, k);
	if (copy->k.type == KEY_TYPE_btree_ptr_v2 && copy->k.u64s > BKEY_U64s)
		((struct bch_btree_ptr_v2 *)copy->v)->mem_ptr = 0;
	o->sorted = false;
	o->nr_added++;
	return darray_push(&o->keys, (struct overlay_key){
					     .k = copy,
					     .seq = seq,
					     .offset = offset,
					     .btree = btree,
					     .level = level,
				     });
}

/* Order of places, blind to how new the keys are. */
static int cmp_place(const struct overlay_key *l, const struct overlay_key *r)
{
	if (l->btree != r->btree)
		return l->btree < r->btree ? -1 : 1;
	if (l->level != r->level)
		return l->level < r->level ? -1 : 1;
	return bpos_cmp(l->k->k.p, r->k->k.p);
}

static int cmp_keys(const void *_l, const void *_r)
{
	const struct overlay_key *l = _l, *r = _r;

	return cmp_place(l, r) ?: u64_cmp(l->seq, r->seq) ?: u64_cmp(l->offset, r->offset);
}

static bool is_delta(const struct overlay_key *k)
{
	return k->k->k.type == KEY_TYPE_accounting;
}

void bch_overlay_sort(struct bch_fs *c)
{
	struct btree_overlay *o = &c->btree->overlay;
	size_t i = o->keys.nr, kept = o->keys.nr;
	struct overlay_key *keys = o->keys.data;

	if (o->sorted)
		return;
	sort(keys, o->keys.nr, sizeof(*keys), cmp_keys, NULL);
	while (i--) {
		if (kept < o->keys.nr && !cmp_place(&keys[i], &keys[kept]) &&
		    !(is_delta(&keys[i]) && is_delta(&keys[kept])))
			continue;
		keys[--kept] = keys[i];
	}
	o->keys.nr -= kept;
	if (kept)
		memmove(keys, keys + kept, o->keys.nr * sizeof(*keys));
	o->sorted = true;
}

void bch_overlay_clear(struct bch_fs *c)
{
	struct btree_overlay *o = &c->btree->overlay;

	while (o->chunks) {
		struct overlay_chunk *next = o->chunks->next;

		kvfree(o->chunks);
		o->chunks = next;
	}
	darray_exit(&o->keys);
	o->nr_added = 0;
	o->sorted = false;
}

size_t bch_overlay_seek(const struct btree_overlay *o, unsigned btree, unsigned level,
			struct bpos pos)
{
	const struct bkey_i at = {.k.p = pos};
	const struct overlay_key want = {.k = &at, .btree = btree, .level = level};
	size_t lo = 0, hi = o->keys.nr;

	BUG_ON(hi && !o->sorted);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cmp_place(&o->keys.data[mid], &want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The index behind all keys at the place of keys.data[@i]. */
static size_t end_of_place(const struct btree_overlay *o, size_t i)
{
	size_t first = i;

	while (i < o->keys.nr && !cmp_place(&o->keys.data[first], &o->keys.data[i]))
		i++;
	return i;
}

const struct overlay_key *bch_overlay_lookup(const struct btree_overlay *o, unsigned btree,
					     unsigned level, struct bpos pos)
{
	size_t i = bch_overlay_seek(o, btree, level, pos);
	const struct overlay_key *k;

	if (!overlay_key_is_of(o, i, btree, level) || !bpos_eq(o->keys.data[i].k->k.p, pos))
		return NULL;
	k = &o->keys.data[end_of_place(o, i) - 1];
	return k->overwritten ? NULL : k;
}

static void add_counters(struct bkey_i *sum, const u64 *v, unsigned nr)
{
	__le64 *counters = (__le64 *)sum->v;
	unsigned have = sum->k.u64s - BKEY_U64s;

	for (unsigned i = have; i < nr; i++)
		counters[i] = 0;
	for (unsigned i = 0; i < nr; i++)
		le64_add_cpu(&counters[i], le64_to_cpu((__le64)v[i]));
	sum->k.u64s = BKEY_U64s + max(have, nr);
}

size_t bch_overlay_sum_accounting(const struct btree_overlay *o, size_t i,
				  const struct bkey_view *base, struct bkey_i *out)
{
	size_t end = end_of_place(o, i);

	if (base && base->k->type == KEY_TYPE_accounting) {
		bkey_reassemble(out, *base);
	} else {
		bkey_init_pos(&out->k, o->keys.data[i].k->k.p);
		out->k.type = KEY_TYPE_accounting;
	}
	for (; i < end; i++) {
		const struct bkey_i *k = o->keys.data[i].k;

		if (o->keys.data[i].overwritten ||
		    bversion_cmp(k->k.bversion, out->k.bversion) <= 0)
			continue;
		add_counters(out, k->v, k->k.u64s - BKEY_U64s);
		out->k.bversion = k->k.bversion;
	}
	return end;
}
