/*
 * printbuf: text that grows on the heap, with indentation and tab stops.
 *
 * Implements the line machine of spec 01 section 9.1. Allocation failure is remembered, never
 * fatal: the text is cut and printbuf_failed() tells. Knows nothing of bcachefs.
 */
#ifndef _BCH_UTIL_PRINTBUF_H
#define _BCH_UTIL_PRINTBUF_H

#include <linux/kernel.h>

#define PRINTBUF_NR_TABSTOPS 8

struct printbuf {
	char *buf;
	size_t size;	    /* bytes allocated */
	size_t pos;	    /* bytes written, without the terminating NUL */
	size_t line_start;  /* position behind the last newline */
	size_t field_start; /* position behind the last newline or tab */
	unsigned indent;    /* blanks at the start of each line */
	u8 nr_tabstops, cur_tabstop;
	u8 failed;
	bool human_units;		    /* sizes as "1.00 MiB" instead of plain numbers */
	u16 tabstops[PRINTBUF_NR_TABSTOPS]; /* absolute columns */
};

#define PRINTBUF ((struct printbuf){.buf = NULL})

void printbuf_exit(struct printbuf *out);
/* Forget the text, keep the buffer, the indentation and the tab stops. */
void printbuf_reset(struct printbuf *out);
/* NUL-terminated text; "" when empty. Valid until the next change. */
const char *printbuf_str(const struct printbuf *out);
/* Give the text away: the caller frees it with kfree(). */
char *printbuf_steal(struct printbuf *out);
/* Room for @extra more bytes and a NUL; 0 or -ENOMEM. */
int printbuf_make_room(struct printbuf *out, size_t extra);

static inline bool printbuf_failed(const struct printbuf *out)
{
	return out->failed;
}

/* Formatted text; newlines, tabs and \r in the result drive the line machine. */
void prt_printf(struct printbuf *out, const char *fmt, ...) __printf(2, 3);
void prt_vprintf(struct printbuf *out, const char *fmt, va_list args) __printf(2, 0);
/* As prt_printf("%s"), newlines in @s indented. */
void prt_str(struct printbuf *out, const char *s);
/* Bytes as they are: no line machine except that newlines are noticed. */
void prt_bytes(struct printbuf *out, const void *b, size_t n);
void prt_char(struct printbuf *out, char c);
void prt_newline(struct printbuf *out);
/* Pad with blanks to the column of the next tab stop exactly. */
void prt_tab(struct printbuf *out);
/* Move the current field to end at the next tab stop. */
void prt_tab_rjust(struct printbuf *out);
void prt_u64(struct printbuf *out, u64 v);

void printbuf_indent_add(struct printbuf *out, unsigned spaces);
void printbuf_indent_sub(struct printbuf *out, unsigned spaces);
void printbuf_tabstops_reset(struct printbuf *out);
/* Add a tab stop @spaces behind the previous one. */
void printbuf_tabstop_push(struct printbuf *out, unsigned spaces);
void printbuf_tabstop_pop(struct printbuf *out);

/* Spec 01 section 9.2: bytes as "64.0 KiB" ("H"). */
void prt_human_bytes(struct printbuf *out, u64 bytes);
/* As prt_human_bytes() with human units on, else a plain number ("U"). */
void prt_units_u64(struct printbuf *out, u64 bytes);
/* RFC 4122 text of 16 bytes as stored. */
void prt_uuid(struct printbuf *out, const u8 uuid[16]);
/* ctime() of seconds since the epoch in the local zone, without newline. */
void prt_date(struct printbuf *out, u64 seconds);
/* Names of the set bits joined by ','; stops at the first bit without a name. */
void prt_bitflags(struct printbuf *out, const char *const *names, u64 flags);
/* All names, each followed by a blank, the one at @selected in brackets. */
void prt_choices(struct printbuf *out, const char *const *names, unsigned selected);

#endif
