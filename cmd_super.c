/* show-super: what the superblock of a device says (spec 09 section 2.2; 01 section 9.3). */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <string.h>
#include "cmds.h"
#include "host/model.h"
#include "init/open.h"
#include "sb/super.h"

#define SECTION_BIT(name) (1ULL << SB_SECTION_##name)

/* Name of an error, or the system's sentence for it. */
static const char *reason(int err)
{
	return -err < BCH_ERR_START ? strerror(-err) : bch_err_str(err);
}

/* --- show-super --- */

struct show_super {
	const struct cli_cmd *cmd;
	const char *path;
	u64 sections; /* bits of types; 0: the default */
	int only;     /* type of the section to print alone, or -1 */
	bool layout, json;
};

static int section_by_name(const struct cli_cmd *cmd, const char *name, size_t len)
{
	int i;

	for (i = 0; i < SB_SECTION_NR; i++)
		if (strlen(bch_sb_section_names[i]) == len &&
		    !memcmp(bch_sb_section_names[i], name, len))
			return i;
	cli_usage_error(cmd, "Bad superblock field %.*s", (int)len, name);
}

static u64 section_list(const struct cli_cmd *cmd, const char *list)
{
	u64 sections = 0;

	if (!strcmp(list, "all"))
		return U64_MAX;
	while (true) {
		size_t len = strcspn(list, ",;");

		sections |= 1ULL << section_by_name(cmd, list, len);
		list += len;
		if (!*list)
			return sections;
		list++;
	}
}

static u64 default_sections(const struct bch_sb *sb)
{
	u64 members =
		sb_section_get(sb, members_v2) ? SECTION_BIT(members_v2) : SECTION_BIT(members_v1);

	return members | SECTION_BIT(errors) | SECTION_BIT(errors_v2);
}

static void show_text(const struct show_super *s, const struct bch_sb *sb)
{
	struct printbuf out = PRINTBUF;
	const struct sb_section *only;

	out.human_units = true;
	if (s->only >= 0) {
		only = bch_sb_section(sb, s->only);
		if (only)
			bch_sb_section_to_text(&out, sb, only);
	} else {
		printbuf_tabstop_push(&out, 44);
		prt_str(&out, "Device:");
		prt_tab(&out);
		host_model(&out, s->path);
		prt_newline(&out);
		bch_sb_to_text(&out, sb, s->layout, s->sections ?: default_sections(sb));
	}
	cli_flush(&out);
	printbuf_exit(&out);
}

static void show_json(const struct show_super *s, const struct bch_sb *sb)
{
	u64 sections = s->only >= 0 ? 1ULL << s->only : s->sections;
	struct printbuf out = PRINTBUF, model = PRINTBUF;
	struct json j = JSON(&out);

	host_model(&model, s->path);
	json_object_begin(&j, NULL);
	json_fmt(&j, "schema", "bcachefs/%s/1", s->cmd->name);
	json_str(&j, "tool_version", BCACHEFS_VERSION);
	json_str(&j, "device", s->path);
	json_str(&j, "model", printbuf_str(&model));
	bch_sb_to_json(&j, sb, true, sections);
	json_object_end(&j);
	prt_newline(&out);
	cli_flush(&out);
	printbuf_exit(&out);
	printbuf_exit(&model);
}

static void show_notes(const struct cli_cmd *cmd, const char *path, const struct printbuf *notes)
{
	const char *line = printbuf_str(notes);

	while (*line) {
		size_t len = strcspn(line, "\n");

		cli_error(cmd, "%s: %.*s", path, (int)len, line);
		line += len + (line[len] == '\n');
	}
}

/* Read the superblock of a device without keeping others out. */
static int read_quietly(struct bch_sb_handle *h, const char *path, struct printbuf *notes,
			struct printbuf *err)
{
	struct bch_sb_read_args args = {
		.access = SB_READ,
		.no_version_check = true,
		.notes = notes,
	};
	struct block_device *bdev = bdev_open(path, BLK_OPEN_READ);
	int ret = PTR_ERR_OR_ZERO(bdev);

	if (ret) {
		prt_str(err, reason(ret));
		return ret;
	}
	ret = bch_sb_read(h, bdev, &args, err);
	if (!ret)
		bch_sb_features_validate(h->sb, notes);
	h->bdev = NULL;
	bdev_close(bdev);
	return ret;
}

static int show_super(const struct show_super *s)
{
	struct printbuf err = PRINTBUF, notes = PRINTBUF;
	struct bch_sb_handle h = {};
	int ret;

	bch_engine_init();
	ret = read_quietly(&h, s->path, &notes, &err);
	if (!ret) {
		show_notes(s->cmd, s->path, &notes);
		(s->json ? show_json : show_text)(s, h.sb);
	} else {
		if (s->json)
			cli_json_error(s->cmd->name, ret, printbuf_str(&err));
		if (-ret < BCH_ERR_START)
			cli_error(s->cmd, "Error opening %s: %s", s->path, printbuf_str(&err));
		else
			cli_error(s->cmd, "Error opening %s: %s: %s", s->path, bch_err_str(ret),
				  printbuf_str(&err));
	}
	bch_sb_free(&h);
	printbuf_exit(&err);
	printbuf_exit(&notes);
	return ret ? EXIT_FAIL : EXIT_OK;
}

enum { SHOW_FIELDS, SHOW_FIELD_ONLY, SHOW_LAYOUT, SHOW_JSON };

static const struct cli_opt show_super_opts[] = {
	[SHOW_FIELDS] = {"fields", 'f', "LIST", "sections to print, or \"all\""},
	[SHOW_FIELD_ONLY] = {"field-only", 'F', "NAME",
			     "print this section alone, without heading"},
	[SHOW_LAYOUT] = {"layout", 'l', NULL, "print where the copies of the superblock lie"},
	[SHOW_JSON] = {"json", 0, NULL, "print a JSON document"},
	{},
};

static int cmd_show_super_run(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct show_super s = {.cmd = cmd, .only = -1};
	int o;

	while ((o = cli_next(&p)) != CLI_END) {
		switch (o) {
		case CLI_OPERAND:
			if (s.path)
				cli_usage_error(cmd, "too many arguments");
			s.path = p.value;
			break;
		case SHOW_FIELDS:
			s.sections = section_list(cmd, p.value);
			break;
		case SHOW_FIELD_ONLY:
			s.only = section_by_name(cmd, p.value, strlen(p.value));
			break;
		case SHOW_LAYOUT:
			s.layout = true;
			break;
		case SHOW_JSON:
			s.json = true;
			break;
		}
	}
	if (!s.path)
		cli_usage_error(cmd, "please supply a device");
	return show_super(&s);
}

const struct cli_cmd cmd_show_super = {
	.name = "show-super",
	.group = "Superblock commands",
	.operands = "DEVICE",
	.summary = "Print superblock information to stdout",
	.details = "Prints the newest good copy of the superblock of a device, mounted or not. "
		   "Copies that are damaged or old are reported on standard error.",
	.opts = show_super_opts,
	.run = cmd_show_super_run,
};
