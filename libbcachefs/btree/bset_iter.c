/* Iteration over the bsets of a node, merged. */
#include "btree/bset.h"

static inline int cmp(const struct bset_list *l, const struct bkey_packed *a,
		      const struct bkey_packed *b)
{
	if (likely(bkey_p_is_packed(a) && bkey_p_is_packed(b)))
		return bkey_cmp_bits((const u64 *)a, (const u64 *)b, l->u.format.key_u64s,
				     l->u.key_bits);
	return bch_bkey_p_cmp(&l->u.format, a, b);
}

/* The smallest key that any bset has next, of equal ones the newest; NULL at the end. */
static const struct bkey_packed *first_key(const struct bset_iter *iter)
{
	const struct bset_list *l = iter->list;
	const struct bkey_packed *first = NULL;

	for (unsigned i = l->nr; i--;)
		if (iter->at[i] != bset_end(&l->set[i]) &&
		    (!first || cmp(l, iter->at[i], first) < 0))
			first = iter->at[i];
	return first;
}

/* Move behind @key, which is first_key(), in all bsets. */
static void pass(struct bset_iter *iter, const struct bkey_packed *key)
{
	const struct bset_list *l = iter->list;

	for (unsigned i = 0; i < l->nr; i++)
		if (iter->at[i] != bset_end(&l->set[i]) &&
		    (iter->at[i] == key || !cmp(l, iter->at[i], key)))
			iter->at[i] = bkey_p_next(iter->at[i]);
}

const struct bkey_packed *bch_bset_iter_peek(struct bset_iter *iter)
{
	const struct bkey_packed *p;

	while ((p = first_key(iter)) && unlikely(bkey_p_deleted(p)))
		pass(iter, p);
	return p;
}

const struct bkey_packed *bch_bset_iter_seek(struct bset_iter *iter, const struct bset_list *list,
					     struct bpos pos)
{
	iter->list = list;
	for (unsigned i = 0; i < list->nr; i++)
		iter->at[i] = bch_bset_search(&list->set[i], &list->u, pos);
	return bch_bset_iter_peek(iter);
}

const struct bkey_packed *bch_bset_iter_next(struct bset_iter *iter)
{
	const struct bkey_packed *p = first_key(iter);

	if (!p)
		return NULL;
	pass(iter, p);
	return bch_bset_iter_peek(iter);
}

/* One position back, whether a live key is there or not; the key is NULL at the start. */
static const struct bkey_packed *step_back(struct bset_iter *iter)
{
	const struct bset_list *l = iter->list;
	const struct bkey_packed *prev[BSET_LIST_MAX], *last = NULL;

	for (unsigned i = l->nr; i--;) {
		prev[i] = bch_bset_prev(&l->set[i], iter->at[i]);
		if (prev[i] && (!last || cmp(l, prev[i], last) > 0))
			last = prev[i];
	}
	for (unsigned i = 0; last && i < l->nr; i++)
		if (prev[i] && (prev[i] == last || !cmp(l, prev[i], last)))
			iter->at[i] = prev[i];
	return last;
}

const struct bkey_packed *bch_bset_iter_prev(struct bset_iter *iter)
{
	const struct bkey_packed *p;

	while ((p = step_back(iter)) && bkey_p_deleted(p))
		;
	return p;
}
