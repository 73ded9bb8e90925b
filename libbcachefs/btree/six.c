/*
 * SIX locks (spec 02 section 11). A spinlock guards the counts; who must wait puts itself on a
 * list and is handed the lock by the one who makes room, so that nobody is overtaken.
 */
#include <linux/bug.h>
#include <linux/completion.h>
#include "btree/six.h"

struct six_waiter {
	struct list_head list;
	enum six_lock_type type;
	struct completion granted;
};

void bch_six_init(struct six_lock *lock)
{
	spin_lock_init(&lock->lock);
	lock->readers = lock->intents = lock->seq = 0;
	lock->writing = false;
	INIT_LIST_HEAD(&lock->waiters);
}

/* Do the present holders allow it? */
static bool compatible(const struct six_lock *lock, enum six_lock_type type)
{
	switch (type) {
	case SIX_LOCK_read:
		return !lock->writing;
	case SIX_LOCK_intent:
		return !lock->intents;
	default:
		return !lock->readers && !lock->writing;
	}
}

/*
 * Would a waiter suffer if a newcomer got it? Readers and intent do not disturb each other; a
 * writer holds the intent, so nothing but readers can stand in its way.
 */
static bool must_queue(const struct six_lock *lock, enum six_lock_type type)
{
	struct six_waiter *w;

	list_for_each_entry(w, &lock->waiters, list)
		if ((type == SIX_LOCK_read && w->type == SIX_LOCK_write) ||
		    (type == SIX_LOCK_intent && w->type == SIX_LOCK_intent))
			return true;
	return false;
}

static void take(struct six_lock *lock, enum six_lock_type type)
{
	switch (type) {
	case SIX_LOCK_read:
		lock->readers++;
		break;
	case SIX_LOCK_intent:
		lock->intents++;
		break;
	default:
		lock->writing = true;
		lock->seq++;
	}
}

static bool try_take(struct six_lock *lock, enum six_lock_type type)
{
	if (!compatible(lock, type) || must_queue(lock, type))
		return false;
	take(lock, type);
	return true;
}

/* Hand the lock to all waiters, oldest first, that may have it now. */
static void grant(struct six_lock *lock)
{
	struct six_waiter *w, *next;
	bool write_waits = false;

	list_for_each_entry_safe(w, next, &lock->waiters, list) {
		if (compatible(lock, w->type) && !(w->type == SIX_LOCK_read && write_waits)) {
			take(lock, w->type);
			list_del(&w->list);
			complete(&w->granted); /* @w is gone */
		} else if (w->type == SIX_LOCK_write) {
			write_waits = true;
		}
	}
}

bool bch_six_trylock(struct six_lock *lock, enum six_lock_type type)
{
	bool ret;

	spin_lock(&lock->lock);
	ret = try_take(lock, type);
	spin_unlock(&lock->lock);
	return ret;
}

void bch_six_lock(struct six_lock *lock, enum six_lock_type type)
{
	struct six_waiter w;

	spin_lock(&lock->lock);
	if (try_take(lock, type)) {
		spin_unlock(&lock->lock);
		return;
	}
	w.type = type;
	init_completion(&w.granted);
	list_add_tail(&w.list, &lock->waiters);
	spin_unlock(&lock->lock);
	wait_for_completion(&w.granted);
}

void bch_six_unlock(struct six_lock *lock, enum six_lock_type type)
{
	spin_lock(&lock->lock);
	switch (type) {
	case SIX_LOCK_read:
		BUG_ON(!lock->readers);
		lock->readers--;
		break;
	case SIX_LOCK_intent:
		BUG_ON(!lock->intents || lock->writing);
		lock->intents--;
		break;
	default:
		BUG_ON(!lock->writing);
		lock->writing = false;
	}
	if (!list_empty(&lock->waiters))
		grant(lock);
	spin_unlock(&lock->lock);
}

void bch_six_increment(struct six_lock *lock, enum six_lock_type type)
{
	spin_lock(&lock->lock);
	BUG_ON(type == SIX_LOCK_write || !(type == SIX_LOCK_read ? lock->readers : lock->intents));
	take(lock, type);
	spin_unlock(&lock->lock);
}

u32 bch_six_seq(struct six_lock *lock)
{
	u32 seq;

	spin_lock(&lock->lock);
	seq = lock->seq;
	spin_unlock(&lock->lock);
	return seq;
}

bool bch_six_relock(struct six_lock *lock, enum six_lock_type type, u32 seq)
{
	bool ret;

	spin_lock(&lock->lock);
	ret = lock->seq == seq && try_take(lock, type);
	spin_unlock(&lock->lock);
	return ret;
}

bool bch_six_tryupgrade(struct six_lock *lock)
{
	bool ret;

	spin_lock(&lock->lock);
	BUG_ON(!lock->readers);
	ret = try_take(lock, SIX_LOCK_intent);
	if (ret) {
		lock->readers--;
		if (!list_empty(&lock->waiters))
			grant(lock);
	}
	spin_unlock(&lock->lock);
	return ret;
}

void bch_six_downgrade(struct six_lock *lock)
{
	spin_lock(&lock->lock);
	BUG_ON(!lock->intents || lock->writing);
	lock->intents--;
	lock->readers++;
	if (!list_empty(&lock->waiters))
		grant(lock);
	spin_unlock(&lock->lock);
}
