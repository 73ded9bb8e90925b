/* Text and JSON of the journal's sub-entries (spec 04 section 2.4, 09 section 17). */
#ifndef _BCH_JOURNAL_ENTRY_TEXT_H
#define _BCH_JOURNAL_ENTRY_TEXT_H

#include "format/jset.h"
#include "util/json.h"
#include "util/printbuf.h"

struct bch_fs;

/* "btree_keys", or "(unknown jset_entry_type 77)". */
void bch_jset_entry_type_to_text(struct printbuf *out, unsigned type);
/* One validated sub-entry, without a newline at the end. @c is NULL: no filesystem is open. */
void bch_jset_entry_to_text(struct printbuf *out, const struct bch_fs *c,
			    const struct jset_entry *e);
/* An object: type, and keys[] or text. */
void bch_jset_entry_to_json(struct json *j, const struct bch_fs *c, const struct jset_entry *e);
/* Length of the message in a log sub-entry: up to the first NUL. */
size_t bch_jset_log_len(const struct jset_entry *e);

#endif
