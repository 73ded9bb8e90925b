/*
 * What a scrub tells as JSON: the members that its report (spec 09 section 17) and its checkpoint
 * (section 16) have in common. All of these add to an open object.
 */
#ifndef _CLI_SCRUB_JSON_H
#define _CLI_SCRUB_JSON_H

#include "data/scrub.h"
#include "util/json.h"

/* Bytes of each kind, of a member. */
extern const char *const cli_scrub_bytes_fields[SCRUB_KIND_NR];

/* The filesystem and what is checked. @started: s since the epoch. */
void cli_scrub_pass_to_json(struct json *j, const struct bch_scrub *s, u64 started);
/* Array devices. */
void cli_scrub_devs_to_json(struct json *j, const struct bch_scrub *s);
/* An error, but for its path. */
void cli_scrub_finding_to_json(struct json *j, const struct bch_scrub *s,
			       const struct bch_scrub_finding *f);
/* Of object totals. */
void cli_scrub_totals_to_json(struct json *j, const struct bch_scrub *s);

/* What was found bad before, and was not yet looked at again. */
bool cli_scrub_is_pending(const struct bch_scrub *s, const struct bch_scrub_place *p);
/* The end of the group of findings from @i on that are about the same bytes. */
size_t cli_scrub_group_end(const struct bch_scrub *s, size_t i);

static inline bool cli_scrub_is_of_stripe(const struct bch_scrub_item *item)
{
	return item->kind == SCRUB_stripe_data || item->kind == SCRUB_parity;
}

/* Why the copy is bad: a sentence. */
void cli_scrub_why_to_text(struct printbuf *out, const struct bch_scrub *s,
			   const struct bch_scrub_finding *f);

#endif
