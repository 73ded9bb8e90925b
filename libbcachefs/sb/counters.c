/* Section counters: what the filesystem has done since it was made (spec 01 section 10.10). */
#include "format/counters.h"
#include "sb/sb_sections.h"

/*
 * Name of position @i in a section of @nr counters. The lists of 1.13 and of newer versions differ
 * in names only (and in the order of 32 and 33); the length tells which one it is.
 */
static const char *counter_name(unsigned i, unsigned nr)
{
	if (nr <= BCH_COUNTER_NR_1_13)
		return bch_counter_names[i];
	return i < BCH_COUNTER_NR ? bch_counter_names_newer[i] : "(unknown)";
}

static void counters_to_text(struct printbuf *out, const struct bch_sb *sb,
			     const struct sb_section *s)
{
	const struct sb_counters *c = (const void *)s;
	unsigned i, nr = sb_section_nr(c, d);

	for (i = 0; i < nr; i++)
		prt_printf(out, "%s \t%llu\n", counter_name(i, nr), le64_to_cpu(c->d[i]));
}

static void counters_to_json(struct json *j, const struct bch_sb *sb, const struct sb_section *s)
{
	const struct sb_counters *c = (const void *)s;
	unsigned i, nr = sb_section_nr(c, d);

	for (i = 0; i < min_t(unsigned, nr, BCH_COUNTER_NR); i++)
		json_u64(j, counter_name(i, nr), le64_to_cpu(c->d[i]));
}

const struct bch_sb_section_ops bch_sb_counters_ops = {
	.to_text = counters_to_text,
	.to_json = counters_to_json,
};
