/*
 * RCU, by liburcu. Threads register with it when they first read; those of kthread_create() and all
 * others unregister when they end. Readers nest and do not sleep for long. A process that has
 * used call_rcu() has a thread for the callbacks.
 */
#ifndef _BCH_LINUX_RCUPDATE_H
#define _BCH_LINUX_RCUPDATE_H

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/slab.h>

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

#define __rcu

/* Tell liburcu of this thread; harmless when it knows it. */
void rcu_thread_register(void);

void rcu_read_lock(void);
void rcu_read_unlock(void);
/* Wait until all readers that run now have ended. Not inside a reader. */
void synchronize_rcu(void);
/* Call @func(@head), in another thread, after that. */
void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head));
/* kfree(@p) after that; @head is in it. */
void kvfree_rcu_at(struct rcu_head *head, void *p);
/* Wait until the callbacks of all earlier call_rcu() have run. */
void rcu_barrier(void);

#define kfree_rcu(p, member)	kvfree_rcu_at(&(p)->member, (p))
#define kvfree_rcu(p, member)	kfree_rcu(p, member)

#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)
#define rcu_dereference(p)	 __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_dereference_raw(p)	 rcu_dereference(p)
#define rcu_dereference_check(p, c)	rcu_dereference(p)
#define rcu_dereference_protected(p, c) (p)
#define rcu_access_pointer(p)	 READ_ONCE(p)
#define RCU_INIT_POINTER(p, v)	 WRITE_ONCE(p, v)

#endif
