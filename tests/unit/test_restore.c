/*
 * Restoring from filesystems that nobody but an attacker would make: the keys are put into the
 * overlay as they are, without validation. Nothing may leave the target, everything ends.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include "btree_image.h"
#include "data/read.h"
#include "format/dirent.h"
#include "format/snapshot.h"
#include "fs/inode.h"
#include "fs/snapshots.h"
#include "fs/walk.h"
#include "host/restore.h"
#include "init/open.h"
#include "sb/super.h"
#include "test.h"

#define ROOT	4096
#define DT_DIR_ 4
#define DT_REG_ 8

struct hostile {
	struct img *img;
	struct bch_sb_handle handle;
	struct bch_sb sb;
	u64 next_offset;
	char top[40];		/* holds "target", which alone may be written to */
	struct printbuf report; /* "PATH QUALITY NOTES" a line */
	bool lost;
	struct restore r;
};

static void key_add(struct hostile *h, unsigned btree, struct bpos p, unsigned type,
		    const void *val, size_t bytes)
{
	struct {
		struct bkey k;
		u8 v[1024];
	} k = {};

	bkey_init_pos(&k.k, p);
	k.k.type = type;
	k.k.u64s = BKEY_U64s + DIV_ROUND_UP(bytes, 8);
	memcpy(k.v, val, bytes);
	if (bch_overlay_add(h->img->c, btree, 0, (struct bkey_i *)&k, 1, h->next_offset++))
		abort();
}

static void entry(struct hostile *h, u64 dir, const char *name, size_t len, u64 inum, u8 type)
{
	struct {
		struct bch_dirent d;
		char more[600];
	} v = {.d = {.d_inum = cpu_to_le64(inum), .d_type = type}};

	memcpy(v.d.d_name, name, len);
	key_add(h, BTREE_ID_dirents, SPOS(dir, h->next_offset + 100, U32_MAX), KEY_TYPE_dirent, &v,
		DIRENT_NAME + len);
}

static void named(struct hostile *h, u64 dir, const char *name, u64 inum, u8 type)
{
	entry(h, dir, name, strlen(name), inum, type);
}

static void inode(struct hostile *h, u64 inum, unsigned mode, u64 size, u64 nlink)
{
	struct bch_inode_unpacked u = {.bi_inum = inum, .bi_mode = mode, .bi_size = size};
	u64 v[INODE_VAL_U64s_MAX] = {};

	u.bi_nlink = nlink;
	key_add(h, BTREE_ID_inodes, SPOS(0, inum, U32_MAX), KEY_TYPE_inode_v3, v,
		bch_inode_pack(v, &u) * 8);
}

static void report(struct restore *r, const struct restore_obj *obj)
{
	struct hostile *h = r->private;

	if (h->report.pos > 1 << 20)
		return;
	tree_path_to_text(&h->report, obj->dir, obj->name);
	prt_printf(&h->report, " %s", restore_quality_names[obj->quality]);
	if (obj->meta->notes.pos)
		prt_printf(&h->report, " %s", printbuf_str(&obj->meta->notes));
	prt_newline(&h->report);
}

static void hostile_new(struct hostile *h)
{
	struct bch_snapshot s = {.subvol = cpu_to_le32(1)};
	struct bch_subvolume v = {.snapshot = cpu_to_le32(U32_MAX), .inode = cpu_to_le64(ROOT)};

	*h = (struct hostile){.img = img_new(1, 1 << 20), .sb = {.time_precision = cpu_to_le32(1)}};
	h->handle.sb = &h->sb;
	h->img->c->sb = &h->handle;
	strcpy(h->top, "/tmp/bcachefs-restore-XXXXXX");
	if (!mkdtemp(h->top))
		abort();
	key_add(h, BTREE_ID_snapshots, POS(0, U32_MAX), KEY_TYPE_snapshot, &s, sizeof(s));
	key_add(h, BTREE_ID_subvolumes, POS(0, 1), KEY_TYPE_subvolume, &v, sizeof(v));
	inode(h, ROOT, S_IFDIR | 0755, 0, 0);
}

static int hostile_run(struct hostile *h)
{
	struct printbuf err = PRINTBUF;
	char target[64];
	int ret;

	bch_overlay_sort(h->img->c);
	ret = bch_fs_start_reading(h->img->c);
	snprintf(target, sizeof(target), "%s/target", h->top);
	h->r = (struct restore){
		.c = h->img->c,
		.out = tree_dir_open(target, TREE_KEEP_ALL & ~TREE_KEEP_owner, 0, &err),
		.keep = TREE_KEEP_ALL,
		.subvol = 1,
		.lost = h->lost,
		.report = report,
		.private = h,
	};
	ret = ret ?: restore_run(&h->r);
	h->r.out->ops->free(h->r.out);
	printbuf_exit(&err);
	return ret;
}

static void hostile_free(struct hostile *h)
{
	char command[200];
	unsigned others = 0;
	struct dirent *e;
	DIR *d = opendir(h->top);

	while ((e = readdir(d)))
		others += strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
			  strcmp(e->d_name, "target");
	closedir(d);
	EXPECT_EQ(others, 0);
	snprintf(command, sizeof(command), "chmod -R u+rwx %s; rm -rf %s", h->top, h->top);
	if (system(command))
		abort();
	bch_data_exit(h->img->c);
	bch_snapshots_exit(h->img->c);
	kfree(h->img->dev[0].bucket_gens);
	h->img->c->sb = NULL;
	img_free(h->img);
	printbuf_exit(&h->report);
}

static bool is_there(struct hostile *h, const char *path, struct stat *st)
{
	char whole[300];

	snprintf(whole, sizeof(whole), "%s/target/%s", h->top, path);
	return !lstat(whole, st);
}

static bool told(struct hostile *h, const char *line)
{
	return strstr(printbuf_str(&h->report), line);
}

TEST(names_that_could_leave_the_target_are_escaped)
{
	static const struct {
		const char *name;
		size_t len;
		const char *as;
	} names[] = {
		{"..", 2, "%2E%2E"},
		{".", 1, "%2E"},
		{"../../escape", 12, "..%2F..%2Fescape"},
		{"/etc/x", 6, "%2Fetc%2Fx"},
		{"a\0b", 3, "a%00b"},
		{"...", 3, "..."},
		{"%2E", 3, NULL}, /* there already: the first one stays */
	};
	struct hostile h;
	struct stat st;
	unsigned i;

	hostile_new(&h);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		entry(&h, ROOT, names[i].name, names[i].len, 5000 + i, DT_REG_);
		inode(&h, 5000 + i, S_IFREG | 0644, 10 + i, 0);
	}
	entry(&h, ROOT, "", 0, 6000, DT_REG_);
	inode(&h, 6000, S_IFREG | 0644, 7, 0);
	EXPECT_EQ(hostile_run(&h), 0);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!names[i].as)
			continue;
		EXPECT(is_there(&h, names[i].as, &st));
		EXPECT(st.st_size == 10 + i || !strcmp(names[i].as, "%2E"));
	}
	EXPECT(told(&h, "cannot be made: File exists"));
	hostile_free(&h);
}

TEST(names_too_long_for_the_target_are_told)
{
	struct hostile h;
	char name[401] = {};
	struct stat st;

	hostile_new(&h);
	memset(name, 'x', 400);
	named(&h, ROOT, name, 5000, DT_REG_);
	named(&h, ROOT, "next", 5001, DT_REG_);
	inode(&h, 5000, S_IFREG | 0644, 1, 0);
	inode(&h, 5001, S_IFREG | 0644, 1, 0);
	EXPECT_EQ(hostile_run(&h), 0);
	EXPECT(told(&h, "cannot be made: File name too long"));
	EXPECT(is_there(&h, "next", &st));
	EXPECT_EQ(h.r.errors, 1);
	hostile_free(&h);
}

TEST(cycles_are_cut)
{
	struct hostile h;
	struct stat st;

	hostile_new(&h);
	named(&h, ROOT, "a", 5000, DT_DIR_);
	named(&h, 5000, "self", 5000, DT_DIR_);
	named(&h, 5000, "top", ROOT, DT_DIR_);
	named(&h, 5000, "b", 5001, DT_DIR_);
	named(&h, 5001, "a", 5000, DT_DIR_);
	inode(&h, 5000, S_IFDIR | 0755, 0, 0);
	inode(&h, 5001, S_IFDIR | 0755, 0, 0);
	EXPECT_EQ(hostile_run(&h), 0);
	EXPECT(is_there(&h, "a/self", &st) && is_there(&h, "a/top", &st) &&
	       is_there(&h, "a/b/a", &st) && !is_there(&h, "a/top/a", &st));
	EXPECT(told(&h, "a/self partial not entered: the same directory was met before\n"));
	EXPECT(told(&h, "a/top partial not entered"));
	EXPECT(told(&h, "a/b/a partial not entered"));
	EXPECT_EQ(h.r.errors, 3);
	hostile_free(&h);
}

/* 2 ^ 60 paths. */
TEST(a_directory_with_many_names_is_entered_once)
{
	struct hostile h;
	unsigned i;

	hostile_new(&h);
	for (i = 0; i < 60; i++) {
		u64 dir = i ? 5000 + i : ROOT;

		named(&h, dir, "x", 5001 + i, DT_DIR_);
		named(&h, dir, "y", 5001 + i, DT_DIR_);
		inode(&h, 5001 + i, S_IFDIR | 0755, 0, 0);
	}
	EXPECT_EQ(hostile_run(&h), 0);
	EXPECT_EQ(h.r.dirs, 1 + 2 * 60);
	EXPECT_EQ(h.r.errors, 60);
	hostile_free(&h);
}

TEST(depth_is_bounded)
{
	struct hostile h;
	unsigned i;

	hostile_new(&h);
	for (i = 0; i < BCH_WALK_DEPTH_MAX + 500; i++) {
		named(&h, i ? 5000 + i : ROOT, "d", 5001 + i, DT_DIR_);
		inode(&h, 5001 + i, S_IFDIR | 0755, 0, 0);
	}
	EXPECT_EQ(hostile_run(&h), 0);
	/* Less when there are not so many file descriptors. */
	EXPECT(h.r.dirs <= BCH_WALK_DEPTH_MAX + 1 && h.r.dirs > 500);
	EXPECT(h.r.errors > 0);
	hostile_free(&h);
}

TEST(a_file_with_many_names_is_restored_once)
{
	struct hostile h;
	struct stat st;
	char name[16];
	unsigned i;

	hostile_new(&h);
	inode(&h, 5000, S_IFREG | 0644, 1000, 0);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		named(&h, ROOT, name, 5000, DT_REG_);
	}
	EXPECT_EQ(hostile_run(&h), 0);
	EXPECT(is_there(&h, "n999", &st) && st.st_nlink == 1000);
	EXPECT_EQ(h.r.files, 1000);
	hostile_free(&h);
}

TEST(absurd_sizes_neither_hang_nor_fill_the_target)
{
	static const u64 sizes[] = {1ULL << 40, S64_MAX, U64_MAX, 1ULL << 63};
	struct hostile h;
	struct stat st;
	char name[16];
	unsigned i;

	hostile_new(&h);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(name, sizeof(name), "f%u", i);
		named(&h, ROOT, name, 5000 + i, DT_REG_);
		inode(&h, 5000 + i, S_IFREG | 0644, sizes[i], 0);
	}
	key_add(&h, BTREE_ID_extents, SPOS(5001, (S64_MAX >> 9) - 1, U32_MAX), KEY_TYPE_error, "",
		0);
	EXPECT_EQ(hostile_run(&h), 0);
	EXPECT(is_there(&h, "f0", &st) && st.st_size == 1LL << 40 && !st.st_blocks);
	for (i = 1; i < ARRAY_SIZE(sizes); i++) {
		snprintf(name, sizeof(name), "f%u", i);
		EXPECT(is_there(&h, name, &st) && st.st_blocks < 16);
	}
	EXPECT(told(&h, "f2 partial size 18446744073709551615 is too large for the target"));
	hostile_free(&h);
}

TEST(what_entries_lead_to_may_be_anything)
{
	struct hostile h;
	struct stat st;

	hostile_new(&h);
	named(&h, ROOT, "file", 5000, DT_DIR_); /* is a directory, says the entry */
	inode(&h, 5000, S_IFREG | 0644, 3, 0);
	named(&h, ROOT, "dir", 5001, DT_REG_);
	inode(&h, 5001, S_IFDIR | 0755, 0, 0);
	named(&h, 5001, "in", 5000, 77);
	named(&h, ROOT, "gone", 5002, DT_REG_);
	named(&h, ROOT, "gonedir", 5003, DT_DIR_);
	named(&h, 5003, "inside", 5004, DT_REG_);
	inode(&h, 5004, S_IFREG | 0644, 4, 0);
	named(&h, ROOT, "link", 5005, 10);
	inode(&h, 5005, S_IFLNK | 0777, 1ULL << 50, 0);
	named(&h, ROOT, "odd", 5006, 3);
	inode(&h, 5006, 0150000, 0, 0); /* no type that there is */
	named(&h, ROOT, "zero", 0, DT_REG_);
	EXPECT_EQ(hostile_run(&h), 0);
	EXPECT(is_there(&h, "file", &st) && S_ISREG(st.st_mode));
	EXPECT(is_there(&h, "dir/in", &st) && S_ISREG(st.st_mode));
	EXPECT(is_there(&h, "gone.missing-inode", &st) && S_ISREG(st.st_mode));
	EXPECT(is_there(&h, "gonedir/inside", &st) && st.st_size == 4);
	EXPECT(is_there(&h, "zero.missing-inode", &st));
	EXPECT(!is_there(&h, "link", &st) && told(&h, "link lost"));
	EXPECT(!is_there(&h, "odd", &st) && told(&h, "odd lost"));
	hostile_free(&h);
}

TEST(inodes_without_a_name_go_to_lost_found)
{
	struct hostile h;
	struct stat st;

	hostile_new(&h);
	named(&h, ROOT, "lost+found", 4097, DT_DIR_);
	inode(&h, 4097, S_IFDIR | 0700, 0, 0);
	inode(&h, 5000, S_IFREG | 0644, 5, 0);
	inode(&h, 5001, S_IFDIR | 0755, 0, 0); /* lost, with what is in it */
	named(&h, 5001, "file", 5002, DT_REG_);
	inode(&h, 5002, S_IFREG | 0644, 6, 0);
	inode(&h, 5003, S_IFDIR | 0755, 0, 0); /* two that contain each other */
	inode(&h, 5004, S_IFDIR | 0755, 0, 0);
	named(&h, 5003, "b", 5004, DT_DIR_);
	named(&h, 5004, "a", 5003, DT_DIR_);
	h.lost = true;
	EXPECT_EQ(hostile_run(&h), 0);
	EXPECT(is_there(&h, "lost+found/5000", &st) && st.st_size == 5);
	EXPECT(is_there(&h, "lost+found/5001/file", &st) && st.st_size == 6);
	EXPECT(!is_there(&h, "lost+found/5002", &st));
	EXPECT(is_there(&h, "lost+found/5003/b/a", &st));
	EXPECT(!is_there(&h, "lost+found/4097", &st));
	hostile_free(&h);
}
