/* The index of what a scan for btree nodes found (btree/node_scan.h). */
#include <linux/mm.h>
#include <linux/sort.h>
#include <linux/string.h>
#include "btree/node_scan.h"
#include "format/extents.h"

/* --- age --- */

static int cmp_flag(const struct found_node *l, const struct found_node *r, unsigned flag)
{
	/* Who has it is worse. */
	return !!(r->flags & flag) - !!(l->flags & flag);
}

/*
 * At any position of a level, each node that follows another has a higher generation. Two with the
 * same one are left when a change of the tree did not survive a crash: then the one that lived on
 * has newer bsets.
 */
int bch_found_node_cmp_age(const struct found_node *l, const struct found_node *r)
{
	return cmp_flag(l, r, FOUND_NODE_bad)		       ?:
		       cmp_flag(l, r, FOUND_NODE_blacklisted)  ?:
		       u64_cmp(l->generation, r->generation)   ?:
		       u64_cmp(l->journal_seq, r->journal_seq) ?:
								 u64_cmp(l->written, r->written);
}

/* --- order --- */

static int cmp_tree(const struct found_node *l, const struct found_node *r)
{
	return (int)l->btree - r->btree ?: (int)l->level - r->level;
}

static int cmp_identity(const struct found_node *l, const struct found_node *r)
{
	return cmp_tree(l, r)				     ?:
		       u64_cmp(l->cookie, r->cookie)	     ?:
		       u64_cmp(l->generation, r->generation) ?:
		       bpos_cmp(l->min, r->min)		     ?:
							       bpos_cmp(l->max, r->max);
}

/* Replicas of a node together, the best first. */
static int cmp_replicas(const void *_l, const void *_r)
{
	const struct found_node *l = _l, *r = _r;

	int cmp = cmp_identity(l, r) ?: bch_found_node_cmp_age(r, l);

	cmp = cmp ?: cmp_flag(r, l, FOUND_NODE_torn) ?: (int)l->devs[0] - r->devs[0];
	return cmp ?: u64_cmp(l->sectors_at[0], r->sectors_at[0]);
}

static int cmp_place(const void *_l, const void *_r)
{
	const struct found_node *l = _l, *r = _r;

	return cmp_tree(l, r)			    ?:
		       bpos_cmp(l->min, r->min)	    ?:
		       bch_found_node_cmp_age(r, l) ?:
						      u64_cmp(l->cookie, r->cookie);
}

/* @r is a replica of @n, and not better. */
static void merge_replica(struct found_node *n, const struct found_node *r)
{
	/* Bad replicas are kept only of nodes that have no good one. */
	if (r->flags & FOUND_NODE_bad & ~n->flags)
		return;
	if (n->nr_ptrs == FOUND_NODE_PTRS_MAX) {
		n->flags |= FOUND_NODE_many;
		return;
	}
	n->devs[n->nr_ptrs] = r->devs[0];
	n->sectors_at[n->nr_ptrs++] = r->sectors_at[0];
	if (!(r->flags & FOUND_NODE_torn))
		n->flags &= ~FOUND_NODE_torn;
}

static void merge_replicas(struct node_index *index)
{
	struct found_node *n = index->nodes.data;
	size_t kept = 0;

	sort(n, index->nodes.nr, sizeof(*n), cmp_replicas, NULL);
	for (size_t i = 0; i < index->nodes.nr; i++) {
		if (kept && !cmp_identity(&n[kept - 1], &n[i]))
			merge_replica(&n[kept - 1], &n[i]);
		else
			n[kept++] = n[i];
	}
	index->nodes.nr = kept;
	sort(n, kept, sizeof(*n), cmp_place, NULL);
}

/* --- looking up --- */

static int cmp_cookie(const struct found_node *l, const struct found_node *r)
{
	return cmp_tree(l, r) ?: u64_cmp(l->cookie, r->cookie);
}

static int cmp_by_cookie(const void *_l, const void *_r, const void *priv)
{
	const struct found_node *nodes = priv;
	const struct found_node *l = &nodes[*(const u32 *)_l], *r = &nodes[*(const u32 *)_r];

	return cmp_cookie(l, r) ?: bch_found_node_cmp_age(r, l);
}

int bch_node_index_finish(struct node_index *index)
{
	size_t nr;

	if (index->nodes.nr > U32_MAX)
		return -ENOMEM;
	merge_replicas(index);
	nr = index->nodes.nr;
	kvfree(index->by_cookie);
	index->by_cookie = kvmalloc(max_t(size_t, nr, 1) * sizeof(u32), GFP_KERNEL);
	if (!index->by_cookie)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		index->by_cookie[i] = i;
	sort_r(index->by_cookie, nr, sizeof(u32), cmp_by_cookie, NULL, index->nodes.data);
	return 0;
}

void bch_node_index_exit(struct node_index *index)
{
	darray_exit(&index->nodes);
	kvfree(index->by_cookie);
	*index = (struct node_index){};
}

struct found_node *bch_node_index_find(struct node_index *index, unsigned btree, unsigned level,
				       u64 cookie)
{
	const struct found_node want = {.btree = btree, .level = level, .cookie = cookie};
	struct found_node *nodes = index->nodes.data;
	size_t lo = 0, hi = index->nodes.nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cmp_cookie(&nodes[index->by_cookie[mid]], &want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == index->nodes.nr || cmp_cookie(&nodes[index->by_cookie[lo]], &want))
		return NULL;
	return &nodes[index->by_cookie[lo]];
}

size_t bch_node_index_seek(const struct node_index *index, unsigned btree, unsigned level)
{
	const struct found_node want = {.btree = btree, .level = level};
	size_t lo = 0, hi = index->nodes.nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cmp_tree(&index->nodes.data[mid], &want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* --- pointers and text --- */

void bch_found_node_ptr(const struct bch_fs *c, const struct found_node *n, struct bpos min,
			struct bpos max, struct btree_ptr_key *key)
{
	bool clipped = !bpos_eq(min, n->min) || !bpos_eq(max, n->max);
	struct bch_btree_ptr_v2 *v = (void *)key->k.v;
	u64 *ptr = (u64 *)(v + 1);

	bkey_init_pos(&key->k.k, max);
	key->k.k.type = KEY_TYPE_btree_ptr_v2;
	key->k.k.u64s = BKEY_U64s + sizeof(*v) / sizeof(u64) + n->nr_ptrs;
	*v = (struct bch_btree_ptr_v2){
		.seq = cpu_to_le64(n->cookie),
		.sectors_written = cpu_to_le16(n->written),
		.flags = cpu_to_le16(clipped ? BTREE_PTR_RANGE_UPDATED : 0),
		.min_key = min,
	};
	for (unsigned i = 0; i < n->nr_ptrs; i++) {
		const struct bch_dev *ca = bch_dev(c, n->devs[i]);
		u64 bucket = ca && ca->mi.bucket_size ? n->sectors_at[i] / ca->mi.bucket_size : 0;
		bool known = ca && ca->bucket_gens && bucket < ca->mi.nbuckets;
		u8 gen = known ? ca->bucket_gens[bucket] : 0;

		ptr[i] = EXTENT_PTR_OFFSET_set(1ULL << EXTENT_ENTRY_ptr, n->sectors_at[i]);
		ptr[i] = EXTENT_PTR_GEN_set(EXTENT_PTR_DEV_set(ptr[i], n->devs[i]), gen);
	}
}

void bch_found_node_to_text(struct printbuf *out, const struct bch_fs *c,
			    const struct found_node *n)
{
	bch_btree_id_to_text(out, n->btree);
	prt_printf(out, " l=%u seq=%u journal_seq=%llu cookie=%llx ", n->level, n->generation,
		   n->journal_seq, n->cookie);
	bch_bpos_to_text(out, n->min);
	prt_char(out, '-');
	bch_bpos_to_text(out, n->max);
	if (n->flags & FOUND_NODE_bad)
		prt_str(out, " bad checksum");
	if (n->flags & FOUND_NODE_blacklisted)
		prt_str(out, " blacklisted");
	if (n->flags & FOUND_NODE_torn)
		prt_str(out, " torn");
	if (n->flags & FOUND_NODE_referenced)
		prt_str(out, " referenced");
	for (unsigned i = 0; i < n->nr_ptrs; i++)
		prt_printf(out, " ptr: %u:%llu", n->devs[i], n->sectors_at[i]);
}
