/* Byte order: cpu_to_le64() and its like are in <linux/kernel.h>. */
#ifndef _BCH_ASM_BYTEORDER_H
#define _BCH_ASM_BYTEORDER_H
#include_next <asm/byteorder.h>
#include <linux/kernel.h>
#endif
