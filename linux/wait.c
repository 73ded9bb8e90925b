/* Wait queues and completions. */
#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/wait.h>

static void wait_enter(wait_queue_head_t *q, wait_queue_entry_t *w, unsigned int state,
		       unsigned int flags)
{
	spin_lock(&q->lock);
	w->flags = flags;
	if (list_empty(&w->entry)) {
		/* exclusive ones wake in the order of their coming, after all others */
		if (flags & WQ_FLAG_EXCLUSIVE)
			list_add_tail(&w->entry, &q->head);
		else
			list_add(&w->entry, &q->head);
	}
	set_current_state(state);
	spin_unlock(&q->lock);
}

void prepare_to_wait(wait_queue_head_t *q, wait_queue_entry_t *w, unsigned int state)
{
	wait_enter(q, w, state, 0);
}

void prepare_to_wait_exclusive(wait_queue_head_t *q, wait_queue_entry_t *w, unsigned int state)
{
	wait_enter(q, w, state, WQ_FLAG_EXCLUSIVE);
}

void finish_wait(wait_queue_head_t *q, wait_queue_entry_t *w)
{
	__set_current_state(TASK_RUNNING);
	spin_lock(&q->lock);
	list_del_init(&w->entry);
	spin_unlock(&q->lock);
}

void __wake_up_locked(wait_queue_head_t *q, int nr_exclusive)
{
	wait_queue_entry_t *w, *n;

	list_for_each_entry_safe(w, n, &q->head, entry) {
		/* one that runs already will look for itself, and counts as nobody */
		if (!wake_up_process(w->task))
			continue;
		list_del_init(&w->entry);
		if ((w->flags & WQ_FLAG_EXCLUSIVE) && !--nr_exclusive)
			break;
	}
}

void __wake_up(wait_queue_head_t *q, int nr_exclusive)
{
	spin_lock(&q->lock);
	__wake_up_locked(q, nr_exclusive);
	spin_unlock(&q->lock);
}

void complete(struct completion *c)
{
	spin_lock(&c->wait.lock);
	if (c->done != UINT_MAX)
		c->done++;
	wake_up_locked(&c->wait);
	spin_unlock(&c->wait.lock);
}

void complete_all(struct completion *c)
{
	spin_lock(&c->wait.lock);
	c->done = UINT_MAX;
	wake_up_all_locked(&c->wait);
	spin_unlock(&c->wait.lock);
}

unsigned long wait_for_completion_timeout(struct completion *c, unsigned long timeout)
{
	long left = min_t(unsigned long, timeout, MAX_SCHEDULE_TIMEOUT);
	bool done;
	DEFINE_WAIT(w);

	w.flags = WQ_FLAG_EXCLUSIVE;
	spin_lock(&c->wait.lock);
	while (!c->done && left) {
		if (list_empty(&w.entry))
			list_add_tail(&w.entry, &c->wait.head);
		set_current_state(TASK_UNINTERRUPTIBLE);
		spin_unlock(&c->wait.lock);
		left = schedule_timeout(left);
		spin_lock(&c->wait.lock);
	}
	list_del_init(&w.entry);
	done = c->done;
	if (done && c->done != UINT_MAX)
		c->done--;
	spin_unlock(&c->wait.lock);
	return done ? max(left, 1) : 0;
}

void wait_for_completion(struct completion *c)
{
	wait_for_completion_timeout(c, MAX_SCHEDULE_TIMEOUT);
}

bool try_wait_for_completion(struct completion *c)
{
	bool done;

	spin_lock(&c->wait.lock);
	done = c->done;
	if (done && c->done != UINT_MAX)
		c->done--;
	spin_unlock(&c->wait.lock);
	return done;
}

bool completion_done(struct completion *c)
{
	bool done;

	spin_lock(&c->wait.lock);
	done = c->done;
	spin_unlock(&c->wait.lock);
	return done;
}
