/* btree/unpack, btree/jit: all ways to unpack a key give what the definition says. */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/execmem.h>
#include "btree/jit.h"
#include "tests/unit/random_keys.h"
#include "tests/unit/test.h"

#define FORMATS 20000
#define KEYS	50

/* A page between two that nobody may touch. */
static void *guarded_page(void)
{
	u8 *p = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE))
		return NULL;
	return p + 4096;
}

static void expect_unpacks(const struct bkey_unpacker *u, bch_unpack_fn fn, const void *packed)
{
	struct bkey expected = reference_unpack(&u->format, packed), k;

	memset(&k, 0xaa, sizeof(k));
	fn(u, &k, packed);
	EXPECT_MEM(&k, &expected, sizeof(k));
}

/* Keys at the start and at the end of a page: a read outside of the key faults. */
static void expect_all_ways(const struct bkey_unpacker *u, bch_unpack_fn jit, u8 *page)
{
	bch_unpack_fn windows = bch_unpack_windows(u);
	unsigned bytes = u->format.key_u64s * 8;

	for (unsigned i = 0; i < KEYS && !unit_test_failed; i++) {
		u8 *p = i % 2 ? page : page + 4096 - bytes;

		random_packed(&u->format, (u64 *)p, 0);
		expect_unpacks(u, bch_unpack_loop(u), p);
		if (windows)
			expect_unpacks(u, windows, p);
		if (jit)
			expect_unpacks(u, jit, p);
	}
}

TEST(all_ways_to_unpack_agree_with_the_definition)
{
	u8 *page = guarded_page();
	unsigned max_len = 0;

	REQUIRE(page);
	for (unsigned n = 0; n < FORMATS && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		struct bkey_unpacker u;
		bch_unpack_fn jit = NULL;
		void *code = NULL;

		bch_unpacker_init(&u, &f);
#if BCH_HAVE_JIT
		code = execmem_alloc_page();
		REQUIRE(code);
		max_len = max(max_len, bch_jit_generate(code, &f));
		if (!execmem_make_rox(code))
			jit = (bch_unpack_fn)code;
		EXPECT(max_len <= BCH_JIT_MAX_BYTES);
#endif
		expect_all_ways(&u, jit, page);
		if (code)
			execmem_free_page(code);
	}
}

TEST(an_unpacker_takes_unpacked_keys_as_they_are)
{
	struct bkey_unpacker u;
	struct bkey k, in = {.u64s = 7,
			     .format = KEY_FORMAT_CURRENT | KEY_NEEDS_WHITEOUT,
			     .type = 3,
			     .size = 1,
			     .bversion = {1, 2},
			     .p = SPOS(1, 2, 3)};

	bch_unpacker_init(&u, &bch_bkey_format_current);
	bkey_unpack_header(&u, &k, (void *)&in);
	in.format = KEY_FORMAT_CURRENT;
	EXPECT_MEM(&k, &in, sizeof(k));
}

TEST(formats_with_equal_widths_share_code)
{
	struct bkey_format a = {.key_u64s = 1, .nr_fields = 6, .bits_per_field = {8, 32}}, b = a;
	bch_unpack_fn fn = bch_unpack_jit(&a);

	b.field_offset[0] = cpu_to_le64(77);
	EXPECT(bch_unpack_jit(&b) == fn);
}

/* More formats than there may be code for: the rest is unpacked without. */
TEST(any_number_of_formats_is_served)
{
	u8 *page = guarded_page();

	REQUIRE(page);
	for (unsigned n = 0; n < 1000 && !unit_test_failed; n++) {
		struct bkey_format f = random_format();
		struct bkey_unpacker u;

		bch_unpacker_init(&u, &f);
		random_packed(&f, (u64 *)page, 0);
		expect_unpacks(&u, u.fn, page);
	}
}

/* Threads that want code for the same formats at the same time. */
static void *unpack_many_formats(void *ret)
{
	struct bkey_format f = {.nr_fields = 6};

	for (unsigned n = 0; n < 100; n++) {
		struct bkey_unpacker u;
		struct bkey k, expected;
		u64 w[BKEY_U64s] = {n << 24, n, ~0ULL, n, n};

		f.bits_per_field[0] = n % 33;
		f.bits_per_field[1] = 3 + n % 40;
		f.bits_per_field[2] = 1;
		f.key_u64s = (24 + bkey_format_key_bits(&f) + 63) / 64;
		bch_unpacker_init(&u, &f);
		u.fn(&u, &k, (void *)w);
		expected = reference_unpack(&f, w);
		if (memcmp(&k, &expected, sizeof(k)))
			*(bool *)ret = false;
	}
	return NULL;
}

TEST(threads_share_code)
{
	pthread_t threads[4];
	bool ok[4] = {true, true, true, true};

	for (unsigned i = 0; i < 4; i++)
		REQUIRE(!pthread_create(&threads[i], NULL, unpack_many_formats, &ok[i]));
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT(ok[i]);
	}
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE		 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

/* Runs in a process of its own, that may no longer make memory executable. */
static int unpack_without_executable_memory(void)
{
	struct bkey_format f = {.key_u64s = 2, .nr_fields = 6, .bits_per_field = {9, 33, 17, 3}};
	struct bkey_unpacker u;
	u64 w[2];

	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0))
		return 0; /* an old kernel */
	bch_unpacker_init(&u, &f);
	random_packed(&f, w, 0);
	expect_unpacks(&u, u.fn, w);
	return bch_unpack_jit(&f) || unit_test_failed;
}

TEST(systems_that_refuse_executable_memory_unpack_portably)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(unpack_without_executable_memory());
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
	EXPECT_EQ(status, 0);
}
