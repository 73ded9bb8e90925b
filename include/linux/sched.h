/*
 * Threads as tasks: `current`, sleeping until woken. Every thread of the process has a task; those
 * of kthread_create() have one that lives until kthread_stop().
 */
#ifndef _BCH_LINUX_SCHED_H
#define _BCH_LINUX_SCHED_H

#include <limits.h>
#include <sched.h> /* the user API's <linux/sched.h> contradicts it */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>

#define TASK_COMM_LEN	     16
#define MAX_SCHEDULE_TIMEOUT LONG_MAX

#define TASK_RUNNING	     0U
#define TASK_INTERRUPTIBLE   1U
#define TASK_UNINTERRUPTIBLE 2U
#define TASK_KILLABLE	     2U
#define TASK_NORMAL	     3U
#define TASK_IDLE	     2U

struct task_struct {
	u32 state; /* TASK_*: schedule() sleeps while it is not TASK_RUNNING */
	int pid;
	char comm[TASK_COMM_LEN];
	struct kthread *kthread; /* NULL: not of kthread_create() */
	void *journal_info;	 /* belongs to the filesystem code that runs in it */
	/* Called, once, before the task sleeps: who set it has something else put to work. */
	void (*will_sleep)(struct task_struct *t);
	void *will_sleep_arg;
};

extern __thread struct task_struct *current_task;
struct task_struct *task_attach(void);

/* This thread's task. */
static inline struct task_struct *get_current(void)
{
	struct task_struct *t = current_task;

	return likely(t != NULL) ? t : task_attach();
}

#define current get_current()

static inline void task_will_sleep(void)
{
	struct task_struct *t = current;
	void (*fn)(struct task_struct *t) = t->will_sleep;

	if (fn) {
		t->will_sleep = NULL;
		fn(t);
	}
}

#define set_current_state(s)	smp_store_mb(current->state, (s))
#define __set_current_state(s)	__atomic_store_n(&current->state, (s), __ATOMIC_RELAXED)

/* Sleep while the state is not TASK_RUNNING. */
void schedule(void);
/* At most @timeout jiffies; what is left of them. The state is TASK_RUNNING afterwards. */
long schedule_timeout(long timeout);
long schedule_timeout_uninterruptible(long timeout);
#define schedule_timeout_interruptible schedule_timeout_uninterruptible
#define schedule_timeout_idle	       schedule_timeout_uninterruptible
#define io_schedule		       schedule

/* Make @t run; true when it slept or was about to. */
bool wake_up_process(struct task_struct *t);

/* Threads are preempted anyway. */
static inline void cond_resched(void)
{
}

static inline bool need_resched(void)
{
	return false;
}

static inline bool signal_pending(struct task_struct *t)
{
	return false;
}

#define fatal_signal_pending signal_pending
#define might_sleep()	     do { } while (0)

#endif
