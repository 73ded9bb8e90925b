/* The commands; each is described in the file of its family. */
#ifndef _CMDS_H
#define _CMDS_H

#include "cli/cli.h"

extern const struct cli_cmd cmd_show_super;
extern const struct cli_cmd cmd_set_fs_option;
extern const struct cli_cmd cmd_reset_counters;
extern const struct cli_cmd cmd_recover_super;
extern const struct cli_cmd cmd_fs_usage;
extern const struct cli_cmd cmd_list;
extern const struct cli_cmd cmd_list_journal;
extern const struct cli_cmd cmd_dump;
extern const struct cli_cmd cmd_undump;
extern const struct cli_cmd cmd_version;
extern const struct cli_cmd cmd_format;
extern const struct cli_cmd cmd_unlock;
extern const struct cli_cmd cmd_set_passphrase;
extern const struct cli_cmd cmd_remove_passphrase;
extern const struct cli_cmd cmd_mount;
extern const struct cli_cmd cmd_fusemount;
extern const struct cli_cmd cmd_scrub;
extern const struct cli_cmd cmd_restore;
extern const struct cli_cmd cmd_undelete;

#endif
