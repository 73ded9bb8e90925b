/*
 * What the commands share that copy files out of an unmounted, perhaps damaged filesystem, restore
 * and undelete (spec 09 sections 15 and 17): options, opening, messages, the frame of the JSON
 * document.
 */
#ifndef _CLI_RESCUE_H
#define _CLI_RESCUE_H

#include "cli/cli.h"
#include "cli/open.h"
#include "cli/progress.h"
#include "host/tree_out.h"

#define RESCUE_EXIT_INCOMPLETE 4

struct cli_rescue {
	const struct cli_cmd *cmd;
	struct cli_paths devices;
	struct bch_open_args open;
	DARRAY(const char *) wanted; /* paths */
	const char *target;	     /* the last operand; NULL: none */
	bool json_begun;
	bool list, overwrite, json, quiet, verbose, force_progress;
	struct cli_progress progress;
	struct printbuf out;
	struct json j;
	DARRAY(char *) troubles; /* sentences that no single file can be blamed for */
	int err;		 /* what ended the run early, or 0 */
	char *err_text;
};

/* Options that both have, behind their own ones: label + RESCUE_OPT_* is the index. */
enum {
	RESCUE_OPT_OVERWRITE,
	RESCUE_OPT_PASSPHRASE_FILE,
	RESCUE_OPT_MEMORY,
	RESCUE_OPT_PROGRESS,
	RESCUE_OPT_JSON,
	RESCUE_OPT_VERBOSE,
	RESCUE_OPT_QUIET,
	RESCUE_OPT_NR
};

/* clang-format off */
#define CLI_RESCUE_OPTS(_label, _memory_help)                                                 \
	[(_label) + RESCUE_OPT_OVERWRITE] =                                                   \
		{"overwrite", 'O', NULL, "replace files that are there already"},             \
	[(_label) + RESCUE_OPT_PASSPHRASE_FILE] =                                             \
		{"passphrase_file", 0, "FILE",                                                \
		 "read the passphrase of an encrypted filesystem from FILE"},                 \
	[(_label) + RESCUE_OPT_MEMORY] = {"memory", 0, "SIZE", _memory_help},                 \
	[(_label) + RESCUE_OPT_PROGRESS] =                                                    \
		{"progress", 0, NULL, "show progress also where standard error is no terminal"}, \
	[(_label) + RESCUE_OPT_JSON] = {"json", 0, NULL, "one JSON document"},                \
	[(_label) + RESCUE_OPT_VERBOSE] =                                                     \
		{"verbose", 'v', NULL, "list what is restored, tell all that is found"},      \
	[(_label) + RESCUE_OPT_QUIET] = {"quiet", 'q', NULL, "nothing but errors"}
/* clang-format on */

void cli_rescue_init(struct cli_rescue *r, const struct cli_cmd *cmd);
void cli_rescue_exit(struct cli_rescue *r);

/* What cli_next() gave: an operand or an option from @label on; others are ignored. */
void cli_rescue_parse(struct cli_rescue *r, int label, int opt, const char *value);
void cli_rescue_add_path(struct cli_rescue *r, const char *path);

/* The last operand is one of the devices, too. */
void cli_rescue_no_target(struct cli_rescue *r);

/* Operands are complete: without a device (and target, if @needs_target) the program ends. */
void cli_rescue_check(struct cli_rescue *r, bool needs_target);

/* False: the user wants an end; from any thread. */
bool cli_rescue_goes_on(void);

/* Open @r->open for reading, with a progress of the scan. @name: of the command, for JSON. */
int cli_rescue_open(struct cli_rescue *r, struct bch_fs **c, const char *name);

/* Was it not shut down, and no journal entry tells where the btrees are? */
bool cli_rescue_has_no_roots(const struct bch_fs *c);
/* What the journal was found to have that should not be in it, or not to have. */
u64 cli_rescue_journal_faults(const struct bch_fs *c);

/* TREE_KEEP_* that were asked for, or with none all that this user may recreate. */
unsigned cli_rescue_keep(unsigned asked);

/*
 * The run cannot begin, or ends early: a sentence on standard error, and with --json as the
 * document, or in the one that has begun. Returns @err.
 */
int cli_rescue_fail(struct cli_rescue *r, int err, const char *fmt, ...) __printf(3, 4);
/* Something is amiss that no single file can be blamed for: the same, but the run goes on. */
void cli_rescue_trouble(struct cli_rescue *r, const char *fmt, ...) __printf(2, 3);

/* The directory to copy to. NULL: a message was printed. */
struct tree_out *cli_rescue_target(struct cli_rescue *r, unsigned keep, enum tree_exists exists);

/* Print what has gathered once it is @at_least bytes. */
void cli_rescue_flush(struct cli_rescue *r, size_t at_least);
#define RESCUE_FLUSH_AT (64U << 10) /* bytes: often enough */

/* A line on standard error, in order with the output. Frees @line. */
void cli_rescue_tell(struct cli_rescue *r, struct printbuf *line);

/* The document up to the opening of files[]; the caller closes "totals" before the tail. */
void cli_rescue_json_head(struct cli_rescue *r, const char *name, const u8 uuid[16],
			  const char *mode, bool is_mode);
void cli_rescue_json_tail(struct cli_rescue *r, int status);

/* One of errors[]: bytes [start, end), or with @end 0 no range. */
void cli_rescue_json_error(struct cli_rescue *r, u64 start, u64 end, const char *why);

/* "2026-01-02 03:04:05" in the local time zone. */
void cli_rescue_prt_time(struct printbuf *out, s64 seconds);

#endif
