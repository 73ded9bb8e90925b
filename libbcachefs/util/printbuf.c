/*
 * printbuf: text that grows on the heap, with indentation and tab stops (spec 01 section 9.1).
 */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/time.h>
#include "util/printbuf.h"

void printbuf_exit(struct printbuf *out)
{
	kfree(out->buf);
	*out = PRINTBUF;
}

void printbuf_reset(struct printbuf *out)
{
	out->pos = out->line_start = out->field_start = 0;
	out->cur_tabstop = 0;
	out->failed = false;
	if (out->buf)
		out->buf[0] = '\0';
}

const char *printbuf_str(const struct printbuf *out)
{
	return out->buf ?: "";
}

char *printbuf_steal(struct printbuf *out)
{
	char *text;

	if (printbuf_make_room(out, 0))
		return NULL;
	out->buf[out->pos] = '\0';
	text = out->buf;
	out->buf = NULL;
	printbuf_exit(out);
	return text;
}

int printbuf_make_room(struct printbuf *out, size_t extra)
{
	size_t want = out->pos + extra + 1, size = max_t(size_t, out->size, 64);
	char *n;

	if (want <= out->size)
		return 0;
	while (size < want)
		size *= 2;
	n = krealloc(out->buf, size, GFP_KERNEL);
	if (!n) {
		out->failed = true;
		return -ENOMEM;
	}
	if (!out->buf)
		n[0] = '\0';
	out->buf = n;
	out->size = size;
	return 0;
}

static inline bool has_room(struct printbuf *out, size_t n)
{
	return likely(n < out->size - out->pos) || !printbuf_make_room(out, n);
}

static inline void append(struct printbuf *out, const char *s, size_t n)
{
	if (!n || !has_room(out, n))
		return;
	memcpy(out->buf + out->pos, s, n);
	out->pos += n;
	out->buf[out->pos] = '\0';
}

static void append_blanks(struct printbuf *out, size_t n)
{
	if (!has_room(out, n))
		return;
	memset(out->buf + out->pos, ' ', n);
	out->pos += n;
	out->buf[out->pos] = '\0';
}

void prt_newline(struct printbuf *out)
{
	append(out, "\n", 1);
	out->line_start = out->pos;
	append_blanks(out, out->indent);
	out->field_start = out->pos;
	out->cur_tabstop = 0;
}

static unsigned line_len(const struct printbuf *out)
{
	return out->pos - out->line_start;
}

void prt_tab(struct printbuf *out)
{
	unsigned stop;

	if (out->cur_tabstop >= out->nr_tabstops) {
		append(out, "\t", 1);
		return;
	}
	stop = out->tabstops[out->cur_tabstop++];
	if (line_len(out) < stop)
		append_blanks(out, stop - line_len(out));
	out->field_start = out->pos;
}

/* A tab in a formatted string ends one column short of an explicit one. */
static void formatted_tab(struct printbuf *out)
{
	unsigned stop;

	if (out->cur_tabstop >= out->nr_tabstops) {
		append(out, "\t", 1);
		return;
	}
	stop = out->tabstops[out->cur_tabstop++];
	if (line_len(out) + 1 < stop)
		append_blanks(out, stop - line_len(out) - 1);
	out->field_start = out->pos;
}

void prt_tab_rjust(struct printbuf *out)
{
	unsigned stop, pad, field;

	if (out->cur_tabstop >= out->nr_tabstops)
		return;
	stop = out->tabstops[out->cur_tabstop++];
	if (line_len(out) < stop) {
		pad = stop - line_len(out);
		field = out->pos - out->field_start;
		if (printbuf_make_room(out, pad))
			return;
		memmove(out->buf + out->field_start + pad, out->buf + out->field_start, field);
		memset(out->buf + out->field_start, ' ', pad);
		out->pos += pad;
		out->buf[out->pos] = '\0';
	}
	out->field_start = out->pos;
}

/* Run @n bytes through the line machine. */
static void append_formatted(struct printbuf *out, const char *s, size_t n)
{
	while (n) {
		size_t run = 0;

		/* Most bytes need one comparison. */
		while (run < n &&
		       ((u8)s[run] > '\r' || (s[run] != '\n' && s[run] != '\t' && s[run] != '\r')))
			run++;
		append(out, s, run);
		s += run;
		n -= run;
		if (!n)
			break;
		if (*s == '\n')
			prt_newline(out);
		else if (*s == '\t')
			formatted_tab(out);
		else if (out->cur_tabstop < out->nr_tabstops)
			prt_tab_rjust(out);
		else
			append(out, s, 1);
		s++;
		n--;
	}
}

void prt_vprintf(struct printbuf *out, const char *fmt, va_list args)
{
	char small[256], *big = small;
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(small, sizeof(small), fmt, args);
	if (len >= (int)sizeof(small)) {
		big = kmalloc(len + 1, GFP_KERNEL);
		if (big)
			vsnprintf(big, len + 1, fmt, again);
	}
	va_end(again);
	if (len < 0 || !big) {
		out->failed = true;
		return;
	}
	append_formatted(out, big, len);
	if (big != small)
		kfree(big);
}

void prt_printf(struct printbuf *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	prt_vprintf(out, fmt, args);
	va_end(args);
}

void prt_str(struct printbuf *out, const char *s)
{
	append_formatted(out, s, strlen(s));
}

void prt_bytes(struct printbuf *out, const void *b, size_t n)
{
	const char *s = b;
	size_t i;

	append(out, s, n);
	if (out->failed)
		return;
	for (i = n; i; i--)
		if (s[i - 1] == '\n') {
			out->line_start = out->field_start = out->pos - (n - i);
			out->cur_tabstop = 0;
			break;
		}
}

void prt_char(struct printbuf *out, char c)
{
	if (c == '\n')
		prt_newline(out);
	else
		append(out, &c, 1);
}

void prt_u64(struct printbuf *out, u64 v)
{
	char digits[20];
	unsigned n = sizeof(digits);

	do
		digits[--n] = '0' + v % 10;
	while (v /= 10);
	append(out, digits + n, sizeof(digits) - n);
}

void printbuf_indent_add(struct printbuf *out, unsigned spaces)
{
	out->indent += spaces;
	append_blanks(out, spaces);
	out->field_start = out->pos;
}

void printbuf_indent_sub(struct printbuf *out, unsigned spaces)
{
	spaces = min(spaces, out->indent);
	if (out->pos - out->line_start == out->indent && out->pos >= spaces && out->buf) {
		out->pos -= spaces;
		out->buf[out->pos] = '\0';
		out->field_start = out->pos;
	}
	out->indent -= spaces;
}

void printbuf_tabstops_reset(struct printbuf *out)
{
	out->nr_tabstops = out->cur_tabstop = 0;
}

void printbuf_tabstop_push(struct printbuf *out, unsigned spaces)
{
	unsigned prev = out->nr_tabstops ? out->tabstops[out->nr_tabstops - 1] : 0;

	if (out->nr_tabstops < PRINTBUF_NR_TABSTOPS)
		out->tabstops[out->nr_tabstops++] = prev + spaces;
}

void printbuf_tabstop_pop(struct printbuf *out)
{
	if (out->nr_tabstops)
		out->nr_tabstops--;
	out->cur_tabstop = min(out->cur_tabstop, out->nr_tabstops);
}

void prt_human_bytes(struct printbuf *out, u64 v)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	static const u16 rounding[] = {500, 50, 5}, divisor[] = {1000, 100, 10};
	unsigned unit = 0, digits, r = 0, f;

	if (!v) {
		prt_str(out, "0 B");
		return;
	}
	while (v >= 1ULL << 32) {
		v /= 1024;
		unit++;
	}
	while (v >= 1024) {
		r = v % 1024;
		v /= 1024;
		unit++;
	}
	digits = v >= 100 ? 0 : v >= 10 ? 1 : 2;
	f = r * 1000 / 1024 + rounding[digits];
	if (f >= 1000) {
		f -= 1000;
		v++;
	}
	prt_printf(out, "%llu", v);
	if (digits)
		prt_printf(out, ".%0*u", digits, f / divisor[digits]);
	prt_printf(out, " %s", units[unit]);
}

void prt_units_u64(struct printbuf *out, u64 v)
{
	if (out->human_units)
		prt_human_bytes(out, v);
	else
		prt_u64(out, v);
}

void prt_uuid(struct printbuf *out, const u8 uuid[16])
{
	unsigned i;

	for (i = 0; i < 16; i++)
		prt_printf(out, "%02x%s", uuid[i], i == 3 || i == 5 || i == 7 || i == 9 ? "-" : "");
}

void prt_date(struct printbuf *out, u64 seconds)
{
	char text[32];

	if (local_ctime(seconds, text, sizeof(text)))
		prt_u64(out, seconds);
	else
		prt_str(out, text);
}

void prt_bitflags(struct printbuf *out, const char *const *names, u64 flags)
{
	bool first = true;
	unsigned i, nr = 0;

	while (names[nr])
		nr++;
	for (i = 0; i < 64 && flags >> i; i++) {
		if (!(flags & 1ULL << i))
			continue;
		if (i >= nr)
			break;
		if (!first)
			prt_char(out, ',');
		first = false;
		prt_str(out, names[i]);
	}
}

void prt_choices(struct printbuf *out, const char *const *names, unsigned selected)
{
	unsigned i;

	for (i = 0; names[i]; i++)
		prt_printf(out, i == selected ? "[%s] " : "%s ", names[i]);
}
