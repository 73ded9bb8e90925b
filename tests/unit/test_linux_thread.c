/* Locks, waiting, threads, work queues, RCU, hash tables and per-cpu memory, by many threads. */
#include "test.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/bitops.h>
#include <linux/cleanup.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/kthread.h>
#include <linux/mempool.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/rhashtable.h>
#include <linux/workqueue.h>

#define THREADS 4
#define ROUNDS	5000

struct runner {
	int (*fn)(void *arg);
	void *arg;
	atomic_t started;
	wait_queue_head_t wait;
};

static int runner_main(void *arg)
{
	struct runner *r = arg;

	atomic_inc(&r->started);
	wake_up(&r->wait);
	return r->fn(r->arg);
}

/* Run @fn(@arg) in several threads and wait for all; who is stopped before it starts never runs. */
static void in_threads(int (*fn)(void *arg), void *arg)
{
	struct runner r = {.fn = fn, .arg = arg};
	struct task_struct *t[THREADS];

	init_waitqueue_head(&r.wait);
	for (int i = 0; i < THREADS; i++) {
		t[i] = kthread_run(runner_main, &r, "test/%d", i);
		if (IS_ERR(t[i]))
			abort();
	}
	wait_event(r.wait, atomic_read(&r.started) == THREADS);
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(kthread_stop(t[i]), 0);
}

struct shared {
	atomic_t started;
	wait_queue_head_t wait;
	spinlock_t spin;
	struct mutex mutex;
	struct rw_semaphore rwsem;
	long a, b;
	atomic_t bad;
};

static void shared_init(struct shared *s)
{
	*s = (struct shared){};
	init_waitqueue_head(&s->wait);
	mutex_init(&s->mutex);
	init_rwsem(&s->rwsem);
}

static int spin_rounds(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		spin_lock(&s->spin);
		s->a++;
		spin_unlock(&s->spin);
	}
	return 0;
}

TEST(spinlock_excludes)
{
	struct shared s;

	shared_init(&s);
	in_threads(spin_rounds, &s);
	EXPECT_EQ(s.a, THREADS * ROUNDS);
	EXPECT(!spin_is_locked(&s.spin));
}

static int mutex_rounds(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		guard(mutex)(&s->mutex);
		s->a++;
		if (i % 100 == 0)
			usleep_range(10, 10);
	}
	return 0;
}

TEST(mutex_excludes_also_those_that_sleep)
{
	struct shared s;

	shared_init(&s);
	in_threads(mutex_rounds, &s);
	EXPECT_EQ(s.a, THREADS * ROUNDS);
	EXPECT(mutex_trylock(&s.mutex));
	EXPECT(mutex_is_locked(&s.mutex));
	EXPECT(!mutex_trylock(&s.mutex));
	mutex_unlock(&s.mutex);
	EXPECT(!mutex_is_locked(&s.mutex));
}

static int guarded_return(struct shared *s, bool early)
{
	guard(rwsem_read)(&s->rwsem);
	scoped_guard(mutex, &s->mutex) {
		if (early)
			return 1;
		s->a++;
	}
	return mutex_is_locked(&s->mutex) ? 2 : 3;
}

TEST(guards_end_with_their_scope)
{
	void *kept;
	struct shared s;

	shared_init(&s);
	EXPECT_EQ(guarded_return(&s, true), 1);
	EXPECT_EQ(guarded_return(&s, false), 3);
	EXPECT(!mutex_is_locked(&s.mutex) && !rwsem_is_locked(&s.rwsem));
	{
		void *gone __free(kfree) = kmalloc(8, GFP_KERNEL);
		void *stays __free(kfree) = kmalloc(8, GFP_KERNEL);

		guard(rcu)();
		EXPECT(gone && stays);
		kept = no_free_ptr(stays);
		EXPECT(!stays);
	}
	kfree(kept);
}

static int rwsem_rounds(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		if (i % 8 == 0) {
			down_write(&s->rwsem);
			s->a++;
			if (i % 64 == 0)
				usleep_range(10, 10);
			s->b++;
			if (i % 16 == 0) {
				downgrade_write(&s->rwsem);
				if (s->a != s->b)
					atomic_inc(&s->bad);
				up_read(&s->rwsem);
			} else {
				up_write(&s->rwsem);
			}
		} else {
			down_read(&s->rwsem);
			if (s->a != s->b)
				atomic_inc(&s->bad);
			if (i % 64 == 1)
				usleep_range(10, 10);
			up_read(&s->rwsem);
		}
	}
	return 0;
}

TEST(rwsem_lets_readers_in_together_and_writers_alone)
{
	struct shared s;

	shared_init(&s);
	in_threads(rwsem_rounds, &s);
	EXPECT_EQ(s.a, THREADS * ROUNDS / 8);
	EXPECT_EQ(atomic_read(&s.bad), 0);
	EXPECT_EQ(s.rwsem.state, 0);
	EXPECT(down_read_trylock(&s.rwsem));
	EXPECT(down_read_trylock(&s.rwsem));
	EXPECT(!down_write_trylock(&s.rwsem));
	up_read(&s.rwsem);
	up_read(&s.rwsem);
	EXPECT(down_write_trylock(&s.rwsem));
	EXPECT(!down_read_trylock(&s.rwsem));
	EXPECT(rwsem_is_locked(&s.rwsem));
	up_write(&s.rwsem);
	EXPECT(!rwsem_is_locked(&s.rwsem));
}

struct pingpong {
	wait_queue_head_t wait;
	atomic_t turn;
};

static int pong(void *arg)
{
	struct pingpong *p = arg;

	for (int i = 0; i < ROUNDS; i++) {
		wait_event(p->wait, atomic_read(&p->turn) == 2 * i + 1);
		atomic_inc(&p->turn);
		wake_up(&p->wait);
	}
	return 7;
}

TEST(wait_event_loses_no_wakeup)
{
	struct pingpong p = {.turn = ATOMIC_INIT(0)};
	struct task_struct *t;

	init_waitqueue_head(&p.wait);
	t = kthread_run(pong, &p, "pong");
	REQUIRE(!IS_ERR(t));
	for (int i = 0; i < ROUNDS; i++) {
		atomic_inc(&p.turn);
		wake_up(&p.wait);
		wait_event(p.wait, atomic_read(&p.turn) == 2 * i + 2);
	}
	EXPECT_EQ(kthread_stop(t), 7);
	EXPECT(!waitqueue_active(&p.wait));
}

struct blocked_signals {
	sigset_t set;
	struct completion done;
};

static int blocked_signals(void *arg)
{
	struct blocked_signals *b = arg;

	pthread_sigmask(SIG_BLOCK, NULL, &b->set);
	complete(&b->done);
	return 0;
}

TEST(signals_to_the_process_are_not_for_kthreads)
{
	const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM};
	struct blocked_signals b;
	sigset_t before, after;
	struct task_struct *t;

	init_completion(&b.done);
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	t = kthread_run(blocked_signals, &b, "signals");
	REQUIRE(!IS_ERR(t));
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	wait_for_completion(&b.done);
	EXPECT_EQ(kthread_stop(t), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		EXPECT(sigismember(&b.set, ours[i]));
		EXPECT_EQ(sigismember(&after, ours[i]), sigismember(&before, ours[i]));
	}
	EXPECT(!sigismember(&b.set, SIGSEGV));
}

TEST(wait_event_timeout_says_how_it_ended)
{
	wait_queue_head_t q;
	u64 start = ktime_get_ns();

	init_waitqueue_head(&q);
	EXPECT_EQ(wait_event_timeout(q, false, msecs_to_jiffies(20)), 0);
	EXPECT(ktime_get_ns() - start >= 20 * NSEC_PER_MSEC);
	EXPECT(wait_event_timeout(q, true, 5) >= 1);
	EXPECT_EQ(wait_event_timeout(q, true, 0), 1);
	EXPECT(!waitqueue_active(&q));
}

static int exclusive_waiter(void *arg)
{
	struct shared *s = arg;

	atomic_inc(&s->started);
	wait_event_exclusive(s->wait, atomic_add_unless(&s->bad, -1, 0));
	return 0;
}

TEST(each_exclusive_waiter_gets_one)
{
	struct task_struct *t[THREADS];
	struct shared s;

	shared_init(&s);
	for (int i = 0; i < THREADS; i++)
		t[i] = kthread_run(exclusive_waiter, &s, "waiter");
	while (atomic_read(&s.started) < THREADS)
		usleep_range(100, 100);
	for (int i = 0; i < THREADS; i++) {
		atomic_inc(&s.bad);
		wake_up(&s.wait);
	}
	for (int i = 0; i < THREADS; i++)
		EXPECT_EQ(kthread_stop(t[i]), 0);
	EXPECT_EQ(atomic_read(&s.bad), 0);
}

static int completer(void *arg)
{
	complete(arg);
	return 0;
}

/* The waiter's stack, with the completion, is gone while complete() may still run. */
static void complete_once(void)
{
	struct completion done;
	struct task_struct *t;

	init_completion(&done);
	t = kthread_run(completer, &done, "completer");
	wait_for_completion(&done);
	memset(&done, 0x5a, sizeof(done));
	kthread_stop(t);
}

TEST(completion_may_go_when_it_was_waited_for)
{
	for (int i = 0; i < 100; i++)
		complete_once();
}

TEST(completion_counts)
{
	DECLARE_COMPLETION(c);

	EXPECT(!completion_done(&c));
	EXPECT_EQ(wait_for_completion_timeout(&c, 5), 0);
	complete(&c);
	complete(&c);
	EXPECT(completion_done(&c));
	EXPECT(try_wait_for_completion(&c));
	EXPECT(wait_for_completion_timeout(&c, 5) >= 1);
	EXPECT(!try_wait_for_completion(&c));
	complete_all(&c);
	wait_for_completion(&c);
	wait_for_completion(&c);
	reinit_completion(&c);
	EXPECT(!completion_done(&c));
}

static int until_stopped(void *arg)
{
	atomic_t *loops = arg;

	while (1) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		atomic_inc(loops);
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 42;
}

TEST(kthread_runs_until_stopped)
{
	atomic_t loops = ATOMIC_INIT(0);
	struct task_struct *t = kthread_create(until_stopped, &loops, "sleeper-%d", 12345678);

	REQUIRE(!IS_ERR(t));
	EXPECT_STR(t->comm, "sleeper-1234567");
	usleep_range(2000, 2000);
	EXPECT_EQ(atomic_read(&loops), 0);
	EXPECT(wake_up_process(t));
	while (!atomic_read(&loops))
		usleep_range(100, 100);
	EXPECT_EQ(kthread_stop(t), 42);

	t = kthread_create(until_stopped, &loops, "never");
	REQUIRE(!IS_ERR(t));
	EXPECT_EQ(kthread_stop(t), -EINTR);
	EXPECT(!kthread_should_stop());
}

struct counted_work {
	struct work_struct work;
	atomic_t runs, running, overlaps;
	struct workqueue_struct *wq;
	struct completion *wait;
};

static void counted_run(struct work_struct *work)
{
	struct counted_work *c = container_of(work, struct counted_work, work);

	if (atomic_inc_return(&c->running) != 1)
		atomic_inc(&c->overlaps);
	if (c->wait)
		wait_for_completion(c->wait);
	atomic_inc(&c->runs);
	atomic_dec(&c->running);
}

TEST(work_runs_once_for_each_queueing)
{
	struct workqueue_struct *wq = alloc_workqueue("test-%s", WQ_UNBOUND, 4, "wq");
	struct counted_work c[16] = {};
	int queued = 0;

	REQUIRE(wq != NULL);
	for (int i = 0; i < 16; i++)
		INIT_WORK(&c[i].work, counted_run);
	for (int i = 0; i < 1000; i++)
		queued += queue_work(wq, &c[i % 16].work);
	flush_workqueue(wq);
	for (int i = 0; i < 16; i++) {
		queued -= atomic_read(&c[i].runs);
		EXPECT_EQ(atomic_read(&c[i].overlaps), 0);
		EXPECT(!work_pending(&c[i].work));
		EXPECT(!flush_work(&c[i].work));
	}
	EXPECT_EQ(queued, 0);
	destroy_workqueue(wq);
}

TEST(work_that_runs_may_be_queued_again_and_cancelled)
{
	struct workqueue_struct *wq = alloc_workqueue("test", 0, 4);
	DECLARE_COMPLETION(wait);
	struct counted_work a = {.wait = &wait}, b = {};

	INIT_WORK(&a.work, counted_run);
	INIT_WORK(&b.work, counted_run);
	EXPECT(queue_work(wq, &a.work));
	while (!atomic_read(&a.running))
		usleep_range(100, 100);
	EXPECT(queue_work(wq, &a.work));
	EXPECT(!queue_work(wq, &a.work));
	EXPECT(work_pending(&a.work));
	/* others do not wait for it */
	EXPECT(queue_work(wq, &b.work));
	flush_work(&b.work);
	EXPECT_EQ(atomic_read(&b.runs), 1);
	complete_all(&wait);
	flush_work(&a.work);
	EXPECT_EQ(atomic_read(&a.runs), 2);
	EXPECT(!cancel_work_sync(&a.work));
	destroy_workqueue(wq);
}

struct busy_work {
	struct work_struct work;
	struct completion *wait; /* NULL: stay on the processor */
	atomic_t *running, *most;
};

static void busy_run(struct work_struct *work)
{
	struct busy_work *b = container_of(work, struct busy_work, work);
	int n = atomic_inc_return(b->running);
	u64 until = ktime_get_ns() + 2 * NSEC_PER_MSEC;

	for (int most = atomic_read(b->most); n > most;)
		if (atomic_try_cmpxchg(b->most, &most, n))
			break;
	if (b->wait)
		wait_for_completion(b->wait);
	while (!b->wait && ktime_get_ns() < until)
		cpu_relax();
	atomic_dec(b->running);
}

/* How many of @nr works run at once; they sleep until @wait, or do not sleep. */
static int most_at_once(struct busy_work *b, int nr, struct completion *wait)
{
	struct workqueue_struct *wq = alloc_workqueue("test", 0, nr);
	atomic_t running = ATOMIC_INIT(0), most = ATOMIC_INIT(0);

	for (int i = 0; i < nr; i++) {
		b[i] = (struct busy_work){.wait = wait, .running = &running, .most = &most};
		INIT_WORK(&b[i].work, busy_run);
		queue_work(wq, &b[i].work);
	}
	if (wait) {
		while (atomic_read(&running) < nr)
			usleep_range(100, 100);
		complete_all(wait);
	}
	destroy_workqueue(wq);
	return atomic_read(&most);
}

TEST(work_that_sleeps_leaves_its_processor_to_other_work)
{
	struct busy_work b[40];
	DECLARE_COMPLETION(wait);

	EXPECT_EQ(most_at_once(b, ARRAY_SIZE(b), &wait), ARRAY_SIZE(b));
	EXPECT(most_at_once(b, ARRAY_SIZE(b), NULL) <= (int)num_online_cpus());
}

TEST(ordered_queue_runs_in_order_and_cancels_what_waits)
{
	struct workqueue_struct *wq = alloc_ordered_workqueue("test", 0);
	DECLARE_COMPLETION(wait);
	struct counted_work a = {.wait = &wait}, b = {};

	INIT_WORK(&a.work, counted_run);
	INIT_WORK(&b.work, counted_run);
	queue_work(wq, &a.work);
	queue_work(wq, &b.work);
	while (!atomic_read(&a.running))
		usleep_range(100, 100);
	EXPECT(cancel_work_sync(&b.work));
	EXPECT(!cancel_work_sync(&b.work));
	complete(&wait);
	destroy_workqueue(wq);
	EXPECT_EQ(atomic_read(&a.runs), 1);
	EXPECT_EQ(atomic_read(&b.runs), 0);
}

struct rcu_thing {
	int value, twice;
	struct rcu_head rcu;
};

static struct rcu_thing *rcu_current;

static int rcu_rounds(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct rcu_thing *t;

		rcu_read_lock();
		rcu_read_lock();
		t = rcu_dereference(rcu_current);
		if (t->twice != 2 * t->value)
			atomic_inc(&s->bad);
		rcu_read_unlock();
		rcu_read_unlock();
		if (i % 50 == 0) {
			struct rcu_thing *n = kmalloc(sizeof(*n), GFP_KERNEL), *old;

			n->value = i;
			n->twice = 2 * i;
			guard(mutex)(&s->mutex);
			old = rcu_dereference_protected(rcu_current, true);
			rcu_assign_pointer(rcu_current, n);
			if (i % 100 == 0) {
				kfree_rcu(old, rcu);
			} else {
				synchronize_rcu();
				kfree(old);
			}
		}
	}
	return 0;
}

TEST(rcu_readers_see_whole_objects)
{
	struct shared s;

	shared_init(&s);
	rcu_current = kzalloc(sizeof(*rcu_current), GFP_KERNEL);
	in_threads(rcu_rounds, &s);
	EXPECT_EQ(atomic_read(&s.bad), 0);
	kfree_rcu(rcu_current, rcu);
	rcu_current = NULL;
	rcu_barrier();
}

static atomic_t rcu_called;

static void rcu_count(struct rcu_head *head)
{
	atomic_inc(&rcu_called);
	kfree(container_of(head, struct rcu_thing, rcu));
}

TEST(rcu_barrier_waits_for_all_callbacks)
{
	for (int i = 0; i < 1000; i++) {
		struct rcu_thing *t = kmalloc(sizeof(*t), GFP_KERNEL);

		call_rcu(&t->rcu, rcu_count);
	}
	rcu_barrier();
	EXPECT_EQ(atomic_read(&rcu_called), 1000);
}

struct rht_obj {
	u64 key, check;
	struct rhash_head hash;
	struct rcu_head rcu;
};

static const struct rhashtable_params rht_params = {
	.key_len = sizeof(u64),
	.key_offset = offsetof(struct rht_obj, key),
	.head_offset = offsetof(struct rht_obj, hash),
	.automatic_shrinking = true,
};

static struct rht_obj *rht_obj_new(u64 key)
{
	struct rht_obj *o = kmalloc(sizeof(*o), GFP_KERNEL);

	o->key = key;
	o->check = ~key;
	return o;
}

static void rht_obj_free(void *obj, void *arg)
{
	++*(int *)arg;
	kfree(obj);
}

static int rht_count(void *obj, void *arg)
{
	return ++*(int *)arg == 100 ? -ECANCELED : 0;
}

TEST(rhashtable_finds_what_is_in_it)
{
	struct rhashtable ht;
	struct rht_obj *o;
	int n = 0;

	REQUIRE(!rhashtable_init(&ht, &rht_params));
	for (u64 k = 0; k < 10000; k++)
		EXPECT_EQ(rhashtable_lookup_insert_fast(&ht, &rht_obj_new(k)->hash, rht_params), 0);
	for (u64 k = 0; k < 20000; k++) {
		o = rhashtable_lookup_fast(&ht, &k, rht_params);
		EXPECT(k < 10000 ? o && o->key == k : !o);
	}
	o = rht_obj_new(77);
	EXPECT_EQ(rhashtable_lookup_insert_fast(&ht, &o->hash, rht_params), -EEXIST);
	EXPECT(rhashtable_lookup_get_insert_fast(&ht, &o->hash, rht_params) ==
	       rhashtable_lookup_fast(&ht, &o->key, rht_params));
	EXPECT_EQ(rhashtable_remove_fast(&ht, &o->hash, rht_params), -ENOENT);
	kfree(o);
	for (u64 k = 0; k < 9000; k++) {
		o = rhashtable_lookup_fast(&ht, &k, rht_params);
		EXPECT_EQ(rhashtable_remove_fast(&ht, &o->hash, rht_params), 0);
		kfree_rcu(o, rcu);
	}
	for (u64 k = 0; k < 10000; k++)
		EXPECT(!rhashtable_lookup_fast(&ht, &k, rht_params) == (k < 9000));
	EXPECT_EQ(rhashtable_for_each(&ht, rht_count, &n), -ECANCELED);
	n = 0;
	rhashtable_free_and_destroy(&ht, rht_obj_free, &n);
	EXPECT_EQ(n, 1000);
	rcu_barrier();
}

struct rht_shared {
	struct shared s;
	struct rhashtable ht;
	atomic_t thread;
};

/* Keys below 1000 stay; each thread inserts and removes its own, which resizes all the time. */
static int rht_rounds(void *arg)
{
	struct rht_shared *r = arg;
	u64 base = 1000000ULL * atomic_inc_return(&r->thread);

	for (int round = 0; round < 5; round++) {
		for (u64 k = base; k < base + 1000; k++) {
			u64 stays = k % 1000;
			struct rht_obj *o;

			if (rhashtable_insert_fast(&r->ht, &rht_obj_new(k)->hash, rht_params))
				atomic_inc(&r->s.bad);
			rcu_read_lock();
			o = rhashtable_lookup(&r->ht, &stays, rht_params);
			if (!o || o->check != ~stays)
				atomic_inc(&r->s.bad);
			rcu_read_unlock();
		}
		for (u64 k = base; k < base + 1000; k++) {
			u64 stays = k % 1000;
			struct rht_obj *o = rhashtable_lookup_fast(&r->ht, &k, rht_params);

			if (!o || o->check != ~k ||
			    rhashtable_remove_fast(&r->ht, &o->hash, rht_params))
				atomic_inc(&r->s.bad);
			kfree_rcu(o, rcu);
			if (!rhashtable_lookup_fast(&r->ht, &stays, rht_params))
				atomic_inc(&r->s.bad);
		}
	}
	return 0;
}

TEST(rhashtable_keeps_what_stays_while_others_come_and_go)
{
	struct rht_shared r = {};
	int n = 0;

	shared_init(&r.s);
	REQUIRE(!rhashtable_init(&r.ht, &rht_params));
	for (u64 k = 0; k < 1000; k++)
		rhashtable_insert_fast(&r.ht, &rht_obj_new(k)->hash, rht_params);
	in_threads(rht_rounds, &r.s);
	EXPECT_EQ(atomic_read(&r.s.bad), 0);
	EXPECT(r.ht.resizes > 2);
	rhashtable_free_and_destroy(&r.ht, rht_obj_free, &n);
	EXPECT_EQ(n, 1000);
	rcu_barrier();
}

struct table_obj {
	int key;
	struct hlist_node node;
};

TEST(hashtable_holds_chains)
{
	DEFINE_HASHTABLE(table, 4);
	struct table_obj o[100], *p;
	struct hlist_node *tmp;
	unsigned int bkt, n = 0;

	for (int i = 0; i < 100; i++) {
		o[i].key = i;
		hash_add(table, &o[i].node, o[i].key);
	}
	hash_for_each_possible(table, p, node, 33)
		n += p->key == 33;
	EXPECT_EQ(n, 1);
	hash_for_each_safe(table, bkt, tmp, p, node)
		if (p->key % 2)
			hash_del(&p->node);
	n = 0;
	hash_for_each(table, bkt, p, node)
		n++;
	EXPECT_EQ(n, 50);
}

struct cpu_counters {
	u64 a, b;
};

struct percpu_shared {
	struct shared s;
	struct cpu_counters *counters;
};

static int percpu_rounds(void *arg)
{
	struct percpu_shared *p = arg;

	for (int i = 0; i < ROUNDS; i++) {
		this_cpu_inc(p->counters->a);
		this_cpu_add(p->counters->b, 3);
	}
	return 0;
}

TEST(percpu_counters_add_up)
{
	struct percpu_shared p = {};
	u64 *many[500];
	unsigned int cpu;

	shared_init(&p.s);
	p.counters = alloc_percpu(struct cpu_counters);
	REQUIRE(p.counters != NULL);
	in_threads(percpu_rounds, &p.s);
	EXPECT_EQ(percpu_u64_get(&p.counters->a), THREADS * ROUNDS);
	EXPECT_EQ(percpu_u64_get(&p.counters->b), 3 * THREADS * ROUNDS);
	free_percpu(p.counters);

	EXPECT(!__alloc_percpu(PERCPU_UNIT + 1, 8));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 500; i++) {
			many[i] = __alloc_percpu(8 * (i % 30 + 1), 64);
			EXPECT_EQ((unsigned long)many[i] % 64, 0);
			for_each_possible_cpu(cpu) {
				EXPECT_EQ(*per_cpu_ptr(many[i], cpu), 0);
				*per_cpu_ptr(many[i], cpu) = i + cpu;
			}
		}
		for (int i = 0; i < 500; i++) {
			for_each_possible_cpu(cpu)
				EXPECT_EQ(*per_cpu_ptr(many[i], cpu), i + cpu);
			free_percpu(many[i]);
		}
	}
}

static int mempool_rounds(void *arg)
{
	mempool_t *pool = arg;

	for (int i = 0; i < 200; i++) {
		void *p = mempool_alloc(pool, GFP_KERNEL);

		memset(p, i, 100);
		mempool_free(p, pool);
	}
	return 0;
}

TEST(mempool_gives_also_without_memory)
{
	mempool_t pool = {};

	mempool_exit(&pool);
	REQUIRE(!mempool_init_kmalloc_pool(&pool, 2, 100));
	in_threads(mempool_rounds, &pool);
	kmalloc_fail_from(1000);
	in_threads(mempool_rounds, &pool);
	kmalloc_fail_from(0);
	EXPECT_EQ(pool.curr_nr, 2);
	mempool_exit(&pool);
	mempool_exit(&pool);
}

/* The child's exit status; SIGABRT is what a violated rule ends with. */
static bool aborts(void (*fn)(void))
{
	struct rlimit none = {};
	pid_t pid = fork();
	int status;

	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void refcount_below_zero(void)
{
	refcount_t r = REFCOUNT_INIT(1);

	if (refcount_dec_and_test(&r))
		refcount_inc(&r);
}

TEST(refcount_does_not_rise_from_zero)
{
	refcount_t r = REFCOUNT_INIT(1);

	refcount_inc(&r);
	EXPECT(!refcount_dec_and_test(&r));
	EXPECT(refcount_inc_not_zero(&r));
	EXPECT(!refcount_dec_and_test(&r));
	EXPECT(refcount_dec_and_test(&r));
	EXPECT(!refcount_inc_not_zero(&r));
	EXPECT(aborts(refcount_below_zero));
}

#ifdef CONFIG_LOCKDEP

static void wrong_order(void)
{
	struct mutex a, b;

	mutex_init(&a);
	mutex_init(&b);
	lockdep_set_rank(&a, 1, "a");
	lockdep_set_rank(&b, 2, "b");
	mutex_lock(&b);
	mutex_lock(&a);
}

static void same_rank(void)
{
	struct rw_semaphore a, b;

	init_rwsem(&a);
	init_rwsem(&b);
	lockdep_set_rank(&a, 1, "a");
	lockdep_set_rank(&b, 1, "b");
	down_read(&a);
	down_read(&b);
}

static void not_held(void)
{
	struct mutex a;

	mutex_init(&a);
	lockdep_assert_held(&a);
}

static void right_order(void)
{
	struct mutex a, b, unranked;

	mutex_init(&a);
	mutex_init(&b);
	mutex_init(&unranked);
	lockdep_set_rank(&a, 1, "a");
	lockdep_set_rank(&b, 2, "b");
	mutex_lock(&a);
	mutex_lock(&unranked);
	mutex_lock(&b);
	lockdep_assert_held(&a);
	mutex_unlock(&a);
	if (!mutex_trylock(&a))
		abort();
	mutex_unlock(&b);
	mutex_unlock(&a);
	mutex_unlock(&unranked);
	mutex_lock(&a);
	mutex_lock(&b);
}

TEST(locks_are_taken_by_rising_rank)
{
	EXPECT(aborts(wrong_order));
	EXPECT(aborts(same_rank));
	EXPECT(aborts(not_held));
	EXPECT(!aborts(right_order));
}

#endif
