/*
 * A progress line on standard error: "12.3% 1.2 GiB of 9.8 GiB, 250 MiB/s, 0:35 left", rewritten in
 * place a few times a second. Silent where standard error is no terminal, unless asked for: then a
 * line now and then.
 */
#ifndef _CLI_PROGRESS_H
#define _CLI_PROGRESS_H

#include <linux/types.h>

struct cli_progress {
	const char *what; /* begins the line */
	bool on, terminal;
	u64 started, shown; /* ns */
};

/* @force: also where standard error is no terminal. */
void cli_progress_start(struct cli_progress *p, const char *what, bool force);
/* Of bytes; @total 0: not known yet. Cheap to call often. */
void cli_progress_show(struct cli_progress *p, u64 done, u64 total);
/* Make room on the terminal for another line; the next show brings it back. */
void cli_progress_clear(struct cli_progress *p);
/* Take the line away. */
void cli_progress_end(struct cli_progress *p);

#endif
