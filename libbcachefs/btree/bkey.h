/*
 * Keys in memory: arithmetic of positions, walking, packing, unpacking and comparing (spec 02
 * sections 1 and 2).
 *
 * Whatever takes a struct bkey_format trusts it: formats from a device first pass
 * bch_bkey_format_validate(), after that no content of a key can make these functions read or
 * write outside of key_u64s words or loop. All functions are pure; none allocates or fails.
 * Little endian machines only: bset keys of the other byte order are converted on read (compat.h).
 */
#ifndef _BCH_BTREE_BKEY_H
#define _BCH_BTREE_BKEY_H

#include <linux/string.h>
#include "format/bkey.h"

struct printbuf;

/* ---- Positions: order of keys, node boundaries, equality of slots ---- */

static inline int u64_cmp(u64 l, u64 r)
{
	return (l > r) - (l < r);
}

static inline bool bpos_eq(struct bpos l, struct bpos r)
{
	return !((l.inode ^ r.inode) | (l.offset ^ r.offset) | (l.snapshot ^ r.snapshot));
}

static inline bool bpos_lt(struct bpos l, struct bpos r)
{
	if (l.inode != r.inode)
		return l.inode < r.inode;
	if (l.offset != r.offset)
		return l.offset < r.offset;
	return l.snapshot < r.snapshot;
}

static inline bool bpos_le(struct bpos l, struct bpos r)
{
	return !bpos_lt(r, l);
}

static inline bool bpos_gt(struct bpos l, struct bpos r)
{
	return bpos_lt(r, l);
}

static inline bool bpos_ge(struct bpos l, struct bpos r)
{
	return !bpos_lt(l, r);
}

/* Without the snapshot: negative, 0, positive. */
static inline int bkey_cmp(struct bpos l, struct bpos r)
{
	int c = u64_cmp(l.inode, r.inode);

	return c ? c : u64_cmp(l.offset, r.offset);
}

/* Negative, 0, positive. */
static inline int bpos_cmp(struct bpos l, struct bpos r)
{
	int c = bkey_cmp(l, r);

	return c ? c : u64_cmp(l.snapshot, r.snapshot);
}

static inline struct bpos bpos_min(struct bpos l, struct bpos r)
{
	return bpos_lt(r, l) ? r : l;
}

static inline struct bpos bpos_max(struct bpos l, struct bpos r)
{
	return bpos_lt(l, r) ? r : l;
}

/* ---- The other comparison, blind to snapshots: ends of iterators, overlap of extents ---- */

static inline bool bkey_eq(struct bpos l, struct bpos r)
{
	return !((l.inode ^ r.inode) | (l.offset ^ r.offset));
}

static inline bool bkey_lt(struct bpos l, struct bpos r)
{
	return l.inode != r.inode ? l.inode < r.inode : l.offset < r.offset;
}

static inline bool bkey_le(struct bpos l, struct bpos r)
{
	return !bkey_lt(r, l);
}

static inline bool bkey_gt(struct bpos l, struct bpos r)
{
	return bkey_lt(r, l);
}

static inline bool bkey_ge(struct bpos l, struct bpos r)
{
	return !bkey_lt(l, r);
}

static inline struct bpos bkey_min(struct bpos l, struct bpos r)
{
	return bkey_lt(r, l) ? r : l;
}

static inline struct bpos bkey_max(struct bpos l, struct bpos r)
{
	return bkey_lt(l, r) ? r : l;
}

/* ---- Neighbours; SPOS_MAX is its own successor, POS_MIN its own predecessor ---- */

/* p + 1 as inode:offset of 128 bits, snapshot 0; at the end: SPOS_MAX. */
static inline struct bpos bpos_nosnap_successor(struct bpos p)
{
	p.snapshot = 0;
	if (!++p.offset && !++p.inode)
		return SPOS_MAX;
	return p;
}

/* p - 1 as inode:offset of 128 bits, snapshot 0; at the start: POS_MIN. */
static inline struct bpos bpos_nosnap_predecessor(struct bpos p)
{
	p.snapshot = 0;
	if (!p.offset-- && !p.inode--)
		return POS_MIN;
	return p;
}

static inline struct bpos bpos_successor(struct bpos p)
{
	if (likely(p.snapshot != KEY_SNAPSHOT_MAX)) {
		p.snapshot++;
		return p;
	}
	return bpos_nosnap_successor(p);
}

static inline struct bpos bpos_predecessor(struct bpos p)
{
	if (p.snapshot) {
		p.snapshot--;
		return p;
	}
	if (bpos_eq(p, POS_MIN))
		return p;
	p = bpos_nosnap_predecessor(p);
	p.snapshot = KEY_SNAPSHOT_MAX;
	return p;
}

/* The byte-reversed 20 bytes: how a machine of the other byte order writes @p. */
static inline struct bpos bpos_swab(struct bpos p)
{
	u8 in[sizeof(p)], out[sizeof(p)];

	memcpy(in, &p, sizeof(p));
	for (unsigned i = 0; i < sizeof(p); i++)
		out[i] = in[sizeof(p) - 1 - i];
	memcpy(&p, out, sizeof(p));
	return p;
}

/* ---- Versions ---- */

static inline int bversion_cmp(struct bversion l, struct bversion r)
{
	return l.hi != r.hi ? u64_cmp(l.hi, r.hi) : u64_cmp(l.lo, r.lo);
}

static inline bool bversion_zero(struct bversion v)
{
	return !(v.hi | v.lo);
}

/* ---- Heads of keys, packed or not ---- */

/* A fresh deleted key at @p, without value. */
static inline void bkey_init_pos(struct bkey *k, struct bpos p)
{
	*k = (struct bkey){.u64s = BKEY_U64s, .format = KEY_FORMAT_CURRENT, .p = p};
}

static inline void bkey_init(struct bkey *k)
{
	bkey_init_pos(k, POS_MIN);
}

/* Where an extent starts (its p.offset is the end), in sectors; wraps on invalid keys. */
static inline u64 bkey_start_offset(const struct bkey *k)
{
	return k->p.offset - k->size;
}

static inline struct bpos bkey_start_pos(const struct bkey *k)
{
	return SPOS(k->p.inode, bkey_start_offset(k), k->p.snapshot);
}

static inline bool bkey_deleted(const struct bkey *k)
{
	return k->type == KEY_TYPE_deleted;
}

/* Deleted or an on-disk whiteout: nothing visible here. */
static inline bool bkey_whiteout(const struct bkey *k)
{
	return k->type == KEY_TYPE_deleted || k->type == KEY_TYPE_whiteout;
}

static inline bool bkey_is_extent(const struct bkey *k)
{
	return k->size != 0;
}

static inline struct bkey_i *bkey_i_next(const struct bkey_i *k)
{
	return (struct bkey_i *)((u64 *)k + k->k.u64s);
}

static inline size_t bkey_i_bytes(const struct bkey_i *k)
{
	return k->k.u64s * sizeof(u64);
}

static inline void bkey_i_copy(struct bkey_i *dst, const struct bkey_i *src)
{
	memcpy(dst, src, bkey_i_bytes(src));
}

/* Header and value apart -> one key at @dst, which has room for k.k->u64s words. */
static inline void bkey_reassemble(struct bkey_i *dst, struct bkey_view k)
{
	dst->k = *k.k;
	memcpy(dst->v, k.v, (k.k->u64s - BKEY_U64s) * sizeof(u64));
}

static inline unsigned bkey_p_format(const struct bkey_packed *p)
{
	return p->format & KEY_FORMAT_MASK;
}

static inline bool bkey_p_is_packed(const struct bkey_packed *p)
{
	return bkey_p_format(p) != KEY_FORMAT_CURRENT;
}

/* The key as unpacked one, NULL if it is packed. */
static inline const struct bkey *bkey_p_unpacked(const struct bkey_packed *p)
{
	return bkey_p_is_packed(p) ? NULL : (const struct bkey *)p;
}

static inline bool bkey_p_needs_whiteout(const struct bkey_packed *p)
{
	return p->format & KEY_NEEDS_WHITEOUT;
}

static inline void bkey_p_set_needs_whiteout(struct bkey_packed *p, bool needs)
{
	p->format = bkey_p_format(p) | (needs ? KEY_NEEDS_WHITEOUT : 0);
}

static inline bool bkey_p_deleted(const struct bkey_packed *p)
{
	return p->type == KEY_TYPE_deleted;
}

/* The next key in a bset; the walk ends only if u64s != 0 (checked once, on read). */
static inline struct bkey_packed *bkey_p_next(const struct bkey_packed *p)
{
	return (struct bkey_packed *)((u64 *)p + p->u64s);
}

/* Size of the key's header: packed or not. */
static inline unsigned bkey_p_key_u64s(const struct bkey_format *f, const struct bkey_packed *p)
{
	return bkey_p_is_packed(p) ? f->key_u64s : BKEY_U64s;
}

/* Wraps below 0 for keys too short for their header: checked once, on read. */
static inline unsigned bkey_p_val_u64s(const struct bkey_format *f, const struct bkey_packed *p)
{
	return p->u64s - bkey_p_key_u64s(f, p);
}

static inline void *bkey_p_val(const struct bkey_format *f, const struct bkey_packed *p)
{
	return (u64 *)p + bkey_p_key_u64s(f, p);
}

/* u64s of header and value after unpacking. */
static inline unsigned bkey_p_unpacked_u64s(const struct bkey_format *f,
					    const struct bkey_packed *p)
{
	return p->u64s - bkey_p_key_u64s(f, p) + BKEY_U64s;
}

/* ---- Formats (2.1, 2.3, 2.4) ---- */

/* The format of unpacked keys. */
extern const struct bkey_format bch_bkey_format_current;
/* Full width of each field, in bits. */
extern const u8 bch_bkey_field_bits[BKEY_NR_FIELDS];

/* Position bits: the top bits of a packed key, by which packed keys compare. */
static inline unsigned bkey_format_key_bits(const struct bkey_format *f)
{
	return f->bits_per_field[BKEY_FIELD_INODE] + f->bits_per_field[BKEY_FIELD_OFFSET] +
	       f->bits_per_field[BKEY_FIELD_SNAPSHOT];
}

struct bkey_format_state {
	u64 min[BKEY_NR_FIELDS];
	u64 max[BKEY_NR_FIELDS];
};

/* Calculation of a node's format: init, add its min_key, max_key and live keys, done (2.3). */
void bch_bkey_format_init(struct bkey_format_state *s);
void bch_bkey_format_add_pos(struct bkey_format_state *s, struct bpos p);
void bch_bkey_format_add_key(struct bkey_format_state *s, const struct bkey *k);
struct bkey_format bch_bkey_format_done(struct bkey_format_state *s);

/*
 * Is this format one that the functions below may use (2.4)? @version_min is the superblock's.
 * Negative error with the reason in @err (no prefix, no newline) if not.
 */
int bch_bkey_format_validate(const struct bkey_format *f, unsigned version_min,
			     struct printbuf *err);
/* "u64s 3 fields 64:0, ..." */
void bch_bkey_format_to_text(struct printbuf *out, const struct bkey_format *f);

/* ---- Unpacking: @p may be packed or not; needs_whiteout is 0 in the result ---- */

struct bkey bch_bkey_unpack_key(const struct bkey_format *f, const struct bkey_packed *p);
struct bpos bch_bkey_unpack_pos(const struct bkey_format *f, const struct bkey_packed *p);
/* Header and value; @dst has room for bkey_p_unpacked_u64s() words. */
void bch_bkey_unpack(const struct bkey_format *f, struct bkey_i *dst, const struct bkey_packed *p);

/* ---- Packing: false and @out undefined when a field does not fit ---- */

/* The header: key_u64s words at @out. */
bool bch_bkey_pack_key(const struct bkey_format *f, struct bkey_packed *out, const struct bkey *k);
/* Header and value. */
bool bch_bkey_pack(const struct bkey_format *f, struct bkey_packed *out, const struct bkey_i *k);
/* A key with this position, other fields 0: something to search for. */
bool bch_bkey_pack_pos(const struct bkey_format *f, struct bkey_packed *out, struct bpos p);

enum bkey_pack_pos {
	BKEY_PACK_POS_EXACT,
	BKEY_PACK_POS_SMALLER, /* the largest packable position below the wanted one */
	BKEY_PACK_POS_FAIL,    /* the wanted one is below all packable ones; @out undefined */
};

enum bkey_pack_pos bch_bkey_pack_pos_lossy(const struct bkey_format *f, struct bkey_packed *out,
					   struct bpos p);

/* ---- Comparison by position: negative, 0, positive ---- */

/*
 * The top @key_bits (bkey_format_key_bits()) of two packed keys of @key_u64s words: no unpacking.
 * At most key_u64s words are read; key_bits <= 64 * key_u64s - 24.
 */
static inline int bkey_cmp_bits(const u64 *l, const u64 *r, unsigned key_u64s, unsigned key_bits)
{
	l += key_u64s;
	r += key_u64s;
	while (key_bits >= 64) {
		l--;
		r--;
		if (*l != *r)
			return *l < *r ? -1 : 1;
		key_bits -= 64;
	}
	if (!key_bits)
		return 0;
	return u64_cmp(l[-1] >> (64 - key_bits), r[-1] >> (64 - key_bits));
}

/* Any two keys of a node. */
int bch_bkey_p_cmp(const struct bkey_format *f, const struct bkey_packed *l,
		   const struct bkey_packed *r);
/* A key of a node and a position. */
int bch_bkey_p_cmp_pos(const struct bkey_format *f, const struct bkey_packed *l, struct bpos r);

/* Position bits in binary, from the top, in groups of 64; "(empty)" (26.4). */
void bch_bkey_p_to_bits(struct printbuf *out, const struct bkey_format *f,
			const struct bkey_packed *p);

#endif
