/*
 * Unit tests in C: each tests/unit/test_*.c is a program of its own.
 *
 *	TEST(bpos_orders_by_inode_first)
 *	{
 *		REQUIRE(p != NULL);		leaves the test when false
 *		EXPECT_EQ(bpos_cmp(a, b), -1);	notes the failure and goes on
 *		EXPECT_STR(printbuf_str(&out), "1:2:3");
 *	}
 *
 * main() is here. Arguments are names: only tests whose name contains one of them run. Programs
 * run in the repository's root; the last line is "N passed, N failed".
 */
#ifndef _BCH_TESTS_UNIT_TEST_H
#define _BCH_TESTS_UNIT_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit_test {
	const char *name;
	void (*run)(void);
	struct unit_test *next;
};

static struct unit_test *unit_tests, **unit_tests_tail = &unit_tests;
static bool unit_test_failed;

#define TEST(fn)								\
	static void fn(void);							\
	static struct unit_test unit_test_##fn = {#fn, fn, NULL};		\
	static void __attribute__((constructor)) unit_test_register_##fn(void)	\
	{									\
		*unit_tests_tail = &unit_test_##fn;				\
		unit_tests_tail = &unit_test_##fn.next;				\
	}									\
	static void fn(void)

#define UNIT_TEST_FAIL(fmt, ...)						\
	do {									\
		unit_test_failed = true;					\
		fprintf(stderr, "%s:%d: " fmt "\n", __FILE__, __LINE__, ##__VA_ARGS__); \
	} while (0)

#define EXPECT(c)								\
	do {									\
		if (!(c))							\
			UNIT_TEST_FAIL("not true: %s", #c);			\
	} while (0)

#define REQUIRE(c)								\
	do {									\
		if (!(c)) {							\
			UNIT_TEST_FAIL("not true: %s", #c);			\
			return;							\
		}								\
	} while (0)

/* Integers of any width; shown signed and in hex. */
#define EXPECT_EQ(found, expected)						\
	do {									\
		long long _f = (long long)(found), _e = (long long)(expected);	\
		if (_f != _e)							\
			UNIT_TEST_FAIL("%s is %lld (0x%llx), expected %lld (0x%llx)", #found, \
				       _f, _f, _e, _e);				\
	} while (0)

#define EXPECT_STR(found, expected)						\
	do {									\
		const char *_f = (found), *_e = (expected);			\
		if (!_f || strcmp(_f, _e))					\
			UNIT_TEST_FAIL("%s is \"%s\"\nexpected \"%s\"", #found, _f ?: "(null)", \
				       _e);					\
	} while (0)

#define EXPECT_MEM(found, expected, bytes)					\
	do {									\
		const unsigned char *_f = (const void *)(found);		\
		const unsigned char *_e = (const void *)(expected);		\
		size_t _n = (bytes), _i = 0;					\
		while (_i < _n && _f[_i] == _e[_i])				\
			_i++;							\
		if (_i < _n)							\
			UNIT_TEST_FAIL("%s differs at byte %zu of %zu: %02x, expected %02x", \
				       #found, _i, _n, _f[_i], _e[_i]);		\
	} while (0)

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;

	for (struct unit_test *t = unit_tests; t; t = t->next) {
		bool wanted = argc == 1;

		for (int i = 1; i < argc; i++)
			wanted |= strstr(t->name, argv[i]) != NULL;
		if (!wanted)
			continue;
		unit_test_failed = false;
		t->run();
		if (unit_test_failed)
			fprintf(stderr, "FAILED %s\n", t->name);
		*(unit_test_failed ? &failed : &passed) += 1;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}

#endif
