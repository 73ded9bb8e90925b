/* Maps of files (data/map.h). */
#include <linux/err.h>
#include "data/extents.h"
#include "data/map.h"
#include "format/errcode.h"
#include "format/reflink.h"

/* A hole of peek_slot ends here at the latest, whatever follows. */
#define HOLE_MAX_BYTES ((u64)U32_MAX << 9)

void bch_map_init(struct bch_map *m, struct bch_fs *c, u64 inum, u32 snapshot, u64 offset)
{
	*m = (struct bch_map){.inum = inum, .at = offset, .snapshot = snapshot};
	bch_iter_init(&m->iter, c, BTREE_ID_extents, SPOS(inum, offset >> 9, snapshot),
		      BTREE_ITER_prefetch);
}

void bch_map_exit(struct bch_map *m)
{
	bch_iter_exit(&m->iter);
}

/* An extent: is anything of it written, and has every copy a checksum or is compressed? */
static void extent_range(struct bch_fs *c, struct bkey_view k, struct bch_map_range *r)
{
	struct extent_ptr_iter iter;
	struct extent_ptr p;

	r->type = BCH_MAP_data;
	r->whole = true;
	bch_extent_ptr_iter_init(&iter, c, k);
	while (bch_extent_ptr_next(&iter, &p)) {
		if (p.unwritten)
			r->type = BCH_MAP_hole;
		if (!extent_crc_is_encoded(&p.crc))
			r->whole = false;
		if (!p.crc.csum_type && !p.cached)
			r->unchecked = true;
	}
}

static void key_range(struct bch_fs *c, struct bkey_view k, struct bch_map_range *r)
{
	const struct bch_reflink_p *p = k.v;

	switch (k.k->type) {
	case KEY_TYPE_extent:
		extent_range(c, k, r);
		break;
	case KEY_TYPE_reflink_p:
		r->type = BCH_MAP_data;
		r->whole = r->shared = true;
		r->shared_at = (REFLINK_P_IDX(le64_to_cpu(p->idx_flags)) << 9) + r->start -
			       (bkey_start_offset(k.k) << 9);
		break;
	case KEY_TYPE_inline_data:
	case KEY_TYPE_error:
		r->type = BCH_MAP_data;
		r->whole = true;
		break;
	}
}

/* The lost node ends where the file does, or earlier. */
static u64 unreadable_end(const struct bch_map *m)
{
	struct bpos end = m->iter.unreadable_end;

	return end.inode == m->inum && end.offset < U64_MAX >> 9 ? end.offset << 9 : U64_MAX;
}

/* Holes are only as long as a key can be: find what follows. */
static int hole_end(struct bch_map *m, u64 *end)
{
	struct bkey_view k;
	int ret;

	bch_iter_set_pos(&m->iter, SPOS(m->inum, *end >> 9, m->snapshot));
	ret = bch_iter_peek(&m->iter, &k);
	if (ret == -BCH_ERR_btree_node_read_error)
		return 0; /* the next call tells */
	if (!ret)
		*end = k.k && k.k->p.inode == m->inum ? bkey_start_offset(k.k) << 9 : U64_MAX;
	return ret;
}

int bch_map_next(struct bch_map *m, u64 end, struct bch_map_range *r)
{
	struct bkey_view k;
	int ret;

	*r = (struct bch_map_range){.start = m->at};
	bch_iter_set_pos(&m->iter, SPOS(m->inum, m->at >> 9, m->snapshot));
	ret = bch_iter_peek_slot(&m->iter, &k);
	if (ret == -BCH_ERR_btree_node_read_error) {
		r->type = BCH_MAP_unreadable;
		r->end = unreadable_end(m);
		ret = 0;
	} else if (!ret) {
		r->end = k.k->p.offset < U64_MAX >> 9 ? k.k->p.offset << 9 : U64_MAX;
		key_range(m->iter.c, k, r);
		if (k.k->type == KEY_TYPE_deleted && r->end < end &&
		    r->end - r->start >= HOLE_MAX_BYTES - (1U << 20))
			ret = hole_end(m, &r->end);
	}
	/* Whatever the key says, go on. */
	r->end = min(max(r->end, round_down(r->start, 512ULL) + 512), end);
	m->at = r->end;
	return ret;
}

int bch_map_shared_unchecked(struct bch_fs *c, u64 at, u64 len, u64 *bytes)
{
	u64 first = at >> 9, last = first + DIV_ROUND_UP(len, 512ULL), sectors = 0;
	struct bch_map_range r;
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	bch_iter_init(&iter, c, BTREE_ID_reflink, POS(0, first), 0);
	for (ret = bch_iter_peek(&iter, &k); !ret && k.k; ret = bch_iter_next(&iter, &k)) {
		if (k.k->p.inode || bkey_start_offset(k.k) >= last)
			break;
		r = (struct bch_map_range){};
		if (k.k->type == KEY_TYPE_reflink_v)
			extent_range(c, k, &r);
		if (r.unchecked && r.type == BCH_MAP_data)
			sectors += min(k.k->p.offset, last) - max(bkey_start_offset(k.k), first);
	}
	bch_iter_exit(&iter);
	*bytes = min(sectors << 9, len);
	/* What cannot be read will be told. */
	return ret == -BCH_ERR_btree_node_read_error ? 0 : ret;
}

int bch_map_data_end(struct bch_fs *c, u64 inum, u32 snapshot, u64 *end)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	*end = 0;
	bch_iter_init(&iter, c, BTREE_ID_extents, SPOS(inum, 0, snapshot), BTREE_ITER_prefetch);
	for (ret = bch_iter_peek(&iter, &k);; ret = bch_iter_next(&iter, &k)) {
		if (ret == -BCH_ERR_btree_node_read_error && bch_iter_skip_unreadable(&iter))
			continue;
		if (ret || !k.k || k.k->p.inode != inum)
			break;
		if (k.k->p.offset < U64_MAX >> 9)
			*end = k.k->p.offset << 9;
	}
	bch_iter_exit(&iter);
	return ret == -BCH_ERR_btree_node_read_error ? 0 : ret;
}
