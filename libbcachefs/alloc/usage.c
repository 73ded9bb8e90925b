/* How full a filesystem is (alloc/usage.h). */
#include <linux/kernel.h>
#include <linux/string.h>
#include "alloc/accounting.h"
#include "alloc/usage.h"
#include "btree/iter.h"
#include "format/data_type.h"
#include "format/errcode.h"
#include "format/sb.h"
#include "sb/opts.h"
#include "sb/super.h"

#define RESERVE_FACTOR_SHIFT 6
#define BTREE_RESERVE_NODES  28

static void account(struct bch_fs *c, struct bch_usage *u, struct bkey_view k)
{
	struct bch_accounting_pos a = bch_accounting_pos_unpack(c, k.k->p);
	const __le64 *v = k.v;
	struct bch_dev *ca;
	u64 n;

	if (k.k->type != KEY_TYPE_accounting || bkey_val_bytes(k.k) < sizeof(*v))
		return;
	n = le64_to_cpu(v[0]);
	switch (a.type) {
	case BCH_ACCOUNTING_nr_inodes:
		u->nr_inodes += n;
		break;
	case BCH_ACCOUNTING_persistent_reserved:
		u->reserved += n * a.persistent_reserved.nr_replicas;
		break;
	case BCH_ACCOUNTING_replicas:
		if (a.replicas.data_type == BCH_DATA_btree)
			u->btree += n;
		else if (a.replicas.data_type == BCH_DATA_cached)
			u->cached += n;
		else if (a.replicas.data_type == BCH_DATA_user ||
			 a.replicas.data_type == BCH_DATA_parity)
			u->data += n;
		if (a.replicas.data_type == BCH_DATA_user && a.replicas.nr_devs)
			u->data_once +=
				n * max_t(u8, a.replicas.nr_required, 1) / a.replicas.nr_devs;
		break;
	case BCH_ACCOUNTING_compression:
		/* extents, sectors without and with compression */
		if (bkey_val_bytes(k.k) >= 3 * sizeof(*v))
			u->data_once += le64_to_cpu(v[1]) - le64_to_cpu(v[2]);
		break;
	case BCH_ACCOUNTING_dev_data_type:
		ca = bch_dev(c, a.dev_data_type.dev);
		if (ca && (a.dev_data_type.data_type == BCH_DATA_sb ||
			   a.dev_data_type.data_type == BCH_DATA_journal))
			u->hidden += n * ca->mi.bucket_size;
		break;
	}
}

/* Spec 05 section 8.1: sectors of all members that can be written to, less what is kept back. */
static u64 capacity(const struct bch_fs *c)
{
	u64 cap = 0, kept = 0, gc, percent;
	unsigned i;

	for (i = 0; i < c->nr_devices; i++) {
		const struct bch_dev *ca = bch_dev(c, i);
		u64 nodes;

		if (!bch_dev_online(ca) || ca->mi.state != BCH_MEMBER_STATE_rw ||
		    ca->mi.nbuckets < ca->mi.first_bucket)
			continue;
		nodes = DIV_ROUND_UP(BTREE_RESERVE_NODES,
				     max_t(u32, 1, ca->mi.bucket_size / c->btree_node_sectors));
		cap += (ca->mi.nbuckets - ca->mi.first_bucket) * ca->mi.bucket_size;
		kept += 2 * (2 * nodes + (ca->mi.nbuckets >> 6) + 3) * ca->mi.bucket_size;
	}
	gc = bch_opt_from_sb(c->sb->sb, Opt_gc_reserve_bytes, 0) >> 9;
	if (!gc) {
		percent = bch_opt_from_sb(c->sb->sb, Opt_gc_reserve_percent, 0);
		gc = cap / 100 * percent + cap % 100 * percent / 100;
	}
	return cap - min(max(gc, kept), cap);
}

int bch_usage_get(struct bch_fs *c, struct bch_usage *u)
{
	int ret, unreadable = 0;
	struct btree_iter iter;
	struct bkey_view k;
	u64 reserved;

	*u = (struct bch_usage){};
	bch_iter_init(&iter, c, BTREE_ID_accounting, POS_MIN,
		      BTREE_ITER_prefetch | BTREE_ITER_once);
	for (ret = bch_iter_peek(&iter, &k);; ret = bch_iter_next(&iter, &k)) {
		if (ret == -BCH_ERR_btree_node_read_error) {
			unreadable = ret;
			if (bch_iter_skip_unreadable(&iter))
				continue;
		}
		if (ret || !k.k)
			break;
		account(c, u, k);
	}
	bch_iter_exit(&iter);
	u->capacity = capacity(c);
	u->capacity -= min(u->capacity, u->hidden);
	reserved = u->reserved + DIV_ROUND_UP(u->reserved, 1U << RESERVE_FACTOR_SHIFT);
	u->used = min(u->capacity, u->data + u->btree + reserved);
	u->free = u->capacity - u->used;
	u->avail = (u->free << RESERVE_FACTOR_SHIFT) / ((1U << RESERVE_FACTOR_SHIFT) + 1);
	return unreadable;
}
