/* Tables of names and properties made from the X macros of format/. */
#include "format/accounting.h"
#include "format/bkey.h"
#include "format/data_type.h"
#include "format/enums.h"
#include "format/errcode.h"
#include "format/extents.h"

const char *const bch_bkey_type_names[] = {
#define x(name, nr, ...) [nr] = #name,
	BCH_BKEY_TYPES()
#undef x
		NULL,
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
		NULL,
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
		NULL,
};

const char *const bch_compression_type_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_COMPRESSION_TYPES()
#undef x
		NULL,
};

const char *const bch_compression_opt_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_COMPRESSION_OPTS()
#undef x
		NULL,
};

const char *const bch_csum_opt_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_CSUM_OPTS()
#undef x
		NULL,
};

const char *const bch_str_hash_type_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_STR_HASH_TYPES()
#undef x
		NULL,
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

#define x(name, nr, u64s) [nr] = u64s,
const struct extent_entry_sizes extent_entry_sizes_known = {
	.nr = EXTENT_ENTRY_NR,
	.u64s = {BCH_EXTENT_ENTRY_TYPES()},
};

const struct extent_entry_sizes extent_entry_sizes_1_13 = {
	.nr = EXTENT_ENTRY_NR_1_13,
	.u64s = {BCH_EXTENT_ENTRY_TYPES()},
};
#undef x

const char *const bch_extent_entry_names[] = {
#define x(name, nr, u64s) [nr] = #name,
	BCH_EXTENT_ENTRY_TYPES()
#undef x
		NULL,
};

const char *const bch_reconcile_opt_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_RECONCILE_OPTS()
#undef x
		NULL,
};

const char *const bch_extent_error_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_EXTENT_ERROR_REASONS()
#undef x
		NULL,
};

const char *const bch_accounting_type_names[] = {
#define x(name, nr, bytes) [nr] = #name,
	BCH_ACCOUNTING_TYPES()
#undef x
		NULL,
};

const char *const bch_reconcile_kind_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_RECONCILE_KINDS()
#undef x
		NULL,
};
