/* Completions: each complete() lets one waiter pass, complete_all() all for ever. */
#ifndef _BCH_LINUX_COMPLETION_H
#define _BCH_LINUX_COMPLETION_H

#include <linux/wait.h>

struct completion {
	unsigned int done;
	wait_queue_head_t wait;
};

#define COMPLETION_INITIALIZER(name) {.wait = __WAIT_QUEUE_HEAD_INITIALIZER((name).wait)}
#define DECLARE_COMPLETION(name)     struct completion name = COMPLETION_INITIALIZER(name)
#define DECLARE_COMPLETION_ONSTACK   DECLARE_COMPLETION

static inline void init_completion(struct completion *c)
{
	c->done = 0;
	init_waitqueue_head(&c->wait);
}

static inline void reinit_completion(struct completion *c)
{
	c->done = 0;
}

void complete(struct completion *c);
void complete_all(struct completion *c);
/* May free @c when this returns. */
void wait_for_completion(struct completion *c);
/* 0 when @timeout jiffies were over, else what is left, at least 1. */
unsigned long wait_for_completion_timeout(struct completion *c, unsigned long timeout);
bool try_wait_for_completion(struct completion *c);
bool completion_done(struct completion *c);

#define wait_for_completion_io	       wait_for_completion
#define wait_for_completion_killable(c)	    ({ wait_for_completion(c); 0; })
#define wait_for_completion_interruptible   wait_for_completion_killable

#endif
