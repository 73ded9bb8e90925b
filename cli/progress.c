/* The progress line of long commands (cli/progress.h). */
#include <linux/kernel.h>
#include <linux/timekeeping.h>
#include <stdio.h>
#include <unistd.h>
#include "cli/progress.h"
#include "util/printbuf.h"

#define NS	       1000000000ULL
#define EVERY_TERMINAL (NS / 5)
#define EVERY_OTHER    (NS * 10)

void cli_progress_start(struct cli_progress *p, const char *what, bool force)
{
	bool terminal = isatty(STDERR_FILENO);

	*p = (struct cli_progress){
		.what = what,
		.on = force || terminal,
		.terminal = terminal,
		.started = ktime_get_ns(),
	};
}

static void prt_duration(struct printbuf *out, u64 s)
{
	if (s >= 3600)
		prt_printf(out, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
	else
		prt_printf(out, "%llu:%02llu", s / 60, s % 60);
}

static void progress_to_text(struct printbuf *out, const struct cli_progress *p, u64 done,
			     u64 total, u64 ns)
{
	u64 ms = ns / 1000000 ?: 1, rate = (u64)((double)done * 1000 / ms);

	prt_printf(out, "%s: ", p->what);
	if (!total && !done) {
		prt_str(out, "looking for what there is");
		return;
	}
	if (!total) {
		prt_human_bytes(out, done);
		prt_str(out, ", ");
		prt_human_bytes(out, rate);
		prt_str(out, "/s");
		return;
	}
	prt_printf(out, "%.1f%% ", 100.0 * min(done, total) / total);
	prt_human_bytes(out, done);
	prt_str(out, " of ");
	prt_human_bytes(out, total);
	prt_str(out, ", ");
	prt_human_bytes(out, rate);
	prt_str(out, "/s");
	if (rate && done < total) {
		prt_str(out, ", ");
		prt_duration(out, (total - done) / rate);
		prt_str(out, " left");
	}
}

void cli_progress_show(struct cli_progress *p, u64 done, u64 total)
{
	u64 now = ktime_get_ns();
	struct printbuf out = PRINTBUF;

	if (!p->on || now - p->shown < (p->terminal ? EVERY_TERMINAL : EVERY_OTHER))
		return;
	p->shown = now;
	progress_to_text(&out, p, done, total, now - p->started);
	fprintf(stderr, p->terminal ? "\r%s\033[K" : "%s\n", printbuf_str(&out));
	fflush(stderr);
	printbuf_exit(&out);
}

void cli_progress_clear(struct cli_progress *p)
{
	if (p->on && p->terminal && p->shown)
		fprintf(stderr, "\r\033[K");
}

void cli_progress_end(struct cli_progress *p)
{
	cli_progress_clear(p);
	p->on = false;
}
