/* Messages, exits and standard output of all commands. */
#include <linux/kernel.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/cli.h"
#include "format/errcode.h"

static void message(const struct cli_cmd *cmd, const char *fmt, va_list args)
{
	struct printbuf line = PRINTBUF;

	prt_vprintf(&line, fmt, args);
	fflush(stdout);
	if (cmd)
		fprintf(stderr, "bcachefs %s: %s\n", cmd->name, printbuf_str(&line));
	else
		fprintf(stderr, "bcachefs: %s\n", printbuf_str(&line));
	printbuf_exit(&line);
}

void cli_error(const struct cli_cmd *cmd, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message(cmd, fmt, args);
	va_end(args);
}

void cli_usage_error(const struct cli_cmd *cmd, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message(cmd, fmt, args);
	va_end(args);
	if (cmd)
		fprintf(stderr, "try 'bcachefs %s --help'\n", cmd->name);
	exit(cmd && cmd->exit_usage ? cmd->exit_usage : EXIT_USAGE);
}

void cli_die(const struct cli_cmd *cmd, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	message(cmd, fmt, args);
	va_end(args);
	exit(cmd && cmd->exit_fail ? cmd->exit_fail : EXIT_FAIL);
}

void cli_flush(struct printbuf *out)
{
	const char *s = printbuf_str(out);
	size_t n = out->pos;

	while (n) {
		ssize_t done = write(STDOUT_FILENO, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			if (errno != EPIPE)
				cli_error(NULL, "standard output: %s", strerror(errno));
			_exit(EXIT_FAIL);
		}
		s += done;
		n -= done;
	}
	if (printbuf_failed(out)) {
		cli_error(NULL, "out of memory while printing");
		_exit(EXIT_FAIL);
	}
	printbuf_reset(out);
}

void cli_json_error_object(struct json *j, int err, const char *text)
{
	json_object_begin(j, "error");
	json_str(j, "id", bch_err_str(err));
	json_u64(j, "errno", -bch_err_class(err));
	json_str(j, "message", text);
	json_object_end(j);
}

void cli_json_error(const char *schema, int err, const char *text)
{
	struct printbuf out = PRINTBUF;
	struct json j = JSON(&out);

	json_object_begin(&j, NULL);
	json_fmt(&j, "schema", "bcachefs/%s/1", schema);
	json_str(&j, "tool_version", BCACHEFS_VERSION);
	cli_json_error_object(&j, err, text);
	json_object_end(&j);
	prt_newline(&out);
	cli_flush(&out);
	printbuf_exit(&out);
}

void cli_prt_path(struct printbuf *out, const char *path, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		u8 b = path[i];

		if (b < 32 || b == 127 || b == '\\')
			prt_printf(out, "\\%03o", b);
		else
			prt_bytes(out, &b, 1);
	}
}
