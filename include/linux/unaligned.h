/* Loads and stores of any alignment and byte order. */
#ifndef _BCH_LINUX_UNALIGNED_H
#define _BCH_LINUX_UNALIGNED_H

#include <linux/kernel.h>

#define get_unaligned(p)								\
	({										\
		const struct {								\
			__typeof__(*(p)) v;						\
		} __packed *_p = (const void *)(p);					\
		_p->v;									\
	})

#define put_unaligned(val, p)								\
	do {										\
		struct {								\
			__typeof__(*(p)) v;						\
		} __packed *_p = (void *)(p);						\
		_p->v = (val);								\
	} while (0)

#define DEFINE_UNALIGNED(order, bits)							\
static inline u##bits get_unaligned_##order##bits(const void *p)			\
{											\
	return order##bits##_to_cpu(get_unaligned((const u##bits *)p));		\
}											\
static inline void put_unaligned_##order##bits(u##bits v, void *p)			\
{											\
	put_unaligned(cpu_to_##order##bits(v), (u##bits *)p);				\
}

DEFINE_UNALIGNED(le, 16)
DEFINE_UNALIGNED(le, 32)
DEFINE_UNALIGNED(le, 64)
DEFINE_UNALIGNED(be, 16)
DEFINE_UNALIGNED(be, 32)
DEFINE_UNALIGNED(be, 64)
#undef DEFINE_UNALIGNED

#endif
