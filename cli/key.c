/* The master key of an encrypted filesystem: spec 06 section 3.4, 09 section 6. */
#include <linux/kernel.h>
#include <linux/string.h>
#include "cli/key.h"
#include "host/keyring.h"
#include "sb/crypt.h"
#include "sb/super.h"

/* By the key in the keyring; a key there that does not fit counts as none. */
static bool unlock_by_keyring(const struct bch_sb *sb, const struct sb_crypt *crypt,
			      struct bch_crypt_key *master)
{
	struct bch_crypt_key key;
	bool ok = !host_key_read(sb->user_uuid, &key) &&
		  !bch_crypt_master_key(crypt, sb->uuid, &key, master);

	memzero_explicit(&key, sizeof(key));
	return ok;
}

static int unlock_by_passphrase(const struct bch_sb *sb, const struct sb_crypt *crypt,
				struct bch_crypt_key *master)
{
	char *passphrase = cli_read_passphrase("Enter passphrase: ");
	struct bch_crypt_key key;
	int ret;

	if (!passphrase)
		return -BCH_ERR_no_passphrase;
	ret = bch_crypt_passphrase_key(crypt, passphrase, strlen(passphrase), &key) ?:
		      bch_crypt_master_key(crypt, sb->uuid, &key, master);
	memzero_explicit(&key, sizeof(key));
	cli_wipe(passphrase);
	return ret;
}

int cli_master_key(const struct cli_cmd *cmd, const struct bch_sb *sb, struct bch_crypt_key *master)
{
	const struct sb_crypt *crypt = sb_section_get(sb, crypt);
	int ret;

	if (!crypt)
		return -BCH_ERR_no_encryption_key;
	if (!bch_crypt_master_key(crypt, sb->uuid, NULL, master) ||
	    unlock_by_keyring(sb, crypt, master))
		return 0;
	ret = unlock_by_passphrase(sb, crypt, master);
	if (ret == -BCH_ERR_incorrect_passphrase)
		cli_error(cmd, "incorrect passphrase");
	else if (ret && ret != -BCH_ERR_no_passphrase) /* that has been said */
		cli_error(cmd, "cannot derive the key: %s", bch_err_str(ret));
	return ret;
}
