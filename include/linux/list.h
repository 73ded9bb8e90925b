/* Circular doubly linked lists, and hash chains with a one-word head. */
#ifndef _BCH_LINUX_LIST_H
#define _BCH_LINUX_LIST_H

#include <linux/kernel.h>
#include <linux/types.h>

#define LIST_HEAD_INIT(name) {&(name), &(name)}
#undef LIST_HEAD /* of <sys/queue.h> */
#define LIST_HEAD(name)	     struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l;
	l->prev = l;
}

static inline void __list_link(struct list_head *a, struct list_head *b)
{
	a->next = b;
	b->prev = a;
}

/* Insert @n after @pos: at the front when @pos is the head. */
static inline void list_add(struct list_head *n, struct list_head *pos)
{
	__list_link(n, pos->next);
	__list_link(pos, n);
}

/* Insert @n before @pos: at the back when @pos is the head. */
static inline void list_add_tail(struct list_head *n, struct list_head *pos)
{
	list_add(n, pos->prev);
}

static inline void __list_del_entry(struct list_head *n)
{
	__list_link(n->prev, n->next);
}

/* Unlink @n, whose pointers are poisoned. */
static inline void list_del(struct list_head *n)
{
	__list_del_entry(n);
	n->next = (struct list_head *)0x100;
	n->prev = (struct list_head *)0x122;
}

static inline void list_del_init(struct list_head *n)
{
	__list_del_entry(n);
	INIT_LIST_HEAD(n);
}

static inline void list_replace(struct list_head *old, struct list_head *n)
{
	__list_link(n, old->next);
	__list_link(old->prev, n);
}

static inline void list_move(struct list_head *n, struct list_head *head)
{
	__list_del_entry(n);
	list_add(n, head);
}

static inline void list_move_tail(struct list_head *n, struct list_head *head)
{
	__list_del_entry(n);
	list_add_tail(n, head);
}

static inline bool list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

/* Nothing but @head and at most one entry. */
static inline bool list_is_singular(const struct list_head *head)
{
	return !list_empty(head) && head->next == head->prev;
}

static inline bool list_is_first(const struct list_head *n, const struct list_head *head)
{
	return n->prev == head;
}

static inline bool list_is_last(const struct list_head *n, const struct list_head *head)
{
	return n->next == head;
}

static inline bool list_is_head(const struct list_head *n, const struct list_head *head)
{
	return n == head;
}

static inline void __list_splice(struct list_head *from, struct list_head *a, struct list_head *b)
{
	struct list_head *first = from->next, *last = from->prev;

	__list_link(a, first);
	__list_link(last, b);
}

/* Move all of @from to the front of @head; _init leaves @from empty, not undefined. */
static inline void list_splice(struct list_head *from, struct list_head *head)
{
	if (!list_empty(from))
		__list_splice(from, head, head->next);
}

static inline void list_splice_tail(struct list_head *from, struct list_head *head)
{
	if (!list_empty(from))
		__list_splice(from, head->prev, head);
}

static inline void list_splice_init(struct list_head *from, struct list_head *head)
{
	list_splice(from, head);
	INIT_LIST_HEAD(from);
}

static inline void list_splice_tail_init(struct list_head *from, struct list_head *head)
{
	list_splice_tail(from, head);
	INIT_LIST_HEAD(from);
}

static inline size_t list_count_nodes(struct list_head *head)
{
	size_t n = 0;

	for (struct list_head *p = head->next; p != head; p = p->next)
		n++;
	return n;
}

#define list_entry(ptr, type, member)	    container_of(ptr, type, member)
#define list_first_entry(ptr, type, member) list_entry((ptr)->next, type, member)
#define list_last_entry(ptr, type, member)  list_entry((ptr)->prev, type, member)
#define list_first_entry_or_null(ptr, type, member)					\
	(list_empty(ptr) ? NULL : list_first_entry(ptr, type, member))
#define list_next_entry(pos, member) list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) list_entry((pos)->member.prev, __typeof__(*(pos)), member)

#define list_for_each(pos, head) for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

#define list_for_each_safe(pos, n, head)						\
	for ((pos) = (head)->next, (n) = (pos)->next; (pos) != (head);			\
	     (pos) = (n), (n) = (pos)->next)

#define list_for_each_entry(pos, head, member)						\
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member);		\
	     &(pos)->member != (head); (pos) = list_next_entry(pos, member))

#define list_for_each_entry_reverse(pos, head, member)					\
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member);			\
	     &(pos)->member != (head); (pos) = list_prev_entry(pos, member))

#define list_for_each_entry_continue(pos, head, member)					\
	for ((pos) = list_next_entry(pos, member); &(pos)->member != (head);		\
	     (pos) = list_next_entry(pos, member))

#define list_for_each_entry_from(pos, head, member)					\
	for (; &(pos)->member != (head); (pos) = list_next_entry(pos, member))

#define list_for_each_entry_safe(pos, n, head, member)					\
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member),		\
	     (n) = list_next_entry(pos, member);					\
	     &(pos)->member != (head); (pos) = (n), (n) = list_next_entry(n, member))

#define list_for_each_entry_safe_reverse(pos, n, head, member)				\
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member),			\
	     (n) = list_prev_entry(pos, member);					\
	     &(pos)->member != (head); (pos) = (n), (n) = list_prev_entry(n, member))

#define HLIST_HEAD_INIT	    {NULL}
#define HLIST_HEAD(name)    struct hlist_head name = HLIST_HEAD_INIT
#define INIT_HLIST_HEAD(h)  ((h)->first = NULL)

static inline void INIT_HLIST_NODE(struct hlist_node *n)
{
	n->next = NULL;
	n->pprev = NULL;
}

static inline bool hlist_unhashed(const struct hlist_node *n)
{
	return !n->pprev;
}

static inline bool hlist_empty(const struct hlist_head *h)
{
	return !READ_ONCE(h->first);
}

static inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
	n->next = h->first;
	if (n->next)
		n->next->pprev = &n->next;
	h->first = n;
	n->pprev = &h->first;
}

static inline void hlist_add_before(struct hlist_node *n, struct hlist_node *pos)
{
	n->pprev = pos->pprev;
	n->next = pos;
	pos->pprev = &n->next;
	*n->pprev = n;
}

static inline void hlist_add_behind(struct hlist_node *n, struct hlist_node *pos)
{
	n->next = pos->next;
	if (n->next)
		n->next->pprev = &n->next;
	pos->next = n;
	n->pprev = &pos->next;
}

static inline void __hlist_del(struct hlist_node *n)
{
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
}

static inline void hlist_del(struct hlist_node *n)
{
	__hlist_del(n);
	n->next = (struct hlist_node *)0x100;
	n->pprev = (struct hlist_node **)0x122;
}

static inline void hlist_del_init(struct hlist_node *n)
{
	if (!hlist_unhashed(n)) {
		__hlist_del(n);
		INIT_HLIST_NODE(n);
	}
}

#define hlist_entry(ptr, type, member) container_of(ptr, type, member)
#define hlist_entry_safe(ptr, type, member)						\
	({										\
		__typeof__(ptr) _p = (ptr);						\
		_p ? hlist_entry(_p, type, member) : NULL;				\
	})

#define hlist_for_each(pos, head) for ((pos) = (head)->first; (pos); (pos) = (pos)->next)

#define hlist_for_each_entry(pos, head, member)						\
	for ((pos) = hlist_entry_safe((head)->first, __typeof__(*(pos)), member); (pos);	\
	     (pos) = hlist_entry_safe((pos)->member.next, __typeof__(*(pos)), member))

#define hlist_for_each_entry_safe(pos, n, head, member)					\
	for ((pos) = hlist_entry_safe((head)->first, __typeof__(*(pos)), member);	\
	     (pos) && ({ (n) = (pos)->member.next; 1; });				\
	     (pos) = hlist_entry_safe((n), __typeof__(*(pos)), member))

#endif
