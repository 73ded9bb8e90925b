/*
 * Reading file data (spec 06 section 6).
 *
 * A request is cut along the extents under it. What needs no I/O (holes, inline data) is filled in
 * at once, the rest becomes pieces: each has a copy of its key and is done by a thread of the work
 * queue, which tries the pointers in order of merit, then the stripe, checks, deciphers and
 * decompresses. The last piece to end ends the request.
 */
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "btree/iter.h"
#include "data/compress.h"
#include "data/data.h"
#include "data/read_cache.h"
#include "format/errcode.h"
#include "format/reflink.h"
#include "format/sb.h"

#define READ_THREADS	    16
#define ENCODED_MAX_SECTORS CRC128_SIZE_MAX

struct piece {
	struct work_struct work;
	struct request *req;
	u64 file_offset; /* bytes, for messages */
	u8 *dst;
	size_t len;	  /* bytes */
	u64 skip;	  /* bytes into the live part of the extent */
	struct bkey_i *k; /* extent or reflink_v */
};

/* A bch_read on its way. */
struct request {
	struct bch_read *r;
	int pieces; /* not yet done, and one for the submitter */
	int failed;
	struct piece *own; /* the submitter does this one itself */
};

int bch_data_init(struct bch_fs *c)
{
	c->data = kzalloc(sizeof(*c->data), GFP_KERNEL);
	if (!c->data)
		return -ENOMEM;
	c->data->wq = alloc_workqueue("bcachefs-read", 0, READ_THREADS);
	c->data->decoded = bch_read_cache_new();
	return c->data->wq && c->data->decoded ? 0 : -ENOMEM;
}

void bch_data_exit(struct bch_fs *c)
{
	if (!c->data)
		return;
	if (c->data->wq)
		destroy_workqueue(c->data->wq);
	bch_read_cache_free(c->data->decoded);
	kfree(c->data);
	c->data = NULL;
}

static void request_put(struct request *req)
{
	struct bch_read *r = req->r;

	if (__atomic_sub_fetch(&req->pieces, 1, __ATOMIC_ACQ_REL))
		return;
	r->err = req->failed;
	kfree(req);
	r->done(r);
}

/* Only the first failure gets to say why; true if this is it. */
static bool request_fail(struct request *req, int err)
{
	int none = 0;

	return __atomic_compare_exchange_n(&req->failed, &none, err, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* The path of the file, if the floor above tells it. */
static void read_path_to_text(struct printbuf *out, struct bch_fs *c, u32 snapshot, u64 inum)
{
	if (c->data->path_to_text)
		c->data->path_to_text(out, c, snapshot, inum);
}

/* ---- One piece ---- */

/* How bad is it to take @p next? U64_MAX: not at all usable. */
static u64 ptr_cost(struct bch_fs *c, const struct extent_ptr *p)
{
	struct bch_dev *ca = bch_dev(c, p->dev);

	if (!bch_dev_online(ca) || !ca->mi.bucket_size)
		return U64_MAX;
	/* The last resorts. */
	if (extent_ptr_stale(ca, p->offset, p->gen))
		return p->cached ? U64_MAX : U64_MAX - 1;
	if (ca->mi.state >= BCH_MEMBER_STATE_failed)
		return U64_MAX - 2;
	/* No checksum would tell that it is old. */
	if (ca->stale && !p->crc.csum_type)
		return U64_MAX - 3;
	return __atomic_load_n(&c->data->latency_ns[p->dev], __ATOMIC_RELAXED);
}

/* Bytes that the crc of @p covers, decoded; 0: more than can be. */
static size_t ptr_decoded_bytes(const struct extent_ptr *p)
{
	u32 sectors = extent_crc_is_compressed(&p->crc) ? p->crc.uncompressed_size :
							  p->crc.compressed_size;

	return sectors <= ENCODED_MAX_SECTORS ? (size_t)sectors << 9 : 0;
}

/* Where in it the piece begins. */
static size_t piece_at(const struct piece *piece, const struct extent_ptr *p)
{
	return ((size_t)p->crc.offset << 9) + piece->skip;
}

static int decompress(const struct extent_ptr *p, u8 *plain, size_t whole, const u8 *buf,
		      size_t stored)
{
	int ret = bch_decompress(p->crc.compression_type, plain, whole, buf, stored);

	return ret && ret != -ENOMEM ? -BCH_ERR_decompress : ret;
}

/*
 * The part of the extent that the piece wants. @buf, which is given up, has what is on disk,
 * checked and in plain text.
 */
static int piece_copy_decoded(struct piece *piece, const struct extent_ptr *p, u8 *buf)
{
	size_t whole = ptr_decoded_bytes(p), stored = (size_t)p->crc.compressed_size << 9;
	size_t at = piece_at(piece, p);
	u8 *plain = buf;
	int ret = 0;

	if (!whole || at + piece->len > whole)
		ret = -EIO;
	else if (extent_crc_is_compressed(&p->crc)) {
		bool all = piece->len == whole;

		plain = all ? piece->dst : kvmalloc(whole, GFP_KERNEL);
		ret = plain ? decompress(p, plain, whole, buf, stored) : -ENOMEM;
		kvfree(buf);
		if (all)
			return ret;
	}
	if (ret) {
		kvfree(plain);
		return ret;
	}
	memcpy(piece->dst, plain + at, piece->len);
	bch_read_cache_put(piece->req->r->c->data->decoded, p, plain, whole);
	return 0;
}

/* A pointer without checksum and compression: just the sectors wanted. */
static int piece_read_plain(struct piece *piece, const struct extent_ptr *p)
{
	struct bch_fs *c = piece->req->r->c;
	u64 at = ((p->offset + p->crc.offset) << 9) + piece->skip;
	u64 start = round_down(at, 512ULL), end = round_up(at + piece->len, 512ULL);
	u8 *buf;
	int ret;

	if (start == at && end == at + piece->len)
		return bch_dev_read(c, p->dev, start >> 9, piece->dst, piece->len);
	buf = kvmalloc(end - start, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = bch_dev_read(c, p->dev, start >> 9, buf, end - start);
	if (!ret)
		memcpy(piece->dst, buf + (at - start), piece->len);
	kvfree(buf);
	return ret;
}

/* Everything of the pointer is wanted as it is on disk: it can be read to where it goes. */
static bool piece_is_whole(const struct piece *piece, const struct extent_ptr *p)
{
	return !extent_crc_is_compressed(&p->crc) && !p->crc.offset && !piece->skip &&
	       piece->len == (size_t)p->crc.compressed_size << 9;
}

/* An extent with checksum, compression or both: all of it is needed. */
static int piece_read_encoded(struct piece *piece, const struct extent_ptr *p, bool reconstruct)
{
	struct bch_fs *c = piece->req->r->c;
	struct bkey_view k = bkey_i_view(piece->k);
	size_t bytes = (size_t)p->crc.compressed_size << 9;
	bool whole = piece_is_whole(piece, p);
	u8 *buf;
	int ret;

	if (!whole &&
	    bch_read_cache_get(c->data->decoded, p, piece_at(piece, p), piece->dst, piece->len))
		return 0;
	buf = whole ? piece->dst : kvmalloc(bytes, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	ret = reconstruct ? bch_extent_ptr_reconstruct(c, k, p, buf) :
			    bch_extent_ptr_read(c, k, p, buf);
	if (!ret)
		bch_extent_decrypt(c, k.k, &p->crc, buf, 0, bytes);
	if (whole)
		return ret;
	if (ret) {
		kvfree(buf);
		return ret;
	}
	return piece_copy_decoded(piece, p, buf);
}

/* Without a checksum the live part alone is made anew. */
static int piece_reconstruct_plain(struct piece *piece, const struct extent_ptr *p)
{
	struct bch_fs *c = piece->req->r->c;
	size_t bytes = (size_t)p->crc.live_size << 9;
	u8 *buf = kvmalloc(bytes, GFP_KERNEL);
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = bch_extent_ptr_reconstruct(c, bkey_i_view(piece->k), p, buf);
	if (!ret)
		memcpy(piece->dst, buf + piece->skip, piece->len);
	kvfree(buf);
	return ret;
}

static int piece_try(struct piece *piece, const struct extent_ptr *p, bool reconstruct)
{
	if (extent_crc_is_encoded(&p->crc))
		return piece_read_encoded(piece, p, reconstruct);
	return reconstruct ? piece_reconstruct_plain(piece, p) : piece_read_plain(piece, p);
}

/* Something else may be there by now, and no checksum would tell. */
static bool is_used_again(struct bch_fs *c, const struct extent_ptr *p)
{
	struct bch_dev *ca = bch_dev(c, p->dev);

	return !p->cached && !p->crc.csum_type && ca && ca->mi.bucket_size &&
	       extent_ptr_stale(ca, p->offset, p->gen);
}

struct tries {
	struct extent_ptr ptr[BKEY_PTRS_MAX];
	u64 cost[BKEY_PTRS_MAX];
	unsigned nr;
	int err;		  /* of the last try */
	struct extent_ptr failed; /* ... and which pointer it was */
	bool any_dirty, unwritten, poisoned;
};

static void tries_init(struct tries *t, const struct bch_read *r, struct bkey_view k)
{
	struct bch_fs *c = r->c;
	struct extent_ptr_iter iter;
	struct extent_ptr p;

	*t = (struct tries){.err = -BCH_ERR_no_device_to_read_from,
			    .poisoned = bch_extent_is_poisoned(c, k)};
	bch_extent_ptr_iter_init(&iter, c, k);
	while (t->nr < BKEY_PTRS_MAX && bch_extent_ptr_next(&iter, &p)) {
		t->any_dirty |= !p.cached;
		t->unwritten |= p.unwritten;
		t->cost[t->nr] = ptr_cost(c, &p);
		if (!r->deleted && is_used_again(c, &p)) {
			t->err = -BCH_ERR_bucket_used_again;
			t->failed = p;
		} else {
			t->ptr[t->nr++] = p;
		}
	}
	if (t->err != -BCH_ERR_bucket_used_again && t->nr)
		t->failed = t->ptr[0];
}

/* The cheapest pointer not yet tried, or -1. */
static int tries_pick(const struct tries *t, unsigned done)
{
	int best = -1;
	unsigned i;

	for (i = 0; i < t->nr; i++)
		if (!(done & 1U << i) && t->cost[i] != U64_MAX &&
		    (best < 0 || t->cost[i] < t->cost[best]))
			best = i;
	return best;
}

/* What a pointer stores, although it is not what was written. */
static int piece_try_bad(struct piece *piece, const struct extent_ptr *p)
{
	struct bch_fs *c = piece->req->r->c;
	struct bkey_view k = bkey_i_view(piece->k);
	size_t stored = (size_t)p->crc.compressed_size << 9, whole = ptr_decoded_bytes(p);
	bool compressed = extent_crc_is_compressed(&p->crc);
	u8 *buf = kvmalloc(stored, GFP_KERNEL), *plain = buf;
	int ret = buf ? bch_extent_ptr_read(c, k, p, buf) : -ENOMEM;

	if (ret == -BCH_ERR_csum_mismatch)
		ret = piece_at(piece, p) + piece->len <= whole ? 0 : -EIO;
	if (!ret)
		bch_extent_decrypt(c, k.k, &p->crc, buf, 0, stored);
	if (!ret && compressed) {
		plain = kvmalloc(whole, GFP_KERNEL);
		ret = plain ? decompress(p, plain, whole, buf, stored) : -ENOMEM;
	}
	if (!ret)
		memcpy(piece->dst, plain + piece_at(piece, p), piece->len);
	if (plain != buf)
		kvfree(plain);
	kvfree(buf);
	return ret;
}

static bool piece_keep_bad(struct piece *piece, const struct tries *t)
{
	unsigned i;

	for (i = 0; piece->req->r->keep_bad && i < t->nr; i++)
		if (t->cost[i] != U64_MAX && extent_crc_is_encoded(&t->ptr[i].crc) &&
		    !piece_try_bad(piece, &t->ptr[i]))
			return true;
	return false;
}

static int piece_read(struct piece *piece, struct tries *t)
{
	unsigned done = 0, i;
	int pick;

	if (t->unwritten || !t->any_dirty) {
		memset(piece->dst, 0, piece->len);
		if (t->unwritten)
			return 0;
	}
	/* Its checksum was made anew from bad data. */
	if (t->poisoned && !piece->req->r->keep_bad) {
		t->err = -BCH_ERR_extent_poisoned;
		return t->err;
	}
	while ((pick = tries_pick(t, done)) >= 0) {
		done |= 1U << pick;
		t->failed = t->ptr[pick];
		t->err = piece_try(piece, &t->ptr[pick], false);
		if (!t->err)
			return 0;
	}
	for (i = 0; i < t->nr; i++) {
		if (!t->ptr[i].has_ec)
			continue;
		t->failed = t->ptr[i];
		t->err = piece_try(piece, &t->ptr[i], true);
		if (!t->err)
			return 0;
	}
	if (piece_keep_bad(piece, t))
		return 0;
	/* Only cached copies, all of them gone: nothing was ever there. */
	if (!t->any_dirty) {
		memset(piece->dst, 0, piece->len);
		return 0;
	}
	return t->err;
}

/* Which file cannot be read, and where. */
static void prt_file(struct bch_read *r, u64 offset)
{
	prt_printf(&r->why, "inode %llu ", r->inum);
	read_path_to_text(&r->why, r->c, r->snapshot, r->inum);
	prt_printf(&r->why, " offset %llu: ", offset);
	r->reason = r->why.pos;
}

/* Where a copy is that cannot be read. */
static void prt_copy(struct printbuf *out, struct bch_fs *c, unsigned dev, u64 sector)
{
	struct bch_dev *ca = bch_dev(c, dev);

	if (ca && ca->mi.bucket_size)
		prt_printf(out, "device %u (%s) bucket %llu: ", dev, ca->name ?: "missing",
			   sector / ca->mi.bucket_size);
	else
		prt_printf(out, "device %u (not a member) sector %llu: ", dev, sector);
}

static void piece_failed_text(struct piece *piece, const struct tries *t)
{
	struct bch_read *r = piece->req->r;

	prt_file(r, piece->file_offset);
	prt_copy(&r->why, r->c, t->failed.dev, t->failed.offset);
	prt_printf(&r->why, "%s, and no other copy is good", bch_err_sentence(t->err));
}

static void piece_work(struct work_struct *work)
{
	struct piece *piece = container_of(work, struct piece, work);
	struct request *req = piece->req;
	struct tries t;

	tries_init(&t, req->r, bkey_i_view(piece->k));
	if (piece_read(piece, &t) && request_fail(req, -EIO))
		piece_failed_text(piece, &t);
	kfree(piece->k);
	kfree(piece);
	request_put(req);
}

static int piece_queue(struct request *req, struct bkey_view k, u64 file_offset, u8 *dst,
		       size_t len, u64 skip)
{
	struct piece *piece = kmalloc(sizeof(*piece), GFP_KERNEL);
	struct bkey_i *copy = kmalloc(k.k->u64s * sizeof(u64), GFP_KERNEL);

	if (!piece || !copy) {
		kfree(piece);
		kfree(copy);
		return -ENOMEM;
	}
	bkey_reassemble(copy, k);
	*piece = (struct piece){
		.req = req,
		.file_offset = file_offset,
		.dst = dst,
		.len = len,
		.skip = skip,
		.k = copy,
	};
	INIT_WORK(&piece->work, piece_work);
	__atomic_add_fetch(&req->pieces, 1, __ATOMIC_RELAXED);
	if (req->r->may_block)
		swap(piece, req->own);
	if (piece)
		queue_work(req->r->c->data->wq, &piece->work);
	return 0;
}

/* ---- The walk over a request ---- */

static void fill_inline(const u8 *data, size_t have, u64 skip, u8 *dst, size_t len)
{
	size_t n = skip < have ? min_t(size_t, have - skip, len) : 0;

	if (n)
		memcpy(dst, data + skip, n);
	memset(dst + n, 0, len - n);
}

static int fail_at(struct request *req, u64 offset, const char *what)
{
	if (request_fail(req, -EIO)) {
		prt_file(req->r, offset);
		prt_str(&req->r->why, what);
	}
	return -EIO;
}

/* @err of @iter: a node cannot be read, or there is no memory. */
static int fail_at_node(struct request *req, u64 offset, const struct btree_iter *iter, int err,
			const char *what)
{
	u64 ptr = iter->unreadable_ptr;

	if (err == -ENOMEM || !request_fail(req, -EIO))
		return err;
	prt_file(req->r, offset);
	if (err == -BCH_ERR_btree_node_read_error && ptr)
		prt_copy(&req->r->why, req->r->c, EXTENT_PTR_DEV(ptr), EXTENT_PTR_OFFSET(ptr));
	prt_str(&req->r->why, what);
	return -EIO;
}

/*
 * The part of key @k from byte @skip of it, at most *@len bytes, which is cut to what was dealt
 * with. Used for the keys of a file and, by reflink_read(), for indirect ones.
 */
static int key_read(struct request *req, struct bkey_view k, u64 offset, u64 skip, u8 *dst,
		    size_t *len)
{
	*len = min_t(u64, *len, ((u64)k.k->size << 9) - skip);
	switch (k.k->type) {
	case KEY_TYPE_extent:
	case KEY_TYPE_reflink_v:
		return piece_queue(req, k, offset, dst, *len, skip);
	case KEY_TYPE_inline_data:
		fill_inline(k.v, bkey_val_bytes(k.k), skip, dst, *len);
		return 0;
	case KEY_TYPE_indirect_inline_data:
		fill_inline((const u8 *)k.v + sizeof(u64), bkey_val_bytes(k.k) - sizeof(u64), skip,
			    dst, *len);
		return 0;
	case KEY_TYPE_error:
		return fail_at(req, offset, "the data was lost earlier");
	default:
		memset(dst, 0, *len);
		return 0;
	}
}

static int reflink_read(struct request *req, struct bkey_view p, u64 offset, u64 skip, u8 *dst,
			size_t *len)
{
	const struct bch_reflink_p *v = p.v;
	struct bch_fs *c = req->r->c;
	u64 at = (REFLINK_P_IDX(le64_to_cpu(v->idx_flags)) << 9) + skip;
	struct btree_iter iter;
	struct bkey_view k;
	int ret;

	*len = min_t(u64, *len, ((u64)p.k->size << 9) - skip);
	bch_iter_init(&iter, c, BTREE_ID_reflink, POS(0, at >> 9), 0);
	ret = bch_iter_peek_slot(&iter, &k);
	if (ret)
		ret = fail_at_node(req, offset, &iter, ret, "its shared extents cannot be read");
	else if (k.k->type != KEY_TYPE_reflink_v && k.k->type != KEY_TYPE_indirect_inline_data)
		ret = fail_at(req, offset, "points to a nonexistent indirect extent");
	if (!ret)
		ret = key_read(req, k, offset, at - (bkey_start_offset(k.k) << 9), dst, len);
	bch_iter_exit(&iter);
	return ret;
}

static int request_walk(struct request *req)
{
	struct bch_read *r = req->r;
	u64 offset = r->offset, end = r->offset + r->len;
	struct btree_iter iter;
	struct bkey_view k;
	int ret = 0;

	bch_iter_init(&iter, r->c, BTREE_ID_extents, SPOS(r->inum, offset >> 9, r->snapshot), 0);
	while (offset < end && !ret) {
		u8 *dst = (u8 *)r->buf + (offset - r->offset);
		size_t len = end - offset;
		u64 skip;

		bch_iter_set_pos(&iter, SPOS(r->inum, offset >> 9, r->snapshot));
		ret = bch_iter_peek_slot(&iter, &k);
		if (ret) {
			ret = fail_at_node(req, offset, &iter, ret, "its extents cannot be read");
			break;
		}
		skip = offset - (bkey_start_offset(k.k) << 9);
		ret = k.k->type == KEY_TYPE_reflink_p ?
			      reflink_read(req, k, offset, skip, dst, &len) :
			      key_read(req, k, offset, skip, dst, &len);
		offset += len;
	}
	bch_iter_exit(&iter);
	return ret;
}

void bch_read_submit(struct bch_read *r)
{
	struct request *req = kmalloc(sizeof(*req), GFP_KERNEL);
	int ret;

	r->err = 0;
	r->why = PRINTBUF;
	r->reason = 0;
	if (!req) {
		r->err = -ENOMEM;
		r->done(r);
		return;
	}
	*req = (struct request){.r = r, .pieces = 1};
	ret = request_walk(req);
	if (ret && request_fail(req, ret == -ENOMEM ? -ENOMEM : -EIO))
		prt_str(&r->why, bch_err_sentence(ret));
	if (req->own)
		piece_work(&req->own->work);
	request_put(req);
}

static void read_wait_done(struct bch_read *r)
{
	complete(r->private);
}

int bch_read_wait(struct bch_read *r)
{
	DECLARE_COMPLETION_ONSTACK(done);

	r->done = read_wait_done;
	r->private = &done;
	r->may_block = true;
	bch_read_submit(r);
	wait_for_completion(&done);
	return r->err;
}

int bch_read_key_wait(struct bch_read *r, struct bkey_view k, u64 skip)
{
	struct request *req = kmalloc(sizeof(*req), GFP_KERNEL);
	DECLARE_COMPLETION_ONSTACK(done);
	size_t len = r->len;
	int ret;

	r->err = 0;
	r->why = PRINTBUF;
	r->reason = 0;
	if (!req)
		return -ENOMEM;
	r->done = read_wait_done;
	r->private = &done;
	r->may_block = true;
	*req = (struct request){.r = r, .pieces = 1};
	ret = skip < (u64)k.k->size << 9 ? key_read(req, k, r->offset, skip, r->buf, &len) :
					   -EINVAL;
	if (!ret && len < r->len)
		ret = -EINVAL;
	if (ret && request_fail(req, ret))
		prt_str(&r->why, bch_err_sentence(ret));
	if (req->own)
		piece_work(&req->own->work);
	request_put(req);
	wait_for_completion(&done);
	return r->err;
}

/* ---- lseek(2) ---- */

static bool key_is_data(struct bkey_view k)
{
	return k.k->type == KEY_TYPE_extent || k.k->type == KEY_TYPE_reflink_p ||
	       k.k->type == KEY_TYPE_inline_data;
}

static s64 seek(struct bch_fs *c, u64 inum, u32 snapshot, u64 offset, u64 size, bool data)
{
	struct btree_iter iter;
	struct bkey_view k;
	int ret = 0;

	if (offset >= size)
		return -ENXIO;
	bch_iter_init(&iter, c, BTREE_ID_extents, SPOS(inum, offset >> 9, snapshot), 0);
	while (offset < size) {
		bch_iter_set_pos(&iter, SPOS(inum, offset >> 9, snapshot));
		ret = bch_iter_peek_slot(&iter, &k);
		if (ret || key_is_data(k) == data)
			break;
		offset = k.k->p.offset << 9;
	}
	bch_iter_exit(&iter);
	if (ret)
		return ret;
	if (offset >= size)
		return data ? -ENXIO : (s64)size;
	return offset;
}

s64 bch_seek_data(struct bch_fs *c, u64 inum, u32 snapshot, u64 offset, u64 size)
{
	return seek(c, inum, snapshot, offset, size, true);
}

s64 bch_seek_hole(struct bch_fs *c, u64 inum, u32 snapshot, u64 offset, u64 size)
{
	return seek(c, inum, snapshot, offset, size, false);
}
