/* Questions to the user: passphrases (spec 09 section 6.1) and yes or no. */
#include <linux/kernel.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "cli/cli.h"

#define PASSPHRASE_MAX 4096 /* bytes */

void cli_wipe(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

/*
 * One line of @fd without its newline, byte by byte so that what follows stays for the next
 * reader. NULL: nothing there, or too long.
 */
static char *read_line(int fd)
{
	char *line = calloc(1, PASSPHRASE_MAX + 1);
	size_t n = 0;
	bool any = false;

	while (line && n <= PASSPHRASE_MAX) {
		char c;
		ssize_t got = read(fd, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || c == '\n') {
			any |= got > 0;
			break;
		}
		any = true;
		if (n == PASSPHRASE_MAX) {
			any = false;
			break;
		}
		line[n++] = c;
	}
	if (line && !any) {
		explicit_bzero(line, n);
		free(line);
		line = NULL;
	}
	return line;
}

static char *read_secret(const char *prompt)
{
	struct termios saved, quiet;
	char *line;

	if (tcgetattr(STDIN_FILENO, &saved)) {
		line = read_line(STDIN_FILENO);
	} else {
		quiet = saved;
		quiet.c_lflag &= ~ECHO;
		fputs(prompt, stderr);
		fflush(stderr);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		line = read_line(STDIN_FILENO);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
		fputc('\n', stderr);
	}
	if (!line)
		fprintf(stderr, "error reading passphrase\n");
	return line;
}

char *cli_read_passphrase(const char *prompt)
{
	return read_secret(prompt);
}

char *cli_read_new_passphrase(void)
{
	char *first = read_secret("Enter passphrase: "), *second;

	if (!first || !isatty(STDIN_FILENO))
		return first;
	second = read_secret("Enter same passphrase again: ");
	if (second && strcmp(first, second)) {
		fprintf(stderr, "Passphrases do not match\n");
		cli_wipe(second);
		second = NULL;
	}
	cli_wipe(first);
	return second;
}

char *cli_passphrase_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = calloc(1, PASSPHRASE_MAX + 2);
	ssize_t n = -1, got = 0;

	if (fd >= 0 && text) {
		for (n = 0; n <= PASSPHRASE_MAX; n += got) {
			got = read(fd, text + n, PASSPHRASE_MAX + 1 - n);
			if (got <= 0)
				break;
		}
		if (got < 0)
			n = -1;
	}
	if (n < 0)
		fprintf(stderr, "bcachefs: passphrase file %s: %s\n", path, strerror(errno));
	else if (n > PASSPHRASE_MAX || memchr(text, 0, n))
		fprintf(stderr, "bcachefs: passphrase file %s: over %u bytes, or holds a NUL\n",
			path, PASSPHRASE_MAX);
	if (fd >= 0)
		close(fd);
	if (n < 0 || n > PASSPHRASE_MAX || memchr(text, 0, n)) {
		if (text)
			explicit_bzero(text, PASSPHRASE_MAX + 2);
		free(text);
		return NULL;
	}
	if (n && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return text;
}

bool cli_yes(const char *question)
{
	char *answer;
	bool yes;

	fflush(stdout);
	fputs(question, stderr);
	fflush(stderr);
	answer = read_line(STDIN_FILENO);
	if (!answer) {
		cli_error(NULL, "error reading from standard input");
		exit(EXIT_FAIL);
	}
	yes = answer[0] == 'y' || answer[0] == 'Y';
	free(answer);
	return yes;
}
