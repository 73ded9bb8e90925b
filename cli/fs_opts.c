/*
 * Filesystem options on a command line, all from the option table (format/options.h).
 */
#include <string.h>
#include "cli/fs_opts.h"
#include "format/errcode.h"
#include "sb/opts.h"

/* Number of the option that @word names with one of @scopes, else negative; *no: "no" before it. */
static int find(unsigned scopes, const char *word, size_t len, bool *no)
{
	int id = bch_opt_lookup(word, len);

	*no = false;
	if (id < 0 && len > 2 && !strncmp(word, "no", 2)) {
		size_t skip = word[2] == '-' || word[2] == '_' ? 3 : 2;

		id = bch_opt_lookup(word + skip, len - skip);
		*no = id >= 0 && bch_option_table[id].kind == OPT_BOOL;
		if (!*no)
			return -1;
	}
	return id >= 0 && bch_option_table[id].flags & scopes ? id : -1;
}

bool cli_fs_opt_known(unsigned scopes, const char *word, size_t len)
{
	bool no;

	return scopes && find(scopes, word, len, &no) >= 0;
}

bool cli_fs_opt_takes_value(unsigned scopes, const char *word, size_t len)
{
	bool no;
	int id = find(scopes, word, len, &no);

	return id >= 0 && bch_option_table[id].kind != OPT_BOOL;
}

int cli_fs_opt_get(const struct cli_parse *p, const struct bch_sb *sb, u64 *v, int *id)
{
	struct printbuf err = PRINTBUF;
	size_t len = strcspn(p->name, "=");
	bool no;
	int ret;

	*id = find(p->cmd->opt_flags, p->name, len, &no);
	if (no && p->value)
		cli_usage_error(p->cmd, "option --%.*s takes no value", (int)len, p->name);
	ret = bch_opt_parse(*id, no ? "0" : p->value, sb, v, &err);
	if (ret && ret != -BCH_ERR_option_needs_open_fs)
		cli_usage_error(p->cmd, "invalid option --%s: %s", p->name, printbuf_str(&err));
	printbuf_exit(&err);
	return ret;
}

static bool listed(const struct bch_option *o, unsigned scopes)
{
	return o->flags & scopes && !(o->flags & (OPT_HIDDEN | OPT_NEWER));
}

#define CHOICES_MAX 8 /* a longer list is only named */

/* "=none|crc32c|crc64" or "=SIZE" */
static void value_to_text(struct printbuf *out, const struct bch_option *o)
{
	unsigned i, nr = 0;

	if (o->kind == OPT_BOOL)
		return;
	if (o->kind != OPT_CHOICE || !o->choices) {
		prt_printf(out, "=%s", o->arg ?: "N");
		return;
	}
	while (o->choices[nr])
		nr++;
	if (nr > CHOICES_MAX) {
		prt_printf(out, "=%s", o->arg ?: "NAME");
		return;
	}
	for (i = 0; i < nr; i++)
		prt_printf(out, "%c%s", i ? '|' : '=', o->choices[i]);
}

void cli_fs_opts_help(struct printbuf *out, unsigned scopes)
{
	unsigned id;

	prt_str(out, "\nFilesystem options:\n");
	for (id = 0; id < BCH_OPT_NR; id++) {
		const struct bch_option *o = &bch_option_table[id];
		size_t start = out->pos;

		if (!listed(o, scopes))
			continue;
		prt_printf(out, "      --%s", o->name);
		value_to_text(out, o);
		cli_help_line(out, start, o->help);
	}
}

void cli_fs_opts_man(struct printbuf *out)
{
	struct printbuf value = PRINTBUF;
	unsigned id;

	for (id = 0; id < BCH_OPT_NR; id++) {
		const struct bch_option *o = &bch_option_table[id];

		if (!listed(o, OPT_FORMAT | OPT_MOUNT | OPT_DEVICE))
			continue;
		printbuf_reset(&value);
		value_to_text(&value, o);
		cli_man_text(out, "*", o->name, "*");
		cli_man_text(out, "", printbuf_str(&value), "\n\t");
		cli_man_text(out, "", o->help, "");
		prt_printf(out, " (%s%s%s)", o->flags & OPT_FORMAT ? "format" : "",
			   (o->flags & OPT_FORMAT) && (o->flags & OPT_MOUNT) ? ", " : "",
			   o->flags & OPT_MOUNT ? "mount" : "");
		prt_str(out, "\n\n");
	}
	printbuf_exit(&value);
}
