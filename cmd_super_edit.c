/*
 * Commands that change the superblocks of an unmounted filesystem: set-fs-option, reset-counters
 * (spec 09 sections 2.3, 2.4). All members are opened and written, and read back.
 */
#include <linux/kernel.h>
#include <string.h>
#include "cli/fs_opts.h"
#include "cli/offline.h"
#include "cmds.h"
#include "format/counters.h"
#include "init/open.h"
#include "sb/labels.h"
#include "sb/members.h"
#include "sb/opts.h"
#include "sb/super.h"

/* --- set-fs-option --- */

struct set_option {
	int id;
	u64 v;
	const char *target; /* not NULL: to be resolved with the members and labels */
};

struct set_fs_option {
	const struct cli_cmd *cmd;
	const char *paths[BCH_MAX_DEVS];
	unsigned nr_paths;
	struct set_option opts[BCH_OPT_NR]; /* in the order given */
	unsigned nr_opts;
	bool slots[BCH_MAX_DEVS + 1]; /* for options of members; none: all */
	bool slots_given;
};

/* Can the option be changed in a superblock at all? */
static int settable(const struct set_fs_option *s, int id)
{
	const struct bch_option *opt = &bch_option_table[id];

	if (opt->store && (opt->flags & (OPT_FS | OPT_DEVICE)))
		return 0;
	cli_error(s->cmd, "option %s is not kept in the superblock: give it when mounting",
		  opt->name);
	return -EINVAL;
}

static int set_member_option(struct set_fs_option *s, struct bch_sb *sb, int id, u64 v)
{
	unsigned i;

	for (i = 0; i < BCH_MAX_DEVS; i++) {
		if (s->slots_given ? !s->slots[i] : !bch_member_exists(sb, i))
			continue;
		if (!bch_member_exists(sb, i)) {
			cli_error(s->cmd, "there is no member %u", i);
			return -EINVAL;
		}
		bch_opt_to_sb(sb, id, v, i);
	}
	return 0;
}

/* The device of a path that was given, or a label. */
static int resolve_target(struct cli_offline *o, int id, const char *text, u64 *v)
{
	struct printbuf err = PRINTBUF;
	unsigned i;
	int ret;

	for (i = 0; i < o->nr; i++)
		if (!strcmp(o->paths[i], text)) {
			*v = bch_target_of_dev(o->sbs[i].sb->dev_idx);
			return 0;
		}
	ret = bch_opt_parse(id, text, o->c.sb->sb, v, &err);
	if (ret)
		cli_error(o->cmd, "%s: no device or label %s", bch_option_table[id].name, text);
	printbuf_exit(&err);
	return ret;
}

static int set_option(struct set_fs_option *s, struct cli_offline *o, const struct set_option *opt)
{
	struct bch_sb *sb = o->c.sb->sb;
	u64 v = opt->v;
	int ret = opt->target ? resolve_target(o, opt->id, opt->target, &v) : 0;

	if (ret)
		return ret;
	if (STORE_KIND(bch_option_table[opt->id].store) == STORE_KIND_MEMBER)
		return set_member_option(s, sb, opt->id, v);
	bch_opt_to_sb(sb, opt->id, v, 0);
	return 0;
}

static int set_fs_option(struct set_fs_option *s)
{
	struct cli_offline *o;
	unsigned i;
	int ret = 0;

	for (i = 0; i < s->nr_opts && !ret; i++)
		ret = settable(s, s->opts[i].id);
	if (ret)
		return EXIT_FAIL;
	bch_engine_init();
	o = cli_offline_open(s->cmd, s->paths, s->nr_paths);
	if (!o)
		return EXIT_FAIL;
	for (i = 0; i < s->nr_opts && !ret; i++)
		ret = set_option(s, o, &s->opts[i]);
	ret = ret ?: cli_offline_write(o);
	cli_offline_close(o);
	return ret ? EXIT_FAIL : EXIT_OK;
}

enum { SET_DEV_IDX };

static const struct cli_opt set_fs_option_opts[] = {
	[SET_DEV_IDX] = {"dev-idx", 'd', "N", "set options of members only on member N"},
	{},
};

static unsigned parse_slot(const struct cli_cmd *cmd, const char *text)
{
	u64 v;

	if (bch_parse_size(text, &v) || v >= BCH_MAX_DEVS)
		cli_usage_error(cmd, "bad member number %s", text);
	return v;
}

static void note_option(struct set_fs_option *s, const struct cli_parse *p)
{
	struct set_option opt = {};

	if (cli_fs_opt_get(p, NULL, &opt.v, &opt.id) == -BCH_ERR_option_needs_open_fs)
		opt.target = p->value;
	if (s->nr_opts == ARRAY_SIZE(s->opts))
		cli_usage_error(s->cmd, "too many options");
	s->opts[s->nr_opts++] = opt;
}

static int cmd_set_fs_option_run(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct set_fs_option s = {.cmd = cmd};
	int o;

	while ((o = cli_next(&p)) != CLI_END) {
		switch (o) {
		case CLI_OPERAND:
			if (s.nr_paths == ARRAY_SIZE(s.paths))
				cli_usage_error(cmd, "too many devices");
			s.paths[s.nr_paths++] = p.value;
			break;
		case CLI_FS_OPT:
			note_option(&s, &p);
			break;
		case SET_DEV_IDX:
			s.slots[parse_slot(cmd, p.value)] = s.slots_given = true;
			break;
		}
	}
	if (!s.nr_paths)
		cli_usage_error(cmd, "Please supply device(s)");
	if (!s.nr_opts)
		cli_usage_error(cmd, "no option to set was given");
	return set_fs_option(&s);
}

const struct cli_cmd cmd_set_fs_option = {
	.name = "set-fs-option",
	.group = "Superblock commands",
	.operands = "DEVICE...",
	.summary = "Set a filesystem option",
	.details = "Changes options that the superblock keeps. The filesystem must not be mounted "
		   "and all its devices must be given. What was written is read back.",
	.opts = set_fs_option_opts,
	.opt_flags = OPT_MOUNT | OPT_DEVICE,
	.run = cmd_set_fs_option_run,
};

/* --- reset-counters --- */

static int counter_by_name(const struct cli_cmd *cmd, const char *name, size_t len)
{
	int i;

	for (i = 0; i < BCH_COUNTER_NR_1_13; i++)
		if (strlen(bch_counter_names[i]) == len && !memcmp(bch_counter_names[i], name, len))
			return i;
	cli_usage_error(cmd, "there is no counter %.*s", (int)len, name);
}

/* Positions named in @list, or all of them. */
static void counter_list(const struct cli_cmd *cmd, const char *list, bool *wanted)
{
	while (true) {
		size_t len = strcspn(list, ",");

		wanted[counter_by_name(cmd, list, len)] = true;
		list += len;
		if (!*list)
			return;
		list++;
	}
}

static void counters_reset(struct bch_sb_handle *h, const bool *wanted)
{
	struct sb_counters *counters = sb_section_get(h->sb, counters);
	unsigned i;

	if (!wanted) {
		bch_sb_section_delete(h, SB_SECTION_counters);
		return;
	}
	for (i = 0; counters && i < sb_section_nr(counters, d) && i < BCH_COUNTER_NR_1_13; i++)
		if (wanted[i])
			counters->d[i] = 0;
}

enum { RESET_COUNTERS };

static const struct cli_opt reset_counters_opts[] = {
	[RESET_COUNTERS] = {"counters", 'c', "LIST", "reset only these"},
	{},
};

static int cmd_reset_counters_run(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	bool wanted[BCH_COUNTER_NR_1_13] = {}, some = false;
	const char *paths[BCH_MAX_DEVS];
	struct cli_offline *o;
	unsigned nr = 0;
	int opt, ret;

	while ((opt = cli_next(&p)) != CLI_END) {
		if (opt == RESET_COUNTERS) {
			counter_list(cmd, p.value, wanted);
			some = true;
		} else if (nr == ARRAY_SIZE(paths)) {
			cli_usage_error(cmd, "too many devices");
		} else {
			paths[nr++] = p.value;
		}
	}
	if (!nr)
		cli_usage_error(cmd, "please supply a device");
	bch_engine_init();
	o = cli_offline_open(cmd, paths, nr);
	if (!o)
		return EXIT_FAIL;
	counters_reset(o->c.sb, some ? wanted : NULL);
	ret = cli_offline_write(o);
	cli_offline_close(o);
	return ret ? EXIT_FAIL : EXIT_OK;
}

const struct cli_cmd cmd_reset_counters = {
	.name = "reset-counters",
	.group = "Superblock commands",
	.operands = "DEVICE...",
	.summary = "Reset all counters on an unmounted device",
	.details = "All devices of the filesystem must be given.",
	.opts = reset_counters_opts,
	.run = cmd_reset_counters_run,
};
