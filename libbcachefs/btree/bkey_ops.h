/*
 * What each key type can do: one table that the floors above fill at start (bch_key_types_init()
 * in init/), so that btree/ and journal/ need not know them.
 */
#ifndef _BCH_BTREE_BKEY_OPS_H
#define _BCH_BTREE_BKEY_OPS_H

#include <linux/string.h>
#include "format/bkey.h"
#include "sb/finding.h"

struct bch_fs;
struct json;

enum bkey_validate_flags {
	BKEY_VALIDATE_WRITE = 1U << 0, /* before a write of a node or journal entry */
	BKEY_VALIDATE_COMMIT = 1U << 1,
	BKEY_VALIDATE_JOURNAL = 1U << 2,
};

/* Where a key stands. */
struct bkey_where {
	u8 btree; /* enum btree_id; may be unknown */
	u8 level; /* of the node that contains it; 0: leaf */
	u8 flags; /* enum bkey_validate_flags */
};

struct bkey_ops {
	/* The type's own rules (spec 03); the value has at least the type's smallest size. */
	int (*validate)(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			struct finding *f);
	/*
	 * Text of the value, behind the ": ". @c is NULL when no filesystem is open; the value
	 * may break every rule, also that of its smallest size.
	 */
	void (*to_text)(struct printbuf *out, const struct bch_fs *c, struct bkey_view k);
	/* Members of the JSON object "val". NULL: {"text": ...} from to_text. */
	void (*to_json)(struct json *j, const struct bch_fs *c, struct bkey_view k);
	/* Turn the value from the other byte order to ours, in place. */
	void (*swab)(void *v, unsigned val_u64s);
};

void bch_bkey_ops_register(enum bch_bkey_type type, const struct bkey_ops *ops);
/* NULL for types without any operation. */
const struct bkey_ops *bch_bkey_ops(unsigned type);

/* Checks 1 to 8 of spec 03 section 4: what needs no value. */
int bch_bkey_validate_head(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			   struct finding *f);
/* Checks 9 and 10: size of the value and the type's own rules. */
int bch_bkey_validate_val(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			  struct finding *f);
/* Both. */
int bch_bkey_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
		      struct finding *f);

/*
 * Keys of newer formats are printed as the kernels of those formats do (spec 10 section 7): the
 * version of the filesystem tells which; without one as 1.13 does.
 */
enum bch_text_dialect {
	BCH_TEXT_1_13,
	BCH_TEXT_1_28, /* versions 1.14 to 1.28 */
	BCH_TEXT_1_39,
};

enum bch_text_dialect bch_text_dialect(const struct bch_fs *c);

/* Texts of spec 02 sections 26.1 and 26.2. */
void bch_bpos_to_text(struct printbuf *out, struct bpos p);
void bch_bkey_to_text(struct printbuf *out, const struct bkey *k);
/* Key and value; forced to valid UTF-8 (spec 03 section 3). */
void bch_bkey_val_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k);
/* The same with names and values as they are stored: list_journal prints keys so. */
void bch_bkey_val_to_text_raw(struct printbuf *out, const struct bch_fs *c, struct bkey_view k);
/* The value alone, behind the ": "; not forced to UTF-8. */
void bch_val_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k);
void bch_btree_id_to_text(struct printbuf *out, unsigned id);
/* The same in the words of the filesystem's version. */
void bch_btree_name_to_text(struct printbuf *out, const struct bch_fs *c, unsigned id);
/* The id of a name, or -EINVAL; reconcile_work is rebalance_work as called from 1.33 on. */
int bch_btree_id_parse(const char *name);
/* names[nr], or NULL; @names ends with NULL and has no holes. */
const char *bch_name(const char *const *names, unsigned nr);
/* names[nr], or "(unknown <what> N)"; @names ends with NULL. */
void bch_name_or_unknown(struct printbuf *out, const char *const *names, unsigned nr,
			 const char *what);
/* "A:B[:C]", POS_MIN, U64_MAX ...; 0 or -EINVAL. */
int bch_bpos_parse(const char *s, struct bpos *p);
/* A JSON object: btree, level, pos, type, size_sectors, version, val (spec 09 section 17). */
void bch_bkey_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k,
		      struct bkey_where where);
/* Only the members of it, into an object that the caller opened. */
void bch_bkey_to_json_members(struct json *j, const struct bch_fs *c, struct bkey_view k,
			      struct bkey_where where);
/* A position as {inode, offset, snapshot}. */
void bch_bpos_to_json(struct json *j, const char *key, struct bpos p);

/* A string member names[nr]; a number if there is no such name. */
void bch_json_name(struct json *j, const char *key, const char *const *names, unsigned nr);

/* 0 also for a header that is shorter than it can be. */
static inline unsigned bkey_val_u64s(const struct bkey *k)
{
	return k->u64s > BKEY_U64s ? k->u64s - BKEY_U64s : 0;
}

static inline unsigned bkey_val_bytes(const struct bkey *k)
{
	return bkey_val_u64s(k) * sizeof(u64);
}

/* Copy a value of fixed layout: what is longer is cut, missing fields become 0. */
static inline void bkey_val_read(struct bkey_view k, void *dst, size_t size)
{
	size_t have = bkey_val_bytes(k.k);

	have = have < size ? have : size;
	if (have)
		memcpy(dst, k.v, have);
	memset((char *)dst + have, 0, size - have);
}

static inline struct bkey_view bkey_i_view(const struct bkey_i *k)
{
	return (struct bkey_view){&k->k, k->v};
}

#endif
