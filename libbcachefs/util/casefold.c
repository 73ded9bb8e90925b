/* Names without case: folding with the tables of util/casefold_table.h. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "util/casefold.h"
#include "util/utf8.h"

/* Every step-th code point from first to last becomes itself + delta. */
struct casefold_run {
	u32 first, last;
	u8 step;
	s32 delta;
};

struct casefold_range {
	u32 first, last;
};

struct casefold_seq {
	u32 cp;
	char utf8[12]; /* zero padded */
};

struct casefold_class {
	u32 first, last;
	u8 ccc;
};

#include "util/casefold_table.h"

#define HANGUL_S     0xac00
#define HANGUL_L     0x1100
#define HANGUL_V     0x1161
#define HANGUL_T     0x11a7
#define HANGUL_NR_V  21
#define HANGUL_NR_T  28
#define HANGUL_NR_LV (HANGUL_NR_V * HANGUL_NR_T)
#define HANGUL_NR    11172

/* The element of a sorted table that may hold @cp: the last that begins at or before it. */
#define FIND(table, field, cp)                                 \
	({                                                     \
		size_t _lo = 0, _hi = ARRAY_SIZE(table), _mid; \
                                                               \
		while (_lo < _hi) {                            \
			_mid = (_lo + _hi) / 2;                \
			if ((table)[_mid].field <= (cp))       \
				_lo = _mid + 1;                \
			else                                   \
				_hi = _mid;                    \
		}                                              \
		_lo ? &(table)[_lo - 1] : NULL;                \
	})

/* @s is well formed. */
static u32 decode(const char *s, unsigned len)
{
	const u8 *p = (const u8 *)s;

	switch (len) {
	case 1:
		return p[0];
	case 2:
		return (p[0] & 0x1f) << 6 | (p[1] & 0x3f);
	case 3:
		return (p[0] & 0x0f) << 12 | (p[1] & 0x3f) << 6 | (p[2] & 0x3f);
	default:
		return (p[0] & 0x07) << 18 | (p[1] & 0x3f) << 12 | (p[2] & 0x3f) << 6 |
		       (p[3] & 0x3f);
	}
}

static unsigned encode(u32 cp, char *s)
{
	if (cp < 0x80) {
		s[0] = cp;
		return 1;
	}
	if (cp < 0x800) {
		s[0] = 0xc0 | cp >> 6;
		s[1] = 0x80 | (cp & 0x3f);
		return 2;
	}
	if (cp < 0x10000) {
		s[0] = 0xe0 | cp >> 12;
		s[1] = 0x80 | (cp >> 6 & 0x3f);
		s[2] = 0x80 | (cp & 0x3f);
		return 3;
	}
	s[0] = 0xf0 | cp >> 18;
	s[1] = 0x80 | (cp >> 12 & 0x3f);
	s[2] = 0x80 | (cp >> 6 & 0x3f);
	s[3] = 0x80 | (cp & 0x3f);
	return 4;
}

/* Canonical combining class. */
static u8 class_of(u32 cp)
{
	const struct casefold_class *c = cp < 0x300 ? NULL : FIND(casefold_classes, first, cp);

	return c && cp <= c->last ? c->ccc : 0;
}

struct fold {
	char *out;
	size_t pos, max;
};

/* Append one code point; a mark goes before those of a higher class. */
static int put(struct fold *f, const char *s, unsigned len)
{
	u8 ccc = class_of(decode(s, len));
	size_t at = f->pos;

	if (f->max - f->pos < len)
		return -ENAMETOOLONG;
	while (ccc && at) {
		size_t before = at - 1;
		u8 other;

		while (before && ((u8)f->out[before] & 0xc0) == 0x80)
			before--;
		other = class_of(decode(f->out + before, at - before));
		if (other <= ccc)
			break;
		at = before;
	}
	memmove(f->out + at + len, f->out + at, f->pos - at);
	memcpy(f->out + at, s, len);
	f->pos += len;
	return 0;
}

static int put_cp(struct fold *f, u32 cp)
{
	char s[4];

	return put(f, s, encode(cp, s));
}

static int fold_cp(struct fold *f, u32 cp, const char *s, unsigned len)
{
	const struct casefold_run *run = FIND(casefold_runs, first, cp);
	const struct casefold_seq *seq = FIND(casefold_seqs, cp, cp);
	const struct casefold_range *gone = FIND(casefold_gone, first, cp);
	unsigned at, n;
	int ret = 0;

	if (gone && cp <= gone->last)
		return 0;
	if (run && cp <= run->last && !((cp - run->first) % run->step))
		return put_cp(f, cp + run->delta);
	if (seq && seq->cp == cp) {
		unsigned all = strnlen(seq->utf8, sizeof(seq->utf8));

		for (at = 0; at < all && !ret; at += n) {
			n = utf8_sequence(seq->utf8 + at, all - at);
			ret = put(f, seq->utf8 + at, n);
		}
		return ret;
	}
	if (cp >= HANGUL_S && cp < HANGUL_S + HANGUL_NR) {
		u32 i = cp - HANGUL_S;

		ret = put_cp(f, HANGUL_L + i / HANGUL_NR_LV) ?:
			      put_cp(f, HANGUL_V + i % HANGUL_NR_LV / HANGUL_NR_T);
		return ret ?: i % HANGUL_NR_T ? put_cp(f, HANGUL_T + i % HANGUL_NR_T) : 0;
	}
	return put(f, s, len);
}

int utf8_casefold(const char *s, size_t n, char *out, size_t max)
{
	struct fold f = {.out = out, .max = max};
	unsigned len;
	int ret = 0;

	for (; n && !ret; s += len, n -= len) {
		u8 c = *s;

		len = 1;
		if (c < 0x80) {
			if (f.pos == f.max)
				return -ENAMETOOLONG;
			f.out[f.pos++] = c + (c >= 'A' && c <= 'Z' ? 'a' - 'A' : 0);
			continue;
		}
		len = utf8_sequence(s, n);
		if (!len)
			return -EINVAL;
		ret = fold_cp(&f, decode(s, len), s, len);
	}
	return ret ?: (int)f.pos;
}
