/* printbuf: the line machine of spec 01 section 9.1. */
#include "util/printbuf.h"
#include "tests/unit/test.h"

TEST(formatted_tab_ends_one_column_before_the_stop)
{
	struct printbuf out = PRINTBUF;

	printbuf_tabstop_push(&out, 8);
	prt_printf(&out, "abc:\tx\n");
	EXPECT_STR(printbuf_str(&out), "abc:   x\n");
	printbuf_exit(&out);
}

TEST(explicit_tab_ends_at_the_stop)
{
	struct printbuf out = PRINTBUF;

	printbuf_tabstop_push(&out, 8);
	prt_str(&out, "abc:");
	prt_tab(&out);
	prt_str(&out, "x");
	EXPECT_STR(printbuf_str(&out), "abc:    x");
	printbuf_exit(&out);
}

TEST(right_justified_field_ends_at_the_stop)
{
	struct printbuf out = PRINTBUF;

	printbuf_tabstop_push(&out, 8);
	prt_printf(&out, "12\r\n");
	EXPECT_STR(printbuf_str(&out), "      12\n");
	printbuf_exit(&out);
}

TEST(indentation_begins_each_line)
{
	struct printbuf out = PRINTBUF;

	printbuf_indent_add(&out, 2);
	prt_str(&out, "a\nb\n");
	printbuf_indent_sub(&out, 2);
	prt_str(&out, "c\n");
	EXPECT_STR(printbuf_str(&out), "  a\n  b\nc\n");
	printbuf_exit(&out);
}

TEST(human_bytes_have_three_digits)
{
	struct printbuf out = PRINTBUF;

	prt_human_bytes(&out, 65536);
	EXPECT_STR(printbuf_str(&out), "64.0 KiB");
	printbuf_exit(&out);
}

TEST(without_tab_stops_control_characters_stay)
{
	struct printbuf out = PRINTBUF;

	printbuf_indent_add(&out, 2);
	prt_printf(&out, "a\tb\rc\nd");
	EXPECT_STR(printbuf_str(&out), "  a\tb\rc\n  d");
	printbuf_exit(&out);
}
