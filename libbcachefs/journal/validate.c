/*
 * Validation of journal entries and of their sub-entries (spec 04 section 2.5).
 *
 * The table at the end has a function for each type of sub-entry. A validator repairs what it
 * finds, so that whoever comes after it may trust lengths and keys: a bad key is removed, a bad
 * sub-entry is overwritten with empty headers (every zero word is one).
 */
#include "journal/validate.h"

#include <linux/string.h>

#include "btree/bkey_ops.h"
#include "btree/compat.h"
#include "format/sb_errors.h"
#include "format/versions.h"
#include "journal/entry_text.h"
#include "sb/csum.h"
#include "sb/fs.h"
#include "sb/super.h"

/* A sub-entry under validation and its place. */
struct entry_check {
	struct bch_jset_check *ck;
	struct jset_entry *e; /* NULL: the entry as a whole */
	unsigned offset;      /* words */
	unsigned total;
};

u64 bch_jset_magic(const struct bch_fs *c)
{
	return bch_uuid_lo(c) ^ JSET_MAGIC_XOR;
}

bool bch_jset_version_ok(u32 version)
{
	return version >= BCH_VERSION_MIN_READ &&
	       BCH_VERSION_MAJOR(version) <= BCH_VERSION_MAJOR(BCH_VERSION_MAX_READ);
}

struct bch_jset_check bch_jset_check_of(const struct bch_fs *c, const struct jset *j)
{
	return (struct bch_jset_check){
		.c = c,
		.seq = le64_to_cpu(j->seq),
		.version = le32_to_cpu(j->version),
		.big_endian = le32_to_cpu(j->flags) & JSET_BIG_ENDIAN,
	};
}

static void prefix_to_text(struct printbuf *out, const struct entry_check *x)
{
	prt_str(out, "invalid journal entry, version=");
	bch_version_to_text(out, x->ck->version);
	if (x->e) {
		prt_str(out, " type=");
		bch_jset_entry_type_to_text(out, x->e->type);
	}
	if (x->ck->in_sb)
		prt_str(out, " in superblock");
	else
		prt_printf(out, " seq=%llu", x->ck->seq);
	if (x->e && !x->ck->in_sb)
		prt_printf(out, " offset=%u/%u", x->offset, x->total);
	prt_str(out, ": ");
}

/* Returns what the caller returns when writing. */
static int __printf(3, 4) entry_found(const struct entry_check *x, u16 id, const char *fmt, ...)
{
	struct bch_jset_check *ck = x->ck;
	struct printbuf text = PRINTBUF;
	struct finding f = {.id = id, .text = &text};
	va_list args;

	ck->nr++;
	if (ck->found) {
		prefix_to_text(&text, x);
		va_start(args, fmt);
		prt_vprintf(&text, fmt, args);
		va_end(args);
		ck->found(ck, &f);
	}
	printbuf_exit(&text);
	return ck->write ? -BCH_ERR_journal_entry_bad : 0;
}

/* A finding about a whole entry. */
#define jset_found(ck, id, ...) entry_found(&(struct entry_check){ck}, id, __VA_ARGS__)

static size_t payload_bytes(const struct entry_check *x)
{
	return le16_to_cpu(x->e->u64s) * sizeof(u64);
}

static void words_zero(u64 *p, const u64 *end)
{
	if (p < end)
		memset(p, 0, (char *)end - (char *)p);
}

/* Overwrite the whole sub-entry with empty headers. */
static void entry_null(const struct entry_check *x)
{
	if (!x->ck->write)
		words_zero((u64 *)x->e, (u64 *)jset_entry_next(x->e));
}

/* Keep the first @u64s words of the payload; empty headers follow. */
static void entry_cut(const struct entry_check *x, unsigned u64s)
{
	u64 *end = (u64 *)jset_entry_next(x->e);

	if (x->ck->write)
		return;
	x->e->u64s = cpu_to_le16(u64s);
	words_zero(x->e->data + u64s, end);
}

static void key_remove(const struct entry_check *x, struct bkey_i *k)
{
	u64 *next = (u64 *)jset_key_next(k), *end = (u64 *)jset_entry_next(x->e);
	unsigned left = le16_to_cpu(x->e->u64s) - k->k.u64s;

	if (x->ck->write)
		return;
	memmove(k, next, (char *)end - (char *)next);
	entry_cut(x, left);
}

/* To today's form, from that of an old version or another byte order. */
static void key_convert(const struct entry_check *x, struct bkey_i *k, unsigned level)
{
	struct bset_compat compat = {
		.version = x->ck->version,
		.btree = x->e->btree_id,
		.level = level,
		.other_endian = x->ck->big_endian,
	};

	if (bch_compat_needed(compat))
		bch_compat_key(compat, &bch_bkey_format_current, (struct bkey_packed *)k);
}

/*
 * The key @k, at least a word of which lies within the sub-entry. *@keep: it is still there and
 * bounded. @level of the node that would contain it.
 */
static int key_validate(const struct entry_check *x, struct bkey_i *k, unsigned level, bool *keep)
{
	struct bch_jset_check *ck = x->ck;
	unsigned at = (u64 *)k - x->e->data, left = le16_to_cpu(x->e->u64s) - at;
	struct bkey_where where = {
		.btree = x->e->btree_id,
		.level = level,
		.flags = BKEY_VALIDATE_JOURNAL | (ck->write ? BKEY_VALIDATE_WRITE : 0),
	};
	struct printbuf text = PRINTBUF;
	struct finding f = {.id = BCH_FSCK_ERR_journal_entry_bkey_invalid, .text = &text};
	int ret;

	*keep = false;
	if (!k->k.u64s || k->k.u64s > left) {
		ret = k->k.u64s ?
			      entry_found(x, BCH_FSCK_ERR_journal_entry_bkey_past_end,
					  "extends past end of journal entry") :
			      entry_found(x, BCH_FSCK_ERR_journal_entry_bkey_u64s_0, "k->u64s 0");
		entry_cut(x, at);
		return ret;
	}
	if ((k->k.format & KEY_FORMAT_MASK) != KEY_FORMAT_CURRENT) {
		ret = entry_found(x, BCH_FSCK_ERR_journal_entry_bkey_bad_format, "bad format %u",
				  k->k.format & KEY_FORMAT_MASK);
		key_remove(x, k);
		return ret;
	}
	if (k->k.u64s < BKEY_U64s) {
		ret = entry_found(x, BCH_FSCK_ERR_bkey_u64s_too_small, "u64s too small (%u < %u)",
				  k->k.u64s, BKEY_U64s);
		key_remove(x, k);
		return ret;
	}

	if (!ck->write)
		key_convert(x, k, level);
	ret = 0;
	if (bch_bkey_validate(ck->c, bkey_i_view(k), where, ck->found ? &f : NULL)) {
		ret = entry_found(x, f.id, "%s", printbuf_str(&text));
		key_remove(x, k);
	} else {
		*keep = true;
	}
	printbuf_exit(&text);
	return ret;
}

static int keys_validate(const struct entry_check *x)
{
	struct bkey_i *k = (struct bkey_i *)x->e->data;
	bool keep;
	int ret;

	while ((u64 *)k < x->e->data + le16_to_cpu(x->e->u64s)) {
		ret = key_validate(x, k, x->e->level, &keep);
		if (ret)
			return ret;
		if (keep)
			k = jset_key_next(k);
	}
	return 0;
}

/* The header stays even when the key is bad, so that recovery knows there should be a root. */
static int btree_root_validate(const struct entry_check *x)
{
	struct bkey_i *k = (struct bkey_i *)x->e->data;
	unsigned u64s = le16_to_cpu(x->e->u64s);
	bool keep;
	int ret;

	if (!u64s || u64s != k->k.u64s) {
		ret = entry_found(x, BCH_FSCK_ERR_journal_entry_btree_root_bad_size,
				  "invalid btree root journal entry: wrong number of keys");
		entry_cut(x, 0);
		return ret;
	}
	return key_validate(x, k, 1, &keep);
}

static int blacklist_validate(const struct entry_check *x)
{
	int ret;

	if (le16_to_cpu(x->e->u64s) == 1)
		return 0;
	ret = entry_found(x, BCH_FSCK_ERR_journal_entry_blacklist_bad_size,
			  "invalid journal seq blacklist entry: bad size");
	entry_null(x);
	return ret;
}

static int blacklist_v2_validate(const struct entry_check *x)
{
	const struct jset_blacklist_v2 *b = (const void *)x->e->data;
	int ret;

	if (le16_to_cpu(x->e->u64s) != 2)
		ret = entry_found(x, BCH_FSCK_ERR_journal_entry_blacklist_v2_bad_size,
				  "invalid journal seq blacklist entry: bad size");
	else if (le64_to_cpu(b->start) > le64_to_cpu(b->end))
		ret = entry_found(x, BCH_FSCK_ERR_journal_entry_blacklist_v2_start_past_end,
				  "invalid journal seq blacklist entry: start > end");
	else
		return 0;
	entry_null(x);
	return ret;
}

static int usage_validate(const struct entry_check *x)
{
	int ret;

	if (payload_bytes(x) >= sizeof(struct jset_usage))
		return 0;
	ret = entry_found(x, BCH_FSCK_ERR_journal_entry_usage_bad_size,
			  "invalid journal entry usage: bad size");
	entry_null(x);
	return ret;
}

static int data_usage_validate(const struct entry_check *x)
{
	const struct jset_data_usage *u = (const void *)x->e->data;
	size_t bytes = payload_bytes(x), head = offsetof(struct jset_data_usage, devs);
	const char *what = NULL;
	int ret;

	if (bytes < head || bytes < head + u->nr_devs)
		what = "bad size";
	else if (!u->nr_devs)
		what = "no devices";
	else if (u->nr_required > 1 && u->nr_required >= u->nr_devs)
		what = "bad nr_required";
	if (!what)
		return 0;
	ret = entry_found(x, BCH_FSCK_ERR_journal_entry_data_usage_bad_size,
			  "invalid journal entry usage: %s", what);
	entry_null(x);
	return ret;
}

static int clock_validate(const struct entry_check *x)
{
	const struct jset_clock *clock = (const void *)x->e->data;
	int ret;

	if (payload_bytes(x) != sizeof(*clock))
		ret = entry_found(x, BCH_FSCK_ERR_journal_entry_clock_bad_size, "bad size");
	else if (clock->rw > 1)
		ret = entry_found(x, BCH_FSCK_ERR_journal_entry_clock_bad_rw, "bad rw");
	else
		return 0;
	entry_null(x);
	return ret;
}

static int dev_usage_validate(const struct entry_check *x)
{
	const struct jset_dev_usage *u = (const void *)x->e->data;
	int ret;

	if (payload_bytes(x) < sizeof(*u))
		ret = entry_found(x, BCH_FSCK_ERR_journal_entry_dev_usage_bad_size,
				  "bad size (%zu < %zu)", jset_entry_bytes(x->e),
				  sizeof(*x->e) + sizeof(*u));
	else if (u->pad[0] | u->pad[1] | u->pad[2] | u->pad[3])
		ret = entry_found(x, BCH_FSCK_ERR_journal_entry_dev_usage_bad_pad, "bad pad");
	else
		return 0;
	entry_null(x);
	return ret;
}

static int datetime_validate(const struct entry_check *x)
{
	int ret;

	if (payload_bytes(x) >= sizeof(struct jset_datetime))
		return 0;
	ret = entry_found(x, BCH_FSCK_ERR_journal_entry_dev_usage_bad_size, "bad size (%zu < %zu)",
			  jset_entry_bytes(x->e), sizeof(*x->e) + sizeof(struct jset_datetime));
	entry_null(x);
	return ret;
}

static int rewind_size_validate(const struct entry_check *x, u16 id, size_t min)
{
	int ret;

	if (payload_bytes(x) >= min)
		return 0;
	ret = entry_found(x, id, "bad size (got %zu, expected >= %zu)", jset_entry_bytes(x->e),
			  sizeof(*x->e) + min);
	entry_null(x);
	return ret;
}

static int rewind_limit_validate(const struct entry_check *x)
{
	return rewind_size_validate(x, BCH_FSCK_ERR_journal_entry_rewind_limit_bad_size,
				    sizeof(struct jset_rewind_limit));
}

static int rewind_validate(const struct entry_check *x)
{
	return rewind_size_validate(x, BCH_FSCK_ERR_journal_entry_rewind_bad_size,
				    sizeof(struct jset_rewind));
}

static int (*const entry_validators[])(const struct entry_check *) = {
	[JSET_ENTRY_btree_keys] = keys_validate,
	[JSET_ENTRY_btree_root] = btree_root_validate,
	[JSET_ENTRY_prio_ptrs] = NULL,
	[JSET_ENTRY_blacklist] = blacklist_validate,
	[JSET_ENTRY_blacklist_v2] = blacklist_v2_validate,
	[JSET_ENTRY_usage] = usage_validate,
	[JSET_ENTRY_data_usage] = data_usage_validate,
	[JSET_ENTRY_clock] = clock_validate,
	[JSET_ENTRY_dev_usage] = dev_usage_validate,
	[JSET_ENTRY_log] = NULL,
	[JSET_ENTRY_overwrite] = keys_validate,
	[JSET_ENTRY_write_buffer_keys] = keys_validate,
	[JSET_ENTRY_datetime] = datetime_validate,
	[JSET_ENTRY_log_bkey] = keys_validate,
	[JSET_ENTRY_rewind_limit] = rewind_limit_validate,
	[JSET_ENTRY_rewind] = rewind_validate,
};

int bch_jset_entry_validate(struct bch_jset_check *ck, struct jset_entry *e, unsigned offset,
			    unsigned total)
{
	struct entry_check x = {.ck = ck, .e = e, .offset = offset, .total = total};

	if (e->type >= ARRAY_SIZE(entry_validators) || !entry_validators[e->type])
		return 0;
	return entry_validators[e->type](&x);
}

static int jset_entries_validate(struct bch_jset_check *ck, struct jset *j)
{
	unsigned offset = 0, u64s;
	int ret;

	while (offset < le32_to_cpu(j->u64s)) {
		struct jset_entry *e = (struct jset_entry *)((u64 *)j->start + offset);
		unsigned total = le32_to_cpu(j->u64s);

		/* Repairs never change the extent of a sub-entry, but may split it. */
		u64s = jset_entry_u64s(e);
		if (u64s > total - offset) {
			struct entry_check x = {.ck = ck, .e = e, .offset = offset, .total = total};

			ret = entry_found(&x, BCH_FSCK_ERR_journal_entry_past_jset_end,
					  "journal entry extends past end of jset");
			if (ret)
				return ret;
			j->u64s = cpu_to_le32(offset);
			break;
		}
		ret = bch_jset_entry_validate(ck, e, offset, total);
		if (ret)
			return ret;
		offset += u64s;
	}
	return 0;
}

int bch_jset_validate_early(struct bch_jset_check *ck, struct jset *h, size_t bytes_left)
{
	size_t bytes = jset_bytes(h);

	if (le64_to_cpu(h->magic) != bch_jset_magic(ck->c))
		return -BCH_ERR_journal_entry_bad;
	if (bytes > bytes_left) {
		jset_found(ck, BCH_FSCK_ERR_jset_past_bucket_end,
			   "%s sector %llu seq %llu: journal entry too big (%zu bytes)",
			   ck->dev ?: "", ck->sector, ck->seq, bytes);
		h->u64s = cpu_to_le32((bytes_left - sizeof(*h)) / sizeof(u64));
	}
	return 0;
}

int bch_jset_validate(struct bch_jset_check *ck, struct jset *j)
{
	unsigned csum_type = JSET_CSUM_TYPE(le32_to_cpu(j->flags));
	int ret = 0;

	if (!bch_jset_version_ok(ck->version)) {
		jset_found(ck, BCH_FSCK_ERR_jset_unsupported_version,
			   "%s sector %llu seq %llu: incompatible journal entry version %u.%u",
			   ck->dev ?: "", ck->sector, ck->seq, BCH_VERSION_MAJOR(ck->version),
			   BCH_VERSION_MINOR(ck->version));
		return -BCH_ERR_jset_unsupported_version;
	}
	if (csum_type >= BCH_CSUM_NR)
		ret = jset_found(ck, BCH_FSCK_ERR_jset_unknown_csum,
				 "%s sector %llu seq %llu: journal entry with unknown csum type %u",
				 ck->dev ?: "", ck->sector, ck->seq, csum_type);
	if (ret)
		return ret;
	if (jset_is_flush(j) && le64_to_cpu(j->last_seq) > ck->seq) {
		ret = jset_found(ck, BCH_FSCK_ERR_jset_last_seq_newer_than_seq,
				 "invalid journal entry: last_seq > seq (%llu > %llu)",
				 le64_to_cpu(j->last_seq), ck->seq);
		if (ret)
			return ret;
		j->last_seq = j->seq;
	}
	return jset_entries_validate(ck, j);
}
