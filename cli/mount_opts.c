/* The -o words of mount and fusemount (cli/mount_opts.h). */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <stdio.h>
#include <sys/mount.h>
#include "cli/mount_opts.h"
#include "sb/opts.h"

static const struct {
	const char *word;
	unsigned long set, clear; /* MS_* */
	bool fuse;		  /* libfuse takes the word, too */
} flag_words[] = {
	{"ro", MS_RDONLY, 0, false},
	{"rw", 0, MS_RDONLY, false},
	{"async", 0, MS_SYNCHRONOUS, true},
	{"atime", 0, MS_NOATIME, true},
	{"dev", 0, MS_NODEV, true},
	{"diratime", 0, MS_NODIRATIME, false},
	{"dirsync", MS_DIRSYNC, 0, true},
	{"exec", 0, MS_NOEXEC, true},
	{"lazytime", MS_LAZYTIME, 0, false},
	{"mand", MS_MANDLOCK, 0, false},
	{"noatime", MS_NOATIME, 0, true},
	{"nodev", MS_NODEV, 0, true},
	{"nodiratime", MS_NODIRATIME, 0, false},
	{"noexec", MS_NOEXEC, 0, true},
	{"nosuid", MS_NOSUID, 0, true},
	{"relatime", MS_RELATIME, 0, false},
	{"remount", MS_REMOUNT, 0, false},
	{"strictatime", MS_STRICTATIME, 0, false},
	{"suid", 0, MS_NOSUID, true},
	{"sync", MS_SYNCHRONOUS, 0, true},
};

/* For mount(8), init and the like; "x-" words as well. */
static const char *const foreign_words[] = {"_netdev", "auto",	  "comment", "defaults", "group",
					    "helper",  "noauto",  "nofail",  "nogroup",	 "noowner",
					    "nouser",  "nousers", "owner",   "uhelper",	 "user",
					    "users",   NULL};

static const char *const fuse_words[] = {"allow_other", "allow_root", "auto_unmount",
					 "blkdev",	"clone_fd",   "default_permissions",
					 "fsname",	"max_read",   "subtype",
					 NULL};

static bool listed(const char *const *list, const char *word, size_t len)
{
	for (; *list; list++)
		if (strlen(*list) == len && !memcmp(*list, word, len))
			return true;
	return false;
}

static void append(struct printbuf *out, const char *word, size_t len)
{
	if (out->pos)
		prt_char(out, ',');
	prt_bytes(out, word, len);
}

static bool add_flag(struct cli_mount_opts *o, const char *word, size_t len)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(flag_words); i++) {
		if (strlen(flag_words[i].word) != len || memcmp(flag_words[i].word, word, len))
			continue;
		o->flags = (o->flags & ~flag_words[i].clear) | flag_words[i].set;
		o->rw |= flag_words[i].clear & MS_RDONLY;
		if (flag_words[i].fuse)
			append(&o->fuse, word, len);
		return true;
	}
	return false;
}

static char *value_of(const char *word, size_t len, size_t name_len)
{
	return name_len < len ? strndup(word + name_len + 1, len - name_len - 1) : NULL;
}

/* A word that stands for the filesystem's options, checked against their table. */
static void add_fs(const struct cli_cmd *cmd, struct cli_mount_opts *o, const char *word,
		   size_t len, size_t name_len)
{
	struct printbuf one = PRINTBUF, unknown = PRINTBUF, err = PRINTBUF;
	struct bch_opts opts;

	bch_opts_init(&opts);
	prt_bytes(&one, word, len);
	if (bch_opts_parse_mount(&opts, printbuf_str(&one), NULL, &unknown, &err))
		cli_usage_error(cmd, "%s", printbuf_str(&err));
	o->open.degraded |= opts.degraded;
	o->open.very_degraded |= opts.very_degraded;
	o->open.no_splitbrain_check |= opts.no_splitbrain_check;
	o->open.no_journal |= opts.norecovery;
	/* Targets are not resolved without members, so they come back as well. */
	if (unknown.pos && bch_opt_lookup(word, name_len) < 0)
		fprintf(stderr, "%s: mount option %s is unknown, and ignored\n", cmd->name,
			printbuf_str(&one));
	else
		append(&o->fs, word, len);
	printbuf_exit(&one);
	printbuf_exit(&unknown);
	printbuf_exit(&err);
}

static void add_word(const struct cli_cmd *cmd, struct cli_mount_opts *o, const char *word,
		     size_t len)
{
	const char *eq = memchr(word, '=', len);
	size_t name_len = eq ? eq - word : len;

	if (!len || add_flag(o, word, len) || listed(foreign_words, word, name_len) ||
	    (len > 2 && !memcmp(word, "x-", 2)) || (len > 2 && !memcmp(word, "X-", 2)))
		return;
	if (listed(fuse_words, word, name_len)) {
		append(&o->fuse, word, len);
	} else if ((name_len == 6 && !memcmp(word, "subvol", 6)) ||
		   (name_len == 8 && !memcmp(word, "snapshot", 8))) {
		free(o->subvol);
		o->subvol = value_of(word, len, name_len);
		if (!o->subvol)
			cli_usage_error(cmd, "mount option %.*s needs a path", (int)name_len, word);
	} else {
		add_fs(cmd, o, word, len, name_len);
	}
}

void cli_mount_opts_add(const struct cli_cmd *cmd, struct cli_mount_opts *o, const char *words)
{
	while (*words) {
		size_t len = strcspn(words, ",");

		add_word(cmd, o, words, len);
		words += len;
		words += *words == ',';
	}
}

void cli_mount_opts_exit(struct cli_mount_opts *o)
{
	printbuf_exit(&o->fs);
	printbuf_exit(&o->fuse);
	free(o->subvol);
	o->subvol = NULL;
}
