/* The inodes that the kernel knows of a FUSE mount (host/fuse_nodes.h). */
#include <linux/hash.h>
#include <linux/slab.h>
#include <errno.h>
#include "fs/snapshots.h"
#include "host/fuse_nodes.h"

#define BITS_FIRST 10
#define BITS_MAX   28

static struct fuse_node **chain_of(const struct fuse_nodes *t, struct bch_ino ino)
{
	return &t->chains[hash_64(ino.inum ^ (u64)ino.subvol << 40, t->bits)];
}

int fuse_nodes_init(struct fuse_nodes *t, struct bch_fs *c)
{
	*t = (struct fuse_nodes){.c = c, .lock = PTHREAD_MUTEX_INITIALIZER, .bits = BITS_FIRST};
	t->chains = kvcalloc(1U << t->bits, sizeof(*t->chains), GFP_KERNEL);
	return t->chains ? 0 : -ENOMEM;
}

void fuse_nodes_exit(struct fuse_nodes *t)
{
	size_t i;

	for (i = 0; t->chains && i < (size_t)1 << t->bits; i++) {
		struct fuse_node *node, *next;

		for (node = t->chains[i]; node; node = next) {
			next = node->next;
			kfree(node);
		}
	}
	kvfree(t->chains);
	t->chains = NULL;
}

/* Twice as many chains; without memory for them the old ones do. */
static void grow(struct fuse_nodes *t)
{
	struct fuse_nodes larger = {.bits = t->bits + 1};
	size_t i;

	larger.chains = kvcalloc((size_t)1 << larger.bits, sizeof(*larger.chains), GFP_KERNEL);
	if (!larger.chains)
		return;
	for (i = 0; i < (size_t)1 << t->bits; i++) {
		struct fuse_node *node, *next;

		for (node = t->chains[i]; node; node = next) {
			struct fuse_node **chain = chain_of(&larger, node->ino);

			next = node->next;
			node->next = *chain;
			*chain = node;
		}
	}
	kvfree(t->chains);
	t->chains = larger.chains;
	t->bits = larger.bits;
}

/* With the lock held: the node, with one lookup more, or NULL. */
static struct fuse_node *find(struct fuse_nodes *t, struct bch_ino ino)
{
	struct fuse_node *node;

	for (node = *chain_of(t, ino); node; node = node->next)
		if (node->ino.inum == ino.inum && node->ino.subvol == ino.subvol) {
			node->lookups++;
			return node;
		}
	return NULL;
}

static int node_read(struct bch_fs *c, struct bch_ino ino, struct fuse_node **node)
{
	struct bch_subvol subvol;
	int ret;

	*node = kzalloc(sizeof(**node), GFP_KERNEL);
	if (!*node)
		return -ENOMEM;
	ret = bch_subvol_get(c, ino.subvol, &subvol) ?: bch_inode_get(c, ino, &(*node)->u);
	if (ret) {
		kfree(*node);
		return ret;
	}
	(*node)->ino = ino;
	(*node)->snapshot = subvol.snapshot;
	return 0;
}

int fuse_node_get(struct fuse_nodes *t, struct bch_ino ino, struct fuse_node **ret_node)
{
	struct fuse_node *node, *fresh = NULL;
	int ret;

	pthread_mutex_lock(&t->lock);
	node = find(t, ino);
	pthread_mutex_unlock(&t->lock);
	if (!node) {
		ret = node_read(t->c, ino, &fresh);
		if (ret)
			return ret;
		pthread_mutex_lock(&t->lock);
		node = find(t, ino);
		if (!node) {
			struct fuse_node **chain = chain_of(t, ino);

			node = fresh;
			fresh = NULL;
			node->lookups = 1;
			node->next = *chain;
			*chain = node;
			if (++t->nr > (size_t)1 << t->bits && t->bits < BITS_MAX)
				grow(t);
		}
		pthread_mutex_unlock(&t->lock);
		kfree(fresh); /* another thread was faster */
	}
	*ret_node = node;
	return 0;
}

void fuse_node_forget(struct fuse_nodes *t, struct fuse_node *node, u64 lookups)
{
	struct fuse_node **p;

	pthread_mutex_lock(&t->lock);
	node->lookups -= min(node->lookups, lookups);
	if (!node->lookups) {
		for (p = chain_of(t, node->ino); *p != node; p = &(*p)->next)
			;
		*p = node->next;
		t->nr--;
	} else {
		node = NULL;
	}
	pthread_mutex_unlock(&t->lock);
	kfree(node);
}
