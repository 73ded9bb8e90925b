/* Messages of an open filesystem. */
#include <linux/kernel.h>
#include <linux/printk.h>
#include "sb/fs.h"

void bch_log(struct bch_fs *c, const char *fmt, ...)
{
	struct printbuf line = PRINTBUF;
	va_list args;

	va_start(args, fmt);
	prt_vprintf(&line, fmt, args);
	va_end(args);
	if (c && c->log)
		c->log(c, printbuf_str(&line));
	else
		pr_err("%s\n", printbuf_str(&line));
	printbuf_exit(&line);
}
