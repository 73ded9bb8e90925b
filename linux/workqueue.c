/* Work queues: a list of work and of threads each, under one lock. */
#include <unistd.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define WORKERS_DEFAULT_MAX 8
#define WORKERS_MAX	    64

struct worker {
	struct workqueue_struct *wq;
	struct task_struct *task;
	struct list_head idle; /* empty: works or is about to */
	bool running;	       /* counts in nr_running: not idle and, as far as known, not asleep */
	struct work_struct *work; /* that runs: an address to compare, it may be free already */
	u64 seq;
};

struct workqueue_struct {
	spinlock_t lock;
	struct list_head pending; /* by seq */
	struct list_head idle;
	wait_queue_head_t done; /* woken whenever work has run */
	u64 seq;
	bool stop;
	int max_workers, nr_workers;
	int max_running, nr_running; /* no more are woken than shall run at once */
	int nr_growing;	   /* queue_work() that still use the queue, though the work may be over */
	struct mutex grow; /* held while a worker is made */
	char name[TASK_COMM_LEN];
	struct worker workers[];
};

static bool worker_runs(const struct workqueue_struct *wq, const struct work_struct *work, u64 seq)
{
	for (int i = 0; i < wq->nr_workers; i++)
		if (wq->workers[i].work == work && wq->workers[i].seq <= seq)
			return true;
	return false;
}

static void worker_set_running(struct worker *w, bool running)
{
	w->wq->nr_running += running - w->running;
	w->running = running;
}

/* The oldest work that is not just running. */
static struct work_struct *pending_take(struct workqueue_struct *wq)
{
	struct work_struct *work;

	list_for_each_entry(work, &wq->pending, entry)
		if (!worker_runs(wq, work, U64_MAX)) {
			list_del_init(&work->entry);
			return work;
		}
	return NULL;
}

static void worker_sleep(struct worker *w)
{
	struct workqueue_struct *wq = w->wq;

	worker_set_running(w, false);
	list_add(&w->idle, &wq->idle);
	while (!list_empty(&w->idle)) {
		set_current_state(TASK_IDLE);
		spin_unlock(&wq->lock);
		schedule();
		spin_lock(&wq->lock);
	}
}

static int worker_start(struct workqueue_struct *wq);

/* Wake an idle worker if more may run; false: there is none, and may be more. */
static bool worker_wake(struct workqueue_struct *wq)
{
	struct worker *w = list_first_entry_or_null(&wq->idle, struct worker, idle);

	if (wq->nr_running >= wq->max_running)
		return true;
	if (!w)
		return wq->nr_workers == wq->max_workers;
	list_del_init(&w->idle);
	worker_set_running(w, true);
	wake_up_process(w->task);
	return true;
}

/* Work that sleeps leaves its processor to other work. */
static void worker_will_sleep(struct task_struct *t)
{
	struct worker *w = t->will_sleep_arg;
	struct workqueue_struct *wq = w->wq;
	bool enough;

	spin_lock(&wq->lock);
	worker_set_running(w, false);
	enough = list_empty(&wq->pending) || worker_wake(wq);
	spin_unlock(&wq->lock);
	if (!enough)
		worker_start(wq);
}

static void worker_run(struct worker *w, struct work_struct *work)
{
	struct workqueue_struct *wq = w->wq;

	w->work = work;
	w->seq = work->seq;
	spin_unlock(&wq->lock);
	current->will_sleep_arg = w;
	current->will_sleep = worker_will_sleep;
	work->func(work);
	current->will_sleep = NULL;
	spin_lock(&wq->lock);
	w->work = NULL;
	worker_set_running(w, true);
	wake_up_all(&wq->done);
}

static int worker_main(void *arg)
{
	struct worker *w = arg;
	struct workqueue_struct *wq = w->wq;
	struct work_struct *work;

	spin_lock(&wq->lock);
	while (1) {
		/* Too many since it woke up: the others see to what is pending. */
		work = wq->nr_running <= wq->max_running ? pending_take(wq) : NULL;
		if (work)
			worker_run(w, work);
		else if (wq->stop)
			break;
		else
			worker_sleep(w);
	}
	spin_unlock(&wq->lock);
	return 0;
}

static int worker_start(struct workqueue_struct *wq)
{
	void (*will_sleep)(struct task_struct * t) = current->will_sleep;
	struct worker *w;
	int ret = 0;

	current->will_sleep = NULL; /* it may come here */
	mutex_lock(&wq->grow);
	if (wq->nr_workers < wq->max_workers) {
		struct task_struct *t;

		w = &wq->workers[wq->nr_workers];
		w->wq = wq;
		INIT_LIST_HEAD(&w->idle);
		t = kthread_create(worker_main, w, "%s", wq->name);
		ret = PTR_ERR_OR_ZERO(t);
		if (!ret) {
			w->task = t;
			spin_lock(&wq->lock);
			wq->nr_workers++;
			worker_set_running(w, true);
			spin_unlock(&wq->lock);
			wake_up_process(t);
		}
	}
	mutex_unlock(&wq->grow);
	current->will_sleep = will_sleep;
	return ret;
}

struct workqueue_struct *alloc_workqueue(const char *fmt, unsigned int flags, int max_active, ...)
{
	struct workqueue_struct *wq;
	va_list args;

	if (!max_active)
		max_active = clamp_t(long, sysconf(_SC_NPROCESSORS_ONLN), 1, WORKERS_DEFAULT_MAX);
	max_active = min(max_active, WORKERS_MAX);
	wq = kzalloc(struct_size(wq, workers, max_active), GFP_KERNEL);
	if (!wq)
		return NULL;
	wq->max_workers = max_active;
	wq->max_running = flags & WQ_UNBOUND ? max_active : num_online_cpus();
	INIT_LIST_HEAD(&wq->pending);
	INIT_LIST_HEAD(&wq->idle);
	init_waitqueue_head(&wq->done);
	va_start(args, max_active);
	vsnprintf(wq->name, sizeof(wq->name), fmt, args);
	va_end(args);
	/* the first at once: then no work is without a worker, whatever fails later */
	if (worker_start(wq)) {
		kfree(wq);
		return NULL;
	}
	return wq;
}

/* Wait, with the queue locked before and after, until something has run. */
static void wait_done(struct workqueue_struct *wq)
{
	DEFINE_WAIT(w);

	prepare_to_wait(&wq->done, &w, TASK_UNINTERRUPTIBLE);
	spin_unlock(&wq->lock);
	schedule();
	finish_wait(&wq->done, &w);
	spin_lock(&wq->lock);
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	flush_workqueue(wq);
	spin_lock(&wq->lock);
	while (wq->nr_growing)
		wait_done(wq);
	wq->stop = true;
	wq->max_running = wq->max_workers;
	while (!list_empty(&wq->idle))
		worker_wake(wq);
	spin_unlock(&wq->lock);
	for (int i = 0; i < wq->nr_workers; i++)
		kthread_stop(wq->workers[i].task);
	kfree(wq);
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	bool queued, enough = true;

	spin_lock(&wq->lock);
	queued = list_empty(&work->entry);
	if (queued) {
		work->wq = wq;
		work->seq = ++wq->seq;
		list_add_tail(&work->entry, &wq->pending);
		enough = worker_wake(wq);
		wq->nr_growing += !enough;
	}
	spin_unlock(&wq->lock);
	if (!enough) {
		worker_start(wq);
		spin_lock(&wq->lock);
		wq->nr_growing--;
		wake_up_all(&wq->done);
		spin_unlock(&wq->lock);
	}
	return queued;
}

bool work_pending(const struct work_struct *work)
{
	struct workqueue_struct *wq = __atomic_load_n(&work->wq, __ATOMIC_ACQUIRE);
	bool pending;

	if (!wq)
		return false;
	spin_lock(&wq->lock);
	pending = !list_empty(&work->entry);
	spin_unlock(&wq->lock);
	return pending;
}

bool flush_work(struct work_struct *work)
{
	struct workqueue_struct *wq = __atomic_load_n(&work->wq, __ATOMIC_ACQUIRE);
	bool waited = false;
	u64 seq;

	if (!wq)
		return false;
	spin_lock(&wq->lock);
	seq = work->seq;
	while ((!list_empty(&work->entry) && work->seq <= seq) || worker_runs(wq, work, seq)) {
		waited = true;
		wait_done(wq);
	}
	spin_unlock(&wq->lock);
	return waited;
}

bool cancel_work_sync(struct work_struct *work)
{
	struct workqueue_struct *wq = __atomic_load_n(&work->wq, __ATOMIC_ACQUIRE);
	bool queued;

	if (!wq)
		return false;
	spin_lock(&wq->lock);
	queued = !list_empty(&work->entry);
	list_del_init(&work->entry);
	while (worker_runs(wq, work, U64_MAX))
		wait_done(wq);
	spin_unlock(&wq->lock);
	return queued;
}

static bool queue_has(const struct workqueue_struct *wq, u64 seq)
{
	const struct work_struct *first;

	for (int i = 0; i < wq->nr_workers; i++)
		if (wq->workers[i].work && wq->workers[i].seq <= seq)
			return true;
	if (list_empty(&wq->pending))
		return false;
	first = list_first_entry(&wq->pending, struct work_struct, entry);
	return first->seq <= seq;
}

void flush_workqueue(struct workqueue_struct *wq)
{
	u64 seq;

	spin_lock(&wq->lock);
	seq = wq->seq;
	while (queue_has(wq, seq))
		wait_done(wq);
	spin_unlock(&wq->lock);
}
