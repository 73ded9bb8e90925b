/* The kernel's log, by /dev/kmsg (host/kmsg.h). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "host/kmsg.h"
#include "util/printbuf.h"

#define RECORD_MAX 8192 /* bytes, the kernel's own bound */

int host_kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* A record is "PRIORITY,SEQUENCE,TIME,FLAGS;TEXT\n", and lines with details behind. */
void host_kmsg_read(int fd, const char *word, struct printbuf *out)
{
	char record[RECORD_MAX + 1], *text;
	ssize_t n;

	while (fd >= 0) {
		n = read(fd, record, RECORD_MAX);
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue; /* overwritten before it was read */
		if (n <= 0)
			return;
		record[n] = '\0';
		text = strchr(record, ';');
		if (!text)
			continue;
		text[strcspn(text, "\n")] = '\0';
		if (strstr(++text, word))
			prt_printf(out, "%s\n", text);
	}
}
