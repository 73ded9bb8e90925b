/* scrypt (RFC 7914): a key from a passphrase. The kernel has none; a port would upcall. */
#ifndef _BCH_LINUX_SCRYPT_H
#define _BCH_LINUX_SCRYPT_H

#include <linux/types.h>

/*
 * @key_len bytes from @pass and @salt with cost @n (a power of two, at least 2), block size @r and
 * parallelism @p: 128 * @n * @r bytes of memory are used and wiped. 0, -ENOMEM or -EINVAL.
 */
int scrypt(const void *pass, size_t pass_len, const void *salt, size_t salt_len, u64 n,
	   u32 r, u32 p, void *key, size_t key_len);

#endif
