/*
 * Signatures by libblkid, and bcachefs by our own eyes: not every libblkid knows it. Users of a
 * device by /proc and /sys.
 */
#include <linux/kernel.h>
#include <blkid/blkid.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "format/sb.h"
#include "host/probe.h"

#define SECTOR 512

/* --- bcachefs --- */

static bool magic_is_ours(const u8 magic[16])
{
	static const u8 now[16] = BCH_SB_MAGIC_BYTES, old[16] = BCH_SB_MAGIC_OLD_BYTES;

	return !memcmp(magic, now, 16) || !memcmp(magic, old, 16);
}

static bool read_sb_head(int fd, u64 sector, struct bch_sb *sb)
{
	return sector < (U64_MAX >> 10) &&
	       pread(fd, sb, sizeof(*sb), sector * SECTOR) == sizeof(*sb) &&
	       magic_is_ours(sb->magic);
}

static bool read_layout(int fd, struct bch_sb_layout *l)
{
	return pread(fd, l, sizeof(*l), BCH_SB_LAYOUT_SECTOR * SECTOR) == sizeof(*l) &&
	       magic_is_ours(l->magic);
}

static int wipe_block(int fd, u64 sector)
{
	static const u8 zeros[8 * SECTOR];

	return pwrite(fd, zeros, sizeof(zeros), sector * SECTOR) == sizeof(zeros) ? 0 : -EIO;
}

/* The copies that @l names, as far as there are superblocks. */
static int wipe_copies(int fd, const struct bch_sb_layout *l)
{
	unsigned nr = min_t(unsigned, l->nr_superblocks, BCH_SB_LAYOUT_NR);
	struct bch_sb sb;
	int ret = 0;

	for (unsigned i = 0; i < nr && !ret; i++) {
		u64 sector = le64_to_cpu(l->sb_offset[i]);

		if (read_sb_head(fd, sector, &sb))
			ret = wipe_block(fd, sector);
	}
	return ret;
}

static int wipe_bcachefs(int fd)
{
	static const u8 zeros[SECTOR];
	struct bch_sb_layout layout;
	struct bch_sb sb;
	int ret = 0;

	if (read_sb_head(fd, BCH_SB_SECTOR, &sb))
		ret = wipe_copies(fd, &sb.layout) ?: wipe_block(fd, BCH_SB_SECTOR);
	if (!ret && read_layout(fd, &layout)) {
		ret = wipe_copies(fd, &layout);
		if (!ret && pwrite(fd, zeros, SECTOR, BCH_SB_LAYOUT_SECTOR * SECTOR) != SECTOR)
			ret = -EIO;
	}
	return ret;
}

/* --- all others --- */

static const char *probe_value(blkid_probe pr, const char *name)
{
	const char *v;

	return blkid_probe_lookup_value(pr, name, &v, NULL) ? NULL : v;
}

static blkid_probe new_probe(int fd)
{
	blkid_probe pr = blkid_new_probe();

	if (!pr)
		return NULL;
	if (blkid_probe_set_device(pr, fd, 0, 0)) {
		blkid_free_probe(pr);
		return NULL;
	}
	blkid_probe_enable_superblocks(pr, true);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
						      BLKID_SUBLKS_USAGE | BLKID_SUBLKS_MAGIC |
						      BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, true);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
	return pr;
}

static void found_to_text(struct printbuf *out, const char *path, const char *type,
			  const char *what, const char *label, size_t label_len)
{
	prt_printf(out, "%s contains a %s%s", path, type, what);
	if (label && label_len)
		prt_printf(out, " labelled '%.*s'", (int)label_len, label);
	prt_char(out, '\n');
}

static const char *usage_text(const char *usage)
{
	if (!usage || !strcmp(usage, "filesystem") || !strcmp(usage, "crypto"))
		return " filesystem";
	return !strcmp(usage, "raid") ? " member" : "";
}

int host_probe(int fd, const char *path, struct printbuf *found)
{
	blkid_probe pr = new_probe(fd);
	struct bch_sb_layout layout;
	struct bch_sb sb;
	int nr = 0;

	if (!pr)
		return -EIO;
	if (read_sb_head(fd, BCH_SB_SECTOR, &sb)) {
		found_to_text(found, path, "bcachefs", " filesystem", (char *)sb.label,
			      strnlen((char *)sb.label, sizeof(sb.label)));
		nr++;
	} else if (read_layout(fd, &layout)) {
		prt_printf(found, "%s contains the superblock layout of a bcachefs filesystem\n",
			   path);
		nr++;
	}
	while (!blkid_do_probe(pr)) {
		const char *type = probe_value(pr, "TYPE"), *table = probe_value(pr, "PTTYPE");
		const char *label = probe_value(pr, "LABEL");

		if (type && !strcmp(type, "bcachefs"))
			continue; /* reported above */
		if (type)
			found_to_text(found, path, type, usage_text(probe_value(pr, "USAGE")),
				      label, label ? strlen(label) : 0);
		else if (table)
			found_to_text(found, path, table, " partition table", NULL, 0);
		else
			continue;
		nr++;
	}
	blkid_free_probe(pr);
	return nr;
}

int host_wipe(int fd)
{
	int ret = wipe_bcachefs(fd);
	blkid_probe pr = new_probe(fd);

	if (!pr)
		return ret ?: -EIO;
	while (!ret && !blkid_do_probe(pr))
		if (blkid_do_wipe(pr, false))
			ret = -EIO;
	blkid_free_probe(pr);
	return ret;
}

/* --- users --- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Undo the octal escapes of /proc/mounts in place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* Does one of the names in @list, separated by @sep, mean the file @st? */
static bool list_has(char *list, const char *sep, const struct stat *st)
{
	char *save, *name;
	struct stat other;

	for (name = strtok_r(list, sep, &save); name; name = strtok_r(NULL, sep, &save)) {
		unescape(name);
		if (name[0] == '/' && !stat(name, &other) && same_file(st, &other))
			return true;
	}
	return false;
}

/* By the third and fourth word of a line of /proc/mounts: does it only read, as ours do? */
static bool is_reader(const char *type, const char *options)
{
	return type && options && !strcmp(type, "fuse.bcachefs") &&
	       (!strcmp(options, "ro") || !strncmp(options, "ro,", 3));
}

/* ... or: is it the kernel's, and may be written to? Such a one may be mounted at other places. */
static bool is_writable(const char *type, const char *options)
{
	return type && options && !strcmp(type, "bcachefs") &&
	       (!strcmp(options, "rw") || !strncmp(options, "rw,", 3));
}

typedef bool (*mount_filter)(const char *type, const char *options);

/*
 * The first line of @file whose first word names @st; its second word, or NULL. A mount of several
 * devices is "a:b:c" there. Mounts for which @harmless (may be NULL) is true are passed over.
 */
static char *find_line(const char *file, const struct stat *st, mount_filter harmless)
{
	FILE *f = fopen(file, "re");
	char *line = NULL, *second = NULL;
	size_t size = 0;

	while (f && !second && getline(&line, &size, f) > 0) {
		char *save, *first = strtok_r(line, " \t", &save);
		char *next = strtok_r(NULL, " \t\n", &save);
		char *type = strtok_r(NULL, " \t\n", &save);
		char *options = strtok_r(NULL, " \t\n", &save);
		char *whole = first ? strdup(first) : NULL;

		if (harmless && harmless(type, options))
			first = next = NULL;
		if (whole && next && (list_has(whole, "", st) || list_has(first, ":", st))) {
			unescape(next);
			second = strdup(next);
		}
		free(whole);
	}
	free(line);
	if (f)
		fclose(f);
	return second;
}

/* Name of a device that is built on this one (device mapper, md, bcache), or NULL. */
static char *find_holder(const struct stat *st)
{
	char path[64], *name = NULL;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(st->st_rdev),
		 minor(st->st_rdev));
	d = opendir(path);
	while (d && !name && (e = readdir(d)))
		if (e->d_name[0] != '.')
			name = strdup(e->d_name);
	if (d)
		closedir(d);
	return name;
}

/* First line of /sys/block/@device/@file, without newline. */
static char *sys_block_line(const char *device, const char *file)
{
	char path[320], *line = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/%s", device, file);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	if (getline(&line, &size, f) <= 0) {
		free(line);
		line = NULL;
	}
	fclose(f);
	if (line)
		line[strcspn(line, "\n")] = '\0';
	return line;
}

/* The loop device that makes this file a block device, or NULL. */
static char *find_loop(const struct stat *st)
{
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	char *name = NULL;

	while (d && !name && (e = readdir(d))) {
		char *backing;
		struct stat other;

		if (strncmp(e->d_name, "loop", 4))
			continue;
		backing = sys_block_line(e->d_name, "loop/backing_file");
		if (backing && !stat(backing, &other) && same_file(st, &other))
			name = strdup(e->d_name);
		free(backing);
	}
	if (d)
		closedir(d);
	return name;
}

static bool in_use(const char *path, mount_filter harmless, struct printbuf *why)
{
	const char *how = NULL;
	char *by = NULL;
	struct stat st;

	if (stat(path, &st))
		return false;
	if ((by = find_line("/proc/self/mounts", &st, harmless)))
		how = "is mounted on ";
	else if ((by = find_line("/proc/swaps", &st, NULL)))
		how = "is used as swap ";
	else if (S_ISBLK(st.st_mode) && (by = find_holder(&st)))
		how = "is part of /dev/";
	else if (S_ISREG(st.st_mode) && (by = find_loop(&st)))
		how = "is in use by /dev/";
	if (by)
		prt_printf(why, "%s %s%s", path, how, by);
	free(by);
	return by;
}

bool host_in_use(const char *path, struct printbuf *why)
{
	return in_use(path, NULL, why);
}

bool host_may_be_written(const char *path, struct printbuf *why)
{
	return in_use(path, is_reader, why);
}

bool host_in_use_for_mount(const char *path, bool ro, struct printbuf *why)
{
	return in_use(path, ro ? NULL : is_writable, why);
}
