/* Where the copies of a superblock lie on a device (spec 01 sections 1, 2, 16.5). */
#include <linux/string.h>
#include "sb/super.h"

int bch_sb_layout_init(struct bch_sb_layout *l, unsigned block_sectors, unsigned bucket_sectors,
		       unsigned sb_sectors, u64 start, u64 dev_sectors, struct printbuf *err)
{
	u64 at = start, end;
	unsigned bits = 31 - __builtin_clz(sb_sectors | 1);

	if (start != BCH_SB_SECTOR)
		at = roundup(at, block_sectors);
	memset(l, 0, sizeof(*l));
	memcpy(l->magic, bch_sb_magic, sizeof(l->magic));
	l->sb_max_size_bits = bits;
	l->nr_superblocks = 2;
	l->sb_offset[0] = cpu_to_le64(at);
	end = roundup(at + sb_sectors, block_sectors);
	l->sb_offset[1] = cpu_to_le64(end);
	end += sb_sectors;
	if (end > dev_sectors) {
		prt_printf(err,
			   "insufficient space for superblocks: start %llu end %llu > %llu size %u",
			   start, end, dev_sectors, sb_sectors);
		return -BCH_ERR_invalid_sb_layout;
	}
	if (start == BCH_SB_SECTOR) {
		l->sb_offset[2] =
			cpu_to_le64(rounddown(dev_sectors - (1U << bits), bucket_sectors));
		l->nr_superblocks = 3;
	}
	return bch_sb_layout_validate(l, err);
}
