/*
 * Clones (host/restore_share.h): a table of ranges of the reflink btree, each known under all the
 * units that it touches. A job only waits for jobs before it in the walk, so that none waits for
 * ever.
 */
#include <linux/err.h>
#include <linux/hash.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>
#include "host/restore_share.h"

#define UNIT_SHIFT 17 /* bytes */
#define HASH_BITS  14
#define SHARES_MAX (1U << 22)

enum share_state {
	SHARE_PENDING,
	SHARE_DONE,
	SHARE_FAILED,
};

/* A file that is written from shared extents. */
struct restore_share_file {
	struct restore_share_file *next; /* all of them */
	u64 seq;			 /* of its job */
	u8 state;			 /* enum share_state */
	struct tree_dir *dir;
	char *name;
};

struct share {
	struct share *next;
	struct restore_share_file *file;
	u64 unit;
	u64 at, len; /* in the reflink btree */
	u64 offset;  /* in the file */
};

struct restore_shares {
	struct mutex lock;
	wait_queue_head_t done;
	struct restore_share_file *files;
	unsigned nr;
	struct share *hash[1U << HASH_BITS];
};

struct restore_shares *restore_shares_new(void)
{
	struct restore_shares *s = kvzalloc(sizeof(*s), GFP_KERNEL);

	if (s) {
		mutex_init(&s->lock);
		init_waitqueue_head(&s->done);
	}
	return s;
}

void restore_shares_free(struct restore_shares *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < ARRAY_SIZE(s->hash); i++) {
		while (s->hash[i]) {
			struct share *share = s->hash[i];

			s->hash[i] = share->next;
			kfree(share);
		}
	}
	while (s->files) {
		struct restore_share_file *file = s->files;

		s->files = file->next;
		tree_dir_put(file->dir);
		kfree(file->name);
		kfree(file);
	}
	kvfree(s);
}

static struct restore_share_file *file_of(struct restore_shares *s, struct restore_job *job)
{
	struct restore_share_file *file = job->shares;

	if (file)
		return file;
	file = kzalloc(sizeof(*file), GFP_KERNEL);
	if (!file)
		return NULL;
	file->name = kmemdup(job->name, strlen(job->name) + 1, GFP_KERNEL);
	if (!file->name) {
		kfree(file);
		return NULL;
	}
	file->seq = job->seq;
	file->dir = tree_dir_ref(job->dir->d);
	file->next = s->files;
	s->files = file;
	job->shares = file;
	return file;
}

static int add(struct restore_shares *s, struct restore_job *job, u64 at, u64 len, u64 offset)
{
	struct restore_share_file *file = file_of(s, job);
	u64 unit;

	if (!file)
		return -ENOMEM;
	for (unit = at >> UNIT_SHIFT; unit <= (at + len - 1) >> UNIT_SHIFT && s->nr < SHARES_MAX;
	     unit++) {
		struct share **chain = &s->hash[hash_64(unit, HASH_BITS)];
		struct share *share = kzalloc(sizeof(*share), GFP_KERNEL);

		if (!share)
			return -ENOMEM;
		*share = (struct share){*chain, file, unit, at, len, offset};
		*chain = share;
		s->nr++;
	}
	return 0;
}

/* What holds byte @at, or will before @job does. */
static struct share *lookup(struct restore_shares *s, const struct restore_job *job, u64 at)
{
	u64 unit = at >> UNIT_SHIFT;
	struct share *share;

	for (share = s->hash[hash_64(unit, HASH_BITS)]; share; share = share->next)
		if (share->unit == unit && share->at <= at && at < share->at + share->len &&
		    share->file->state != SHARE_FAILED &&
		    (share->file->state == SHARE_DONE || share->file->seq < job->seq))
			return share;
	return NULL;
}

static void wait_done(struct restore_shares *s, const struct restore_share_file *file)
{
	mutex_unlock(&s->lock);
	wait_event(s->done, __atomic_load_n(&file->state, __ATOMIC_ACQUIRE) != SHARE_PENDING);
	mutex_lock(&s->lock);
}

int restore_share_find(struct restore_shares *s, struct restore_job *job, u64 at, u64 len,
		       u64 offset, struct restore_shared_at *found)
{
	struct share *share;
	int ret = 0;

	*found = (struct restore_shared_at){};
	mutex_lock(&s->lock);
	while ((share = lookup(s, job, at)) && share->file->state == SHARE_PENDING)
		wait_done(s, share->file);
	if (!share) {
		ret = add(s, job, at, len, offset);
	} else {
		*found = (struct restore_shared_at){
			.dir = tree_dir_ref(share->file->dir),
			.name = kmemdup(share->file->name, strlen(share->file->name) + 1,
					GFP_KERNEL),
			.offset = share->offset + (at - share->at),
			.len = min(len, share->at + share->len - at),
		};
		if (!found->name)
			ret = -ENOMEM;
	}
	mutex_unlock(&s->lock);
	return ret;
}

void restore_share_done(struct restore_shares *s, struct restore_job *job, bool whole)
{
	struct restore_share_file *file = job->shares;

	if (!file)
		return;
	mutex_lock(&s->lock);
	__atomic_store_n(&file->state, whole ? SHARE_DONE : SHARE_FAILED, __ATOMIC_RELEASE);
	mutex_unlock(&s->lock);
	wake_up_all(&s->done);
}
