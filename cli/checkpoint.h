/*
 * Checkpoints of the scrub (spec 09 section 16): a JSON file with how far each member was checked,
 * what was counted, and where bad copies are.
 */
#ifndef _CLI_CHECKPOINT_H
#define _CLI_CHECKPOINT_H

#include "data/scrub.h"

struct cli_checkpoint {
	char *path;
	u64 started; /* the pass, which may be continued: s since the epoch */
	char *text;  /* of the file that was loaded: the scrub's recheck points into it */
};

/* Where it lies when nothing else is said; to be freed. NULL: no memory. */
char *cli_checkpoint_default_path(const struct bch_fs *c);
void cli_checkpoint_exit(struct cli_checkpoint *cp);

/*
 * Continue what the file says: devs[].start, counters and recheck of @s are set for members whose
 * uuid and bucket size are as they were. 1: some member is to be continued; 0: there is nothing to
 * continue, or less was checked than @s wants, from the start then; negative: it cannot be read,
 * with a sentence in @err.
 */
int cli_checkpoint_load(struct cli_checkpoint *cp, struct bch_scrub *s, struct printbuf *err);

/* Replace the file. 0 or a negative errno. */
int cli_checkpoint_save(const struct cli_checkpoint *cp, struct bch_scrub *s);

/* What the file says, for people. 0 or negative with a sentence in @err. */
int cli_checkpoint_to_text(struct printbuf *out, const char *path, struct printbuf *err);

#endif
