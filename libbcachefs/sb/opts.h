/*
 * Options: values in memory, their text, and their places in the superblock (spec 01 section 15).
 * Everything here is made from the table in format/options.h.
 */
#ifndef _BCH_SB_OPTS_H
#define _BCH_SB_OPTS_H

#include <linux/string.h>
#include "format/options.h"
#include "util/json.h"
#include "util/printbuf.h"

struct bch_fs;
struct bch_sb_handle;

struct bch_option {
	const char *name;
	u8 kind;   /* enum bch_opt_kind */
	u16 flags; /* enum bch_opt_flags */
	u64 min, max, def;
	u32 store;		    /* STORE_* */
	const char *const *choices; /* NULL-terminated, or NULL */
	const char *arg;	    /* of its value in help texts, NULL: takes none */
	const char *help;	    /* one sentence, lower case */
};

extern const struct bch_option bch_option_table[BCH_OPT_NR];

/* Values of all options, by name; use bch_opt_get() and bch_opt_set() by number. */
struct bch_opts {
#define x(name, type, ...) type name;
	BCH_OPTS()
#undef x
	u64 defined[DIV_ROUND_UP(BCH_OPT_NR, 64)];
};

u64 bch_opt_get(const struct bch_opts *opts, enum bch_opt_id id);
/* Also marks it as defined. */
void bch_opt_set(struct bch_opts *opts, enum bch_opt_id id, u64 v);

static inline bool bch_opt_defined(const struct bch_opts *opts, enum bch_opt_id id)
{
	return opts->defined[id / 64] >> (id % 64) & 1;
}

/* All defaults, none of them marked as defined. */
void bch_opts_init(struct bch_opts *opts);
/* Copy what is defined in @src. */
void bch_opts_apply(struct bch_opts *opts, const struct bch_opts *src);

/*
 * Number of the option called @name (@len bytes; '-' and '_' are the same), or -ENOENT. Newer
 * options, which are only decoded, are not found.
 */
int bch_opt_lookup(const char *name, size_t len);

/*
 * Range check (spec 01 section 15.2): 0 or -BCH_ERR_ERANGE_option_too_small and the like, with
 * "NAME: too small (min N)" appended to @err.
 */
int bch_opt_validate(enum bch_opt_id id, u64 v, struct printbuf *err);
/*
 * Parse and check one value (spec 01 section 15.1); @val NULL: none was given. Targets need the
 * members and labels of @sb and otherwise give -BCH_ERR_option_needs_open_fs.
 */
int bch_opt_parse(enum bch_opt_id id, const char *val, const struct bch_sb *sb, u64 *v,
		  struct printbuf *err);
/* The H grammar of spec 01 section 15.1: "10M", "64k", "4096"; 0 or -EINVAL. */
int bch_parse_size(const char *s, u64 *v);

enum bch_opt_text {
	OPT_TEXT_LIST = 1U << 0,  /* choices as a list with the selected one in brackets */
	OPT_TEXT_MOUNT = 1U << 1, /* as a mount option: name=value, [no]name */
};

/* @sb: for targets; may be NULL. */
void bch_opt_to_text(struct printbuf *out, enum bch_opt_id id, u64 v, const struct bch_sb *sb,
		     unsigned how);
void bch_opt_to_json(struct json *j, enum bch_opt_id id, u64 v, const struct bch_sb *sb);
/* "name=value,..." of all that differ from their defaults (spec 01 section 15.5). */
void bch_opts_to_mount_text(struct printbuf *out, const struct bch_opts *opts,
			    const struct bch_sb *sb);

/* Is it stored in the head, a flag word or ext (not in a member)? */
bool bch_opt_in_sb(enum bch_opt_id id);
/* The stored value; @dev is the member slot for options of members, else ignored. */
u64 bch_opt_from_sb(const struct bch_sb *sb, enum bch_opt_id id, unsigned dev);
/*
 * Store it, with its effect on feature bits (spec 01 section 15.4). The value has been checked.
 * @dev as above. Options that are not stored are ignored.
 */
void bch_opt_to_sb(struct bch_sb *sb, enum bch_opt_id id, u64 v, unsigned dev);
/* All options stored in the superblock. */
void bch_opts_from_sb(struct bch_opts *opts, const struct bch_sb *sb);

/*
 * A mount option string (spec 01 section 15.5). Targets and unknown words are appended, comma
 * separated, to @rest when it is given (else unknown words are ignored). -BCH_ERR_option_name or
 * -BCH_ERR_option_value with a sentence in @err.
 */
int bch_opts_parse_mount(struct bch_opts *opts, const char *str, const struct bch_sb *sb,
			 struct printbuf *rest, struct printbuf *err);

#endif
