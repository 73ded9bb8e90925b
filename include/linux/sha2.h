/* SHA-256. */
#ifndef _BCH_LINUX_SHA2_H
#define _BCH_LINUX_SHA2_H

#include <linux/types.h>

#define SHA256_DIGEST_SIZE 32

void sha256(const void *data, size_t len, u8 out[SHA256_DIGEST_SIZE]);

#endif
