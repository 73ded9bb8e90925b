/*
 * Options: parsing, range checks, text, and their places in the superblock (spec 01 section 15).
 */
#include <linux/kernel.h>
#include "format/errcode.h"
#include "format/features.h"
#include "sb/fs.h"
#include "sb/labels.h"
#include "sb/members.h"
#include "sb/opts.h"
#include "sb/super.h"

const struct bch_option bch_option_table[BCH_OPT_NR] = {
#define x(_name, _type, _kind, _flags, _min, _max, _def, _store, _choices, _arg, _help) \
	[Opt_##_name] = {                                                               \
		.name = #_name,                                                         \
		.kind = _kind,                                                          \
		.flags = _flags,                                                        \
		.min = _min,                                                            \
		.max = _max,                                                            \
		.def = _def,                                                            \
		.store = _store,                                                        \
		.choices = _choices,                                                    \
		.arg = _arg,                                                            \
		.help = _help,                                                          \
	},
	BCH_OPTS()
#undef x
};

u64 bch_opt_get(const struct bch_opts *opts, enum bch_opt_id id)
{
	switch (id) {
#define x(name, ...)     \
	case Opt_##name: \
		return opts->name;
		BCH_OPTS()
#undef x
	default:
		return 0;
	}
}

void bch_opt_set(struct bch_opts *opts, enum bch_opt_id id, u64 v)
{
	switch (id) {
#define x(name, ...)            \
	case Opt_##name:        \
		opts->name = v; \
		break;
		BCH_OPTS()
#undef x
	default:
		return;
	}
	opts->defined[id / 64] |= 1ULL << (id % 64);
}

void bch_opts_init(struct bch_opts *opts)
{
	*opts = (struct bch_opts){
#define x(name, type, kind, flags, min, max, def, ...) .name = def,
		BCH_OPTS()
#undef x
	};
}

void bch_opts_apply(struct bch_opts *opts, const struct bch_opts *src)
{
	unsigned i;

	for (i = 0; i < BCH_OPT_NR; i++)
		if (bch_opt_defined(src, i))
			bch_opt_set(opts, i, bch_opt_get(src, i));
}

static bool same_name(const char *table, const char *name, size_t len)
{
	size_t i;

	if (strlen(table) != len)
		return false;
	for (i = 0; i < len; i++)
		if (table[i] != (name[i] == '-' ? '_' : name[i]))
			return false;
	return true;
}

int bch_opt_lookup(const char *name, size_t len)
{
	int i;

	if (same_name("quota", name, len))
		return Opt_usrquota;
	for (i = 0; i < BCH_OPT_NR; i++)
		if (!(bch_option_table[i].flags & OPT_NEWER) &&
		    same_name(bch_option_table[i].name, name, len))
			return i;
	return -ENOENT;
}

static unsigned nr_choices(const struct bch_option *opt)
{
	unsigned nr = 0;

	while (opt->choices[nr])
		nr++;
	return nr;
}

int bch_opt_validate(enum bch_opt_id id, u64 v, struct printbuf *err)
{
	const struct bch_option *opt = &bch_option_table[id];

	if (v < opt->min) {
		prt_printf(err, "%s: too small (min %llu)", opt->name, opt->min);
		return -BCH_ERR_ERANGE_option_too_small;
	}
	if (opt->max && v >= opt->max) {
		prt_printf(err, "%s: too big (max %llu)", opt->name, opt->max);
		return -BCH_ERR_ERANGE_option_too_big;
	}
	if ((opt->flags & OPT_SECTORS) && (v & 511)) {
		prt_printf(err, "%s: not a multiple of 512", opt->name);
		return -BCH_ERR_opt_parse_error;
	}
	if ((opt->flags & OPT_POW2) && (v & (v - 1))) {
		prt_printf(err, "%s: must be a power of two", opt->name);
		return -BCH_ERR_opt_parse_error;
	}
	if (opt->kind == OPT_COMPRESSION && !bch_compression_opt_valid(v)) {
		prt_printf(err, "invalid compression opt %llu", v);
		return -BCH_ERR_invalid_sb_opt_compression;
	}
	return 0;
}

/* --- parsing --- */

/* @s is digits and a '\n' at most. */
static int parse_u64(const char *s, u64 *v)
{
	*v = 0;
	if (*s == '+')
		s++;
	if (*s < '0' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, *s - '0', v))
			return -ERANGE;
	if (*s == '\n')
		s++;
	return *s ? -EINVAL : 0;
}

/* log2 of a unit at @s, its end in @end. */
static int parse_unit(const char *s, const char **end)
{
	static const char units[] = "kMGTPE";
	const char *u;

	*end = s;
	if (*s == 'B') {
		*end = s + 1;
		return 0;
	}
	u = *s ? strchr(*s == 'K' ? "k" : units, *s == 'K' ? 'k' : *s) : NULL;
	if (!u)
		return 0;
	*end = s + (s[1] == 'i' && s[2] == 'B' ? 3 : 1);
	return *s == 'K' ? 10 : 10 * (u - units + 1);
}

int bch_parse_size(const char *s, u64 *v)
{
	u64 whole = 0, frac = 0, scale = 1;
	const char *end;
	unsigned shift;
	bool digits = false;

	if (*s == '+')
		s++;
	for (; *s >= '0' && *s <= '9'; s++, digits = true)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *s - '0', &whole))
			return -ERANGE;
	if (!digits)
		return -EINVAL;
	if (*s == '.') {
		s++;
		if (*s < '0' || *s > '9')
			return -EINVAL;
		/* Digits beyond the ninth change nothing that matters. */
		for (; *s >= '0' && *s <= '9'; s++)
			if (scale < 1000000000) {
				frac = frac * 10 + (*s - '0');
				scale *= 10;
			}
	}
	if (*s == ' ')
		s++;
	shift = parse_unit(s, &end);
	if (*end == '\n')
		end++;
	if (*end)
		return -EINVAL;
	if (shift && whole > U64_MAX >> shift)
		return -ERANGE;
	whole <<= shift;
	/* frac < 2^30: the upper part of the unit first, so that nothing is lost to overflow */
	frac = shift > 30 ? (((frac << 30) / scale) << (shift - 30)) : (frac << shift) / scale;
	if (__builtin_add_overflow(whole, frac, v))
		return -ERANGE;
	return 0;
}

static int choice_index(const char *const *choices, const char *s, size_t len)
{
	int i;

	for (i = 0; choices[i]; i++)
		if (strlen(choices[i]) == len && !memcmp(choices[i], s, len))
			return i;
	return -EINVAL;
}

static int parse_bits(const struct bch_option *opt, const char *s, u64 *v)
{
	*v = 0;
	while (true) {
		size_t len = strcspn(s, ",;");
		int i = choice_index(opt->choices, s, len);

		if (i < 0)
			return i;
		*v |= 1ULL << i;
		s += len;
		if (!*s)
			return 0;
		s++;
	}
}

static int parse_compression(const char *s, u64 *v, struct printbuf *err)
{
	size_t len = strcspn(s, ":");
	int type = choice_index(bch_compression_opt_names, s, len);
	u64 level = 0;

	if (type < 0) {
		prt_str(err, "invalid compression type");
		return -EINVAL;
	}
	if (s[len] == ':' && (parse_u64(s + len + 1, &level) || level > 15 || (level && !type))) {
		prt_str(err, "invalid compression level");
		return -EINVAL;
	}
	*v = type | level << 4;
	return 0;
}

static int value_missing(const struct bch_option *opt, u64 *v, struct printbuf *err)
{
	if (opt->kind == OPT_BOOL) {
		*v = 1;
		return 0;
	}
	if (opt == &bch_option_table[Opt_fix_errors]) {
		*v = BCH_FIX_ERRORS_yes;
		return 0;
	}
	prt_printf(err, "%s: required value", opt->name);
	return -BCH_ERR_opt_parse_error;
}

static int bad_value(const struct bch_option *opt, const char *what, struct printbuf *err)
{
	prt_printf(err, "%s: %s", opt->name, what);
	return -BCH_ERR_opt_parse_error;
}

int bch_opt_parse(enum bch_opt_id id, const char *val, const struct bch_sb *sb, u64 *v,
		  struct printbuf *err)
{
	const struct bch_option *opt = &bch_option_table[id];
	int i;

	*v = 0;
	if (!val)
		return value_missing(opt, v, err);
	switch (opt->kind) {
	case OPT_BOOL:
		if (parse_u64(val, v) || *v > 1) {
			bad_value(opt, "must be bool", err);
			return -BCH_ERR_option_not_bool;
		}
		return 0;
	case OPT_UINT:
		if ((opt->flags & OPT_HUMAN ? bch_parse_size : parse_u64)(val, v))
			return bad_value(opt, "must be a number", err);
		break;
	case OPT_CHOICE:
		i = choice_index(opt->choices, val, strlen(val));
		if (i < 0)
			return bad_value(opt, "invalid selection", err);
		*v = i;
		return 0;
	case OPT_BITS:
		if (parse_bits(opt, val, v))
			return bad_value(opt, "invalid selection", err);
		break;
	case OPT_COMPRESSION:
		if (parse_compression(val, v, err))
			return bad_value(opt, "parse error", err);
		return 0;
	case OPT_TARGET:
		if (!*val || !strcmp(val, "none"))
			return 0;
		if (!sb)
			return -BCH_ERR_option_needs_open_fs;
		if (bch_target_parse(sb, val, v))
			return bad_value(opt, "parse error", err);
		return 0;
	}
	return bch_opt_validate(id, *v, err);
}

/* --- text --- */

static void compression_to_text(struct printbuf *out, u64 v)
{
	if ((v & 15) >= BCH_COMPRESSION_OPT_NR) {
		prt_printf(out, "(unknown compression opt %u)", (unsigned)v);
		return;
	}
	prt_str(out, bch_compression_opt_names[v & 15]);
	if (v >> 4)
		prt_printf(out, ":%u", (unsigned)(v >> 4));
}

static void choice_to_text(struct printbuf *out, const struct bch_option *opt, u64 v, bool list)
{
	if (v >= nr_choices(opt))
		prt_printf(out, "(invalid option %lli)", v);
	else if (list)
		prt_choices(out, opt->choices, v);
	else
		prt_str(out, opt->choices[v]);
}

void bch_opt_to_text(struct printbuf *out, enum bch_opt_id id, u64 v, const struct bch_sb *sb,
		     unsigned how)
{
	const struct bch_option *opt = &bch_option_table[id];

	if (how & OPT_TEXT_MOUNT) {
		if (opt->kind == OPT_BOOL) {
			prt_printf(out, "%s%s", v ? "" : "no", opt->name);
			return;
		}
		prt_printf(out, "%s=", opt->name);
	}
	switch (opt->kind) {
	case OPT_BOOL:
	case OPT_UINT:
		if (opt->flags & OPT_HUMAN)
			prt_human_bytes(out, v);
		else
			prt_u64(out, v);
		break;
	case OPT_CHOICE:
		choice_to_text(out, opt, v, how & OPT_TEXT_LIST);
		break;
	case OPT_BITS:
		prt_bitflags(out, opt->choices, v);
		break;
	case OPT_COMPRESSION:
		compression_to_text(out, v);
		break;
	case OPT_TARGET:
		if (sb)
			bch_target_to_text(out, sb, v);
		else if (v)
			prt_u64(out, v);
		else
			prt_str(out, "none");
		break;
	}
}

void bch_opt_to_json(struct json *j, enum bch_opt_id id, u64 v, const struct bch_sb *sb)
{
	const struct bch_option *opt = &bch_option_table[id];
	struct printbuf text = PRINTBUF;

	switch (opt->kind) {
	case OPT_BOOL:
		json_bool(j, opt->name, v);
		break;
	case OPT_UINT:
		json_u64(j, opt->name, v);
		break;
	case OPT_BITS:
		json_bitflags(j, opt->name, opt->choices, v);
		break;
	default:
		bch_opt_to_text(&text, id, v, sb, 0);
		json_str(j, opt->name, printbuf_str(&text));
	}
	printbuf_exit(&text);
}

void bch_opts_to_mount_text(struct printbuf *out, const struct bch_opts *opts,
			    const struct bch_sb *sb)
{
	bool first = true;
	unsigned i;

	for (i = 0; i < BCH_OPT_NR; i++) {
		const struct bch_option *opt = &bch_option_table[i];
		u64 v = bch_opt_get(opts, i);

		if (!(opt->flags & OPT_MOUNT) || (opt->flags & OPT_HIDDEN) || v == opt->def)
			continue;
		if (!first)
			prt_char(out, ',');
		first = false;
		bch_opt_to_text(out, i, v, sb, OPT_TEXT_MOUNT);
	}
}

/* --- in the superblock --- */

bool bch_opt_in_sb(enum bch_opt_id id)
{
	unsigned kind = STORE_KIND(bch_option_table[id].store);

	return kind && kind != STORE_KIND_MEMBER;
}

static u64 flag_get(const struct bch_sb *sb, unsigned place)
{
	return bits_get(sb->flags[place >> 16 & 7], place >> 8 & 63, place & 63);
}

static void flag_set(struct bch_sb *sb, unsigned place, u64 v)
{
	bits_set(&sb->flags[place >> 16 & 7], place >> 8 & 63, place & 63, v);
}

/* The upper nibble of a compression option, far from the lower one. */
static unsigned nibble_hi(unsigned place)
{
	return place == SB_FLAG_compression_type_lo ? SB_FLAG_compression_type_hi :
						      SB_FLAG_background_compression_type_hi;
}

static u64 stored_get(const struct bch_sb *sb, const struct bch_option *opt, unsigned dev)
{
	unsigned place = opt->store & ~(0xff << 24);
	const struct sb_ext *ext;
	struct bch_member m;

	switch (STORE_KIND(opt->store)) {
	case STORE_BLOCK_SIZE:
		return le16_to_cpu(sb->block_size);
	case STORE_KIND_FLAG:
		return flag_get(sb, place);
	case STORE_KIND_NIBBLES:
		return flag_get(sb, place) | flag_get(sb, nibble_hi(place)) << 4;
	case STORE_KIND_MEMBER:
		m = bch_member_get(sb, dev);
		return bits_get(m.flags, place >> 8, place & 63);
	case STORE_KIND_EXT:
		ext = sb_section_get(sb, ext);
		if (!ext || sb_section_bytes(&ext->head) < offsetof(struct sb_ext, flags0) + 8)
			return 0;
		return bits_get(ext->flags0, place >> 8 & 63, place & 63);
	default:
		return opt->def;
	}
}

u64 bch_opt_from_sb(const struct bch_sb *sb, enum bch_opt_id id, unsigned dev)
{
	const struct bch_option *opt = &bch_option_table[id];
	u64 v = stored_get(sb, opt, dev);

	if (!opt->store)
		return v;
	if (opt->flags & OPT_LOG2)
		v = 1ULL << (v & 63);
	if (opt->flags & OPT_SECTORS)
		v <<= 9;
	if (opt->flags & OPT_PLUS1)
		v = v ? v - 1 : opt->def;
	return v;
}

static void set_feature(struct bch_sb *sb, unsigned bit)
{
	sb->features[0] |= cpu_to_le64(1ULL << bit);
}

static void set_features_of(struct bch_sb *sb, enum bch_opt_id id, u64 v)
{
	static const u8 of_type[] = {
		[BCH_COMPRESSION_OPT_lz4] = BCH_FEATURE_lz4,
		[BCH_COMPRESSION_OPT_gzip] = BCH_FEATURE_gzip,
		[BCH_COMPRESSION_OPT_zstd] = BCH_FEATURE_zstd,
	};

	if (bch_option_table[id].kind == OPT_COMPRESSION && (v & 15) &&
	    (v & 15) < ARRAY_SIZE(of_type))
		set_feature(sb, of_type[v & 15]);
	if (id == Opt_erasure_code && v)
		set_feature(sb, BCH_FEATURE_ec);
}

void bch_opt_to_sb(struct bch_sb *sb, enum bch_opt_id id, u64 v, unsigned dev)
{
	const struct bch_option *opt = &bch_option_table[id];
	unsigned place = opt->store & ~(0xff << 24);
	struct bch_member m;

	set_features_of(sb, id, v);
	if (opt->flags & OPT_PLUS1)
		v++;
	if (opt->flags & OPT_SECTORS)
		v >>= 9;
	if (opt->flags & OPT_LOG2)
		v = v ? 63 - __builtin_clzll(v) : 0;
	switch (STORE_KIND(opt->store)) {
	case STORE_BLOCK_SIZE:
		sb->block_size = cpu_to_le16(v);
		break;
	case STORE_KIND_FLAG:
		flag_set(sb, place, v);
		break;
	case STORE_KIND_NIBBLES:
		flag_set(sb, place, v);
		flag_set(sb, nibble_hi(place), v >> 4);
		break;
	case STORE_KIND_MEMBER:
		m = bch_member_get(sb, dev);
		bits_set(&m.flags, place >> 8, place & 63, v);
		bch_member_put(sb, dev, &m);
		break;
	}
}

void bch_opts_from_sb(struct bch_opts *opts, const struct bch_sb *sb)
{
	unsigned i;

	for (i = 0; i < BCH_OPT_NR; i++)
		if (bch_opt_in_sb(i))
			bch_opt_set(opts, i, bch_opt_from_sb(sb, i, 0));
	/* Old filesystems stored no delay (spec 01 section 15.4). */
	if (le16_to_cpu(sb->version) <= BCH_VERSION_inode_v2) {
		if (!opts->journal_flush_delay)
			opts->journal_flush_delay = 1000;
		if (!opts->journal_reclaim_delay)
			opts->journal_reclaim_delay = 100;
	}
}

/* --- mount options --- */

static void keep_word(struct printbuf *rest, const char *word)
{
	if (!rest)
		return;
	if (rest->pos)
		prt_char(rest, ',');
	prt_bytes(rest, word, strlen(word));
}

static int parse_mount_word(struct bch_opts *opts, const char *word, const struct bch_sb *sb,
			    struct printbuf *rest, struct printbuf *err)
{
	const char *eq = strchr(word, '='), *val = eq ? eq + 1 : NULL;
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	int id = bch_opt_lookup(word, len), ret;
	struct printbuf why = PRINTBUF;
	u64 v;

	if (id < 0 && !val && len > 2 && !memcmp(word, "no", 2)) {
		id = bch_opt_lookup(word + 2, len - 2);
		if (id >= 0 && bch_option_table[id].kind != OPT_BOOL)
			id = -ENOENT;
		val = "0";
	}
	if (id < 0) {
		keep_word(rest, word);
		return 0;
	}
	if (!(bch_option_table[id].flags & OPT_MOUNT)) {
		prt_printf(err, "Bad mount option %.*s", (int)len, word);
		return -BCH_ERR_option_name;
	}
	ret = bch_opt_parse(id, val, sb, &v, &why);
	if (ret == -BCH_ERR_option_needs_open_fs) {
		keep_word(rest, word);
		ret = 0;
	} else if (ret) {
		prt_printf(err, "Invalid mount option %s", printbuf_str(&why));
		ret = -BCH_ERR_option_value;
	} else {
		bch_opt_set(opts, id, v);
	}
	printbuf_exit(&why);
	return ret;
}

int bch_opts_parse_mount(struct bch_opts *opts, const char *str, const struct bch_sb *sb,
			 struct printbuf *rest, struct printbuf *err)
{
	struct printbuf word = PRINTBUF;
	int ret = 0;

	while (!ret && *str) {
		size_t len = strcspn(str, ",");

		printbuf_reset(&word);
		prt_bytes(&word, str, len);
		if (printbuf_failed(&word))
			ret = -ENOMEM;
		else if (len)
			ret = parse_mount_word(opts, printbuf_str(&word), sb, rest, err);
		str += len;
		if (*str)
			str++;
	}
	printbuf_exit(&word);
	return ret;
}
