/*
 * Keys of a node that is read: the rules of each key (spec 02 section 7.2), the merge of the bsets
 * (9.4) and the rules of the values.
 *
 * Exactly the bad key is dropped: what follows it is found again, and keys in the wrong order are
 * sorted (section 29).
 */
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/node_read.h"
#include "btree/sort.h"

static struct bkey_where node_where(const struct node_read *r)
{
	return (struct bkey_where){.btree = r->b->id, .level = r->b->level};
}

/* Rules 1 to 3: can the key be looked at? @room: words to the end of the bset. */
static int check_shape(const struct node_read *r, const struct bkey_packed *k, size_t room,
		       struct finding *f)
{
	unsigned head = bkey_p_key_u64s(&node_head(r)->format, k);

	if (!k->u64s || k->u64s > room)
		return finding_set(f, BCH_FSCK_ERR_btree_node_bkey_past_bset_end,
				   "key extends past end of bset");
	if (bkey_p_format(k) > KEY_FORMAT_CURRENT)
		return finding_set(f, BCH_FSCK_ERR_btree_node_bkey_bad_format,
				   "invalid bkey format %u", bkey_p_format(k));
	if (k->u64s < head || k->u64s - head > BKEY_VAL_U64s_MAX)
		return finding_set(f, BCH_FSCK_ERR_btree_node_bkey_bad_u64s,
				   "bad k->u64s %u (min %u max %u)", k->u64s, head,
				   head + BKEY_VAL_U64s_MAX);
	return 0;
}

static int check_in_node(const struct node_read *r, const struct bkey *k, struct finding *f)
{
	if (r->range_updated)
		return 0;
	if (bpos_lt(k->p, node_head(r)->min_key))
		return finding_set(f, BCH_FSCK_ERR_bkey_before_start_of_btree_node,
				   "key before start of btree node");
	if (bpos_gt(k->p, node_head(r)->max_key))
		return finding_set(f, BCH_FSCK_ERR_bkey_after_end_of_btree_node,
				   "key past end of btree node");
	return 0;
}

/* Rule 4 on a converted key; unpacks its header to @u. */
static int check_head(const struct node_read *r, const struct bkey_packed *k, struct bkey *u,
		      struct finding *f)
{
	struct bkey_view view = {u, bkey_p_val(&r->b->unpack.format, k)};

	bkey_unpack_header(&r->b->unpack, u, k);
	return bch_bkey_validate_head(r->c, view, node_where(r), f) ?: check_in_node(r, u, f);
}

static void convert(const struct node_read *r, struct bkey_packed *k)
{
	if (unlikely(bch_compat_needed(r->compat)))
		bch_compat_key(r->compat, &r->b->unpack.format, k);
}

/* Would a key at @k, not yet converted, pass rules 1 to 4? */
static bool key_is_plausible(const struct node_read *r, const struct bkey_packed *k, size_t room)
{
	u64 copy[BKEY_U64s_MAX];
	struct bkey u;

	if (check_shape(r, k, room, NULL))
		return false;
	if (unlikely(bch_compat_needed(r->compat))) {
		memcpy(copy, k, k->u64s * sizeof(u64));
		k = (struct bkey_packed *)copy;
		convert(r, (struct bkey_packed *)copy);
	}
	return !check_head(r, k, &u, NULL);
}

/* The word behind the bad key at @k: where its size leads, or the next at which a key may be. */
static u64 *behind_bad_key(const struct node_read *r, u64 *k, u64 *end, unsigned u64s)
{
	if (u64s && u64s <= end - k &&
	    (k + u64s == end ||
	     key_is_plausible(r, (struct bkey_packed *)(k + u64s), end - k - u64s)))
		return k + u64s;
	for (k++; k < end; k++)
		if (key_is_plausible(r, (struct bkey_packed *)k, end - k))
			break;
	return k;
}

static void report_bad_key(struct node_read *r, struct bkey_view k, const struct finding *f)
{
	struct printbuf text = PRINTBUF;

	bch_bkey_val_to_text(&text, r->c, k);
	bch_node_fix(r, f->id, "invalid bkey %s\n  %s", printbuf_str(&text), printbuf_str(f->text));
	printbuf_exit(&text);
}

static void report_order(struct node_read *r, const struct bkey *prev, const struct bkey *k)
{
	struct printbuf text = PRINTBUF;

	bch_bkey_to_text(&text, prev);
	prt_str(&text, " > ");
	bch_bkey_to_text(&text, k);
	bch_node_fix(r, BCH_FSCK_ERR_btree_node_bkey_out_of_order, "keys out of order: %s",
		     printbuf_str(&text));
	printbuf_exit(&text);
}

/* Rules 1 to 4 on the key at @k; converts it. False: it is bad, and reported. */
static bool check_key(struct node_read *r, struct bkey_packed *k, size_t room, struct bkey *u)
{
	struct printbuf text = PRINTBUF;
	struct finding f = {.text = &text};
	bool good = false;

	if (check_shape(r, k, room, NULL)) {
		check_shape(r, k, room, &f);
		bch_node_fix(r, f.id, "%s", printbuf_str(&text));
		goto out;
	}
	convert(r, k);
	good = !check_head(r, k, u, NULL);
	if (!good) {
		check_head(r, k, u, &f);
		report_bad_key(r, (struct bkey_view){u, bkey_p_val(&r->b->unpack.format, k)}, &f);
	}
out:
	printbuf_exit(&text);
	return good;
}

struct sort_entry {
	struct bpos p;
	u32 nr;	    /* in the bset */
	u32 offset; /* words from its start */
};

static int cmp_entries(const void *_l, const void *_r)
{
	const struct sort_entry *l = _l, *r = _r;

	return bpos_cmp(l->p, r->p) ?: (l->nr > r->nr) - (l->nr < r->nr);
}

/* Sort the keys of a bset; of keys at one position the first stays, and a deleted one before it. */
static void sort_set(struct node_read *r, struct bset *i, u32 nr)
{
	unsigned u64s = le16_to_cpu(i->u64s);
	struct sort_entry *e = kvmalloc((size_t)nr * sizeof(*e), GFP_KERNEL);
	u64 *copy = kvmalloc(u64s * sizeof(u64), GFP_KERNEL), *dst = i->keys, *src;
	const struct bkey_packed *prev = NULL;
	struct bpos prev_pos = POS_MIN;
	u32 n;

	i->u64s = 0;
	if (!e || !copy) {
		bch_node_fix(r, BCH_FSCK_ERR_btree_node_bkey_out_of_order,
			     "no memory to sort keys: all keys of the bset dropped");
		goto out;
	}
	memcpy(copy, i->keys, u64s * sizeof(u64));
	for (src = copy, n = 0; n < nr; src += ((struct bkey_packed *)src)->u64s, n++)
		e[n] = (struct sort_entry){bch_bkey_unpack_pos(&r->b->unpack.format,
							       (struct bkey_packed *)src),
					   n, src - copy};
	sort(e, nr, sizeof(*e), cmp_entries, NULL);
	for (n = 0; n < nr; n++) {
		const struct bkey_packed *k = (struct bkey_packed *)(copy + e[n].offset);

		if (prev && bpos_eq(prev_pos, e[n].p) &&
		    (!bkey_p_deleted(prev) || bkey_p_deleted(k)))
			continue;
		memcpy(dst, k, k->u64s * sizeof(u64));
		dst += k->u64s;
		prev = k;
		prev_pos = e[n].p;
	}
	i->u64s = cpu_to_le16(dst - i->keys);
out:
	kvfree(e);
	kvfree(copy);
}

void bch_node_check_keys(struct node_read *r, struct bset *i)
{
	u64 *src = i->keys, *dst = src, *end = src + le16_to_cpu(i->u64s);
	struct bkey_packed *prev = NULL;
	struct bkey u, prev_u;
	bool unsorted = false;
	u32 nr = 0;

	r->set = i;
	while (src < end) {
		struct bkey_packed *k = (struct bkey_packed *)src;
		unsigned u64s = k->u64s;
		int order = 0;

		r->key = k;
		if (!check_key(r, k, end - src, &u)) {
			src = behind_bad_key(r, src, end, u64s);
			continue;
		}
		if (prev)
			order = bpos_cmp(prev_u.p, u.p);
		if (unlikely(order > 0 ||
			     (prev && !order && !(bkey_deleted(&prev_u) && !bkey_deleted(&u))))) {
			report_order(r, &prev_u, &u);
			if (!order) {
				src += u64s;
				continue;
			}
			unsorted = true;
		}
		if (dst != src)
			memmove(dst, src, u64s * sizeof(u64));
		prev = (struct bkey_packed *)dst;
		prev_u = u;
		dst += u64s;
		src += u64s;
		nr++;
	}
	r->key = NULL;
	i->u64s = cpu_to_le16(dst - i->keys);
	if (unsorted)
		sort_set(r, i, nr);
}

/* Is this key of the merged node to stay? */
static bool check_val(struct node_read *r, struct bkey_packed *k)
{
	struct bkey u;
	struct bkey_view view = bkey_unpack_view(&r->b->unpack, &u, k);
	struct printbuf text = PRINTBUF;
	struct finding f = {.text = &text};

	if (r->range_updated &&
	    (bpos_lt(u.p, node_head(r)->min_key) || bpos_gt(u.p, node_head(r)->max_key)))
		return false;
	if (likely(!bch_bkey_validate_val(r->c, view, node_where(r), NULL)))
		return true;
	bch_bkey_validate_val(r->c, view, node_where(r), &f);
	report_bad_key(r, view, &f);
	printbuf_exit(&text);
	return false;
}

/* Drop the keys of the merged node whose values break their rules, count the others. */
static void check_values(struct node_read *r, struct bset *out)
{
	u64 *src = out->keys, *dst = src, *end = src + le16_to_cpu(out->u64s);
	struct btree *b = r->b;

	r->set = NULL;
	b->nr_packed = b->nr_unpacked = 0;
	while (src < end) {
		struct bkey_packed *k = (struct bkey_packed *)src;
		unsigned u64s = k->u64s;

		src += u64s;
		if (!check_val(r, k))
			continue;
		if (b->level && k->type == KEY_TYPE_btree_ptr_v2)
			((struct bch_btree_ptr_v2 *)bkey_p_val(&b->unpack.format, k))->mem_ptr = 0;
		if ((u64 *)k != dst)
			memmove(dst, k, u64s * sizeof(u64));
		if (bkey_p_is_packed(k))
			b->nr_packed++;
		else
			b->nr_unpacked++;
		dst += u64s;
	}
	out->u64s = cpu_to_le16(dst - out->keys);
}

int bch_node_merge(struct node_read *r)
{
	struct btree *b = r->b;
	struct bset_counts counts;
	struct btree_node *n, *shrunk;
	size_t bytes = sizeof(*n);
	int ret;

	for (size_t s = 0; s < r->sets.nr; s++)
		bytes += r->sets.data[s].u64s * sizeof(u64);
	n = kvmalloc(bytes, GFP_KERNEL);
	if (!n)
		return -ENOMEM;
	memcpy(n, r->buf, sizeof(*n));
	n->keys.journal_seq = cpu_to_le64(r->journal_seq);
	ret = bch_bset_merge(&b->unpack, n->keys.keys, r->sets.data, r->sets.nr, 0, &counts);
	if (ret) {
		kvfree(n);
		return ret;
	}
	n->keys.u64s = cpu_to_le16(counts.u64s);
	check_values(r, &n->keys);

	bytes = sizeof(*n) + le16_to_cpu(n->keys.u64s) * sizeof(u64);
	shrunk = krealloc(n, bytes, GFP_KERNEL);
	b->data = shrunk ?: n;
	b->data_bytes = bytes;
	b->sectors_written = r->offset;
	return 0;
}
