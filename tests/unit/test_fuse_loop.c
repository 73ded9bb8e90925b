/* The threads that serve FUSE requests, on a socket in the kernel's place. */
#include "host/fuse_loop.h"
#include "test.h"

#ifdef HAVE_FUSE
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <linux/completion.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INO_QUICK = 10, INO_SLEEPS, INO_COMPUTES, INO_RELEASES };

static struct {
	struct fuse_session *se;
	int kernel; /* the kernel's end of the device */
	pthread_t server;
	int ret;
	struct completion released;
	int is_released, pid;
	bool one_thread;
} t;

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st = {.st_ino = ino};

	if (ino == INO_SLEEPS)
		wait_for_completion(&t.released);
	if (ino == INO_COMPUTES) {
		fuse_loop_hand_over();
		while (!__atomic_load_n(&t.is_released, __ATOMIC_ACQUIRE))
			;
	}
	if (ino == INO_RELEASES) {
		__atomic_store_n(&t.is_released, 1, __ATOMIC_RELEASE);
		complete_all(&t.released);
	}
	if (ino == INO_QUICK) {
		t.one_thread &= !t.pid || t.pid == current->pid;
		t.pid = current->pid;
	}
	fuse_reply_attr(req, &st, 1.0);
}

static const struct fuse_lowlevel_ops ops = {.getattr = op_getattr};

static bool ask(u32 opcode, u64 ino, u64 unique, const void *arg, size_t len)
{
	char buf[256] = {};
	struct fuse_in_header in = {
		.len = sizeof(in) + len,
		.opcode = opcode,
		.unique = unique,
		.nodeid = ino,
	};

	memcpy(buf, &in, sizeof(in));
	memcpy(buf + sizeof(in), arg, len);
	return write(t.kernel, buf, in.len) == in.len;
}

static bool ask_attr(u64 ino, u64 unique)
{
	struct fuse_getattr_in arg = {};

	return ask(FUSE_GETATTR, ino, unique, &arg, sizeof(arg));
}

/* The number of the request that is answered next; 0: an error. */
static u64 answer(void)
{
	char buf[4096];
	struct fuse_out_header out;

	if (read(t.kernel, buf, sizeof(buf)) < (ssize_t)sizeof(out))
		return 0;
	memcpy(&out, buf, sizeof(out));
	return out.error ? 0 : out.unique;
}

static bool take_none(void *arg, int fd, const void *request, size_t len)
{
	return false;
}

static void *server(void *arg)
{
	t.ret = fuse_loop(t.se, take_none, NULL);
	return NULL;
}

static bool serve(void)
{
	struct fuse_init_in init = {.major = FUSE_KERNEL_VERSION,
				    .minor = FUSE_KERNEL_MINOR_VERSION};
	struct fuse_args words = FUSE_ARGS_INIT(0, NULL);
	char point[32];
	int fds[2];

	memset(&t, 0, sizeof(t));
	init_completion(&t.released);
	t.one_thread = true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) ||
	    fuse_opt_add_arg(&words, "test"))
		return false;
	t.kernel = fds[0];
	snprintf(point, sizeof(point), "/dev/fd/%d", fds[1]);
	t.se = fuse_session_new(&words, &ops, sizeof(ops), NULL);
	fuse_opt_free_args(&words);
	return t.se && !fuse_session_mount(t.se, point) &&
	       !pthread_create(&t.server, NULL, server, NULL) &&
	       ask(FUSE_INIT, 0, 1, &init, sizeof(init)) && answer() == 1;
}

static void end(void)
{
	pthread_join(t.server, NULL);
	fuse_session_destroy(t.se);
	close(t.kernel);
}

/* The kernel's end is gone. */
static void hang_up(void)
{
	shutdown(t.kernel, SHUT_RDWR);
	end();
}

TEST(one_thread_serves_what_comes_one_by_one)
{
	u64 i;

	REQUIRE(serve());
	for (i = 2; i < 102; i++)
		EXPECT(ask_attr(INO_QUICK, i) && answer() == i);
	EXPECT(t.one_thread);
	hang_up();
}

static void released_by_a_later_request(u64 ino)
{
	u64 first, second;

	REQUIRE(serve());
	EXPECT(ask_attr(ino, 2) && ask_attr(INO_QUICK, 3) && answer() == 3);
	EXPECT(ask_attr(INO_RELEASES, 4));
	first = answer();
	second = answer();
	EXPECT((first == 2 && second == 4) || (first == 4 && second == 2));
	hang_up();
}

TEST(a_request_that_sleeps_does_not_hold_up_the_next)
{
	released_by_a_later_request(INO_SLEEPS);
}

TEST(a_request_that_takes_long_does_not_hold_up_the_next)
{
	released_by_a_later_request(INO_COMPUTES);
}

TEST(twenty_requests_sleep_at_once)
{
	u64 i;

	REQUIRE(serve());
	for (i = 0; i < 20; i++)
		EXPECT(ask_attr(INO_SLEEPS, 2 + i));
	EXPECT(ask_attr(INO_RELEASES, 2 + i));
	for (i = 0; i < 21; i++)
		EXPECT(answer() >= 2);
	hang_up();
}

static void note_signal(int sig)
{
	fuse_session_exit(t.se);
}

TEST(a_signal_ends_it)
{
	struct sigaction action = {.sa_handler = note_signal}, old;

	sigaction(SIGUSR1, &action, &old);
	REQUIRE(serve());
	EXPECT(ask_attr(INO_QUICK, 2) && answer() == 2);
	pthread_kill(t.server, SIGUSR1);
	end();
	EXPECT_EQ(t.ret, 0);
	sigaction(SIGUSR1, &old, NULL);
}

TEST(a_device_that_hangs_up_is_an_error)
{
	REQUIRE(serve());
	hang_up();
	EXPECT_EQ(t.ret, -EIO);
}

#endif
