/*
 * Fast unpacking of the keys of one node: a format, prepared.
 *
 * bkey.c unpacks any key by a loop over the format's fields. A node has thousands of keys of one
 * format: bch_unpacker_init() looks at it once and chooses the best of three functions: machine
 * code made for the widths of its fields (jit.h), else one unaligned load, shift and mask a field,
 * else, for fields that no 8-byte load covers, the loop. All give the same 40 bytes.
 */
#ifndef _BCH_BTREE_UNPACK_H
#define _BCH_BTREE_UNPACK_H

#include "btree/bkey.h"

struct bkey_unpacker;

/* Unpack the header of the packed key @p; reads key_u64s words of it, writes all of @k. */
typedef void (*bch_unpack_fn)(const struct bkey_unpacker *u, struct bkey *k,
			      const struct bkey_packed *p);

struct bkey_unpacker {
	struct bkey constant; /* what all keys of the format share; fields of 0 bits are valid */
	bch_unpack_fn fn;
	/* Field i: (8 bytes from byte load[i] on >> shift[i]) & mask[i]. */
	u8 load[BKEY_NR_FIELDS];
	u8 shift[BKEY_NR_FIELDS];
	/* What a search needs, side by side. */
	u8 key_bits; /* bkey_format_key_bits() */
	struct bkey_format format;
	u64 mask[BKEY_NR_FIELDS];
};

/* @f is valid (bch_bkey_format_validate()). */
void bch_unpacker_init(struct bkey_unpacker *u, const struct bkey_format *f);

/* The choices by name, to measure and to test: NULL when one cannot do this format. */
bch_unpack_fn bch_unpack_loop(const struct bkey_unpacker *u);
bch_unpack_fn bch_unpack_windows(const struct bkey_unpacker *u);

static inline void bkey_unpack_packed(const struct bkey_unpacker *u, struct bkey *k,
				      const struct bkey_packed *p)
{
	u->fn(u, k, p);
}

/* Any key of the node; as bch_bkey_unpack_key(). */
static inline void bkey_unpack_header(const struct bkey_unpacker *u, struct bkey *k,
				      const struct bkey_packed *p)
{
	if (likely(bkey_p_is_packed(p))) {
		u->fn(u, k, p);
	} else {
		memcpy(k, p, sizeof(*k));
		k->format = KEY_FORMAT_CURRENT;
	}
}

/* Header at @k, value where it lies in the node: valid as long as both. */
static inline struct bkey_view bkey_unpack_view(const struct bkey_unpacker *u, struct bkey *k,
						const struct bkey_packed *p)
{
	bkey_unpack_header(u, k, p);
	return (struct bkey_view){k, bkey_p_val(&u->format, p)};
}

#endif
