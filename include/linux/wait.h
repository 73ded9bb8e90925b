/*
 * Wait queues: wait_event() sleeps until its condition is true; who makes it true calls wake_up().
 * A zeroed head is not usable: init_waitqueue_head() or DECLARE_WAIT_QUEUE_HEAD().
 */
#ifndef _BCH_LINUX_WAIT_H
#define _BCH_LINUX_WAIT_H

#include <sys/wait.h> /* the user API's <linux/wait.h> contradicts it */
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

typedef struct wait_queue_head {
	spinlock_t lock;
	struct list_head head;
} wait_queue_head_t;

#define WQ_FLAG_EXCLUSIVE 1U

/* One waiting thread; belongs to its stack, is touched under the head's lock. */
typedef struct wait_queue_entry {
	unsigned int flags;
	struct task_struct *task;
	struct list_head entry;
} wait_queue_entry_t;

#define __WAIT_QUEUE_HEAD_INITIALIZER(name) {.head = LIST_HEAD_INIT((name).head)}
#define DECLARE_WAIT_QUEUE_HEAD(name)							\
	wait_queue_head_t name = __WAIT_QUEUE_HEAD_INITIALIZER(name)
#define DECLARE_WAIT_QUEUE_HEAD_ONSTACK DECLARE_WAIT_QUEUE_HEAD

#define DEFINE_WAIT(name)								\
	wait_queue_entry_t name = {.task = current, .entry = LIST_HEAD_INIT((name).entry)}

static inline void init_waitqueue_head(wait_queue_head_t *q)
{
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->head);
}

static inline bool waitqueue_active(const wait_queue_head_t *q)
{
	return !list_empty(&q->head);
}

/* Enter the queue, unless there, and set the state for schedule(). */
void prepare_to_wait(wait_queue_head_t *q, wait_queue_entry_t *w, unsigned int state);
void prepare_to_wait_exclusive(wait_queue_head_t *q, wait_queue_entry_t *w, unsigned int state);
/* Leave it; the state is TASK_RUNNING. Whoever woke us has let go of @q when this returns. */
void finish_wait(wait_queue_head_t *q, wait_queue_entry_t *w);

/* Wake all that are not exclusive and @nr_exclusive of the others, 0: all. */
void __wake_up(wait_queue_head_t *q, int nr_exclusive);
void __wake_up_locked(wait_queue_head_t *q, int nr_exclusive);

#define wake_up(q)		 __wake_up(q, 1)
#define wake_up_nr(q, nr)	 __wake_up(q, nr)
#define wake_up_all(q)		 __wake_up(q, 0)
#define wake_up_interruptible	 wake_up
#define wake_up_locked(q)	 __wake_up_locked(q, 1)
#define wake_up_all_locked(q)	 __wake_up_locked(q, 0)

#define ___wait_event(q, condition, prepare, sleep)					\
	do {										\
		DEFINE_WAIT(_wait);							\
											\
		while (1) {								\
			prepare(q, &_wait, TASK_UNINTERRUPTIBLE);			\
			if (condition)							\
				break;							\
			sleep;								\
		}									\
		finish_wait(q, &_wait);							\
	} while (0)

#define wait_event(q, condition)							\
	do {										\
		if (!(condition))							\
			___wait_event(&(q), condition, prepare_to_wait, schedule());	\
	} while (0)

#define wait_event_exclusive(q, condition)						\
	do {										\
		if (!(condition))							\
			___wait_event(&(q), condition, prepare_to_wait_exclusive, schedule()); \
	} while (0)

/* 0 when time is over and the condition still false, else the jiffies left, at least 1. */
#define wait_event_timeout(q, condition, timeout)					\
	({										\
		long _left = (timeout);							\
		bool _true = (condition);						\
											\
		if (!_true)								\
			___wait_event(&(q), (_true = (condition)) || !_left, prepare_to_wait,	\
				      _left = schedule_timeout(_left));			\
		_true ? max_t(long, _left, 1) : 0;					\
	})

/* Nothing interrupts: 0 when the condition is true. */
#define wait_event_interruptible(q, condition)	  ({ wait_event(q, condition); 0; })
#define wait_event_killable(q, condition)	  ({ wait_event(q, condition); 0; })
#define wait_event_freezable(q, condition)	  ({ wait_event(q, condition); 0; })
#define wait_event_idle(q, condition)		  wait_event(q, condition)
#define wait_event_interruptible_timeout	  wait_event_timeout
#define wait_event_freezable_timeout		  wait_event_timeout

#endif
