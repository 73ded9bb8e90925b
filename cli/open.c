/* Opening the filesystem that the operands of a command name (cli/open.h). */
#include <linux/slab.h>
#include <linux/string.h>
#include <unistd.h>

#include "cli/open.h"
#include "format/errcode.h"
#include "host/keyring.h"
#include "host/probe.h"
#include "sb/crypt.h"
#include "sb/super.h"

static void add_path(struct cli_paths *paths, const char *s, size_t len)
{
	char *path = strndup(s, len);

	if (!path || darray_push(&paths->d, path))
		cli_die(NULL, "out of memory");
}

void cli_paths_add(struct cli_paths *paths, const char *arg)
{
	size_t len;

	if (!access(arg, F_OK)) {
		add_path(paths, arg, strlen(arg));
		return;
	}
	for (;; arg += len + 1) {
		len = strcspn(arg, ":");
		if (len || !arg[len])
			add_path(paths, arg, len);
		if (!arg[len])
			break;
	}
}

void cli_paths_exit(struct cli_paths *paths)
{
	darray_for_each(paths->d, path)
		kfree(*path);
	darray_exit(&paths->d);
}

static int key_by_passphrase(const struct sb_crypt *crypt, const struct bch_fs *c, const char *file,
			     struct bch_crypt_key *key)
{
	char *passphrase =
		file ? cli_passphrase_file(file) : cli_read_passphrase("Enter passphrase: ");
	struct bch_crypt_key passphrase_key;
	int ret;

	if (!passphrase)
		return -BCH_ERR_no_passphrase;
	ret = bch_crypt_passphrase_key(crypt, passphrase, strlen(passphrase), &passphrase_key) ?:
		      bch_crypt_master_key(crypt, c->uuid, &passphrase_key, key);
	memzero_explicit(&passphrase_key, sizeof(passphrase_key));
	cli_wipe(passphrase);
	return ret;
}

int cli_get_key(struct bch_fs *c, struct bch_crypt_key *key, void *arg)
{
	const struct sb_crypt *crypt = sb_section_get(c->sb->sb, crypt);
	struct bch_crypt_key passphrase_key;
	int ret;

	if (!crypt)
		return -BCH_ERR_no_encryption_key;
	ret = bch_crypt_master_key(crypt, c->uuid, NULL, key);
	if (ret && !arg && !host_key_read(c->user_uuid, &passphrase_key)) {
		ret = bch_crypt_master_key(crypt, c->uuid, &passphrase_key, key);
		memzero_explicit(&passphrase_key, sizeof(passphrase_key));
	}
	return ret ? key_by_passphrase(crypt, c, arg, key) : 0;
}

int cli_open(const struct cli_cmd *cmd, struct bch_fs **c, const struct cli_paths *paths,
	     const struct bch_open_args *args, const char *json_schema)
{
	struct bch_open_args a = *args;
	struct printbuf err = PRINTBUF;
	int ret;

	if (!a.get_key)
		a.get_key = cli_get_key;
	ret = bch_fs_open(c, paths->d.data, paths->d.nr, &a, &err);
	if (ret) {
		cli_error(cmd, "%s", err.pos ? printbuf_str(&err) : bch_err_str(ret));
		if (json_schema)
			cli_json_error(json_schema, ret,
				       err.pos ? printbuf_str(&err) : bch_err_str(ret));
	}
	printbuf_exit(&err);
	return ret;
}

void cli_refuse_mounted(const struct cli_cmd *cmd, const struct cli_paths *paths)
{
	struct printbuf why = PRINTBUF;

	darray_for_each(paths->d, path)
		if (host_may_be_written(*path, &why))
			cli_die(cmd, "%s: unmount it first", printbuf_str(&why));
	printbuf_exit(&why);
}
