/*
 * Making a new filesystem (spec 01 section 16): the superblocks of its devices, first in memory,
 * then on disk. The first mount does the rest: journal, freespace, root directory.
 */
#ifndef _BCH_SB_FORMAT_H
#define _BCH_SB_FORMAT_H

#include "sb/opts.h"
#include "sb/super.h"

#define BCH_FORMAT_TARGETS 4

struct bch_format_dev {
	struct block_device *bdev; /* open for writing. Not owned */
	u64 size;		   /* of the device, bytes */
	u32 block_size;		   /* bytes: the smallest unit that it writes well */
	const char *name;	   /* as the user wrote it: targets may name it so */
	const char *label;	   /* path, or NULL */
	u64 fs_size;		   /* bytes to use; 0: all */
	u64 bucket_size;	   /* bytes; 0: choose */
	u64 data_allowed;	   /* bits: data types */
	unsigned durability;
	bool discard;
	struct bch_sb_handle sb; /* made by bch_format_prepare() */
	bool written;		 /* all its copies are on disk */
};

struct bch_format_target {
	enum bch_opt_id opt;
	const char *text; /* name of a device, or label path; NULL: not given */
};

struct bch_format {
	struct bch_opts opts; /* what is defined was given */
	struct bch_format_target targets[BCH_FORMAT_TARGETS];
	const char *label; /* of the filesystem, or NULL */
	u8 user_uuid[16];  /* all zero: random */
	unsigned version;
	u64 sb_size; /* bytes; 0: default */
	bool encrypted;
	const char *passphrase; /* NULL: the key stays in the clear */
	struct bch_format_dev *devs;
	unsigned nr_devs;
};

/* Defaults: the current version, no options. */
void bch_format_init(struct bch_format *f);
/* Ends what bch_format_prepare() made. */
void bch_format_exit(struct bch_format *f);

/* Defaults of a device. */
#define BCH_FORMAT_DEV                                                                       \
	((struct bch_format_dev){                                                            \
		.data_allowed =                                                              \
			1U << BCH_DATA_journal | 1U << BCH_DATA_btree | 1U << BCH_DATA_user, \
		.durability = 1,                                                             \
	})

/*
 * Can a filesystem of this format version be made? 0 or -BCH_ERR_format_refused with a sentence:
 * from 1.0 to the current one.
 */
int bch_format_version_check(unsigned version, struct printbuf *err);

/*
 * Check everything that can be known before the first write, and make all superblocks in memory.
 * Nothing is written. 0 or a negative error with a sentence in @err.
 */
int bch_format_prepare(struct bch_format *f, struct printbuf *err);

/*
 * Write what was prepared, device after device, each flushed. On failure a negative error with a
 * sentence in @err; devs[i].written tells how far it got.
 */
int bch_format_write(struct bch_format *f, struct printbuf *err);

#endif
