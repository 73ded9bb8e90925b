/* Key types: only this floor sees all that have some (spec 03 section 5). */
#include "data/extents.h"
#include "init/key_types.h"

void bch_key_types_init(void)
{
	bch_extent_key_types_init();
}
