/*
 * SIX locks: shared, intent, exclusive (spec 02 section 11).
 *
 *	read	shared; excludes write
 *	intent	one holder; excludes intent, allows readers
 *	write	taken only while holding intent, for a short change; excludes readers
 *
 * Each write lock changes a sequence number: who dropped a read or intent lock may take it again
 * with bch_six_relock() only if nothing was written since. Waiters are served first come, first
 * served, and a waiting writer holds back new readers.
 */
#ifndef _BCH_BTREE_SIX_H
#define _BCH_BTREE_SIX_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

enum six_lock_type {
	SIX_LOCK_read,
	SIX_LOCK_intent,
	SIX_LOCK_write,
};

struct six_lock {
	spinlock_t lock;
	u32 readers;
	u32 intents; /* of one holder: nested with bch_six_increment() */
	bool writing;
	u32 seq;
	struct list_head waiters; /* oldest first */
};

void bch_six_init(struct six_lock *lock);

/* For SIX_LOCK_write the caller holds intent. */
bool bch_six_trylock(struct six_lock *lock, enum six_lock_type type);
void bch_six_lock(struct six_lock *lock, enum six_lock_type type);
void bch_six_unlock(struct six_lock *lock, enum six_lock_type type);
/* Once more what the caller already holds (read or intent); unlocked as often as taken. */
void bch_six_increment(struct six_lock *lock, enum six_lock_type type);

/* Changes with each write lock. Only meaningful while holding the lock. */
u32 bch_six_seq(struct six_lock *lock);
/* Take read or intent again, at once, if the lock was not written since @seq. */
bool bch_six_relock(struct six_lock *lock, enum six_lock_type type, u32 seq);

/* Read to intent, at once or not at all (the read lock then stays). */
bool bch_six_tryupgrade(struct six_lock *lock);
/* Intent to read. */
void bch_six_downgrade(struct six_lock *lock);

#endif
