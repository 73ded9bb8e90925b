/*
 * Keys of all types: the table of their operations, the checks common to all (spec 03 section 4)
 * and their text (spec 02 section 26, spec 10 section 7.1) and JSON (spec 09 section 17).
 */
#include <linux/errno.h>
#include <linux/string.h>
#include "btree/bkey.h"
#include "btree/bkey_ops.h"
#include "format/sb_errors.h"
#include "format/versions.h"
#include "sb/fs.h"
#include "util/json.h"
#include "util/utf8.h"

#define RECONCILE_WORK "reconcile_work" /* name of rebalance_work from 1.33 on */

static const struct bkey_ops *bkey_ops_table[KEY_TYPE_NR];

void bch_bkey_ops_register(enum bch_bkey_type type, const struct bkey_ops *ops)
{
	bkey_ops_table[type] = ops;
}

const struct bkey_ops *bch_bkey_ops(unsigned type)
{
	return type < KEY_TYPE_NR ? bkey_ops_table[type] : NULL;
}

enum bch_text_dialect bch_text_dialect(const struct bch_fs *c)
{
	if (!c || c->version < BCH_VERSION(1, 14))
		return BCH_TEXT_1_13;
	return c->version <= BCH_VERSION(1, 28) ? BCH_TEXT_1_28 : BCH_TEXT_1_39;
}

/* Types from this number on nobody understands who reads filesystems of that version. */
static unsigned nr_types_known(const struct bch_fs *c)
{
	return bch_text_dialect(c) == BCH_TEXT_1_13 ? KEY_TYPE_NR_1_13 : KEY_TYPE_NR;
}

/* Checks */

#define KT_INTERIOR (KT(btree_ptr) | KT(btree_ptr_v2))
/* Types that newer formats tolerate in any btree. */
#define KT_LOOSE    (KT(deleted) | KT(whiteout) | KT(error) | KT(cookie) | KT(set))

static bool type_allowed(const struct bch_fs *c, unsigned type, struct bkey_where where)
{
	u64 allowed = KT(deleted), bit;

	if (type >= nr_types_known(c))
		return true;
	bit = 1ULL << type;
	if (where.level)
		allowed |= KT_INTERIOR;
	else if (where.flags & BKEY_VALIDATE_COMMIT)
		allowed |= bch_btree_key_types[where.btree];
	else if (bch_text_dialect(c) != BCH_TEXT_1_13)
		allowed |= bch_btree_key_types[where.btree] | KT_LOOSE;
	else
		return true;
	return allowed & bit;
}

static bool type_is_whiteout(unsigned type)
{
	return type == KEY_TYPE_deleted || type == KEY_TYPE_whiteout ||
	       type == KEY_TYPE_extent_whiteout;
}

static int validate_size(const struct bkey *k, struct bkey_where where, u32 btree_flags,
			 struct finding *f)
{
	if (!where.level && btree_flags & BTREE_IS_EXTENTS && !type_is_whiteout(k->type)) {
		if (!k->size)
			return finding_set(f, BCH_FSCK_ERR_bkey_extent_size_zero, "size == 0");
		if (k->size > k->p.offset)
			return finding_set(f, BCH_FSCK_ERR_bkey_extent_size_greater_than_offset,
					   "size greater than offset (%u > %llu)", k->size,
					   k->p.offset);
	} else if (k->size) {
		return finding_set(f, BCH_FSCK_ERR_bkey_size_nonzero, "size != 0");
	}
	return 0;
}

int bch_bkey_validate_head(const struct bch_fs *c, struct bkey_view kv, struct bkey_where where,
			   struct finding *f)
{
	const struct bkey *k = kv.k;
	u32 flags;
	int ret;

	if (k->u64s < BKEY_U64s)
		return finding_set(f, BCH_FSCK_ERR_bkey_u64s_too_small, "u64s too small (%u < %u)",
				   k->u64s, BKEY_U64s);
	if (where.btree >= BTREE_ID_NR)
		return 0;
	flags = btree_id_flags(where.btree);

	if (!type_allowed(c, k->type, where))
		return finding_set(f, BCH_FSCK_ERR_bkey_invalid_type_for_btree,
				   "invalid key type for btree %s (%s)",
				   where.level ? "internal btree node" :
						 bch_btree_names[where.btree],
				   bch_bkey_type_names[k->type]);

	ret = validate_size(k, where, flags, f);
	if (ret || where.level)
		return ret;

	if (flags & BTREE_IS_SNAPSHOTS && !k->p.snapshot)
		return finding_set(f, BCH_FSCK_ERR_bkey_snapshot_zero, "snapshot == 0");
	if (!(flags & (BTREE_IS_SNAPSHOTS | BTREE_IS_SNAPSHOT_FIELD)) && k->p.snapshot)
		return finding_set(f, BCH_FSCK_ERR_bkey_snapshot_nonzero, "nonzero snapshot");
	if (k->p.inode == KEY_INODE_MAX && k->p.offset == KEY_OFFSET_MAX)
		return finding_set(f, BCH_FSCK_ERR_bkey_at_pos_max, "key at POS_MAX");
	return 0;
}

int bch_bkey_validate_val(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
			  struct finding *f)
{
	const struct bkey_ops *ops = bch_bkey_ops(k.k->type);

	if (k.k->type >= nr_types_known(c))
		return 0;
	if (bkey_val_bytes(k.k) < bch_bkey_type_min_val[k.k->type])
		return finding_set(f, BCH_FSCK_ERR_bkey_val_size_too_small,
				   "bad val size (%u < %u)", bkey_val_bytes(k.k),
				   bch_bkey_type_min_val[k.k->type]);
	return ops && ops->validate ? ops->validate(c, k, where, f) : 0;
}

int bch_bkey_validate(const struct bch_fs *c, struct bkey_view k, struct bkey_where where,
		      struct finding *f)
{
	return bch_bkey_validate_head(c, k, where, f) ?: bch_bkey_validate_val(c, k, where, f);
}

/* Text */

static void prt_all_ones_or_u64(struct printbuf *out, u64 v, u64 all_ones, const char *name)
{
	if (v == all_ones)
		prt_str(out, name);
	else
		prt_u64(out, v);
}

void bch_bpos_to_text(struct printbuf *out, struct bpos p)
{
	if (bpos_eq(p, POS_MIN)) {
		prt_str(out, "POS_MIN");
	} else if (bpos_eq(p, POS_MAX)) {
		prt_str(out, "POS_MAX");
	} else if (bpos_eq(p, SPOS_MAX)) {
		prt_str(out, "SPOS_MAX");
	} else {
		prt_all_ones_or_u64(out, p.inode, KEY_INODE_MAX, "U64_MAX");
		prt_char(out, ':');
		prt_all_ones_or_u64(out, p.offset, KEY_OFFSET_MAX, "U64_MAX");
		prt_char(out, ':');
		prt_all_ones_or_u64(out, p.snapshot, KEY_SNAPSHOT_MAX, "U32_MAX");
	}
}

/* Types from @nr_types on are unknown to the reader that we imitate. */
static void bkey_head_to_text(struct printbuf *out, const struct bkey *k, unsigned nr_types)
{
	if (!k) {
		prt_str(out, "(null)");
		return;
	}
	prt_str(out, "u64s ");
	prt_u64(out, k->u64s);
	prt_str(out, " type ");
	if (k->type < nr_types)
		prt_str(out, bch_bkey_type_names[k->type]);
	else
		prt_u64(out, k->type);
	prt_char(out, ' ');
	bch_bpos_to_text(out, k->p);
	prt_str(out, " len ");
	prt_u64(out, k->size);
	prt_str(out, " ver ");
	prt_u64(out, k->bversion.lo);
}

void bch_bkey_to_text(struct printbuf *out, const struct bkey *k)
{
	bkey_head_to_text(out, k, KEY_TYPE_NR);
}

void bch_val_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	const struct bkey_ops *ops = bch_bkey_ops(k.k->type);

	if (ops && ops->to_text && k.k->type < nr_types_known(c))
		ops->to_text(out, c, k);
}

/* Replace what was printed since @start if it is not UTF-8. */
static void force_utf8(struct printbuf *out, size_t start)
{
	struct printbuf good = PRINTBUF;

	if (out->failed || utf8_valid(out->buf + start, out->pos - start))
		return;
	prt_utf8(&good, out->buf + start, out->pos - start);
	out->pos = start;
	out->line_start = min(out->line_start, start);
	out->field_start = min(out->field_start, start);
	prt_bytes(out, good.buf, good.pos);
	out->failed |= good.failed;
	printbuf_exit(&good);
}

void bch_bkey_val_to_text_raw(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	enum bch_text_dialect dialect = bch_text_dialect(c);

	bkey_head_to_text(out, k.k, nr_types_known(c));
	if (!k.k || !bkey_val_u64s(k.k))
		return;
	if (dialect == BCH_TEXT_1_39)
		printbuf_indent_add(out, 2);
	prt_str(out, ": ");
	bch_val_to_text(out, c, k);
	if (dialect == BCH_TEXT_1_39)
		printbuf_indent_sub(out, 2);
}

void bch_bkey_val_to_text(struct printbuf *out, const struct bch_fs *c, struct bkey_view k)
{
	size_t start = out->pos;

	bch_bkey_val_to_text_raw(out, c, k);
	force_utf8(out, start);
}

void bch_btree_id_to_text(struct printbuf *out, unsigned id)
{
	prt_str(out, id < BTREE_ID_NR ? bch_btree_names[id] : "(unknown)");
}

void bch_btree_name_to_text(struct printbuf *out, const struct bch_fs *c, unsigned id)
{
	enum bch_text_dialect dialect = bch_text_dialect(c);

	if (dialect == BCH_TEXT_1_13)
		prt_str(out, id < BTREE_ID_NR_1_13 ? bch_btree_names[id] : "(unknown)");
	else if (id >= BTREE_ID_NR)
		prt_printf(out, "(unknown btree %u)", id);
	else if (id == BTREE_ID_rebalance_work && dialect == BCH_TEXT_1_39)
		prt_str(out, RECONCILE_WORK);
	else
		prt_str(out, bch_btree_names[id]);
}

int bch_btree_id_parse(const char *name)
{
	int id;

	for (id = 0; id < BTREE_ID_NR; id++)
		if (!strcmp(name, bch_btree_names[id]))
			return id;
	return strcmp(name, RECONCILE_WORK) ? -EINVAL : BTREE_ID_rebalance_work;
}

const char *bch_name(const char *const *names, unsigned nr)
{
	unsigned i;

	for (i = 0; names[i]; i++)
		if (i == nr)
			return names[i];
	return NULL;
}

void bch_name_or_unknown(struct printbuf *out, const char *const *names, unsigned nr,
			 const char *what)
{
	const char *name = bch_name(names, nr);

	if (name)
		prt_str(out, name);
	else
		prt_printf(out, "(unknown %s %u)", what, nr);
}

/* Positions from text */

/* A decimal number or @max_name for @max, up to ':' or the end; *s moves behind it. */
static int parse_component(const char **s, u64 max, const char *max_name, u64 *v)
{
	size_t len = strcspn(*s, ":"), i;

	*v = 0;
	if (!len)
		return -EINVAL;
	if (len == strlen(max_name) && !memcmp(*s, max_name, len)) {
		*v = max;
	} else {
		for (i = 0; i < len; i++) {
			unsigned digit = (*s)[i] - '0';

			if (digit > 9 || *v > (max - digit) / 10)
				return -EINVAL;
			*v = *v * 10 + digit;
		}
	}
	*s += len;
	return 0;
}

int bch_bpos_parse(const char *s, struct bpos *p)
{
	u64 inode, offset, snapshot = 0;

	if (!strcmp(s, "POS_MIN")) {
		*p = POS_MIN;
	} else if (!strcmp(s, "POS_MAX")) {
		*p = POS_MAX;
	} else if (!strcmp(s, "SPOS_MAX")) {
		*p = SPOS_MAX;
	} else {
		if (parse_component(&s, KEY_INODE_MAX, "U64_MAX", &inode) || *s++ != ':' ||
		    parse_component(&s, KEY_OFFSET_MAX, "U64_MAX", &offset))
			return -EINVAL;
		/* As 1.13 does: a snapshot that is no number is 0, what follows is ignored. */
		if (*s == ':') {
			s++;
			if (parse_component(&s, KEY_SNAPSHOT_MAX, "U32_MAX", &snapshot))
				snapshot = 0;
		}
		*p = SPOS(inode, offset, snapshot);
	}
	return 0;
}

/* JSON */

void bch_bpos_to_json(struct json *j, const char *key, struct bpos p)
{
	json_object_begin(j, key);
	json_u64(j, "inode", p.inode);
	json_u64(j, "offset", p.offset);
	json_u64(j, "snapshot", p.snapshot);
	json_object_end(j);
}

void bch_json_name(struct json *j, const char *key, const char *const *names, unsigned nr)
{
	const char *name = bch_name(names, nr);

	if (name)
		json_str(j, key, name);
	else
		json_u64(j, key, nr);
}

/* Values that nobody can read, as hex in byte order. */
static void raw_to_json(struct json *j, struct bkey_view k)
{
	struct printbuf hex = PRINTBUF;
	const u8 *v = k.v;
	unsigned i;

	for (i = 0; i < bkey_val_bytes(k.k); i++)
		prt_printf(&hex, "%02x", v[i]);
	json_str(j, "raw", printbuf_str(&hex));
	printbuf_exit(&hex);
}

static void text_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	struct printbuf text = PRINTBUF;

	bch_val_to_text(&text, c, k);
	json_strn(j, "text", printbuf_str(&text), text.pos);
	printbuf_exit(&text);
}

static void val_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k)
{
	const struct bkey_ops *ops = bch_bkey_ops(k.k->type);

	json_object_begin(j, "val");
	if (ops && ops->to_json)
		ops->to_json(j, c, k);
	else if (ops && ops->to_text)
		text_to_json(j, c, k);
	else
		raw_to_json(j, k);
	json_object_end(j);
}

void bch_bkey_to_json_members(struct json *j, const struct bch_fs *c, struct bkey_view k,
			      struct bkey_where where)
{
	if (where.btree < BTREE_ID_NR)
		json_str(j, "btree", bch_btree_names[where.btree]);
	else
		json_u64(j, "btree", where.btree);
	json_u64(j, "level", where.level);
	bch_bpos_to_json(j, "pos", k.k->p);
	if (k.k->type < KEY_TYPE_NR)
		json_str(j, "type", bch_bkey_type_names[k.k->type]);
	else
		json_u64(j, "type", k.k->type);
	json_u64(j, "size_sectors", k.k->size);
	json_u64(j, "version", k.k->bversion.lo);
	if (bkey_val_u64s(k.k))
		val_to_json(j, c, k);
}

void bch_bkey_to_json(struct json *j, const struct bch_fs *c, struct bkey_view k,
		      struct bkey_where where)
{
	json_object_begin(j, NULL);
	bch_bkey_to_json_members(j, c, k, where);
	json_object_end(j);
}
