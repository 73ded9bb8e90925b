/*
 * Reading file data: the only path (spec 06 section 6, 07). Extents of the subvolume's snapshot,
 * holes, inline data, shared extents, every checksum and compression, copies in order of merit,
 * reconstruction from the stripe when all copies fail.
 */
#ifndef _BCH_DATA_READ_H
#define _BCH_DATA_READ_H

#include "btree/bkey_ops.h"
#include "data/extents.h"
#include "sb/fs.h"
#include "util/printbuf.h"

/* Work queues, latencies of devices, caches of decompressors; makes c->data. 0 or -ENOMEM. */
int bch_data_init(struct bch_fs *c);
void bch_data_exit(struct bch_fs *c);

/*
 * A read of a file: [offset, offset + len) in bytes, any alignment, not clipped to the file's size.
 * The caller fills the first part; @done is called once, from any thread, with err set: 0 or
 * -EIO (then @why has the sentence: inode, path, offset, device and bucket of what failed). Holes
 * are zeros. Several pieces are in flight at once, over all devices.
 */
struct bch_read {
	struct bch_fs *c;
	u64 inum;
	u32 snapshot;
	u64 offset;
	size_t len;
	void *buf;
	void (*done)(struct bch_read *r);
	void *private;	/* of the caller */
	bool may_block; /* the submitting thread may do the last piece itself */
	/* Where no copy is good, what one of them has, its checksum notwithstanding. */
	bool keep_bad;
	/* The data is deleted: what has no checksum is read though its space was given free. */
	bool deleted;

	int err;
	struct printbuf why; /* freed by the caller */
	size_t reason;	     /* where in it the file's name and place end */
};

void bch_read_submit(struct bch_read *r);
/* Submit and wait: 0 or the error. */
int bch_read_wait(struct bch_read *r);

/*
 * Read r->len bytes from byte @skip of key @k (extent, reflink_v, inline data; at most to its end),
 * which need not be in any btree, and wait. r->offset is for messages only. 0 or the error.
 */
int bch_read_key_wait(struct bch_read *r, struct bkey_view k, u64 skip);

/*
 * For lseek(2): the first byte at or behind @offset that is (not) a hole, at most @size;
 * -ENXIO: none before @size.
 */
s64 bch_seek_data(struct bch_fs *c, u64 inum, u32 snapshot, u64 offset, u64 size);
s64 bch_seek_hole(struct bch_fs *c, u64 inum, u32 snapshot, u64 offset, u64 size);

/*
 * One pointer of an extent, as the scrub sees it: read what it stores (crc.compressed_size sectors)
 * into @buf and check it. 0; -EIO: the device says so; -BCH_ERR_csum_mismatch;
 * -BCH_ERR_device_offline.
 */
int bch_extent_ptr_read(struct bch_fs *c, struct bkey_view k, const struct extent_ptr *p,
			void *buf);
/* The same sectors made of the other blocks of the stripe that @p is in. */
int bch_extent_ptr_reconstruct(struct bch_fs *c, struct bkey_view k, const struct extent_ptr *p,
			       void *buf);

#endif
