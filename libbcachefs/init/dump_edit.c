/*
 * Taking names, data and copies of nodes out of metadata (spec 09 section 12.3): in place, sizes
 * kept, checksums made anew, and enciphered again what was enciphered.
 *
 * What cannot be understood may hold anything, so sanitizing makes it zeros: bsets and journal
 * entries with bad checksums or of the other byte order, and all that lies between and behind the
 * good ones. Superblocks that are not valid, too.
 */
#include <linux/string.h>
#include "btree/node_read.h"
#include "btree/read.h"
#include "format/xattr.h"
#include "fs/dirent.h"
#include "format/jset.h"
#include "format/sb.h"
#include "init/dump.h"
#include "journal/scan.h"
#include "journal/validate.h"
#include "sb/csum.h"
#include "sb/members.h"
#include "sb/super.h"

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

/* Of the pointers to a node one stays that leads to a copy in the dump. */
static void keep_one_ptr(struct bch_dump *d, const struct bkey *k, u8 *v)
{
	struct extent_entries e = bkey_extent_entries((struct bkey_view){k, v});
	bool kept = false;
	const u64 *entry;

	while ((entry = extent_entry_next(&e, &extent_entry_sizes_known))) {
		u64 word = *entry;

		if (extent_entry_type(word) != EXTENT_ENTRY_ptr)
			continue;
		if (!kept &&
		    bch_dump_has_node(d, EXTENT_PTR_DEV(word), (u64)EXTENT_PTR_OFFSET(word) << 9)) {
			kept = true;
			continue;
		}
		word = EXTENT_PTR_DEV_set(word, BCH_DEV_INVALID);
		memcpy(v + ((const u8 *)entry - v), &word, sizeof(word));
	}
}

/* The value @v of a key with the unpacked header @k. */
static void edit_value(struct bch_dump *d, const struct bkey *k, u8 *v)
{
	size_t bytes = (k->u64s - BKEY_U64s) * sizeof(u64);

	switch (k->type) {
	case KEY_TYPE_btree_ptr:
	case KEY_TYPE_btree_ptr_v2:
		if (d->flags & DUMP_SINGLE_REPLICA)
			keep_one_ptr(d, k, v);
		return;
	}
	if (!(d->flags & DUMP_SANITIZE))
		return;
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

/* Zero what is not understood, if it could hold secrets. */
static void blank_rest(struct bch_dump *d, void *p, size_t bytes)
{
	if (d->flags & DUMP_SANITIZE)
		memset(p, 0, bytes);
}

/* Nodes */

static void edit_set(struct bch_dump *d, struct raw_node *n)
{
	for (;;) {
		struct bkey_packed *p = (struct bkey_packed *)n->key;
		struct bkey_view k;
		struct bkey u;

		if (!bch_raw_node_next_key(n, &u, &k))
			break;
		edit_value(d, &u, bkey_p_val(&n->format, p));
	}
	blank_rest(d, (u8 *)n->key, (n->end - n->key) * sizeof(u64));
}

static bool set_is_usable(struct bch_dump *d, const struct raw_node *n)
{
	return !n->csum_unknown && !n->csum_bad && n->format_valid &&
	       !(le32_to_cpu(n->set->flags) & BSET_BIG_ENDIAN) &&
	       bset_end_bytes(n->set, n->offset) <= bch_node_bytes(d->c);
}

static void edit_node(struct bch_dump *d, u8 *buf)
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
		edit_set(d, &n);
		bch_bset_decrypt(c, buf, n.offset); /* once more enciphers */
		csum = bch_bset_csum(c, buf, n.offset);
		memcpy(buf + ((size_t)n.offset << 9), &csum, sizeof(csum));
		end = bset_end_bytes(n.set, n.offset);
		blank_rest(d, buf + end, min(next, bch_node_bytes(c)) - end);
		end = next;
	}
	if (!end || (n.set && !set_is_usable(d, &n)))
		d->nr_left_out++;
	if (end < bch_node_bytes(c))
		blank_rest(d, buf + end, bch_node_bytes(c) - end);
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

static void edit_jset_keys(struct bch_dump *d, u64 *p, u64 *end)
{
	while (p < end) {
		struct bkey_i *k = (struct bkey_i *)p;

		if (end - p < BKEY_U64s || k->k.u64s < BKEY_U64s || k->k.u64s > end - p)
			break;
		edit_value(d, &k->k, (u8 *)k->v);
		p += k->k.u64s;
	}
	blank_rest(d, p, (end - p) * sizeof(u64));
}

static void edit_jset_entry(struct bch_dump *d, struct jset_entry *e)
{
	size_t bytes = le16_to_cpu(e->u64s) * sizeof(u64);
	u8 *data = (u8 *)e->data;

	if (jset_entry_type_has_keys(e->type))
		edit_jset_keys(d, e->data, e->data + le16_to_cpu(e->u64s));
	else if (e->type == JSET_ENTRY_log && d->flags & DUMP_SANITIZE &&
		 !log_is_harmless(data, bytes))
		blank_text(data, bytes);
	else if (e->type >= JSET_ENTRY_NR)
		blank_rest(d, data, bytes);
}

static void edit_jset(struct bch_dump *d, struct jset *j)
{
	u64 *p = (u64 *)j->start, *last = (u64 *)jset_last(j);

	while (p < last) {
		struct jset_entry *e = (struct jset_entry *)p;

		if (jset_entry_u64s(e) > last - p)
			break;
		edit_jset_entry(d, e);
		p += jset_entry_u64s(e);
	}
	blank_rest(d, p, (last - p) * sizeof(u64));
}

/* Bytes of the good entry at @j, now edited; 0: there is none. */
static size_t rewrite_jset(struct bch_dump *d, struct jset *j, size_t left)
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
	edit_jset(d, j);
	journal_jset_seal(d->c, j);
	return jset_bytes(j);
}

static void edit_journal(struct bch_dump *d, u8 *buf, size_t bytes)
{
	size_t block = bch_block_bytes(d->c), next;

	for (size_t at = 0; at < bytes; at = next) {
		size_t good = 0;

		if (bytes - at >= block)
			good = rewrite_jset(d, (struct jset *)(buf + at), bytes - at);
		next = min(bytes, at + round_up(max(good, (size_t)1), block));
		blank_rest(d, buf + at + good, next - at - good);
	}
}

/* Superblocks */

/* Labels stay different from each other: the number of each stands in it. */
static void blank_labels(struct bch_sb *sb)
{
	struct sb_disk_groups *g = sb_section_get(sb, disk_groups);

	for (unsigned i = 0; g && i < sb_section_nr(g, entries); i++) {
		u8 *label = g->entries[i].label;
		size_t bytes = sizeof(g->entries[i].label);
		unsigned at = strnlen((const char *)label, bytes), left = i;

		memset(label + at, 0, bytes - at);
		memset(label, 'X', at);
		at = max(at, 6U);
		do {
			label[--at] = '0' + left % 10;
			left /= 10;
		} while (left);
		while (at && !label[at - 1])
			label[--at] = 'X';
	}
}

static void blank_members(struct bch_sb *sb)
{
	for (unsigned i = 0; i < sb->nr_devices; i++) {
		struct bch_member m = bch_member_get(sb, i);

		if (!sb_section_get(sb, members_v2))
			return;
		blank_text(m.device_name, sizeof(m.device_name));
		blank_text(m.device_model, sizeof(m.device_model));
		blank_text(m.device_serial, sizeof(m.device_serial));
		blank_text(m.failure_domain, sizeof(m.failure_domain));
		bch_member_put(sb, i, &m);
	}
}

static void edit_clean(struct bch_dump *d, struct bch_sb *sb)
{
	struct sb_clean *clean = sb_section_get(sb, clean);
	u64 *p = clean ? clean->entries : NULL, *end = p ? p + sb_section_nr(clean, entries) : NULL;

	while (p < end) {
		struct jset_entry *e = (struct jset_entry *)p;

		if (jset_entry_u64s(e) > end - p)
			break;
		edit_jset_entry(d, e);
		p += jset_entry_u64s(e);
	}
}

static void edit_super(struct bch_dump *d, u8 *buf, size_t bytes)
{
	struct bch_sb *sb = (struct bch_sb *)buf;
	struct printbuf err = PRINTBUF;
	struct bch_nonce nonce = {};
	unsigned type = bytes >= sizeof(*sb) ? sb_csum_type(sb) : BCH_CSUM_NR;
	struct bch_csum got;

	if (type < BCH_CSUM_NR && !bch_csum_type_is_encryption(type) && sb_bytes(sb) <= bytes) {
		got = bch_checksum(NULL, type, nonce, buf + sizeof(sb->csum),
				   sb_bytes(sb) - sizeof(sb->csum));
		if (bch_csum_eq(got, sb->csum) && !bch_sb_validate(sb, SB_READ, 0, &err)) {
			if (d->flags & DUMP_SANITIZE_NAMES) {
				memset(sb->label, 'X',
				       strnlen((const char *)sb->label, sizeof(sb->label)));
				blank_labels(sb);
				blank_members(sb);
			}
			edit_clean(d, sb);
			sb->csum = bch_checksum(NULL, type, nonce, buf + sizeof(sb->csum),
						sb_bytes(sb) - sizeof(sb->csum));
			blank_rest(d, buf + sb_bytes(sb), bytes - sb_bytes(sb));
			bytes = 0;
		}
	}
	blank_rest(d, buf, bytes);
	printbuf_exit(&err);
}

void bch_dump_edit(struct bch_dump *d, const struct dump_piece *p, u8 *buf)
{
	switch (p->kind) {
	case DUMP_NODE:
		edit_node(d, buf);
		break;
	case DUMP_JOURNAL:
		edit_journal(d, buf, p->end - p->start);
		break;
	case DUMP_SUPER:
		edit_super(d, buf, p->end - p->start);
	}
}
