/* Checkpoints of the scrub (cli/checkpoint.h). */
#include <linux/kernel.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/uuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "cli/checkpoint.h"
#include "cli/json_read.h"
#include "cli/scrub_json.h"
#include "host/outfile.h"
#include "util/json.h"

#define FOLDER	  "/var/lib/bcachefs"
#define BYTES_MAX (64U << 20)

/* Kinds of which the counters go on: the others are checked anew each time. */
#define NR_KEPT SCRUB_super

char *cli_checkpoint_default_path(const struct bch_fs *c)
{
	struct printbuf uuid = PRINTBUF;
	char *path;

	prt_uuid(&uuid, c->user_uuid);
	if (asprintf(&path, FOLDER "/scrub-%s.json", printbuf_str(&uuid)) < 0)
		path = NULL;
	printbuf_exit(&uuid);
	return path;
}

void cli_checkpoint_exit(struct cli_checkpoint *cp)
{
	free(cp->path);
	free(cp->text);
}

/* ---- Writing ---- */

struct saving {
	struct json j;
	u64 started;
};

static void save_errors(struct json *j, const struct bch_scrub *s)
{
	json_array_begin(j, "errors");
	for (size_t i = 0; i < s->findings.nr; i = cli_scrub_group_end(s, i)) {
		const struct bch_scrub_finding *f = &s->findings.data[i];

		if (f->fault <= SCRUB_unverified)
			continue;
		json_object_begin(j, NULL);
		cli_scrub_finding_to_json(j, s, f);
		if (f->path)
			json_str(j, "path", f->path);
		json_object_end(j);
	}
	darray_for_each(s->recheck, p)
		if (cli_scrub_is_pending(s, p))
			json_raw(j, NULL, p->told, p->told_bytes);
	json_array_end(j);
}

static void save(struct bch_scrub *s, void *arg)
{
	struct saving *w = arg;
	struct json *j = &w->j;

	json_object_begin(j, NULL);
	json_str(j, "schema", "bcachefs/scrub-checkpoint/1");
	json_str(j, "tool_version", BCACHEFS_VERSION);
	cli_scrub_pass_to_json(j, s, w->started);
	cli_scrub_devs_to_json(j, s);
	save_errors(j, s);
	json_object_begin(j, "totals");
	cli_scrub_totals_to_json(j, s);
	json_object_end(j);
	json_object_end(j);
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		p += done;
		n -= done;
	}
	return 0;
}

int cli_checkpoint_save(const struct cli_checkpoint *cp, struct bch_scrub *s)
{
	struct printbuf out = PRINTBUF;
	struct saving w = {.j = JSON(&out), .started = cp->started};
	struct outfile f = {.fd = -1};
	int ret;

	if (!strncmp(cp->path, FOLDER "/", strlen(FOLDER) + 1))
		mkdir(FOLDER, 0700);
	bch_scrub_hold(s, save, &w);
	prt_newline(&out);
	ret = outfile_create(&f, cp->path);
	ret = ret ?: write_all(f.fd, printbuf_str(&out), out.pos);
	ret = ret ?: outfile_commit(&f, true);
	outfile_abort(&f);
	printbuf_exit(&out);
	return ret;
}

/* ---- Reading ---- */

struct saved_dev {
	u64 idx, bucket_sectors, sector, sectors_total, uncorrected;
	u64 unverified, unverified_copies, journal_seq;
	u64 bytes[NR_KEPT];
	char uuid[40], state[16], name[256];
};

/* The file's contents, to be freed; NULL: *ret is a negative errno. */
static char *slurp(const char *path, struct json_reader *r, int *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st = {};
	char *buf = NULL;
	ssize_t n;

	*ret = fd < 0 || fstat(fd, &st) ? -errno : st.st_size > BYTES_MAX ? -EFBIG : 0;
	if (!*ret) {
		buf = malloc(st.st_size + 1);
		n = buf ? read(fd, buf, st.st_size) : -1;
		*ret = !buf ? -ENOMEM : n != st.st_size ? -EIO : 0;
	}
	if (fd >= 0)
		close(fd);
	if (*ret) {
		free(buf);
		return NULL;
	}
	*r = (struct json_reader){.p = buf, .end = buf + st.st_size};
	return buf;
}

static void read_dev(struct json_reader *r, struct saved_dev *d)
{
	char key[32], inner[32];

	*d = (struct saved_dev){.idx = U64_MAX};
	if (!json_enter(r, '{'))
		return;
	while (json_next_member(r, key, sizeof(key))) {
		unsigned i;

		for (i = 0; i < NR_KEPT && strcmp(key, cli_scrub_bytes_fields[i]); i++)
			;
		if (i < NR_KEPT)
			d->bytes[i] = json_read_u64(r);
		else if (!strcmp(key, "dev_idx"))
			d->idx = json_read_u64(r);
		else if (!strcmp(key, "dev_uuid"))
			json_read_str(r, d->uuid, sizeof(d->uuid));
		else if (!strcmp(key, "name"))
			json_read_str(r, d->name, sizeof(d->name));
		else if (!strcmp(key, "state"))
			json_read_str(r, d->state, sizeof(d->state));
		else if (!strcmp(key, "bucket_sectors"))
			d->bucket_sectors = json_read_u64(r);
		else if (!strcmp(key, "sectors_total"))
			d->sectors_total = json_read_u64(r);
		else if (!strcmp(key, "unverifiable_bytes"))
			d->unverified = json_read_u64(r);
		else if (!strcmp(key, "unverifiable"))
			d->unverified_copies = json_read_u64(r);
		else if (!strcmp(key, "checked_journal_seq"))
			d->journal_seq = json_read_u64(r);
		else if (!strcmp(key, "uncorrected"))
			d->uncorrected = json_read_u64(r);
		else if (!strcmp(key, "pos") && json_enter(r, '{'))
			while (json_next_member(r, inner, sizeof(inner))) {
				u64 v = json_read_u64(r);

				if (!strcmp(inner, "sector"))
					d->sector = v;
			}
		else
			json_skip(r);
	}
}

/* True: the member is to be continued there. What is not here, or not asked for, is kept. */
static bool apply_dev(struct bch_scrub *s, const struct saved_dev *d)
{
	struct bch_dev *ca = d->idx < s->c->nr_devices ? bch_dev(s->c, d->idx) : NULL;
	struct bch_scrub_dev *dev;
	uuid_t uuid;

	if (!ca || uuid_parse(d->uuid, &uuid) || memcmp(&uuid, ca->mi.uuid, sizeof(uuid)) ||
	    d->bucket_sectors != ca->mi.bucket_size)
		return false;
	dev = &s->devs[ca->idx];
	dev->start = !strcmp(d->state, "done") ? U64_MAX : d->sector;
	memcpy(dev->bytes, d->bytes, sizeof(d->bytes));
	dev->unverified = d->unverified;
	dev->unverified_copies = d->unverified_copies;
	dev->journal_seq = d->journal_seq;
	return dev->start != U64_MAX && bch_dev_online(ca) && (!s->only || s->only == ca);
}

static int place_cmp(const void *_a, const void *_b)
{
	const struct bch_scrub_place *a = _a, *b = _b;

	return a->dev != b->dev	     ? (a->dev < b->dev ? -1 : 1) :
	       a->sector < b->sector ? -1 :
				       a->sector > b->sector;
}

static bool is_kept(const char *data)
{
	unsigned i;

	for (i = 0; i < NR_KEPT && strcmp(data, bch_scrub_kind_names[i]); i++)
		;
	return i < NR_KEPT;
}

static int read_place(struct bch_scrub *s, struct json_reader *r)
{
	struct bch_scrub_place place = {.told = r->p};
	char key[32], data[32] = "";
	u64 dev = U64_MAX;

	if (!json_enter(r, '{'))
		return 0;
	while (json_next_member(r, key, sizeof(key))) {
		if (!strcmp(key, "dev_idx"))
			dev = json_read_u64(r);
		else if (!strcmp(key, "sector"))
			place.sector = json_read_u64(r);
		else if (!strcmp(key, "data"))
			json_read_str(r, data, sizeof(data));
		else
			json_skip(r);
	}
	if (r->bad || dev >= s->c->nr_devices || !is_kept(data))
		return 0;
	place.dev = dev;
	place.told_bytes = r->p - place.told;
	return darray_push(&s->recheck, place);
}

/* What is known of the pass as a whole. */
struct saved_pass {
	u64 started;
	bool metadata, data, decompress; /* were checked */
	bool any;			 /* member is to be continued */
};

/* Call @fn for each member that the file names. */
static int read_file(struct bch_scrub *s, struct json_reader *r, struct saved_pass *pass,
		     void (*fn)(void *arg, const struct saved_dev *d), void *arg)
{
	struct saved_dev d;
	char key[32];
	int ret = 0;

	if (!json_enter(r, '{'))
		return -EINVAL;
	while (json_next_member(r, key, sizeof(key)) && !ret) {
		if (!strcmp(key, "version")) {
			ret = json_read_u64(r) == 1 ? 0 : -EINVAL;
		} else if (!strcmp(key, "pass_id")) {
			pass->started = json_read_u64(r);
		} else if (!strcmp(key, "metadata")) {
			pass->metadata = json_read_bool(r);
		} else if (!strcmp(key, "data")) {
			pass->data = json_read_bool(r);
		} else if (!strcmp(key, "decompress")) {
			pass->decompress = json_read_bool(r);
		} else if (!strcmp(key, "devices") && json_enter(r, '[')) {
			while (json_next_element(r)) {
				read_dev(r, &d);
				fn(arg, &d);
			}
		} else if (s && !strcmp(key, "errors") && json_enter(r, '[')) {
			while (json_next_element(r) && !ret)
				ret = read_place(s, r);
		} else {
			json_skip(r);
		}
	}
	return ret ?: r->bad ? -EINVAL : 0;
}

struct loading {
	struct bch_scrub *s;
	struct saved_pass pass;
};

static void load_dev(void *arg, const struct saved_dev *d)
{
	struct loading *w = arg;

	w->pass.any |= apply_dev(w->s, d);
}

/* Was all that @s wants checked as far as the file says? */
static bool pass_covers(const struct saved_pass *pass, const struct bch_scrub *s)
{
	return pass->metadata >= s->metadata && pass->data >= s->data &&
	       pass->decompress >= s->decompress;
}

static int read_error(const char *path, int ret, struct printbuf *err)
{
	prt_printf(err, "%s: %s", path,
		   ret == -EINVAL ? "is not a checkpoint of a scrub (--restart begins anew)" :
				    strerror(-ret));
	return ret;
}

int cli_checkpoint_load(struct cli_checkpoint *cp, struct bch_scrub *s, struct printbuf *err)
{
	struct loading w = {.s = s};
	struct json_reader r;
	int ret;

	cp->text = slurp(cp->path, &r, &ret);
	if (ret)
		return ret == -ENOENT ? 0 : read_error(cp->path, ret, err);
	ret = read_file(s, &r, &w.pass, load_dev, &w);
	if (ret)
		return read_error(cp->path, ret, err);
	if (!w.pass.any || !pass_covers(&w.pass, s)) {
		/* It was of another filesystem, or of less, or it had come to its end. */
		memset(s->devs, 0, sizeof(s->devs));
		s->recheck.nr = 0;
		return 0;
	}
	sort(s->recheck.data, s->recheck.nr, sizeof(s->recheck.data[0]), place_cmp, NULL);
	cp->started = w.pass.started ?: cp->started;
	return 1;
}

static void dev_to_text(void *arg, const struct saved_dev *d)
{
	struct printbuf *out = arg;
	u64 bytes = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(d->bytes); i++)
		bytes += d->bytes[i];
	if (*d->name)
		prt_printf(out, "%s: %s", d->name, d->state);
	else
		prt_printf(out, "device %llu: %s", d->idx, d->state);
	if (d->sectors_total)
		prt_printf(out, ", %.1f%%",
			   100.0 * min(d->sector, d->sectors_total) / d->sectors_total);
	prt_str(out, ", read ");
	prt_human_bytes(out, bytes);
	prt_printf(out, ", %llu bad copies\n", d->uncorrected);
}

int cli_checkpoint_to_text(struct printbuf *out, const char *path, struct printbuf *err)
{
	struct saved_pass pass = {};
	struct json_reader r;
	int ret;
	char *buf = slurp(path, &r, &ret);

	ret = ret ?: read_file(NULL, &r, &pass, dev_to_text, out);
	free(buf);
	return ret ? read_error(path, ret, err) : 0;
}
