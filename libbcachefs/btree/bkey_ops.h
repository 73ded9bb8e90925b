/*
 * What each key type can do: one table that the floors above fill at start (bch_key_types_init()
 * in init/), so that btree/ and journal/ need not know them.
 */
#ifndef _BCH_BTREE_BKEY_OPS_H
#define _BCH_BTREE_BKEY_OPS_H

#include "format/bkey.h"
#include "sb/finding.h"

struct bch_fs;
struct json;

enum bkey_validate_flags {
	BKEY_VALIDATE_WRITE   = 1U << 0, /* before a write of a node or journal entry */
	BKEY_VALIDATE_COMMIT  = 1U << 1,
	BKEY_VALIDATE_JOURNAL = 1U << 2,
};

/* Where a key stands. */
struct bkey_where {
	u8 btree;  /* enum btree_id; may be unknown */
	u8 level;  /* of the node that contains it; 0: leaf */
	u8 flags;  /* enum bkey_validate_flags */
};

struct bkey_ops {
	/* The type's own rules (spec 03); the value has at least the type's smallest size. */
	int (*validate)(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			struct finding *f);
	/* Text of the value, behind the ": ". @c is NULL when no filesystem is open. */
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

/* Texts of spec 02 sections 26.1 and 26.2. */
void bch_bpos_to_text(struct printbuf *out, struct bpos p);
void bch_bkey_to_text(struct printbuf *out, const struct bkey *k);
/* Key and value; forced to valid UTF-8 (spec 03 section 3). */
void bch_bkey_val_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k);
void bch_btree_id_to_text(struct printbuf *out, unsigned id);
/* "A:B[:C]", POS_MIN, U64_MAX ...; 0 or -EINVAL. */
int bch_bpos_parse(const char *s, struct bpos *p);
/* A JSON object: btree, level, pos, type, size_sectors, version, val (spec 09 section 17). */
void bch_bkey_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k,
		      struct bkey_where where);

static inline unsigned bkey_val_u64s(const struct bkey *k)
{
	return k->u64s - BKEY_U64s;
}

static inline unsigned bkey_val_bytes(const struct bkey *k)
{
	return bkey_val_u64s(k) * sizeof(u64);
}

static inline struct bkey_view bkey_i_view(const struct bkey_i *k)
{
	return (struct bkey_view){&k->k, k->v};
}

#endif
