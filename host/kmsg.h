/* The kernel's log, for what a system call does not tell. */
#ifndef _HOST_KMSG_H
#define _HOST_KMSG_H

struct printbuf;

/* A place in the kernel's log: its end. Negative: it may not be read; to be closed with close(). */
int host_kmsg_open(void);
/* Lines since then that contain @word, each with a newline. */
void host_kmsg_read(int fd, const char *word, struct printbuf *out);

#endif
