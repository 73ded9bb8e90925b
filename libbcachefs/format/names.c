/* Tables of names and properties made from the X macros of format/. */
#include "format/bkey.h"
#include "format/errcode.h"

const char *const bch_bkey_type_names[] = {
#define x(name, nr, ...) [nr] = #name,
	BCH_BKEY_TYPES()
#undef x
	NULL
};

const u16 bch_bkey_type_min_val[] = {
#define x(name, nr, min) [nr] = min,
	BCH_BKEY_TYPES()
#undef x
};

const char *const bch_btree_names[] = {
#define x(name, id, ...) [id] = #name,
	BCH_BTREE_IDS()
#undef x
	NULL
};

const u32 bch_btree_flags_table[] = {
#define x(name, id, flags, ...) [id] = flags,
	BCH_BTREE_IDS()
#undef x
};

const u64 bch_btree_key_types[] = {
#define x(name, id, flags, types) [id] = types,
	BCH_BTREE_IDS()
#undef x
};
