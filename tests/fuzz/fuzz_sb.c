/*
 * Superblocks: any buffer. What validation lets pass can be printed and changed: sections grow and
 * vanish, members and labels come, options are set; the rest stays as valid as it was. The bytes of
 * the checksum, which is the reader's business, choose what is done.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <stdlib.h>
#include "sb/labels.h"
#include "sb/members.h"
#include "sb/opts.h"
#include "sb/super.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define CHOICE_BYTES 8

static bool load(struct bch_sb_handle *h, const u8 *data, size_t size)
{
	if (size < sizeof(struct bch_sb) || bch_sb_alloc(h, BCH_SB_MAX_SIZE_BITS))
		return false;
	h->no_layout = true;
	if (bch_sb_realloc(h, (size - sizeof(struct bch_sb)) / sizeof(u64) + 1))
		return false;
	memcpy(h->sb, data, size);
	/* The reader has compared the length. */
	if (le32_to_cpu(h->sb->u64s) > (size - sizeof(struct bch_sb)) / sizeof(u64))
		h->sb->u64s = cpu_to_le32((size - sizeof(struct bch_sb)) / sizeof(u64));
	return true;
}

static int validate(struct bch_sb_handle *h, unsigned flags)
{
	struct printbuf err = PRINTBUF;
	int ret = bch_sb_validate(h->sb, SB_READ, flags, &err);

	if (ret && ret != -ENOMEM && !err.pos)
		abort();
	printbuf_exit(&err);
	return ret;
}

static void print(const struct bch_sb *sb)
{
	struct printbuf text = PRINTBUF, doc = PRINTBUF;
	struct json j = JSON(&doc);

	bch_sb_to_text(&text, sb, true, U64_MAX);
	json_object_begin(&j, NULL);
	bch_sb_to_json(&j, sb, true, U64_MAX);
	json_object_end(&j);
	printbuf_exit(&text);
	printbuf_exit(&doc);
}

/* One change; true if it may make a valid superblock invalid. */
static bool change(struct bch_sb_handle *h, u8 what, u8 arg)
{
	struct sb_section *s;
	u64 v, target;

	switch (what % 5) {
	case 0:
		s = bch_sb_section_resize(h, SB_SECTION_counters, arg);
		return !s && arg;
	case 1:
		bch_sb_section_delete(h, arg % 32);
		return true;
	case 2:
		bch_members_resize(h, max_t(unsigned, h->sb->nr_devices, arg % 65));
		bch_members_v1_update(h);
		return true;
	case 3:
		/* Members may refer to labels although the section is missing. */
		v = bch_labels_nr(h->sb);
		bch_label_create(h, arg & 1 ? "ssd.a" : arg & 2 ? "hdd" : "ssd.a.b.c");
		bch_target_parse(h->sb, "ssd.a", &target);
		return !v;
	default:
		if (bch_option_table[arg % BCH_OPT_NR].flags & OPT_NEWER)
			return false;
		bch_opt_to_sb(h->sb, arg % BCH_OPT_NR, bch_option_table[arg % BCH_OPT_NR].def, arg);
		return true;
	}
}

/* Everything that engines ask a superblock. */
static void ask(const struct bch_sb *sb)
{
	bool online[BCH_MAX_DEVS + 1] = {true};
	struct printbuf err = PRINTBUF;
	struct bch_opts opts;
	unsigned i;

	bch_opts_init(&opts);
	bch_opts_from_sb(&opts, sb);
	for (i = 0; i < BCH_MAX_DEVS; i++) {
		bch_member_info_get(sb, i);
		bch_sb_dev_has_data(sb, i);
		bch_target_has_dev(sb, 257 + i % 8, i);
	}
	bch_sb_may_start(sb, online, SB_START_DEGRADED, &err);
	bch_sb_may_write(sb, &err);
	bch_member_free_slot(sb);
	printbuf_exit(&err);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct bch_sb_handle h = {}, other = {};
	unsigned i;

	if (!load(&h, data, size) || validate(&h, data[0] & SB_VALIDATE_NO_VERSION_CHECK))
		goto out;
	print(h.sb);
	ask(h.sb);
	if (BCH_VERSION_MAJOR(le16_to_cpu(h.sb->version)) > 1)
		goto out;
	for (i = 1; i + 1 < CHOICE_BYTES; i += 2)
		if (!change(&h, data[i], data[i + 1]) &&
		    validate(&h, data[0] & SB_VALIDATE_NO_VERSION_CHECK))
			abort();
		else if (validate(&h, data[0] & SB_VALIDATE_NO_VERSION_CHECK))
			goto out;
	print(h.sb);
	if (!bch_sb_alloc(&other, BCH_SB_SIZE_BITS_DEFAULT))
		bch_sb_copy(&other, h.sb, true);
out:
	bch_sb_free(&h);
	bch_sb_free(&other);
	return 0;
}
