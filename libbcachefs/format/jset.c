/* Names of the journal's sub-entries (spec 04 section 2.2). */
#include "format/jset.h"

const char *const bch_jset_entry_type_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_JSET_ENTRY_TYPES()
#undef x
		NULL};

const char *const bch_fs_usage_type_names[] = {
#define x(name, nr) [nr] = #name,
	BCH_FS_USAGE_TYPES()
#undef x
		NULL};
