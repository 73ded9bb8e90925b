/*
 * Showing a filesystem through FUSE, for the commands fusemount and mount: opens it, mounts it,
 * and goes to the background once it is mounted.
 */
#ifndef _CLI_FUSEMOUNT_H
#define _CLI_FUSEMOUNT_H

#include "cli/mount_opts.h"
#include "cli/open.h"

struct cli_fusemount {
	const struct cli_cmd *cmd;
	struct cli_paths paths;
	struct cli_mount_opts opts;
	const char *mountpoint;
	const char *passphrase_file; /* or NULL */
	bool foreground, debug, single_thread;
};

/* Ends when it is mounted, in the foreground when it is unmounted: an exit status. */
int cli_fusemount(struct cli_fusemount *m);

#endif
