/*
 * Index of a bset and search in it.
 *
 * The tree compares "prefixes": the position's fields, each limited to the range in which the
 * landmarks have it and reduced to as many bits as that range needs, side by side; the top 48 bits
 * of that. It never decreases from one position to a larger one. So a landmark with a smaller
 * prefix than the wanted position's is below it, one with a larger prefix is not, and where they
 * are equal keys must be compared.
 *
 * Keys are compared in the node's format: a position is an integer of at most 160 bits, here in
 * words from the top ("aligned"). A packed key is below an aligned position exactly if its top
 * words are, whatever lies in the key behind the position bits.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include "btree/bset.h"
#include "util/eytzinger.h"

#define CACHE_LINE  64
#define POS_WORDS   3
#define PREFIX_MASK (~(u64)U16_MAX) /* the other bits of a slot are an offset */
#define BLOCK_U64s  (BSET_BLOCK_BYTES / 8)
#define MAX_U64s    ((unsigned)U16_MAX) /* what a bset header can say */

/* What is searched for, in the node's format. */
struct search {
	struct bpos pos;
	u64 below[POS_WORDS]; /* packed keys below this are those below pos ... */
	bool all_below;	      /* ... or all packed keys are */
};

static inline unsigned pos_words(const struct bkey_unpacker *u)
{
	return u->key_bits <= 64 ? 1 : u->key_bits <= 128 ? 2 : 3;
}

/* The three position fields, offsets subtracted, as one aligned integer. */
static inline void align_fields(const struct bkey_unpacker *u, u64 w[POS_WORDS], u64 inode,
				u64 offset, u64 snapshot)
{
	const u8 *bits = u->format.bits_per_field;
	unsigned snapshot_bits = bits[BKEY_FIELD_SNAPSHOT];
	unsigned top_bits = bits[BKEY_FIELD_INODE] + bits[BKEY_FIELD_OFFSET];
	unsigned __int128 top = (unsigned __int128)inode << bits[BKEY_FIELD_OFFSET] | offset;

	w[2] = 0;
	if (u->key_bits <= 128) {
		top = top << snapshot_bits | snapshot;
		top = u->key_bits ? top << (128 - u->key_bits) : 0;
	} else {
		unsigned room = 128 - top_bits, rest = snapshot_bits - room; /* 1..32 */

		top = top << room | snapshot >> rest;
		w[2] = snapshot << (64 - rest);
	}
	w[0] = top >> 64;
	w[1] = top;
}

static inline bool align_exact(const struct bkey_unpacker *u, u64 w[POS_WORDS], struct bpos pos)
{
	const __le64 *offsets = u->format.field_offset;
	/* A value below the field's offset becomes huge: fields of valid formats end before. */
	u64 inode = pos.inode - le64_to_cpu(offsets[BKEY_FIELD_INODE]);
	u64 offset = pos.offset - le64_to_cpu(offsets[BKEY_FIELD_OFFSET]);
	u64 snapshot = pos.snapshot - le64_to_cpu(offsets[BKEY_FIELD_SNAPSHOT]);

	if (inode > u->mask[BKEY_FIELD_INODE] || offset > u->mask[BKEY_FIELD_OFFSET] ||
	    snapshot > u->mask[BKEY_FIELD_SNAPSHOT])
		return false;
	align_fields(u, w, inode, offset, snapshot);
	return true;
}

/* The next larger position of the format; true when there is none. */
static bool aligned_increment(u64 w[POS_WORDS], unsigned key_bits)
{
	u64 unit;

	if (!key_bits)
		return true;
	unit = 1ULL << (-key_bits & 63);
	for (unsigned i = (key_bits + 63) / 64; i--; unit = 1) {
		w[i] += unit;
		if (w[i])
			return false;
	}
	return true;
}

/* A position that the format cannot represent: the next larger one, if there is one. */
static noinline void search_init_between(struct search *s, const struct bkey_unpacker *u)
{
	u64 packed[BKEY_U64s];
	struct bkey_packed *p = (struct bkey_packed *)packed;

	memset(s->below, 0, sizeof(s->below));
	if (bch_bkey_pack_pos_lossy(&u->format, p, s->pos) == BKEY_PACK_POS_SMALLER) {
		align_exact(u, s->below, bch_bkey_unpack_pos(&u->format, p));
		s->all_below = aligned_increment(s->below, u->key_bits);
	}
}

static inline void search_init(struct search *s, const struct bkey_unpacker *u, struct bpos pos)
{
	s->pos = pos;
	s->all_below = false;
	if (unlikely(!align_exact(u, s->below, pos)))
		search_init_between(s, u);
}

/* The wanted position's or a landmark's prefix in the top 48 bits; @p is from first to last. */
static inline u64 prefix(const struct bset_index *t, struct bpos p)
{
	const struct bset_prefix *x = &t->prefix;
	u64 offset = p.offset, snapshot = clamp(p.snapshot, x->min.snapshot, x->max.snapshot);

	if (unlikely(offset < x->min.offset)) {
		offset = x->min.offset;
		snapshot = x->min.snapshot;
	} else if (unlikely(offset > x->max.offset)) {
		offset = x->max.offset;
		snapshot = x->max.snapshot;
	}
	return (rol64(p.inode - x->min.inode, x->rotate[BKEY_FIELD_INODE]) &
		x->mask[BKEY_FIELD_INODE]) |
	       (rol64(offset - x->min.offset, x->rotate[BKEY_FIELD_OFFSET]) &
		x->mask[BKEY_FIELD_OFFSET]) |
	       (rol64(snapshot - x->min.snapshot, x->rotate[BKEY_FIELD_SNAPSHOT]) &
		x->mask[BKEY_FIELD_SNAPSHOT]);
}

/* Is the key @p below the position? @words: pos_words(). */
static __always_inline bool key_below(const struct bkey_unpacker *u, const struct search *s,
				      const struct bkey_packed *p, unsigned words, bool mixed)
{
	const u64 *w = (const u64 *)p + u->format.key_u64s;

	if (mixed && unlikely(!bkey_p_is_packed(p)))
		return bpos_lt(((const struct bkey *)p)->p, s->pos);
	if (mixed && unlikely(s->all_below))
		return true;
	if (words > 1 && w[-1] == s->below[0]) {
		if (words > 2 && w[-2] == s->below[1])
			return w[-3] < s->below[2];
		return w[-2] < s->below[1];
	}
	return w[-1] < s->below[0];
}

static __always_inline const struct bkey_packed *
scan_words(const struct bkey_unpacker *u, const struct search *s, const struct bkey_packed *p,
	   const struct bkey_packed *end, unsigned words, bool mixed)
{
	while (p != end && key_below(u, s, p, words, mixed))
		p = bkey_p_next(p);
	return p;
}

/* The first key from @p on that is not below. */
static const struct bkey_packed *scan(const struct bset_index *t, const struct bkey_unpacker *u,
				      const struct search *s, const struct bkey_packed *p)
{
	const struct bkey_packed *end = bset_end(t);

	/* One loop each, without questions that have the same answer for all keys. */
	if (unlikely(!t->all_packed || s->all_below))
		return scan_words(u, s, p, end, pos_words(u), true);
	switch (pos_words(u)) {
	case 1:
		return scan_words(u, s, p, end, 1, false);
	case 2:
		return scan_words(u, s, p, end, 2, false);
	default:
		return scan_words(u, s, p, end, 3, false);
	}
}

static const struct bkey_packed *landmark(const struct bset_index *t, unsigned rank)
{
	return (const void *)(t->keys + t->landmarks[rank]);
}

/*
 * The last landmark below the position, or the one at it, comparing keys. @lo: the first key, or a
 * landmark below. Looks near @lo first.
 */
static noinline const struct bkey_packed *landmark_search(const struct bset_index *t,
							  const struct bkey_unpacker *u,
							  const struct search *s, unsigned lo)
{
	unsigned words = pos_words(u), step = 1, hi;

	while (lo + step <= t->nr && key_below(u, s, landmark(t, lo + step), words, true)) {
		lo += step;
		step *= 2;
	}
	hi = min(lo + step, t->nr + 1U);
	while (hi - lo > 1) {
		unsigned mid = (lo + hi) / 2;

		if (key_below(u, s, landmark(t, mid), words, true))
			lo = mid;
		else
			hi = mid;
	}
	/* Positions of a bset differ: a landmark at the wanted one is what is looked for. */
	if (hi <= t->nr && bpos_eq(bch_bkey_unpack_pos(&u->format, landmark(t, hi)), s->pos))
		return landmark(t, hi);
	return landmark(t, lo);
}

/* A key at or before the wanted one, and in the same block. */
static inline const struct bkey_packed *
tree_search(const struct bset_index *t, const struct bkey_unpacker *u, const struct search *s)
{
	u64 wanted = prefix(t, s->pos);
	const u64 *block;
	unsigned n = t->nr, i = 1;

	while (i <= n) {
		__builtin_prefetch(t->tree + i * (CACHE_LINE / sizeof(u64)));
		i = 2 * i + (t->tree[i] < wanted);
	}
	i >>= __builtin_ctz(~i) + 1;
	if (!i)
		return landmark(t, n);
	if (unlikely((t->tree[i] & PREFIX_MASK) == wanted))
		return landmark_search(t, u, s, eytzinger_to_rank(i, n) - 1);
	block = t->keys + (u16)t->tree[i];
	for (unsigned line = CACHE_LINE; line < BSET_BLOCK_BYTES; line += CACHE_LINE)
		__builtin_prefetch((const u8 *)block + line);
	return (const void *)block;
}

struct bkey_packed *bch_bset_search(const struct bset_index *t, const struct bkey_unpacker *u,
				    struct bpos pos)
{
	const struct bkey_packed *p = bset_start(t);
	struct search s;

	if (unlikely(!t->u64s || bpos_le(pos, t->first)))
		return bset_start(t);
	if (unlikely(bpos_lt(t->last, pos)))
		return bset_end(t);
	search_init(&s, u, pos);
	if (t->tree)
		p = tree_search(t, u, &s);
	else if (t->landmarks)
		p = landmark_search(t, u, &s, 0);
	return (struct bkey_packed *)scan(t, u, &s, p);
}

struct bkey_packed *bch_bset_prev(const struct bset_index *t, const struct bkey_packed *p)
{
	const struct bkey_packed *prev = NULL, *i = bset_start(t);
	unsigned at = (const u64 *)p - t->keys, lo = 0, hi = t->nr + 1;

	if (t->landmarks) {
		while (hi - lo > 1) {
			unsigned mid = (lo + hi) / 2;

			if (t->landmarks[mid] < at)
				lo = mid;
			else
				hi = mid;
		}
		i = landmark(t, lo);
	}
	for (; i < p; i = bkey_p_next(i))
		prev = i;
	return (struct bkey_packed *)prev;
}

/* ---- Building ---- */

/* With @tree also what a bset that does not change has. */
static int alloc_index(struct bset_index *t, unsigned max_u64s, bool tree)
{
	size_t slots = max_u64s / BLOCK_U64s + 1;
	size_t tree_bytes = tree ? slots * sizeof(*t->tree) : 0;

	t->mem = kvmalloc(tree_bytes + slots * sizeof(*t->landmarks) + CACHE_LINE, GFP_KERNEL);
	if (!t->mem)
		return -ENOMEM;
	t->landmarks = (u16 *)(round_up((unsigned long)t->mem, CACHE_LINE) + tree_bytes);
	t->max = slots - 1;
	if (tree)
		t->tree = (u64 *)round_up((unsigned long)t->mem, CACHE_LINE);
	return 0;
}

/* The first key of each block. */
static void find_landmarks(struct bset_index *t)
{
	const struct bkey_packed *p = bset_start(t);
	unsigned next = 0, nr = 0;

	for (; p != bset_end(t); p = bkey_p_next(p)) {
		unsigned at = (u64 *)p - t->keys;

		t->all_packed &= bkey_p_is_packed(p);
		if (t->landmarks && at >= next) {
			t->landmarks[nr++] = at;
			next = round_down(at, BLOCK_U64s) + BLOCK_U64s;
		}
	}
	t->nr = nr ? nr - 1 : 0;
}

static void find_ends(struct bset_index *t, const struct bkey_unpacker *u)
{
	if (!t->u64s)
		return;
	t->first = bch_bkey_unpack_pos(&u->format, bset_start(t));
	t->last = bch_bkey_unpack_pos(&u->format, bch_bset_prev(t, bset_end(t)));
}

/* The range of each field over the landmarks and the last key. */
static void prefix_ranges(struct bset_prefix *x, const struct bset_index *t,
			  const struct bkey_unpacker *u)
{
	x->min = bpos_min(t->first, t->last);
	x->max = t->last;
	for (unsigned i = 0; i <= t->nr; i++) {
		struct bpos p = bch_bkey_unpack_pos(&u->format, landmark(t, i));

		x->min.inode = min(x->min.inode, p.inode);
		x->max.inode = max(x->max.inode, p.inode);
		x->min.offset = min(x->min.offset, p.offset);
		x->max.offset = max(x->max.offset, p.offset);
		x->min.snapshot = min(x->min.snapshot, p.snapshot);
		x->max.snapshot = max(x->max.snapshot, p.snapshot);
	}
}

/* Fields side by side from bit 63 on; what falls below the prefix's lowest bit is dropped. */
static void prefix_layout(struct bset_prefix *x)
{
	const u64 span[3] = {
		x->max.inode - x->min.inode,
		x->max.offset - x->min.offset,
		x->max.snapshot - x->min.snapshot,
	};
	int top = 64;

	for (unsigned i = 0; i < ARRAY_SIZE(span) && top > 0; i++) {
		int low = top - fls64(span[i]);
		u64 below_top = U64_MAX >> (64 - top);
		u64 below_low = low > 0 ? U64_MAX >> (64 - low) : 0;

		x->rotate[i] = low & 63;
		x->mask[i] = (below_top & ~below_low) & PREFIX_MASK;
		top = low;
	}
}

static void fill_tree(struct bset_index *t, const struct bkey_unpacker *u)
{
	unsigned rank = 1;

	prefix_ranges(&t->prefix, t, u);
	prefix_layout(&t->prefix);
	for (unsigned i = eytzinger_first(t->nr); i; i = eytzinger_next(i, t->nr), rank++)
		t->tree[i] = prefix(t, bch_bkey_unpack_pos(&u->format, landmark(t, rank))) |
			     t->landmarks[rank - 1];
}

int bch_bset_index_init(struct bset_index *t, const struct bkey_unpacker *u, struct bset_keys set)
{
	int ret = 0;

	*t = (struct bset_index){.keys = set.keys, .u64s = set.u64s, .all_packed = true};
	if (set.u64s >= BLOCK_U64s && set.u64s <= MAX_U64s)
		ret = alloc_index(t, set.u64s, true);
	find_landmarks(t);
	find_ends(t, u);
	if (t->tree)
		fill_tree(t, u);
	return ret;
}

void bch_bset_index_exit(struct bset_index *t)
{
	kvfree(t->mem);
	*t = (struct bset_index){};
}

/* ---- Bsets that change ---- */

int bch_bset_index_init_writable(struct bset_index *t, u64 *keys, unsigned max_u64s)
{
	*t = (struct bset_index){.keys = keys, .all_packed = true};
	return alloc_index(t, min(max_u64s, MAX_U64s), false);
}

static void landmark_insert(struct bset_index *t, unsigned rank, unsigned at)
{
	memmove(t->landmarks + rank + 1, t->landmarks + rank,
		(t->nr + 1 - rank) * sizeof(*t->landmarks));
	t->landmarks[rank] = at;
	t->nr++;
}

static void landmark_remove(struct bset_index *t, unsigned rank)
{
	memmove(t->landmarks + rank, t->landmarks + rank + 1,
		(t->nr - rank) * sizeof(*t->landmarks));
	t->nr--;
}

/* The block of landmark @rank may have become too long: one more landmark in it. */
static void split_block(struct bset_index *t, unsigned rank)
{
	unsigned start = t->landmarks[rank], at = start;
	unsigned end = rank < t->nr ? t->landmarks[rank + 1] : t->u64s;

	if (end - start <= 2 * BLOCK_U64s)
		return;
	if (t->nr == t->max) {
		/* Many short blocks, left by keys that went. */
		find_landmarks(t);
		return;
	}
	while (at < start + BLOCK_U64s)
		at += ((const struct bkey_packed *)(t->keys + at))->u64s;
	if (at < end)
		landmark_insert(t, rank + 1, at);
}

/* Landmarks after the key at @at changed its size from @old to @new u64s. */
static void move_landmarks(struct bset_index *t, unsigned at, unsigned old, unsigned new)
{
	unsigned rank = t->nr + 1;

	if (!t->landmarks)
		return;
	if (t->u64s == new) { /* the only key */
		t->landmarks[0] = 0;
		t->nr = 0;
		return;
	}
	while (rank && t->landmarks[rank - 1] > at)
		t->landmarks[--rank] += new - old;
	rank--;
	if (!new && t->landmarks[rank] == at) {
		/* The landmark is now the next key, or the end. */
		bool twice = rank < t->nr && t->landmarks[rank + 1] == at;

		if (twice || (rank && at == t->u64s))
			landmark_remove(t, rank);
	}
	if (new)
		split_block(t, rank);
}

void bch_bset_replace(struct bset_index *t, const struct bkey_unpacker *u,
		      struct bkey_packed *where, const struct bkey_packed *key)
{
	unsigned at = (u64 *)where - t->keys, old = 0, new = key ? key->u64s : 0;
	u64 *dst = (u64 *)where;
	bool overwrites = where != bset_end(t) && (!key || !bch_bkey_p_cmp(&u->format, where, key));

	if (overwrites)
		old = where->u64s;
	memmove(dst + new, dst + old, (t->u64s - at - old) * sizeof(u64));
	if (key) {
		memcpy(dst, key, new * sizeof(u64));
		t->all_packed &= bkey_p_is_packed(key);
	}
	t->u64s += new - old;
	move_landmarks(t, at, old, new);
	find_ends(t, u);
}
