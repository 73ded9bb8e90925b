/*
 * A finding: what a validator has against a piece of metadata.
 *
 * Validators return 0 or a negative error; when @f is given they also tell which persistent error
 * id (spec 01 appendix B) it is and a sentence. With @f NULL they are silent and cheap.
 */
#ifndef _BCH_SB_FINDING_H
#define _BCH_SB_FINDING_H

#include "format/errcode.h"
#include "util/printbuf.h"

struct finding {
	u16 id;		       /* enum bch_fsck_err, format/sb_errors.h */
	struct printbuf *text; /* appended to */
};

static inline int __printf(3, 4) finding_set(struct finding *f, u16 id, const char *fmt, ...)
{
	va_list args;

	if (f) {
		f->id = id;
		va_start(args, fmt);
		prt_vprintf(f->text, fmt, args);
		va_end(args);
	}
	return -BCH_ERR_invalid;
}

#endif
