/*
 * Taking names and data out of metadata (spec 09 section 12.3): in place, sizes kept, checksums
 * made anew, and enciphered again what was enciphered.
 *
 * What cannot be understood may hold anything, so it becomes zeros: bsets and journal entries with
 * bad checksums or of the other byte order, and all that lies between and behind the good ones.
 */
#include <linux/string.h>
#include "btree/node_read.h"
#include "btree/read.h"
#include "format/xattr.h"
#include "fs/dirent.h"
#include "init/dump.h"
#include "journal/scan.h"
#include "journal/validate.h"

static void blank_text(u8 *s, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (s[i])
			s[i] = 'X';
}

static void blank_dirent(struct bch_dump *d, const struct bkey *k, u8 *v, size_t bytes)
{
	size_t names = DIRENT_NAME;
	struct bch_dirent_view view;

	if (bytes < sizeof(struct bch_dirent)) {
		memset(v, 0, bytes);
		return;
	}
	if (!bch_dirent_unpack(d->c, (struct bkey_view){k, v}, &view) && view.casefold)
		names = DIRENT_CF_NAMES;
	blank_text(v + names, bytes - names);
}

static void blank_xattr(struct bch_dump *d, u8 *v, size_t bytes)
{
	const struct bch_xattr *x = (const struct bch_xattr *)v;
	size_t name, val;

	if (bytes < XATTR_NAME)
		return;
	name = x->x_name_len;
	val = le16_to_cpu(x->x_val_len);
	if (XATTR_NAME + name + val > bytes) {
		memset(v + XATTR_NAME, 0, bytes - XATTR_NAME);
		return;
	}
	if (d->flags & DUMP_SANITIZE_NAMES)
		memset(v + XATTR_NAME, 'X', name);
	v += XATTR_NAME + name;
	bytes -= XATTR_NAME + name;
	if (d->flags & DUMP_SANITIZE_DATA && x->x_type != BCH_XATTR_posix_acl_access &&
	    x->x_type != BCH_XATTR_posix_acl_default)
		memset(v, 'X', val);
	memset(v + val, 0, bytes - val);
}

/* The value @v of a key with the unpacked header @k. */
static void blank_value(struct bch_dump *d, const struct bkey *k, u8 *v)
{
	size_t bytes = (k->u64s - BKEY_U64s) * sizeof(u64);

	switch (k->type) {
	case KEY_TYPE_dirent:
		if (d->flags & DUMP_SANITIZE_NAMES)
			blank_dirent(d, k, v, bytes);
		break;
	case KEY_TYPE_xattr:
		blank_xattr(d, v, bytes);
		break;
	case KEY_TYPE_inline_data:
		if (d->flags & DUMP_SANITIZE_DATA)
			memset(v, 0, bytes);
		break;
	case KEY_TYPE_indirect_inline_data:
		if (d->flags & DUMP_SANITIZE_DATA && bytes > sizeof(u64))
			memset(v + sizeof(u64), 0, bytes - sizeof(u64));
		break;
	case KEY_TYPE_deleted:
	case KEY_TYPE_whiteout:
	case KEY_TYPE_hash_whiteout:
		memset(v, 0, bytes);
		break;
	default:
		if (k->type >= KEY_TYPE_NR)
			memset(v, 0, bytes);
	}
}

/* Nodes */

static void blank_set(struct bch_dump *d, struct raw_node *n)
{
	for (;;) {
		struct bkey_packed *p = (struct bkey_packed *)n->key;
		struct bkey_view k;
		struct bkey u;

		if (!bch_raw_node_next_key(n, &u, &k))
			break;
		blank_value(d, &u, bkey_p_val(&n->format, p));
	}
	memset((u8 *)n->key, 0, (n->end - n->key) * sizeof(u64));
}

static bool set_is_usable(struct bch_dump *d, const struct raw_node *n)
{
	return !n->csum_unknown && !n->csum_bad && n->format_valid &&
	       !(le32_to_cpu(n->set->flags) & BSET_BIG_ENDIAN) &&
	       bset_end_bytes(n->set, n->offset) <= bch_node_bytes(d->c);
}

static void sanitize_node(struct bch_dump *d, u8 *buf)
{
	const struct btree_node *head = (const struct btree_node *)buf;
	struct bch_fs *c = d->c;
	struct raw_node n;
	size_t end = 0;

	bch_raw_node_init(&n, c, buf);
	while (le64_to_cpu(head->magic) == (bch_uuid_lo(c) ^ BTREE_NODE_MAGIC_XOR) &&
	       bch_raw_node_next_set(&n)) {
		size_t next = ((size_t)n.offset + bset_sectors(c, n.set, n.offset)) << 9;
		struct bch_csum csum;

		if (!set_is_usable(d, &n))
			break;
		blank_set(d, &n);
		bch_bset_decrypt(c, buf, n.offset); /* once more enciphers */
		csum = bch_bset_csum(c, buf, n.offset);
		memcpy(buf + ((size_t)n.offset << 9), &csum, sizeof(csum));
		end = bset_end_bytes(n.set, n.offset);
		memset(buf + end, 0, min(next, bch_node_bytes(c)) - end);
		end = next;
	}
	if (!end || (n.set && !set_is_usable(d, &n)))
		d->nr_left_out++;
	if (end < bch_node_bytes(c))
		memset(buf + end, 0, bch_node_bytes(c) - end);
}

/* Journal */

/* Texts that are one identifier, as names of functions are, tell no names of files. */
static bool log_is_harmless(const u8 *s, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (s[i] && s[i] != '_' && !(s[i] >= 'a' && s[i] <= 'z') &&
		    !(s[i] >= '0' && s[i] <= '9'))
			return false;
	return true;
}

static void blank_jset_keys(struct bch_dump *d, u64 *p, u64 *end)
{
	while (p < end) {
		struct bkey_i *k = (struct bkey_i *)p;

		if (end - p < BKEY_U64s || k->k.u64s < BKEY_U64s || k->k.u64s > end - p)
			break;
		blank_value(d, &k->k, (u8 *)k->v);
		p += k->k.u64s;
	}
	memset(p, 0, (end - p) * sizeof(u64));
}

static void blank_jset_entry(struct bch_dump *d, struct jset_entry *e)
{
	size_t bytes = le16_to_cpu(e->u64s) * sizeof(u64);
	u8 *data = (u8 *)e->data;

	if (jset_entry_type_has_keys(e->type))
		blank_jset_keys(d, e->data, e->data + le16_to_cpu(e->u64s));
	else if (e->type == JSET_ENTRY_log && !log_is_harmless(data, bytes))
		blank_text(data, bytes);
	else if (e->type >= JSET_ENTRY_NR)
		memset(data, 0, bytes);
}

static void blank_jset(struct bch_dump *d, struct jset *j)
{
	u64 *p = (u64 *)j->start, *last = (u64 *)jset_last(j);

	while (p < last) {
		struct jset_entry *e = (struct jset_entry *)p;

		if (jset_entry_u64s(e) > last - p)
			break;
		blank_jset_entry(d, e);
		p += jset_entry_u64s(e);
	}
	memset(p, 0, (last - p) * sizeof(u64));
}

/* Bytes of the good entry at @j, now blanked; 0: there is none. */
static size_t sanitize_jset(struct bch_dump *d, struct jset *j, size_t left)
{
	struct bch_jset_check ck;
	struct jset h = *j;
	struct bch_csum got;

	ck = bch_jset_check_of(d->c, &h);
	if (bch_jset_validate_early(&ck, &h, min_t(size_t, left, JSET_BYTES_MAX)) ||
	    h.u64s != j->u64s || ck.big_endian)
		return 0;
	if (!journal_jset_decrypt(d->c, j, &got)) {
		journal_jset_decrypt(d->c, j, &got); /* back: what follows may be good */
		return 0;
	}
	blank_jset(d, j);
	journal_jset_seal(d->c, j);
	return jset_bytes(j);
}

static void sanitize_journal(struct bch_dump *d, u8 *buf, size_t bytes)
{
	size_t block = bch_block_bytes(d->c), next;

	for (size_t at = 0; at < bytes; at = next) {
		size_t good = 0;

		if (bytes - at >= block)
			good = sanitize_jset(d, (struct jset *)(buf + at), bytes - at);
		next = min(bytes, at + round_up(max(good, (size_t)1), block));
		memset(buf + at + good, 0, next - at - good);
	}
}

void bch_dump_sanitize(struct bch_dump *d, const struct dump_piece *p, u8 *buf)
{
	if (p->kind == DUMP_NODE)
		sanitize_node(d, buf);
	else if (p->kind == DUMP_JOURNAL)
		sanitize_journal(d, buf, p->end - p->start);
}
