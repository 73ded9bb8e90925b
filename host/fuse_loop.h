/*
 * Serving FUSE requests with several threads, of which as few are used as will do.
 *
 * One thread at a time, the receiver, waits for requests, and it does what it has received itself:
 * for a request that takes microseconds nothing is as costly as waking another thread. Another
 * becomes the receiver when there are more requests, when the one in hand takes long
 * (fuse_loop_hand_over()), or when its thread is about to sleep.
 */
#ifndef _HOST_FUSE_LOOP_H
#define _HOST_FUSE_LOOP_H

#include <stdbool.h>
#include <stddef.h>

struct fuse_session;

/* Looks at a request before libfuse does; true: it has been answered, on @fd. */
typedef bool (*fuse_loop_take_fn)(void *arg, int fd, const void *request, size_t len);

/*
 * Serve the mounted @se until it is unmounted or fuse_session_exit() was called by a signal handler
 * of this thread. All requests have been handled, if not answered, when it returns. 0 or a negative
 * errno.
 */
int fuse_loop(struct fuse_session *se, fuse_loop_take_fn take, void *arg);

/* The request that this thread handles takes long: have the next one received elsewhere. */
void fuse_loop_hand_over(void);

#endif
