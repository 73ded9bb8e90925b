/* Keys of encrypted filesystems for commands: from the keyring, else by a passphrase asked for. */
#ifndef _CLI_KEY_H
#define _CLI_KEY_H

#include "cli/cli.h"
#include "sb/csum.h"

struct bch_sb;

/*
 * The master key of @sb, whose crypt section is there: in the clear, by a key of the keyring, or by
 * a passphrase that is asked for once. 0, or a negative error after a message.
 */
int cli_master_key(const struct cli_cmd *cmd, const struct bch_sb *sb,
		   struct bch_crypt_key *master);

#endif
