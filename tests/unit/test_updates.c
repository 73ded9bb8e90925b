/*
 * What transactions changed, as the journal tells it, and going back by it: entries made in memory.
 * What writes the key cache back changes nothing, though it notes older keys (spec 04 section 2.3).
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include "btree/bkey.h"
#include "btree/overlay.h"
#include "btree/state.h"
#include "format/errcode.h"
#include "journal/read.h"
#include "journal/rewind.h"
#include "journal/updates.h"
#include "sb/fs.h"
#include "test.h"

#define WRITE_BACK "bch2_btree_key_cache_journal_flush"
#define ENTRY_U64s 512

struct fixture {
	struct bch_btree_state state;
	struct bch_journal journal;
	struct bch_fs c;
	struct printbuf seen; /* "SEQ/TRANS OLD>NEW" of each update, transactions counted */
	u64 last_seq;
	u32 last_trans;
	unsigned nr_trans;
};

static struct fixture *fixture(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->c.btree = &f->state;
	f->c.journal = &f->journal;
	f->c.initialized = true;
	return f;
}

static void fixture_exit(struct fixture *f)
{
	darray_for_each(f->journal.entries, e) {
		kfree((*e)->j);
		kfree(*e);
	}
	darray_exit(&f->journal.entries);
	bch_overlay_clear(&f->c);
	printbuf_exit(&f->seen);
	free(f);
}

static struct jset *begin(struct fixture *f, u64 seq)
{
	struct journal_entry *e = kzalloc(sizeof(*e), GFP_KERNEL);

	e->j = kzalloc(sizeof(*e->j) + ENTRY_U64s * sizeof(u64), GFP_KERNEL);
	e->seq = seq;
	e->state = JOURNAL_ENTRY_CLEAN;
	e->csum_good = e->validated = true;
	e->j->seq = cpu_to_le64(seq);
	if (darray_push(&f->journal.entries, e))
		abort();
	return e->j;
}

static void add(struct jset *j, u8 type, u8 btree, const void *data, unsigned u64s)
{
	unsigned at = le32_to_cpu(j->u64s);
	struct jset_entry *e = (void *)((u64 *)j->start + at);

	if (at + 1 + u64s > ENTRY_U64s)
		abort();
	e->type = type;
	e->btree_id = btree;
	e->u64s = cpu_to_le16(u64s);
	memcpy(e->data, data, u64s * sizeof(u64));
	j->u64s = cpu_to_le32(at + 1 + u64s);
}

/* The name of a transaction. */
static void trans(struct jset *j, const char *name)
{
	u64 text[8] = {};

	strncpy((char *)text, name, sizeof(text) - 1);
	add(j, JSET_ENTRY_log, 0, text, DIV_ROUND_UP(strlen(name), 8));
}

/* Inode @inum had value @old and gets @new; 0: there is none. */
static void update(struct jset *j, u64 inum, u64 old, u64 new)
{
	u64 words[2][BKEY_U64s + 1], values[2] = {old, new};

	for (unsigned i = 0; i < 2; i++) {
		struct bkey_i *k = (struct bkey_i *)words[i];

		bkey_init_pos(&k->k, POS(0, inum));
		if (values[i]) {
			k->k.type = KEY_TYPE_cookie;
			k->k.u64s++;
			k->v[0] = values[i];
		}
		add(j, i ? JSET_ENTRY_btree_keys : JSET_ENTRY_overwrite, BTREE_ID_inodes, k,
		    k->k.u64s);
	}
}

static u64 value(const struct bkey_i *k)
{
	return k && k->k.type == KEY_TYPE_cookie ? k->v[0] : 0;
}

static int see(const struct journal_update *u, void *arg)
{
	struct fixture *f = arg;

	if (u->seq != f->last_seq || u->trans != f->last_trans)
		f->nr_trans++;
	f->last_seq = u->seq;
	f->last_trans = u->trans;
	prt_printf(&f->seen, "%llu/%u %llu>%llu; ", u->seq, f->nr_trans, value(u->old),
		   value(u->new));
	return 0;
}

/*
 * An inode that lives in the key cache: 1, 2, 3 in transactions; the btree has 7 all the time, and
 * in the middle the cache is written back.
 */
static void cached_inode(struct fixture *f)
{
	struct jset *j = begin(f, 10);

	trans(j, "bch2_setattr");
	update(j, 5, 1, 2);
	j = begin(f, 11);
	trans(j, WRITE_BACK);
	update(j, 5, 7, 2);
	j = begin(f, 12);
	trans(j, "bch2_unlink");
	update(j, 5, 2, 3);
}

/* What the overlay has of the inode. */
static u64 put_back(struct fixture *f)
{
	const struct overlay_key *k =
		bch_overlay_lookup(&f->state.overlay, BTREE_ID_inodes, 0, POS(0, 5));

	return k ? value(k->k) : 0;
}

static u64 state_after(u64 seq)
{
	struct bch_rewind r = {.seq = seq};
	struct printbuf err = PRINTBUF;
	struct fixture *f = fixture();
	u64 ret;

	cached_inode(f);
	EXPECT_EQ(bch_journal_rewind(&f->c, &r, &err), 0);
	EXPECT_EQ(r.seq, seq);
	ret = put_back(f);
	printbuf_exit(&err);
	fixture_exit(f);
	return ret;
}

TEST(updates_have_their_old_keys_and_transactions)
{
	struct fixture *f = fixture();
	struct jset *j = begin(f, 3);
	struct journal_updates all;

	trans(j, "bch2_rename");
	update(j, 5, 1, 2);
	update(j, 6, 0, 4);
	trans(j, "bch2_unlink");
	update(j, 5, 2, 0);
	EXPECT_EQ(bch_journal_updates(&f->c, &all, see, f), 0);
	EXPECT_STR(printbuf_str(&f->seen), "3/1 1>2; 3/1 0>4; 3/2 2>0; ");
	EXPECT_EQ(all.newest, 3);
	EXPECT_EQ(all.complete_from, 3);
	fixture_exit(f);
}

TEST(writing_back_the_key_cache_is_no_update)
{
	struct fixture *f = fixture();
	struct journal_updates all;

	cached_inode(f);
	EXPECT_EQ(bch_journal_updates(&f->c, &all, see, f), 0);
	EXPECT_STR(printbuf_str(&f->seen), "10/1 1>2; 12/2 2>3; ");
	EXPECT_EQ(all.complete_from, 10);
	fixture_exit(f);
}

TEST(what_follows_in_the_same_entry_counts)
{
	struct fixture *f = fixture();
	struct jset *j = begin(f, 10);
	struct journal_updates all;

	trans(j, WRITE_BACK);
	update(j, 5, 7, 1);
	trans(j, "bch2_setattr");
	update(j, 5, 1, 2);
	trans(j, WRITE_BACK);
	update(j, 5, 1, 2);
	EXPECT_EQ(bch_journal_updates(&f->c, &all, see, f), 0);
	EXPECT_STR(printbuf_str(&f->seen), "10/1 1>2; ");
	fixture_exit(f);
}

/* Nothing is put back before the newest entry is undone; 7 never was what a reader saw. */
TEST(going_back_passes_over_the_writing_back)
{
	EXPECT_EQ(state_after(12), 0);
	EXPECT_EQ(state_after(11), 2);
	EXPECT_EQ(state_after(10), 2);
}

TEST(going_back_before_all_of_it_names_the_oldest_state)
{
	struct bch_rewind r = {.seq = 3};
	struct printbuf err = PRINTBUF;
	struct fixture *f = fixture();

	cached_inode(f);
	EXPECT_EQ(bch_journal_rewind(&f->c, &r, &err), -BCH_ERR_journal_rewind);
	EXPECT_EQ(r.oldest, 9);
	bch_overlay_sort(&f->c);
	EXPECT_EQ(put_back(f), 1);
	printbuf_exit(&err);
	fixture_exit(f);
}
