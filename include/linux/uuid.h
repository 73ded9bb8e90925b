/*
 * UUIDs as 16 bytes in the order of their text. All are inline: libuuid, which libraries we link
 * against use, has functions of the same names. A file includes this or <uuid/uuid.h>, not both.
 */
#ifndef _BCH_LINUX_UUID_H
#define _BCH_LINUX_UUID_H

#include <errno.h>
#include_next <linux/uuid.h>
#include <linux/random.h>
#include <linux/string.h>

#define UUID_SIZE	16
#define UUID_STRING_LEN 36

typedef struct {
	__u8 b[UUID_SIZE];
} uuid_t;

/* A random UUID: version 4, variant 1. */
static inline void generate_random_uuid(unsigned char uuid[16])
{
	get_random_bytes(uuid, 16);
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

static inline void uuid_gen(uuid_t *u)
{
	generate_random_uuid(u->b);
}

static inline bool uuid_equal(const uuid_t *a, const uuid_t *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static inline void uuid_copy(uuid_t *dst, const uuid_t *src)
{
	*dst = *src;
}

static inline bool uuid_is_null(const uuid_t *u)
{
	static const uuid_t null;

	return uuid_equal(u, &null);
}

/* The text of 36 characters at @s, either case; nothing may be wrong with it. 0 or -EINVAL. */
static inline int uuid_parse(const char *s, uuid_t *u)
{
	uuid_t r = {};

	if (strlen(s) != UUID_STRING_LEN)
		return -EINVAL;
	for (int i = 0, n = 0; i < UUID_STRING_LEN; i++) {
		char c = s[i];
		int v = c >= '0' && c <= '9' ? c - '0' :
			c >= 'a' && c <= 'f' ? c - 'a' + 10 :
			c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (c != '-')
				return -EINVAL;
			continue;
		}
		if (v < 0)
			return -EINVAL;
		r.b[n / 2] |= v << (n % 2 ? 0 : 4);
		n++;
	}
	*u = r;
	return 0;
}

#endif
