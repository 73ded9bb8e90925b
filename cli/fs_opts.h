/*
 * Filesystem options on a command line: the words of the option table (format/options.h) with the
 * scopes a command takes. '-' stands for '_', "no" before a boolean turns it off.
 */
#ifndef _CLI_FS_OPTS_H
#define _CLI_FS_OPTS_H

#include "cli/cli.h"

struct bch_sb;

/* Is @word (@len bytes, without dashes and "=...") an option of a scope in @scopes? */
bool cli_fs_opt_known(unsigned scopes, const char *word, size_t len);
/* ... and does it need a value in the next word when there is no '='? */
bool cli_fs_opt_takes_value(unsigned scopes, const char *word, size_t len);
/*
 * After CLI_FS_OPT: the number of the option (enum bch_opt_id), its value checked and in @v. A bad
 * value ends the program with EXIT_USAGE. -BCH_ERR_option_needs_open_fs: a target that cannot be
 * resolved without members and labels (@sb NULL); p->value is its text.
 */
int cli_fs_opt_get(const struct cli_parse *p, const struct bch_sb *sb, u64 *v, int *id);
/* Lines for --help; sections for the manual (scdoc). */
void cli_fs_opts_help(struct printbuf *out, unsigned scopes);
void cli_fs_opts_man(struct printbuf *out);

#endif
