/* Block I/O: on image files always, on a loop device where there is one to be had. */
#include "test.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/filter.h>
#include <linux/loop.h>
#include <linux/seccomp.h>

#define IMAGE_BYTES (4U << 20)
#define BLOCK	    4096U

static char image_path[64];

static const char *image_make(void)
{
	int fd;

	strcpy(image_path, "/tmp/test_linux_block.XXXXXX");
	fd = mkstemp(image_path);
	if (fd < 0 || ftruncate(fd, IMAGE_BYTES))
		abort();
	close(fd);
	return image_path;
}

static u8 *pattern(size_t bytes, u8 seed)
{
	u8 *p = kvmalloc(bytes, GFP_KERNEL);

	for (size_t i = 0; i < bytes; i++)
		p[i] = i * 7 + (i >> 8) * 31 + seed;
	return p;
}

static struct block_device *image_open(blk_mode_t mode)
{
	return bdev_open(image_make(), mode);
}

static void image_done(struct block_device *bdev)
{
	bdev_close(bdev);
	unlink(image_path);
}

TEST(file_has_the_geometry_of_its_filesystem)
{
	struct block_device *bdev = image_open(BLK_OPEN_READ | BLK_OPEN_WRITE);
	struct stat st;

	REQUIRE(!IS_ERR(bdev));
	stat(image_path, &st);
	EXPECT_EQ(bdev_nr_bytes(bdev), IMAGE_BYTES);
	EXPECT_EQ(bdev_nr_sectors(bdev), IMAGE_BYTES / 512);
	EXPECT_EQ(bdev_logical_block_size(bdev), 512);
	EXPECT_EQ(bdev_physical_block_size(bdev), st.st_blksize);
	EXPECT(!bdev_read_only(bdev));
	EXPECT(bdev->is_file && !bdev->direct);
	image_done(bdev);
}

TEST(open_refuses_what_is_no_device_and_no_file)
{
	EXPECT_EQ(PTR_ERR(bdev_open("/", BLK_OPEN_READ)), -ENOTBLK);
	EXPECT_EQ(PTR_ERR(bdev_open("/dev/null", BLK_OPEN_READ)), -ENOTBLK);
	EXPECT_EQ(PTR_ERR(bdev_open("/nonexistent/image", BLK_OPEN_READ)), -ENOENT);
}

TEST(exclusive_open_keeps_others_out)
{
	struct block_device *w = image_open(BLK_OPEN_READ | BLK_OPEN_WRITE | BLK_OPEN_EXCL);
	struct block_device *r, *r2;

	REQUIRE(!IS_ERR(w));
	EXPECT_EQ(PTR_ERR(bdev_open(image_path, BLK_OPEN_READ | BLK_OPEN_EXCL)), -EBUSY);
	EXPECT_EQ(PTR_ERR(bdev_open(image_path, BLK_OPEN_WRITE | BLK_OPEN_EXCL)), -EBUSY);
	bdev_close(w);
	r = bdev_open(image_path, BLK_OPEN_READ | BLK_OPEN_EXCL);
	r2 = bdev_open(image_path, BLK_OPEN_READ | BLK_OPEN_EXCL);
	REQUIRE(!IS_ERR(r) && !IS_ERR(r2));
	EXPECT_EQ(PTR_ERR(bdev_open(image_path, BLK_OPEN_WRITE | BLK_OPEN_EXCL)), -EBUSY);
	bdev_close(r2);
	image_done(r);
}

TEST(what_was_written_is_read)
{
	struct block_device *bdev = image_open(BLK_OPEN_READ | BLK_OPEN_WRITE);
	u8 *p = pattern(3 * BLOCK, 1), *q = kvzalloc(3 * BLOCK, GFP_KERNEL);

	REQUIRE(!IS_ERR(bdev));
	EXPECT_EQ(bdev_write(bdev, 9, p, 3 * BLOCK), 0);
	EXPECT_EQ(bdev_read(bdev, 9, q, 3 * BLOCK), 0);
	EXPECT_MEM(q, p, 3 * BLOCK);
	EXPECT_EQ(bdev_rw(bdev, REQ_OP_WRITE | REQ_FUA | REQ_PREFLUSH, 0, p + 512, BLOCK), 0);
	EXPECT_EQ(bdev_read(bdev, 0, q, BLOCK), 0);
	EXPECT_MEM(q, p + 512, BLOCK);
	EXPECT_EQ(blkdev_issue_flush(bdev), 0);
	EXPECT_EQ(blkdev_issue_zeroout(bdev, 10, 3, GFP_KERNEL, 0), 0);
	EXPECT_EQ(bdev_read(bdev, 9, q, 5 * 512), 0);
	memset(p + 512, 0, 3 * 512);
	EXPECT_MEM(q, p, 5 * 512);
	EXPECT_EQ(blkdev_issue_discard(bdev, 8, 16, GFP_KERNEL), 0);
	EXPECT_EQ(bdev_read(bdev, 8, q, 2 * BLOCK), 0);
	memset(p, 0, 2 * BLOCK);
	EXPECT_MEM(q, p, 2 * BLOCK);
	EXPECT_EQ(atomic64_read(&bdev->stats.flushes), 1);
	EXPECT_EQ(atomic64_read(&bdev->stats.discards), 1);
	EXPECT_EQ(atomic64_read(&bdev->stats.bytes_discarded), 16 * 512);
	EXPECT_EQ(atomic64_read(&bdev->stats.reads), 4);
	EXPECT_EQ(atomic64_read(&bdev->stats.writes), 3);
	EXPECT_EQ(atomic64_read(&bdev->stats.bytes_written), 4 * BLOCK + 3 * 512);
	EXPECT_EQ(atomic64_read(&bdev->stats.errors), 0);
	kvfree(p);
	kvfree(q);
	image_done(bdev);
}

TEST(transfers_outside_of_the_device_are_refused)
{
	struct block_device *bdev = image_open(BLK_OPEN_READ | BLK_OPEN_WRITE);
	u8 *p = pattern(2 * BLOCK, 2);
	u64 end = IMAGE_BYTES / 512;

	REQUIRE(!IS_ERR(bdev));
	EXPECT_EQ(bdev_read(bdev, end - 8, p, BLOCK), 0);
	EXPECT_EQ(bdev_read(bdev, end - 7, p, BLOCK), -EINVAL);
	EXPECT_EQ(bdev_read(bdev, end, p, 512), -EINVAL);
	EXPECT_EQ(bdev_read(bdev, U64_MAX - 3, p, BLOCK), -EINVAL);
	EXPECT_EQ(bdev_write(bdev, U64_MAX / 512, p, BLOCK), -EINVAL);
	EXPECT_EQ(bdev_write(bdev, 0, p, 100), -EINVAL);
	EXPECT_EQ(blkdev_issue_discard(bdev, end - 1, 2, GFP_KERNEL), -EINVAL);
	EXPECT_EQ(atomic64_read(&bdev->stats.errors), 6);
	kvfree(p);
	image_done(bdev);
}

TEST(read_of_a_file_that_shrank_is_an_io_error)
{
	struct block_device *bdev = image_open(BLK_OPEN_READ);
	u8 buf[BLOCK];

	REQUIRE(!IS_ERR(bdev));
	EXPECT(!truncate(image_path, 2048));
	EXPECT_EQ(bdev_read(bdev, 0, buf, BLOCK), -EIO);
	EXPECT_EQ(bdev_read(bdev, 64, buf, BLOCK), -EIO);
	EXPECT_EQ(bdev_update_size(bdev), 0);
	EXPECT_EQ(bdev_nr_bytes(bdev), 2048);
	image_done(bdev);
}

TEST(nochanges_and_read_only_refuse_every_change)
{
	struct block_device *bdev = image_open(BLK_OPEN_READ | BLK_OPEN_WRITE), *ro;
	u8 buf[512] = {1};

	REQUIRE(!IS_ERR(bdev));
	bdev->nochanges = true;
	ro = bdev_open(image_path, BLK_OPEN_READ);
	REQUIRE(!IS_ERR(ro));
	EXPECT(bdev_read_only(ro));
	for (int i = 0; i < 2; i++) {
		struct block_device *b = i ? ro : bdev;

		EXPECT_EQ(bdev_write(b, 0, buf, 512), -EROFS);
		EXPECT_EQ(blkdev_issue_discard(b, 0, 8, GFP_KERNEL), -EROFS);
		EXPECT_EQ(blkdev_issue_zeroout(b, 0, 8, GFP_KERNEL, 0), -EROFS);
		EXPECT_EQ(blkdev_issue_flush(b), 0);
	}
	EXPECT_EQ(bdev_read(bdev, 0, buf, 512), 0);
	EXPECT_EQ(buf[0], 0);
	bdev_close(ro);
	image_done(bdev);
}

struct parallel {
	struct completion done;
	atomic_t left, errors;
};

static void parallel_end(struct bio *bio)
{
	struct parallel *p = bio->bi_private;

	if (bio->bi_status)
		atomic_inc(&p->errors);
	bio_put(bio);
	if (atomic_dec_and_test(&p->left))
		complete(&p->done);
}

/* @nr bios in flight at once, of two pieces each, over the whole device. */
static void parallel_rw(struct block_device *bdev, blk_opf_t opf, u8 *buf, unsigned int nr)
{
	unsigned int bytes = IMAGE_BYTES / nr;
	struct parallel p;

	init_completion(&p.done);
	atomic_set(&p.left, nr);
	atomic_set(&p.errors, 0);
	for (unsigned int i = 0; i < nr; i++) {
		struct bio *bio = bio_alloc(bdev, 2, opf, GFP_KERNEL);
		u8 *mine = buf + i * bytes;

		bio->bi_iter.bi_sector = i * bytes / 512;
		bio->bi_end_io = parallel_end;
		bio->bi_private = &p;
		/* not next to each other: the second half goes where the first would */
		bio_add_virt_nofail(bio, mine + bytes / 2, bytes / 2);
		bio_add_virt_nofail(bio, mine, bytes / 2);
		EXPECT_EQ(bio->bi_vcnt, 2);
		submit_bio(bio);
	}
	wait_for_completion(&p.done);
	EXPECT_EQ(atomic_read(&p.errors), 0);
}

/* Write and read back, from and to memory @align bytes off a page. */
static void check_parallel(struct block_device *bdev, unsigned int nr, unsigned int align)
{
	u8 *pages = pattern(IMAGE_BYTES + PAGE_SIZE, align), *p = pages + align;
	u8 *read_pages = kvzalloc(IMAGE_BYTES + PAGE_SIZE, GFP_KERNEL), *q = read_pages + align;

	parallel_rw(bdev, REQ_OP_WRITE, p, nr);
	parallel_rw(bdev, REQ_OP_READ, q, nr);
	EXPECT_MEM(q, p, IMAGE_BYTES);
	EXPECT_EQ(bdev_read(bdev, 0, q, IMAGE_BYTES), 0);
	EXPECT_MEM(q, p + IMAGE_BYTES / nr / 2, IMAGE_BYTES / nr / 2);
	kvfree(pages);
	kvfree(read_pages);
}

TEST(many_bios_in_flight_on_a_file)
{
	struct block_device *bdev = image_open(BLK_OPEN_READ | BLK_OPEN_WRITE);

	REQUIRE(!IS_ERR(bdev));
	check_parallel(bdev, 512, 0);
	image_done(bdev);
}

TEST(bios_that_fail_end_all_the_same)
{
	struct block_device *bdev = image_open(BLK_OPEN_READ);
	struct parallel p = {};
	u8 buf[512];
	struct bio *bio;

	REQUIRE(!IS_ERR(bdev));
	init_completion(&p.done);
	atomic_set(&p.left, 1);
	bio = bio_alloc(bdev, 1, REQ_OP_WRITE, GFP_KERNEL);
	bio->bi_end_io = parallel_end;
	bio->bi_private = &p;
	bio_add_virt_nofail(bio, buf, 512);
	submit_bio(bio);
	wait_for_completion(&p.done);
	EXPECT_EQ(atomic_read(&p.errors), 1);
	image_done(bdev);
}

struct test_hook {
	struct block_hook hook;
	int nr_writes, nr_reads, nr_flushes, nr_discards;
	int ret;
	u8 before[512];
};

static int hook_write(struct block_hook *h, struct bio *bio)
{
	struct test_hook *t = container_of(h, struct test_hook, hook);

	t->nr_writes++;
	EXPECT_EQ(block_raw_read(bio->bi_bdev, bio->bi_iter.bi_sector, t->before, 512), 0);
	return t->ret;
}

static int hook_read(struct block_hook *h, struct bio *bio)
{
	container_of(h, struct test_hook, hook)->nr_reads++;
	return container_of(h, struct test_hook, hook)->ret;
}

static int hook_read_done(struct block_hook *h, struct bio *bio)
{
	struct bvec_iter iter = bio->bi_iter;

	*(u8 *)bio_iter_iovec(bio, iter).bv_addr ^= 0xff;
	return 0;
}

static int hook_flush(struct block_hook *h, struct bio *bio)
{
	container_of(h, struct test_hook, hook)->nr_flushes++;
	return 0;
}

static int hook_discard(struct block_hook *h, struct bio *bio)
{
	container_of(h, struct test_hook, hook)->nr_discards++;
	return 0;
}

TEST(hooks_see_refuse_and_swallow_transfers)
{
	struct block_device *bdev = image_open(BLK_OPEN_READ | BLK_OPEN_WRITE);
	struct test_hook t = {.hook = {.write = hook_write,
				       .read = hook_read,
				       .flush = hook_flush,
				       .discard = hook_discard}};
	u8 a[512], b[512], buf[512];

	REQUIRE(!IS_ERR(bdev));
	memset(a, 'a', 512);
	memset(b, 'b', 512);
	EXPECT_EQ(bdev_write(bdev, 3, a, 512), 0);
	block_hook_add(bdev, &t.hook);
	EXPECT_EQ(bdev_write(bdev, 3, b, 512), 0);
	EXPECT_MEM(t.before, a, 512);
	t.ret = -EIO;
	EXPECT_EQ(bdev_write(bdev, 3, a, 512), -EIO);
	EXPECT_EQ(bdev_read(bdev, 3, buf, 512), -EIO);
	t.ret = BLOCK_HOOK_SWALLOW;
	EXPECT_EQ(bdev_write(bdev, 3, a, 512), 0);
	t.ret = 0;
	EXPECT_EQ(bdev_read(bdev, 3, buf, 512), 0);
	EXPECT_MEM(buf, b, 512);
	EXPECT_EQ(blkdev_issue_flush(bdev), 0);
	EXPECT_EQ(blkdev_issue_discard(bdev, 0, 8, GFP_KERNEL), 0);
	EXPECT_EQ(t.nr_writes, 3);
	EXPECT_EQ(t.nr_reads, 2);
	EXPECT_EQ(t.nr_flushes, 1);
	EXPECT_EQ(t.nr_discards, 1);
	block_hook_del(&t.hook);
	EXPECT_EQ(bdev_write(bdev, 3, a, 512), 0);
	EXPECT_EQ(t.nr_writes, 3);

	t.hook = (struct block_hook){.read_done = hook_read_done};
	block_hook_add(bdev, &t.hook);
	EXPECT_EQ(bdev_read(bdev, 3, buf, 512), 0);
	EXPECT_EQ(buf[0], 'a' ^ 0xff);
	EXPECT_MEM(buf + 1, a + 1, 511);
	image_done(bdev);
}

TEST(bio_walks_its_pieces)
{
	u8 mem[1024], *a = mem, *b = mem + 200, *c = mem + 600, out[512], in[512];
	struct bio_vec table[3], bv;
	struct bvec_iter iter;
	struct bio bio;
	int n = 0;

	for (int i = 0; i < 512; i++)
		in[i] = i * 3;
	bio_init(&bio, NULL, table, 3, REQ_OP_READ);
	EXPECT(bio_add_virt(&bio, a, 100));
	EXPECT(bio_add_virt(&bio, b, 100));
	EXPECT(bio_add_virt(&bio, b + 100, 100));
	EXPECT_EQ(bio.bi_vcnt, 2);
	EXPECT(bio_add_virt(&bio, c, 212));
	EXPECT(!bio_add_virt(&bio, out, 1));
	EXPECT_EQ(bio_sectors(&bio), 1);
	memcpy_to_bio(&bio, bio.bi_iter, in, 512);
	memcpy_from_bio(out, &bio, bio.bi_iter, 512);
	EXPECT_MEM(out, in, 512);
	EXPECT_MEM(b, in + 100, 200);
	bio_advance(&bio, 150);
	EXPECT_EQ(bio.bi_iter.bi_size, 362);
	bio_for_each_segment(bv, &bio, iter) {
		EXPECT_EQ(bv.bv_len, n ? 212 : 150);
		EXPECT(bv.bv_addr == (n ? c : b + 50));
		n++;
	}
	EXPECT_EQ(n, 2);
	memcpy_from_bio(out, &bio, bio.bi_iter, 362);
	EXPECT_MEM(out, in + 150, 362);
}

TEST(status_and_errno_say_the_same)
{
	static const int errs[] = {0,	 -EOPNOTSUPP, -ETIMEDOUT, -ENOSPC, -ENOMEM,
				   -EIO, -EINVAL,     -EROFS,	  -ENODATA};

	for (size_t i = 0; i < ARRAY_SIZE(errs); i++)
		EXPECT_EQ(blk_status_to_errno(errno_to_blk_status(errs[i])), errs[i]);
	EXPECT_EQ(blk_status_to_errno(errno_to_blk_status(-EXDEV)), -EIO);
	EXPECT_EQ(blk_status_to_errno(255), -EIO);
	EXPECT_EQ(blk_status_to_errno(6), -EIO);
}

/* A loop device of @block bytes over the image, which goes when closed; -1 where there is none. */
static int loop_make(u32 block, char *path)
{
	int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int file = open(image_path, O_RDWR | O_CLOEXEC), loop = -1;

	/* another process may take the free one first */
	for (int try = 0; ctl >= 0 && try < 10 && loop < 0; try++) {
		struct loop_config config = {
			.fd = file,
			.block_size = block,
			.info.lo_flags = LO_FLAGS_AUTOCLEAR,
		};

		snprintf(path, 32, "/dev/loop%d", ioctl(ctl, LOOP_CTL_GET_FREE));
		loop = open(path, O_RDWR | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config)) {
			close(loop);
			loop = -1;
		}
	}
	close(file);
	if (ctl >= 0)
		close(ctl);
	return loop;
}

/* The device's path; the loop device goes with the descriptor, -1: there is none. */
static int loop_image(u32 block, char *path)
{
	int loop;

	image_make();
	loop = loop_make(block, path);
	if (loop < 0) {
		printf("no loop device: not tested\n");
		unlink(image_path);
	}
	return loop;
}

static void check_loop(u32 block)
{
	struct block_device *bdev;
	u8 *p, *q, *fives;
	char path[32];
	int loop = loop_image(block, path);

	if (loop < 0)
		return;
	bdev = bdev_open(path, BLK_OPEN_READ | BLK_OPEN_WRITE | BLK_OPEN_EXCL);
	REQUIRE(!IS_ERR(bdev));
	EXPECT_EQ(PTR_ERR(bdev_open(path, BLK_OPEN_READ | BLK_OPEN_EXCL)), -EBUSY);
	EXPECT(bdev->direct && !bdev->is_file);
	EXPECT_EQ(bdev_nr_bytes(bdev), IMAGE_BYTES);
	EXPECT_EQ(bdev_logical_block_size(bdev), block);
	check_parallel(bdev, 256, 0);
	check_parallel(bdev, 256, 5);

	p = pattern(4 * BLOCK + 8, 9);
	q = kvzalloc(4 * BLOCK + 8, GFP_KERNEL);
	/* more than is copied at once, over the whole device and from within a block */
	fives = kvmalloc(IMAGE_BYTES + 8, GFP_KERNEL);
	memset(fives, 5, IMAGE_BYTES + 8);
	EXPECT_EQ(bdev_write(bdev, 0, fives + 3, IMAGE_BYTES), 0);
	memset(fives, 0, IMAGE_BYTES + 8);
	EXPECT_EQ(bdev_read(bdev, 1, fives + 1, IMAGE_BYTES - 1024), 0);
	EXPECT_EQ(fives[0], 0);
	EXPECT_EQ(fives[1], 5);
	EXPECT(!memcmp(fives + 1, fives + 2, IMAGE_BYTES - 1025));
	EXPECT_EQ(fives[IMAGE_BYTES - 1023], 0);

	/* memory that the device cannot reach, reads of parts of blocks */
	EXPECT_EQ(bdev_write(bdev, 16, p + 3, 3 * BLOCK), 0);
	EXPECT_EQ(bdev_read(bdev, 16, q + 5, 3 * BLOCK), 0);
	EXPECT_MEM(q + 5, p + 3, 3 * BLOCK);
	EXPECT_EQ(bdev_read(bdev, 17, q, 9 * 512), 0);
	EXPECT_MEM(q, p + 3 + 512, 9 * 512);
	EXPECT_EQ(bdev_write(bdev, 17, p, 512), block == 512 ? 0 : -EINVAL);
	EXPECT_EQ(bdev_rw(bdev, REQ_OP_WRITE | REQ_FUA | REQ_PREFLUSH, 8, p, BLOCK), 0);
	EXPECT_EQ(bdev_read(bdev, 8, q, BLOCK), 0);
	EXPECT_MEM(q, p, BLOCK);
	memset(fives, 5, IMAGE_BYTES);
	parallel_rw(bdev, REQ_OP_WRITE | REQ_FUA | REQ_PREFLUSH, fives, 64);
	parallel_rw(bdev, REQ_OP_WRITE | REQ_FUA, fives, 64);
	kvfree(fives);
	EXPECT_EQ(bdev_read(bdev, 8, q, BLOCK), 0);
	EXPECT_EQ(q[77], 5);
	EXPECT_EQ(blkdev_issue_flush(bdev), 0);
	EXPECT_EQ(blkdev_issue_discard(bdev, 8, 8, GFP_KERNEL), 0);
	kvfree(p);
	kvfree(q);
	image_done(bdev);
	close(loop);
}

TEST(loop_device_of_512_bytes)
{
	check_loop(512);
}

TEST(loop_device_of_4096_bytes)
{
	check_loop(4096);
}

/* As where a container's rules or fs.aio-max-nr leave no AIO: io_setup() fails. */
static bool deny_aio(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY_SIZE(code), code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

TEST(device_without_aio_is_served_by_threads)
{
	char path[32];
	int loop = loop_image(4096, path), status;
	pid_t pid;

	if (loop < 0)
		return;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct block_device *bdev;

		if (!deny_aio()) {
			puts("no seccomp: not tested");
			exit(0);
		}
		bdev = bdev_open(path, BLK_OPEN_READ | BLK_OPEN_WRITE);
		if (IS_ERR(bdev))
			_exit(2);
		check_parallel(bdev, 256, 0);
		bdev_close(bdev);
		_exit(unit_test_failed);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(status, 0);
	unlink(image_path);
	close(loop);
}
