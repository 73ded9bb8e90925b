/*
 * Files that appear whole or not at all: written under another name, renamed when complete. SIGINT,
 * SIGTERM and SIGHUP take those away that are not complete. Only one thread uses them.
 */
#ifndef _HOST_OUTFILE_H
#define _HOST_OUTFILE_H

#include <linux/types.h>

struct outfile {
	int fd;
	char *path, *tmp;     /* NULL: not open */
	struct outfile *next; /* of those that are open */
};

/* Is there room for @path? 0; -EEXIST: it exists, or (@force) is not a regular file. */
int outfile_check(const char *path, bool force);
/* A new file of mode 0600 next to @path. 0 or a negative errno. */
int outfile_create(struct outfile *f, const char *path);
/*
 * All is written: to stable storage, and to its name, which with @force may have been taken. Ends
 * @f in any case. 0 or a negative errno; then nothing is left.
 */
int outfile_commit(struct outfile *f, bool force);
/* Forget it, if it is open. */
void outfile_abort(struct outfile *f);

#endif
