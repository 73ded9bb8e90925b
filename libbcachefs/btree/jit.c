/*
 * The unpacker as machine code for x86-64.
 *
 * Where a field lies in a packed key depends on the widths of the format's fields only. For each
 * set of widths there is one function: for each field a load, at most two shifts, the addition of
 * the format's offset (from memory: it differs between nodes) and a store. Code lies in pages of
 * its own, written once before they become executable. A table without locks finds it by the
 * widths; entries are never removed, and there are at most JIT_MAX_SHAPES of them.
 */
#include "btree/jit.h"

#if BCH_HAVE_JIT

#include <linux/execmem.h>
#include <linux/slab.h>

#define JIT_MAX_SHAPES 256
#define JIT_TABLE_BITS 9
#define JIT_CODE_AT    16 /* sanitizers look for a signature in front of a function */

/* Registers of the System V ABI's arguments, as numbered in instructions. */
enum reg {
	RAX = 0,
	RCX = 1,
	KEY_PACKED = 2, /* rdx */
	KEY_OUT = 6,	/* rsi */
	UNPACKER = 7,	/* rdi */
};

struct code {
	u8 *buf;
	unsigned len;
};

static void emit(struct code *c, u8 byte)
{
	c->buf[c->len++] = byte;
}

static void emit_u32(struct code *c, u32 v)
{
	for (unsigned i = 0; i < 4; i++)
		emit(c, v >> (8 * i));
}

/* Operands: register, and memory at base + disp8. */
static void emit_mem(struct code *c, enum reg reg, enum reg base, unsigned disp)
{
	emit(c, 0x40 | reg << 3 | base);
	emit(c, disp);
}

#define REX_W 0x48

enum mem_op {
	OP_ADD_LOAD = 0x03,
	OP_STORE = 0x89,
	OP_LOAD = 0x8b,
};

static void emit_op(struct code *c, enum mem_op op, bool is64, enum reg reg, enum reg base,
		    unsigned disp)
{
	if (is64)
		emit(c, REX_W);
	emit(c, op);
	emit_mem(c, reg, base, disp);
}

/* Load 1 or 2 bytes, zero-extended. */
static void emit_load_small(struct code *c, unsigned bytes, enum reg reg, unsigned disp)
{
	emit(c, 0x0f);
	emit(c, bytes == 1 ? 0xb6 : 0xb7);
	emit_mem(c, reg, KEY_PACKED, disp);
}

#define SHIFT_LEFT  0xe0
#define SHIFT_RIGHT 0xe8

static void emit_shift(struct code *c, u8 direction, bool is64, enum reg reg, unsigned n)
{
	if (!n)
		return;
	if (is64)
		emit(c, REX_W);
	emit(c, 0xc1);
	emit(c, direction | reg);
	emit(c, n);
}

/* 16 bytes from the unpacker to the key, through xmm0. */
static void emit_copy16(struct code *c, unsigned to, unsigned from)
{
	emit(c, 0x0f);
	emit(c, 0x10);
	emit_mem(c, 0, UNPACKER, from);
	emit(c, 0x0f);
	emit(c, 0x11);
	emit_mem(c, 0, KEY_OUT, to);
}

/* u64s grows by the difference of header sizes, format becomes CURRENT, pad 0. */
static void emit_head(struct code *c, const struct bkey_format *f)
{
	emit_op(c, OP_LOAD, false, RAX, KEY_PACKED, 0);
	emit(c, 0x25); /* and eax, imm32 */
	emit_u32(c, 0x00ff00ff);
	emit(c, 0x04); /* add al, imm8 */
	emit(c, BKEY_U64s - f->key_u64s);
	emit(c, 0x0d); /* or eax, imm32 */
	emit_u32(c, KEY_FORMAT_CURRENT << 8);
	emit_op(c, OP_STORE, false, RAX, KEY_OUT, 0);
}

/* rax = the @bits from bit @pos of the packed key of @key_bytes on. */
static void emit_extract(struct code *c, unsigned pos, unsigned bits, unsigned key_bytes)
{
	unsigned top = (pos + bits) / 8, shift, base;

	if (pos % 8 == 0 && (bits == 8 || bits == 16)) {
		emit_load_small(c, bits / 8, RAX, pos / 8);
	} else if ((pos + bits) % 8 == 0 && bits <= 32) {
		emit_op(c, OP_LOAD, false, RAX, KEY_PACKED, top - 4);
		emit_shift(c, SHIFT_RIGHT, false, RAX, 32 - bits);
	} else if ((pos + bits) % 8 == 0 && top >= 8) {
		emit_op(c, OP_LOAD, true, RAX, KEY_PACKED, top - 8);
		emit_shift(c, SHIFT_RIGHT, true, RAX, 64 - bits);
	} else {
		base = min(pos / 8, key_bytes - 8);
		shift = pos - base * 8;
		emit_op(c, OP_LOAD, true, RAX, KEY_PACKED, base);
		if (shift + bits > 64) {
			/* The field touches a ninth byte. */
			emit_shift(c, SHIFT_RIGHT, true, RAX, shift);
			emit_load_small(c, 1, RCX, base + 8);
			emit_shift(c, SHIFT_LEFT, true, RCX, 64 - shift);
			emit(c, REX_W);
			emit(c, 0x09); /* or rax, rcx */
			emit(c, 0xc8);
			shift = 0;
		}
		emit_shift(c, SHIFT_LEFT, true, RAX, 64 - shift - bits);
		emit_shift(c, SHIFT_RIGHT, true, RAX, 64 - bits);
	}
}

/* Where each field lies in struct bkey. */
static const u8 field_at[BKEY_NR_FIELDS] = {
	offsetof(struct bkey, p.inode),	    offsetof(struct bkey, p.offset),
	offsetof(struct bkey, p.snapshot),  offsetof(struct bkey, size),
	offsetof(struct bkey, bversion.hi), offsetof(struct bkey, bversion.lo),
};

#define CONSTANT_AT offsetof(struct bkey_unpacker, constant)
#define OFFSETS_AT  offsetof(struct bkey_unpacker, format.field_offset)

_Static_assert(CONSTANT_AT + sizeof(struct bkey) <= 128 && OFFSETS_AT + 6 * 8 <= 128,
	       "disp8 reaches them");

unsigned bch_jit_generate(u8 *buf, const struct bkey_format *f)
{
	struct code c = {.buf = buf};
	unsigned key_bytes = f->key_u64s * 8, pos = key_bytes * 8;
	const u8 *bits = f->bits_per_field;
	bool version_copied = !bits[BKEY_FIELD_VERSION_HI] && !bits[BKEY_FIELD_VERSION_LO];

	emit(&c, 0xf3); /* endbr64 */
	emit(&c, 0x0f);
	emit(&c, 0x1e);
	emit(&c, 0xfa);
	emit_head(&c, f);
	/* Version and size at once; a size that varies is stored over it. */
	if (version_copied)
		emit_copy16(&c, offsetof(struct bkey, bversion),
			    CONSTANT_AT + offsetof(struct bkey, bversion));
	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++) {
		bool is64 = bch_bkey_field_bits[i] == 64;

		pos -= bits[i];
		if (!bits[i] && version_copied && i >= BKEY_FIELD_SIZE)
			continue;
		if (bits[i]) {
			emit_extract(&c, pos, bits[i], key_bytes);
			emit_op(&c, OP_ADD_LOAD, is64, RAX, UNPACKER, OFFSETS_AT + 8 * i);
		} else {
			emit_op(&c, OP_LOAD, is64, RAX, UNPACKER, CONSTANT_AT + field_at[i]);
		}
		emit_op(&c, OP_STORE, is64, RAX, KEY_OUT, field_at[i]);
	}
	emit(&c, 0xc3); /* ret */
	return c.len;
}

/* ---- The table of code by widths ---- */

struct jit_shape {
	u64 widths;
	bch_unpack_fn fn;
};

static struct jit_shape *jit_table[1 << JIT_TABLE_BITS];
static unsigned jit_nr;	 /* shapes made or in the making */
static bool jit_refused; /* the system gives no executable memory */

static u64 format_widths(const struct bkey_format *f)
{
	u64 widths = 0;

	for (unsigned i = 0; i < BKEY_NR_FIELDS; i++)
		widths = widths << 8 | f->bits_per_field[i];
	return widths;
}

static struct jit_shape *jit_shape_make(const struct bkey_format *f)
{
	struct jit_shape *s = kmalloc(sizeof(*s), GFP_KERNEL);
	void *page = execmem_alloc_page();

	if (!s || !page)
		goto err;
	bch_jit_generate(page + JIT_CODE_AT, f);
	if (execmem_make_rox(page))
		goto err;
	s->widths = format_widths(f);
	s->fn = (bch_unpack_fn)(page + JIT_CODE_AT);
	return s;
err:
	if (page)
		execmem_free_page(page);
	kfree(s);
	return NULL;
}

static void jit_shape_free(struct jit_shape *s)
{
	execmem_free_page((void *)s->fn - JIT_CODE_AT);
	kfree(s);
}

bch_unpack_fn bch_unpack_jit(const struct bkey_format *f)
{
	const unsigned nr_slots = 1 << JIT_TABLE_BITS;
	u64 widths = format_widths(f);
	unsigned i = widths * 0x9e3779b97f4a7c15ULL >> (64 - JIT_TABLE_BITS);
	struct jit_shape *made = NULL, *found;
	bch_unpack_fn fn = NULL;

	for (;; i = (i + 1) % nr_slots) {
		found = __atomic_load_n(&jit_table[i], __ATOMIC_ACQUIRE);
		if (!found && !made) {
			if (__atomic_load_n(&jit_refused, __ATOMIC_RELAXED) ||
			    __atomic_load_n(&jit_nr, __ATOMIC_RELAXED) >= JIT_MAX_SHAPES)
				return NULL;
			made = jit_shape_make(f);
			if (!made) {
				__atomic_store_n(&jit_refused, true, __ATOMIC_RELAXED);
				return NULL;
			}
		}
		if (!found && __atomic_compare_exchange_n(&jit_table[i], &found, made, false,
							  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			__atomic_add_fetch(&jit_nr, 1, __ATOMIC_RELAXED);
			return made->fn;
		}
		if (found->widths == widths) {
			fn = found->fn;
			break;
		}
	}
	if (made)
		jit_shape_free(made);
	return fn;
}

#else

bch_unpack_fn bch_unpack_jit(const struct bkey_format *f)
{
	return NULL;
}

#endif
