/*
 * The btree floor of an open filesystem: its roots (spec 02 section 21) and what is found wrong.
 */
#include <linux/bug.h>
#include <linux/err.h>
#include <linux/slab.h>
#include "btree/node_scan.h"
#include "btree/state.h"
#include "format/sb_errors.h"

/* A bset counts its words in 16 bits: no node is larger (spec 02 appendix B). */
#define NODE_SECTORS_MAX 1024

/* Findings that cost no key. */
static bool is_harmless(unsigned id)
{
	switch (id) {
	case BCH_FSCK_ERR_btree_node_bset_older_than_sb_min:
	case BCH_FSCK_ERR_btree_node_bset_newer_than_sb:
	case BCH_FSCK_ERR_bset_empty:
	case BCH_FSCK_ERR_bset_blacklisted_journal_seq:
	case BCH_FSCK_ERR_first_bset_blacklisted_journal_seq:
	case BCH_FSCK_ERR_btree_node_bset_after_end:
		return true;
	default:
		return false;
	}
}

static void remember_damage(struct bch_fs *c, const struct btree_finding *f)
{
	const struct bch_btree_ptr_v2 *v2;
	enum btree_damage kind = BTREE_DAMAGE_lost;
	struct btree_range range;

	if (f->class == BTREE_FINDING_RETRY || is_harmless(f->id))
		return;
	if (f->class == BTREE_FINDING_FIX)
		kind = BTREE_DAMAGE_doubtful;
	if (f->range) {
		range = *f->range;
	} else {
		/* Old pointers do not tell where the node begins. */
		v2 = btree_key_is_ptr(&f->ptr->k) ? btree_ptr_v2(f->ptr) : NULL;
		range = (struct btree_range){v2 ? v2->min_key : POS_MIN, f->ptr->k.p};
	}
	bch_btree_damage_add(c, f->btree, range.start, range.end, kind);
}

void bch_btree_report(struct bch_fs *c, const struct btree_finding *f)
{
	struct bch_btree_state *s = c->btree;

	remember_damage(c, f);
	mutex_lock(&s->finding_lock);
	if (f->class != BTREE_FINDING_RETRY) {
		c->nr_errors++;
		s->nr_findings++;
	}
	if (s->ops.finding)
		s->ops.finding(c, f);
	else
		bch_log(c, "%s%s", f->text, f->class == BTREE_FINDING_FIX ? ", fixing" : "");
	mutex_unlock(&s->finding_lock);
}

void bch_btree_lost_data(struct bch_fs *c, unsigned id)
{
	struct bch_btree_state *s = c->btree;
	struct printbuf name = PRINTBUF;
	bool first;

	mutex_lock(&s->finding_lock);
	first = !(s->lost_data & 1ULL << id);
	s->lost_data |= 1ULL << id;
	mutex_unlock(&s->finding_lock);
	if (!first)
		return;
	bch_btree_id_to_text(&name, id);
	bch_log(c, "flagging btree %s lost data", printbuf_str(&name));
	printbuf_exit(&name);
}

int bch_btree_init(struct bch_fs *c, u64 memory)
{
	struct bch_btree_state *s;
	int ret;

	if (!c->block_sectors || !c->btree_node_sectors ||
	    c->btree_node_sectors > NODE_SECTORS_MAX || c->btree_node_sectors % c->block_sectors)
		return -BCH_ERR_invalid;
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	mutex_init(&s->root_lock);
	mutex_init(&s->finding_lock);
	mutex_init(&s->damage_lock);
	c->btree = s;
	ret = bch_btree_cache_init(c, memory);
	if (ret)
		bch_btree_exit(c);
	return ret;
}

void bch_btree_exit(struct bch_fs *c)
{
	struct bch_btree_state *s = c->btree;

	if (!s)
		return;
	for (unsigned id = 0; id < ARRAY_SIZE(s->roots); id++)
		if (s->roots[id].b && test_bit(BTREE_NODE_fake, &s->roots[id].b->flags))
			bch_btree_node_free(s->roots[id].b);
	bch_btree_cache_exit(c);
	bch_overlay_clear(c);
	bch_btree_damage_exit(c);
	if (s->scan)
		bch_node_index_exit(s->scan);
	kfree(s->scan);
	kfree(s);
	c->btree = NULL;
}

/* Roots */

int bch_btree_root_set(struct bch_fs *c, unsigned id, unsigned level, const struct bkey_i *key)
{
	struct btree_root *root;

	if (id >= BTREE_ID_NR_MAX || level >= BTREE_MAX_DEPTH)
		return -BCH_ERR_invalid;
	root = &c->btree->roots[id];
	BUG_ON(root->b);
	root->alive = true;
	root->level = level;
	root->error = -BCH_ERR_btree_root_read_error;
	bkey_init_pos(&root->key.k.k, SPOS_MAX);
	if (!key || !key->k.u64s)
		return 0;
	if (!btree_key_is_ptr(&key->k))
		return -BCH_ERR_invalid;
	bkey_i_copy(&root->key.k, key);
	root->error = 0;
	return 0;
}

static void root_drop(struct bch_fs *c, struct btree_root *root)
{
	if (root->b && test_bit(BTREE_NODE_fake, &root->b->flags))
		bch_btree_node_free(root->b);
	else if (root->b)
		bch_btree_node_unpin(c, root->b);
	root->b = NULL;
}

int bch_btree_root_set_fake(struct bch_fs *c, unsigned id, unsigned level)
{
	struct btree_root *root = &c->btree->roots[id];
	struct btree *b = bch_btree_node_alloc_fake(c, id, level);

	if (!b)
		return -ENOMEM;
	/* What its children leave out has been told already. */
	set_bit(BTREE_NODE_topology_reported, &b->flags);
	mutex_lock(&c->btree->root_lock);
	root_drop(c, root);
	bkey_i_copy(&root->key.k, &b->key.k);
	root->b = b;
	root->level = level;
	root->alive = true;
	root->failed = false;
	root->error = 0;
	mutex_unlock(&c->btree->root_lock);
	return 0;
}

static void __printf(4, 5)
	root_finding(struct bch_fs *c, unsigned id, u16 err, const char *fmt, ...)
{
	struct btree_root *root = &c->btree->roots[id];
	struct printbuf text = PRINTBUF;
	va_list args;

	va_start(args, fmt);
	prt_vprintf(&text, fmt, args);
	va_end(args);
	bch_btree_report(c, &(struct btree_finding){
				    .id = err,
				    .class = BTREE_FINDING_BAD,
				    .btree = id,
				    .level = root->level,
				    .ptr = &root->key.k,
				    .text = printbuf_str(&text),
			    });
	printbuf_exit(&text);
}

static int check_root_key(struct bch_fs *c, unsigned id)
{
	struct btree_root *root = &c->btree->roots[id];
	struct bkey_view k = bkey_i_view(&root->key.k);
	struct bkey_where where = {.btree = id, .level = root->level + 1};
	struct printbuf name = PRINTBUF, text = PRINTBUF;
	struct finding f = {.text = &text};
	int ret;

	if (root->error)
		return root->error;
	ret = bch_bkey_validate(c, k, where, &f);
	if (ret) {
		bch_btree_id_to_text(&name, id);
		prt_str(&text, "\n  ");
		bch_bkey_val_to_text(&text, c, k);
		root_finding(c, id, BCH_FSCK_ERR_btree_root_bkey_invalid,
			     "invalid btree root %s: %s", printbuf_str(&name), printbuf_str(&text));
	}
	printbuf_exit(&name);
	printbuf_exit(&text);
	return ret ? -BCH_ERR_btree_root_read_error : 0;
}

/* Topology (spec 02 section 22): a root covers all positions. */
static void check_root_range(struct bch_fs *c, unsigned id)
{
	const struct btree *b = c->btree->roots[id].b;
	struct printbuf pos = PRINTBUF;

	if (!bpos_eq(b->data->min_key, POS_MIN)) {
		bch_bpos_to_text(&pos, b->data->min_key);
		root_finding(c, id, BCH_FSCK_ERR_btree_root_bad_min_key,
			     "btree root with incorrect min_key: %s", printbuf_str(&pos));
	}
	if (!bpos_eq(b->data->max_key, SPOS_MAX)) {
		printbuf_reset(&pos);
		bch_bpos_to_text(&pos, b->data->max_key);
		root_finding(c, id, BCH_FSCK_ERR_btree_root_bad_max_key,
			     "btree root with incorrect max_key: %s", printbuf_str(&pos));
	}
	printbuf_exit(&pos);
}

/* Under root_lock. */
static int read_root(struct bch_fs *c, unsigned id)
{
	struct btree_root *root = &c->btree->roots[id];
	struct btree *b;
	int ret;

	if (!root->alive) {
		root->b = bch_btree_node_alloc_fake(c, id, 0);
		return root->b ? 0 : -ENOMEM;
	}
	ret = check_root_key(c, id);
	if (ret)
		return ret;
	b = bch_btree_node_get(c, id, root->level, &root->key.k, SIX_LOCK_read);
	if (IS_ERR(b))
		return PTR_ERR(b);
	bch_btree_node_pin(c, b);
	bch_six_unlock(&b->lock, SIX_LOCK_read);
	root->b = b;
	check_root_range(c, id);
	return 0;
}

struct btree *bch_btree_root(struct bch_fs *c, unsigned id)
{
	struct bch_btree_state *s = c->btree;
	struct btree_root *root;
	struct printbuf name = PRINTBUF;
	int ret = 0;

	if (id >= BTREE_ID_NR_MAX)
		return ERR_PTR(-BCH_ERR_invalid);
	root = &s->roots[id];
	mutex_lock(&s->root_lock);
	if (!root->b && !root->failed) {
		ret = read_root(c, id);
		root->failed = ret != 0;
	}
	if (ret) {
		root->error = ret;
		bch_btree_id_to_text(&name, id);
		root_finding(c, id, BCH_FSCK_ERR_btree_root_read_error,
			     "error reading btree root %s l=%u: %s", printbuf_str(&name),
			     root->level, bch_err_str(ret));
		printbuf_exit(&name);
		bch_btree_lost_data(c, id);
	}
	mutex_unlock(&s->root_lock);
	return root->failed ? ERR_PTR(root->error) : root->b;
}

void bch_btree_roots_read(struct bch_fs *c)
{
	struct btree_root *roots = c->btree->roots;

	for (unsigned id = 0; id < BTREE_ID_NR_MAX; id++)
		if (roots[id].alive && !roots[id].b && !roots[id].error)
			bch_btree_node_prefetch(c, id, roots[id].level, &roots[id].key.k);
	for (unsigned id = 0; id < BTREE_ID_NR_MAX; id++)
		if (roots[id].alive)
			bch_btree_root(c, id);
}
