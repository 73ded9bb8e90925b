/* Sleeping on a word until it changes: what locks and threads are made of here. */
#ifndef _BCH_LINUX_FUTEX_H
#define _BCH_LINUX_FUTEX_H

#include_next <linux/futex.h>
#include <linux/types.h>

/*
 * Sleep while *@word is @val, at most @timeout_ns (negative: for ever). Returns when woken, by
 * chance, at once when the word differs, and -ETIMEDOUT when time is over.
 */
int futex_wait(const u32 *word, u32 val, s64 timeout_ns);
void futex_wake(const u32 *word, int nr);

#endif
