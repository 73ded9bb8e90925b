/*
 * Formats and packed keys of any content: what passes bch_bkey_format_validate() unpacks alike in
 * all ways, packs again, and compares and is searched as its positions are.
 *
 * Input: 56 bytes of format, one byte that chooses the superblock's age, then packed keys.
 */
#include <linux/bug.h>
#include <linux/execmem.h>
#include <linux/slab.h>
#include "btree/bset.h"
#include "btree/jit.h"
#include "util/printbuf.h"

#define MAX_KEYS 64

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes);

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void expect_equal(const struct bkey *l, const struct bkey *r)
{
	BUG_ON(memcmp(l, r, sizeof(*l)));
}

/* Each way to unpack, on a copy of the key that ends where its memory ends. */
static struct bkey unpack_all_ways(const struct bkey_unpacker *u, bch_unpack_fn jit,
				   const struct bkey_packed *p)
{
	bch_unpack_fn windows = bch_unpack_windows(u);
	struct bkey expected = bch_bkey_unpack_key(&u->format, p), k;

	bch_unpack_loop(u)(u, &k, p);
	expect_equal(&k, &expected);
	if (windows) {
		windows(u, &k, p);
		expect_equal(&k, &expected);
	}
	if (jit) {
		jit(u, &k, p);
		expect_equal(&k, &expected);
	}
	BUG_ON(!bpos_eq(expected.p, bch_bkey_unpack_pos(&u->format, p)));
	return expected;
}

/* Only formats whose fields do not wrap keep what is packed into them. */
static void check_packing(const struct bkey_format *f, const struct bkey *k)
{
	u64 w[BKEY_U64s];
	struct bkey_packed *p = (struct bkey_packed *)w;
	struct bkey again;
	enum bkey_pack_pos ret;

	BUG_ON(!bch_bkey_pack_key(f, p, k));
	again = bch_bkey_unpack_key(f, p);
	expect_equal(&again, k);
	ret = bch_bkey_pack_pos_lossy(f, p, bpos_predecessor(k->p));
	if (ret != BKEY_PACK_POS_FAIL)
		BUG_ON(bpos_gt(bch_bkey_unpack_pos(f, p), bpos_predecessor(k->p)));
	BUG_ON(bch_bkey_pack_pos_lossy(f, p, k->p) != BKEY_PACK_POS_EXACT);
}

static void check_search(const struct bset_index *t, const struct bkey_unpacker *u, struct bpos pos)
{
	const struct bkey_packed *p = bset_start(t);

	while (p != bset_end(t) && bch_bkey_p_cmp_pos(&u->format, p, pos) < 0)
		p = bkey_p_next(p);
	BUG_ON(bch_bset_search(t, u, pos) != p);
}

/* Insert the keys into a bset that changes, then index the result. */
static void check_index(const struct bkey_unpacker *u, u64 *const *keys,
			const struct bkey *unpacked, unsigned nr)
{
	u64 *set = kmalloc((nr + 1) * sizeof(struct bkey), GFP_KERNEL);
	struct bset_index writable, fixed;

	BUG_ON(!set || bch_bset_index_init_writable(&writable, set, nr * BKEY_U64s));
	for (unsigned i = 0; i < nr; i++)
		bch_bset_replace(&writable, u, bch_bset_search(&writable, u, unpacked[i].p),
				 i % 3 ? (const void *)keys[i] : (const void *)&unpacked[i]);
	BUG_ON(bch_bset_index_init(&fixed, u, (struct bset_keys){set, writable.u64s}));
	for (unsigned i = 0; i < nr; i++) {
		check_search(&writable, u, unpacked[i].p);
		check_search(&fixed, u, unpacked[i].p);
		check_search(&fixed, u, bpos_successor(unpacked[i].p));
		check_search(&fixed, u, bpos_nosnap_predecessor(unpacked[i].p));
	}
	bch_bset_index_exit(&fixed);
	bch_bset_index_exit(&writable);
	kfree(set);
}

static void check_keys(const struct bkey_unpacker *u, bch_unpack_fn jit, bool strict,
		       const u8 *data, size_t bytes)
{
	size_t key_bytes = u->format.key_u64s * sizeof(u64);
	struct bkey unpacked[MAX_KEYS];
	u64 *keys[MAX_KEYS];
	unsigned nr = 0;

	for (; nr < MAX_KEYS && bytes >= key_bytes; nr++, data += key_bytes, bytes -= key_bytes) {
		struct bkey_packed *p = kmalloc(key_bytes, GFP_KERNEL);

		BUG_ON(!p);
		memcpy(p, data, key_bytes);
		p->u64s = u->format.key_u64s;
		p->format = KEY_FORMAT_LOCAL_BTREE;
		keys[nr] = (u64 *)p;
		unpacked[nr] = unpack_all_ways(u, jit, p);
		if (!strict)
			continue;
		check_packing(&u->format, &unpacked[nr]);
		if (nr)
			BUG_ON(sign(bch_bkey_p_cmp(&u->format, p, (void *)keys[nr - 1])) !=
			       bpos_cmp(unpacked[nr].p, unpacked[nr - 1].p));
	}
	if (strict)
		check_index(u, keys, unpacked, nr);
	while (nr)
		kfree(keys[--nr]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
	struct printbuf text = PRINTBUF;
	struct bkey_format f;
	struct bkey_unpacker u;
	bool strict;

	if (bytes < sizeof(f) + 1)
		return 0;
	memcpy(&f, data, sizeof(f));
	strict = !(data[sizeof(f)] & 1);
	bch_bkey_format_to_text(&text, &f);
	if (!bch_bkey_format_validate(&f, strict ? 1037 : 9, &text)) {
		bch_unpack_fn jit = NULL;
		void *code = NULL;

		bch_unpacker_init(&u, &f);
#if BCH_HAVE_JIT
		code = execmem_alloc_page();
		BUG_ON(code && bch_jit_generate(code, &f) > BCH_JIT_MAX_BYTES);
		if (code && !execmem_make_rox(code))
			jit = (bch_unpack_fn)code;
#endif
		check_keys(&u, jit, strict, data + sizeof(f) + 1, bytes - sizeof(f) - 1);
		if (code)
			execmem_free_page(code);
	}
	printbuf_exit(&text);
	return 0;
}
