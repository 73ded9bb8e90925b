/* SIX locks: who excludes whom, sequence numbers, order of waiters; with threads. */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include "btree/six.h"
#include "test.h"

#define READ   SIX_LOCK_read
#define INTENT SIX_LOCK_intent
#define WRITE  SIX_LOCK_write

TEST(readers_share)
{
	struct six_lock l;

	bch_six_init(&l);
	EXPECT(bch_six_trylock(&l, READ));
	EXPECT(bch_six_trylock(&l, READ));
	bch_six_unlock(&l, READ);
	bch_six_unlock(&l, READ);
}

TEST(intent_excludes_intent_and_allows_readers)
{
	struct six_lock l;

	bch_six_init(&l);
	EXPECT(bch_six_trylock(&l, READ));
	EXPECT(bch_six_trylock(&l, INTENT));
	EXPECT(!bch_six_trylock(&l, INTENT));
	EXPECT(bch_six_trylock(&l, READ));
	bch_six_unlock(&l, INTENT);
	EXPECT(bch_six_trylock(&l, INTENT));
}

TEST(write_excludes_readers)
{
	struct six_lock l;

	bch_six_init(&l);
	bch_six_lock(&l, INTENT);
	bch_six_lock(&l, READ);
	EXPECT(!bch_six_trylock(&l, WRITE));
	bch_six_unlock(&l, READ);
	EXPECT(bch_six_trylock(&l, WRITE));
	EXPECT(!bch_six_trylock(&l, READ));
	bch_six_unlock(&l, WRITE);
	EXPECT(bch_six_trylock(&l, READ));
}

TEST(relock_works_until_the_next_write)
{
	struct six_lock l;
	u32 seq;

	bch_six_init(&l);
	bch_six_lock(&l, READ);
	seq = bch_six_seq(&l);
	bch_six_unlock(&l, READ);
	EXPECT(bch_six_relock(&l, READ, seq));
	bch_six_unlock(&l, READ);

	bch_six_lock(&l, INTENT);
	EXPECT(bch_six_relock(&l, READ, seq));
	bch_six_unlock(&l, READ);
	bch_six_lock(&l, WRITE);
	bch_six_unlock(&l, WRITE);
	bch_six_unlock(&l, INTENT);
	EXPECT(!bch_six_relock(&l, READ, seq));
	EXPECT(!bch_six_relock(&l, INTENT, seq));
	EXPECT(bch_six_relock(&l, READ, seq + 1));
}

TEST(upgrade_and_downgrade)
{
	struct six_lock l;

	bch_six_init(&l);
	bch_six_lock(&l, READ);
	EXPECT(bch_six_tryupgrade(&l));
	EXPECT(!bch_six_trylock(&l, INTENT));
	bch_six_lock(&l, READ);
	EXPECT(!bch_six_tryupgrade(&l));
	bch_six_unlock(&l, READ);
	bch_six_downgrade(&l);
	EXPECT(bch_six_trylock(&l, INTENT));
	EXPECT(!bch_six_trylock(&l, WRITE));
	bch_six_unlock(&l, READ);
	EXPECT(bch_six_trylock(&l, WRITE));
}

TEST(nested_locks_count)
{
	struct six_lock l;

	bch_six_init(&l);
	bch_six_lock(&l, INTENT);
	bch_six_increment(&l, INTENT);
	bch_six_unlock(&l, INTENT);
	EXPECT(!bch_six_trylock(&l, INTENT));
	bch_six_unlock(&l, INTENT);
	EXPECT(bch_six_trylock(&l, INTENT));
}

struct waiting {
	struct six_lock lock;
	atomic_t stage;
};

static int write_once(void *p)
{
	struct waiting *w = p;

	bch_six_lock(&w->lock, INTENT);
	atomic_set(&w->stage, 1);
	bch_six_lock(&w->lock, WRITE);
	atomic_set(&w->stage, 2);
	bch_six_unlock(&w->lock, WRITE);
	bch_six_unlock(&w->lock, INTENT);
	return 0;
}

static bool has_waiter(struct six_lock *l)
{
	bool ret;

	spin_lock(&l->lock);
	ret = !list_empty(&l->waiters);
	spin_unlock(&l->lock);
	return ret;
}

TEST(waiting_writer_holds_back_new_readers)
{
	struct waiting w;
	struct task_struct *t;

	bch_six_init(&w.lock);
	atomic_set(&w.stage, 0);
	bch_six_lock(&w.lock, READ);
	t = kthread_run(write_once, &w, "writer");
	REQUIRE(!IS_ERR(t));
	while (!has_waiter(&w.lock))
		cond_resched();
	EXPECT_EQ(atomic_read(&w.stage), 1);
	EXPECT(!bch_six_trylock(&w.lock, READ));
	bch_six_increment(&w.lock, READ);
	bch_six_unlock(&w.lock, READ);
	bch_six_unlock(&w.lock, READ);
	kthread_stop(t);
	EXPECT_EQ(atomic_read(&w.stage), 2);
	EXPECT(bch_six_trylock(&w.lock, READ));
}

/* Writers change two numbers together; readers never see them differ. */
#define NR_THREADS 4
#define NR_ROUNDS  3000

struct shared {
	struct six_lock lock;
	u64 a, b;
	u64 reads[NR_THREADS], upgrades[NR_THREADS], torn[NR_THREADS], written[NR_THREADS];
};

struct worker {
	struct shared *s;
	unsigned nr;
};

static void change(struct worker *w)
{
	struct shared *s = w->s;

	bch_six_lock(&s->lock, WRITE);
	s->a++;
	s->b++;
	bch_six_unlock(&s->lock, WRITE);
	bch_six_unlock(&s->lock, INTENT);
	w->s->written[w->nr]++;
}

static int stress(void *p)
{
	struct worker *w = p;
	struct shared *s = w->s;
	u32 seq;

	for (unsigned i = 0; i < NR_ROUNDS; i++) {
		if (i % 4 == w->nr % 4) {
			bch_six_lock(&s->lock, INTENT);
			change(w);
			continue;
		}
		bch_six_lock(&s->lock, READ);
		s->torn[w->nr] += s->a != s->b;
		s->reads[w->nr]++;
		seq = bch_six_seq(&s->lock);
		if (i % 7 == 0 && bch_six_tryupgrade(&s->lock)) {
			s->upgrades[w->nr]++;
			change(w);
			continue;
		}
		bch_six_unlock(&s->lock, READ);
		if (i % 5 == 0 && bch_six_relock(&s->lock, READ, seq)) {
			s->torn[w->nr] += s->a != s->b;
			bch_six_unlock(&s->lock, READ);
		}
	}
	return 0;
}

TEST(readers_never_see_half_a_change)
{
	struct shared s = {};
	struct worker w[NR_THREADS];
	struct task_struct *t[NR_THREADS];
	u64 written = 0;

	bch_six_init(&s.lock);
	for (unsigned i = 0; i < NR_THREADS; i++) {
		w[i] = (struct worker){&s, i};
		t[i] = kthread_run(stress, &w[i], "stress");
		REQUIRE(!IS_ERR(t[i]));
	}
	for (unsigned i = 0; i < NR_THREADS; i++) {
		kthread_stop(t[i]);
		EXPECT_EQ(s.torn[i], 0);
		written += s.written[i];
	}
	EXPECT_EQ(s.a, written);
	EXPECT_EQ(s.b, written);
}
