/*
 * Reading nodes (spec 02 section 7): which replica, when, and what is said about it.
 *
 * bch_btree_node_read() submits the read of one replica; when it has come in a worker checks,
 * merges and publishes the node, reading further replicas when it must.
 */
#include <linux/blkdev.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "btree/cache.h"
#include "btree/node_read.h"
#include "btree/read.h"
#include "format/extents.h"
#include "format/sb.h"

/* Messages */

static const char *btree_verbose_name(unsigned id, char *buf, size_t size)
{
	if (id < BTREE_ID_NR)
		return bch_btree_names[id];
	scnprintf(buf, size, "(unknown btree %u)", id);
	return buf;
}

void bch_btree_pos_to_text(struct printbuf *out, struct bch_fs *c, unsigned id, unsigned level,
			   const struct bkey_i *ptr)
{
	char name[32];

	prt_printf(out, "%s level %u/%u\n  ", btree_verbose_name(id, name, sizeof(name)), level,
		   id < BTREE_ID_NR_MAX ? c->btree->roots[id].level : 0);
	bch_bkey_val_to_text(out, c, bkey_i_view(ptr));
}

static void __printf(4, 0) report(struct node_read *r, enum btree_finding_class class, u16 id,
				  const char *fmt, va_list args)
{
	const struct node_replica *rep = &r->replicas[r->cur];
	struct printbuf text = PRINTBUF;

	prt_str(&text, "error validating btree node ");
	if (rep->ca)
		prt_printf(&text, "on %s ", rep->ca->name);
	prt_str(&text, "at btree ");
	bch_btree_pos_to_text(&text, r->c, r->b->id, r->b->level, &r->b->key.k);
	prt_printf(&text, "  \n  node offset %u/%u", r->offset, r->ptr_sectors);
	if (r->set)
		prt_printf(&text, " bset u64s %u", le16_to_cpu(r->set->u64s));
	if (r->key)
		prt_printf(&text, " bset byte offset %zu",
			   (size_t)((u8 *)r->key - r->buf) - ((size_t)r->offset << 9));
	prt_str(&text, ": ");
	prt_vprintf(&text, fmt, args);
	bch_btree_report(r->c, &(struct btree_finding){
				       .id = id,
				       .class = class,
				       .btree = r->b->id,
				       .level = r->b->level,
				       .ptr = &r->b->key.k,
				       .text = printbuf_str(&text),
			       });
	printbuf_exit(&text);
	r->degraded = true;
}

void bch_node_fix(struct node_read *r, u16 id, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(r, BTREE_FINDING_FIX, id, fmt, args);
	va_end(args);
}

enum node_verdict bch_node_bad(struct node_read *r, enum btree_finding_class class, u16 id,
			       const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report(r, class, id, fmt, args);
	va_end(args);
	return NODE_BAD;
}

/* Report, as @class if there is no replica to turn to. */
static bool __printf(4, 0) retry_or_report(struct node_read *r, enum btree_finding_class class,
					   u16 id, const char *fmt, va_list args)
{
	unsigned this = r->cur;
	bool other = bch_node_other_replica(r);

	swap(this, r->cur);
	report(r, other ? BTREE_FINDING_RETRY : class, id, fmt, args);
	r->cur = this;
	if (other) {
		bch_log(r->c, "retrying read");
		r->retried = true;
	}
	return other;
}

enum node_verdict bch_node_want(struct node_read *r, u16 id, const char *fmt, ...)
{
	va_list args;
	bool other;

	va_start(args, fmt);
	other = retry_or_report(r, BTREE_FINDING_FIX, id, fmt, args);
	va_end(args);
	return other ? NODE_NEXT : NODE_OK;
}

enum node_verdict bch_node_must(struct node_read *r, u16 id, const char *fmt, ...)
{
	va_list args;
	bool other;

	va_start(args, fmt);
	other = retry_or_report(r, BTREE_FINDING_BAD, id, fmt, args);
	va_end(args);
	return other ? NODE_NEXT : NODE_BAD;
}

/* Replicas */

static size_t read_bytes(const struct node_read *r)
{
	return min(round_up((size_t)r->limit << 9, bch_block_bytes(r->c)), bch_node_bytes(r->c));
}

static void replica_failed(struct node_read *r, struct node_replica *rep, const char *why)
{
	rep->state = NODE_REPLICA_bad;
	__atomic_fetch_add(&rep->ca->read_errors, 1, __ATOMIC_RELAXED);
	r->degraded = true;
	bch_log(r->c, "%s: read error at sector %llu (%s)", rep->ca->name,
		(unsigned long long)rep->sector, why);
}

static bool load_replica(struct node_read *r, struct node_replica *rep)
{
	size_t bytes = read_bytes(r);
	int ret;

	rep->buf = bch_btree_buf_get(r->c);
	if (!rep->buf)
		return false;
	ret = bdev_read(rep->ca->bdev, rep->sector, rep->buf, bytes);
	if (ret) {
		replica_failed(r, rep, bch_err_str(ret));
		return false;
	}
	memset(rep->buf + bytes, 0, bch_node_bytes(r->c) - bytes);
	rep->state = NODE_REPLICA_loaded;
	return true;
}

bool bch_node_other_replica(struct node_read *r)
{
	for (unsigned i = 0; i < r->nr_replicas; i++) {
		struct node_replica *rep = &r->replicas[i];

		if (rep->tried || rep->state == NODE_REPLICA_bad)
			continue;
		if (rep->state == NODE_REPLICA_unread && !load_replica(r, rep))
			continue;
		rep->tried = true;
		r->cur = i;
		return true;
	}
	return false;
}

static void find_replicas(struct node_read *r)
{
	u64 ptr;

	bkey_for_each_ptr(btree_ptr_view(r->b), &extent_entry_sizes_known, ptr)
	{
		struct bch_dev *ca = bch_dev(r->c, EXTENT_PTR_DEV(ptr));

		if (!bch_dev_online(ca) || ca->mi.state != BCH_MEMBER_STATE_rw)
			r->degraded = true;
		if (bch_dev_online(ca) && r->nr_replicas < NODE_REPLICAS_MAX)
			r->replicas[r->nr_replicas++] =
				(struct node_replica){.ca = ca, .sector = EXTENT_PTR_OFFSET(ptr)};
	}
}

static void node_read_init(struct node_read *r, struct bch_fs *c, struct btree *b)
{
	const struct bch_btree_ptr_v2 *v2 = btree_ptr_v2(&b->key.k);

	r->c = c;
	r->b = b;
	r->limit = c->btree_node_sectors;
	if (v2) {
		r->seq = le64_to_cpu(v2->seq);
		r->ptr_sectors = le16_to_cpu(v2->sectors_written);
		r->range_updated = le16_to_cpu(v2->flags) & BTREE_PTR_RANGE_UPDATED;
		if (r->ptr_sectors)
			r->limit = min(r->limit, r->ptr_sectors);
	}
}

static void node_read_exit(struct node_read *r)
{
	for (unsigned i = 0; i < r->nr_replicas; i++)
		if (r->replicas[i].buf != r->buf)
			bch_btree_buf_put(r->c, r->replicas[i].buf);
	darray_exit(&r->sets);
}

static void note_seq(struct bch_fs *c, u64 seq)
{
	u64 *newest = &c->btree->newest_seq, old = __atomic_load_n(newest, __ATOMIC_RELAXED);
	bool (*is_blacklisted)(const struct bch_fs *c, u64 seq) = c->btree->ops.seq_is_blacklisted;

	if (seq <= old || (is_blacklisted && is_blacklisted(c, seq)))
		return;
	while (seq > old && !__atomic_compare_exchange_n(newest, &old, seq, true, __ATOMIC_RELAXED,
							 __ATOMIC_RELAXED))
		;
}

static int node_read_decode(struct node_read *r)
{
	int ret = bch_node_assemble(r);

	r->set = r->key = NULL;
	if (!ret)
		ret = bch_node_merge(r);
	if (ret)
		return ret;
	r->b->journal_seq = r->journal_seq;
	note_seq(r->c, r->journal_seq);
	if (r->degraded || !r->ptr_sectors)
		set_bit(BTREE_NODE_need_rewrite, &r->b->flags);
	return 0;
}

int bch_btree_node_decode(struct bch_fs *c, struct btree *b, void *raw)
{
	struct node_read r = {};
	int ret;

	node_read_init(&r, c, b);
	r.buf = raw;
	r.nr_replicas = 1;
	r.replicas[0] = (struct node_replica){.buf = raw, .state = NODE_REPLICA_loaded};
	ret = node_read_decode(&r);
	node_read_exit(&r);
	return ret;
}

/* The asynchronous read */

static void report_unreadable(struct node_read *r)
{
	struct printbuf text = PRINTBUF;

	prt_str(&text, "btree node read error for btree ");
	bch_btree_pos_to_text(&text, r->c, r->b->id, r->b->level, &r->b->key.k);
	if (!r->nr_replicas)
		prt_str(&text, "\n  no device to read from");
	bch_btree_report(r->c, &(struct btree_finding){
				       .id = BCH_FSCK_ERR_btree_node_read_error,
				       .class = BTREE_FINDING_BAD,
				       .btree = r->b->id,
				       .level = r->b->level,
				       .ptr = &r->b->key.k,
				       .text = printbuf_str(&text),
			       });
	printbuf_exit(&text);
	bch_btree_lost_data(r->c, r->b->id);
}

static void node_read_work(struct work_struct *work)
{
	struct node_read *r = container_of(work, struct node_read, work);
	struct node_replica *rep = &r->replicas[r->cur];
	int ret = -BCH_ERR_btree_node_read_error;

	if (r->nr_replicas && r->buf) {
		rep->tried = true;
		if (!r->bio.bi_status)
			rep->state = NODE_REPLICA_loaded;
		else
			replica_failed(r, rep, blk_status_to_str(r->bio.bi_status));
		if (rep->state == NODE_REPLICA_loaded || bch_node_other_replica(r))
			ret = node_read_decode(r);
	}
	if (ret)
		report_unreadable(r);
	else if (r->retried)
		bch_log(r->c, "retry success");
	bch_btree_buf_put(r->c, r->buf);
	node_read_exit(r);
	bch_btree_node_read_done(r->c, r->b, ret);
	kfree(r);
}

static void node_read_endio(struct bio *bio)
{
	struct node_read *r = bio->bi_private;

	queue_work(r->c->btree->cache.wq, &r->work);
}

void bch_btree_node_read(struct bch_fs *c, struct btree *b)
{
	struct node_read *r = kzalloc(sizeof(*r), GFP_KERNEL);
	size_t bytes;

	if (!r) {
		bch_btree_node_read_done(c, b, -ENOMEM);
		return;
	}
	node_read_init(r, c, b);
	find_replicas(r);
	INIT_WORK(&r->work, node_read_work);
	r->buf = bch_btree_buf_get(c);
	if (!r->nr_replicas || !r->buf) {
		queue_work(c->btree->cache.wq, &r->work);
		return;
	}
	bytes = read_bytes(r);
	memset(r->buf + bytes, 0, bch_node_bytes(c) - bytes);
	r->replicas[0].buf = r->buf;
	bio_init(&r->bio, r->replicas[0].ca->bdev, &r->vec, 1, REQ_OP_READ | REQ_META);
	r->bio.bi_iter.bi_sector = r->replicas[0].sector;
	r->bio.bi_end_io = node_read_endio;
	r->bio.bi_private = r;
	bio_add_virt_nofail(&r->bio, r->buf, bytes);
	submit_bio(&r->bio);
}

/* Raw nodes */

int bch_btree_node_read_raw(struct bch_fs *c, const struct bkey_i *k, void *buf)
{
	int ret = -BCH_ERR_no_device_to_read_from;
	u64 ptr;

	bkey_for_each_ptr(bkey_i_view(k), &extent_entry_sizes_known, ptr)
	{
		struct bch_dev *ca = bch_dev(c, EXTENT_PTR_DEV(ptr));

		if (!ca)
			continue;
		if (!bch_dev_online(ca)) {
			ret = -BCH_ERR_device_offline;
			continue;
		}
		ret = bdev_read(ca->bdev, EXTENT_PTR_OFFSET(ptr), buf, bch_node_bytes(c));
		if (!ret)
			return 0;
	}
	return ret;
}

void bch_raw_node_init(struct raw_node *n, struct bch_fs *c, void *buf)
{
	*n = (struct raw_node){.c = c, .buf = buf};
}

bool bch_raw_node_next_set(struct raw_node *n)
{
	const struct bch_fs *c = n->c;
	struct printbuf why = PRINTBUF;
	u64 seq = 0;

	if (n->csum_unknown || (n->csum_bad && !n->offset))
		return false;
	if (n->set) {
		seq = le64_to_cpu(n->set->seq);
		n->offset += bset_sectors(c, n->set, n->offset);
	}
	if (n->offset >= c->btree_node_sectors)
		return false;
	if (n->set && le64_to_cpu(bset_at(n->buf, n->offset)->seq) != seq)
		return false;
	n->set = bset_at(n->buf, n->offset);
	n->key = n->end = NULL;
	n->csum_bad = false;
	n->csum_unknown = !bch_bset_csum_type_known(c, n->set);
	if (n->csum_unknown)
		return true;
	n->csum_stored = bch_bset_csum_stored(n->buf, n->offset);
	n->csum_found = bch_bset_csum(c, n->buf, n->offset);
	n->csum_bad = !bch_csum_eq(n->csum_stored, n->csum_found);
	if (n->csum_bad)
		return true;
	bch_bset_decrypt(c, n->buf, n->offset);
	if (!n->offset) {
		n->format = ((struct btree_node *)n->buf)->format;
		n->format_valid = !bch_bkey_format_validate(&n->format, c->version_min, &why);
		printbuf_exit(&why);
	}
	n->key = n->set->keys;
	n->end = (u64 *)(n->buf + min(bset_end_bytes(n->set, n->offset), bch_node_bytes(c)));
	return true;
}

bool bch_raw_node_next_key(struct raw_node *n, struct bkey *u, struct bkey_view *k)
{
	const struct bkey_packed *p = (const struct bkey_packed *)n->key;

	if (!n->format_valid || n->key == n->end || !p->u64s || p->u64s > n->end - n->key ||
	    bkey_p_format(p) > KEY_FORMAT_CURRENT || p->u64s < bkey_p_key_u64s(&n->format, p) ||
	    bkey_p_val_u64s(&n->format, p) > BKEY_VAL_U64s_MAX)
		return false;
	*u = bch_bkey_unpack_key(&n->format, p);
	*k = (struct bkey_view){u, bkey_p_val(&n->format, p)};
	n->key += p->u64s;
	return true;
}
