/* Tasks: sleeping and waking, and threads that are asked to stop. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bug.h>
#include <linux/futex.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>

struct kthread {
	struct task_struct task;
	pthread_t thread;
	int (*fn)(void *data);
	void *data;
	int ret;
	bool should_stop;
};

__thread struct task_struct *current_task;

struct task_struct *task_attach(void)
{
	static __thread struct task_struct task;

	task.pid = syscall(SYS_gettid);
	pthread_getname_np(pthread_self(), task.comm, sizeof(task.comm));
	return current_task = &task;
}

void schedule(void)
{
	u32 *state = &current->state, s;

	while ((s = __atomic_load_n(state, __ATOMIC_ACQUIRE)) != TASK_RUNNING)
		futex_wait(state, s, -1);
}

long schedule_timeout(long timeout)
{
	u32 *state = &current->state, s;
	u64 end, now;

	if (timeout == MAX_SCHEDULE_TIMEOUT) {
		schedule();
		return timeout;
	}
	now = ktime_get_ns();
	end = now + max(timeout, 0) * NSEC_PER_MSEC;
	while ((s = __atomic_load_n(state, __ATOMIC_ACQUIRE)) != TASK_RUNNING && now < end) {
		futex_wait(state, s, end - now);
		now = ktime_get_ns();
	}
	__set_current_state(TASK_RUNNING);
	return now < end ? DIV_ROUND_UP(end - now, NSEC_PER_MSEC) : 0;
}

long schedule_timeout_uninterruptible(long timeout)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
	return schedule_timeout(timeout);
}

bool wake_up_process(struct task_struct *t)
{
	if (xchg(&t->state, TASK_RUNNING) == TASK_RUNNING)
		return false;
	futex_wake(&t->state, 1);
	return true;
}

static void *kthread_main(void *arg)
{
	struct kthread *k = arg;

	current_task = &k->task;
	k->task.pid = syscall(SYS_gettid);
	pthread_setname_np(pthread_self(), k->task.comm);
	schedule();
	k->ret = kthread_should_stop() ? -EINTR : k->fn(k->data);
	return NULL;
}

int thread_create(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP, SIGABRT};
	sigset_t set, old;
	int ret;

	sigfillset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(&set, own[i]);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	ret = -pthread_create(thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

struct task_struct *kthread_create(int (*fn)(void *data), void *data, const char *fmt, ...)
{
	struct kthread *k = kzalloc(sizeof(*k), GFP_KERNEL);
	va_list args;
	int ret;

	if (!k)
		return ERR_PTR(-ENOMEM);
	k->fn = fn;
	k->data = data;
	k->task.kthread = k;
	k->task.state = TASK_UNINTERRUPTIBLE;
	va_start(args, fmt);
	vsnprintf(k->task.comm, sizeof(k->task.comm), fmt, args);
	va_end(args);
	ret = thread_create(&k->thread, kthread_main, k);
	if (ret) {
		kfree(k);
		return ERR_PTR(ret);
	}
	return &k->task;
}

int kthread_stop(struct task_struct *t)
{
	struct kthread *k = t->kthread;
	int ret;

	__atomic_store_n(&k->should_stop, true, __ATOMIC_SEQ_CST);
	wake_up_process(t);
	ret = pthread_join(k->thread, NULL);
	BUG_ON(ret);
	ret = k->ret;
	kfree(k);
	return ret;
}

bool kthread_should_stop(void)
{
	struct kthread *k = current->kthread;

	return k && __atomic_load_n(&k->should_stop, __ATOMIC_SEQ_CST);
}
