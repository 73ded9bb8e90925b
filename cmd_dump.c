/*
 * dump, undump: the metadata of a filesystem in sparse images, for others to look at (spec 09
 * section 12.3). Images appear under their names when all of them are complete.
 */
#include <linux/blkdev.h>
#include <linux/log2.h>
#include <linux/string.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "cli/cli.h"
#include "cli/open.h"
#include "cmds.h"
#include "format/errcode.h"
#include "host/outfile.h"
#include "host/qcow2.h"
#include "init/dump.h"
#include "sb/opts.h"

#define QCOW2_SUFFIX ".qcow2"
#define RAW_SUFFIX   ".raw"

static void check_target(const struct cli_cmd *cmd, const char *path, bool force)
{
	int ret = outfile_check(path, force);

	if (ret)
		cli_die(cmd, "Error opening %s: %s%s", path, strerror(-ret),
			ret != -EEXIST ? "" :
			force	       ? " and is not a regular file" :
					 " (-f replaces it)");
}

/* dump */

enum {
	OPT_OUTPUT,
	OPT_FORCE,
	OPT_NO_JOURNAL,
	OPT_SANITIZE,
	OPT_SINGLE_REPLICA,
	OPT_OUT_FORMAT,
	OPT_NOEXCL,
	OPT_PASSPHRASE_FILE,
	OPT_MEMORY,
	OPT_VERBOSE,
};

static const struct cli_opt dump_opts[] = {
	[OPT_OUTPUT] = {"output", 'o', "NAME",
			"write NAME.qcow2, or of several members NAME.INDEX.qcow2"},
	[OPT_FORCE] = {"force", 'f', NULL, "replace existing files"},
	[OPT_NO_JOURNAL] = {"nojournal", 0, NULL,
			    "of the journal only buckets with entries to be replayed"},
	[OPT_SANITIZE] = {"sanitize", 's', "[=WHAT]",
			  "leave out contents: data (inline data, values of extended attributes), "
			  "filenames (and names of extended attributes, labels and devices), or "
			  "both"},
	[OPT_SINGLE_REPLICA] =
		{"single-replica", 0, NULL,
		 "one copy of each btree node, a good one; pointers to others lead nowhere"},
	[OPT_OUT_FORMAT] = {"format", 0, "FORMAT", "qcow2 or raw: sparse files, NAME.raw"},
	[OPT_NOEXCL] = {"noexcl", 0, NULL, "accepted: devices are never opened exclusively"},
	[OPT_PASSPHRASE_FILE] = {"passphrase_file", 0, "FILE",
				 "read the passphrase of an encrypted filesystem from FILE"},
	[OPT_MEMORY] = {"memory", 0, "SIZE", "memory for btree nodes (default a quarter of all)"},
	[OPT_VERBOSE] = {"verbose", 'v', NULL, "tell what is written"},
	{}};

struct dump_cmd {
	const struct cli_cmd *cmd;
	struct cli_paths paths;
	struct bch_open_args open;
	const char *name;
	unsigned flags;
	bool force, raw, verbose;
	struct bch_fs *c;
	struct bch_dump d;
	struct outfile files[BCH_MAX_DEVS + 1];
};

/* One image being written. */
struct dump_image {
	struct dump_cmd *a;
	struct qcow2_writer w;
	int fd;
	u64 size, bytes;
	int err; /* of writing */
};

static unsigned parse_sanitize(const struct cli_cmd *cmd, const char *s)
{
	if (!s)
		return DUMP_SANITIZE;
	if (!strcmp(s, "data"))
		return DUMP_SANITIZE_DATA;
	if (!strcmp(s, "filenames"))
		return DUMP_SANITIZE_NAMES;
	cli_usage_error(cmd, "sanitize '%s' is neither data nor filenames", s);
}

static void parse_opt(struct dump_cmd *a, int opt, const char *value)
{
	switch (opt) {
	case CLI_OPERAND:
		cli_paths_add(&a->paths, value);
		break;
	case OPT_OUTPUT:
		a->name = value;
		break;
	case OPT_FORCE:
		a->force = true;
		break;
	case OPT_NO_JOURNAL:
		a->flags |= DUMP_NO_OLD_JOURNAL;
		break;
	case OPT_SANITIZE:
		a->flags |= parse_sanitize(a->cmd, value);
		break;
	case OPT_SINGLE_REPLICA:
		a->flags |= DUMP_SINGLE_REPLICA;
		break;
	case OPT_OUT_FORMAT:
		a->raw = !strcmp(value, "raw");
		if (!a->raw && strcmp(value, "qcow2"))
			cli_usage_error(a->cmd, "format '%s' is neither qcow2 nor raw", value);
		break;
	case OPT_PASSPHRASE_FILE:
		a->open.get_key_arg = (void *)value;
		break;
	case OPT_MEMORY:
		if (bch_parse_size(value, &a->open.memory))
			cli_usage_error(a->cmd, "'%s' is not a size", value);
		break;
	case OPT_VERBOSE:
		a->verbose = true;
		break;
	}
}

static char *image_path(const struct dump_cmd *a, unsigned nr_online, unsigned idx)
{
	const char *suffix = a->raw ? RAW_SUFFIX : QCOW2_SUFFIX;
	char *path;
	int n;

	if (nr_online == 1)
		n = asprintf(&path, "%s%s", a->name, suffix);
	else
		n = asprintf(&path, "%s.%u%s", a->name, idx, suffix);
	if (n < 0)
		cli_die(a->cmd, "out of memory");
	return path;
}

static int emit_raw(struct dump_image *im, u64 offset, const void *buf, size_t bytes)
{
	const char *p = buf;

	if (offset >= im->size)
		return 0;
	bytes = min_t(u64, bytes, im->size - offset);
	while (bytes) {
		ssize_t n = pwrite(im->fd, p, bytes, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		offset += n;
		bytes -= n;
	}
	return 0;
}

static int emit(void *arg, u64 offset, const void *buf, size_t bytes)
{
	struct dump_image *im = arg;

	im->bytes += bytes;
	im->err = im->a->raw ? emit_raw(im, offset, buf, bytes) :
			       qcow2_add(&im->w, offset, buf, bytes);
	return im->err;
}

/* Write the image of @ca; false: told why not. */
static bool write_image(struct dump_cmd *a, struct bch_dev *ca, const char *path)
{
	struct outfile *f = &a->files[ca->idx];
	struct dump_image im = {.a = a, .size = bdev_nr_bytes(ca->bdev)};
	int ret = outfile_create(f, path);

	if (ret) {
		cli_error(a->cmd, "Error opening %s: %s", path, strerror(-ret));
		return false;
	}
	im.fd = f->fd;
	if (a->raw)
		im.err = ftruncate(f->fd, im.size) ? -errno : 0;
	else
		im.err = qcow2_begin(&im.w, f->fd, im.size, ilog2(a->d.cluster));
	if (!im.err)
		ret = bch_dump_stream(&a->d, ca, emit, &im);
	if (!im.err && !ret && !a->raw)
		im.err = qcow2_finish(&im.w);
	qcow2_exit(&im.w);
	if (im.err)
		cli_error(a->cmd, "%s: cannot be written: %s", path, strerror(-im.err));
	else if (ret)
		cli_error(a->cmd, "%s: %s", ca->name, bch_err_str(ret));
	else if (a->verbose)
		fprintf(stderr, "%s: %zu ranges, %llu bytes of %s\n", path,
			a->d.devs[ca->idx].pieces.nr, im.bytes, ca->name);
	return !im.err && !ret;
}

static bool write_images(struct dump_cmd *a)
{
	char *paths[BCH_MAX_DEVS + 1] = {};
	unsigned nr = 0, i;
	bool good = true;
	int ret;

	for (i = 0; i < ARRAY_SIZE(a->c->devs); i++)
		nr += bch_dev_online(a->c->devs[i]);
	for (i = 0; i < ARRAY_SIZE(a->c->devs); i++)
		if (bch_dev_online(a->c->devs[i])) {
			paths[i] = image_path(a, nr, i);
			check_target(a->cmd, paths[i], a->force);
		}
	for (i = 0; i < ARRAY_SIZE(paths) && good; i++)
		if (paths[i])
			good = write_image(a, a->c->devs[i], paths[i]);
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		if (paths[i] && good) {
			ret = outfile_commit(&a->files[i], a->force);
			if (ret)
				cli_error(a->cmd, "Error opening %s: %s", paths[i], strerror(-ret));
			good = !ret;
		}
		outfile_abort(&a->files[i]);
		free(paths[i]);
	}
	return good;
}

static int run_dump(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct dump_cmd *a = calloc(1, sizeof(*a));
	int opt, ret, status = EXIT_FAIL;

	if (!a)
		cli_die(cmd, "out of memory");
	a->cmd = cmd;
	a->open.degraded = a->open.very_degraded = true;
	while ((opt = cli_next(&p)) != CLI_END)
		parse_opt(a, opt, p.value);
	if (!a->name)
		cli_usage_error(cmd, "Please supply output filename");
	if (!a->paths.d.nr)
		cli_usage_error(cmd, "Please supply device(s) to check");
	if (!cli_open(cmd, &a->c, &a->paths, &a->open, NULL)) {
		ret = bch_dump_collect(&a->d, a->c, a->flags);
		if (ret)
			cli_error(cmd, "%s: %s", a->c->name, bch_err_str(ret));
		else if (write_images(a))
			status = a->c->nr_errors ? EXIT_UNREADABLE : EXIT_OK;
		if (a->d.nr_left_out)
			cli_error(
				cmd,
				"%s: parts of %llu nodes could not be understood and were left %s",
				a->c->name, a->d.nr_left_out,
				a->flags & DUMP_SANITIZE ? "out" : "as they are");
		bch_dump_exit(&a->d);
		bch_fs_close(a->c);
	}
	cli_paths_exit(&a->paths);
	free(a);
	return status;
}

const struct cli_cmd cmd_dump = {
	.name = "dump",
	.group = "Debug",
	.operands = "DEVICE...",
	.summary = "write the metadata of a filesystem to sparse images",
	.details =
		"Superblocks, journal and all btree nodes of each member go to a qcow2 image of "
		"the "
		"member's size; the contents of files do not, but for very small ones and the "
		"names. "
		"With --sanitize neither do those: their bytes are replaced, sizes and all else "
		"stay. "
		"To dump an encrypted filesystem its key is needed; the image is encrypted as the "
		"filesystem is.\n"
		"\n"
		"Nothing is written to the devices. Nodes or sectors that cannot be read are "
		"told on "
		"standard error; the exit status is then 4.",
	.opts = dump_opts,
	.run = run_dump,
};

/* undump */

enum {
	OPT_UNDUMP_FORCE,
};

static const struct cli_opt undump_opts[] = {
	[OPT_UNDUMP_FORCE] = {"force", 'f', NULL, "replace existing files"}, {}};

/* The name of the image in @path; not without the suffix. */
static char *undump_path(const struct cli_cmd *cmd, const char *path)
{
	size_t len = strlen(path), suffix = strlen(QCOW2_SUFFIX);
	char *out;

	if (len <= suffix || strcmp(path + len - suffix, QCOW2_SUFFIX) ||
	    path[len - suffix - 1] == '/')
		cli_die(cmd, "%s not a qcow2 image? its name does not end in " QCOW2_SUFFIX, path);
	out = strndup(path, len - suffix);
	if (!out)
		cli_die(cmd, "out of memory");
	return out;
}

static bool undump(const struct cli_cmd *cmd, const char *path, bool force)
{
	char *out = undump_path(cmd, path);
	struct printbuf err = PRINTBUF;
	int in = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct outfile f = {.fd = -1};

	if (in < 0) {
		cli_error(cmd, "Error opening %s: %s", path, strerror(errno));
		free(out);
		return false;
	}
	ret = outfile_create(&f, out);
	if (ret) {
		cli_error(cmd, "Error opening %s: %s", out, strerror(-ret));
	} else {
		ret = qcow2_extract(in, f.fd, &err);
		if (ret) {
			cli_error(cmd, "%s: %s", path, printbuf_str(&err));
		} else {
			ret = outfile_commit(&f, force);
			if (ret)
				cli_error(cmd, "Error opening %s: %s", out, strerror(-ret));
		}
	}
	outfile_abort(&f);
	close(in);
	printbuf_exit(&err);
	free(out);
	return !ret;
}

static int run_undump(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	const char **paths = calloc(argc, sizeof(*paths));
	int opt, nr = 0, status = EXIT_OK;
	bool force = false, in_the_way = false;

	if (!paths)
		cli_die(cmd, "out of memory");
	while ((opt = cli_next(&p)) != CLI_END) {
		if (opt == CLI_OPERAND)
			paths[nr++] = p.value;
		else
			force = true;
	}
	if (!nr)
		cli_usage_error(cmd, "please supply a qcow2 image");
	for (int i = 0; i < nr; i++) {
		char *out = undump_path(cmd, paths[i]);

		if (outfile_check(out, force)) {
			cli_error(cmd, "%s already exists%s", out,
				  force ? " and is not a regular file" : " (-f replaces it)");
			in_the_way = true;
		}
		free(out);
	}
	for (int i = 0; i < nr; i++)
		if (in_the_way || !undump(cmd, paths[i], force))
			status = EXIT_FAIL;
	free(paths);
	return status;
}

const struct cli_cmd cmd_undump = {
	.name = "undump",
	.group = "Debug",
	.operands = "FILE.qcow2...",
	.summary = "make sparse raw images of dumps",
	.details = "Each FILE.qcow2 becomes FILE next to it. Any qcow2 image of version 2 or 3 "
		   "without "
		   "backing file, compression and encryption will do.",
	.opts = undump_opts,
	.run = run_undump,
};
