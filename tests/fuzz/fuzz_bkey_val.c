/*
 * Values of all key types: validating, printing, JSON and conversion of any bytes, also of values
 * that the validator refuses, stay inside of the value.
 *
 * Input: type, btree, level, choice of version and flags (a byte each), bpos (20 bytes), size
 * (le32), version (le64); the rest is the value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "alloc/alloc_keys.h"
#include "btree/bkey_ops.h"
#include "data/extents.h"
#include "format/versions.h"
#include "fs/dirent.h"
#include "fs/inode.h"
#include "fs/xattr.h"
#include "init/key_types.h"
#include "sb/fs.h"
#include "util/json.h"

struct input {
	u8 type, btree, level, choice;
	struct bpos p;
	u32 size;
	u64 version;
} __packed;

static struct bch_fs *open_fs(unsigned choice)
{
	static const u16 versions[] = {BCH_VERSION(1, 4), BCH_VERSION(1, 13), BCH_VERSION(1, 28),
				       BCH_VERSION(1, 39)};
	static struct bch_fs c;
	static struct bch_dev devs[3];
	static u8 gens[100];
	unsigned i;

	c.version = c.version_upgrade_complete = versions[choice & 3];
	c.btree_node_sectors = 512;
	c.encoded_extent_max = 128;
	c.shard_inums_bits = choice;
	c.extent_bp_shift = choice & 4 ? 11 : 0;
	for (i = 0; i < ARRAY_SIZE(devs); i++) {
		devs[i].idx = i;
		devs[i].mi = (struct bch_member_info){.alive = true,
						      .nbuckets = sizeof(gens),
						      .first_bucket = 1,
						      .bucket_size = 512 << i,
						      .durability = i};
		devs[i].bucket_gens = i ? gens : NULL;
		devs[i].name = i ? "vda" : NULL;
		c.devs[i] = &devs[i];
	}
	return choice & 8 ? NULL : &c;
}

/* What relies on the checks. */
static void use_valid(const struct bch_fs *c, struct bkey_view k)
{
	u64 packed[INODE_VAL_U64s_MAX];
	struct bch_inode_unpacked inode;
	struct extent_ptr_iter iter;
	struct bch_dirent_view dirent;
	struct bch_xattr_view xattr;
	struct bch_alloc alloc;
	struct extent_ptr ptr;
	unsigned sum = 0;

	if (!bch_inode_unpack(k, &inode))
		sum += bch_inode_pack(packed, &inode);
	if (!bch_alloc_unpack(k, &alloc))
		sum += bch_alloc_data_type(c, &alloc, alloc.data_type);
	if (!bch_dirent_unpack(c, k, &dirent))
		for (unsigned i = 0; i < dirent.name_len; i++)
			sum += dirent.name[i];
	if (k.k->type == KEY_TYPE_xattr && !bch_xattr_unpack(k, &xattr))
		for (unsigned i = 0; i < xattr.val_len; i++)
			sum += xattr.val[i];
	bch_extent_ptr_iter_init(&iter, c, k);
	while (bch_extent_ptr_next(&iter, &ptr))
		sum += ptr.dev;
	*(volatile unsigned *)&sum;
}

static void print(const struct bch_fs *c, struct bkey_view k, struct bkey_where where)
{
	struct printbuf out = PRINTBUF;
	struct json j = JSON(&out);

	bch_bkey_val_to_text(&out, c, k);
	printbuf_reset(&out);
	bch_bkey_to_json(&j, c, k, where);
	printbuf_exit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct printbuf text = PRINTBUF;
	struct finding f = {.text = &text};
	struct input in;
	struct bkey k = {};
	const struct bch_fs *c;
	const struct bkey_ops *ops;
	size_t u64s;
	void *v;

	if (size < sizeof(in))
		return 0;
	bch_key_types_init();
	memcpy(&in, data, sizeof(in));
	u64s = min_t(size_t, (size - sizeof(in)) / sizeof(u64), BKEY_VAL_U64s_MAX);
	v = malloc(u64s * sizeof(u64));
	memcpy(v, data + sizeof(in), u64s * sizeof(u64));

	k.u64s = BKEY_U64s + u64s;
	k.type = in.type % (KEY_TYPE_NR + 2);
	k.p = in.p;
	k.size = in.size;
	k.bversion.lo = in.version;
	c = open_fs(in.choice);

	struct bkey_view kv = {&k, v};
	struct bkey_where where = {in.btree % (BTREE_ID_NR + 1), in.level % 3, in.choice >> 5};

	print(c, kv, where);
	bch_bkey_validate_head(c, kv, where, &f);
	if (!bch_bkey_validate_val(c, kv, where, &f))
		use_valid(c, kv);
	ops = bch_bkey_ops(k.type);
	if (ops && ops->swab) {
		ops->swab(v, u64s);
		print(c, kv, where);
	}
	printbuf_exit(&text);
	free(v);
	return 0;
}
