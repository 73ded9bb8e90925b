/*
 * mount: by the kernel's driver where there is one, else through FUSE (spec 09 section 7.1).
 *
 * The devices are all named, or found by UUID or label, or by the UUID of the first. The passphrase
 * of an encrypted filesystem goes to the keyring, where the driver looks for the key.
 */
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/uuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/fusemount.h"
#include "cmds.h"
#include "host/discover.h"
#include "host/keyring.h"
#include "host/kmsg.h"
#include "host/probe.h"
#include "sb/crypt.h"
#include "sb/super.h"

enum {
	O_OPTIONS,
	O_FILE,
	O_KEY_LOCATION,
	O_TYPE,
	O_READ_ONLY,
	O_READ_WRITE,
	O_FAKE,
	O_NO_MTAB,
	O_SLOPPY,
	O_COLORIZE,
	O_VERBOSE,
};

static const struct cli_opt mount_opts[] = {
	[O_OPTIONS] = {NULL, 'o', "OPTIONS",
		       "comma separated: ro, degraded, very_degraded, subvol=PATH, other options "
		       "of filesystem and mount"},
	[O_FILE] = {"passphrase_file", 'f', "FILE", "read the passphrase from FILE"},
	[O_KEY_LOCATION] = {"key_location", 'k', "WHERE",
			    "where the key is from: fail (only a keyring), wait (until it is in "
			    "one), ask, stdin"},
	[O_TYPE] = {NULL, 't', "TYPE", "accepted from mount(8), without effect"},
	[O_READ_ONLY] = {NULL, 'r', NULL, "as -o ro"},
	[O_READ_WRITE] = {NULL, 'w', NULL, "as -o rw"},
	[O_FAKE] = {"fake", 0, NULL, "do everything but the mount"},
	[O_NO_MTAB] = {NULL, 'n', NULL, "accepted from mount(8), without effect"},
	[O_SLOPPY] = {NULL, 's', NULL, "accepted from mount(8), without effect"},
	[O_COLORIZE] = {"colorize", 'c', "BOOL", "accepted and without effect"},
	[O_VERBOSE] = {"verbose", 'v', NULL, "tell what is mounted, and how"},
	{}};

enum key_location {
	KEY_ANY, /* a keyring, else asked for */
	KEY_FAIL,
	KEY_WAIT,
	KEY_ASK,
	KEY_STDIN,
};

struct mount {
	struct cli_fusemount m; /* FUSE takes all of it, the driver what it needs */
	enum key_location key_location;
	bool fake, verbose;
};

/* ---- Devices ---- */

/* What follows @tag, or NULL. */
static const char *tag_value(const char *arg, const char *tag)
{
	return strncmp(arg, tag, strlen(tag)) ? NULL : arg + strlen(tag);
}

static void add_found(struct mount *mt, const u8 user_uuid[16])
{
	struct host_devices found = {};

	if (host_find_devices(user_uuid, &found))
		cli_die(mt->m.cmd, "out of memory");
	darray_for_each(found.d, dev)
		cli_paths_add(&mt->m.paths, dev->path);
	host_devices_exit(&found);
}

/* The filesystem with the label, of which there must be one. */
static void add_labelled(struct mount *mt, const char *arg, const char *label)
{
	struct printbuf others = PRINTBUF;
	struct host_devices found = {};
	bool several = false;

	if (!*label)
		cli_usage_error(mt->m.cmd, "'%s' names no label", arg);
	if (host_find_labelled(label, &found))
		cli_die(mt->m.cmd, "out of memory");
	if (!found.d.nr)
		cli_die(mt->m.cmd, "%s: no device of a filesystem with this label was found", arg);
	darray_for_each(found.d, dev) {
		several |= memcmp(dev->user_uuid, found.d.data[0].user_uuid, 16);
		prt_printf(&others, "%s%s (UUID=", others.pos ? ", " : "", dev->path);
		prt_uuid(&others, dev->user_uuid);
		prt_char(&others, ')');
	}
	if (several)
		cli_die(mt->m.cmd,
			"%s: more than one filesystem has this label: %s; name one by its UUID",
			arg, printbuf_str(&others));
	add_found(mt, found.d.data[0].user_uuid);
	host_devices_exit(&found);
	printbuf_exit(&others);
}

static void add_device(struct mount *mt, const char *arg)
{
	const char *text = tag_value(arg, "UUID=") ?: tag_value(arg, "OLD_BLKID_UUID=");
	const char *label = tag_value(arg, "LABEL=");
	uuid_t uuid;

	if (label) {
		add_labelled(mt, arg, label);
		return;
	}
	if (!text) {
		cli_paths_add(&mt->m.paths, arg);
		return;
	}
	if (uuid_parse(text, &uuid))
		cli_usage_error(mt->m.cmd, "'%s' is not a UUID", text);
	add_found(mt, uuid.b);
	if (!mt->m.paths.d.nr)
		cli_die(mt->m.cmd, "%s: no device of a filesystem with this UUID was found", arg);
}

static int read_superblock(const struct mount *mt, const char *path, struct bch_sb_handle *h)
{
	const struct bch_open_args *open = &mt->m.opts.open;
	const struct cli_cmd *cmd = mt->m.cmd;
	struct bch_sb_read_args args = {.access = SB_READ};
	struct printbuf err = PRINTBUF;
	struct block_device *bdev = bdev_open(path, BLK_OPEN_READ);
	int ret = PTR_ERR_OR_ZERO(bdev);

	if (ret)
		cli_error(cmd, "%s: %s", path, bch_err_sentence(ret));
	else if ((ret = bch_sb_read(h, bdev, &args, &err)))
		cli_error(cmd, "%s: %s%s", path, printbuf_str(&err),
			  mt->m.paths.d.nr == 1 ?
				  "" :
				  bch_lost_sb_advice(ret, open->degraded || open->very_degraded));
	if (!IS_ERR(bdev))
		bdev_close(bdev);
	h->bdev = NULL;
	printbuf_exit(&err);
	return ret;
}

/* For the kernel; what does not exist is told when it is opened. */
static bool all_block_devices(const struct mount *mt)
{
	bool all = true;
	struct stat st;

	darray_for_each(mt->m.paths.d, path)
		all &= stat(*path, &st) || S_ISBLK(st.st_mode);
	return all;
}

/* The kernel tells no device by name: are all that are given of the filesystem @sb? */
static int check_members(struct mount *mt, const struct bch_sb *sb)
{
	struct bch_sb_handle other;
	int ret = 0;

	darray_for_each(mt->m.paths.d, path) {
		memset(&other, 0, sizeof(other));
		ret = read_superblock(mt, *path, &other);
		if (!ret && memcmp(other.sb->uuid, sb->uuid, sizeof(sb->uuid))) {
			cli_error(mt->m.cmd, "%s: is no member of the filesystem on %s", *path,
				  mt->m.paths.d.data[0]);
			ret = -EINVAL;
		}
		bch_sb_free(&other);
		if (ret)
			break;
	}
	return ret;
}

/* One block device stands for all members that can be found. */
static void complete(struct mount *mt, const struct bch_sb *sb)
{
	struct cli_paths given = mt->m.paths;

	if (given.d.nr != 1 || sb->nr_devices == 1 || !all_block_devices(mt))
		return;
	mt->m.paths = (struct cli_paths){};
	add_found(mt, sb->user_uuid);
	if (!mt->m.paths.d.nr)
		mt->m.paths = given;
	else
		cli_paths_exit(&given);
}

/* ---- The key ---- */

static int add_key(struct mount *mt, const struct bch_sb *sb, const struct sb_crypt *crypt)
{
	char *passphrase = mt->m.passphrase_file ? cli_passphrase_file(mt->m.passphrase_file) :
						   cli_read_passphrase("Enter passphrase: ");
	struct bch_crypt_key key = {}, master = {};
	bool linked;
	int ret;

	if (!passphrase)
		return -BCH_ERR_no_passphrase;
	ret = bch_crypt_passphrase_key(crypt, passphrase, strlen(passphrase), &key) ?:
		      bch_crypt_master_key(crypt, sb->uuid, &key, &master)	    ?:
		      host_key_add(HOST_KEYRING_USER, sb->user_uuid, &key, &linked);
	if (ret)
		cli_error(mt->m.cmd, "%s: %s", mt->m.paths.d.data[0], bch_err_sentence(ret));
	memzero_explicit(&key, sizeof(key));
	memzero_explicit(&master, sizeof(master));
	cli_wipe(passphrase);
	return ret;
}

/* The key of an encrypted filesystem into a keyring. */
static int find_key(struct mount *mt, const struct bch_sb *sb)
{
	const struct sb_crypt *crypt = sb_section_get(sb, crypt);
	enum key_location from = mt->key_location;

	if (!crypt || !bch_crypt_locked(crypt))
		return 0;
	if (from == KEY_WAIT)
		while (!host_key_exists(sb->user_uuid))
			sleep(1);
	if (from != KEY_ASK && from != KEY_STDIN && !mt->m.passphrase_file &&
	    host_key_exists(sb->user_uuid))
		return 0;
	if (from == KEY_FAIL) {
		cli_error(mt->m.cmd, "%s: no key is in a keyring; run 'bcachefs unlock' first",
			  mt->m.paths.d.data[0]);
		return -ENOKEY;
	}
	return add_key(mt, sb, crypt);
}

/* ---- The mount ---- */

static bool kernel_has_driver(void)
{
	FILE *f = fopen("/proc/filesystems", "re");
	char line[128];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "\tbcachefs\n");
	if (f)
		fclose(f);
	return found;
}

static const char *advice(int err)
{
	switch (err) {
	case EIO:
		return "; 'bcachefs fsck' on the devices may help";
	case EBUSY:
		return "; a device is in use, or the filesystem is mounted already";
	case ENOKEY:
		return "; the key is missing; run 'bcachefs unlock' first";
	}
	return "";
}

/* Membership is judged without the key. */
static int no_key(struct bch_fs *c, struct bch_crypt_key *key, void *arg)
{
	return 0;
}

/* Would we open it? Says why not: missing members, split brain, a version that is not known. */
static void own_opinion(struct mount *mt)
{
	struct bch_open_args args = mt->m.opts.open;
	struct printbuf err = PRINTBUF;
	struct bch_fs *c;

	args.nostart = true;
	args.get_key = no_key;
	if (!bch_fs_open(&c, mt->m.paths.d.data, mt->m.paths.d.nr, &args, &err))
		bch_fs_close(c);
	else if (err.pos)
		cli_error(mt->m.cmd, "%s", printbuf_str(&err));
	printbuf_exit(&err);
}

/* @err: positive errno; @log: what the kernel logged. */
static void tell_failure(struct mount *mt, const char *source, int err, struct printbuf *log)
{
	char *line, *rest = log->pos ? log->buf : NULL;

	cli_error(mt->m.cmd, "%s: cannot be mounted on %s: %s%s", source, mt->m.mountpoint,
		  strerror(err), advice(err));
	while ((line = strsep(&rest, "\n")))
		if (*line)
			fprintf(stderr, "kernel: %s\n", line);
	if (err == EINVAL)
		own_opinion(mt);
}

static int check_mountpoint(const struct mount *mt)
{
	struct stat st;
	int ret = stat(mt->m.mountpoint, &st) ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;

	if (ret)
		cli_error(mt->m.cmd, "%s: %s", mt->m.mountpoint, strerror(-ret));
	return ret;
}

static int check_unused(const struct mount *mt)
{
	struct printbuf why = PRINTBUF;
	int ret = 0;

	if (mt->m.opts.flags & MS_REMOUNT)
		return 0;
	darray_for_each(mt->m.paths.d, path)
		if (!ret && host_in_use_for_mount(*path, mt->m.opts.flags & MS_RDONLY, &why)) {
			cli_error(mt->m.cmd, "%s", printbuf_str(&why));
			ret = -EBUSY;
		}
	printbuf_exit(&why);
	return ret;
}

/* 0, or a negative errno; -ENODEV: there is no driver. */
static int mount_by_kernel(struct mount *mt)
{
	struct cli_fusemount *m = &mt->m;
	unsigned long flags = m->opts.flags;
	struct printbuf source = PRINTBUF, log = PRINTBUF;
	int kmsg = host_kmsg_open(), ret = 0;

	darray_for_each(m->paths.d, path)
		prt_printf(&source, "%s%s", source.pos ? ":" : "", *path);
	if (mt->verbose)
		fprintf(stderr, "mounting %s on %s, options: %s\n", printbuf_str(&source),
			m->mountpoint, printbuf_str(&m->opts.fs));
	if (mount(printbuf_str(&source), m->mountpoint, "bcachefs", flags,
		  printbuf_str(&m->opts.fs))) {
		ret = -errno;
		if ((errno == EACCES || errno == EROFS) && !(flags & MS_RDONLY)) {
			fprintf(stderr, "%s: write-protected, mounting read-only\n",
				printbuf_str(&source));
			ret = mount(printbuf_str(&source), m->mountpoint, "bcachefs",
				    flags | MS_RDONLY, printbuf_str(&m->opts.fs)) ?
				      -errno :
				      0;
		}
	}
	if (ret && ret != -ENODEV) {
		host_kmsg_read(kmsg, "bcachefs", &log);
		tell_failure(mt, printbuf_str(&source), -ret, &log);
	}
	if (kmsg >= 0)
		close(kmsg);
	printbuf_exit(&log);
	printbuf_exit(&source);
	return ret;
}

static int do_mount(struct mount *mt, const struct bch_sb *sb)
{
	struct cli_fusemount *m = &mt->m;
	const char *why = NULL;
	int ret;

	if (m->opts.subvol)
		why = "subvol= is known to FUSE only";
	else if (!all_block_devices(mt))
		why = "the kernel mounts block devices only";
	else if (!kernel_has_driver() && geteuid())
		why = "the kernel has no driver for bcachefs";
	if (!why) {
		ret = check_members(mt, sb)	   ?:
			      check_mountpoint(mt) ?:
			      check_unused(mt)	   ?:
			      find_key(mt, sb)	   ?:
						     mount_by_kernel(mt);
		if (ret != -ENODEV)
			return ret ? EXIT_FAIL : EXIT_OK;
		why = "the kernel has no driver for bcachefs";
	} else if (mt->key_location == KEY_FAIL || mt->key_location == KEY_WAIT) {
		ret = find_key(mt, sb);
		if (ret)
			return EXIT_FAIL;
	}
	fprintf(stderr, "%s: %s: mounting read-only through FUSE\n", m->paths.d.data[0], why);
	m->opts.rw = false; /* that has been said */
	return cli_fusemount(m);
}

static void parse_key_location(struct mount *mt, const char *value)
{
	static const char *const names[] = {
		[KEY_ANY] = "any", [KEY_FAIL] = "fail",	  [KEY_WAIT] = "wait",
		[KEY_ASK] = "ask", [KEY_STDIN] = "stdin",
	};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(value, names[i])) {
			mt->key_location = i;
			return;
		}
	cli_usage_error(mt->m.cmd, "key location '%s' is none of fail, wait, ask, stdin", value);
}

static void parse_opt(struct mount *mt, int opt, const char *value, const char **operand)
{
	switch (opt) {
	case CLI_OPERAND:
		/* The last one is the mount point. */
		if (*operand)
			add_device(mt, *operand);
		*operand = value;
		break;
	case O_OPTIONS:
		cli_mount_opts_add(mt->m.cmd, &mt->m.opts, value);
		break;
	case O_FILE:
		mt->m.passphrase_file = value;
		break;
	case O_KEY_LOCATION:
		parse_key_location(mt, value);
		break;
	case O_READ_ONLY:
		cli_mount_opts_add(mt->m.cmd, &mt->m.opts, "ro");
		break;
	case O_READ_WRITE:
		cli_mount_opts_add(mt->m.cmd, &mt->m.opts, "rw");
		break;
	case O_FAKE:
		mt->fake = true;
		break;
	case O_VERBOSE:
		mt->verbose = true;
		break;
	}
}

/* mount(8) calls its helper with -f for "everything but the mount"; elsewhere -f has a value. */
static void helper_words(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	static char fake[] = "--fake";
	int i;

	if (strcmp(slash ? slash + 1 : argv[0], "mount.bcachefs"))
		return;
	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-f") && (i + 1 == argc || argv[i + 1][0] == '-'))
			argv[i] = fake;
}

static int run_mount(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct mount mt = {.m = {.cmd = cmd}};
	const char *operand = NULL;
	struct bch_sb_handle sb = {};
	int opt, status = EXIT_FAIL;

	helper_words(argc, argv);
	while ((opt = cli_next(&p)) != CLI_END)
		parse_opt(&mt, opt, p.value, &operand);
	if (!operand)
		cli_usage_error(cmd, "please supply a device");
	if (mt.m.paths.d.nr)
		mt.m.mountpoint = operand;
	else
		add_device(&mt, operand);
	if (!read_superblock(&mt, mt.m.paths.d.data[0], &sb)) {
		complete(&mt, sb.sb);
		if (mt.m.mountpoint && !mt.fake)
			status = do_mount(&mt, sb.sb);
		else
			status = find_key(&mt, sb.sb) ? EXIT_FAIL : EXIT_OK;
	}
	bch_sb_free(&sb);
	cli_paths_exit(&mt.m.paths);
	cli_mount_opts_exit(&mt.m.opts);
	return status;
}

const struct cli_cmd cmd_mount = {
	.name = "mount",
	.group = "Mount",
	.operands = "DEVICE...|UUID=UUID|LABEL=LABEL [MOUNTPOINT]",
	.summary = "Mount a filesystem",
	.details =
		"By the kernel's driver, or, where the kernel has none, read-only through FUSE, "
		"which is said. A filesystem of several devices is named by all of them, one by "
		"one or as DEVICE:DEVICE..., by UUID= or LABEL=, or by one block device, the "
		"others being searched for.\n\n"
		"Without a mount point everything but the mount is done: the passphrase is asked "
		"for and the key put into the user keyring.",
	.opts = mount_opts,
	.run = run_mount,
};
