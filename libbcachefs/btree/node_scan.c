/*
 * Finding btree nodes by scanning the members (spec 02 section 24).
 *
 * One thread a member keeps several reads in flight; where one has brought a head with our magic, a
 * worker checks the node, bset by bset. Rotating disks are read from end to end. Of others only the
 * first block of each place where a node may be is read, and the rest where there is one.
 *
 * What a scan needs of memory does not grow with the devices but for the index itself.
 */
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "btree/node_read.h"
#include "btree/node_scan.h"

#define SCAN_CHUNK_BYTES (1U << 20)
#define SCAN_CHUNKS	 8  /* in flight, of a member that is read whole */
#define SCAN_HEADS	 64 /* ... of which only heads are read */
#define SCAN_HEAD_BYTES	 4096U
#define SCAN_LEVELS	 4 /* interior and leaf levels that nodes have */
#define BITMAP_BITS	 64

struct scan;
struct scan_dev;

/* One read, of one place or of several that follow each other. */
struct scan_slot {
	struct scan_dev *d;
	struct work_struct work;
	struct bio bio;
	struct bio_vec vec;
	u8 *buf;
	u64 sector, end; /* of the places; with heads only, what is read ends earlier */
	bool busy;
};

struct scan_dev {
	struct scan *s;
	struct bch_dev *ca;
	struct task_struct *thread;
	struct completion ended;
	struct mutex lock; /* of the slots' busy */
	wait_queue_head_t wait;
	bool heads_only;
	u64 nbuckets; /* that the device has */
	u64 next;     /* sector of the place after those that are under way; U64_MAX: none */
	struct scan_slot slots[SCAN_HEADS];
};

struct scan {
	struct bch_fs *c;
	const struct node_scan_args *args;
	struct node_index *index;
	struct workqueue_struct *wq;
	struct mutex lock; /* of the index and of what follows */
	u64 done, total;   /* sectors */
	u64 told;	   /* jiffies of the last progress */
	int ret;
};

/* --- one node --- */

static bool is_blacklisted(const struct bch_fs *c, const struct bset *i)
{
	bool (*ask)(const struct bch_fs *c, u64 seq) = c->btree->ops.seq_is_blacklisted;

	return ask && ask(c, le64_to_cpu(i->journal_seq));
}

static bool set_is_good(const struct bch_fs *c, u8 *buf, u32 offset)
{
	const struct bset *i = bset_at(buf, offset);

	return bset_end_bytes(i, offset) <= bch_node_bytes(c) && bch_bset_csum_type_known(c, i) &&
	       bch_bset_csum_is_good(c, buf, offset);
}

/* The next bset of the node at or behind @offset with a good checksum; false: there is none. */
static bool next_good_set(const struct bch_fs *c, u8 *buf, u64 cookie, u32 *offset)
{
	for (; *offset < c->btree_node_sectors; *offset += c->block_sectors) {
		const struct bset *i = bset_at(buf, *offset);

		if (le64_to_cpu(i->seq) == cookie &&
		    BSET_OFFSET(le32_to_cpu(i->flags)) == *offset && set_is_good(c, buf, *offset))
			return true;
	}
	return false;
}

/* The bsets behind the first. */
static void found_node_sets(const struct bch_fs *c, u8 *buf, struct found_node *n, u32 offset)
{
	while (offset < c->btree_node_sectors) {
		const struct bset *i = bset_at(buf, offset);

		if (le64_to_cpu(i->seq) != n->cookie)
			return;
		if (!set_is_good(c, buf, offset)) {
			n->flags |= FOUND_NODE_torn;
			offset += c->block_sectors;
			if (!next_good_set(c, buf, n->cookie, &offset))
				return;
			continue;
		}
		offset += bset_sectors(c, i, offset);
		if (!is_blacklisted(c, i)) {
			n->journal_seq = max(n->journal_seq, le64_to_cpu(i->journal_seq));
			n->written = offset;
		}
	}
}

/* The head in clear, converted: false when it can be of no node. */
static bool found_node_head(const struct bch_fs *c, u8 *buf, struct found_node *n)
{
	struct btree_node *head = (struct btree_node *)buf;
	struct bset_compat compat = {
		.version = le16_to_cpu(head->keys.version),
		.other_endian = le32_to_cpu(head->keys.flags) & BSET_BIG_ENDIAN,
	};
	u64 flags;

	bch_bset_decrypt(c, buf, 0);
	flags = le64_to_cpu(head->flags);
	if (BTREE_NODE_LEVEL(flags) >= SCAN_LEVELS || BTREE_NODE_ID(flags) >= BTREE_ID_NR_MAX)
		return false;
	n->btree = compat.btree = BTREE_NODE_ID(flags);
	n->level = compat.level = BTREE_NODE_LEVEL(flags);
	n->generation = BTREE_NODE_SEQ(flags);
	if (bch_compat_needed(compat))
		bch_compat_node_range(compat, &head->min_key, &head->max_key);
	n->min = head->min_key;
	n->max = head->max_key;
	return bpos_le(n->min, n->max);
}

static bool is_ours(const struct bch_fs *c, const u8 *buf)
{
	const struct btree_node *n = (const struct btree_node *)buf;

	return le64_to_cpu(n->magic) == (bch_uuid_lo(c) ^ BTREE_NODE_MAGIC_XOR);
}

/* The node in @buf (changed), if there is one. */
static bool found_node_parse(const struct bch_fs *c, u8 *buf, struct found_node *n)
{
	const struct bset *first = bset_at(buf, 0);
	bool good, counts;
	u32 sectors;

	*n = (struct found_node){.cookie = le64_to_cpu(first->seq)};
	if (!is_ours(c, buf) || !bch_bset_csum_type_known(c, first))
		return false;
	good = set_is_good(c, buf, 0);
	counts = !is_blacklisted(c, first);
	sectors = min_t(u64, bset_sectors(c, first, 0), c->btree_node_sectors);
	n->journal_seq = le64_to_cpu(first->journal_seq);
	if (!good)
		n->flags |= FOUND_NODE_bad;
	if (!counts)
		n->flags |= FOUND_NODE_blacklisted;
	if (!found_node_head(c, buf, n))
		return false;
	n->written = sectors;
	found_node_sets(c, buf, n, sectors);
	return true;
}

static void place_check(struct scan_dev *d, u64 sector, u8 *buf)
{
	struct scan *s = d->s;
	struct found_node n;

	if (!found_node_parse(s->c, buf, &n))
		return;
	n.nr_ptrs = 1;
	n.devs[0] = d->ca->idx;
	n.sectors_at[0] = sector;
	mutex_lock(&s->lock);
	if (darray_push(&s->index->nodes, n))
		s->ret = -ENOMEM;
	mutex_unlock(&s->lock);
}

/* --- places --- */

/* Is there to be a node at @sector at all? */
static bool place_wanted(const struct scan_dev *d, u64 sector)
{
	const struct bch_member_info *mi = &d->ca->mi;
	u64 end = sector + d->s->c->btree_node_sectors - 1;

	if (!d->s->args->trust_bitmap)
		return true;
	for (u64 bit = sector >> mi->btree_bitmap_shift; bit <= end >> mi->btree_bitmap_shift;
	     bit++)
		if (bit >= BITMAP_BITS || !(mi->btree_allocated_bitmap & 1ULL << bit))
			return false;
	return true;
}

/* The first place at or behind @sector, which is one or behind the last of its bucket. */
static u64 place_at(const struct scan_dev *d, u64 sector)
{
	u32 size = d->s->c->btree_node_sectors, bucket = d->ca->mi.bucket_size;

	for (;; sector += size) {
		if (sector % bucket + size > bucket)
			sector = roundup(sector, bucket);
		if (sector + size > d->nbuckets * bucket)
			return U64_MAX;
		if (place_wanted(d, sector))
			return sector;
	}
}

/* Take places for the next read. */
static bool slot_fill(struct scan_dev *d, struct scan_slot *slot)
{
	u32 size = d->s->c->btree_node_sectors;
	u64 max = d->heads_only ? size : max_t(u64, size, SCAN_CHUNK_BYTES >> 9);

	if (d->next == U64_MAX)
		return false;
	slot->sector = d->next;
	do {
		slot->end = d->next + size;
		d->next = place_at(d, slot->end);
	} while (d->next != U64_MAX && d->next + size - slot->sector <= max);
	return true;
}

#define for_each_place(d, slot, sector)                         \
	for (u64 sector = (slot)->sector; sector < (slot)->end; \
	     sector = place_at(d, sector + (d)->s->c->btree_node_sectors))

/* --- reading --- */

static void slot_done(struct scan_slot *slot)
{
	struct scan_dev *d = slot->d;

	mutex_lock(&d->lock);
	smp_store_release(&slot->busy, false);
	wake_up_all(&d->wait);
	mutex_unlock(&d->lock);
}

/* Read what can be read of a node, block by block; the rest is zero. */
static void read_piecemeal(struct scan_dev *d, u64 sector, u8 *buf)
{
	size_t bytes = bch_node_bytes(d->s->c);
	u64 lost = 0;

	for (size_t at = 0; at < bytes; at += SCAN_HEAD_BYTES) {
		size_t n = min_t(size_t, SCAN_HEAD_BYTES, bytes - at);

		if (!bdev_read(d->ca->bdev, sector + (at >> 9), buf + at, n))
			continue;
		memset(buf + at, 0, n);
		lost += n >> 9;
		if (!at) {
			/* Without its head there is no node. */
			lost = bytes >> 9;
			break;
		}
	}
	mutex_lock(&d->s->lock);
	d->s->index->sectors_unreadable += lost;
	mutex_unlock(&d->s->lock);
}

static void slot_work(struct work_struct *work)
{
	struct scan_slot *slot = container_of(work, struct scan_slot, work);
	struct scan_dev *d = slot->d;
	const struct bch_fs *c = d->s->c;
	bool failed = slot->bio.bi_status;

	for_each_place(d, slot, sector)
	{
		u8 *buf = slot->buf + ((sector - slot->sector) << 9);

		if (!failed && !is_ours(c, buf))
			continue;
		if ((failed || d->heads_only) &&
		    bdev_read(d->ca->bdev, sector, buf, bch_node_bytes(c)))
			read_piecemeal(d, sector, buf);
		place_check(d, sector, buf);
	}
	slot_done(slot);
}

static void slot_endio(struct bio *bio)
{
	struct scan_slot *slot = bio->bi_private;
	struct scan_dev *d = slot->d;
	bool any = bio->bi_status;

	if (!any)
		for_each_place(d, slot, sector) any |=
			is_ours(d->s->c, slot->buf + ((sector - slot->sector) << 9));
	if (any)
		queue_work(d->s->wq, &slot->work);
	else
		slot_done(slot);
}

static void slot_submit(struct scan_slot *slot)
{
	struct scan_dev *d = slot->d;
	u64 bytes = (slot->end - slot->sector) << 9;

	if (d->heads_only)
		bytes = min_t(u64, bytes,
			      max(SCAN_HEAD_BYTES, bdev_logical_block_size(d->ca->bdev)));
	bio_init(&slot->bio, d->ca->bdev, &slot->vec, 1, REQ_OP_READ | REQ_META);
	slot->bio.bi_iter.bi_sector = slot->sector;
	slot->bio.bi_end_io = slot_endio;
	slot->bio.bi_private = slot;
	bio_add_virt_nofail(&slot->bio, slot->buf, bytes);
	submit_bio(&slot->bio);
}

/* Count what has been read; false: the scan is to end. */
static bool scan_goes_on(struct scan *s, u64 sectors)
{
	bool cancelled = s->args->cancel && *s->args->cancel;
	bool on;

	mutex_lock(&s->lock);
	s->done += sectors;
	if (cancelled)
		s->ret = -EINTR;
	on = !s->ret;
	if (on && s->args->progress && time_after(jiffies, s->told + HZ / 4)) {
		s->told = jiffies;
		s->args->progress(s->c, s->done, s->total, s->args->arg);
	}
	mutex_unlock(&s->lock);
	return on;
}

static int scan_dev_thread(void *arg)
{
	struct scan_dev *d = arg;
	unsigned nr = d->heads_only ? SCAN_HEADS : SCAN_CHUNKS, i = 0;
	u64 before;

	d->next = place_at(d, (u64)d->ca->mi.first_bucket * d->ca->mi.bucket_size);
	for (before = d->next;; i = (i + 1) % nr) {
		struct scan_slot *slot = &d->slots[i];
		u64 sectors;

		wait_event(d->wait, !smp_load_acquire(&slot->busy));
		if (!slot_fill(d, slot))
			break;
		sectors = (d->next == U64_MAX ? slot->end : d->next) - before;
		before = d->next;
		if (!scan_goes_on(d->s, sectors))
			break;
		slot->busy = true;
		slot_submit(slot);
	}
	for (i = 0; i < nr; i++)
		wait_event(d->wait, !smp_load_acquire(&d->slots[i].busy));
	/* Who has just woken us is to be done with @d. */
	mutex_lock(&d->lock);
	mutex_unlock(&d->lock);
	complete(&d->ended);
	return 0;
}

/* --- all members --- */

static void scan_dev_exit(struct scan_dev *d)
{
	if (!d)
		return;
	if (!IS_ERR_OR_NULL(d->thread)) {
		wait_for_completion(&d->ended);
		kthread_stop(d->thread);
	}
	for (unsigned i = 0; i < SCAN_HEADS; i++)
		kvfree(d->slots[i].buf);
	kfree(d);
}

static struct scan_dev *scan_dev_init(struct scan *s, struct bch_dev *ca)
{
	struct scan_dev *d = kzalloc(sizeof(*d), GFP_KERNEL);
	u64 bytes = bch_node_bytes(s->c), first = ca->mi.first_bucket;

	if (!d)
		return NULL;
	d->s = s;
	d->ca = ca;
	d->heads_only = bdev_nonrot(ca->bdev) && bytes > SCAN_HEAD_BYTES;
	d->nbuckets = min(ca->mi.nbuckets, bdev_nr_sectors(ca->bdev) / ca->mi.bucket_size);
	mutex_init(&d->lock);
	init_waitqueue_head(&d->wait);
	init_completion(&d->ended);
	for (unsigned i = 0; i < (d->heads_only ? SCAN_HEADS : SCAN_CHUNKS); i++) {
		struct scan_slot *slot = &d->slots[i];

		slot->d = d;
		INIT_WORK(&slot->work, slot_work);
		slot->buf = kvmalloc(d->heads_only ? bytes : max_t(u64, bytes, SCAN_CHUNK_BYTES),
				     GFP_KERNEL);
		if (!slot->buf) {
			scan_dev_exit(d);
			return NULL;
		}
	}
	s->total += (d->nbuckets > first ? d->nbuckets - first : 0) * ca->mi.bucket_size;
	return d;
}

static int scan_run(struct scan *s, struct scan_dev **devs)
{
	struct bch_fs *c = s->c;

	for (unsigned i = 0; i < c->nr_devices; i++) {
		if (!bch_dev_online(bch_dev(c, i)))
			continue;
		devs[i] = scan_dev_init(s, bch_dev(c, i));
		if (!devs[i])
			return -ENOMEM;
	}
	for (unsigned i = 0; i < c->nr_devices; i++) {
		if (!devs[i])
			continue;
		devs[i]->thread = kthread_run(scan_dev_thread, devs[i], "node_scan-%u", i);
		if (IS_ERR(devs[i]->thread)) {
			mutex_lock(&s->lock);
			s->ret = PTR_ERR(devs[i]->thread);
			mutex_unlock(&s->lock);
		}
	}
	return 0;
}

int bch_node_scan(struct bch_fs *c, struct node_index *index, const struct node_scan_args *args)
{
	struct scan s = {.c = c, .args = args, .index = index, .told = jiffies};
	struct scan_dev **devs = kcalloc(BCH_MAX_DEVS + 1, sizeof(*devs), GFP_KERNEL);
	int ret;

	*index = (struct node_index){};
	mutex_init(&s.lock);
	s.wq = alloc_workqueue("node_scan", WQ_UNBOUND, 0);
	ret = s.wq && devs ? scan_run(&s, devs) : -ENOMEM;
	for (unsigned i = 0; devs && i < c->nr_devices; i++)
		scan_dev_exit(devs[i]);
	if (s.wq)
		destroy_workqueue(s.wq);
	kfree(devs);
	ret = ret ?: s.ret;
	if (ret)
		return ret;
	index->sectors_read = s.done;
	if (index->sectors_unreadable)
		bch_log(c, "scanning for btree nodes: %llu sectors could not be read",
			index->sectors_unreadable);
	return bch_node_index_finish(index);
}
