/*
 * Journal entries: any buffer that calls itself one. Whatever it holds, validation bounds it; then
 * its text, its JSON and its keys may be looked at, and a second validation finds nothing.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <stdlib.h>

#include "btree/bkey_ops.h"
#include "format/sb_errors.h"
#include "init/key_types.h"
#include "journal/entry_text.h"
#include "journal/validate.h"
#include "sb/fs.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static struct bch_fs fs = {.version = 1037, .version_min = 1037, .nr_devices = 4};

static void found(struct bch_jset_check *ck, const struct finding *f)
{
	if (!f->text->pos)
		abort();
}

/* A root that was lost stays lost; all else was repaired the first time. */
static void found_again(struct bch_jset_check *ck, const struct finding *f)
{
	if (f->id != BCH_FSCK_ERR_journal_entry_btree_root_bad_size)
		abort();
}

/* Sum of all keys' bytes: every one is read. */
static u64 sum_keys(const struct jset *j)
{
	u64 sum = 0;

	for_each_jset_entry(e, (struct jset_entry *)j->start, jset_last(j)) {
		if (!jset_entry_type_has_keys(e->type))
			continue;
		for_each_jset_key(k, e) {
			if (k->k.u64s < BKEY_U64s)
				abort();
			for (unsigned i = 0; i < k->k.u64s; i++)
				sum += ((u64 *)k)[i];
		}
	}
	return sum;
}

static void print(const struct jset *j, const struct bch_fs *c)
{
	struct printbuf text = PRINTBUF, doc = PRINTBUF;
	struct json js = JSON(&doc);

	json_array_begin(&js, NULL);
	for_each_jset_entry(e, (struct jset_entry *)j->start, jset_last(j)) {
		bch_jset_entry_to_text(&text, c, e);
		prt_newline(&text);
		bch_jset_entry_to_json(&js, c, e);
	}
	json_array_end(&js);
	printbuf_exit(&text);
	printbuf_exit(&doc);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static volatile u64 sink;
	struct jset *j = malloc(size);
	struct bch_jset_check ck;

	if (size < sizeof(*j) || !j) {
		free(j);
		return 0;
	}
	bch_key_types_init();
	memcpy(j, data, size);
	j->magic = cpu_to_le64(bch_jset_magic(&fs));
	ck = bch_jset_check_of(&fs, j);
	ck.found = found;
	if (!bch_jset_validate_early(&ck, j, size) && !bch_jset_validate(&ck, j)) {
		print(j, &fs);
		print(j, NULL);
		sink = sum_keys(j);

		/* Converted keys are in today's form. */
		j->version = cpu_to_le32(fs.version);
		j->flags &= cpu_to_le32(~(JSET_BIG_ENDIAN | 0xf));
		ck = bch_jset_check_of(&fs, j);
		ck.found = found_again;
		bch_jset_validate(&ck, j);
	}
	free(j);
	(void)sink;
	return 0;
}
