/* UTF-8: is it well formed, and text with U+FFFD for what is not. */
#include <linux/string.h>
#include "util/utf8.h"

struct utf8_lead {
	u8 len;	   /* 0: no lead byte */
	u8 lo, hi; /* range of the second byte */
};

static struct utf8_lead utf8_lead(u8 c)
{
	if (c < 0x80)
		return (struct utf8_lead){1, 0, 0};
	if (c < 0xc2 || c > 0xf4)
		return (struct utf8_lead){0, 0, 0};
	if (c < 0xe0)
		return (struct utf8_lead){2, 0x80, 0xbf};
	if (c < 0xf0)
		return (struct utf8_lead){3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
	return (struct utf8_lead){4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
}

/* Longest prefix of @s that may begin a sequence; *complete: it is one. */
static unsigned utf8_prefix(const u8 *s, size_t n, bool *complete)
{
	struct utf8_lead lead = utf8_lead(s[0]);
	unsigned i;

	*complete = false;
	if (!lead.len)
		return 1;
	for (i = 1; i < lead.len; i++) {
		u8 lo = i == 1 ? lead.lo : 0x80, hi = i == 1 ? lead.hi : 0xbf;

		if (i >= n || s[i] < lo || s[i] > hi)
			return i;
	}
	*complete = true;
	return lead.len;
}

unsigned utf8_sequence(const char *s, size_t n)
{
	bool complete;
	unsigned len;

	if (!n)
		return 0;
	len = utf8_prefix((const u8 *)s, n, &complete);
	return complete ? len : 0;
}

/* Bytes at the start of @s that are ASCII. */
static size_t ascii_prefix(const char *s, size_t n)
{
	size_t i = 0;
	u64 word;

	for (; n - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, s + i, sizeof(word));
		if (word & 0x8080808080808080)
			break;
	}
	while (i < n && !(s[i] & 0x80))
		i++;
	return i;
}

bool utf8_valid(const char *s, size_t n)
{
	while (n) {
		size_t len = ascii_prefix(s, n) ?: utf8_sequence(s, n);

		if (!len)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

void prt_utf8(struct printbuf *out, const char *s, size_t n)
{
	if (utf8_valid(s, n)) {
		prt_bytes(out, s, n);
		return;
	}
	while (n) {
		bool complete;
		unsigned len = utf8_prefix((const u8 *)s, n, &complete);

		prt_bytes(out, complete ? s : "\xef\xbf\xbd", complete ? len : 3);
		s += len;
		n -= len;
	}
}
