/*
 * A reader of JSON that takes what it knows and steps over the rest: for files that the tool itself
 * wrote. Nothing is allocated; what is wrong, or too deep, sets bad, and everything after is empty.
 */
#ifndef _CLI_JSON_READ_H
#define _CLI_JSON_READ_H

#include <linux/types.h>

struct json_reader {
	const char *p, *end;
	unsigned depth;
	bool bad;
};

/* Enter an object or array (@open: '{' or '['); false: there is none, the value is stepped over. */
bool json_enter(struct json_reader *r, char open);
/*
 * To the next member of the entered object: its name in @key (@size bytes, cut), its value comes
 * next. False: the object has ended.
 */
bool json_next_member(struct json_reader *r, char *key, size_t size);
/* To the next element of the entered array; false: it has ended. */
bool json_next_element(struct json_reader *r);

void json_skip(struct json_reader *r);
/* An unsigned number, bare or as a string; 0 for anything else. */
u64 json_read_u64(struct json_reader *r);
/* False for anything but true. */
bool json_read_bool(struct json_reader *r);
/* A string without escapes, cut to @size; empty for anything else. */
void json_read_str(struct json_reader *r, char *s, size_t size);

#endif
