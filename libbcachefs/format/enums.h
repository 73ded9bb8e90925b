/*
 * Small enumerations that many structures share, and their names: x(name, number) (spec 03
 * section 3). Data types are in format/data_type.h, checksum types in sb/csum.h.
 */
#ifndef _BCH_FORMAT_ENUMS_H
#define _BCH_FORMAT_ENUMS_H

#include <linux/types.h>

/* How an extent is compressed. */
#define BCH_COMPRESSION_TYPES()	\
	x(none, 0)		\
	x(lz4_old, 1)		\
	x(gzip, 2)		\
	x(lz4, 3)		\
	x(zstd, 4)		\
	x(incompressible, 5)

enum bch_compression_type {
#define x(name, nr) BCH_COMPRESSION_TYPE_##name = nr,
	BCH_COMPRESSION_TYPES()
#undef x
	BCH_COMPRESSION_TYPE_NR
};

/* Option compression: low 4 bits of the option byte; the level is in the high 4 bits. */
#define BCH_COMPRESSION_OPTS()	\
	x(none, 0)		\
	x(lz4, 1)		\
	x(gzip, 2)		\
	x(zstd, 3)

enum bch_compression_opt {
#define x(name, nr) BCH_COMPRESSION_OPT_##name = nr,
	BCH_COMPRESSION_OPTS()
#undef x
	BCH_COMPRESSION_OPT_NR
};

#define BCH_COMPRESSION_OPT_TYPE(v)  ((v) & 0xf)
#define BCH_COMPRESSION_OPT_LEVEL(v) ((v) >> 4 & 0xf)

static inline bool bch_compression_opt_valid(unsigned v)
{
	unsigned type = BCH_COMPRESSION_OPT_TYPE(v);

	return v < 256 && type < BCH_COMPRESSION_OPT_NR && (type || !BCH_COMPRESSION_OPT_LEVEL(v));
}

/* Options metadata_checksum, data_checksum. */
#define BCH_CSUM_OPTS()		\
	x(none, 0)		\
	x(crc32c, 1)		\
	x(crc64, 2)		\
	x(xxhash, 3)

enum bch_csum_opt {
#define x(name, nr) BCH_CSUM_OPT_##name = nr,
	BCH_CSUM_OPTS()
#undef x
	BCH_CSUM_OPT_NR
};

/* Hash of names in a directory (bi_flags STR_HASH). */
#define BCH_STR_HASH_TYPES()	\
	x(crc32c, 0)		\
	x(crc64, 1)		\
	x(siphash_old, 2)	\
	x(siphash, 3)

enum bch_str_hash_type {
#define x(name, nr) BCH_STR_HASH_##name = nr,
	BCH_STR_HASH_TYPES()
#undef x
	BCH_STR_HASH_NR
};

/* Types of directory entries: mode >> 12, and subvolumes. */
#define BCH_D_TYPES()	\
	x(unknown, 0)	\
	x(fifo, 1)	\
	x(chr, 2)	\
	x(dir, 4)	\
	x(blk, 6)	\
	x(reg, 8)	\
	x(lnk, 10)	\
	x(sock, 12)	\
	x(whiteout, 14)	\
	x(subvol, 16)

enum bch_d_type {
#define x(name, nr) BCH_DT_##name = nr,
	BCH_D_TYPES()
#undef x
	BCH_DT_NR
};

/* NULL-terminated tables (format/names.c); d_types has holes of NULL, use bch_d_type_name(). */
extern const char *const bch_compression_type_names[];
extern const char *const bch_compression_opt_names[];
extern const char *const bch_csum_opt_names[];
extern const char *const bch_str_hash_type_names[];

/* NULL: no such type. */
const char *bch_d_type_name(unsigned d_type);

#endif
