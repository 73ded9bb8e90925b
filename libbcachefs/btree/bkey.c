/*
 * Packed keys and their formats (spec 02 section 2), the portable way: one loop over the fields.
 *
 * The first key_u64s words of a packed key are one big integer with word 0 lowest; the fields are
 * placed from its top downwards. jit.c has the fast ways to unpack; this one is what they are
 * tested against, and what is used where a format is met only once.
 */
#include <linux/bug.h>
#include "btree/bkey.h"
#include "format/errcode.h"
#include "util/printbuf.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "keys in memory are little endian");

/* Bits of a packed key's head: u64s, format, type. */
#define KEY_HEAD_BITS	       24
/* Superblock versions from this on have checked fields (snapshot). */
#define VERSION_FIELDS_CHECKED 12

const struct bkey_format bch_bkey_format_current = {
	.key_u64s = BKEY_U64s,
	.nr_fields = BKEY_NR_FIELDS,
	.bits_per_field = {64, 64, 32, 32, 32, 64},
};

const u8 bch_bkey_field_bits[BKEY_NR_FIELDS] = {64, 64, 32, 32, 32, 64};

/* The integer of @bits (0..64) ones. */
static inline u64 ones(unsigned bits)
{
	return bits ? U64_MAX >> (64 - bits) : 0;
}

static inline u64 field_offset(const struct bkey_format *f, unsigned i)
{
	return le64_to_cpu(f->field_offset[i]);
}

/* ---- Formats ---- */

void bch_bkey_format_init(struct bkey_format_state *s)
{
	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++) {
		s->min[i] = U64_MAX;
		s->max[i] = 0;
	}
	s->min[BKEY_FIELD_SIZE] = 0;
}

static inline void format_add(struct bkey_format_state *s, unsigned i, u64 v)
{
	s->min[i] = min(s->min[i], v);
	s->max[i] = max(s->max[i], v);
}

void bch_bkey_format_add_pos(struct bkey_format_state *s, struct bpos p)
{
	format_add(s, BKEY_FIELD_INODE, p.inode);
	format_add(s, BKEY_FIELD_OFFSET, p.offset);
	format_add(s, BKEY_FIELD_SNAPSHOT, p.snapshot);
}

void bch_bkey_format_add_key(struct bkey_format_state *s, const struct bkey *k)
{
	bch_bkey_format_add_pos(s, k->p);
	format_add(s, BKEY_FIELD_SIZE, k->size);
	format_add(s, BKEY_FIELD_VERSION_HI, k->bversion.hi);
	format_add(s, BKEY_FIELD_VERSION_LO, k->bversion.lo);
}

/* @bits wide from @offset on, moved down so that nothing lies above the field's full width. */
static void format_set_field(struct bkey_format *f, unsigned i, unsigned bits, u64 offset)
{
	unsigned width = bch_bkey_field_bits[i];

	bits = min(bits, width);
	offset = min(offset, ones(width) - ones(bits));
	f->bits_per_field[i] = bits;
	f->field_offset[i] = cpu_to_le64(offset);
}

static void format_widen_field(struct bkey_format *f, unsigned i, unsigned more)
{
	format_set_field(f, i, f->bits_per_field[i] + more, field_offset(f, i));
}

static unsigned format_bits(const struct bkey_format *f)
{
	unsigned bits = KEY_HEAD_BITS;

	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++)
		bits += f->bits_per_field[i];
	return bits;
}

struct bkey_format bch_bkey_format_done(struct bkey_format_state *s)
{
	struct bkey_format f = {.nr_fields = BKEY_NR_FIELDS};
	unsigned spare;

	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++) {
		u64 from = min(s->min[i], s->max[i]), span = s->max[i] - from;

		format_set_field(&f, i, span ? 64 - __builtin_clzll(span) : 0, from);
	}
	/* Room for extents that grow by merging. */
	if (f.bits_per_field[BKEY_FIELD_SIZE])
		format_widen_field(&f, BKEY_FIELD_SIZE, 4);

	f.key_u64s = DIV_ROUND_UP(format_bits(&f), 64);
	spare = f.key_u64s * 64 - format_bits(&f);
	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++) {
		unsigned more = -f.bits_per_field[i] & 7;

		if (more <= spare) {
			format_widen_field(&f, i, more);
			spare -= more;
		}
	}
	return f;
}

/* Superblocks before 0.12 may have fields that wrap, but none wider than it can be. */
static int format_validate_field(const struct bkey_format *f, unsigned i, bool may_wrap,
				 struct printbuf *err)
{
	unsigned width = bch_bkey_field_bits[i], bits = f->bits_per_field[i];
	u64 offset = field_offset(f, i), span = ones(min(bits, 64U));
	bool bad = bits > width;

	if (!bad && !may_wrap)
		bad = (bits == width && offset) || ((offset + span) & ones(width)) < offset;
	if (!bad)
		return 0;
	prt_printf(err, "field %u too large: %llu + %llu > %llu", i, (unsigned long long)span,
		   (unsigned long long)offset, (unsigned long long)ones(width));
	return -BCH_ERR_invalid;
}

int bch_bkey_format_validate(const struct bkey_format *f, unsigned version_min,
			     struct printbuf *err)
{
	unsigned key_u64s;

	if (f->nr_fields != BKEY_NR_FIELDS) {
		prt_printf(err, "incorrect number of fields: got %u, should be %u", f->nr_fields,
			   BKEY_NR_FIELDS);
		return -BCH_ERR_invalid;
	}
	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++) {
		int ret = format_validate_field(f, i, version_min < VERSION_FIELDS_CHECKED, err);

		if (ret)
			return ret;
	}
	key_u64s = DIV_ROUND_UP(format_bits(f), 64);
	if (f->key_u64s != key_u64s) {
		prt_printf(err, "incorrect key_u64s: got %u, should be %u", f->key_u64s, key_u64s);
		return -BCH_ERR_invalid;
	}
	return 0;
}

void bch_bkey_format_to_text(struct printbuf *out, const struct bkey_format *f)
{
	prt_printf(out, "u64s %u fields ", f->key_u64s);
	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++)
		prt_printf(out, "%s%u:%llu", i ? ", " : "", f->bits_per_field[i],
			   (unsigned long long)field_offset(f, i));
}

/* ---- Unpacking ---- */

/* The next field below bit *@pos of the words @w, its offset added; *@pos moves to its lowest. */
static inline u64 get_field(const struct bkey_format *f, const u64 *w, unsigned *pos, unsigned i)
{
	unsigned bits = f->bits_per_field[i], lo, shift;
	u64 v = 0;

	*pos -= bits;
	lo = *pos / 64;
	shift = *pos % 64;
	if (bits) {
		v = w[lo] >> shift;
		if (shift + bits > 64)
			v |= w[lo + 1] << (64 - shift);
		v &= ones(bits);
	}
	return v + field_offset(f, i);
}

struct bpos bch_bkey_unpack_pos(const struct bkey_format *f, const struct bkey_packed *p)
{
	const u64 *w = (const u64 *)p;
	unsigned pos = f->key_u64s * 64;
	struct bpos ret;

	if (!bkey_p_is_packed(p))
		return ((const struct bkey *)p)->p;
	ret.inode = get_field(f, w, &pos, BKEY_FIELD_INODE);
	ret.offset = get_field(f, w, &pos, BKEY_FIELD_OFFSET);
	ret.snapshot = get_field(f, w, &pos, BKEY_FIELD_SNAPSHOT);
	return ret;
}

struct bkey bch_bkey_unpack_key(const struct bkey_format *f, const struct bkey_packed *p)
{
	const u64 *w = (const u64 *)p;
	unsigned pos = f->key_u64s * 64;
	struct bkey k;

	if (!bkey_p_is_packed(p)) {
		k = *(const struct bkey *)p;
		k.format = KEY_FORMAT_CURRENT;
		return k;
	}
	k.u64s = bkey_p_unpacked_u64s(f, p);
	k.format = KEY_FORMAT_CURRENT;
	k.type = p->type;
	k.pad = 0;
	k.p.inode = get_field(f, w, &pos, BKEY_FIELD_INODE);
	k.p.offset = get_field(f, w, &pos, BKEY_FIELD_OFFSET);
	k.p.snapshot = get_field(f, w, &pos, BKEY_FIELD_SNAPSHOT);
	k.size = get_field(f, w, &pos, BKEY_FIELD_SIZE);
	k.bversion.hi = get_field(f, w, &pos, BKEY_FIELD_VERSION_HI);
	k.bversion.lo = get_field(f, w, &pos, BKEY_FIELD_VERSION_LO);
	return k;
}

void bch_bkey_unpack(const struct bkey_format *f, struct bkey_i *dst, const struct bkey_packed *p)
{
	dst->k = bch_bkey_unpack_key(f, p);
	memcpy(dst->v, bkey_p_val(f, p), bkey_p_val_u64s(f, p) * sizeof(u64));
}

/* ---- Packing ---- */

/* Put @v below bit *@pos of the zeroed words @w; false when it does not fit. */
static inline bool put_field(const struct bkey_format *f, u64 *w, unsigned *pos, unsigned i, u64 v)
{
	unsigned bits = f->bits_per_field[i], lo, shift;
	u64 offset = field_offset(f, i);

	if (v < offset)
		return false;
	v -= offset;
	if (v > ones(bits))
		return false;
	*pos -= bits;
	lo = *pos / 64;
	shift = *pos % 64;
	if (bits) {
		w[lo] |= v << shift;
		if (shift + bits > 64)
			w[lo + 1] |= v >> (64 - shift);
	}
	return true;
}

/* Zeroed words with the head of a packed key, built apart: @out may be what is packed. */
union packing {
	struct bkey_packed p;
	u64 w[BKEY_U64s];
};

bool bch_bkey_pack_key(const struct bkey_format *f, struct bkey_packed *out, const struct bkey *k)
{
	union packing packing = {.w = {0}};
	u64 *w = packing.w;
	unsigned pos = f->key_u64s * 64;

	packing.p.u64s = k->u64s - BKEY_U64s + f->key_u64s;
	packing.p.format = KEY_FORMAT_LOCAL_BTREE;
	packing.p.type = k->type;
	if (!put_field(f, w, &pos, BKEY_FIELD_INODE, k->p.inode) ||
	    !put_field(f, w, &pos, BKEY_FIELD_OFFSET, k->p.offset) ||
	    !put_field(f, w, &pos, BKEY_FIELD_SNAPSHOT, k->p.snapshot) ||
	    !put_field(f, w, &pos, BKEY_FIELD_SIZE, k->size) ||
	    !put_field(f, w, &pos, BKEY_FIELD_VERSION_HI, k->bversion.hi) ||
	    !put_field(f, w, &pos, BKEY_FIELD_VERSION_LO, k->bversion.lo))
		return false;
	memcpy(out, w, f->key_u64s * sizeof(u64));
	return true;
}

bool bch_bkey_pack(const struct bkey_format *f, struct bkey_packed *out, const struct bkey_i *k)
{
	unsigned val_bytes = (k->k.u64s - BKEY_U64s) * sizeof(u64);

	if (!bch_bkey_pack_key(f, out, &k->k))
		return false;
	memmove((u64 *)out + f->key_u64s, k->v, val_bytes);
	return true;
}

bool bch_bkey_pack_pos(const struct bkey_format *f, struct bkey_packed *out, struct bpos p)
{
	union packing packing = {.w = {0}};
	unsigned pos = f->key_u64s * 64;

	packing.p.u64s = f->key_u64s;
	if (!put_field(f, packing.w, &pos, BKEY_FIELD_INODE, p.inode) ||
	    !put_field(f, packing.w, &pos, BKEY_FIELD_OFFSET, p.offset) ||
	    !put_field(f, packing.w, &pos, BKEY_FIELD_SNAPSHOT, p.snapshot))
		return false;
	memcpy(out, packing.w, f->key_u64s * sizeof(u64));
	return true;
}

/* Largest value of a field. */
static u64 field_max(const struct bkey_format *f, unsigned i)
{
	u64 full = ones(bch_bkey_field_bits[i]), span = ones(f->bits_per_field[i]);
	u64 from = min(field_offset(f, i), full);

	return from + min(span, full - from);
}

enum bkey_pack_pos bch_bkey_pack_pos_lossy(const struct bkey_format *f, struct bkey_packed *out,
					   struct bpos p)
{
	u64 v[3] = {p.inode, p.offset, p.snapshot};
	unsigned i;

	if (bch_bkey_pack_pos(f, out, p))
		return BKEY_PACK_POS_EXACT;

	/* The first field that does not fit: lowered to its end, or one less is borrowed above. */
	for (i = 0; i < 3; i++)
		if (v[i] < field_offset(f, i) || v[i] > field_max(f, i))
			break;
	if (i < 3 && v[i] > field_max(f, i)) {
		v[i] = field_max(f, i);
	} else {
		do {
			if (!i)
				return BKEY_PACK_POS_FAIL;
			i--;
		} while (v[i] == field_offset(f, i));
		v[i]--;
	}
	while (++i < 3)
		v[i] = field_max(f, i);

	return bch_bkey_pack_pos(f, out, SPOS(v[0], v[1], v[2])) ? BKEY_PACK_POS_SMALLER :
								   BKEY_PACK_POS_FAIL;
}

/* ---- Comparison and text ---- */

int bch_bkey_p_cmp(const struct bkey_format *f, const struct bkey_packed *l,
		   const struct bkey_packed *r)
{
	if (likely(bkey_p_is_packed(l) && bkey_p_is_packed(r)))
		return bkey_cmp_bits((const u64 *)l, (const u64 *)r, f->key_u64s,
				     bkey_format_key_bits(f));
	return bpos_cmp(bch_bkey_unpack_pos(f, l), bch_bkey_unpack_pos(f, r));
}

int bch_bkey_p_cmp_pos(const struct bkey_format *f, const struct bkey_packed *l, struct bpos r)
{
	return bpos_cmp(bch_bkey_unpack_pos(f, l), r);
}

void bch_bkey_p_to_bits(struct printbuf *out, const struct bkey_format *f,
			const struct bkey_packed *p)
{
	const struct bkey_format *kf = bkey_p_is_packed(p) ? f : &bch_bkey_format_current;
	unsigned bits = bkey_format_key_bits(kf), top = kf->key_u64s * 64;
	const u64 *w = (const u64 *)p;

	if (!bits)
		prt_str(out, "(empty)");
	for (unsigned i = 0; i < bits; i++) {
		unsigned bit = top - 1 - i;

		if (i && i % 64 == 0)
			prt_char(out, ' ');
		prt_char(out, '0' + (w[bit / 64] >> (bit % 64) & 1));
	}
}
