/* Tables of names and properties made from the X macros of format/. */
#include "format/bkey.h"
#include "format/data_type.h"
#include "format/enums.h"
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

const char *const bch_data_type_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_DATA_TYPES()
#undef x
	NULL
};

const char *const bch_compression_type_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_COMPRESSION_TYPES()
#undef x
	NULL
};

const char *const bch_compression_opt_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_COMPRESSION_OPTS()
#undef x
	NULL
};

const char *const bch_csum_opt_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_CSUM_OPTS()
#undef x
	NULL
};

const char *const bch_str_hash_type_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_STR_HASH_TYPES()
#undef x
	NULL
};

static const char *const d_type_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_D_TYPES()
#undef x
};

const char *bch_d_type_name(unsigned d_type)
{
	return d_type < ARRAY_SIZE(d_type_names) ? d_type_names[d_type] : NULL;
}
