/* version: of the program, its formats and its libraries (spec 09 section 1.1). */
#include <blkid/blkid.h>
#include <lz4.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>
#include "cmds.h"
#include "format/versions.h"
#include "host/fuse_session.h"

struct library {
	const char *name, *version;
};

static unsigned list_libraries(struct library *libs)
{
	static char xxhash[16];
	const char *blkid;
	unsigned n = 0, x = XXH_versionNumber();

	blkid_get_library_version(&blkid, NULL);
	snprintf(xxhash, sizeof(xxhash), "%u.%u.%u", x / 10000, x / 100 % 100, x % 100);
	libs[n++] = (struct library){"libblkid", blkid};
	libs[n++] = (struct library){"libcrypto", OpenSSL_version(OPENSSL_VERSION_STRING)};
	if (host_fuse_version())
		libs[n++] = (struct library){"libfuse3", host_fuse_version()};
	libs[n++] = (struct library){"liblz4", LZ4_versionString()};
	libs[n++] = (struct library){"libsodium", sodium_version_string()};
	libs[n++] = (struct library){"libxxhash", xxhash};
	libs[n++] = (struct library){"libzstd", ZSTD_versionString()};
	libs[n++] = (struct library){"zlib", zlibVersion()};
	return n;
}

enum { VERSION_VERBOSE, VERSION_JSON };

static const struct cli_opt version_opts[] = {
	[VERSION_VERBOSE] = {"verbose", 'v', NULL, "also formats and libraries"},
	[VERSION_JSON] = {"json", 0, NULL, "print a JSON document"},
	{},
};

static void prt_format(struct printbuf *out, unsigned version)
{
	prt_printf(out, "%u.%u", BCH_VERSION_MAJOR(version), BCH_VERSION_MINOR(version));
}

static void version_text(struct printbuf *out, bool verbose)
{
	struct library libs[8];
	unsigned i, nr = list_libraries(libs);

	prt_str(out, BCACHEFS_VERSION);
	if (verbose) {
		prt_str(out, " (metadata version ");
		prt_format(out, BCH_VERSION_CURRENT);
		prt_str(out, ", reads up to ");
		prt_format(out, BCH_VERSION_MAX_READ);
		prt_char(out, ')');
		for (i = 0; i < nr; i++)
			prt_printf(out, "\n%s %s", libs[i].name, libs[i].version);
	}
	prt_newline(out);
}

static void version_json(struct printbuf *out)
{
	struct json j = JSON(out);
	struct library libs[8];
	unsigned i, nr = list_libraries(libs);

	json_object_begin(&j, NULL);
	json_str(&j, "schema", "bcachefs/version/1");
	json_str(&j, "tool_version", BCACHEFS_VERSION);
	json_fmt(&j, "metadata_version", "%u.%u", BCH_VERSION_MAJOR(BCH_VERSION_CURRENT),
		 BCH_VERSION_MINOR(BCH_VERSION_CURRENT));
	json_fmt(&j, "reads_up_to", "%u.%u", BCH_VERSION_MAJOR(BCH_VERSION_MAX_READ),
		 BCH_VERSION_MINOR(BCH_VERSION_MAX_READ));
	json_object_begin(&j, "libraries");
	for (i = 0; i < nr; i++)
		json_str(&j, libs[i].name, libs[i].version);
	json_object_end(&j);
	json_object_end(&j);
	prt_newline(out);
}

static int cmd_version_run(const struct cli_cmd *cmd, int argc, char **argv)
{
	struct cli_parse p = CLI_PARSE(cmd, argc, argv);
	struct printbuf out = PRINTBUF;
	bool verbose = false, json = false;
	int o;

	while ((o = cli_next(&p)) != CLI_END) {
		if (o == CLI_OPERAND)
			cli_usage_error(cmd, "too many arguments");
		verbose |= o == VERSION_VERBOSE;
		json |= o == VERSION_JSON;
	}
	if (json)
		version_json(&out);
	else
		version_text(&out, verbose);
	cli_flush(&out);
	printbuf_exit(&out);
	return EXIT_OK;
}

const struct cli_cmd cmd_version = {
	.name = "version",
	.group = "Miscellaneous",
	.summary = "Display the version of the invoked bcachefs tool",
	.opts = version_opts,
	.run = cmd_version_run,
};
