/*
 * unlock, set-passphrase, remove-passphrase: spec 09 section 6.
 *
 * The master key never changes; what changes is how the superblocks of all members hold it. A
 * change is written to every copy of every member, read back from disk, and tried.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <errno.h>
#include "cli/key.h"
#include "cli/offline.h"
#include "cmds.h"
#include "host/keyring.h"
#include "sb/crypt.h"
#include "sb/super.h"

/* --- unlock --- */

enum {
	O_CHECK,
	O_KEYRING,
	O_FILE,
};

static const struct cli_opt unlock_opts[] = {
	[O_CHECK] = {"check", 'c', NULL,
		     "only tell by the exit status whether a passphrase is needed (0) or not (1)"},
	[O_KEYRING] = {"keyring", 'k', "KEYRING",
		       "where to put the key: session, user or user_session; default: user"},
	[O_FILE] = {"file", 'f', "FILE",
		    "take the passphrase from a file, without its last newline"},
	{}};

struct unlock {
	const struct cli_cmd *cmd;
	const char *device, *file;
	bool check;
	int ring;
};

static struct unlock unlock_parse(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct unlock u = {.cmd = cmd, .ring = HOST_KEYRING_USER};
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	int o;

	while ((o = cli_next(&p)) != CLI_END) {
		if (o == CLI_OPERAND && u.device)
			cli_usage_error(cmd, "Too many arguments");
		if (o == CLI_OPERAND)
			u.device = p.value;
		else if (o == O_CHECK)
			u.check = true;
		else if (o == O_FILE)
			u.file = p.value;
		else if (o == O_KEYRING && (u.ring = host_keyring_lookup(p.value)) < 0)
			cli_usage_error(cmd, "unknown keyring %s", p.value);
	}
	if (!u.device)
		cli_usage_error(cmd, "Please supply a device");
	return u;
}

/* The superblock of one device, opened for reading and closed again. */
static int read_superblock(const struct cli_cmd *cmd, const char *path, struct bch_sb_handle *h)
{
	struct bch_sb_read_args args = {.access = SB_READ};
	struct printbuf err = PRINTBUF;
	struct block_device *bdev = bdev_open(path, BLK_OPEN_READ);
	int ret = PTR_ERR_OR_ZERO(bdev);

	if (ret)
		prt_str(&err, strerror(-ret));
	else
		ret = bch_sb_read(h, bdev, &args, &err);
	if (ret)
		cli_error(cmd, "Error opening %s: %s", path, printbuf_str(&err));
	if (!IS_ERR(bdev))
		bdev_close(bdev);
	h->bdev = NULL;
	printbuf_exit(&err);
	return ret;
}

/* Derive the passphrase key and make sure that it fits. */
static int passphrase_key(const struct unlock *u, const struct bch_sb *sb,
			  const struct sb_crypt *crypt, struct bch_crypt_key *key)
{
	char *passphrase =
		u->file ? cli_passphrase_file(u->file) : cli_read_passphrase("Enter passphrase: ");
	struct bch_crypt_key master;
	int ret;

	if (!passphrase)
		return -BCH_ERR_no_passphrase;
	ret = bch_crypt_passphrase_key(crypt, passphrase, strlen(passphrase), key) ?:
		      bch_crypt_master_key(crypt, sb->uuid, key, &master);
	if (ret == -BCH_ERR_incorrect_passphrase)
		cli_error(u->cmd, "incorrect passphrase");
	else if (ret)
		cli_error(u->cmd, "cannot derive the key: %s", bch_err_str(ret));
	memzero_explicit(&master, sizeof(master));
	cli_wipe(passphrase);
	return ret;
}

static int unlock(const struct unlock *u, const struct bch_sb *sb)
{
	const struct sb_crypt *crypt = sb_section_get(sb, crypt);
	struct bch_crypt_key key;
	bool linked = false;
	int ret;

	if (!crypt || !bch_crypt_locked(crypt)) {
		cli_error(u->cmd, "%s is not encrypted", u->device);
		return -EINVAL;
	}
	if (u->check)
		return 0;
	ret = passphrase_key(u, sb, crypt, &key);
	if (!ret) {
		ret = host_key_add(u->ring, sb->user_uuid, &key, &linked);
		if (ret)
			cli_error(u->cmd, "add_key error: %s", strerror(-ret));
	}
	if (linked)
		fprintf(stderr,
			"the session keyring does not reach the %s keyring: the key is in "
			"both\n",
			host_keyring_names[u->ring]);
	memzero_explicit(&key, sizeof(key));
	return ret;
}

static int run_unlock(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct unlock u = unlock_parse(cmd, argc, argv);
	struct bch_sb_handle h = {};
	int ret = read_superblock(cmd, u.device, &h) ?: unlock(&u, h.sb);

	bch_sb_free(&h);
	return ret ? EXIT_FAIL : EXIT_OK;
}

/* --- set-passphrase, remove-passphrase --- */

/* What the superblocks of all members are to hold: the master key under @passphrase, or clear. */
static int store_key(struct bch_sb *sb, struct sb_crypt *crypt, const struct bch_crypt_key *master,
		     const char *passphrase)
{
	if (passphrase)
		return bch_crypt_lock(crypt, sb->uuid, master, passphrase, strlen(passphrase),
				      NULL);
	bch_crypt_store_clear(crypt, master);
	return 0;
}

/* The crypt section of a member as it is on disk. */
static int read_back(struct block_device *bdev, struct sb_crypt *found)
{
	struct bch_sb_read_args args = {.access = SB_READ};
	struct bch_sb_handle h = {};
	struct printbuf err = PRINTBUF;
	const struct sb_crypt *crypt;
	int ret = bch_sb_read(&h, bdev, &args, &err);

	crypt = ret ? NULL : sb_section_get(h.sb, crypt);
	if (crypt)
		*found = *crypt;
	else
		ret = ret ?: -BCH_ERR_invalid_sb_crypt;
	bch_sb_free(&h);
	printbuf_exit(&err);
	return ret;
}

/* Does the section give the master key back? */
static int try_section(const struct sb_crypt *crypt, const u8 uuid[16],
		       const struct bch_crypt_key *master, const char *passphrase)
{
	struct bch_crypt_key key = {}, found = {};
	int ret = 0;

	if (bch_crypt_locked(crypt) != !!passphrase)
		return -BCH_ERR_invalid_sb_crypt;
	if (passphrase)
		ret = bch_crypt_passphrase_key(crypt, passphrase, strlen(passphrase), &key);
	ret = ret ?: bch_crypt_master_key(crypt, uuid, &key, &found);
	if (!ret && memcmp(&found, master, sizeof(found)))
		ret = -BCH_ERR_invalid_sb_crypt;
	memzero_explicit(&key, sizeof(key));
	memzero_explicit(&found, sizeof(found));
	return ret;
}

/* All members hold one section, and it is good; deriving a key takes long, so only once. */
static int verify(struct cli_offline *o, const struct bch_crypt_key *master, const char *passphrase)
{
	struct sb_crypt first, crypt;
	int ret = 0;

	for (unsigned i = 0; i < o->nr && !ret; i++) {
		ret = read_back(o->bdevs[i], i ? &crypt : &first);
		if (!ret && !i)
			ret = try_section(&first, o->shared.sb->uuid, master, passphrase);
		else if (!ret && memcmp(&first, &crypt, sizeof(crypt)))
			ret = -BCH_ERR_invalid_sb_crypt;
		if (ret)
			cli_error(o->cmd, "%s does not hold what was written to it: %s",
				  o->paths[i], bch_err_str(ret));
	}
	return ret;
}

/* Store the master key anew everywhere; what the keyring has is out of date then. */
static int change(struct cli_offline *o, const struct bch_crypt_key *master, const char *passphrase)
{
	struct bch_sb *sb = o->shared.sb;
	int ret = store_key(sb, sb_section_get(sb, crypt), master, passphrase);

	if (!ret)
		ret = cli_offline_write(o);
	if (!ret)
		ret = verify(o, master, passphrase);
	if (!ret)
		host_key_revoke(sb->user_uuid);
	return ret;
}

static int change_passphrase(struct cli_offline *o, bool set)
{
	const struct sb_crypt *crypt = sb_section_get(o->shared.sb, crypt);
	struct bch_crypt_key master = {};
	char *passphrase = NULL;
	int ret;

	if (!crypt) {
		cli_error(o->cmd, "Filesystem does not have encryption enabled");
		return -EINVAL;
	}
	if (!set && !bch_crypt_locked(crypt)) {
		fprintf(stderr, "the key is not under a passphrase; nothing changed\n");
		return 0;
	}
	ret = cli_master_key(o->cmd, o->shared.sb, &master);
	if (!ret && set) {
		passphrase = cli_read_new_passphrase();
		if (!passphrase)
			ret = -BCH_ERR_no_passphrase;
	}
	ret = ret ?: change(o, &master, passphrase);
	cli_wipe(passphrase);
	memzero_explicit(&master, sizeof(master));
	return ret;
}

static int run_change(const struct cli_cmd *cmd, int argc, char **argv, bool set)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	const char *paths[BCH_MAX_DEVS];
	struct cli_offline *o;
	unsigned nr = 0;
	int ret = -EINVAL;

	while (cli_next(&p) == CLI_OPERAND) {
		if (nr == ARRAY_SIZE(paths))
			cli_usage_error(cmd, "Too many arguments");
		paths[nr++] = p.value;
	}
	if (!nr)
		cli_usage_error(cmd, "Please supply one or more devices");
	o = cli_offline_open(cmd, paths, nr);
	if (o)
		ret = change_passphrase(o, set);
	cli_offline_close(o);
	return ret ? EXIT_FAIL : EXIT_OK;
}

static int run_set_passphrase(const struct cli_cmd *cmd, int argc, char **argv)
{
	return run_change(cmd, argc, argv, true);
}

static int run_remove_passphrase(const struct cli_cmd *cmd, int argc, char **argv)
{
	return run_change(cmd, argc, argv, false);
}

/* --- the commands --- */

#define KEY_GROUP "Encryption"

const struct cli_cmd cmd_unlock = {
	.name = "unlock",
	.group = KEY_GROUP,
	.operands = "DEVICE",
	.summary = "Put the key of an encrypted filesystem into the keyring, prior to mounting",
	.details = "The passphrase is asked for, or read from standard input when that is no "
		   "terminal, and tried. The key goes to the keyring that is named, and to the "
		   "session keyring too when that does not reach it, so that a mount finds it.",
	.opts = unlock_opts,
	.run = run_unlock,
};

const struct cli_cmd cmd_set_passphrase = {
	.name = "set-passphrase",
	.group = KEY_GROUP,
	.operands = "DEVICE...",
	.summary = "Change the passphrase of an unmounted encrypted filesystem, or give it one",
	.details =
		"All devices of the filesystem are needed. The old passphrase is asked for unless "
		"the keyring has the key, then the new one; the cost of deriving the key from it "
		"is at least today's default. Every copy on every device is written, read back and "
		"tried.",
	.run = run_set_passphrase,
};

const struct cli_cmd cmd_remove_passphrase = {
	.name = "remove-passphrase",
	.group = KEY_GROUP,
	.operands = "DEVICE...",
	.summary = "Store the key of an unmounted encrypted filesystem in the clear",
	.details = "All devices of the filesystem are needed. The data stays encrypted, but anyone "
		   "can read it from then on. Every copy on every device is written, read back and "
		   "tried.",
	.run = run_remove_passphrase,
};
