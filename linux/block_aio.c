/*
 * Asynchronous transfers of direct devices by libaio: any thread submits, one thread reaps and
 * calls bi_end_io. Where the kernel has no AIO for us, or no room, the caller does it otherwise.
 */
#include <libaio.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include "block_io.h"

#ifndef RWF_DSYNC
#define RWF_DSYNC 2
#endif

#define AIO_MAX_REQS 256 /* in flight */
#define AIO_MAX_VECS 64	 /* pieces of memory a request */
#define AIO_REAP     32	 /* completions a system call */

struct aio_req {
	struct iocb iocb;
	struct bio *bio;
	struct iovec iov[AIO_MAX_VECS];
};

enum aio_state { AIO_NEW, AIO_RUNNING, AIO_UNUSABLE };

static struct {
	struct mutex lock; /* of state's changes */
	enum aio_state state;
	io_context_t ctx;
	int eventfd; /* counts completions, and one more to stop */
	struct task_struct *reaper;
	atomic_t in_flight;
	bool stopping;
} aio = {.eventfd = -1};

static void aio_complete(struct io_event *ev)
{
	struct aio_req *req = container_of(ev->obj, struct aio_req, iocb);
	struct bio *bio = req->bio;
	long res = ev->res;

	kfree(req);
	atomic_dec(&aio.in_flight);
	if (res == bio->bi_iter.bi_size)
		res = 0;
	else if (res >= 0 || res == -EAGAIN || res == -EINVAL || res == -EOPNOTSUPP)
		res = block_transfer(bio); /* in part, or not in this way */
	block_finish(bio, res);
}

static int aio_reap(void *arg)
{
	struct io_event events[AIO_REAP];
	u64 count;

	while (!smp_load_acquire(&aio.stopping)) {
		int nr;

		if (read(aio.eventfd, &count, sizeof(count)) < 0)
			continue;
		do {
			struct timespec now = {};

			nr = io_getevents(aio.ctx, 0, AIO_REAP, events, &now);
			/* sees all that submitters wrote before they counted themselves */
			smp_load_acquire(&aio.in_flight.counter);
			for (int i = 0; i < nr; i++)
				aio_complete(&events[i]);
		} while (nr == AIO_REAP || nr == -EINTR);
	}
	return 0;
}

static enum aio_state aio_start(void)
{
	int ret = io_setup(AIO_MAX_REQS, &aio.ctx);

	if (ret)
		return AIO_UNUSABLE;
	aio.eventfd = eventfd(0, EFD_CLOEXEC);
	if (aio.eventfd >= 0) {
		aio.reaper = kthread_run(aio_reap, NULL, "block-aio");
		if (!IS_ERR(aio.reaper))
			return AIO_RUNNING;
		close(aio.eventfd);
	}
	io_destroy(aio.ctx);
	aio.ctx = NULL;
	return AIO_UNUSABLE;
}

static bool aio_running(void)
{
	enum aio_state state = smp_load_acquire(&aio.state);

	if (state == AIO_NEW) {
		mutex_lock(&aio.lock);
		if (aio.state == AIO_NEW)
			smp_store_release(&aio.state, aio_start());
		state = aio.state;
		mutex_unlock(&aio.lock);
	}
	return state == AIO_RUNNING;
}

static bool aio_prepare(struct aio_req *req, struct bio *bio)
{
	long long pos = bio->bi_iter.bi_sector << SECTOR_SHIFT;
	struct bvec_iter i;
	struct bio_vec bv;
	int nr = 0;

	bio_for_each_segment(bv, bio, i) {
		if (nr == AIO_MAX_VECS)
			return false;
		req->iov[nr++] = (struct iovec){bv.bv_addr, bv.bv_len};
	}
	if (bio_op(bio) == REQ_OP_READ)
		io_prep_preadv(&req->iocb, bio->bi_bdev->fd, req->iov, nr, pos);
	else
		io_prep_pwritev(&req->iocb, bio->bi_bdev->fd, req->iov, nr, pos);
	if (bio_op(bio) == REQ_OP_WRITE && (bio->bi_opf & REQ_FUA))
		req->iocb.aio_rw_flags = RWF_DSYNC;
	io_set_eventfd(&req->iocb, aio.eventfd);
	req->bio = bio;
	return true;
}

bool block_aio_submit(struct bio *bio)
{
	struct aio_req *req;
	struct iocb *iocb;

	if (!aio_running())
		return false;
	req = kmalloc(sizeof(*req), GFP_NOIO);
	if (!req)
		return false;
	iocb = &req->iocb;
	if (aio_prepare(req, bio)) {
		if (atomic_inc_return(&aio.in_flight) <= AIO_MAX_REQS &&
		    io_submit(aio.ctx, 1, &iocb) == 1)
			return true;
		atomic_dec(&aio.in_flight);
	}
	kfree(req);
	return false;
}

void block_aio_stop(void)
{
	u64 one = 1;

	if (aio.state == AIO_RUNNING) {
		smp_store_release(&aio.stopping, true);
		while (write(aio.eventfd, &one, sizeof(one)) < 0)
			;
		kthread_stop(aio.reaper);
		aio.stopping = false;
		close(aio.eventfd);
		io_destroy(aio.ctx);
		aio.ctx = NULL;
	}
	aio.state = AIO_NEW;
}
