/*
 * Option strings: a mount option string, and each word as the value of one option. What is accepted
 * passes the range check and comes back from its text.
 */
#include <linux/kernel.h>
#include <linux/string.h>
#include <stdlib.h>
#include "sb/opts.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* The text of a value is a value again; sizes are rounded in their text. */
static void check_text(enum bch_opt_id id, u64 v)
{
	struct printbuf text = PRINTBUF, err = PRINTBUF;
	u64 again;

	bch_opt_to_text(&text, id, v, NULL, 0);
	if (!(bch_option_table[id].flags & OPT_HUMAN) && text.pos &&
	    (bch_opt_parse(id, printbuf_str(&text), NULL, &again, &err) || again != v))
		abort();
	printbuf_exit(&text);
	printbuf_exit(&err);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct printbuf err = PRINTBUF, rest = PRINTBUF, text = PRINTBUF;
	struct bch_opts opts;
	char *s;
	u64 v;
	int id;

	if (!size)
		return 0;
	s = malloc(size);
	memcpy(s, data + 1, size - 1);
	s[size - 1] = '\0';

	bch_opts_init(&opts);
	if (bch_opts_parse_mount(&opts, s, NULL, &rest, &err) && !err.pos)
		abort();
	bch_opts_to_mount_text(&text, &opts, NULL);

	id = data[0] % BCH_OPT_NR;
	printbuf_reset(&err);
	if (!bch_opt_parse(id, s, NULL, &v, &err)) {
		if (err.pos || bch_opt_validate(id, v, &err))
			abort();
		check_text(id, v);
	}
	bch_opt_lookup(s, size - 1);
	free(s);
	printbuf_exit(&err);
	printbuf_exit(&rest);
	printbuf_exit(&text);
	return 0;
}
