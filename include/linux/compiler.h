/* Compiler attributes, barriers and single-copy accesses under their kernel names. */
#ifndef _BCH_LINUX_COMPILER_H
#define _BCH_LINUX_COMPILER_H

#define __packed	__attribute__((__packed__))
#define __aligned(x)	__attribute__((__aligned__(x)))
#define __maybe_unused	__attribute__((__unused__))
#define __must_check	__attribute__((__warn_unused_result__))
#define __printf(a, b)	__attribute__((__format__(printf, a, b)))
#define __cold		__attribute__((__cold__))
#define __malloc	__attribute__((__malloc__))
#define __noreturn	__attribute__((__noreturn__))
#define __cleanup(fn)	__attribute__((__cleanup__(fn)))
#define __counted_by(m)
#define noinline	__attribute__((__noinline__))
#define fallthrough	__attribute__((__fallthrough__))
#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif
#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define BUILT_WITH_TSAN 1
#else
#define BUILT_WITH_TSAN 0
#endif

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* Of integers and pointers. */
#define READ_ONCE(x)	 __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define barrier()	 __asm__ __volatile__("" ::: "memory")
#define prefetch(p)	 __builtin_prefetch(p)
#define prefetchw(p)	 __builtin_prefetch(p, 1)

#endif
