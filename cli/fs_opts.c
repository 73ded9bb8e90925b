/* Filesystem options on a command line. */
#include "cli/fs_opts.h"

bool cli_fs_opt_known(unsigned scopes, const char *word, size_t len)
{
	return false;
}

bool cli_fs_opt_takes_value(unsigned scopes, const char *word, size_t len)
{
	return false;
}

void cli_fs_opts_help(struct printbuf *out, unsigned scopes)
{
}

void cli_fs_opts_man(struct printbuf *out)
{
}
