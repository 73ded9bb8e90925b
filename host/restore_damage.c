/*
 * What a restored object may lack although all that was found could be read (btree/damage.h):
 * its keys come from nodes that had faults, are older than the filesystem, or are gone.
 */
#include "btree/bkey.h"
#include "btree/damage.h"
#include "host/restore_job.h"

static const char *const damage_texts[BTREE_DAMAGE_NR] = {
	[BTREE_DAMAGE_unconfirmed] = "may be older than the filesystem",
	[BTREE_DAMAGE_doubtful] = "may be incomplete",
	[BTREE_DAMAGE_older] = "are older than the filesystem",
	[BTREE_DAMAGE_lost] = "are lost in part",
};

static enum btree_damage damage_of(struct bch_fs *c, unsigned btree, u64 inum)
{
	return bch_btree_damage(c, btree, SPOS(inum, 0, 0), SPOS(inum, U64_MAX, U32_MAX));
}

static void note(struct restore_job *job, const char *what, enum btree_damage kind)
{
	if (kind)
		tree_note(&job->meta, "%s %s", what, damage_texts[kind]);
}

static bool is_told(const struct restore_job *job, u64 start, u64 end)
{
	darray_for_each(job->lost, l)
		if (l->start < end && start < l->end)
			return true;
	return false;
}

/* Ranges of the file whose extents are gone. */
static void extents_lost(struct restore_job *job)
{
	struct bpos pos = SPOS(job->ino.inum, 0, 0);
	struct btree_range r;

	while (bch_btree_damage_next(job->r->c, BTREE_ID_extents, BTREE_DAMAGE_lost, pos, &r) &&
	       r.start.inode == job->ino.inum && r.start.offset < job->meta.size >> 9) {
		bool beyond = r.end.inode > job->ino.inum || r.end.offset >= job->meta.size >> 9;
		u64 start = r.start.offset << 9;
		u64 end = beyond ? job->meta.size : r.end.offset << 9;

		if (start < end && !is_told(job, start, end))
			restore_file_lost(job, start, end, "its extents are lost");
		if (beyond)
			break;
		pos = bpos_successor(r.end);
	}
}

void restore_damage_shared(struct restore_job *job, u64 at, u64 len)
{
	enum btree_damage kind = bch_btree_damage(job->r->c, BTREE_ID_reflink, POS(0, at >> 9),
						  POS(0, (at + len) >> 9));

	if (kind > job->shared_damage)
		job->shared_damage = kind;
}

void restore_damage(struct restore_job *job)
{
	struct bch_fs *c = job->r->c;
	enum btree_damage extents;
	u64 inum = job->ino.inum;

	if (job->kind == RESTORE_JOB_enter || job->kind == RESTORE_JOB_link || !inum)
		return;
	if (job->has_inode)
		note(job, "its attributes",
		     bch_btree_damage(c, BTREE_ID_inodes, SPOS(0, inum, 0),
				      SPOS(0, inum, U32_MAX)));
	if (job->r->keep & TREE_KEEP_xattr)
		note(job, "its extended attributes", damage_of(c, BTREE_ID_xattrs, inum));
	if (job->kind == RESTORE_JOB_leave) {
		if (!job->entries_err)
			note(job, "its entries", damage_of(c, BTREE_ID_dirents, inum));
		return;
	}
	extents = damage_of(c, BTREE_ID_extents, inum);
	if (extents == BTREE_DAMAGE_lost)
		extents_lost(job);
	if (extents != BTREE_DAMAGE_lost || !job->lost.nr)
		note(job, "its extents", extents);
	note(job, "its shared extents", job->shared_damage);
}
