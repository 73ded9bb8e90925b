/* Hash tables of fixed size, a power of two, of hlist chains. The caller locks. */
#ifndef _BCH_LINUX_HASHTABLE_H
#define _BCH_LINUX_HASHTABLE_H

#include <linux/hash.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/string.h>

#define DECLARE_HASHTABLE(name, bits) struct hlist_head name[1 << (bits)]
#define DEFINE_HASHTABLE(name, bits)  struct hlist_head name[1 << (bits)] = {}
#define HASH_SIZE(name)		      (ARRAY_SIZE(name))
#define HASH_BITS(name)		      ilog2(HASH_SIZE(name))

#define hash_min(v, bits)     (sizeof(v) <= 4 ? hash_32(v, bits) : hash_64(v, bits))
#define hash_init(table)      memset(table, 0, sizeof(table))
#define hash_add(table, node, key) hlist_add_head(node, &(table)[hash_min(key, HASH_BITS(table))])
#define hash_del(node)	      hlist_del_init(node)
#define hash_hashed(node)     (!hlist_unhashed(node))

#define hash_for_each_possible(table, obj, member, key)					\
	hlist_for_each_entry(obj, &(table)[hash_min(key, HASH_BITS(table))], member)

#define hash_for_each_possible_safe(table, obj, tmp, member, key)			\
	hlist_for_each_entry_safe(obj, tmp, &(table)[hash_min(key, HASH_BITS(table))], member)

#define hash_for_each(table, bkt, obj, member)						\
	for ((bkt) = 0, (obj) = NULL; !(obj) && (bkt) < HASH_SIZE(table); (bkt)++)	\
		hlist_for_each_entry(obj, &(table)[bkt], member)

#define hash_for_each_safe(table, bkt, tmp, obj, member)				\
	for ((bkt) = 0, (obj) = NULL; !(obj) && (bkt) < HASH_SIZE(table); (bkt)++)	\
		hlist_for_each_entry_safe(obj, tmp, &(table)[bkt], member)

#endif
