/*
 * json: a writer that streams one document into a printbuf. Commas, quoting and nesting are its
 * business; @key is NULL inside arrays. Strings that are not UTF-8 become {"b64": "..."} and
 * numbers above 2^53 decimal strings (spec 09 section 17).
 */
#ifndef _BCH_UTIL_JSON_H
#define _BCH_UTIL_JSON_H

#include "util/printbuf.h"

#define JSON_MAX_DEPTH 32

struct json {
	struct printbuf *out;
	u8 depth;
	bool comma;  /* the next element needs one */
	bool pretty; /* newlines and two blanks a level */
};

#define JSON(_out) ((struct json){.out = (_out)})

void json_object_begin(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array_begin(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_str(struct json *j, const char *key, const char *s);
void json_strn(struct json *j, const char *key, const void *s, size_t n);
void json_fmt(struct json *j, const char *key, const char *fmt, ...) __printf(3, 4);
void json_u64(struct json *j, const char *key, u64 v);
void json_s64(struct json *j, const char *key, s64 v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);
/* A value that is JSON already: @n bytes. */
void json_raw(struct json *j, const char *key, const char *s, size_t n);
void json_uuid(struct json *j, const char *key, const u8 uuid[16]);
/* An array of the names of the set bits; bits without a name as numbers. */
void json_bitflags(struct json *j, const char *key, const char *const *names, u64 flags);

#endif
