/* Key types: only this floor sees all that have some (spec 03 section 5). */
#include "alloc/accounting.h"
#include "alloc/alloc_keys.h"
#include "alloc/backpointers.h"
#include "btree/trivial_keys.h"
#include "data/ec.h"
#include "data/extents.h"
#include "data/reflink.h"
#include "fs/damage.h"
#include "fs/dirent.h"
#include "fs/inode.h"
#include "fs/logged_ops.h"
#include "fs/quota.h"
#include "fs/snapshot.h"
#include "fs/subvolume.h"
#include "fs/xattr.h"
#include "init/key_types.h"

void bch_key_types_init(void)
{
	bch_trivial_key_types_init();
	bch_alloc_key_types_init();
	bch_backpointer_key_types_init();
	bch_accounting_key_types_init();
	bch_extent_key_types_init();
	bch_reflink_key_types_init();
	bch_stripe_key_types_init();
	bch_inode_key_types_init();
	bch_dirent_key_types_init();
	bch_xattr_key_types_init();
	bch_quota_key_types_init();
	bch_snapshot_key_types_init();
	bch_subvolume_key_types_init();
	bch_logged_ops_key_types_init();
	bch_damage_key_types_init();
}
