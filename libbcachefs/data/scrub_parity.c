/*
 * Parity computed anew (spec 06 section 14): finds parity that was wrong when it was written, or
 * that has no checksum. All blocks of a stripe are read for it, so it comes after the rest of the
 * scrub, and for stripes with checksums only when asked for.
 */
#include <linux/errno.h>
#include <linux/slab.h>
#include "btree/iter.h"
#include "data/ec.h"
#include "data/scrub_state.h"
#include "format/errcode.h"
#include "format/stripe.h"

struct parity {
	struct bch_scrub *s;
	const struct bkey_i *k;
};

static int wrong(void *arg, unsigned block, u32 at, u32 sectors)
{
	struct parity *w = arg;
	const struct bch_stripe *stripe = (const void *)w->k->v;
	u64 ptr = le64_to_cpu(stripe->ptrs[block]);
	struct bch_scrub_finding f = {
		.item = {.sector = EXTENT_PTR_OFFSET(ptr) + at,
			 .sectors = sectors,
			 .skip = at,
			 .dev = EXTENT_PTR_DEV(ptr),
			 .kind = SCRUB_parity,
			 .btree = BTREE_ID_stripes,
			 .block = block,
			 .pos = w->k->k.p},
		.fault = SCRUB_wrong,
		.remedy = SCRUB_stripe,
		.why = "not what the data give",
	};

	if (w->s->only && w->s->only->idx != f.item.dev)
		return 0;
	bch_scrub_count(&w->s->devs[f.item.dev], f.remedy);
	return darray_push(&w->s->findings, f);
}

/* Check the stripe; the iterator holds no locks meanwhile. */
static int check_stripe(struct bch_scrub *s, struct btree_iter *iter, struct bkey_view k)
{
	const struct bch_stripe *stripe = k.v;
	struct parity w = {.s = s};
	struct bkey_i *copy;
	int ret;

	if (k.k->type != KEY_TYPE_stripe || bkey_val_bytes(k.k) < sizeof(*stripe) ||
	    (stripe->csum_type && !s->parity))
		return 0;
	copy = kmalloc(k.k->u64s * sizeof(u64), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	bkey_reassemble(copy, k);
	w.k = copy;
	bch_iter_advance(iter);
	bch_iter_unlock(iter);
	ret = bch_stripe_parity_check(s->c, copy, wrong, &w);
	kfree(copy);
	return ret;
}

int bch_scrub_check_parity(struct bch_scrub *s)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, s->c, BTREE_ID_stripes, POS_MIN, BTREE_ITER_prefetch);
	for (;;) {
		ret = bch_iter_peek(&iter, &k);
		if (ret == -BCH_ERR_btree_node_read_error && bch_iter_skip_unreadable(&iter))
			continue;
		if (ret || !k.k)
			break;
		ret = check_stripe(s, &iter, k);
		if (!ret && s->tick && !s->tick(s)) {
			s->stopped = true;
			ret = -EINTR;
		}
		if (ret)
			break;
		bch_iter_advance(&iter);
	}
	bch_iter_exit(&iter);
	return ret == -BCH_ERR_btree_node_read_error ? 0 : ret;
}
