/*
 * Sparse images in the qcow2 format (spec 09 section 12.3): written front to back as version 2 with
 * reference counts, read as version 2 or 3 without backing file, compression or encryption.
 */
#ifndef _HOST_QCOW2_H
#define _HOST_QCOW2_H

#include <linux/types.h>
#include "util/printbuf.h"

#define QCOW2_CLUSTER_BITS_MIN 9
#define QCOW2_CLUSTER_BITS_MAX 21

struct qcow2_writer {
	int fd;
	unsigned cluster_bits;
	u64 size; /* of the image, bytes */
	u64 pos;  /* end of the file so far, a cluster boundary */
	__be64 *l1, *l2;
	u32 l1_nr;
	u32 l1_idx;   /* of l2 */
	bool l2_used; /* has entries that are not written */
};

/* Begin at the start of the empty file @fd. 0, -ENOMEM, -EFBIG. */
int qcow2_begin(struct qcow2_writer *w, int fd, u64 size, unsigned cluster_bits);
/* Whole clusters at @offset of the image, ascending. Those of zeros take no place. */
int qcow2_add(struct qcow2_writer *w, u64 offset, const void *buf, size_t bytes);
/* Write the tables, last the header. */
int qcow2_finish(struct qcow2_writer *w);
void qcow2_exit(struct qcow2_writer *w);

/*
 * The image in file @in to the empty file @out, sparse. Nothing in the image is trusted. 0 or a
 * negative errno with a sentence (without the file's name) in @err.
 */
int qcow2_extract(int in, int out, struct printbuf *err);

#endif
