/* What the files of the scrub share; not for other floors. */
#ifndef _BCH_DATA_SCRUB_STATE_H
#define _BCH_DATA_SCRUB_STATE_H

#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "data/scrub.h"

/* All items of all devices that are in memory at a time. */
#define SCRUB_ITEMS_BYTES   (256U << 20)
/* Sectors that are read at once; items may be larger. */
#define SCRUB_BATCH_SECTORS 2048U
/* In flight, a device. */
#define SCRUB_BATCHES_MAX   4

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
	struct task_struct *reader;
	u64 sectors; /* of the device */
	u64 started; /* ns, and bytes read since: for the rate */
	u64 bytes;
	u32 in_flight; /* batches */
	/* Under the lock of the state: first sectors of what is not yet submitted, or in flight. */
	u64 next, flight[SCRUB_BATCHES_MAX]; /* U64_MAX: none */
};

struct scrub_state {
	struct scrub_queue *queues[BCH_MAX_DEVS + 1]; /* NULL: offline */
	struct workqueue_struct *wq;
	wait_queue_head_t wait; /* a batch or a reader has ended */
	unsigned readers;	/* running */
	bool stop;		/* nothing more is read */
	bool failed;		/* nor checked */
	int err;		/* of a reader */
	struct mutex lock;	/* of findings and counters */
};

/* Fill the queues. @first: count the bytes of what lies in all windows. 0 or a negative error. */
int bch_scrub_collect(struct bch_scrub *s, bool first);

/*
 * Check @f->item, of which the sectors are at @buf: fault, at and why are set.
 * -ENOMEM when it could not be checked.
 */
int bch_scrub_verify(struct bch_scrub *s, struct bch_scrub_finding *f, const void *buf);
/* Look for what can stand in for a bad item: remedy is set. */
void bch_scrub_find_remedy(struct bch_scrub *s, struct bch_scrub_finding *f);

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

/* Same bytes, same checksum. */
bool bch_scrub_same_item(const struct bch_scrub_item *a, const struct bch_scrub_item *b);
int bch_scrub_item_cmp(const void *a, const void *b);

#endif
