/* Prepared unpacking: the portable functions and the choice between all (spec 02 section 27). */
#include "btree/jit.h"
#include "btree/unpack.h"

static void unpack_loop(const struct bkey_unpacker *u, struct bkey *k, const struct bkey_packed *p)
{
	*k = bch_bkey_unpack_key(&u->format, p);
}

static inline u64 field(const struct bkey_unpacker *u, const struct bkey_packed *p, unsigned i)
{
	u64 v;

	memcpy(&v, (const u8 *)p + u->load[i], sizeof(v));
	return (v >> u->shift[i] & u->mask[i]) + le64_to_cpu(u->format.field_offset[i]);
}

static void unpack_windows(const struct bkey_unpacker *u, struct bkey *k,
			   const struct bkey_packed *p)
{
	k->u64s = p->u64s + u->constant.u64s;
	k->format = KEY_FORMAT_CURRENT;
	k->type = p->type;
	k->pad = 0;
	k->p.inode = field(u, p, BKEY_FIELD_INODE);
	k->p.offset = field(u, p, BKEY_FIELD_OFFSET);
	k->p.snapshot = field(u, p, BKEY_FIELD_SNAPSHOT);
	k->size = field(u, p, BKEY_FIELD_SIZE);
	k->bversion.hi = field(u, p, BKEY_FIELD_VERSION_HI);
	k->bversion.lo = field(u, p, BKEY_FIELD_VERSION_LO);
}

bch_unpack_fn bch_unpack_loop(const struct bkey_unpacker *u)
{
	return unpack_loop;
}

bch_unpack_fn bch_unpack_windows(const struct bkey_unpacker *u)
{
	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++)
		if (u->shift[i] + u->format.bits_per_field[i] > 64)
			return NULL;
	return unpack_windows;
}

/* Each field's window: as low as it may be, but inside of the key. */
static void init_windows(struct bkey_unpacker *u)
{
	const struct bkey_format *f = &u->format;
	unsigned key_bytes = f->key_u64s * 8, pos = key_bytes * 8;

	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++) {
		unsigned bits = f->bits_per_field[i];

		pos -= bits;
		u->load[i] = min(pos / 8, key_bytes - 8);
		u->shift[i] = bits ? pos - u->load[i] * 8 : 0;
		u->mask[i] = bits ? U64_MAX >> (64 - bits) : 0;
	}
}

void bch_unpacker_init(struct bkey_unpacker *u, const struct bkey_format *f)
{
	const __le64 *offset = f->field_offset;

	u->format = *f;
	u->key_bits = bkey_format_key_bits(f);
	u->constant = (struct bkey){
		.u64s = BKEY_U64s - f->key_u64s,
		.format = KEY_FORMAT_CURRENT,
		.p.inode = le64_to_cpu(offset[BKEY_FIELD_INODE]),
		.p.offset = le64_to_cpu(offset[BKEY_FIELD_OFFSET]),
		.p.snapshot = le64_to_cpu(offset[BKEY_FIELD_SNAPSHOT]),
		.size = le64_to_cpu(offset[BKEY_FIELD_SIZE]),
		.bversion.hi = le64_to_cpu(offset[BKEY_FIELD_VERSION_HI]),
		.bversion.lo = le64_to_cpu(offset[BKEY_FIELD_VERSION_LO]),
	};
	init_windows(u);
	u->fn = bch_unpack_jit(f) ?: bch_unpack_windows(u) ?: bch_unpack_loop(u);
}
