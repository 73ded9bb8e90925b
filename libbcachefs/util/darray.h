/*
 * darray: arrays that grow. DARRAY(struct foo) foos = {}; darray_push(&foos, x) is 0 or -ENOMEM.
 */
#ifndef _BCH_UTIL_DARRAY_H
#define _BCH_UTIL_DARRAY_H

#include <linux/errno.h>
#include <linux/slab.h>

#define DARRAY(type)		\
	struct {		\
		type *data;	\
		size_t nr, size; \
	}

/* Room for @more further elements. */
#define darray_make_room(d, more)							\
({											\
	int _ret = 0;									\
	size_t _want = (d)->nr + (more);						\
	if (_want > (d)->size) {							\
		size_t _size = (d)->size ? (d)->size : 8;				\
		while (_size < _want)							\
			_size *= 2;							\
		void *_n = krealloc((d)->data, _size * sizeof(*(d)->data), GFP_KERNEL);	\
		if (_n) {								\
			(d)->data = _n;							\
			(d)->size = _size;						\
		} else {								\
			_ret = -ENOMEM;							\
		}									\
	}										\
	_ret;										\
})

#define darray_push(d, ...)								\
({											\
	int _push = darray_make_room(d, 1);						\
	if (!_push)									\
		(d)->data[(d)->nr++] = (__VA_ARGS__);					\
	_push;										\
})

#define darray_for_each(d, i)								\
	for (__typeof__((d).data + 0) i = (d).data; i < (d).data + (d).nr; i++)

#define darray_last(d)	((d).data[(d).nr - 1])

/*
 * Of a sorted array: the index of the first element that is not before what is looked for, nr if
 * all are. @before is an expression of @i, a pointer to an element.
 */
#define darray_seek(d, i, before)					\
({									\
	size_t _l = 0, _r = (d).nr;					\
	while (_l < _r) {						\
		size_t _m = _l + (_r - _l) / 2;				\
		const __typeof__(*(d).data) *i = &(d).data[_m];		\
		if (before)						\
			_l = _m + 1;					\
		else							\
			_r = _m;					\
	}								\
	_l;								\
})

#define darray_exit(d)									\
do {											\
	kfree((d)->data);								\
	(d)->data = NULL;								\
	(d)->nr = (d)->size = 0;							\
} while (0)

#endif
