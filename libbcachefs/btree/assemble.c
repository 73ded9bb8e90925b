/*
 * Putting a node together from the bsets of its replicas (spec 02 sections 6, 7, 7.1).
 *
 * Bsets are independent of each other: each is taken from the first replica where it is good, so
 * that a node is whole as long as each bset is good somewhere.
 */
#include <linux/string.h>
#include "btree/node_read.h"
#include "format/versions.h"
#include "sb/csum.h"

#define BCH_NONCE_BTREE (1U << 29)

/* Enciphered part of the head: flags to format. */
#define HEAD_CRYPT_START offsetof(struct btree_node, flags)
#define HEAD_CRYPT_BYTES (offsetof(struct btree_node, keys) - HEAD_CRYPT_START)

/* The oldest version of a bset that can be read. */
#define BSET_VERSION_MIN 9

struct bch_nonce bch_bset_nonce(const struct bset *i, u32 offset)
{
	u64 seq = le64_to_cpu(i->seq);

	return (struct bch_nonce){{
		cpu_to_le32(offset << 9),
		cpu_to_le32((u32)seq),
		cpu_to_le32((u32)(seq >> 32)),
		cpu_to_le32((u32)le64_to_cpu(i->journal_seq) ^ BCH_NONCE_BTREE),
	}};
}

bool bch_bset_csum_type_known(const struct bch_fs *c, const struct bset *i)
{
	unsigned type = BSET_CSUM_TYPE(le32_to_cpu(i->flags));

	return type < BCH_CSUM_NR && (c->key || !bch_csum_type_is_encryption(type));
}

/* The checksum field stands first in both kinds of head. */
struct bch_csum bch_bset_csum_stored(const u8 *buf, u32 offset)
{
	struct bch_csum csum;

	memcpy(&csum, buf + ((size_t)offset << 9), sizeof(csum));
	return csum;
}

struct bch_csum bch_bset_csum(const struct bch_fs *c, u8 *buf, u32 offset)
{
	const struct bset *i = bset_at(buf, offset);
	size_t start = ((size_t)offset << 9) + sizeof(struct bch_csum);
	size_t end = min(bset_end_bytes(i, offset), bch_node_bytes(c));

	return bch_checksum(c->key, BSET_CSUM_TYPE(le32_to_cpu(i->flags)),
			    bch_bset_nonce(i, offset), buf + start, end - start);
}

bool bch_bset_csum_is_good(const struct bch_fs *c, u8 *buf, u32 offset)
{
	return bch_csum_eq(bch_bset_csum(c, buf, offset), bch_bset_csum_stored(buf, offset));
}

void bch_bset_decrypt(const struct bch_fs *c, u8 *buf, u32 offset)
{
	struct bset *i = bset_at(buf, offset);
	struct bch_nonce nonce = bch_bset_nonce(i, offset);
	size_t end = min(bset_end_bytes(i, offset), bch_node_bytes(c));

	if (!bch_csum_type_is_encryption(BSET_CSUM_TYPE(le32_to_cpu(i->flags))) || !c->key)
		return;
	if (!offset) {
		bch_encrypt(c->key, nonce, buf + HEAD_CRYPT_START, HEAD_CRYPT_BYTES);
		nonce = bch_nonce_add(nonce, round_up(HEAD_CRYPT_BYTES, 64UL));
	}
	bch_encrypt(c->key, nonce, i->keys, end - ((u8 *)i->keys - buf));
}

static void prt_node_head(struct printbuf *out, const struct btree_node *n)
{
	u64 flags = le64_to_cpu(n->flags);

	prt_str(out, "btree=");
	bch_btree_id_to_text(out, BTREE_NODE_ID(flags));
	prt_printf(out, " l=%u seq %llux\nmin: ", (unsigned)BTREE_NODE_LEVEL(flags),
		   le64_to_cpu(n->keys.seq));
	bch_bpos_to_text(out, n->min_key);
	prt_str(out, "\nmax: ");
	bch_bpos_to_text(out, n->max_key);
}

/* Is this the node, or at least one? Magic and seq; the head may still be enciphered. */
static enum node_verdict check_identity(struct node_read *r, const struct btree_node *n)
{
	u64 magic = bch_uuid_lo(r->c) ^ BTREE_NODE_MAGIC_XOR;
	struct printbuf head = PRINTBUF;
	enum node_verdict v = NODE_OK;

	r->set = NULL;
	if (le64_to_cpu(n->magic) != magic)
		return bch_node_must(r, BCH_FSCK_ERR_btree_node_bad_magic,
				     "bad magic: want %llx, got %llx", magic,
				     le64_to_cpu(n->magic));
	if (r->b->key.k.k.type == KEY_TYPE_btree_ptr_v2) {
		if (le64_to_cpu(n->keys.seq) == r->seq)
			return NODE_OK;
		prt_node_head(&head, n);
		v = bch_node_must(r, BCH_FSCK_ERR_btree_node_bad_seq,
				  "got wrong btree node: got\n%s", printbuf_str(&head));
	} else if (!n->keys.seq) {
		prt_node_head(&head, n);
		v = bch_node_must(r, BCH_FSCK_ERR_btree_node_bad_seq, "bad btree header: seq 0\n%s",
				  printbuf_str(&head));
	} else {
		r->seq = le64_to_cpu(n->keys.seq);
	}
	printbuf_exit(&head);
	return v;
}

/*
 * A wrong checksum and no other replica: keys that pass all other rules are used. Not so where the
 * bytes are enciphered: they cannot be told from forged ones; then the bset is taken as empty, and
 * without its first bset the node is lost.
 */
static enum node_verdict bad_csum(struct node_read *r, struct bset *i, u16 id, const char *text)
{
	bool enciphered = bch_csum_type_is_encryption(BSET_CSUM_TYPE(le32_to_cpu(i->flags)));
	enum node_verdict v;

	if (enciphered && !r->offset)
		return bch_node_must(r, id, "%s", text);
	v = bch_node_want(r, id, "%s", text);
	if (v == NODE_OK) {
		r->doubtful = true;
		if (enciphered)
			i->u64s = 0;
	}
	return v;
}

static enum node_verdict check_csum(struct node_read *r, struct node_replica *rep)
{
	struct bset *i = bset_at(rep->buf, r->offset);
	unsigned type = BSET_CSUM_TYPE(le32_to_cpu(i->flags));
	struct bch_csum want = bch_bset_csum_stored(rep->buf, r->offset), got;
	struct printbuf text = PRINTBUF;
	enum node_verdict v = NODE_OK;

	if (!bch_bset_csum_type_known(r->c, i)) {
		prt_printf(&text, "unknown checksum type %u", type);
		v = bad_csum(r, i, BCH_FSCK_ERR_bset_unknown_csum, printbuf_str(&text));
		goto out;
	}
	got = bch_bset_csum(r->c, rep->buf, r->offset);
	if (bch_csum_eq(got, want))
		goto out;
	if (rep->ca)
		__atomic_fetch_add(&rep->ca->csum_errors, 1, __ATOMIC_RELAXED);
	bch_csum_err_to_text(&text, type, want, got);
	v = bad_csum(r, i, BCH_FSCK_ERR_bset_bad_csum, printbuf_str(&text));
out:
	printbuf_exit(&text);
	return v;
}

static enum node_verdict check_version(struct node_read *r, struct bset *i)
{
	unsigned version = le16_to_cpu(i->version);

	if (BCH_VERSION_MAJOR(version) > 1 || version < BSET_VERSION_MIN)
		return bch_node_bad(r, BTREE_FINDING_INCOMPATIBLE,
				    BCH_FSCK_ERR_btree_node_unsupported_version,
				    "unsupported bset version %u.%u", BCH_VERSION_MAJOR(version),
				    BCH_VERSION_MINOR(version));
	if (version < r->c->version_min)
		bch_node_fix(r, BCH_FSCK_ERR_btree_node_bset_older_than_sb_min,
			     "bset version %u older than superblock version_min %u", version,
			     r->c->version_min);
	if (BCH_VERSION_MAJOR(version) > BCH_VERSION_MAJOR(r->c->version))
		bch_node_fix(r, BCH_FSCK_ERR_btree_node_bset_newer_than_sb,
			     "bset version %u newer than superblock version %u", version,
			     r->c->version);
	return NODE_OK;
}

/* 7.1 as far as it concerns any bset. */
static enum node_verdict check_set_head(struct node_read *r, struct bset *i)
{
	u32 flags = le32_to_cpu(i->flags), sectors = bset_sectors(r->c, i, r->offset);
	enum node_verdict v = check_version(r, i);

	if (v != NODE_OK)
		return v;
	if (flags & BSET_SEPARATE_WHITEOUTS)
		return bch_node_bad(r, BTREE_FINDING_INCOMPATIBLE,
				    BCH_FSCK_ERR_btree_node_unsupported_version,
				    "BSET_SEPARATE_WHITEOUTS no longer supported");
	if (r->offset && !i->u64s)
		bch_node_fix(r, BCH_FSCK_ERR_bset_empty, "empty bset");
	if (r->offset + sectors > r->limit) {
		bch_node_fix(r, BCH_FSCK_ERR_bset_past_end_of_btree_node,
			     "bset past end of btree node (offset %u len %u but written %u)",
			     r->offset, sectors, r->limit);
		i->u64s = 0;
		r->doubtful = true;
	}
	if (BSET_OFFSET(flags) && BSET_OFFSET(flags) != r->offset)
		return bch_node_want(r, BCH_FSCK_ERR_bset_wrong_sector_offset,
				     "bset at wrong sector offset");
	return NODE_OK;
}

static enum node_verdict check_range(struct node_read *r, struct btree_node *n)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(&r->b->key.k);
	struct printbuf got = PRINTBUF, want = PRINTBUF;
	struct bpos p = r->b->key.k.k.p;
	enum node_verdict v = NODE_OK;

	if (v2 && r->range_updated) {
		n->min_key = v2->min_key;
		n->max_key = p;
		return NODE_OK;
	}
	if (v2 && !bpos_eq(n->min_key, v2->min_key)) {
		bch_bpos_to_text(&got, n->min_key);
		bch_bpos_to_text(&want, v2->min_key);
		v = bch_node_must(r, BCH_FSCK_ERR_btree_node_bad_min_key,
				  "incorrect min_key: got %s should be %s", printbuf_str(&got),
				  printbuf_str(&want));
	} else if (!bpos_eq(n->max_key, p)) {
		bch_bpos_to_text(&got, n->max_key);
		v = bch_node_must(r, BCH_FSCK_ERR_btree_node_bad_max_key, "incorrect max key %s",
				  printbuf_str(&got));
	}
	printbuf_exit(&got);
	printbuf_exit(&want);
	return v;
}

/* Check the format and convert it. */
static enum node_verdict check_format(struct node_read *r, struct btree_node *n)
{
	struct printbuf why = PRINTBUF, text = PRINTBUF;
	struct bkey_format found = n->format;
	enum node_verdict v = NODE_OK;
	int ret = bch_bkey_format_validate(&n->format, r->c->version_min, &why);

	if (!ret && bch_compat_needed(r->compat))
		bch_compat_format(r->compat, &n->format);
	if (!ret)
		ret = bch_bkey_format_validate(&n->format, BCH_VERSION_snapshot, &why);
	if (ret) {
		bch_bkey_format_to_text(&text, &found);
		v = bch_node_bad(r, BTREE_FINDING_BAD, BCH_FSCK_ERR_btree_node_bad_format,
				 "invalid bkey format: %s\n  %s", printbuf_str(&why),
				 printbuf_str(&text));
	}
	printbuf_exit(&why);
	printbuf_exit(&text);
	return v;
}

/* The rest of 7.1: what only the first bset has, deciphered. */
static enum node_verdict check_node_head(struct node_read *r)
{
	struct btree_node *n = node_head(r);
	u64 flags = le64_to_cpu(n->flags);
	enum node_verdict v;

	if (BTREE_NODE_ID(flags) != r->b->id)
		return bch_node_must(r, BCH_FSCK_ERR_btree_node_bad_btree, "incorrect btree id");
	if (BTREE_NODE_LEVEL(flags) != r->b->level)
		return bch_node_must(r, BCH_FSCK_ERR_btree_node_bad_level, "incorrect level");
	if (bch_compat_needed(r->compat))
		bch_compat_node_range(r->compat, &n->min_key, &n->max_key);
	v = check_range(r, n);
	if (v != NODE_OK)
		return v;
	v = check_format(r, n);
	if (v != NODE_OK)
		return v;
	bch_unpacker_init(&r->b->unpack, &n->format);
	return NODE_OK;
}

/* Bring the bset of @rep to r->buf and decipher it. */
static void adopt_set(struct node_read *r, struct node_replica *rep)
{
	size_t start = (size_t)r->offset << 9;
	size_t end =
		min(bset_end_bytes(bset_at(rep->buf, r->offset), r->offset), bch_node_bytes(r->c));

	if (rep->buf != r->buf)
		memcpy(r->buf + start, rep->buf + start, end - start);
	bch_bset_decrypt(r->c, r->buf, r->offset);
}

static enum node_verdict check_set_of_replica(struct node_read *r, struct node_replica *rep)
{
	struct bset *i = bset_at(rep->buf, r->offset);
	enum node_verdict v;

	r->key = NULL;
	r->doubtful = false;
	if (!r->offset) {
		v = check_identity(r, (struct btree_node *)rep->buf);
		if (v != NODE_OK) {
			rep->state = NODE_REPLICA_bad;
			return v;
		}
	} else if (le64_to_cpu(i->seq) != r->seq) {
		return NODE_END;
	}
	r->set = i;
	v = check_csum(r, rep);
	if (v != NODE_OK)
		return v;

	adopt_set(r, rep);
	r->set = i = bset_at(r->buf, r->offset);
	r->compat = (struct bset_compat){
		.version = le16_to_cpu(i->version),
		.btree = r->b->id,
		.level = r->b->level,
		.other_endian = le32_to_cpu(i->flags) & BSET_BIG_ENDIAN,
	};
	if (!r->offset && !r->b->level && btree_id_flags(r->b->id) & BTREE_IS_EXTENTS &&
	    !(le64_to_cpu(node_head(r)->flags) & BTREE_NODE_NEW_EXTENT_OVERWRITE))
		return bch_node_bad(r, BTREE_FINDING_INCOMPATIBLE,
				    BCH_FSCK_ERR_btree_node_unsupported_version,
				    "btree node does not have NEW_EXTENT_OVERWRITE set");
	v = check_set_head(r, i);
	if (v == NODE_BAD && r->offset && r->doubtful) {
		/* What a head with a wrong checksum says does not count against the node. */
		i->u64s = 0;
		return NODE_OK;
	}
	if (v == NODE_OK && !r->offset)
		v = check_node_head(r);
	return v;
}

static enum node_verdict data_missing(struct node_read *r)
{
	r->set = NULL;
	return bch_node_want(r, BCH_FSCK_ERR_btree_node_data_missing,
			     "btree node data missing: expected %u sectors, found %u",
			     r->ptr_sectors, r->offset);
}

/* The bset at r->offset from whichever replica has it. */
static enum node_verdict get_set(struct node_read *r)
{
	enum node_verdict v;

	for (unsigned i = 0; i < r->nr_replicas; i++)
		r->replicas[i].tried = i == r->cur;
	do {
		v = check_set_of_replica(r, &r->replicas[r->cur]);
		if (v == NODE_END && r->ptr_sectors && data_missing(r) == NODE_NEXT)
			v = NODE_NEXT;
	} while (v == NODE_NEXT);
	return v;
}

static bool is_blacklisted(const struct node_read *r, const struct bset *i)
{
	bool (*ask)(const struct bch_fs *c, u64 seq) = r->c->btree->ops.seq_is_blacklisted;

	return ask && ask(r->c, le64_to_cpu(i->journal_seq));
}

/* 7 g: true if the bset takes part. */
static bool check_blacklist(struct node_read *r, const struct bset *i)
{
	u64 seq = le64_to_cpu(i->journal_seq);

	if (!is_blacklisted(r, i))
		return true;
	if (!r->offset)
		bch_node_fix(r, BCH_FSCK_ERR_bset_blacklisted_journal_seq,
			     "first btree node bset has blacklisted journal seq (%llu)", seq);
	if (r->ptr_sectors)
		bch_node_fix(r, BCH_FSCK_ERR_first_bset_blacklisted_journal_seq,
			     "found blacklisted bset (journal seq %llu) in btree node at offset "
			     "%u-%u/%u",
			     seq, r->offset, r->offset + bset_sectors(r->c, i, r->offset),
			     r->ptr_sectors);
	return !r->offset;
}

/*
 * Bsets are missing: look behind @start (the last one, if its size is in doubt) for one that says
 * where it belongs and has a good checksum. Moves r->offset there; false: there is none.
 */
static bool find_set_behind(struct node_read *r, u32 start)
{
	u32 block = r->c->block_sectors;

	for (u32 offset = start + block; offset < r->limit; offset += block)
		for (unsigned n = 0; n < r->nr_replicas; n++) {
			struct node_replica *rep = &r->replicas[n];
			struct bset *i;

			if (rep->state != NODE_REPLICA_loaded)
				continue;
			i = bset_at(rep->buf, offset);
			if (le64_to_cpu(i->seq) != r->seq ||
			    BSET_OFFSET(le32_to_cpu(i->flags)) != offset ||
			    bset_end_bytes(i, offset) > (size_t)r->limit << 9 ||
			    !bch_bset_csum_type_known(r->c, i) ||
			    !bch_bset_csum_is_good(r->c, rep->buf, offset))
				continue;
			r->offset = offset;
			r->cur = n;
			return true;
		}
	return false;
}

/* The pointer does not tell where the node ends: nothing of it may follow. */
static void check_after_end(struct node_read *r)
{
	r->set = NULL;
	for (u32 offset = r->offset + r->c->block_sectors; offset < r->limit;
	     offset += r->c->block_sectors) {
		const struct bset *i = bset_at(r->buf, offset);

		if (le64_to_cpu(i->seq) == r->seq && !is_blacklisted(r, i)) {
			bch_node_fix(r, BCH_FSCK_ERR_btree_node_bset_after_end,
				     "found bset signature after last bset");
			return;
		}
	}
}

/* The good bset at r->offset: its keys, whether it counts, and on to the next. */
static int take_set(struct node_read *r)
{
	struct bset *i = bset_at(r->buf, r->offset);
	u32 sectors = bset_sectors(r->c, i, r->offset);

	bch_node_check_keys(r, i);
	if (check_blacklist(r, i) &&
	    darray_push(&r->sets, (struct bset_keys){i->keys, le16_to_cpu(i->u64s)}))
		return -ENOMEM;
	r->journal_seq = max(r->journal_seq, le64_to_cpu(i->journal_seq));
	r->offset += sectors;
	return 0;
}

int bch_node_assemble(struct node_read *r)
{
	u32 last = 0;
	int ret = 0;

	while (!ret && r->offset < r->limit) {
		switch (get_set(r)) {
		case NODE_BAD:
			return -BCH_ERR_btree_node_read_error;
		case NODE_END:
			if (!r->ptr_sectors) {
				check_after_end(r);
				return 0;
			}
			if (!find_set_behind(r, last))
				return 0;
			last = r->offset;
			break;
		default:
			if (!r->doubtful)
				last = r->offset +
				       bset_sectors(r->c, bset_at(r->buf, r->offset), r->offset);
			ret = take_set(r);
		}
	}
	if (!ret && r->offset < r->ptr_sectors)
		data_missing(r);
	return ret;
}
