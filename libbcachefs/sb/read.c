/*
 * Reading the superblock of a device (spec 01 sections 6, 18.3, 19.1, 19.2). All copies are read;
 * the newest valid one counts. If neither sector 8 nor the layout in sector 7 tells where they are,
 * they are looked for: where format would have put them, then everywhere near both ends.
 */
#include <linux/blkdev.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "sb/csum.h"
#include "sb/sb_sections.h"
#include "sb/super.h"

#define SCAN_SECTORS	(32U << 10) /* 16 MiB at either end */
#define SCAN_CHUNK	(128U << 10)
#define BUCKET_BITS_MAX 22 /* of sectors: 2 GiB */

struct reader {
	struct bch_sb_handle *h; /* the best so far; sb NULL: none */
	struct block_device *bdev;
	const struct bch_sb_read_args *args;
	struct printbuf *err; /* of the first copy that failed, and what is different of others */
	int ret;	      /* of the first copy that failed */
	struct printbuf first_why;
	int refused; /* a good copy cannot be used, whatever others say */
	u64 refused_seq;
	struct printbuf refused_why;
};

/* --- one copy --- */

static int checksum_validate(const struct bch_sb *sb, struct printbuf *err)
{
	unsigned type = sb_csum_type(sb);
	struct bch_nonce nonce = {};
	struct bch_csum got;

	if (type >= BCH_CSUM_NR || bch_csum_type_is_encryption(type)) {
		prt_printf(err, "unknown checksum type %u", type);
		return -BCH_ERR_invalid_sb_csum_type;
	}
	got = bch_checksum(NULL, type, nonce, (const u8 *)sb + sizeof(sb->csum),
			   sb_bytes(sb) - sizeof(sb->csum));
	if (bch_csum_eq(got, sb->csum))
		return 0;
	bch_csum_err_to_text(err, type, sb->csum, got);
	return -BCH_ERR_invalid_sb_csum;
}

static unsigned validate_flags(const struct bch_sb_read_args *args)
{
	return args->no_version_check ? SB_VALIDATE_NO_VERSION_CHECK : 0;
}

/* Magic, version and length (spec 01 section 6.1 steps 2 to 4). */
static int raw_head_validate(const struct bch_sb *sb, const struct bch_sb_read_args *args,
			     struct printbuf *err)
{
	size_t max = sb_max_bytes(&sb->layout);
	int ret;

	if (memcmp(sb->magic, bch_sb_magic, 16) && memcmp(sb->magic, bch_sb_magic_old, 16)) {
		prt_str(err, "Not a bcachefs superblock (got magic ");
		prt_uuid(err, sb->magic);
		prt_char(err, ')');
		return -BCH_ERR_invalid_sb_magic;
	}
	ret = bch_sb_version_validate(sb, args->access, validate_flags(args), err);
	if (ret)
		return ret;
	if (sb_bytes(sb) > max) {
		prt_printf(err, "Invalid superblock: too big (got %zu bytes, layout max %zu)",
			   sb_bytes(sb), max);
		return -BCH_ERR_invalid_sb_too_big;
	}
	return 0;
}

static const char *read_error(const struct block_device *bdev, u64 sector, int err)
{
	return sector >= bdev_nr_sectors(bdev) ? "behind the end of the device" :
						 bch_err_sentence(err);
}

/* Read and check the copy at @sector (spec 01 section 6.1). */
static int copy_read(struct bch_sb_handle *h, struct block_device *bdev, u64 sector,
		     const struct bch_sb_read_args *args, struct printbuf *err)
{
	size_t bytes = max_t(size_t, bdev_logical_block_size(bdev), 4096);
	int ret;

	while (true) {
		ret = bch_sb_buffer_grow(h, bytes);
		if (ret)
			return ret;
		ret = bdev_read(bdev, sector, h->sb, bytes);
		if (ret) {
			prt_str(err, read_error(bdev, sector, ret));
			return ret;
		}
		ret = raw_head_validate(h->sb, args, err);
		if (ret)
			return ret;
		if (sb_bytes(h->sb) <= bytes)
			break;
		bytes = roundup(sb_bytes(h->sb), bdev_logical_block_size(bdev));
	}
	ret = checksum_validate(h->sb, err);
	if (ret)
		return ret;
	memset((u8 *)h->sb + sb_bytes(h->sb), 0, h->buffer_size - sb_bytes(h->sb));
	if (sb_is_newer(h->sb) && le64_to_cpu(h->sb->offset) != sector) {
		prt_printf(err, "Bad sb offset (got %llu, read from %llu)",
			   le64_to_cpu(h->sb->offset), sector);
		return -BCH_ERR_invalid_sb_offset;
	}
	return 0;
}

/* Refused for what it says, not for damage: no older copy may be taken in its place. */
static bool is_refusal(int err)
{
	return err == -BCH_ERR_invalid_sb_features || err == -BCH_ERR_sb_version_not_writeable;
}

static void copy_failed(struct reader *r, u64 sector, int ret, struct printbuf *why)
{
	if (r->args->notes)
		prt_printf(r->args->notes, "%s at sector %llu: %s\n",
			   sector == BCH_SB_LAYOUT_SECTOR ? "layout" : "superblock", sector,
			   printbuf_str(why));
	if (!r->ret) {
		r->ret = ret;
		prt_str(&r->first_why, printbuf_str(why));
		prt_str(r->err, printbuf_str(why));
	} else if (strcmp(printbuf_str(why), printbuf_str(&r->first_why))) {
		prt_printf(r->err, "; sector %llu: %s", sector, printbuf_str(why));
	}
}

/* Try the copy at @sector, and keep it if none so far is newer. 0 if it is valid. */
static int copy_try(struct reader *r, u64 sector)
{
	struct bch_sb_handle *h = r->h, tmp = {};
	struct printbuf why = PRINTBUF;
	u64 seq = 0;
	int ret = copy_read(&tmp, r->bdev, sector, r->args, &why);

	if (!ret) {
		seq = le64_to_cpu(tmp.sb->seq);
		ret = bch_sb_validate(tmp.sb, r->args->access, validate_flags(r->args), &why);
	}
	if (is_refusal(ret) && (!r->refused || seq >= r->refused_seq)) {
		r->refused = ret;
		r->refused_seq = seq;
		swap(r->refused_why, why);
	} else if (ret) {
		copy_failed(r, sector, ret, &why);
	}
	if (h->nr_copies < ARRAY_SIZE(h->copies))
		h->copies[h->nr_copies++] = (struct bch_sb_copy){sector, seq, ret};
	if (!ret && (!h->sb || seq >= le64_to_cpu(h->sb->seq))) {
		swap(h->sb, tmp.sb);
		swap(h->buffer_size, tmp.buffer_size);
		h->sector = sector;
	}
	bch_sb_free(&tmp);
	printbuf_exit(&why);
	return ret;
}

/* --- all copies --- */

static bool tried(const struct bch_sb_handle *h, u64 sector)
{
	unsigned i;

	for (i = 0; i < h->nr_copies; i++)
		if (h->copies[i].sector == sector)
			return true;
	return false;
}

static void copies_try(struct reader *r, const struct bch_sb_layout *l)
{
	unsigned i;

	for (i = 0; i < l->nr_superblocks; i++)
		if (!tried(r->h, le64_to_cpu(l->sb_offset[i])))
			copy_try(r, le64_to_cpu(l->sb_offset[i]));
}

/* The layout that stands alone in sector 7. */
static int layout_read(struct reader *r, struct bch_sb_layout *l)
{
	struct printbuf why = PRINTBUF;
	int ret = bdev_read(r->bdev, BCH_SB_LAYOUT_SECTOR, l, sizeof(*l));

	if (ret)
		prt_str(&why, read_error(r->bdev, BCH_SB_LAYOUT_SECTOR, ret));
	else
		ret = bch_sb_layout_validate(l, &why);
	if (ret)
		copy_failed(r, BCH_SB_LAYOUT_SECTOR, ret, &why);
	printbuf_exit(&why);
	return ret;
}

/* Does a superblock begin at @p? Its length is for copy_read() to judge. */
static bool looks_like_sb(const u8 *p)
{
	const struct bch_sb *sb = (const void *)p;

	return !memcmp(sb->magic, bch_sb_magic, 16) || !memcmp(sb->magic, bch_sb_magic_old, 16);
}

static void place_try(struct reader *r, u64 sector, u8 *buf)
{
	size_t bytes = max_t(size_t, bdev_logical_block_size(r->bdev), 512);

	if (tried(r->h, sector) || sector >= bdev_nr_sectors(r->bdev) ||
	    bdev_read(r->bdev, sector, buf, bytes) || !looks_like_sb(buf))
		return;
	copy_try(r, sector);
}

/* Where format puts them: behind the first, and at the end for each size of bucket. */
static void computed_places_try(struct reader *r, u8 *buf)
{
	u64 sectors = bdev_nr_sectors(r->bdev), seen = 0;
	unsigned bits, bucket_bits;

	for (bits = BCH_SB_MAX_SIZE_BITS; bits >= 4 && !r->h->sb; bits--) {
		place_try(r, BCH_SB_SECTOR + (1ULL << bits), buf);
		for (bucket_bits = 0; bucket_bits <= BUCKET_BITS_MAX; bucket_bits++) {
			u64 at = round_down(sectors - (1ULL << bits), 1ULL << bucket_bits);

			if (sectors > 1ULL << bits && at > BCH_SB_SECTOR && at != seen)
				place_try(r, at, buf);
			seen = at;
		}
	}
}

/* Every sector of [start, end). */
static void range_scan(struct reader *r, u64 start, u64 end, u8 *buf)
{
	u64 at, i, step = SCAN_CHUNK >> 9;

	for (at = start; at < end; at += step) {
		u64 nr = min(step, end - at);

		if (bdev_read(r->bdev, at, buf, nr << 9))
			continue;
		for (i = 0; i < nr; i++)
			if (looks_like_sb(buf + (i << 9)) && !tried(r->h, at + i))
				copy_try(r, at + i);
	}
}

static void search(struct reader *r)
{
	u64 sectors = bdev_nr_sectors(r->bdev), head = min_t(u64, sectors, SCAN_SECTORS);
	u8 *buf = kvmalloc(SCAN_CHUNK, GFP_KERNEL);

	if (!buf)
		return;
	computed_places_try(r, buf);
	if (!r->h->sb) {
		range_scan(r, 0, head, buf);
		range_scan(r, max(head, sectors - min_t(u64, sectors, SCAN_SECTORS)), sectors, buf);
	}
	/* What was found knows where the others are. */
	if (r->h->sb) {
		struct bch_sb_layout l = r->h->sb->layout;

		copies_try(r, &l);
	}
	kvfree(buf);
}

static void all_copies_try(struct reader *r)
{
	struct bch_sb_layout l;

	if (!copy_try(r, BCH_SB_SECTOR)) {
		l = r->h->sb->layout;
		copies_try(r, &l);
	} else if (!layout_read(r, &l)) {
		copies_try(r, &l);
	}
	if (!r->h->sb && !r->refused)
		search(r);
}

/* --- the result --- */

static void stale_copies_note(struct bch_sb_handle *h, struct printbuf *notes)
{
	u64 newest = le64_to_cpu(h->sb->seq);
	unsigned i;

	for (i = 0; i < h->nr_copies && notes; i++)
		if (!h->copies[i].err && h->copies[i].seq < newest)
			prt_printf(notes,
				   "superblock at sector %llu is old: seq %llu, newest %llu\n",
				   h->copies[i].sector, h->copies[i].seq, newest);
}

/* A device that begins elsewhere than the filesystem: the disk in place of the partition. */
static void shift_note(const struct bch_sb_handle *h, struct printbuf *notes)
{
	u64 says = le64_to_cpu(h->sb->offset);

	if (notes && says != h->sector)
		prt_printf(notes,
			   "superblock at sector %llu says that it is at sector %llu: the "
			   "filesystem does not begin where the device does\n",
			   h->sector, says);
}

/* Sequence number of the copy that a write looks at first (spec 01 section 8.2 step 8). */
static u64 first_copy_seq(const struct bch_sb_handle *h)
{
	unsigned i;

	for (i = 0; i < h->nr_copies; i++)
		if (h->copies[i].sector == le64_to_cpu(h->sb->layout.sb_offset[0]))
			return h->copies[i].err ? 0 : h->copies[i].seq;
	return 0;
}

static int read_done(struct reader *r)
{
	struct bch_sb_handle *h = r->h;
	unsigned block;

	if (r->refused && (!h->sb || r->refused_seq >= le64_to_cpu(h->sb->seq))) {
		printbuf_reset(r->err);
		prt_str(r->err, printbuf_str(&r->refused_why));
		return r->refused;
	}
	if (!h->sb)
		return r->ret;
	printbuf_reset(r->err);
	block = le16_to_cpu(h->sb->block_size) << 9;
	if (block < bdev_logical_block_size(r->bdev)) {
		prt_printf(r->err, "block size (%u) smaller than device block size (%u)", block,
			   bdev_logical_block_size(r->bdev));
		return -BCH_ERR_block_size_too_small;
	}
	stale_copies_note(h, r->args->notes);
	shift_note(h, r->args->notes);
	h->disk_seq = first_copy_seq(h);
	return 0;
}

int bch_sb_read(struct bch_sb_handle *h, struct block_device *bdev,
		const struct bch_sb_read_args *args, struct printbuf *err)
{
	struct printbuf why = PRINTBUF;
	struct reader r = {
		.h = h,
		.bdev = bdev,
		.args = args,
		.err = &why,
		.first_why = PRINTBUF,
		.refused_why = PRINTBUF,
	};
	int ret;

	*h = (struct bch_sb_handle){.bdev = bdev};
	if (args->sector)
		copy_try(&r, args->sector);
	else
		all_copies_try(&r);
	ret = read_done(&r);
	if (ret) {
		prt_str(err, printbuf_str(&why));
		bch_sb_free(h);
	}
	printbuf_exit(&why);
	printbuf_exit(&r.first_why);
	printbuf_exit(&r.refused_why);
	return ret;
}
