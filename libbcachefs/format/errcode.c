/* Names and classes of error codes. */
#include <linux/kernel.h>
#include <linux/string.h>
#include "format/errcode.h"

static const struct {
	const char *name;
	int class;
} codes[] = {
#define x(class, name) {#name, class},
	BCH_ERRCODES()
#undef x
};

static const struct {
	int nr;
	const char *name;
} errnos[] = {
#define E(e) {e, #e}
	E(EPERM), E(ENOENT), E(EINTR), E(EIO), E(ENXIO), E(E2BIG), E(EBADF), E(EAGAIN),
	E(ENOMEM), E(EACCES), E(EFAULT), E(EBUSY), E(EEXIST), E(EXDEV), E(ENODEV), E(ENOTDIR),
	E(EISDIR), E(EINVAL), E(ENFILE), E(EMFILE), E(ENOTTY), E(EFBIG), E(ENOSPC), E(ESPIPE),
	E(EROFS), E(EPIPE), E(EDOM), E(ERANGE), E(ENODATA), E(EOVERFLOW), E(EOPNOTSUPP),
	E(ETIMEDOUT), E(ENOKEY), E(EPROTO), E(ELOOP), E(ENAMETOOLONG), E(ENOSYS), E(EKEYREJECTED),
#undef E
};

const char *bch_err_str(int err)
{
	unsigned i;

	if (err < 0)
		err = -err;
	if (err > BCH_ERR_START && err < BCH_ERR_MAX)
		return codes[err - BCH_ERR_START - 1].name;
	for (i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i].nr == err)
			return errnos[i].name;
	return "(unknown error)";
}

int bch_err_class(int err)
{
	if (err < 0)
		err = -err;
	if (err > BCH_ERR_START && err < BCH_ERR_MAX)
		return -codes[err - BCH_ERR_START - 1].class;
	return -err;
}
