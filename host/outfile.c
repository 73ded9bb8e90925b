/* Files that appear whole or not at all (host/outfile.h). */
#include "host/outfile.h"

#include <linux/kernel.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int outfile_check(const char *path, bool force)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	return force && S_ISREG(st.st_mode) ? 0 : -EEXIST;
}

/* All that are open, for the signal handler. */
static struct outfile *open_files;

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(int sig)
{
	for (struct outfile *f = open_files; f; f = f->next)
		unlink(f->tmp);
	/* SA_RESETHAND: this ends the process. */
	raise(sig);
}

static void signals_catch(void)
{
	struct sigaction old, sa = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};

	for (unsigned i = 0; i < ARRAY_SIZE(ending_signals); i++)
		if (!sigaction(ending_signals[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(ending_signals[i], &sa, NULL);
}

static void signals_block(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	for (unsigned i = 0; i < ARRAY_SIZE(ending_signals); i++)
		sigaddset(&set, ending_signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, old);
}

/* The file gets its temporary name and stands in the list, or neither. */
static int create_listed(struct outfile *f)
{
	sigset_t old;
	int ret = 0;

	signals_block(&old);
	f->fd = mkostemp(f->tmp, O_CLOEXEC);
	if (f->fd < 0) {
		ret = -errno;
	} else {
		f->next = open_files;
		open_files = f;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

/* The temporary name is no more, and so is the entry of the list. */
static void forget_tmp(struct outfile *f)
{
	struct outfile **p = &open_files;
	sigset_t old;

	signals_block(&old);
	while (*p && *p != f)
		p = &(*p)->next;
	if (*p)
		*p = f->next;
	free(f->tmp);
	f->tmp = NULL;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int outfile_create(struct outfile *f, const char *path)
{
	int ret;

	*f = (struct outfile){.fd = -1, .path = strdup(path)};
	if (!f->path || asprintf(&f->tmp, "%s.XXXXXX", path) < 0) {
		free(f->path);
		*f = (struct outfile){.fd = -1};
		return -ENOMEM;
	}
	signals_catch();
	ret = create_listed(f);
	if (ret) {
		free(f->path);
		free(f->tmp);
		*f = (struct outfile){.fd = -1};
	}
	return ret;
}

void outfile_abort(struct outfile *f)
{
	if (!f->path)
		return;
	if (f->fd >= 0)
		close(f->fd);
	if (f->tmp) {
		unlink(f->tmp);
		forget_tmp(f);
	}
	free(f->path);
	*f = (struct outfile){.fd = -1};
}

static int sync_folder(const char *path)
{
	char *copy = strdup(path);
	int ret = -ENOMEM, fd;

	if (!copy)
		return ret;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Folders of some filesystems cannot be synchronized. */
	ret = fd < 0 || (fsync(fd) && errno != EINVAL) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	free(copy);
	return ret;
}

static int give_name(struct outfile *f, bool force)
{
	if (force)
		return rename(f->tmp, f->path) ? -errno : 0;
	if (!renameat2(AT_FDCWD, f->tmp, AT_FDCWD, f->path, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(f->tmp, f->path))
		return -errno;
	unlink(f->tmp);
	return 0;
}

int outfile_commit(struct outfile *f, bool force)
{
	int ret = fsync(f->fd) ? -errno : 0;

	if (close(f->fd) && !ret)
		ret = -errno;
	f->fd = -1;
	if (!ret)
		ret = give_name(f, force);
	if (!ret) {
		forget_tmp(f);
		ret = sync_folder(f->path);
	}
	outfile_abort(f);
	return ret;
}
