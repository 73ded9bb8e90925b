/* Threads with a name that are asked to stop and waited for. */
#ifndef _BCH_LINUX_KTHREAD_H
#define _BCH_LINUX_KTHREAD_H

#include <pthread.h>
#include <linux/err.h>
#include <linux/sched.h>

/*
 * A thread that runs @fn(@data) once it is woken the first time; ERR_PTR(-errno) when there is
 * none to be had. Every thread made is ended by kthread_stop(), also when it has returned.
 */
struct task_struct *kthread_create(int (*fn)(void *data), void *data, const char *fmt, ...)
	__printf(3, 4);

#define kthread_run(fn, data, ...)							\
	({										\
		struct task_struct *_k = kthread_create(fn, data, __VA_ARGS__);		\
		if (!IS_ERR(_k))							\
			wake_up_process(_k);						\
		_k;									\
	})

/* Ask it to stop, wake it, wait for its end, free it: what @fn returned, -EINTR if it never ran. */
int kthread_stop(struct task_struct *t);
/* Asked of the running thread: false outside of a kthread. */
bool kthread_should_stop(void);

/*
 * A thread with all signals blocked but those of its own faults: what is sent to the process is for
 * the threads that the program began with or made otherwise. 0 or a negative errno.
 */
int thread_create(pthread_t *thread, void *(*fn)(void *arg), void *arg);

#endif
