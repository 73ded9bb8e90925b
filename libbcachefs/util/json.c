/* json: a writer that streams one document into a printbuf. */
#include <linux/string.h>
#include "util/json.h"
#include "util/utf8.h"

static void newline(struct json *j)
{
	unsigned i;

	if (!j->pretty)
		return;
	prt_bytes(j->out, "\n", 1);
	for (i = 0; i < j->depth; i++)
		prt_bytes(j->out, "  ", 2);
}

static void quoted(struct json *j, const char *s, size_t n)
{
	size_t i, run = 0;

	prt_bytes(j->out, "\"", 1);
	for (i = 0; i < n; i++) {
		unsigned char c = s[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		prt_bytes(j->out, s + run, i - run);
		if (c == '"' || c == '\\')
			prt_printf(j->out, "\\%c", c);
		else if (c == '\n')
			prt_str(j->out, "\\n");
		else if (c == '\t')
			prt_str(j->out, "\\t");
		else
			prt_printf(j->out, "\\u%04x", c);
		run = i + 1;
	}
	prt_bytes(j->out, s + run, n - run);
	prt_bytes(j->out, "\"", 1);
}

static void element(struct json *j, const char *key)
{
	if (j->comma)
		prt_bytes(j->out, ",", 1);
	if (j->depth)
		newline(j);
	if (key) {
		quoted(j, key, strlen(key));
		prt_bytes(j->out, ": ", j->pretty ? 2 : 1);
	}
	j->comma = true;
}

static void open_level(struct json *j, const char *key, const char *bracket)
{
	element(j, key);
	prt_bytes(j->out, bracket, 1);
	j->depth++;
	j->comma = false;
}

static void close_level(struct json *j, const char *bracket)
{
	bool empty = !j->comma;

	j->depth--;
	if (!empty)
		newline(j);
	prt_bytes(j->out, bracket, 1);
	j->comma = true;
}

void json_object_begin(struct json *j, const char *key)
{
	open_level(j, key, "{");
}

void json_object_end(struct json *j)
{
	close_level(j, "}");
}

void json_array_begin(struct json *j, const char *key)
{
	open_level(j, key, "[");
}

void json_array_end(struct json *j)
{
	close_level(j, "]");
}

static void base64(struct printbuf *out, const u8 *s, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i;

	for (i = 0; i < n; i += 3) {
		u32 v = s[i] << 16 | (i + 1 < n ? s[i + 1] << 8 : 0) | (i + 2 < n ? s[i + 2] : 0);
		char q[4] = {digits[v >> 18], digits[v >> 12 & 63],
			     i + 1 < n ? digits[v >> 6 & 63] : '=',
			     i + 2 < n ? digits[v & 63] : '='};

		prt_bytes(out, q, 4);
	}
}

void json_strn(struct json *j, const char *key, const void *s, size_t n)
{
	if (utf8_valid(s, n)) {
		element(j, key);
		quoted(j, s, n);
		return;
	}
	json_object_begin(j, key);
	element(j, "b64");
	prt_bytes(j->out, "\"", 1);
	base64(j->out, s, n);
	prt_bytes(j->out, "\"", 1);
	json_object_end(j);
}

void json_str(struct json *j, const char *key, const char *s)
{
	json_strn(j, key, s, strlen(s));
}

void json_fmt(struct json *j, const char *key, const char *fmt, ...)
{
	struct printbuf text = PRINTBUF;
	va_list args;

	va_start(args, fmt);
	prt_vprintf(&text, fmt, args);
	va_end(args);
	json_strn(j, key, printbuf_str(&text), text.pos);
	printbuf_exit(&text);
}

void json_u64(struct json *j, const char *key, u64 v)
{
	bool big = v > 1ULL << 53;

	element(j, key);
	if (big)
		prt_bytes(j->out, "\"", 1);
	prt_u64(j->out, v);
	if (big)
		prt_bytes(j->out, "\"", 1);
}

void json_s64(struct json *j, const char *key, s64 v)
{
	if (v >= 0) {
		json_u64(j, key, v);
		return;
	}
	element(j, key);
	prt_printf(j->out, v < -(1LL << 53) ? "\"%lld\"" : "%lld", (long long)v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	element(j, key);
	prt_str(j->out, v ? "true" : "false");
}

void json_raw(struct json *j, const char *key, const char *s, size_t n)
{
	element(j, key);
	prt_bytes(j->out, s, n);
}

void json_null(struct json *j, const char *key)
{
	element(j, key);
	prt_str(j->out, "null");
}

void json_uuid(struct json *j, const char *key, const u8 uuid[16])
{
	element(j, key);
	prt_bytes(j->out, "\"", 1);
	prt_uuid(j->out, uuid);
	prt_bytes(j->out, "\"", 1);
}

void json_bitflags(struct json *j, const char *key, const char *const *names, u64 flags)
{
	unsigned i, nr = 0;

	while (names[nr])
		nr++;
	json_array_begin(j, key);
	for (i = 0; i < 64; i++) {
		if (!(flags & 1ULL << i))
			continue;
		if (i < nr)
			json_str(j, NULL, names[i]);
		else
			json_u64(j, NULL, i);
	}
	json_array_end(j);
}
