/*
 * Showing a filesystem through FUSE (cli/fusemount.h).
 *
 * The process that opens the devices stays, because threads belong to them: to go to the
 * background it is forked off at the start, and its parent waits for one byte that tells that the
 * mount is there.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>
#include "cli/fusemount.h"
#include "format/errcode.h"
#include "fs/snapshots.h"
#include "host/fuse_session.h"
#include "host/probe.h"

static void log_to_syslog(struct bch_fs *c, const char *line)
{
	syslog(LOG_WARNING, "%s: %s", c->name, line);
}

struct running {
	struct cli_fusemount *m;
	struct bch_fs *c;
	int told; /* pipe to the parent that waits; -1: in the foreground */
};

/* The mount is there: let the parent go, and leave the terminal. */
static void mounted(void *arg)
{
	struct running *r = arg;
	int null;

	if (r->told < 0) {
		fprintf(stderr, "%s: mounted on %s\n", r->c->name, r->m->mountpoint);
		return;
	}
	openlog("bcachefs", LOG_PID, LOG_DAEMON);
	r->c->log = log_to_syslog;
	setsid();
	if (chdir("/"))
		syslog(LOG_WARNING, "cannot change to /: %m");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		if (null > 2)
			close(null);
	}
	if (write(r->told, "", 1) != 1)
		syslog(LOG_WARNING, "nobody waits for the mount");
	close(r->told);
}

/* The directory that the mount point shows. */
static int find_root(struct running *r, struct bch_ino *root)
{
	const struct cli_fusemount *m = r->m;
	struct bch_dir_target t;
	struct bch_subvol subvol;
	int ret = bch_path_lookup(r->c, BCH_ROOT_SUBVOL, m->opts.subvol ?: "", &t);

	if (!ret)
		ret = bch_subvol_get(r->c, t.ino.subvol, &subvol);
	if (ret) {
		cli_error(m->cmd, "%s: %s: %s", r->c->name, m->opts.subvol ?: "the root directory",
			  bch_err_sentence(ret));
		return ret;
	}
	if (m->opts.subvol && subvol.root_inum != t.ino.inum) {
		cli_error(m->cmd, "%s: %s is not a subvolume", r->c->name, m->opts.subvol);
		return -EINVAL;
	}
	*root = t.ino;
	return 0;
}

/* What libfuse gets: the name of the source, who may look, and the words of -o. */
static void fuse_words(const struct running *r, struct printbuf *out)
{
	unsigned i;

	prt_str(out, "ro,default_permissions,subtype=bcachefs,fsname=");
	for (i = 0; i < r->m->paths.d.nr; i++) {
		char *path = realpath(r->m->paths.d.data[i], NULL);
		const char *p = path ?: r->m->paths.d.data[i];

		if (i)
			prt_char(out, ':');
		for (; *p; p++) {
			if (*p == ',' || *p == '\\')
				prt_char(out, '\\');
			prt_char(out, *p);
		}
		free(path);
	}
	if (!getuid() && !strstr(printbuf_str(&r->m->opts.fuse), "allow_"))
		prt_str(out, ",allow_other");
	if (r->m->opts.fuse.pos)
		prt_printf(out, ",%s", printbuf_str(&r->m->opts.fuse));
}

/* Nobody else may write to the devices; what only reads them, as another mount like this, may. */
static int check_unused(const struct cli_fusemount *m)
{
	struct printbuf why = PRINTBUF;
	int ret = 0;

	darray_for_each(m->paths.d, path) {
		struct block_device *bdev = bdev_open(*path, BLK_OPEN_READ | BLK_OPEN_EXCL);

		if (!IS_ERR(bdev)) {
			bdev_close(bdev);
		} else if (PTR_ERR(bdev) == -EBUSY) {
			if (!host_in_use(*path, &why))
				prt_printf(&why, "%s is in use", *path);
			cli_error(m->cmd, "%s", printbuf_str(&why));
			ret = -EBUSY;
			break;
		}
	}
	printbuf_exit(&why);
	return ret;
}

static int run(struct cli_fusemount *m, int told)
{
	struct running r = {.m = m, .told = told};
	struct host_fuse_args args = {
		.mountpoint = m->mountpoint,
		.debug = m->debug,
		.single_thread = m->single_thread,
		.mounted = mounted,
		.arg = &r,
	};
	struct printbuf words = PRINTBUF;
	int ret = check_unused(m);

	if (ret)
		return ret;
	m->opts.open.get_key_arg = (void *)m->passphrase_file;
	ret = cli_open(m->cmd, &r.c, &m->paths, &m->opts.open, NULL);
	if (ret)
		return ret;
	ret = bch_fs_start_reading(r.c);
	if (ret)
		cli_error(m->cmd, "%s: %s", r.c->name, bch_err_sentence(ret));
	ret = ret ?: find_root(&r, &args.root);
	if (!ret) {
		fuse_words(&r, &words);
		args.c = r.c;
		args.fuse_opts = printbuf_str(&words);
		ret = host_fuse_run(&args);
		if (ret)
			cli_error(m->cmd, "%s: cannot be mounted on %s: %s", r.c->name,
				  m->mountpoint, bch_err_sentence(ret));
	}
	printbuf_exit(&words);
	bch_fs_close(r.c);
	return ret;
}

/* In the parent: has the child mounted? Else its exit status tells. */
static int wait_for_child(pid_t pid, int told)
{
	int status;
	char byte;
	ssize_t n;

	do
		n = read(told, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return EXIT_OK;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAIL;
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAIL;
}

static int run_in_background(struct cli_fusemount *m)
{
	int pipe_fds[2], ret;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) || (pid = fork()) < 0) {
		cli_error(m->cmd, "cannot go to the background: %s", strerror(errno));
		return EXIT_FAIL;
	}
	if (pid) {
		close(pipe_fds[1]);
		return wait_for_child(pid, pipe_fds[0]);
	}
	close(pipe_fds[0]);
	ret = run(m, pipe_fds[1]);
	_exit(ret ? EXIT_FAIL : EXIT_OK);
}

int cli_fusemount(struct cli_fusemount *m)
{
	char *mountpoint = realpath(m->mountpoint, NULL);
	struct stat st;
	int ret = EXIT_FAIL;

	if (!host_fuse_version()) {
		cli_error(m->cmd, "built without libfuse3");
	} else if (!mountpoint || stat(mountpoint, &st)) {
		cli_error(m->cmd, "%s: %s", m->mountpoint, strerror(errno));
	} else if (!S_ISDIR(st.st_mode)) {
		cli_error(m->cmd, "%s: is not a directory", m->mountpoint);
	} else {
		if (m->opts.rw)
			fprintf(stderr,
				"%s: mounting read-only: writing through FUSE is not "
				"supported yet\n",
				m->mountpoint);
		m->mountpoint = mountpoint;
		ret = m->foreground ? run(m, -1) ? EXIT_FAIL : EXIT_OK : run_in_background(m);
	}
	free(mountpoint);
	return ret;
}
