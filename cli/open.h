/*
 * Opening the filesystem that the operands of a command name, for reading: "a:b" lists, the key of
 * an encrypted one from the keyring or a prompt, the sentence when it fails.
 */
#ifndef _CLI_OPEN_H
#define _CLI_OPEN_H

#include "cli/cli.h"
#include "init/open.h"
#include "util/darray.h"

/* Paths; the strings belong to it. */
struct cli_paths {
	DARRAY(char *) d;
};

/*
 * Add the operand @arg: one path, or several with ':' between them unless a file of that whole name
 * exists.
 */
void cli_paths_add(struct cli_paths *paths, const char *arg);
void cli_paths_exit(struct cli_paths *paths);

/* For readers: a device that somebody may write to ends the program with a sentence. */
void cli_refuse_mounted(const struct cli_cmd *cmd, const struct cli_paths *paths);

/*
 * bch_fs_open() for commands; get_key is set here when it is NULL. On failure prints the sentence
 * (with @json_schema not NULL: as a document, too) and returns the negative error.
 */
int cli_open(const struct cli_cmd *cmd, struct bch_fs **c, const struct cli_paths *paths,
	     const struct bch_open_args *args, const char *json_schema);

/*
 * The master key: in the clear, by the passphrase in the file @arg (a path) if given, else from the
 * kernel's keyrings or by a passphrase asked for. For struct bch_open_args.
 */
int cli_get_key(struct bch_fs *c, struct bch_crypt_key *key, void *arg);

#endif
