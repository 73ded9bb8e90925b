/* Tables of names made from the X macros of the superblock's formats. */
#include <linux/kernel.h>
#include "format/counters.h"
#include "format/data_type.h"
#include "format/features.h"
#include "format/options.h"
#include "format/passes.h"
#include "format/sb.h"
#include "format/sb_errors.h"
#include "format/versions.h"

#define x(name, nr, ...) [nr] = #name,

const char *const bch_feature_names[] = {BCH_FEATURES() NULL};
const char *const bch_compat_feature_names[] = {BCH_COMPAT_FEATURES() NULL};
const char *const bch_sb_section_names[] = {BCH_SB_SECTIONS() NULL};
const char *const bch_member_state_names[] = {BCH_MEMBER_STATES() NULL};
const char *const bch_fsck_err_names[] = {BCH_SB_ERRORS() NULL};
const char *const bch_pass_names[] = {BCH_RECOVERY_PASSES() NULL};
const char *const bch_error_action_names[] = {BCH_ERROR_ACTIONS() NULL};
const char *const bch_str_hash_opt_names[] = {BCH_STR_HASH_OPTS() NULL};
const char *const bch_version_upgrade_names[] = {BCH_VERSION_UPGRADE_OPTS() NULL};
const char *const bch_fix_errors_names[] = {BCH_FIX_ERRORS_OPTS() NULL};
const char *const bch_degraded_action_names[] = {BCH_DEGRADED_ACTIONS() NULL};
const char *const bch_scrub_journal_names[] = {BCH_SCRUB_JOURNAL_OPTS() NULL};

#undef x

const u8 bch_fsck_err_flags[] = {
#define x(name, nr, flags) [nr] = flags,
	BCH_SB_ERRORS()
#undef x
};

const char *const bch_counter_names[] = {
#define x(nr, name, newer) [nr] = #name,
	BCH_COUNTERS_1_13()
#undef x
		[BCH_COUNTER_NR_1_13] = NULL,
};

const char *const bch_counter_names_newer[] = {
#define x(nr, name, newer) [nr] = #newer,
	BCH_COUNTERS_1_13()
#undef x
#define x(nr, name) [nr] = #name,
		BCH_COUNTERS_NEWER()
#undef x
			[BCH_COUNTER_NR] = NULL,
};

const u8 bch_pass_stable[] = {
#define x(name, nr, stable) [nr] = stable,
	BCH_RECOVERY_PASSES()
#undef x
};

const char *bch_pass_stable_name(unsigned stable)
{
	switch (stable) {
#define x(name, nr, stable) \
	case stable:        \
		return #name;
		BCH_RECOVERY_PASSES()
#undef x
#define x(name, stable) \
	case stable:    \
		return #name;
		BCH_RECOVERY_PASSES_NEWER()
#undef x
	default:
		return NULL;
	}
}

u64 bch_passes_from_stable(u64 stable)
{
	u64 passes = 0;
	unsigned i;

	for (i = 0; i < BCH_PASS_NR; i++)
		if (stable & 1ULL << bch_pass_stable[i])
			passes |= 1ULL << i;
	return passes;
}

u64 bch_passes_to_stable(u64 passes)
{
	u64 stable = 0;
	unsigned i;

	for (i = 0; i < BCH_PASS_NR; i++)
		if (passes & 1ULL << i)
			stable |= 1ULL << bch_pass_stable[i];
	return stable;
}

const char *bch_version_name(unsigned version)
{
	switch (version) {
#define x(name, major, minor)           \
	case BCH_VERSION(major, minor): \
		return #name;
		BCH_VERSIONS()
#undef x
	default:
		return NULL;
	}
}
