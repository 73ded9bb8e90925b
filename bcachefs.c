/*
 * bcachefs: main() and the command table; nothing else.
 *
 * The command is the first word (or two: "fs usage"), or follows from the name of the program:
 * mkfs.bcachefs, fsck.bcachefs, mount.bcachefs, mount.fuse.bcachefs (spec 09 section 1.1).
 */
#include <linux/kernel.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "cmds.h"

static const struct cli_cmd *const commands[] = {
	&cmd_format,	    &cmd_show_super, &cmd_set_fs_option,  &cmd_reset_counters,
	&cmd_recover_super, &cmd_unlock,     &cmd_set_passphrase, &cmd_remove_passphrase,
	&cmd_mount,	    &cmd_fusemount,  &cmd_fs_usage,	  &cmd_scrub,
	&cmd_restore,	    &cmd_undelete,   &cmd_list,		  &cmd_list_journal,
	&cmd_dump,	    &cmd_undump,     &cmd_version,	  NULL};

static const struct {
	const char *prefix; /* of the last component of argv[0] */
	const char *command;
} program_names[] = {
	{"mkfs", "format"},
	{"fsck", "fsck"},
	{"mount.fuse", "fusemount"},
	{"mount", "mount"},
};

/* The command that @word, or @word and @next, names; *words of them. */
static const struct cli_cmd *find_command(const char *word, const char *next, unsigned *words)
{
	size_t len = strlen(word);
	unsigned i;

	for (i = 0; commands[i]; i++) {
		const struct cli_cmd *cmd = commands[i];

		*words = 1;
		if (!strcmp(cmd->name, word) || (cmd->alias && !strcmp(cmd->alias, word)))
			return cmd;
		*words = 2;
		if (next && !strncmp(cmd->name, word, len) && cmd->name[len] == ' ' &&
		    !strcmp(cmd->name + len + 1, next))
			return cmd;
	}
	return NULL;
}

static const struct cli_cmd *command_of_program(const char *argv0)
{
	const char *base = strrchr(argv0, '/');
	unsigned i, words;

	base = base ? base + 1 : argv0;
	for (i = 0; i < ARRAY_SIZE(program_names); i++)
		if (!strncmp(base, program_names[i].prefix, strlen(program_names[i].prefix)))
			return find_command(program_names[i].command, NULL, &words);
	return NULL;
}

static int main_help(int status)
{
	struct printbuf out = PRINTBUF;

	cli_main_help(&out, commands);
	cli_flush(&out);
	printbuf_exit(&out);
	return status;
}

/* The manual's generated sections; used by the build. */
static int print_man(void)
{
	struct printbuf out = PRINTBUF;

	cli_man(&out, commands);
	cli_flush(&out);
	printbuf_exit(&out);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct cli_cmd *cmd = command_of_program(argv[0]);
	unsigned words = 1;

	signal(SIGPIPE, SIG_IGN);
	if (cmd)
		return cmd->run(cmd, argc, argv);
	if (argc < 2) {
		cli_error(NULL, "missing command");
		return main_help(EXIT_USAGE);
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return main_help(EXIT_OK);
	if (!strcmp(argv[1], "--print-man"))
		return print_man();
	cmd = find_command(argv[1], argc > 2 ? argv[2] : NULL, &words);
	if (!cmd) {
		cli_error(NULL, "unknown command '%s'; 'bcachefs --help' lists all", argv[1]);
		return EXIT_USAGE;
	}
	return cmd->run(cmd, argc - words, argv + words);
}
