/*
 * Keys of all types: each rule of spec 03 sections 4 and 6 to 21 broken once, with its error id
 * and text; text and JSON of values that images do not show; conversions of old values.
 */
#include "alloc/accounting.h"
#include "alloc/alloc_keys.h"
#include "btree/bkey.h"
#include "data/ec.h"
#include "data/extents.h"
#include "format/sb_errors.h"
#include "format/versions.h"
#include "fs/inode.h"
#include "fs/snapshot.h"
#include "init/key_types.h"
#include "sb/csum.h"
#include "sb/fs.h"
#include "util/json.h"
#include "util/varint.h"
#include "tests/unit/test.h"

/* Two members: 0 with buckets of 512 sectors and durability 1, 1 with 256 and 2. */
static struct bch_fs *fs(u16 version)
{
	static struct bch_fs c;
	static struct bch_dev devs[2];
	static u8 gens[100];

	bch_key_types_init();
	c.version = c.version_upgrade_complete = version;
	c.btree_node_sectors = 512;
	c.encoded_extent_max = 128;
	gens[50] = 3;
	for (unsigned i = 0; i < 2; i++) {
		devs[i].idx = i;
		devs[i].name = i ? "vdb" : "vda";
		devs[i].bucket_gens = gens;
		devs[i].mi = (struct bch_member_info){.alive = true,
						      .nbuckets = 100,
						      .first_bucket = 1,
						      .bucket_size = 512 >> i,
						      .durability = i + 1};
		c.devs[i] = &devs[i];
	}
	return &c;
}

#define V13 BCH_VERSION(1, 13)
#define V39 BCH_VERSION(1, 39)

/* A key, and what the validator says of it; id 0 and text NULL: nothing. */
struct key_case {
	u8 type, btree, level, flags;
	struct bpos p;
	u32 size;
	u8 val_u64s;
	u64 v[40];
	u16 id;
	const char *text;
	u64 version; /* of the key */
};

static struct bkey_view case_view(const struct key_case *t, struct bkey *k)
{
	*k = (struct bkey){
		.u64s = BKEY_U64s + t->val_u64s,
		.format = KEY_FORMAT_CURRENT,
		.type = t->type,
		.bversion.lo = t->version,
		.size = t->size,
		.p = t->p,
	};
	return (struct bkey_view){k, t->v};
}

static void expect_findings(const struct bch_fs *c, const struct key_case *t, size_t nr)
{
	for (; nr; nr--, t++) {
		struct printbuf text = PRINTBUF;
		struct finding f = {.text = &text};
		struct bkey k;
		struct bkey_view kv = case_view(t, &k);
		struct bkey_where where = {t->btree, t->level, t->flags};
		int ret = bch_bkey_validate(c, kv, where, &f);

		if (f.id != t->id || !ret != !t->text || strcmp(printbuf_str(&text), t->text ?: ""))
			UNIT_TEST_FAIL("type %u: %u \"%s\"\nexpected %u \"%s\"", t->type, f.id,
				       printbuf_str(&text), t->id, t->text ?: "");
		EXPECT_EQ(bch_bkey_validate(c, kv, where, NULL), ret);
		printbuf_exit(&text);
	}
}

#define EXPECT_FINDINGS(c, cases) expect_findings(c, cases, ARRAY_SIZE(cases))
#define E(name)			  BCH_FSCK_ERR_##name

#define KEY(_type, _btree, _p) .type = KEY_TYPE_##_type, .btree = BTREE_ID_##_btree, .p = _p

#define VAL(...) .v = {__VA_ARGS__}, .val_u64s = sizeof((u64[]){__VA_ARGS__}) / sizeof(u64)

#define PTR(dev, bucket, offset) \
	(1ULL | (u64)((bucket) * ((dev) == 1 ? 256 : 512) + (offset)) << 4 | (u64)(dev) << 48)
#define CACHED	  2ULL
#define UNWRITTEN 8ULL
#define STRIPE	  (1ULL << 4 | 1ULL << 13 | 7ULL << 17)
/* crc32: compressed, uncompressed size, offset, checksum type, compression type */
#define CRC32(cs, us, o, csum, comp)                                                       \
	(2ULL | ((cs)-1ULL) << 2 | ((us)-1ULL) << 9 | (u64)(o) << 16 | (u64)(csum) << 24 | \
	 (u64)(comp) << 28)
#define EXTENT_POS SPOS(4099, 8, U32_MAX)
#define EXTENT	   KEY(extent, extents, EXTENT_POS), .size = 8

TEST(common_checks)
{
	static const struct key_case cases[] = {
		{EXTENT, VAL(PTR(0, 9, 0))},
		{KEY(dirent, inodes, SPOS(0, 4096, 1)), VAL(1, 'a'), .flags = BKEY_VALIDATE_COMMIT,
		 .id = E(bkey_invalid_type_for_btree),
		 .text = "invalid key type for btree inodes (dirent)"},
		{KEY(dirent, inodes, SPOS(0, 4096, 1)), VAL(1, 0x6108)},
		{KEY(extent, extents, EXTENT_POS), .level = 1, VAL(PTR(0, 9, 0)),
		 .id = E(bkey_invalid_type_for_btree),
		 .text = "invalid key type for btree internal btree node (extent)"},
		{KEY(extent, extents, EXTENT_POS), VAL(PTR(0, 9, 0)),
		 .id = E(bkey_extent_size_zero), .text = "size == 0"},
		{KEY(extent, extents, EXTENT_POS), .size = 9, VAL(PTR(0, 9, 0)),
		 .id = E(bkey_extent_size_greater_than_offset),
		 .text = "size greater than offset (9 > 8)"},
		{KEY(whiteout, extents, EXTENT_POS), .size = 1, .id = E(bkey_size_nonzero),
		 .text = "size != 0"},
		{KEY(whiteout, extents, EXTENT_POS)},
		{KEY(deleted, inodes, SPOS(0, 4096, 0)), .id = E(bkey_snapshot_zero),
		 .text = "snapshot == 0"},
		{KEY(set, lru, SPOS(1, 1, 1)), .id = E(bkey_snapshot_nonzero),
		 .text = "nonzero snapshot"},
		{KEY(set, deleted_inodes, SPOS(0, 4096, 7))},
		{KEY(set, lru, POS_MAX), .id = E(bkey_at_pos_max), .text = "key at POS_MAX"},
		{KEY(inode_v3, inodes, SPOS(0, 4096, 1)), VAL(1, 2, 3, 4, 5),
		 .id = E(bkey_val_size_too_small), .text = "bad val size (40 < 48)"},
		{.type = 200, .btree = BTREE_ID_lru, .p = POS(1, 1), VAL(1)},
		{.type = KEY_TYPE_set, .btree = 60, .p = SPOS(1, 1, 1), .size = 4},
		{KEY(set, lru, POS(1, 1)), VAL(1), .id = E(bkey_val_size_nonzero),
		 .text = "incorrect value size (8 != 0)"},
		{KEY(hash_whiteout, dirents, SPOS(1, 1, 1)), VAL(1), .id = E(bkey_val_size_nonzero),
		 .text = "incorrect value size (8 != 0)"},
		{KEY(error, extents, EXTENT_POS), .size = 8, VAL(1), .id = E(bkey_val_size_nonzero),
		 .text = "incorrect value size (8 != 0)"},
		{KEY(lru, lru, POS(5ULL << 48, 1)), VAL(1), .id = E(lru_entry_at_time_0),
		 .text = "lru entry at time=0"},
	};
	struct bkey k = {.u64s = 4};
	struct bkey_view kv = {&k, NULL};
	struct printbuf text = PRINTBUF;
	struct finding f = {.text = &text};

	EXPECT_FINDINGS(fs(V13), cases);
	EXPECT(bch_bkey_validate(fs(V13), kv, (struct bkey_where){60}, &f));
	EXPECT_EQ(f.id, E(bkey_u64s_too_small));
	EXPECT_STR(printbuf_str(&text), "u64s too small (4 < 5)");
	printbuf_exit(&text);
}

TEST(pointer_lists)
{
	static const struct key_case cases[] = {
		{EXTENT, VAL(1ULL << 6), .id = E(extent_ptrs_invalid_entry),
		 .text = "invalid extent entry type (got 6, max 6)"},
		{EXTENT, VAL(0), .id = E(extent_ptrs_invalid_entry),
		 .text = "invalid extent entry type (got 6, max 6)"},
		{EXTENT, VAL(PTR(0, 9, 0), 4), .id = E(extent_ptrs_invalid_entry),
		 .text = "invalid extent entry type (got 2, max 6)"},
		{EXTENT, VAL(PTR(0, 9, 0), PTR(0, 10, 0)), .id = E(ptr_to_duplicate_device),
		 .text = "multiple pointers to same device (0)"},
		{EXTENT, VAL(PTR(0, 9, 0), STRIPE, STRIPE, PTR(0, 10, 0)),
		 .id = E(ptr_to_duplicate_device), .text = "multiple pointers to same device (0)"},
		{EXTENT, VAL(PTR(9, 0, 1), PTR(9, 0, 2)), .id = E(ptr_to_duplicate_device),
		 .text = "multiple pointers to same device (9)"},
		{EXTENT, VAL(PTR(0, 100, 0)), .id = E(ptr_after_last_bucket),
		 .text = "pointer past last bucket (100 > 100)"},
		{EXTENT, VAL(PTR(0, 0, 0)), .id = E(ptr_before_first_bucket),
		 .text = "pointer before first bucket (0 < 1)"},
		{EXTENT, VAL(PTR(0, 9, 505)), .id = E(ptr_spans_multiple_buckets),
		 .text = "pointer spans multiple buckets (505 + 8 > 512)"},
		{EXTENT, VAL(CRC32(9, 9, 0, 5, 3), PTR(0, 9, 504)),
		 .id = E(ptr_spans_multiple_buckets),
		 .text = "pointer spans multiple buckets (504 + 9 > 512)"},
		{EXTENT, VAL(STRIPE, PTR(0, 9, 0) | CACHED), .id = E(ptr_cached_and_erasure_coded),
		 .text = "cached, erasure coded ptr"},
		{EXTENT, VAL(CRC32(8, 8, 1, 5, 0), PTR(0, 9, 0)),
		 .id = E(ptr_crc_uncompressed_size_too_small),
		 .text = "checksum offset + key size > uncompressed size"},
		{EXTENT, VAL(CRC32(8, 8, 0, 8, 0), PTR(0, 9, 0)),
		 .id = E(ptr_crc_csum_type_unknown), .text = "invalid checksum type"},
		{EXTENT, VAL(CRC32(8, 8, 0, 3, 0), PTR(0, 9, 0)),
		 .id = E(ptr_crc_csum_type_unknown), .text = "invalid checksum type"},
		{EXTENT, VAL(CRC32(8, 8, 0, 5, 6), PTR(0, 9, 0)),
		 .id = E(ptr_crc_compression_type_unknown), .text = "invalid compression type"},
		{EXTENT, VAL(CRC32(8, 8, 0, 5, 0), CRC32(8, 8, 0, 5, 0), PTR(0, 9, 0)),
		 .id = E(ptr_crc_redundant), .text = "redundant crc entry"},
		{EXTENT, VAL(4 | 199 << 3 | 199 << 12 | 5ULL << 40, 0, PTR(0, 9, 0)),
		 .flags = BKEY_VALIDATE_WRITE, .id = E(ptr_crc_uncompressed_size_too_big),
		 .text = "too large encoded extent"},
		{EXTENT, VAL(4 | 199 << 3 | 199 << 12 | 5ULL << 40, 0, PTR(0, 9, 0))},
		{EXTENT, VAL(CRC32(8, 9, 0, 5, 0), PTR(0, 9, 0)), .flags = BKEY_VALIDATE_COMMIT,
		 .id = E(ptr_crc_uncompressed_size_mismatch),
		 .text = "not compressed but compressed != uncompressed size"},
		{EXTENT, VAL(CRC32(8, 9, 0, 5, 0), PTR(0, 9, 0))},
		{EXTENT, VAL(STRIPE, STRIPE, PTR(0, 9, 0)), .id = E(ptr_stripe_redundant),
		 .text = "redundant stripe entry"},
		{EXTENT, VAL(1 << 5), .id = E(extent_ptrs_no_ptrs), .text = "no ptrs"},
		{EXTENT, .id = E(extent_ptrs_no_ptrs), .text = "no ptrs"},
		{EXTENT,
		 VAL(PTR(10, 0, 1), PTR(11, 0, 1), PTR(12, 0, 1), PTR(13, 0, 1), PTR(14, 0, 1),
		     PTR(15, 0, 1), PTR(16, 0, 1), PTR(17, 0, 1), PTR(18, 0, 1), PTR(19, 0, 1),
		     PTR(20, 0, 1), PTR(21, 0, 1), PTR(22, 0, 1), PTR(23, 0, 1), PTR(24, 0, 1),
		     PTR(25, 0, 1), PTR(26, 0, 1)),
		 .id = E(extent_ptrs_too_many_ptrs), .text = "too many ptrs: 17 > 16"},
		{EXTENT, VAL(PTR(0, 9, 0) | UNWRITTEN, PTR(1, 9, 0)),
		 .id = E(extent_ptrs_written_and_unwritten),
		 .text = "extent with unwritten and written ptrs"},
		{KEY(reflink_v, reflink, POS(0, 8)), .size = 8, VAL(1, PTR(0, 9, 0) | UNWRITTEN),
		 .id = E(extent_ptrs_unwritten), .text = "has unwritten ptrs"},
		{EXTENT, VAL(PTR(0, 9, 0), CRC32(8, 8, 0, 5, 0)),
		 .id = E(extent_ptrs_redundant_crc), .text = "redundant crc entry"},
		{EXTENT, VAL(PTR(0, 9, 0), STRIPE), .id = E(extent_ptrs_redundant_stripe),
		 .text = "redundant stripe entry"},
		{KEY(btree_ptr, extents, EXTENT_POS), .level = 1, VAL(CRC32(8, 8, 0, 5, 0)),
		 .id = E(btree_ptr_has_non_ptr), .text = "has non ptr field"},
		{KEY(btree_ptr, extents, EXTENT_POS), .level = 1, VAL(PTR(1, 9, 0)),
		 .id = E(ptr_spans_multiple_buckets),
		 .text = "pointer spans multiple buckets (0 + 512 > 256)"},
		{KEY(btree_ptr, extents, EXTENT_POS), .level = 1, VAL(1, 1, 1, 1, 1),
		 .id = E(btree_ptr_val_too_big), .text = "value too big (5 > 4)"},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

TEST(encrypted_nonces_agree)
{
	/* crc64 with MACs of 80 bits: offset 0 nonce 1, then offset 0 nonce 2 */
	static const struct key_case cases[] = {
		{EXTENT,
		 VAL(4 | 7 << 3 | 7 << 12 | 1ULL << 30 | 3ULL << 40, 0, PTR(0, 9, 0),
		     4 | 7 << 3 | 7 << 12 | 2ULL << 30 | 3ULL << 40, 0, PTR(1, 9, 0)),
		 .id = E(ptr_crc_nonce_mismatch), .text = "incorrect nonce"},
		{EXTENT, VAL(4 | 7 << 3 | 7 << 12 | 1ULL << 30 | 3ULL << 40, 0, PTR(0, 9, 0))},
	};
	struct bch_crypt_key key = {};
	struct bch_fs *c = fs(V13);

	c->key = &key;
	EXPECT_FINDINGS(c, cases);
	c->key = NULL;
}

/* btree_ptr_v2 with seq 7 and min_key inode:offset:0. */
#define BTREE_PTR(inode, offset, written, ...) VAL(0, 7, (written), (offset), (inode), __VA_ARGS__)

TEST(btree_pointers_and_small_types)
{
	static const struct key_case cases[] = {
		{KEY(btree_ptr_v2, inodes, POS(9, 9)), .level = 1,
		 VAL(1, 1, 1, 1, 1, 1, 1, 1, 1, 1), .id = E(btree_ptr_v2_val_too_big),
		 .text = "value too big (10 > 9)"},
		{KEY(btree_ptr_v2, inodes, POS(9, 9)), .level = 1,
		 BTREE_PTR(10, 0, 1, PTR(0, 9, 0)), .id = E(btree_ptr_v2_min_key_bad),
		 .text = "min_key > key"},
		{KEY(btree_ptr_v2, inodes, SPOS(9, 9, 0)), .level = 1,
		 BTREE_PTR(9, 9, 1, PTR(0, 9, 0))},
		{KEY(btree_ptr_v2, inodes, SPOS(9, 9, 0)), .level = 1, .flags = BKEY_VALIDATE_WRITE,
		 BTREE_PTR(9, 9, 1, PTR(0, 9, 0)), .id = E(btree_ptr_v2_min_key_bad),
		 .text = "min_key > key"},
		{KEY(btree_ptr_v2, inodes, POS(9, 9)), .level = 1, .flags = BKEY_VALIDATE_WRITE,
		 BTREE_PTR(1, 0, 0, PTR(0, 9, 0)), .id = E(btree_ptr_v2_written_0),
		 .text = "sectors_written == 0"},
		{KEY(btree_ptr_v2, inodes, POS(9, 9)), .level = 1,
		 BTREE_PTR(1, 0, 0, PTR(0, 9, 0))},
		{KEY(reservation, extents, EXTENT_POS), .size = 8, VAL(0),
		 .id = E(reservation_key_nr_replicas_invalid), .text = "invalid nr_replicas (0)"},
		{KEY(reservation, extents, EXTENT_POS), .size = 8, VAL(5ULL << 32),
		 .id = E(reservation_key_nr_replicas_invalid), .text = "invalid nr_replicas (5)"},
		{KEY(reflink_p, extents, EXTENT_POS), .size = 8, VAL(1, 2),
		 .id = E(reflink_p_front_pad_bad), .text = "idx < front_pad (1 < 2)"},
		{KEY(quota, quotas, POS(3, 0)), VAL(0, 0, 0, 0), .id = E(quota_type_invalid),
		 .text = "invalid quota type (3 >= 3)"},
		{KEY(bucket_gens, bucket_gens, POS(0, 0)), VAL(0),
		 .id = E(bucket_gens_val_size_bad), .text = "bad val size (8 != 256)"},
		{KEY(inode_generation, inodes, SPOS(1, 1, 1)), VAL(0),
		 .id = E(inode_pos_inode_nonzero), .text = "nonzero k.p.inode"},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

/* inode_v3 with the flags word, and up to 8 words of fields from byte 48 on. */
#define INODE(flags, ...) VAL(0, 0, (flags) | 6ULL << 31, 0, 0, 0, __VA_ARGS__)
#define INODE_POS	  SPOS(0, 4096, U32_MAX)
/* Ten fields of 0 (four of them twice), then data_checksum, compression. */
#define NR_FIELDS(n)	  ((u64)(n) << 24)

TEST(inodes)
{
	static const struct key_case cases[] = {
		{KEY(inode_v3, inodes, INODE_POS), VAL(0, 0, 5ULL << 31, 0, 0, 0),
		 .id = E(inode_v3_fields_start_bad),
		 .text = "invalid fields_start (got 5, min 6 max 6)"},
		{KEY(inode_v3, inodes, INODE_POS), INODE(4ULL << 20, 0),
		 .id = E(inode_str_hash_invalid), .text = "invalid str hash type (4 >= 4)"},
		{KEY(inode_v3, inodes, SPOS(1, 4096, 1)), INODE(0, 0),
		 .id = E(inode_pos_inode_nonzero), .text = "nonzero k.p.inode"},
		{KEY(inode_v3, inodes, SPOS(0, 4095, 1)), INODE(0, 0),
		 .id = E(inode_pos_blockdev_range), .text = "fs inode in blockdev range"},
		{KEY(inode_v3, inodes, INODE_POS), INODE(NR_FIELDS(24), 0),
		 .id = E(inode_unpack_error), .text = "invalid variable length fields"},
		{KEY(inode_v3, inodes, INODE_POS), INODE(NR_FIELDS(1), 0x0200),
		 .id = E(inode_unpack_error), .text = "invalid variable length fields"},
		{KEY(inode_v3, inodes, INODE_POS), INODE(NR_FIELDS(10), 0, 10ULL << 40),
		 .id = E(inode_checksum_type_invalid),
		 .text = "invalid data checksum type (5 >= 5"},
		{KEY(inode_v3, inodes, INODE_POS), INODE(NR_FIELDS(11), 0, 10ULL << 48),
		 .id = E(inode_compression_type_invalid), .text = "invalid compression opt 4"},
		{KEY(inode_v3, inodes, INODE_POS), INODE(NR_FIELDS(7) | 1 << 7, 0, 2ULL << 16),
		 .id = E(inode_unlinked_but_nlink_nonzero),
		 .text = "flagged as unlinked but bi_nlink != 0"},
		{KEY(inode_v3, inodes, INODE_POS),
		 INODE(NR_FIELDS(22) | 0100644ULL << 36, 0, 0, 0, 2ULL << 8, 0),
		 .id = E(inode_subvol_root_but_not_dir),
		 .text = "subvolume root but not a directory"},
		{KEY(inode_v3, inodes, INODE_POS),
		 INODE(NR_FIELDS(22) | 0040755ULL << 36, 0, 0, 0, 2ULL << 8, 0)},
		{KEY(inode_v3, inodes, INODE_POS), INODE(0100644ULL << 36, 0)},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

/* Value of a dirent: inum, type and up to 7 bytes of name in the second word. */
#define NAME(type, ...)          \
	((union {                \
		 u8 b[8];        \
		 u64 w;          \
	 }){{type, __VA_ARGS__}} \
		 .w)

TEST(dirents)
{
	struct key_case cases[] = {
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4097, NAME(8, 'a'))},
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4097, 8), .id = E(dirent_empty_name),
		 .text = "empty name"},
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4097, 0), .id = E(dirent_empty_name),
		 .text = "empty name"},
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4097, NAME(8, 'a'), 0, 0),
		 .id = E(dirent_val_too_big), .text = "value too big (4 > 3)"},
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4097, NAME(8, 'a', 0, 'b')),
		 .id = E(dirent_name_embedded_nul),
		 .text = "dirent has stray data after name's NUL"},
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4097, NAME(8, '.')),
		 .id = E(dirent_name_dot_or_dotdot), .text = "invalid name"},
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4097, NAME(8, '.', '.')),
		 .id = E(dirent_name_dot_or_dotdot), .text = "invalid name"},
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4097, NAME(8, 'a', '/')),
		 .id = E(dirent_name_has_slash), .text = "name with /"},
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4096, NAME(8, 'a')),
		 .id = E(dirent_to_itself), .text = "dirent points to own directory"},
		{KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(4096, NAME(16, 'a'))},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

TEST(dirent_with_a_full_zero_word_is_too_big)
{
	struct key_case t = {KEY(dirent, dirents, SPOS(4096, 5, 1)),
			     VAL(4097, NAME(8, 'a', 'b', 'c', 'd', 'e', 'f', 'g'), 0),
			     .id = E(dirent_val_too_big), .text = "value too big (3 > 2)"};

	expect_findings(fs(V13), &t, 1);
}

TEST(dirent_name_is_limited_at_commit)
{
	struct {
		struct bkey k;
		u64 v[80];
	} key = {.k = {.type = KEY_TYPE_dirent, .p = SPOS(4096, 5, 1)}};
	struct bkey_where where = {.btree = BTREE_ID_dirents, .flags = BKEY_VALIDATE_COMMIT};
	struct printbuf text = PRINTBUF;
	struct finding f = {.text = &text};

	memset((char *)key.v + 9, 'x', 513);
	key.k.u64s = BKEY_U64s + DIV_ROUND_UP(9 + 513, 8);
	EXPECT(bch_bkey_validate(fs(V13), (struct bkey_view){&key.k, key.v}, where, &f));
	EXPECT_EQ(f.id, E(dirent_name_too_long));
	EXPECT_STR(printbuf_str(&text), "dirent name too big (513 > 512)");
	where.flags = 0;
	EXPECT(!bch_bkey_validate(fs(V13), (struct bkey_view){&key.k, key.v}, where, NULL));
	printbuf_exit(&text);
}

#define XATTR(type, name_len, val_len, ...) NAME(type, name_len, val_len, 0, __VA_ARGS__)

TEST(xattrs)
{
	struct key_case cases[] = {
		{KEY(xattr, xattrs, SPOS(4096, 5, 1)), VAL(XATTR(0, 1, 3, 'n', 'a', 'b', 'c'))},
		{KEY(xattr, xattrs, SPOS(4096, 5, 1)), VAL(XATTR(0, 1, 4, 'n', 'a', 'b', 'c')),
		 .id = E(xattr_val_size_too_small), .text = "value too small (1 < 2)"},
		{KEY(xattr, xattrs, SPOS(4096, 5, 1)), VAL(XATTR(0, 0, 0, 0), 0),
		 .id = E(xattr_val_size_too_big), .text = "value too big (2 > 1)"},
		{KEY(xattr, xattrs, SPOS(4096, 5, 1)), VAL(XATTR(0, 1, 0, 'n'), 0)},
		{KEY(xattr, xattrs, SPOS(4096, 5, 1)), VAL(XATTR(5, 1, 0, 'n')),
		 .id = E(xattr_invalid_type), .text = "invalid type (5)"},
		{KEY(xattr, xattrs, SPOS(4096, 5, 1)), VAL(XATTR(0, 2, 0, 'n', 0)),
		 .id = E(xattr_name_invalid_chars), .text = "xattr name has invalid characters"},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

/* alloc_v4: flags, data type, dirty and cached sectors, stripe; 8 words. */
#define ALLOC(flags, type, dirty, cached, stripe) \
	VAL(0, (flags) | (u64)(type) << 48, (dirty) | (u64)(cached) << 32, 1, 1, (stripe), 0, 0)
#define START8 (8 << 2)

TEST(alloc_keys)
{
	static const struct key_case cases[] = {
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(START8, BCH_DATA_user, 8, 0, 0)},
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(9 << 2, BCH_DATA_user, 8, 0, 0),
		 .id = E(alloc_v4_val_size_bad), .text = "bad val size (9 > 8)"},
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(START8 | 1 << 8, BCH_DATA_user, 8, 0, 0),
		 .id = E(alloc_v4_val_size_bad), .text = "bad val size (12 > 8)"},
		{KEY(alloc_v4, alloc, POS(0, 9)), VAL(1 << 8, 1 << 8, 0, 0, 0, 0, 0, 0, 0, 0),
		 .id = E(alloc_v4_backpointers_start_bad), .text = "invalid backpointers_start"},
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(START8, BCH_DATA_free, 0, 8, 0),
		 .id = E(alloc_key_data_type_bad), .text = "invalid data type (got 0 should be 5)"},
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(START8 | 1, BCH_DATA_user, 0, 0, 0),
		 .id = E(alloc_key_data_type_bad), .text = "invalid data type (got 4 should be 9)"},
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(START8, BCH_DATA_user, 0, 0, 7),
		 .id = E(alloc_key_data_type_bad), .text = "invalid data type (got 4 should be 7)"},
		{KEY(alloc_v4, alloc, POS(0, 9)), VAL(0, START8, 0, 1ULL << 48, 1, 0, 0, 0),
		 .id = E(alloc_key_io_time_bad),
		 .text = "invalid io_time[read]: 281474976710656, max 281474976710655"},
		{KEY(alloc_v4, alloc, POS(0, 9)), VAL(0, START8, 0, 1, 1ULL << 48, 0, 0, 0),
		 .id = E(alloc_key_io_time_bad),
		 .text = "invalid io_time[write]: 281474976710656, max 281474976710655"},
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(START8, BCH_DATA_free, 8, 0, 0),
		 .id = E(alloc_key_empty_but_have_data),
		 .text = "empty data type free but have data 0.8.0 0"},
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(START8, BCH_DATA_parity, 0, 0, 7),
		 .id = E(alloc_key_dirty_sectors_0),
		 .text = "data_type parity but dirty_sectors==0"},
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(START8, BCH_DATA_cached, 8, 8, 0),
		 .id = E(alloc_key_cached_inconsistency), .text = "data type inconsistency"},
		/* stripe_sectors does not count when old backpointers begin before it */
		{KEY(alloc_v4, alloc, POS(0, 9)),
		 VAL(0, 6 << 2 | (u64)BCH_DATA_free << 48, 0, 1, 1, 0, 0, 77)},
		{KEY(alloc, alloc, POS(0, 9)), VAL(0xff), .id = E(alloc_v1_val_size_bad),
		 .text = "incorrect value size (1 < 3)"},
		{KEY(alloc_v2, alloc, POS(0, 9)), VAL(6 | 0xffULL << 56),
		 .id = E(alloc_v2_unpack_error), .text = "unpack error"},
		{KEY(alloc_v3, alloc, POS(0, 9)), VAL(0, 6ULL << 32),
		 .id = E(alloc_v3_unpack_error), .text = "unpack error"},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

TEST(backpointers)
{
	/* Device 0, bucket 9 (sector 4608), offset 8 in it */
	static const struct key_case cases[] = {
		{KEY(backpointer, backpointers, POS(0, (9 * 512 + 8) << 10)),
		 VAL((u64)(8 << 10) << 24, 8, 0, 0)},
		{KEY(backpointer, backpointers, POS(0, (9 * 512 + 8) << 10)),
		 VAL((u64)(9 << 10) << 24, 8, 0, 0), .id = E(backpointer_bucket_offset_wrong),
		 .text = "backpointer bucket_offset wrong"},
		{KEY(backpointer, backpointers, POS(0, 9 * 512 << 10)),
		 VAL((u64)(512 << 10) << 24, 8, 0, 0), .id = E(backpointer_bucket_offset_wrong),
		 .text = "backpointer bucket_offset wrong"},
		{KEY(backpointer, backpointers, POS(77, 9 * 512 << 10)),
		 VAL((u64)(512 << 10) << 24, 8, 0, 0)},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

TEST(accounting)
{
	static const struct key_case cases[] = {
		{KEY(accounting, accounting, SPOS(0, 0, 0)), VAL(1),
		 .id = E(accounting_key_version_0), .text = "accounting key with version=0"},
		{KEY(accounting, accounting, SPOS(0, 0, 0)), VAL(1), .version = 1},
		{KEY(accounting, accounting, SPOS(0, 0, 2 | 4 << 8)), VAL(1), .version = 1,
		 .id = E(accounting_key_replicas_nr_devs_0),
		 .text = "accounting key replicas entry with nr_devs=0"},
		{KEY(accounting, accounting, SPOS(0, 1 << 8, 2 | 4 << 8 | 2 << 16 | 2 << 24)),
		 VAL(1), .version = 1, .id = E(accounting_key_replicas_nr_required_bad),
		 .text = "accounting key replicas entry with bad nr_required"},
		{KEY(accounting, accounting, SPOS(0, 1, 2 | 4 << 8 | 1 << 16 | 2 << 24)), VAL(1),
		 .version = 1, .id = E(accounting_key_replicas_nr_required_bad),
		 .text = "accounting key replicas entry with bad nr_required"},
		{KEY(accounting, accounting, SPOS(0, 1, 2 | 4 << 8 | 2 << 16 | 1 << 24)), VAL(1),
		 .version = 1, .id = E(accounting_key_replicas_devs_unsorted),
		 .text = "accounting key replicas entry with unsorted devs"},
		{KEY(accounting, accounting, SPOS(0, 1 << 8, 2 | 4 << 8 | 2 << 16 | 1 << 24)),
		 VAL(1), .version = 1},
		{KEY(accounting, accounting, SPOS(1, 1 << 8, 2 | 4 << 8 | 2 << 16 | 1 << 24)),
		 VAL(1), .version = 1, .id = E(accounting_key_junk_at_end),
		 .text = "junk at end of accounting key"},
		{KEY(accounting, accounting, SPOS(0, 0, 0 | 1 << 8)), VAL(1), .version = 1,
		 .id = E(accounting_key_junk_at_end), .text = "junk at end of accounting key"},
		{KEY(accounting, accounting, SPOS(1, 1, 77)), VAL(1), .version = 1},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

/* flags, parent | children | subvol, tree | depth, skips */
#define SNAPSHOT(parent, child0, child1, ...) \
	VAL((u64)(parent) << 32, (child0) | (u64)(child1) << 32, 1ULL << 32, __VA_ARGS__)

TEST(snapshots_and_subvolumes)
{
	static const struct key_case cases[] = {
		{KEY(snapshot, snapshots, POS(0, 10)),
		 SNAPSHOT(20, 9, 8, 20ULL << 32, 20 | 20ULL << 32)},
		{KEY(snapshot, snapshots, POS(1, 10)), SNAPSHOT(0, 0, 0), .id = E(snapshot_pos_bad),
		 .text = "bad pos"},
		{KEY(snapshot, snapshots, POS(0, 1ULL << 32)), SNAPSHOT(0, 0, 0),
		 .id = E(snapshot_pos_bad), .text = "bad pos"},
		{KEY(snapshot, snapshots, POS(0, 10)), SNAPSHOT(10, 0, 0),
		 .id = E(snapshot_parent_bad), .text = "bad parent node (10 <= 10)"},
		{KEY(snapshot, snapshots, POS(0, 10)), SNAPSHOT(0, 8, 9),
		 .id = E(snapshot_children_not_normalized), .text = "children not normalized"},
		{KEY(snapshot, snapshots, POS(0, 10)), SNAPSHOT(0, 9, 9),
		 .id = E(snapshot_child_duplicate), .text = "duplicate child nodes"},
		{KEY(snapshot, snapshots, POS(0, 10)), SNAPSHOT(0, 10, 9),
		 .id = E(snapshot_child_bad), .text = "bad child node (10 >= 10)"},
		{KEY(snapshot, snapshots, POS(0, 10)), SNAPSHOT(20, 0, 0, 22ULL << 32, 21),
		 .id = E(snapshot_skiplist_not_normalized), .text = "skiplist not normalized"},
		{KEY(snapshot, snapshots, POS(0, 10)),
		 SNAPSHOT(20, 0, 0, 19ULL << 32, 21 | 22ULL << 32), .id = E(snapshot_skiplist_bad),
		 .text = "bad skiplist node 19"},
		{KEY(snapshot_tree, snapshot_trees, POS(0, 0)), VAL(0),
		 .id = E(snapshot_tree_pos_bad), .text = "bad pos"},
		{KEY(subvolume, subvolumes, POS(0, 1ULL << 31)), VAL(1ULL << 32, 1),
		 .id = E(subvol_pos_bad), .text = "invalid pos"},
		{KEY(subvolume, subvolumes, POS(0, 1)), VAL(0, 1), .id = E(subvol_snapshot_bad),
		 .text = "invalid snapshot"},
		{KEY(subvolume, subvolumes, POS(0, 1)), VAL(1ULL << 32, 0),
		 .id = E(subvol_inode_bad), .text = "invalid inode"},
		{KEY(subvolume, subvolumes, POS(0, 1)), VAL(1ULL << 32, 1)},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

/* sectors, nr_blocks, nr_redundant, granularity bits, checksum type */
#define STRIPE_HEAD(sectors, nr, redundant, gran, csum)                             \
	((sectors) | (u64)(nr) << 24 | (u64)(redundant) << 32 | (u64)(gran) << 40 | \
	 (u64)(csum) << 48)

TEST(stripes)
{
	static const struct key_case cases[] = {
		{KEY(stripe, stripes, POS(0, 1)),
		 VAL(STRIPE_HEAD(256, 2, 1, 8, 5), PTR(0, 9, 0), PTR(1, 9, 0), 0, 0)},
		{KEY(stripe, stripes, POS(0, 0)),
		 VAL(STRIPE_HEAD(256, 2, 1, 8, 5), PTR(0, 9, 0), PTR(1, 9, 0), 0, 0),
		 .id = E(stripe_pos_bad), .text = "stripe at bad pos"},
		{KEY(stripe, stripes, POS(0, 1ULL << 32)),
		 VAL(STRIPE_HEAD(256, 2, 1, 8, 5), PTR(0, 9, 0), PTR(1, 9, 0), 0, 0),
		 .id = E(stripe_pos_bad), .text = "stripe at bad pos"},
		{KEY(stripe, stripes, POS(0, 1)),
		 VAL(STRIPE_HEAD(256, 2, 1, 8, 5), PTR(0, 9, 0), PTR(1, 9, 0), 0),
		 .id = E(stripe_val_size_bad), .text = "incorrect value size (4 < 5)"},
		{KEY(stripe, stripes, POS(0, 1)), VAL(STRIPE_HEAD(0, 2, 1, 8, 5)),
		 .id = E(stripe_sectors_zero), .text = "stripe with 0 sectors"},
		{KEY(stripe, stripes, POS(0, 1)), VAL(STRIPE_HEAD(256, 2, 1, 40, 5)),
		 .id = E(stripe_csum_granularity_bad),
		 .text = "invalid csum granularity (40 > 31)"},
		{KEY(stripe, stripes, POS(0, 1)), VAL(STRIPE_HEAD(256, 2, 1, 8, 9)),
		 .id = E(stripe_val_size_bad), .text = "invalid csum type (9 >= 8)"},
		{KEY(stripe, stripes, POS(0, 1)), VAL(STRIPE_HEAD(256, 2, 2, 8, 5)),
		 .id = E(stripe_val_size_bad),
		 .text = "invalid number of blocks (2, 2 of them redundant)"},
		{KEY(stripe, stripes, POS(0, 1)),
		 VAL(STRIPE_HEAD(256, 2, 1, 8, 5), PTR(0, 9, 0), PTR(0, 10, 0), 0, 0),
		 .id = E(ptr_to_duplicate_device), .text = "multiple pointers to same device (0)"},
	};

	EXPECT_FINDINGS(fs(V13), cases);
}

#define RECONCILE(need, hipri, pending, replicas)                                    \
	(1ULL << 7 | (u64)(hipri) << 15 | (u64)(pending) << 16 | (u64)(need) << 17 | \
	 (u64)(replicas) << 28)

TEST(newer_formats)
{
	struct key_case cases[] = {
		{KEY(dirent, inodes, INODE_POS), VAL(1, NAME(8, 'a')),
		 .id = E(bkey_invalid_type_for_btree),
		 .text = "invalid key type for btree inodes (dirent)"},
		{KEY(error, extents, EXTENT_POS), .size = 8, VAL(1)},
		{KEY(extent_whiteout, extents, EXTENT_POS)},
		{KEY(extent_whiteout, extents, EXTENT_POS), .size = 1, .id = E(bkey_size_nonzero),
		 .text = "size != 0"},
		{EXTENT, VAL(PTR(0, 9, 0), 1 << 6), .id = E(extent_flags_not_at_start),
		 .text = "extent flags entry not at start"},
		{EXTENT, VAL(1 << 6, PTR(0, 9, 0), RECONCILE(1, 1, 1, 2))},
		{EXTENT, VAL(PTR(0, 9, 0), RECONCILE(0, 0, 1, 2)),
		 .id = E(extent_reconcile_bad_pending), .text = "pending incorrectly set"},
		{EXTENT, VAL(PTR(0, 9, 0), RECONCILE(2, 1, 0, 2)),
		 .id = E(extent_reconcile_bad_hipri), .text = "hipri incorrectly set"},
		{EXTENT, VAL(PTR(0, 9, 0), RECONCILE(0, 0, 0, 0)),
		 .id = E(extent_reconcile_bad_replicas), .text = "bad replicas"},
		{EXTENT, VAL(PTR(255, 0, 1), PTR(255, 0, 2)), .id = E(extent_ptrs_all_invalid),
		 .text = "extent without valid pointers"},
		{EXTENT, VAL(STRIPE, PTR(255, 0, 1), PTR(255, 0, 2))},
		{KEY(btree_ptr_v2, inodes, POS(9, 9)), .level = 1,
		 BTREE_PTR(1, 0, 0, PTR(0, 9, 0), RECONCILE(1, 0, 0, 1), 1 << 8)},
		{KEY(btree_ptr_v2, inodes, POS(9, 9)), .level = 1,
		 BTREE_PTR(1, 0, 0, PTR(0, 9, 0), 1 << 5), .id = E(btree_ptr_has_non_ptr),
		 .text = "has non allowed field"},
		{KEY(inode_alloc_cursor, logged_ops, POS(0, 0)), VAL(0, 0),
		 .id = E(inode_alloc_cursor_inode_bad), .text = "k.p.inode bad"},
		{KEY(accounting, accounting, POS(0, 0)), VAL(1, 1, 1, 1),
		 .id = E(accounting_key_nr_counters_wrong),
		 .text = "accounting key with 4 counters, should be 1 to 3"},
		/* Checks of content are left to fsck */
		{KEY(inode_v3, inodes, INODE_POS), INODE(NR_FIELDS(10), 0, 10ULL << 40)},
		{KEY(alloc_v4, alloc, POS(0, 9)), ALLOC(START8, BCH_DATA_multiple, 8, 0, 2)},
		{KEY(damage, damage, INODE_POS), VAL(5 | 1 << 16, 1ULL << 24, 5, 0),
		 .id = E(damage_entries_bad), .text = "damage entries not sorted"},
		{KEY(snapshot, snapshots, POS(0, 10)), SNAPSHOT(0, 0, 0, 0, 0, 0, 0, 1ULL << 32),
		 .id = E(snapshot_pad_nonzero), .text = "pad nonzero"},
	};

	EXPECT_FINDINGS(fs(V39), cases);
}

/* Text */

static void expect_text(const struct bch_fs *c, const struct key_case *t, const char *text)
{
	struct printbuf out = PRINTBUF;
	struct bkey k;

	bch_bkey_val_to_text(&out, c, case_view(t, &k));
	EXPECT_STR(printbuf_str(&out), text);
	printbuf_exit(&out);
}

#define EXPECT_TEXT(c, _text, ...)                  \
	do {                                        \
		struct key_case _t = {__VA_ARGS__}; \
		expect_text(c, &_t, _text);         \
	} while (0)

TEST(positions)
{
	static const struct {
		struct bpos p;
		const char *text;
	} cases[] = {
		{POS_MIN, "POS_MIN"},
		{POS_MAX, "POS_MAX"},
		{SPOS_MAX, "SPOS_MAX"},
		{SPOS(1, 2, 3), "1:2:3"},
		{SPOS(1, U64_MAX, U32_MAX), "1:U64_MAX:U32_MAX"},
		{SPOS(U64_MAX, 2, 0), "U64_MAX:2:0"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct printbuf out = PRINTBUF;
		struct bpos p;

		bch_bpos_to_text(&out, cases[i].p);
		EXPECT_STR(printbuf_str(&out), cases[i].text);
		EXPECT_EQ(bch_bpos_parse(cases[i].text, &p), 0);
		EXPECT(bpos_eq(p, cases[i].p));
		printbuf_exit(&out);
	}
}

TEST(positions_parse_as_in_1_13)
{
	struct bpos p;

	EXPECT_EQ(bch_bpos_parse("1:2", &p), 0);
	EXPECT(bpos_eq(p, POS(1, 2)));
	EXPECT_EQ(bch_bpos_parse("1:2:x", &p), 0);
	EXPECT(bpos_eq(p, POS(1, 2)));
	EXPECT_EQ(bch_bpos_parse("1:2:3:4", &p), 0);
	EXPECT(bpos_eq(p, SPOS(1, 2, 3)));
	EXPECT_EQ(bch_bpos_parse("1", &p), -EINVAL);
	EXPECT_EQ(bch_bpos_parse("", &p), -EINVAL);
	EXPECT_EQ(bch_bpos_parse("x:1", &p), -EINVAL);
	EXPECT_EQ(bch_bpos_parse("1:", &p), -EINVAL);
	EXPECT_EQ(bch_bpos_parse("18446744073709551616:1", &p), -EINVAL);
	EXPECT_EQ(bch_bpos_parse("18446744073709551615:1", &p), 0);
	EXPECT_EQ(p.inode, U64_MAX);
}

TEST(text_of_unknown_types)
{
	EXPECT_TEXT(fs(V13), "u64s 6 type 40 1:2:0 len 0 ver 9: ", .type = 40, .p = POS(1, 2),
		    .version = 9, VAL(1));
	EXPECT_TEXT(fs(V13), "u64s 5 type 36 1:2:3 len 0 ver 0",
		    KEY(extent_whiteout, extents, SPOS(1, 2, 3)));
	EXPECT_TEXT(fs(V39), "u64s 5 type extent_whiteout 1:2:3 len 0 ver 0",
		    KEY(extent_whiteout, extents, SPOS(1, 2, 3)));
}

#define EXTENT_HEAD(u64s) "u64s " #u64s " type extent 4099:8:U32_MAX len 8 ver 0: "

TEST(text_of_extents)
{
	struct bch_fs *c = fs(V13);

	EXPECT_TEXT(c,
		    EXTENT_HEAD(7) "durability: 0 ptr: 0:50:0 gen 1 cached stale "
				   "ptr: 1:0:1 gen 0 d=2 cached invalid",
		    EXTENT, VAL(PTR(0, 50, 0) | CACHED | 1ULL << 56, PTR(1, 0, 1) | CACHED));
	EXPECT_TEXT(c,
		    EXTENT_HEAD(8) "durability: 4 ec: idx 7 block 0 ptr: 0:9:0 gen 0 "
				   "ptr: 1:9:0 gen 0 d=2 unwritten",
		    EXTENT, VAL(STRIPE, PTR(0, 9, 0), PTR(1, 9, 0) | UNWRITTEN));
	EXPECT_TEXT(c, EXTENT_HEAD(7) "durability: 0 ptr: 255:7 gen 0 ptr: 9:3 gen 4 cached",
		    EXTENT,
		    VAL(1 | 7 << 4 | 255ULL << 48, 1 | CACHED | 3 << 4 | 9ULL << 48 | 4ULL << 56));
	EXPECT_TEXT(c,
		    EXTENT_HEAD(7) "durability: 1 ptr: 0:9:0 gen 0 "
				   "rebalance: target offline device 1 compression zstd:15",
		    EXTENT, VAL(PTR(0, 9, 0), 1 << 5 | 0xf3ULL << 40 | 2ULL << 48));
	EXPECT_TEXT(c,
		    EXTENT_HEAD(8) "durability: 1 ptr: 0:9:0 gen 0 "
				   "(invalid extent entry 0000000000000040)",
		    EXTENT, VAL(PTR(0, 9, 0), 1 << 6, PTR(1, 9, 0)));
	EXPECT_TEXT(
		c,
		EXTENT_HEAD(
			9) "durability: 0 crc: c_size 128 size 256 offset 3 nonce 5 "
			   "csum (unknown csum_type 15) 2:1  compress (unknown compression_type 7) "
			   "(invalid extent entry 0000000000000004)",
		EXTENT,
		VAL(8 | 127 << 4 | 255 << 17 | 3ULL << 30 | 5ULL << 43 | 15ULL << 56 | 7ULL << 60,
		    1, 2, 4));
	c->devs[0]->mi.state = 2;
	EXPECT_TEXT(c, EXTENT_HEAD(6) "durability: 0 ptr: 0:9:0 gen 0", EXTENT, VAL(PTR(0, 9, 0)));
	c->devs[0]->mi.state = 0;
	EXPECT_TEXT(NULL, EXTENT_HEAD(6) "ptr: 0:4608 gen 0", EXTENT, VAL(PTR(0, 9, 0)));
}

TEST(text_of_newer_extents)
{
	EXPECT_TEXT(fs(V39),
		    "u64s 11 type extent 4099:8:U32_MAX len 8 ver 0  : durability: 4 \n"
		    "  flags: poisoned\n"
		    "  ptr:    vda 0:50:0 gen 1 stale=2 cached\n"
		    "  stripe_ptr: idx 7 block 0\n"
		    "  ptr:    vdb 1:9:0 gen 0 d=2\n"
		    "  ptr:    vdb 1:9:1 gen 0 d=2 unwritten\n"
		    "  reconcile: need_rb=data_replicas,background_target hipri replicas=2 (inode) "
		    "checksum=crc32c ec=1",
		    EXTENT,
		    VAL(1 << 6 | 1 << 7, PTR(0, 50, 0) | CACHED | 1ULL << 56, STRIPE, PTR(1, 9, 0),
			PTR(1, 9, 1) | UNWRITTEN,
			RECONCILE(0x11, 1, 0, 2) | 1 << 22 | 1ULL << 31 | 1ULL << 35));
	EXPECT_TEXT(fs(V39),
		    "u64s 7 type extent 4099:8:U32_MAX len 8 ver 0  : durability: 1 \n"
		    "  ptr: 9:3 gen 0\n"
		    "  (unknown extent entry 0000000000000200)",
		    EXTENT, VAL(1 | 3 << 4 | 9ULL << 48, 1 << 9));
}

TEST(text_of_other_types)
{
	struct bch_fs *c = fs(V13);

	EXPECT_TEXT(c,
		    "u64s 11 type btree_ptr_v2 9:9:0 len 0 ver 0: seq 7 written 3 min_key R "
		    "1:0:0 durability: 1 ptr: 0:9:0 gen 0",
		    KEY(btree_ptr_v2, inodes, POS(9, 9)),
		    BTREE_PTR(1, 0, 3 | 1 << 16, PTR(0, 9, 0)));
	EXPECT_TEXT(c,
		    "u64s 6 type reservation 4099:8:U32_MAX len 8 ver 0: generation 1 replicas 2",
		    KEY(reservation, extents, EXTENT_POS), .size = 8, VAL(1 | 2ULL << 32));
	EXPECT_TEXT(c,
		    "u64s 7 type inline_data 4099:8:U32_MAX len 8 ver 0: datalen 16: "
		    "68650000000000000100000000000000",
		    KEY(inline_data, extents, EXTENT_POS), .size = 8, VAL(0x6568, 1));
	EXPECT_TEXT(c,
		    "u64s 7 type indirect_inline_data 0:8:0 len 8 ver 0: refcount 3 datalen 8: "
		    "6865000000000000",
		    KEY(indirect_inline_data, reflink, POS(0, 8)), .size = 8, VAL(3, 0x6568));
	EXPECT_TEXT(c, "u64s 6 type inode_generation 0:5000:0 len 0 ver 0: generation: 7",
		    KEY(inode_generation, inodes, POS(0, 5000)), VAL(7));
	EXPECT_TEXT(c,
		    "u64s 9 type quota 1:1000:0 len 0 ver 0: "
		    "space hardlimit 1 softlimit 2inodes hardlimit 3 softlimit 4",
		    KEY(quota, quotas, POS(1, 1000)), VAL(1, 2, 3, 4));
	EXPECT_TEXT(c,
		    "u64s 8 type logged_op_truncate POS_MIN len 0 ver 0: "
		    "subvol=1 inum=4097 new_i_size=512",
		    KEY(logged_op_truncate, logged_ops, POS_MIN), VAL(1, 4097, 512));
	EXPECT_TEXT(c,
		    "u64s 8 type logged_op_finsert POS_MIN len 0 ver 0: "
		    "subvol=1 inum=4097 dst_offset=-1 src_offset=0",
		    KEY(logged_op_finsert, logged_ops, POS_MIN), VAL(1ULL << 32, 4097, U64_MAX));
	EXPECT_TEXT(c, "u64s 6 type lru 1:2:0 len 0 ver 0: idx 5", KEY(lru, lru, POS(1, 2)),
		    VAL(5));
	EXPECT_TEXT(c, "u64s 6 type cookie 1:2:0 len 0 ver 0: 5",
		    KEY(cookie, rebalance_work, POS(1, 2)), VAL(5));
	EXPECT_TEXT(c,
		    "u64s 9 type backpointer 77:9437184:0 len 0 ver 0: "
		    "btree=(unknown) l=1 offset=8:3 len=16 pos=1:2:3",
		    KEY(backpointer, backpointers, POS(77, 9437184)),
		    VAL(50 | 1 << 8 | (u64)(8 << 10 | 3) << 24, 16 | 3ULL << 32, 2, 1));
	EXPECT_TEXT(c, "u64s 6 type accounting 1:0:77 len 0 ver 0: unknown type 77 -1",
		    KEY(accounting, accounting, SPOS(1, 0, 77)), VAL(-1ULL));
	EXPECT_TEXT(c, "u64s 6 type accounting 0:0:524 len 0 ver 0: unknown type 12 5",
		    KEY(accounting, accounting, SPOS(0, 0, 524)), VAL(5));
	EXPECT_TEXT(c,
		    "u64s 6 type accounting 0:0:1796 len 0 ver 0: "
		    "compression (unknown compression_type 7) 5",
		    KEY(accounting, accounting, SPOS(0, 0, 4 | 7 << 8)), VAL(5));
	EXPECT_TEXT(c,
		    "u64s 8 type snapshot 0:10:0 len 0 ver 0: is_subvol 0 deleted 0 parent "
		    "        20 children          9          8 subvol 0 tree 1",
		    KEY(snapshot, snapshots, POS(0, 10)), SNAPSHOT(20, 9, 8));
	EXPECT_TEXT(c, "u64s 7 type subvolume 0:1:0 len 0 ver 0: root 4096 snapshot id 5",
		    KEY(subvolume, subvolumes, POS(0, 1)), VAL(5ULL << 32, 4096));
	EXPECT_TEXT(c,
		    "u64s 10 type stripe 0:1:0 len 0 ver 0: algo 0 sectors 256 blocks 1:1 csum "
		    "crc32c gran 256 ptr: 0:9:0 gen 0#7 ptr: 1:9:0 gen 0 d=2",
		    KEY(stripe, stripes, POS(0, 1)),
		    VAL(STRIPE_HEAD(256, 2, 1, 8, 5), PTR(0, 9, 0), PTR(1, 9, 0), 0, 7));
}

TEST(text_of_xattrs)
{
	struct bch_fs *c = fs(V13);
	struct key_case acl = {
		KEY(xattr, xattrs, SPOS(4096, 5, 1)),
		/* type 1, no name, 24 bytes: version 1, user_obj rwx, user 1000 r, unknown tag */
		VAL(XATTR(1, 0, 24, 1), 1 | 7 << 16 | 2ULL << 32 | 4ULL << 48, 1000 | 0x77ULL << 32,
		    0)};

	EXPECT_TEXT(c, "u64s 7 type xattr 4096:5:1 len 0 ver 0: user.n:ab\xef\xbf\xbd",
		    KEY(xattr, xattrs, SPOS(4096, 5, 1)),
		    VAL(XATTR(0, 1, 5, 'n', 'a', 'b', 0xff), 0));
	EXPECT_TEXT(c, "u64s 6 type xattr 4096:5:1 len 0 ver 0: (unknown type 9)n:",
		    KEY(xattr, xattrs, SPOS(4096, 5, 1)), VAL(XATTR(9, 1, 0, 'n')));
	expect_text(c, &acl,
		    "u64s 9 type xattr 4096:5:1 len 0 ver 0: (type 1):\x01 "
		    "user_obj 7 user uid 1000 4 (unknown tag 119)");
}

TEST(text_of_dirents)
{
	EXPECT_TEXT(fs(V13), "u64s 7 type dirent 4096:5:1 len 0 ver 0: a -> 9 -> 7 type subvol",
		    KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(7 | 9ULL << 32, NAME(16, 'a')));
	EXPECT_TEXT(fs(V13), "u64s 7 type dirent 4096:5:1 len 0 ver 0: a -> 7 type (bad d_type)",
		    KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(7, NAME(3, 'a')));
	EXPECT_TEXT(fs(V39),
		    "u64s 8 type dirent 4096:5:1 len 0 ver 0  : Hi (casefold hi) -> 7 type reg",
		    KEY(dirent, dirents, SPOS(4096, 5, 1)),
		    VAL(7, NAME(0x88, 0, 0, 2, 0, 2, 0, 'H'), NAME('i', 'h', 'i')));
}

TEST(newlines_in_names)
{
	EXPECT_TEXT(fs(V13), "u64s 7 type dirent 4096:5:1 len 0 ver 0: a\nb -> 7 type reg",
		    KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(7, NAME(8, 'a', '\n', 'b')));
	EXPECT_TEXT(fs(V39), "u64s 7 type dirent 4096:5:1 len 0 ver 0  : a\nb -> 7 type reg",
		    KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(7, NAME(8, 'a', '\n', 'b')));
	EXPECT_TEXT(fs(V39), "u64s 6 type xattr 4096:5:1 len 0 ver 0  : user.n:a\n  b",
		    KEY(xattr, xattrs, SPOS(4096, 5, 1)), VAL(XATTR(0, 1, 3, 'n', 'a', '\n', 'b')));
}

TEST(text_of_inode_that_does_not_unpack)
{
	EXPECT_TEXT(fs(V13), "u64s 12 type inode_v3 0:4096:U32_MAX len 0 ver 0: (unpack error)",
		    KEY(inode_v3, inodes, INODE_POS), INODE(NR_FIELDS(24), 0));
	EXPECT_TEXT(fs(V13), "u64s 6 type inode_v3 0:4096:U32_MAX len 0 ver 0: (unpack error)",
		    KEY(inode_v3, inodes, INODE_POS), VAL(0));
}

TEST(text_of_newest_types)
{
	struct bch_fs *c = fs(V39);

	EXPECT_TEXT(c, "u64s 6 type error 4099:8:U32_MAX len 8 ver 0  : device_removed",
		    KEY(error, extents, EXTENT_POS), .size = 8, VAL(1));
	EXPECT_TEXT(c,
		    "u64s 6 type error 4099:8:U32_MAX len 8 ver 0  : "
		    "(unknown key_type_error_reason 99)",
		    KEY(error, extents, EXTENT_POS), .size = 8, VAL(99));
	EXPECT_TEXT(c,
		    "u64s 10 type logged_op_stripe_update POS_MIN len 0 ver 0  : "
		    "old_idx=1 new_idx=2 old_blocks_nr=3",
		    KEY(logged_op_stripe_update, logged_ops, POS_MIN), VAL(1, 2, 3, 0, 0));
	EXPECT_TEXT(c,
		    "u64s 13 type subvolume 0:1:0 len 0 ver 0  : root 4096 snapshot id 5 "
		    "creation_parent 0 fs_parent 0 ro unlinked unlinked_obsolete=0",
		    KEY(subvolume, subvolumes, POS(0, 1)),
		    VAL(1 | 5ULL << 32, 4096, 0, 0, 0, 0x2d358e8f, 0, 0));
	EXPECT_TEXT(c,
		    "u64s 7 type subvolume 0:1:0 len 0 ver 0  : root 4096 snapshot id 5 live "
		    "(not upgraded, unlinked_obsolete=0)",
		    KEY(subvolume, subvolumes, POS(0, 1)), VAL(5ULL << 32, 4096));
	EXPECT_TEXT(c,
		    "u64s 8 type snapshot 0:10:0 len 0 ver 0  : parent         20 children "
		    "         9          8 subvol 0 tree 1 depth 0 skiplist 0 0 0 will_delete "
		    "(not upgraded, flags 0x3:will_delete,subvol)",
		    KEY(snapshot, snapshots, POS(0, 10)),
		    VAL(3 | 20ULL << 32, 9 | 8ULL << 32, 1ULL << 32));
}

TEST(btrees_by_name)
{
	EXPECT_EQ(bch_btree_id_parse("extents"), 0);
	EXPECT_EQ(bch_btree_id_parse("damage"), 28);
	EXPECT_EQ(bch_btree_id_parse("rebalance_work"), 18);
	EXPECT_EQ(bch_btree_id_parse("reconcile_work"), 18);
	EXPECT_EQ(bch_btree_id_parse("extent"), -EINVAL);
}

/* JSON */

static void expect_json(const struct bch_fs *c, const struct key_case *t, const char *text)
{
	struct printbuf out = PRINTBUF;
	struct json j = JSON(&out);
	struct bkey k;
	struct bkey_view kv = case_view(t, &k);

	bch_bkey_to_json(&j, c, kv, (struct bkey_where){t->btree, t->level});
	EXPECT_STR(printbuf_str(&out), text);
	printbuf_exit(&out);
}

TEST(json_of_an_extent)
{
	struct key_case t = {EXTENT, VAL(CRC32(8, 8, 0, 5, 0) | 0xb5dce35eULL << 32, PTR(0, 9, 0))};

	expect_json(
		fs(V13), &t,
		"{\"btree\":\"extents\",\"level\":0,"
		"\"pos\":{\"inode\":4099,\"offset\":8,\"snapshot\":4294967295},"
		"\"type\":\"extent\",\"size_sectors\":8,\"version\":0,\"val\":{\"durability\":1,"
		"\"ptrs\":[{\"dev\":0,\"offset_sectors\":4608,\"gen\":0,\"bucket\":9,"
		"\"cached\":false,\"unwritten\":false,\"stale\":false,\"crc\":0}],"
		"\"crc\":[{\"entry\":\"crc32\",\"type\":\"crc32c\",\"compression\":\"none\","
		"\"compressed_sectors\":8,\"uncompressed_sectors\":8,\"offset_sectors\":0,"
		"\"live_sectors\":8,\"nonce\":0,\"csum\":\"0:b5dce35e\"}]}}");
}

TEST(json_of_names_that_are_not_utf8)
{
	struct key_case t = {KEY(dirent, dirents, SPOS(4096, 5, 1)), VAL(7, NAME(8, 0xff))};

	expect_json(fs(V13), &t,
		    "{\"btree\":\"dirents\",\"level\":0,"
		    "\"pos\":{\"inode\":4096,\"offset\":5,\"snapshot\":1},"
		    "\"type\":\"dirent\",\"size_sectors\":0,\"version\":0,"
		    "\"val\":{\"name\":{\"b64\":\"/w==\"},\"inum\":7,\"type\":\"reg\"}}");
}

TEST(json_of_unknown_types)
{
	struct key_case t = {.type = 99, .btree = 60, .p = POS(1, 2), VAL(0x1234)};

	expect_json(fs(V13), &t,
		    "{\"btree\":60,\"level\":0,\"pos\":{\"inode\":1,\"offset\":2,\"snapshot\":0},"
		    "\"type\":99,\"size_sectors\":0,\"version\":0,"
		    "\"val\":{\"raw\":\"3412000000000000\"}}");
}

/* Conversions */

TEST(varints)
{
	static const struct {
		u64 v;
		u8 bytes, b[9];
	} cases[] = {
		{0, 1, {0}},
		{1, 1, {2}},
		{127, 1, {0xfe}},
		{128, 2, {0x01, 0x02}},
		{(1ULL << 56) - 1, 8, {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		{1ULL << 56, 9, {0xff, 0, 0, 0, 0, 0, 0, 0, 1}},
		{U64_MAX, 9, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
	};
	u8 out[VARINT_MAX_BYTES];
	u64 v;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(varint_encode(out, cases[i].v), cases[i].bytes);
		EXPECT_MEM(out, cases[i].b, cases[i].bytes);
		EXPECT_EQ(varint_decode(out, out + cases[i].bytes, &v), cases[i].bytes);
		EXPECT_EQ(v, cases[i].v);
		EXPECT_EQ(varint_decode(out, out + cases[i].bytes - 1, &v), -EINVAL);
	}
}

TEST(inode_packs_and_unpacks)
{
	struct bch_inode_unpacked in =
					  {
						  .bi_mode = 0100644,
						  .bi_flags = BCH_INODE_FLAG_has_child_snapshot |
							      3ULL << 20,
						  .bi_journal_seq = 5,
						  .bi_hash_seed = 0x0123456789abcdefULL,
						  .bi_size = 1ULL << 40,
						  .bi_sectors = 77,
						  .bi_atime = U64_MAX,
						  .bi_dir_offset = 1ULL << 62,
						  .bi_nocow = 2,
					  },
				  out;
	struct {
		struct bkey k;
		u64 v[INODE_VAL_U64s_MAX];
	} key = {.k = {.type = KEY_TYPE_inode_v3}};

	key.k.u64s = BKEY_U64s + bch_inode_pack(key.v, &in);
	EXPECT_EQ(bch_inode_unpack((struct bkey_view){&key.k, key.v}, &out), 0);
	EXPECT_EQ(INODE_NR_FIELDS(out.bi_flags), 24);
	out.bi_flags &= 0xffffff;
	EXPECT_MEM(&out, &in, sizeof(in));
}

/* The old packing: mode, uid and nothing else. */
TEST(inode_v1_with_the_old_packing)
{
	/* four times 0, bi_size 300 (2 bytes), bi_sectors 0, bi_uid 1000 (2 bytes) */
	static const u8 fields[] = {0x80, 0x80, 0x80, 0x80, 0x41, 0x2c, 0x80, 0x43, 0xe8};
	struct key_case t = {KEY(inode, inodes, INODE_POS),
			     VAL(0x1122334455667788ULL, NR_FIELDS(7) | 0100644ULL << 32, 0)};
	struct bch_inode_unpacked u;
	struct bkey k;
	struct bkey_view kv = case_view(&t, &k);

	memcpy((u8 *)t.v + INODE_V1_FIELDS, fields, sizeof(fields));
	EXPECT_EQ(bch_inode_unpack(kv, &u), 0);
	EXPECT_EQ(u.bi_mode, 0100644);
	EXPECT_EQ(u.bi_size, 300);
	EXPECT_EQ(u.bi_uid, 1000);
	EXPECT_EQ(u.bi_hash_seed, 0x1122334455667788ULL);

	((u8 *)t.v)[INODE_V1_FIELDS] = 0;
	EXPECT_EQ(bch_inode_unpack(kv, &u), -EINVAL);
}

TEST(alloc_of_all_versions)
{
	struct bch_alloc a;
	struct bkey k;
	/* fields gen, read_time 5, data_type 4, dirty 8: bits 0, 2, 3 */
	struct key_case v1 = {KEY(alloc, alloc, POS(0, 9)),
			      VAL(0x0d | 7 << 8 | 5 << 16 | 4ULL << 32 | 8ULL << 40)};
	struct key_case v2 = {KEY(alloc_v2, alloc, POS(0, 9)),
			      VAL(3 | 7 << 8 | 6 << 16 | 4 << 24 | 10ULL << 32 | 0ULL << 40 |
				  16ULL << 48)};
	struct key_case v3 = {KEY(alloc_v3, alloc, POS(0, 9)),
			      VAL(99, 3 | 1ULL << 32 | 7ULL << 40, 10)};
	/* Backpointers begin where stripe_sectors would be */
	struct key_case v4 = {KEY(alloc_v4, alloc, POS(0, 9)),
			      VAL(1, 6 << 2 | 1 << 8 | 7ULL << 32, 0, 1, 1, 0, ~0ULL, ~0ULL, 0, 0)};

	EXPECT_EQ(bch_alloc_unpack(case_view(&v1, &k), &a), 0);
	EXPECT_EQ(a.gen, 7);
	EXPECT_EQ(a.io_time[0], 5);
	EXPECT_EQ(a.data_type, 4);
	EXPECT_EQ(a.dirty_sectors, 8);

	EXPECT_EQ(bch_alloc_unpack(case_view(&v2, &k), &a), 0);
	EXPECT_EQ(a.oldest_gen, 6);
	EXPECT_EQ(a.io_time[0], 5);
	EXPECT_EQ(a.dirty_sectors, 8);

	EXPECT_EQ(bch_alloc_unpack(case_view(&v3, &k), &a), 0);
	EXPECT_EQ(a.journal_seq, 99);
	EXPECT(a.need_discard && a.need_inc_gen);
	EXPECT_EQ(a.io_time[0], 5);

	EXPECT_EQ(bch_alloc_unpack(case_view(&v4, &k), &a), 0);
	EXPECT_EQ(a.gen, 7);
	EXPECT_EQ(a.stripe_sectors, 0);
	EXPECT_EQ(a.journal_seq_empty, 0);
}

TEST(accounting_positions_change_their_order)
{
	struct bch_accounting_pos a = {.type = BCH_ACCOUNTING_dev_data_type,
				       .dev_data_type = {2, BCH_DATA_user}};
	struct bpos old = bch_accounting_pos_pack(fs(V13), &a);
	struct bpos new = bch_accounting_pos_pack(fs(V39), &a);
	struct bch_accounting_pos back;

	EXPECT(bpos_eq(old, SPOS(0, 0, 3 | 2 << 8 | 4 << 16)));
	EXPECT(bpos_eq(new, POS(3ULL << 56 | 2ULL << 48 | 4ULL << 40, 0)));
	back = bch_accounting_pos_unpack(fs(V39), new);
	EXPECT_MEM(&back, &a, sizeof(a));
}

TEST(values_of_the_other_byte_order)
{
	u64 crc = CRC32(8, 8, 0, 5, 0) | 0x11223344ULL << 32;
	u64 v[] = {swab64((crc & U32_MAX) | 0x44332211ULL << 32), swab64(PTR(0, 9, 0))};
	u64 counters[] = {swab64(5)};

	bch_key_types_init();
	bch_bkey_ops(KEY_TYPE_extent)->swab(v, 2);
	EXPECT_EQ(v[0], crc);
	EXPECT_EQ(v[1], PTR(0, 9, 0));
	bch_bkey_ops(KEY_TYPE_accounting)->swab(counters, 1);
	EXPECT_EQ(counters[0], 5);
}

TEST(snapshot_states_of_all_versions)
{
	struct bch_snapshot s = {};

	EXPECT_EQ(bch_snapshot_state(&s), BCH_SNAPSHOT_STATE_live);
	s.flags = BCH_SNAPSHOT_FLAG_will_delete | BCH_SNAPSHOT_FLAG_deleted;
	EXPECT_EQ(bch_snapshot_state(&s), BCH_SNAPSHOT_STATE_deleted);
	s.state = BCH_SNAPSHOT_STATE_no_keys;
	EXPECT_EQ(bch_snapshot_state(&s), BCH_SNAPSHOT_STATE_no_keys);
	s.state = 0x12345678;
	EXPECT_EQ(bch_snapshot_state(&s), 0);
}
