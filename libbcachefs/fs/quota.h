#ifndef _BCH_FS_QUOTA_H
#define _BCH_FS_QUOTA_H

/* Keys of the quotas btree (spec 03 section 20). */
void bch_quota_key_types_init(void);

#endif
