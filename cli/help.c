/*
 * Help texts and the manual's command sections, made from the descriptions of the commands.
 */
#include <linux/kernel.h>
#include <string.h>
#include "cli/cli.h"
#include "cli/fs_opts.h"

#define HELP_COLUMN 34
#define HELP_WIDTH  80

/* "-L, --fs-label=LABEL" */
static void option_head(struct printbuf *out, const struct cli_opt *o)
{
	if (o->letter)
		prt_printf(out, "-%c%s", o->letter, o->name ? ", " : o->arg ? " " : "");
	else
		prt_str(out, "    ");
	if (o->name)
		prt_printf(out, "--%s%s", o->name, o->arg && o->arg[0] != '[' ? "=" : "");
	if (o->arg)
		prt_str(out, o->arg);
}

/* Words of @text filled to HELP_WIDTH, each line after the first begun with @column blanks. */
static void fill(struct printbuf *out, const char *text, unsigned column, unsigned at)
{
	while (*text) {
		size_t len = strcspn(text, " \n");

		if (at > column && at + 1 + len > HELP_WIDTH) {
			prt_printf(out, "\n%*s", column, "");
			at = column;
		} else if (at > column) {
			prt_char(out, ' ');
			at++;
		}
		prt_bytes(out, text, len);
		at += len;
		text += len;
		if (!strncmp(text, "\n\n", 2)) {
			prt_printf(out, "\n\n%*s", column, "");
			at = column;
		}
		text += strspn(text, " \n");
	}
	prt_char(out, '\n');
}

void cli_help_line(struct printbuf *out, size_t start, const char *help)
{
	unsigned at = out->pos - start;

	if (at + 2 > HELP_COLUMN) {
		prt_char(out, '\n');
		at = 0;
	}
	prt_printf(out, "%*s", HELP_COLUMN - at, "");
	fill(out, help, HELP_COLUMN, HELP_COLUMN);
}

static void option_line(struct printbuf *out, const struct cli_opt *o)
{
	size_t start = out->pos;

	prt_str(out, "  ");
	option_head(out, o);
	cli_help_line(out, start, o->help);
}

void cli_help(struct printbuf *out, const struct cli_cmd *cmd)
{
	struct cli_opt help = {"help", 'h', NULL, "show this help"};
	const struct cli_opt *o;

	prt_printf(out, "bcachefs %s - %s\nUsage: bcachefs %s [OPTION]... %s\n", cmd->name,
		   cmd->summary, cmd->name, cmd->operands ?: "");
	if (cmd->details) {
		prt_char(out, '\n');
		fill(out, cmd->details, 0, 0);
	}
	prt_str(out, "\nOptions:\n");
	for (o = cmd->opts; o && (o->name || o->letter); o++) {
		option_line(out, o);
		if (o->letter == help.letter)
			help.letter = 0;
	}
	option_line(out, &help);
	if (cmd->opt_flags)
		cli_fs_opts_help(out, cmd->opt_flags);
}

void cli_main_help(struct printbuf *out, const struct cli_cmd *const *commands)
{
	unsigned i, k;

	prt_str(out, "bcachefs - tool for managing bcachefs filesystems\n"
		     "usage: bcachefs <command> [<args>]\n");
	for (i = 0; commands[i]; i++) {
		const char *group = commands[i]->group;

		for (k = 0; k < i && strcmp(commands[k]->group, group); k++)
			;
		if (k < i)
			continue;
		prt_printf(out, "\n%s:\n", group);
		for (k = i; commands[k]; k++)
			if (!strcmp(commands[k]->group, group) && !commands[k]->hidden)
				prt_printf(out, "  %-25s%s\n", commands[k]->name,
					   commands[k]->summary);
	}
	prt_str(out, "\n'bcachefs COMMAND --help' tells more of a command\n");
}

void cli_man_text(struct printbuf *out, const char *before, const char *s, const char *after)
{
	prt_str(out, before);
	for (; *s; s++) {
		bool line_start = out->pos == out->line_start;

		if (strchr("\\*_`#[]", *s) || (line_start && strchr("-|.", *s)))
			prt_char(out, '\\');
		prt_bytes(out, s, 1);
	}
	prt_str(out, after);
}

static void man_option(struct printbuf *out, const struct cli_opt *o)
{
	if (o->letter)
		prt_printf(out, "*-%c*%s", o->letter, o->name ? ", " : "");
	if (o->name)
		cli_man_text(out, "*--", o->name, "*");
	if (o->arg)
		cli_man_text(out, !o->name ? " _" : o->arg[0] == '[' ? "_" : "=_", o->arg, "_");
	cli_man_text(out, "\n\t", o->help, "\n\n");
}

void cli_man(struct printbuf *out, const struct cli_cmd *const *commands)
{
	unsigned i;

	for (i = 0; commands[i]; i++) {
		const struct cli_cmd *cmd = commands[i];
		const struct cli_opt *o;

		if (cmd->hidden)
			continue;
		prt_printf(out, "## bcachefs %s\n\n*bcachefs %s* [_OPTION_]... ", cmd->name,
			   cmd->name);
		cli_man_text(out, "", cmd->operands ?: "", "\n\n");
		cli_man_text(out, "", cmd->summary, "\n\n");
		if (cmd->details)
			cli_man_text(out, "", cmd->details, "\n\n");
		for (o = cmd->opts; o && (o->name || o->letter); o++)
			man_option(out, o);
		if (cmd->opt_flags)
			prt_str(out,
				"It also takes filesystem options, see *FILESYSTEM OPTIONS*.\n\n");
	}
	prt_str(out, "# FILESYSTEM OPTIONS\n\n");
	cli_fs_opts_man(out);
}
