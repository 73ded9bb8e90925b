/*
 * An unmounted filesystem whose superblocks a command changes: all members are there, opened for
 * nobody else, and agree about being one filesystem.
 */
#ifndef _CLI_OFFLINE_H
#define _CLI_OFFLINE_H

#include "cli/cli.h"
#include "sb/super.h"

struct cli_offline {
	const struct cli_cmd *cmd;
	struct bch_fs c;	     /* c.sb: change this one, then cli_offline_write() */
	struct bch_sb_handle shared; /* which is this: a copy of the newest */
	unsigned nr;
	const char *paths[BCH_MAX_DEVS];
	struct block_device *bdevs[BCH_MAX_DEVS];
	struct bch_sb_handle sbs[BCH_MAX_DEVS];
};

/*
 * Open the devices. Mounted ones, a version that we may not write, missing members, and devices of
 * another filesystem are refused. NULL after a message.
 */
struct cli_offline *cli_offline_open(const struct cli_cmd *cmd, const char *const *paths,
				     unsigned nr);

/*
 * Write c.sb to every copy on every member, also when the filesystem was never mounted, and read
 * it back. 0, or a negative error after a message.
 */
int cli_offline_write(struct cli_offline *o);

/* NULL is fine. */
void cli_offline_close(struct cli_offline *o);

#endif
