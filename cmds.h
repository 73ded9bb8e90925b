/* The commands; each is described in the file of its family. */
#ifndef _CMDS_H
#define _CMDS_H

#include "cli/cli.h"

extern const struct cli_cmd cmd_show_super;
extern const struct cli_cmd cmd_recover_super;
extern const struct cli_cmd cmd_version;

#endif
