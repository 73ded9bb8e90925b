/* Names without case: what the kernel made of names, and laws that hold for all. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "test.h"
#include "util/casefold.h"

static const struct {
	const char *name, *folded;
} names[] = {
	{"", ""},
	{"Hello WORLD 09_.-", "hello world 09_.-"},
	{"stra\u00dfe", "strasse"},
	{"\u1e9e", "ss"},
	{"\u00c9t\u00e9", "e\u0301te\u0301"},
	{"\u00c5", "a\u030a"},
	{"\u212b", "a\u030a"},
	{"A\u030a", "a\u030a"},
	{"\ufb01n", "fin"},
	{"\u0130x", "i\u0307x"},
	{"\u01c5", "\u01c6"},
	{"a\u00adb", "ab"},
	{"\u03a9", "\u03c9"},
	{"\uac00", "\u1100\u1161"},
	{"\uac01", "\u1100\u1161\u11a8"},
	{"\ud7a3", "\u1112\u1175\u11c2"},
	{"\u03a3\u039f\u03a6\u039f\u03a3", "\u03c3\u03bf\u03c6\u03bf\u03c3"},
	{"\u1f88", "\u03b1\u0313\u03b9"},
	{"\u0390", "\u03b9\u0308\u0301"},
	/* Marks of several classes, in any order. */
	{"q\u0307\u0323", "q\u0323\u0307"},
	{"\u1e69", "s\u0323\u0307"},
	{"\u1e0b\u0323", "d\u0323\u0307"},
	{"\U00010400", "\U00010428"},
	{"\U0001d164", "\U0001d158\U0001d165\U0001d172"},
	/* Unknown to Unicode 12.1: stays. */
	{"\u2c2f", "\u2c2f"},
	{"\U0001fae0", "\U0001fae0"},
};

TEST(names_are_folded_as_the_kernel_does)
{
	char out[512];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		int n = utf8_casefold(names[i].name, strlen(names[i].name), out, sizeof(out) - 1);

		REQUIRE(n >= 0);
		out[n] = '\0';
		EXPECT_STR(out, names[i].folded);
	}
}

TEST(folding_twice_is_folding_once)
{
	char s[4], once[64], twice[64];

	for (unsigned cp = 0x80; cp < 0x110000; cp++) {
		unsigned len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4, left = cp;
		int n;

		if (cp >= 0xd800 && cp < 0xe000)
			continue;
		for (unsigned i = len - 1; i; i--, left >>= 6)
			s[i] = 0x80 | (left & 0x3f);
		s[0] = (len == 2 ? 0xc0 : len == 3 ? 0xe0 : 0xf0) | left;
		n = utf8_casefold(s, len, once, sizeof(once));
		REQUIRE(n >= 0);
		EXPECT_EQ(utf8_casefold(once, n, twice, sizeof(twice)), n);
		EXPECT(!memcmp(once, twice, n));
	}
}

TEST(what_is_no_utf8_or_too_long_is_refused)
{
	char out[16];

	EXPECT_EQ(utf8_casefold("a\xff", 2, out, sizeof(out)), -EINVAL);
	EXPECT_EQ(utf8_casefold("\xc3", 1, out, sizeof(out)), -EINVAL);
	EXPECT_EQ(utf8_casefold("abcd", 4, out, 4), 4);
	EXPECT_EQ(utf8_casefold("abcde", 5, out, 4), -ENAMETOOLONG);
	EXPECT_EQ(utf8_casefold("abc\u00df", 5, out, 4), -ENAMETOOLONG);
}
