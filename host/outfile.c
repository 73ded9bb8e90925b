/* Files that appear whole or not at all (host/outfile.h). */
#include "host/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
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

int outfile_create(struct outfile *f, const char *path)
{
	*f = (struct outfile){.fd = -1, .path = strdup(path)};
	if (!f->path || asprintf(&f->tmp, "%s.XXXXXX", path) < 0) {
		free(f->path);
		*f = (struct outfile){.fd = -1};
		return -ENOMEM;
	}
	f->fd = mkostemp(f->tmp, O_CLOEXEC);
	if (f->fd < 0) {
		int ret = -errno;

		free(f->path);
		free(f->tmp);
		*f = (struct outfile){.fd = -1};
		return ret;
	}
	return 0;
}

void outfile_abort(struct outfile *f)
{
	if (!f->path)
		return;
	if (f->fd >= 0)
		close(f->fd);
	if (f->tmp)
		unlink(f->tmp);
	free(f->tmp);
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
		free(f->tmp);
		f->tmp = NULL;
		ret = sync_folder(f->path);
	}
	outfile_abort(f);
	return ret;
}
