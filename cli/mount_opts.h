/*
 * The -o words of mount and fusemount (spec 09 sections 7.1, 7.2), sorted: flags of mount(2),
 * options of the filesystem, options of libfuse, and words that only mount(8) and init know.
 */
#ifndef _CLI_MOUNT_OPTS_H
#define _CLI_MOUNT_OPTS_H

#include "cli/cli.h"
#include "init/open.h"

struct cli_mount_opts {
	unsigned long flags;	   /* MS_* */
	bool rw;		   /* was asked for */
	struct printbuf fs;	   /* for the kernel's driver, comma separated */
	struct printbuf fuse;	   /* for libfuse, without "ro" */
	char *subvol;		   /* path of the subvolume to show, or NULL */
	struct bch_open_args open; /* as far as they concern opening for reading */
};

/*
 * Add a string of words. Words that nobody knows are told on stderr and dropped; a bad value of a
 * known one ends the program with EXIT_USAGE.
 */
void cli_mount_opts_add(const struct cli_cmd *cmd, struct cli_mount_opts *o, const char *words);
void cli_mount_opts_exit(struct cli_mount_opts *o);

#endif
