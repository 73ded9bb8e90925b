/*
 * Work queues. A queue has up to max_active threads of its own, started when there is work and no
 * idle one. A work item is queued at most once at a time, may be queued again while it runs, and
 * never runs on two threads at once. Without WQ_UNBOUND no more threads are woken than there are
 * processors for, as long as the work does not sleep.
 */
#ifndef _BCH_LINUX_WORKQUEUE_H
#define _BCH_LINUX_WORKQUEUE_H

#include <linux/list.h>
#include <linux/types.h>

struct workqueue_struct;
struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);

struct work_struct {
	struct list_head entry; /* empty: not queued */
	work_func_t func;
	struct workqueue_struct *wq; /* that it was last queued on */
	u64 seq;		     /* of that */
};

#define WQ_UNBOUND	  (1U << 1)
#define WQ_FREEZABLE	  (1U << 2)
#define WQ_MEM_RECLAIM	  (1U << 3)
#define WQ_HIGHPRI	  (1U << 4)
#define WQ_CPU_INTENSIVE  (1U << 5)

#define __WORK_INITIALIZER(n, f) {.entry = LIST_HEAD_INIT((n).entry), .func = (f)}
#define DECLARE_WORK(n, f)	 struct work_struct n = __WORK_INITIALIZER(n, f)

#define INIT_WORK(w, f)									\
	do {										\
		struct work_struct *_w = (w);						\
		INIT_LIST_HEAD(&_w->entry);						\
		_w->func = (f);								\
		_w->wq = NULL;								\
		_w->seq = 0;								\
	} while (0)
#define INIT_WORK_ONSTACK     INIT_WORK

/* NULL without memory. @max_active 0: as many threads as processors, at most 8. */
struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max_active, ...)
	__printf(1, 4);
#define alloc_ordered_workqueue(fmt, flags, ...) alloc_workqueue(fmt, flags, 1, ##__VA_ARGS__)
/* Runs what is queued to its end first. */
void destroy_workqueue(struct workqueue_struct *wq);

/* False: it was queued already. */
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
/* Wait until @work, as it was last queued, has run; false: it had. */
bool flush_work(struct work_struct *work);
/* Take it from its queue and wait until it does not run; true when it was queued. */
bool cancel_work_sync(struct work_struct *work);
/* Wait until all that was queued before now has run. */
void flush_workqueue(struct workqueue_struct *wq);
bool work_pending(const struct work_struct *work);

#endif
