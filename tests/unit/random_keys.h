/*
 * Random valid formats and packed keys, and the definition of unpacking and ordering spelled out
 * bit by bit (spec 02 section 2.2): slow, and obviously right.
 */
#ifndef _BCH_TESTS_UNIT_RANDOM_KEYS_H
#define _BCH_TESTS_UNIT_RANDOM_KEYS_H

#include <linux/kernel.h>
#include "btree/bkey.h"

static u64 random_state = 0x9e3779b97f4a7c15;

static inline u64 random_u64(void)
{
	u64 z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static inline u64 random_below(u64 n)
{
	return random_u64() % n;
}

static inline u64 random_ones(unsigned bits)
{
	return bits ? U64_MAX >> (64 - bits) : 0;
}

/* All widths alike often: small numbers, large ones, ends. */
static inline u64 random_width(unsigned bits)
{
	return random_u64() & random_ones(random_below(bits + 1));
}

static inline struct bkey_format random_format(void)
{
	struct bkey_format f = {.nr_fields = BKEY_NR_FIELDS};
	unsigned total = 24, style = random_below(3);

	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++) {
		unsigned width = bch_bkey_field_bits[i], bits = random_below(width + 1);
		u64 room;

		if (style == 0 || (style == 1 && random_below(4)))
			bits = bits / 8 * 8;
		if (!random_below(4))
			bits = 0;
		room = random_ones(width) - random_ones(bits);
		f.bits_per_field[i] = bits;
		f.field_offset[i] = cpu_to_le64(min(random_width(width), room));
		total += bits;
	}
	f.key_u64s = (total + 63) / 64;
	return f;
}

/* A packed key of @f with @val_u64s words behind, all random; room for 5 + val_u64s words. */
static inline void random_packed(const struct bkey_format *f, u64 *w, unsigned val_u64s)
{
	struct bkey_packed *p = (struct bkey_packed *)w;

	for (unsigned i = 0; i < f->key_u64s + val_u64s; i++)
		w[i] = random_below(4) ? random_u64() : random_width(64);
	p->u64s = f->key_u64s + val_u64s;
	p->format = KEY_FORMAT_LOCAL_BTREE | (random_below(2) ? KEY_NEEDS_WHITEOUT : 0);
	p->type = random_u64();
}

static inline unsigned reference_bit(const void *key, unsigned bit)
{
	return ((const u8 *)key)[bit / 8] >> (bit % 8) & 1;
}

static inline struct bkey reference_unpack(const struct bkey_format *f, const void *key)
{
	const u8 *head = key;
	unsigned pos = f->key_u64s * 64;
	u64 v[BKEY_NR_FIELDS];

	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++) {
		v[i] = 0;
		for (unsigned b = 0; b < f->bits_per_field[i]; b++)
			v[i] = v[i] << 1 | reference_bit(key, --pos);
		v[i] += le64_to_cpu(f->field_offset[i]);
	}
	return (struct bkey){
		.u64s = head[0] - f->key_u64s + BKEY_U64s,
		.format = KEY_FORMAT_CURRENT,
		.type = head[2],
		.bversion = {.hi = v[BKEY_FIELD_VERSION_HI], .lo = v[BKEY_FIELD_VERSION_LO]},
		.size = v[BKEY_FIELD_SIZE],
		.p = SPOS(v[BKEY_FIELD_INODE], v[BKEY_FIELD_OFFSET], v[BKEY_FIELD_SNAPSHOT]),
	};
}

#endif

/* Keys of @f, sorted, with positions close to each other and far; some unpacked, some deleted. */
struct random_set {
	u64 *keys;
	unsigned u64s, nr;
};

static inline int random_pos_cmp(const void *l, const void *r)
{
	return bpos_cmp(*(const struct bpos *)l, *(const struct bpos *)r);
}

/* A position of the format or, one in @wild, any. */
static inline struct bpos random_near_pos(const struct bkey_format *f, unsigned wild)
{
	u64 v[3];

	for (unsigned i = 0; i < 3; i++) {
		v[i] = random_width(f->bits_per_field[i]) + le64_to_cpu(f->field_offset[i]);
		if (wild && !random_below(wild))
			v[i] = random_below(2) ? v[i] + random_below(3) - 1 :
						 random_width(bch_bkey_field_bits[i]);
	}
	return SPOS(v[0], v[1], v[2]);
}

static inline void random_set_init(struct random_set *s, const struct bkey_format *f, unsigned nr,
				   unsigned wild, unsigned max_val_u64s)
{
	struct bpos *pos = malloc((nr + 1) * sizeof(*pos));

	s->keys = malloc((nr + 1) * (BKEY_U64s + max_val_u64s) * sizeof(u64));
	s->u64s = s->nr = 0;
	for (unsigned i = 0; i < nr; i++)
		pos[i] = random_near_pos(f, wild);
	qsort(pos, nr, sizeof(*pos), random_pos_cmp);
	for (unsigned i = 0; i < nr; i++) {
		struct bkey_packed *p = (void *)(s->keys + s->u64s);
		struct bkey k = {.u64s = BKEY_U64s + random_below(max_val_u64s + 1),
				 .format = 1,
				 .type = random_below(4),
				 .p = pos[i]};

		if (i && bpos_eq(pos[i], pos[i - 1]))
			continue;
		k.size = le64_to_cpu(f->field_offset[BKEY_FIELD_SIZE]);
		k.bversion.hi = le64_to_cpu(f->field_offset[BKEY_FIELD_VERSION_HI]);
		k.bversion.lo = le64_to_cpu(f->field_offset[BKEY_FIELD_VERSION_LO]);
		if ((wild && !random_below(wild * 4)) || !bch_bkey_pack_key(f, p, &k))
			memcpy(p, &k, sizeof(k));
		for (unsigned v = bkey_p_key_u64s(f, p); v < p->u64s; v++)
			((u64 *)p)[v] = random_u64();
		s->u64s += p->u64s;
		s->nr++;
	}
	free(pos);
}

static inline void random_set_exit(struct random_set *s)
{
	free(s->keys);
}
