/*
 * Walking over the words of a command by its description (cli/cli.h). Names of options may be
 * written with '-' or '_' and cut to a unique prefix.
 */
#include <linux/kernel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli/cli.h"
#include "cli/fs_opts.h"

static bool name_eq(const char *name, const char *word, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		char a = name[i] == '-' ? '_' : name[i], b = word[i] == '-' ? '_' : word[i];

		if (a != b)
			return false;
	}
	return true;
}

static int find_letter(const struct cli_cmd *cmd, char c)
{
	int i;

	for (i = 0; cmd->opts && (cmd->opts[i].name || cmd->opts[i].letter); i++)
		if (cmd->opts[i].letter == c)
			return i;
	return -1;
}

/* Index of the long option @word of @len bytes, exact or (@prefix) cut; -1: none. */
static int find_long(const struct cli_parse *p, const char *word, size_t len, bool prefix)
{
	const struct cli_opt *opts = p->cmd->opts;
	int i, found = -1;

	for (i = 0; opts && (opts[i].name || opts[i].letter); i++) {
		if (!opts[i].name || strlen(opts[i].name) < len ||
		    !name_eq(opts[i].name, word, len))
			continue;
		if (!opts[i].name[len])
			return i;
		if (!prefix)
			continue;
		if (found >= 0)
			cli_usage_error(p->cmd, "option --%.*s is ambiguous: --%s or --%s",
					(int)len, word, opts[found].name, opts[i].name);
		found = i;
	}
	return found;
}

static void show_help(const struct cli_cmd *cmd)
{
	struct printbuf out = PRINTBUF;

	cli_help(&out, cmd);
	cli_flush(&out);
	printbuf_exit(&out);
	exit(EXIT_OK);
}

/* Without "=VALUE" it has none. */
static bool value_is_optional(const struct cli_opt *o)
{
	return o->arg && o->arg[0] == '[';
}

/* The next word as the value of an option. */
static const char *value_word(struct cli_parse *p, const char *dashes, const char *name)
{
	if (p->i >= p->argc)
		cli_usage_error(p->cmd, "option %s%s requires a value", dashes, name);
	return p->argv[p->i++];
}

static int next_short(struct cli_parse *p)
{
	char letter[2] = {*p->rest, 0};
	int o = find_letter(p->cmd, *p->rest);

	p->rest++;
	if (o < 0) {
		if (letter[0] == 'h')
			show_help(p->cmd);
		cli_usage_error(p->cmd, "unknown option -%s", letter);
	}
	p->value = NULL;
	if (p->cmd->opts[o].arg && !value_is_optional(&p->cmd->opts[o])) {
		p->value = *p->rest ? p->rest : value_word(p, "-", letter);
		p->rest = NULL;
	} else if (!*p->rest) {
		p->rest = NULL;
	}
	return o;
}

static int next_long(struct cli_parse *p, const char *word)
{
	const char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	int o = find_long(p, word, len, false);

	p->value = eq ? eq + 1 : NULL;
	if (o < 0 && cli_fs_opt_known(p->cmd->opt_flags, word, len)) {
		p->name = word;
		if (!eq && cli_fs_opt_takes_value(p->cmd->opt_flags, word, len))
			p->value = value_word(p, "--", word);
		return CLI_FS_OPT;
	}
	if (o < 0)
		o = find_long(p, word, len, true);
	if (o < 0) {
		if (len == 4 && !strncmp(word, "help", 4))
			show_help(p->cmd);
		cli_usage_error(p->cmd, "unknown option --%.*s", (int)len, word);
	}
	if (p->cmd->opts[o].arg && !value_is_optional(&p->cmd->opts[o]) && !p->value)
		p->value = value_word(p, "--", p->cmd->opts[o].name);
	else if (!p->cmd->opts[o].arg && p->value)
		cli_usage_error(p->cmd, "option --%s takes no value", p->cmd->opts[o].name);
	return o;
}

int cli_next(struct cli_parse *p)
{
	const char *word;

	if (p->rest)
		return next_short(p);
	for (;;) {
		if (p->i >= p->argc)
			return CLI_END;
		word = p->argv[p->i++];
		if (p->only_operands || word[0] != '-' || !word[1]) {
			p->value = word;
			return CLI_OPERAND;
		}
		if (word[1] != '-') {
			p->rest = word + 1;
			return next_short(p);
		}
		if (word[2])
			return next_long(p, word + 2);
		p->only_operands = true;
	}
}

s64 cli_time(const struct cli_cmd *cmd, const char *value)
{
	static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
					    "%Y-%m-%d %H:%M", "%Y-%m-%d", "@%s"};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm tm = {.tm_isdst = -1};
		const char *end = strptime(value, forms[i], &tm);

		if (end && !*end)
			return mktime(&tm);
	}
	cli_usage_error(cmd, "'%s' is not a time", value);
}
