/*
 * Sections of a superblock: find, resize, remove; the buffer that holds them; what each type can
 * do (spec 01 sections 3.3, 8.3, 10).
 */
#include <linux/slab.h>
#include <linux/string.h>
#include "sb/sb_sections.h"
#include "sb/super.h"

const u8 bch_sb_magic[16] = BCH_SB_MAGIC_BYTES;
const u8 bch_sb_magic_old[16] = BCH_SB_MAGIC_OLD_BYTES;

/* --- the buffer --- */

void bch_sb_free(struct bch_sb_handle *h)
{
	kfree(h->sb);
	h->sb = NULL;
	h->buffer_size = 0;
}

/* Grow the buffer to a power of two of at least @bytes; what is gained is zero. */
int bch_sb_buffer_grow(struct bch_sb_handle *h, size_t bytes)
{
	size_t size = max_t(size_t, h->buffer_size, 4096);
	void *n;

	while (size < bytes)
		size *= 2;
	if (size == h->buffer_size)
		return 0;
	n = krealloc(h->sb, size, GFP_KERNEL);
	if (!n)
		return -ENOMEM;
	memset((char *)n + h->buffer_size, 0, size - h->buffer_size);
	h->sb = n;
	h->buffer_size = size;
	return 0;
}

int bch_sb_realloc(struct bch_sb_handle *h, unsigned u64s)
{
	size_t bytes = sizeof(struct bch_sb) + (size_t)u64s * sizeof(u64);
	size_t limit = (size_t)512 << BCH_SB_MAX_SIZE_BITS;

	if (h->sb && !h->no_layout)
		limit = sb_max_bytes(&h->sb->layout);
	if (bytes > limit)
		return -BCH_ERR_ENOSPC_sb;
	return bch_sb_buffer_grow(h, bytes);
}

int bch_sb_alloc(struct bch_sb_handle *h, unsigned max_size_bits)
{
	int ret = bch_sb_buffer_grow(h, sizeof(struct bch_sb));

	if (ret)
		return ret;
	memset(h->sb, 0, h->buffer_size);
	memcpy(h->sb->magic, bch_sb_magic, sizeof(h->sb->magic));
	memcpy(h->sb->layout.magic, bch_sb_magic, sizeof(h->sb->magic));
	h->sb->layout.sb_max_size_bits = max_size_bits;
	return 0;
}

int bch_sb_dup(struct bch_sb_handle *dst, const struct bch_sb_handle *src)
{
	size_t bytes = sb_bytes(src->sb);
	int ret = bch_sb_buffer_grow(dst, bytes);

	if (ret)
		return ret;
	memcpy(dst->sb, src->sb, bytes);
	memset((char *)dst->sb + bytes, 0, dst->buffer_size - bytes);
	return 0;
}

/* --- sections --- */

struct sb_section *bch_sb_section(const struct bch_sb *sb, unsigned type)
{
	sb_for_each_section(sb, s)
		if (le32_to_cpu(s->type) == type)
			return s;
	return NULL;
}

/* Give section @s (NULL: a new one at the end) @u64s words; the buffer is large enough. */
static struct sb_section *resize_in_place(struct bch_sb *sb, struct sb_section *s, unsigned type,
					  unsigned u64s)
{
	unsigned total = le32_to_cpu(sb->u64s), old = s ? le32_to_cpu(s->u64s) : 0;
	u64 *start = s ? (u64 *)s : sb->sections + total, *behind = start + old;

	memmove(start + u64s, behind, (char *)(sb->sections + total) - (char *)behind);
	if (u64s > old)
		memset(behind, 0, (u64s - old) * sizeof(u64));
	else
		memset(sb->sections + total - (old - u64s), 0, (old - u64s) * sizeof(u64));
	sb->u64s = cpu_to_le32(total + u64s - old);
	if (!u64s)
		return NULL;
	s = (struct sb_section *)start;
	s->u64s = cpu_to_le32(u64s);
	s->type = cpu_to_le32(type);
	return s;
}

struct sb_section *bch_sb_section_resize(struct bch_sb_handle *h, unsigned type, unsigned u64s)
{
	struct sb_section *s = bch_sb_section(h->sb, type);
	unsigned old = s ? le32_to_cpu(s->u64s) : 0;
	ssize_t at = s ? (u64 *)s - h->sb->sections : -1;

	if (u64s > old && bch_sb_realloc(h, le32_to_cpu(h->sb->u64s) + u64s - old))
		return NULL;
	s = at >= 0 ? (struct sb_section *)(h->sb->sections + at) : NULL;
	if (!s && !u64s)
		return NULL;
	return resize_in_place(h->sb, s, type, u64s);
}

void bch_sb_section_delete(struct bch_sb_handle *h, unsigned type)
{
	bch_sb_section_resize(h, type, 0);
}

/* --- what a type can do --- */

static int clean_validate(const struct bch_sb *sb, const struct sb_section *s, bool write,
			  struct printbuf *err)
{
	if (sb_section_bytes(s) >= sizeof(struct sb_clean))
		return 0;
	prt_printf(err, "wrong size (got %zu should be %zu)", sb_section_bytes(s),
		   sizeof(struct sb_clean));
	return -BCH_ERR_invalid_sb_clean;
}

/* Until the floor that knows its records registers itself. */
static const struct bch_sb_section_ops clean_ops = {
	.validate = clean_validate,
};

static const struct bch_sb_section_ops *section_ops[SB_SECTION_NR] = {
	[SB_SECTION_journal] = &bch_sb_journal_ops,
	[SB_SECTION_members_v1] = &bch_sb_members_v1_ops,
	[SB_SECTION_crypt] = &bch_sb_crypt_ops,
	[SB_SECTION_replicas_v0] = &bch_sb_replicas_v0_ops,
	[SB_SECTION_quota] = &bch_sb_quota_ops,
	[SB_SECTION_disk_groups] = &bch_sb_disk_groups_ops,
	[SB_SECTION_clean] = &clean_ops,
	[SB_SECTION_replicas] = &bch_sb_replicas_ops,
	[SB_SECTION_journal_seq_blacklist] = &bch_sb_blacklist_ops,
	[SB_SECTION_journal_v2] = &bch_sb_journal_v2_ops,
	[SB_SECTION_counters] = &bch_sb_counters_ops,
	[SB_SECTION_members_v2] = &bch_sb_members_v2_ops,
	[SB_SECTION_errors] = &bch_sb_errors_ops,
	[SB_SECTION_ext] = &bch_sb_ext_ops,
	[SB_SECTION_downgrade] = &bch_sb_downgrade_ops,
	[SB_SECTION_recovery_passes] = &bch_sb_recovery_passes_ops,
	[SB_SECTION_extent_type_u64s] = &bch_sb_extent_type_u64s_ops,
	[SB_SECTION_errors_v2] = &bch_sb_errors_v2_ops,
};

void bch_sb_section_ops_register(unsigned type, const struct bch_sb_section_ops *ops)
{
	if (type < SB_SECTION_NR)
		section_ops[type] = ops;
}

const struct bch_sb_section_ops *bch_sb_section_ops(unsigned type)
{
	static const struct bch_sb_section_ops none;

	return type < SB_SECTION_NR && section_ops[type] ? section_ops[type] : &none;
}
