/* fusemount: a filesystem without the kernel's driver, through FUSE (spec 09 section 7.5). */
#include <stdio.h>
#include <string.h>
#include "cli/fusemount.h"
#include "cmds.h"
#include "sb/opts.h"

enum {
	O_OPTIONS,
	O_FOREGROUND,
	O_DEBUG,
	O_SINGLE,
	O_PASSPHRASE_FILE,
	O_MEMORY,
	O_NO_MTAB,
	O_SLOPPY,
	O_VERBOSE,
	O_TYPE,
};

static const struct cli_opt fusemount_opts[] = {
	[O_OPTIONS] = {NULL, 'o', "OPTIONS",
		       "comma separated: ro, subvol=PATH, degraded, very_degraded, norecovery, "
		       "allow_other, other options of filesystem, mount and FUSE"},
	[O_FOREGROUND] = {"foreground", 'f', NULL, "stay in the foreground"},
	[O_DEBUG] = {"debug", 'd', NULL, "stay in the foreground and print every request"},
	[O_SINGLE] = {"single-thread", 's', NULL, "serve one request after the other"},
	[O_PASSPHRASE_FILE] = {"passphrase_file", 0, "FILE",
			       "read the passphrase of an encrypted filesystem from FILE"},
	[O_MEMORY] = {"memory", 0, "SIZE", "memory for btree nodes (default a quarter of all)"},
	[O_NO_MTAB] = {NULL, 'n', NULL, "accepted from mount(8), without effect"},
	[O_SLOPPY] = {"sloppy", 0, NULL, "accepted, without effect"},
	[O_VERBOSE] = {"verbose", 'v', NULL, "accepted from mount(8), without effect"},
	[O_TYPE] = {NULL, 't', "TYPE", "accepted from mount(8), without effect"},
	{}};

static int run_fusemount(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct cli_fusemount m = {.cmd = cmd};
	int o, status;

	while ((o = cli_next(&p)) != CLI_END) {
		switch (o) {
		case CLI_OPERAND:
			/* The last one is the mount point. */
			if (m.mountpoint)
				cli_paths_add(&m.paths, m.mountpoint);
			m.mountpoint = p.value;
			break;
		case O_OPTIONS:
			cli_mount_opts_add(cmd, &m.opts, p.value);
			break;
		case O_DEBUG:
			m.debug = true;
			/* fallthrough */
		case O_FOREGROUND:
			m.foreground = true;
			break;
		case O_SINGLE:
			m.single_thread = true;
			break;
		case O_PASSPHRASE_FILE:
			m.passphrase_file = p.value;
			break;
		case O_MEMORY:
			if (bch_parse_size(p.value, &m.opts.open.memory))
				cli_usage_error(cmd, "'%s' is not a size", p.value);
			break;
		}
	}
	if (!m.mountpoint)
		cli_usage_error(cmd, "please supply a device and a mountpoint");
	if (!m.paths.d.nr)
		cli_usage_error(cmd, "please supply a mountpoint");
	status = cli_fusemount(&m);
	cli_paths_exit(&m.paths);
	cli_mount_opts_exit(&m.opts);
	return status;
}

const struct cli_cmd cmd_fusemount = {
	.name = "fusemount",
	.group = "Mount",
	.operands = "DEVICE... MOUNTPOINT",
	.summary = "Mount a filesystem through FUSE, read-only",
	.details = "All devices of the filesystem are named, one by one or as DEVICE:DEVICE... "
		   "Nothing is written to them: an unreplayed journal is applied in memory. The "
		   "command ends when the filesystem is mounted, unless it is to stay in the "
		   "foreground; fusermount3 -u or umount ends the mount.\n\n"
		   "Without -o allow_other or allow_root only the user who mounts has access; when "
		   "root mounts allow_other is the default. Permissions and ACLs are checked.",
	.opts = fusemount_opts,
	.run = run_fusemount,
};
