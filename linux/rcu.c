/*
 * RCU over liburcu's memory-barrier flavour. Callbacks are a list that one thread takes as a whole,
 * after which it waits for the readers once.
 */
#include <pthread.h>
#define rcu_head urcu_rcu_head /* ours is another */
#include <urcu/urcu-memb.h>
#undef rcu_head
#undef rcu_read_lock
#undef rcu_read_unlock
#undef synchronize_rcu
#undef call_rcu
#undef rcu_barrier
#undef rcu_assign_pointer
#undef rcu_dereference
#include <linux/bug.h>
#include <linux/completion.h>
#include <linux/futex.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>

#if BUILT_WITH_TSAN
/* liburcu is built without TSan: tell it that readers end before a grace period does. */
#include <sanitizer/tsan_interface.h>
static char readers_end;
#define tsan_reader_ends()	 __tsan_release(&readers_end)
#define tsan_grace_period_ends() __tsan_acquire(&readers_end)
#else
#define tsan_reader_ends()	 ((void)0)
#define tsan_grace_period_ends() ((void)0)
#endif

static __thread bool registered;
static pthread_key_t unregister_key;

static struct {
	struct rcu_head *list; /* newest first */
	u32 wanted;	       /* changes when the list grows; futex of the thread */
	bool running;
	pthread_mutex_t start;
} callbacks = {.start = PTHREAD_MUTEX_INITIALIZER};

static void rcu_thread_end(void *unused)
{
	urcu_memb_unregister_thread();
}

static void __attribute__((constructor)) rcu_setup(void)
{
	BUG_ON(pthread_key_create(&unregister_key, rcu_thread_end));
}

void rcu_thread_register(void)
{
	if (registered)
		return;
	urcu_memb_register_thread();
	pthread_setspecific(unregister_key, &registered);
	registered = true;
}

void rcu_read_lock(void)
{
	if (unlikely(!registered))
		rcu_thread_register();
	urcu_memb_read_lock();
}

void rcu_read_unlock(void)
{
	tsan_reader_ends();
	urcu_memb_read_unlock();
}

void synchronize_rcu(void)
{
	urcu_memb_synchronize_rcu();
	tsan_grace_period_ends();
}

static void rcu_callback(struct rcu_head *head)
{
	unsigned long func = (unsigned long)head->func;

	if (func < PAGE_SIZE) /* of kfree_rcu(): where the head is in what to free */
		kfree((char *)head - func);
	else
		head->func(head);
}

/* Oldest first, so that a barrier comes after all that was before it. */
static struct rcu_head *reverse(struct rcu_head *list)
{
	struct rcu_head *r = NULL, *next;

	for (; list; list = next) {
		next = list->next;
		list->next = r;
		r = list;
	}
	return r;
}

static void *rcu_callback_thread(void *unused)
{
	pthread_setname_np(pthread_self(), "rcu-callbacks");
	while (1) {
		u32 wanted = smp_load_acquire(&callbacks.wanted);
		struct rcu_head *list = xchg(&callbacks.list, NULL), *next;

		if (!list) {
			futex_wait(&callbacks.wanted, wanted, -1);
			continue;
		}
		synchronize_rcu();
		for (list = reverse(list); list; list = next) {
			next = list->next;
			rcu_callback(list);
		}
	}
	return NULL;
}

static void rcu_callbacks_start(void)
{
	pthread_t thread;

	pthread_mutex_lock(&callbacks.start);
	/* without a thread the callbacks wait for a later try */
	if (!callbacks.running && !thread_create(&thread, rcu_callback_thread, NULL)) {
		pthread_detach(thread);
		smp_store_release(&callbacks.running, true);
	}
	pthread_mutex_unlock(&callbacks.start);
}

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	struct rcu_head *first = READ_ONCE(callbacks.list);

	head->func = func;
	do {
		head->next = first;
	} while (!try_cmpxchg_release(&callbacks.list, &first, head));
	if (!first) {
		__atomic_fetch_add(&callbacks.wanted, 1, __ATOMIC_RELEASE);
		futex_wake(&callbacks.wanted, 1);
	}
	if (unlikely(!smp_load_acquire(&callbacks.running)))
		rcu_callbacks_start();
}

void kvfree_rcu_at(struct rcu_head *head, void *p)
{
	size_t offset = (char *)head - (char *)p;

	BUG_ON(offset >= PAGE_SIZE);
	call_rcu(head, (void (*)(struct rcu_head *))offset);
}

struct rcu_wait {
	struct rcu_head head;
	struct completion done;
};

static void rcu_wait_done(struct rcu_head *head)
{
	complete(&container_of(head, struct rcu_wait, head)->done);
}

void rcu_barrier(void)
{
	struct rcu_wait w;

	init_completion(&w.done);
	call_rcu(&w.head, rcu_wait_done);
	wait_for_completion(&w.done);
}
