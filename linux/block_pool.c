/* A few threads that do transfers: of image files, and what the kernel does not take. */
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include "block_io.h"

#define POOL_THREADS 8

static struct {
	spinlock_t lock;
	struct bio *head, **tail; /* waiting, oldest first */
	int nr_bios;
	int nr_threads, nr_idle;
	wait_queue_head_t work;
	struct mutex grow; /* held while a thread is made */
	struct task_struct *threads[POOL_THREADS];
} pool = {
	.tail = &pool.head,
	.work = __WAIT_QUEUE_HEAD_INITIALIZER(pool.work),
};

static struct bio *pool_take(void)
{
	struct bio *bio;

	spin_lock(&pool.lock);
	bio = pool.head;
	if (bio) {
		pool.head = bio->bi_next;
		if (!pool.head)
			pool.tail = &pool.head;
		pool.nr_bios--;
	}
	spin_unlock(&pool.lock);
	return bio;
}

static void pool_idle(int n)
{
	spin_lock(&pool.lock);
	pool.nr_idle += n;
	spin_unlock(&pool.lock);
}

static int pool_thread(void *arg)
{
	struct bio *bio = NULL;

	while (1) {
		pool_idle(1);
		wait_event_exclusive(pool.work, (bio = pool_take()) || kthread_should_stop());
		pool_idle(-1);
		if (!bio)
			return 0;
		block_finish(bio, block_transfer(bio));
	}
}

static bool pool_is_short(void)
{
	bool is_short;

	spin_lock(&pool.lock);
	is_short = pool.nr_threads < POOL_THREADS && pool.nr_idle < pool.nr_bios;
	spin_unlock(&pool.lock);
	return is_short;
}

/* Have a thread more if there is more work than idle threads; true when there is any thread. */
static bool pool_grow(void)
{
	struct task_struct *t;
	bool any;

	if (!pool_is_short())
		return true;
	mutex_lock(&pool.grow);
	if (pool_is_short()) {
		t = kthread_run(pool_thread, NULL, "block-io/%d", pool.nr_threads);
		if (!IS_ERR(t)) {
			spin_lock(&pool.lock);
			pool.threads[pool.nr_threads++] = t;
			spin_unlock(&pool.lock);
		}
	}
	any = pool.nr_threads;
	mutex_unlock(&pool.grow);
	return any;
}

void block_pool_submit(struct bio *bio)
{
	bio->bi_next = NULL;
	spin_lock(&pool.lock);
	*pool.tail = bio;
	pool.tail = &bio->bi_next;
	pool.nr_bios++;
	spin_unlock(&pool.lock);
	wake_up(&pool.work);
	if (!pool_grow())
		while ((bio = pool_take()))
			block_finish(bio, block_transfer(bio));
}

void block_pool_stop(void)
{
	for (int i = 0; i < pool.nr_threads; i++)
		kthread_stop(pool.threads[i]);
	pool.nr_threads = 0;
}
