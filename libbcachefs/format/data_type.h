/* What a bucket or a replica holds: x(name, number) (spec 01 section 10.3). */
#ifndef _BCH_FORMAT_DATA_TYPE_H
#define _BCH_FORMAT_DATA_TYPE_H

#define BCH_DATA_TYPES()	\
	x(free, 0)		\
	x(sb, 1)		\
	x(journal, 2)		\
	x(btree, 3)		\
	x(user, 4)		\
	x(cached, 5)		\
	x(parity, 6)		\
	x(stripe, 7)		\
	x(need_gc_gens, 8)	\
	x(need_discard, 9)	\
	x(unstriped, 10)	\
	x(multiple, 11) /* newer */

enum bch_data_type {
#define x(name, nr) BCH_DATA_##name = nr,
	BCH_DATA_TYPES()
#undef x
	BCH_DATA_NR
};

#define BCH_DATA_NR_1_13 11

extern const char *const bch_data_type_names[]; /* NULL-terminated */

#endif
