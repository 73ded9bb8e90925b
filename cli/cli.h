/*
 * What commands share: the description of a command, from which parser, --help, man page and
 * completions are made; exit codes; messages; prompts.
 */
#ifndef _CLI_CLI_H
#define _CLI_CLI_H

#include "util/printbuf.h"
#include "util/json.h"

/* Exit statuses (spec 09 section 1.4). fsck and scrub have masks of their own. */
enum {
	EXIT_OK = 0,
	EXIT_FAIL = 1,
	EXIT_USAGE = 2,
	EXIT_UNREADABLE = 4, /* list, list_journal: something could not be read */
};

/* One switch of a command. */
struct cli_opt {
	const char *name; /* long name, or NULL; '-' and '_' are the same */
	char letter;	  /* short name, or 0 */
	const char *arg;  /* name of its value in help; NULL: takes none; "[=X]": may lack */
	const char *help; /* one sentence, lower case */
};

struct cli_cmd {
	const char *name;	    /* "show-super"; subcommands as "fs usage" */
	const char *alias;	    /* or NULL */
	const char *group;	    /* heading in the main help */
	const char *operands;	    /* "DEVICE..." */
	const char *summary;	    /* one line for the main help */
	const char *details;	    /* paragraphs for --help and the man page, or NULL */
	const struct cli_opt *opts; /* ends with an entry without name and letter */
	unsigned opt_flags; /* also takes filesystem options with these scopes (sb/opts.h) */
	bool hidden;
	u8 exit_usage, exit_fail; /* statuses of its own; 0: EXIT_USAGE, EXIT_FAIL */
	int (*run)(const struct cli_cmd *cmd, int argc, char **argv);
};

/*
 * Walk over the words of a command. Options and operands may be mixed; "--" ends options; long
 * options may be cut to a unique prefix; --help is handled here.
 *
 *	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
 *	while ((o = cli_next(&p)) != CLI_END)
 *		if (o == CLI_OPERAND) ... p.value;  else switch (o) { case OPT_LABEL: ... p.value }
 */
struct cli_parse {
	const struct cli_cmd *cmd;
	int argc;
	char **argv;
	int i;		    /* next word */
	const char *rest;   /* rest of a word of short options */
	bool only_operands; /* after "--" */
	const char *value;  /* of the option or the operand; NULL: none */
	const char *name;   /* CLI_FS_OPT: name as typed, without dashes, before '=' */
};

#define CLI_PARSE(_cmd, _argc, _argv) \
	((struct cli_parse){.cmd = (_cmd), .argc = (_argc), .argv = (_argv), .i = 1})

enum {
	CLI_END = -1,
	CLI_OPERAND = -2,
	CLI_FS_OPT = -3, /* a word of the filesystem option table */
};

/* Index in cmd->opts, or CLI_*. Bad usage prints a message and exits with EXIT_USAGE. */
int cli_next(struct cli_parse *p);

/* "bcachefs COMMAND: text" on stderr; the latter two exit (with EXIT_USAGE, EXIT_FAIL). */
void cli_error(const struct cli_cmd *cmd, const char *fmt, ...) __printf(2, 3);
void cli_usage_error(const struct cli_cmd *cmd, const char *fmt, ...) __printf(2, 3)
	__attribute__((noreturn));
void cli_die(const struct cli_cmd *cmd, const char *fmt, ...) __printf(2, 3)
	__attribute__((noreturn));

/* Help of one command, of all in a table that ends with NULL, and their manual (scdoc). */
void cli_help(struct printbuf *out, const struct cli_cmd *cmd);
void cli_main_help(struct printbuf *out, const struct cli_cmd *const *commands);
void cli_man(struct printbuf *out, const struct cli_cmd *const *commands);

/* One line of a list of options: its head stands from @start on, @help is filled behind it. */
void cli_help_line(struct printbuf *out, size_t start, const char *help);
/* @s for the manual, scdoc's special characters quoted, between two texts as they are. */
void cli_man_text(struct printbuf *out, const char *before, const char *s, const char *after);

/* Write all of @out to stdout and forget it; a full disk or closed pipe ends the program. */
void cli_flush(struct printbuf *out);

/* "Enter passphrase: " with echo off, or one line of stdin (spec 09 6.1); free with cli_wipe(). */
char *cli_read_passphrase(const char *prompt);
/* Asked twice on a terminal. NULL: they differ or the input ended; a message was printed. */
char *cli_read_new_passphrase(void);
/* The whole file without one trailing newline. NULL: a message was printed. */
char *cli_passphrase_file(const char *path);
void cli_wipe(char *secret);
/* y or Y: true. End of input: prints a message and exits. */
bool cli_yes(const char *question);

/* Seconds since the epoch of "YYYY-MM-DD[ HH:MM[:SS]]" or "@SECONDS"; bad usage exits. */
s64 cli_time(const struct cli_cmd *cmd, const char *value);

/* A path, bytes that would disturb a terminal as \ooo. */
void cli_prt_path(struct printbuf *out, const char *path, size_t len);

/* First error document of --json (spec 09 section 17). */
void cli_json_error(const char *schema, int err, const char *message);
/* The member "error" of a document that has begun. */
void cli_json_error_object(struct json *j, int err, const char *message);

#endif
