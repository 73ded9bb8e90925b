/* What the files of the scrub share; not for other floors. */
#ifndef _BCH_DATA_SCRUB_STATE_H
#define _BCH_DATA_SCRUB_STATE_H

#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include "data/scrub.h"

/* All items of all devices that are in memory at a time. */
#define SCRUB_ITEMS_BYTES      (256U << 20)
/* What has no checksum is read in pieces of so many sectors. */
#define SCRUB_PIECE_SECTORS    2048U
/*
 * Sectors that are read at once; items may be larger. The kernel reads ahead of buffered reads, so
 * that those are better small enough for a processor's cache.
 */
#define SCRUB_DIRECT_SECTORS   2048U
#define SCRUB_BUFFERED_SECTORS 512U
/* Threads a device. */
#define SCRUB_READERS_MAX      16U

/* Memory that is used again and again. */
struct scrub_buf {
	void *p;
	size_t bytes;
};

/* What it takes to check an item. */
struct scrub_work {
	struct scrub_buf plain, copy;
};

struct scrub_reader {
	struct scrub_queue *q;
	struct task_struct *task;
	u64 at; /* under the lock of the state: first sector of its batch; U64_MAX: none */
	struct scrub_buf data;
	struct scrub_work work;
	/* What the batch gave: */
	u64 done; /* bytes */
	struct bch_scrub_dev counts;
	DARRAY(struct bch_scrub_finding) findings;
};

/*
 * The items of one device in the window [start, limit) of its sectors. What lies behind limit is
 * left for the next walk over the btrees.
 */
struct scrub_queue {
	struct bch_scrub *s;
	struct bch_dev *ca;
	DARRAY(struct bch_scrub_item) items;
	size_t items_max;
	u64 start, limit;
	u64 sectors; /* of the device */
	u32 batch_sectors;
	/* Under the lock of the state: */
	size_t taken;	    /* items, by readers */
	u64 next;	    /* first sector of what is not yet taken */
	u64 started, bytes; /* ns, and bytes read since: for the rate */
	unsigned nr_readers;
	struct scrub_reader readers[SCRUB_READERS_MAX];
};

struct scrub_state {
	struct scrub_queue *queues[BCH_MAX_DEVS + 1]; /* NULL: offline */
	wait_queue_head_t wait;			      /* a reader has ended */
	unsigned readers;			      /* running */
	bool stop;				      /* nothing more is read */
	bool failed;				      /* nor checked */
	int err;				      /* of a reader */
	struct mutex lock; /* of findings, counters and what readers take */
};

/* At least @bytes of memory, what was in it is lost; NULL: there is none. */
void *bch_scrub_buf_get(struct scrub_buf *b, size_t bytes);

/* Fill the queues. @first: count the bytes of what lies in all windows. 0 or a negative error. */
int bch_scrub_collect(struct bch_scrub *s, bool first);

/* Read and check all items of the queues. 0 or a negative error: -EINTR when stopped. */
int bch_scrub_read(struct bch_scrub *s);

/*
 * Check @f->item, of which the sectors are at @buf: fault, at and why are set.
 * -ENOMEM when it could not be checked.
 */
int bch_scrub_verify(struct bch_scrub *s, struct bch_scrub_finding *f, void *buf,
		     struct scrub_work *work);
/* Look for what can stand in for a bad item: remedy is set. */
void bch_scrub_find_remedy(struct bch_scrub *s, struct bch_scrub_finding *f,
			   struct scrub_work *work);

/* Superblocks, layout and journal: adds to the findings and the counters. 0 or -ENOMEM. */
int bch_scrub_check_fixed(struct bch_scrub *s);

/* Parity computed anew: of stripes without checksums, or of all. 0, -ENOMEM or -EINTR. */
int bch_scrub_check_parity(struct bch_scrub *s);

/* Is the member here, and to be checked? */
static inline bool bch_scrub_wants_dev(const struct bch_scrub *s, unsigned dev)
{
	const struct bch_dev *ca = bch_dev(s->c, dev);

	return bch_dev_online(ca) && (!s->only || s->only == ca);
}

static inline u64 bch_scrub_item_end(const struct bch_scrub_item *item)
{
	return item->sector + item->sectors;
}

/* Count a bad copy. */
static inline void bch_scrub_count(struct bch_scrub_dev *d, u8 remedy)
{
	d->lost += remedy == SCRUB_lost;
	d->undecided += remedy == SCRUB_undecided;
	d->repairable += remedy < SCRUB_lost;
}

/* Add the counters of @from to those of @to. */
void bch_scrub_counts_add(struct bch_scrub_dev *to, const struct bch_scrub_dev *from);

/* Same bytes, same checksum. */
bool bch_scrub_same_item(const struct bch_scrub_item *a, const struct bch_scrub_item *b);
int bch_scrub_item_cmp(const void *a, const void *b);

#endif
