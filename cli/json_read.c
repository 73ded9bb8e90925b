/* A reader of JSON for the tool's own files (cli/json_read.h). */
#include <linux/kernel.h>
#include <linux/string.h>
#include "cli/json_read.h"

#define DEPTH_MAX 32

/* The next byte that is no blank, or 0 at the end. */
static char peek(struct json_reader *r)
{
	while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p)
		r->p++;
	return r->bad || r->p == r->end ? 0 : *r->p;
}

static bool take(struct json_reader *r, char c)
{
	if (peek(r) != c)
		return false;
	r->p++;
	return true;
}

static void is_bad(struct json_reader *r)
{
	r->bad = true;
	r->p = r->end;
}

void json_read_str(struct json_reader *r, char *s, size_t size)
{
	size_t n = 0;

	s[0] = '\0';
	if (peek(r) != '"') {
		json_skip(r);
		return;
	}
	for (r->p++; r->p < r->end && *r->p != '"'; r->p++) {
		if (*r->p == '\\' && r->p + 1 < r->end)
			r->p++;
		if (n + 1 < size)
			s[n++] = *r->p;
	}
	s[n] = '\0';
	if (!take(r, '"'))
		is_bad(r);
}

u64 json_read_u64(struct json_reader *r)
{
	char text[24];
	u64 v = 0;
	size_t i;

	if (peek(r) == '"') {
		json_read_str(r, text, sizeof(text));
	} else {
		for (i = 0; i + 1 < sizeof(text) && r->p < r->end && *r->p >= '0' && *r->p <= '9';
		     i++)
			text[i] = *r->p++;
		text[i] = '\0';
		if (!i)
			json_skip(r);
	}
	for (i = 0; text[i] >= '0' && text[i] <= '9'; i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, text[i] - '0', &v))
			return U64_MAX;
	return v;
}

bool json_read_bool(struct json_reader *r)
{
	bool yes = peek(r) && r->end - r->p >= 4 && !memcmp(r->p, "true", 4);

	json_skip(r);
	return yes;
}

bool json_enter(struct json_reader *r, char open)
{
	if (r->depth < DEPTH_MAX && take(r, open)) {
		r->depth++;
		return true;
	}
	json_skip(r);
	return false;
}

/* Between two elements; true: there is another one. */
static bool next(struct json_reader *r, char open, char close)
{
	/* The first one has no comma before it. */
	bool first = r->p > r->end || r->p[-1] == open;

	if (take(r, close)) {
		r->depth--;
		return false;
	}
	if ((!first && !take(r, ',')) || !peek(r)) {
		is_bad(r);
		return false;
	}
	return true;
}

bool json_next_element(struct json_reader *r)
{
	return next(r, '[', ']');
}

bool json_next_member(struct json_reader *r, char *key, size_t size)
{
	key[0] = '\0';
	if (!next(r, '{', '}'))
		return false;
	if (peek(r) == '"')
		json_read_str(r, key, size);
	if (!take(r, ':')) {
		is_bad(r);
		return false;
	}
	return true;
}

void json_skip(struct json_reader *r)
{
	char c = peek(r), key[2];

	if (c == '"') {
		json_read_str(r, key, sizeof(key));
	} else if (c == '{' && r->depth < DEPTH_MAX) {
		json_enter(r, '{');
		while (json_next_member(r, key, sizeof(key)))
			json_skip(r);
	} else if (c == '[' && r->depth < DEPTH_MAX) {
		json_enter(r, '[');
		while (json_next_element(r))
			json_skip(r);
	} else if (c && !strchr(",:{}[]", c)) {
		while (r->p < r->end && !strchr(" \t\r\n,:{}[]\"", *r->p))
			r->p++;
	} else {
		is_bad(r);
	}
}
