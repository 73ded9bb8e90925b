/* Threads that serve a FUSE session (host/fuse_loop.h). */
#include "host/fuse_loop.h"

#ifdef HAVE_FUSE
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/sched.h>

#define THREADS_MAX 32

struct server {
	struct fuse_loop *loop;
	pthread_t thread;
	pthread_cond_t wake;
	struct list_head idle; /* empty: not idle */
	struct fuse_buf buf;
};

struct fuse_loop {
	struct fuse_session *se;
	fuse_loop_take_fn take;
	void *arg;
	pthread_mutex_t lock;
	struct server *receiver; /* NULL: the next one to have nothing to do */
	struct list_head idle;	 /* the last one to become so first: its caches are warm */
	int over;		 /* eventfd: written at the end */
	bool stop;
	int err;
	int nr;
	struct server servers[THREADS_MAX];
};

static int server_start(struct fuse_loop *l);

/* Another server takes the place of the receiver: an idle one, a new one, or the first to end. */
static void hand_over(struct server *s)
{
	struct fuse_loop *l = s->loop;
	struct server *next;

	pthread_mutex_lock(&l->lock);
	if (l->receiver == s) {
		next = list_first_entry_or_null(&l->idle, struct server, idle);
		l->receiver = next;
		if (next) {
			list_del_init(&next->idle);
			pthread_cond_signal(&next->wake);
		} else if (!l->stop) {
			server_start(l);
		}
	}
	pthread_mutex_unlock(&l->lock);
}

static void server_will_sleep(struct task_struct *t)
{
	hand_over(t->will_sleep_arg);
}

void fuse_loop_hand_over(void)
{
	task_will_sleep();
}

/* Be the receiver, or wait until it is one's turn; false: it is over. */
static bool server_becomes_receiver(struct server *s)
{
	struct fuse_loop *l = s->loop;
	bool go_on;

	pthread_mutex_lock(&l->lock);
	if (!l->receiver)
		l->receiver = s;
	if (l->receiver != s) {
		list_add(&s->idle, &l->idle);
		while (l->receiver != s && !l->stop)
			pthread_cond_wait(&s->wake, &l->lock);
		list_del_init(&s->idle);
	}
	go_on = !l->stop;
	pthread_mutex_unlock(&l->lock);
	return go_on;
}

static bool more_requests(struct fuse_loop *l)
{
	struct pollfd p = {.fd = fuse_session_fd(l->se), .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

static void loop_end(struct fuse_loop *l, int err)
{
	pthread_mutex_lock(&l->lock);
	l->err = l->err ?: err;
	pthread_mutex_unlock(&l->lock);
	fuse_session_exit(l->se);
	eventfd_write(l->over, 1);
}

static void *server_main(void *arg)
{
	struct server *s = arg;
	struct fuse_loop *l = s->loop;
	int n;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	while (server_becomes_receiver(s)) {
		/* The one place where the thread can be cancelled: it waits, and holds nothing. */
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
		n = fuse_session_receive_buf(l->se, &s->buf);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		if (n == -EINTR)
			continue;
		if (n <= 0) {
			loop_end(l, n);
			break;
		}
		if (more_requests(l))
			hand_over(s);
		current->will_sleep_arg = s;
		current->will_sleep = server_will_sleep;
		if (s->buf.flags & FUSE_BUF_IS_FD ||
		    !l->take(l->arg, fuse_session_fd(l->se), s->buf.mem, n))
			fuse_session_process_buf(l->se, &s->buf);
		current->will_sleep = NULL;
	}
	return NULL;
}

/* With the lock held. */
static int server_start(struct fuse_loop *l)
{
	struct server *s = &l->servers[l->nr];
	int ret;

	if (l->nr == THREADS_MAX)
		return 0;
	s->loop = l;
	INIT_LIST_HEAD(&s->idle);
	pthread_cond_init(&s->wake, NULL);
	ret = thread_create(&s->thread, server_main, s);
	if (ret)
		pthread_cond_destroy(&s->wake);
	else
		l->nr++;
	return ret;
}

static void loop_stop(struct fuse_loop *l)
{
	int i;

	pthread_mutex_lock(&l->lock);
	l->stop = true;
	for (i = 0; i < l->nr; i++)
		pthread_cond_signal(&l->servers[i].wake);
	pthread_mutex_unlock(&l->lock);
	for (i = 0; i < l->nr; i++) {
		pthread_cancel(l->servers[i].thread);
		pthread_join(l->servers[i].thread, NULL);
		pthread_cond_destroy(&l->servers[i].wake);
		free(l->servers[i].buf.mem);
	}
}

/* Until it is over or a signal came, which can come only while this waits. */
static void wait_for_end(struct fuse_loop *l)
{
	struct pollfd p = {.fd = l->over, .events = POLLIN};
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	while (!fuse_session_exited(l->se))
		ppoll(&p, 1, NULL, &old);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int fuse_loop(struct fuse_session *se, fuse_loop_take_fn take, void *arg)
{
	struct fuse_loop l = {
		.se = se, .take = take, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER};
	int ret;

	INIT_LIST_HEAD(&l.idle);
	l.over = eventfd(0, EFD_CLOEXEC);
	if (l.over < 0)
		return -errno;
	pthread_mutex_lock(&l.lock);
	ret = server_start(&l);
	pthread_mutex_unlock(&l.lock);
	if (!ret)
		wait_for_end(&l);
	loop_stop(&l);
	close(l.over);
	fuse_session_reset(se);
	return ret ?: l.err;
}

#endif
