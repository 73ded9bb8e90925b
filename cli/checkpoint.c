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
#include "host/outfile.h"
#include "util/json.h"

#define FOLDER	  "/var/lib/bcachefs"
#define BYTES_MAX (64U << 20)

static const char *const kind_fields[] = {"btree_bytes", "data_bytes", "cached_bytes",
					  "stripe_data_bytes", "parity_bytes"};

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

/* ---- Writing ---- */

struct saving {
	struct json j;
	u64 started;
};

static void json_time(struct json *j, const char *key, u64 seconds)
{
	time_t t = seconds;
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_str(j, key, text);
}

static void save_dev(struct json *j, const struct bch_scrub *s, const struct bch_dev *ca)
{
	const struct bch_scrub_dev *d = &s->devs[ca->idx];
	u64 sectors = (u64)ca->mi.nbuckets * ca->mi.bucket_size, pos = min(d->pos, sectors);

	json_object_begin(j, NULL);
	json_u64(j, "dev_idx", ca->idx);
	json_uuid(j, "dev_uuid", ca->mi.uuid);
	json_str(j, "name", ca->path);
	json_str(j, "state", d->pos == U64_MAX ? "done" : "running");
	json_u64(j, "bucket_sectors", ca->mi.bucket_size);
	json_object_begin(j, "pos");
	json_u64(j, "bucket", pos / ca->mi.bucket_size);
	json_u64(j, "sector", pos);
	json_object_end(j);
	json_u64(j, "sectors_total", sectors);
	json_u64(j, "sectors_done", pos);
	for (unsigned i = 0; i < ARRAY_SIZE(kind_fields); i++)
		json_u64(j, kind_fields[i], d->bytes[i]);
	json_u64(j, "unverifiable_bytes", d->unverified);
	json_u64(j, "corrected", 0);
	json_u64(j, "uncorrected", d->repairable + d->lost);
	json_object_end(j);
}

static void save_place(struct json *j, const struct bch_scrub *s, unsigned dev, u64 sector)
{
	u32 bucket_size = bch_dev(s->c, dev) ? bch_dev(s->c, dev)->mi.bucket_size : 0;

	json_u64(j, "dev_idx", dev);
	if (bucket_size)
		json_u64(j, "bucket", sector / bucket_size);
	json_u64(j, "sector", sector);
	json_bool(j, "fixed", false);
}

static void save_finding(struct json *j, const struct bch_scrub *s,
			 const struct bch_scrub_finding *f)
{
	struct printbuf btree = PRINTBUF;

	bch_btree_id_to_text(&btree, f->item.btree);
	json_object_begin(j, NULL);
	save_place(j, s, f->item.dev, f->item.sector);
	json_u64(j, "sectors", f->item.sectors);
	json_str(j, "btree", printbuf_str(&btree));
	bch_bpos_to_json(j, "pos", f->item.pos);
	json_str(j, "kind", bch_scrub_fault_names[f->fault]);
	json_object_end(j);
	printbuf_exit(&btree);
}

static void save_totals(struct json *j, const struct bch_scrub *s)
{
	u64 sectors = 0, uncorrected = 0;

	for (unsigned i = 0; i < s->c->nr_devices; i++) {
		const struct bch_scrub_dev *d = &s->devs[i];

		for (unsigned k = 0; k < ARRAY_SIZE(d->bytes); k++)
			sectors += d->bytes[k] >> 9;
		uncorrected += d->repairable + d->lost;
	}
	json_object_begin(j, "totals");
	json_u64(j, "sectors_done", sectors);
	json_u64(j, "corrected", 0);
	json_u64(j, "uncorrected", uncorrected);
	json_object_end(j);
}

static void save(struct bch_scrub *s, void *arg)
{
	struct saving *w = arg;
	struct json *j = &w->j;

	json_object_begin(j, NULL);
	json_str(j, "schema", "bcachefs/scrub-checkpoint/1");
	json_u64(j, "version", 1);
	json_uuid(j, "uuid", s->c->user_uuid);
	json_time(j, "started", w->started);
	json_time(j, "updated", time(NULL));
	json_u64(j, "pass_id", w->started);
	json_str(j, "mode", "offline");
	json_array_begin(j, "devices");
	for (unsigned i = 0; i < s->c->nr_devices; i++)
		if (bch_dev_online(bch_dev(s->c, i)) && (!s->only || s->only->idx == i))
			save_dev(j, s, bch_dev(s->c, i));
	json_array_end(j);
	json_array_begin(j, "errors");
	darray_for_each(s->findings, f)
		if (f->fault > SCRUB_unverified && f->item.kind < SCRUB_super)
			save_finding(j, s, f);
	/* Those that were not yet looked at again may be among them twice. */
	darray_for_each(s->recheck, p) {
		json_object_begin(j, NULL);
		save_place(j, s, p->dev, p->sector);
		json_object_end(j);
	}
	json_array_end(j);
	save_totals(j, s);
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

int cli_checkpoint_save(struct bch_scrub *s, const char *path, u64 started)
{
	struct printbuf out = PRINTBUF;
	struct saving w = {.j = JSON(&out), .started = started};
	struct outfile f = {.fd = -1};
	int ret;

	if (!strncmp(path, FOLDER "/", strlen(FOLDER) + 1))
		mkdir(FOLDER, 0700);
	bch_scrub_hold(s, save, &w);
	prt_newline(&out);
	ret = outfile_create(&f, path);
	ret = ret ?: write_all(f.fd, printbuf_str(&out), out.pos);
	ret = ret ?: outfile_commit(&f, true);
	outfile_abort(&f);
	printbuf_exit(&out);
	return ret;
}

/* ---- Reading ---- */

struct saved_dev {
	u64 idx, bucket_sectors, sector, sectors_total, unverified, uncorrected;
	u64 bytes[ARRAY_SIZE(kind_fields)];
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

		for (i = 0; i < ARRAY_SIZE(kind_fields) && strcmp(key, kind_fields[i]); i++)
			;
		if (i < ARRAY_SIZE(kind_fields))
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

/* True: the member is to be continued there. */
static bool apply_dev(struct bch_scrub *s, const struct saved_dev *d)
{
	struct bch_dev *ca = d->idx < s->c->nr_devices ? bch_dev(s->c, d->idx) : NULL;
	struct bch_scrub_dev *dev;
	uuid_t uuid;

	if (!bch_dev_online(ca) || uuid_parse(d->uuid, &uuid) ||
	    memcmp(&uuid, ca->mi.uuid, sizeof(uuid)) || d->bucket_sectors != ca->mi.bucket_size)
		return false;
	dev = &s->devs[ca->idx];
	dev->start = !strcmp(d->state, "done") ? U64_MAX : d->sector;
	memcpy(dev->bytes, d->bytes, sizeof(d->bytes));
	dev->unverified = d->unverified;
	return dev->start != U64_MAX;
}

static int place_cmp(const void *_a, const void *_b)
{
	const struct bch_scrub_place *a = _a, *b = _b;

	return a->dev != b->dev	     ? (a->dev < b->dev ? -1 : 1) :
	       a->sector < b->sector ? -1 :
				       a->sector > b->sector;
}

static int read_place(struct bch_scrub *s, struct json_reader *r)
{
	u64 dev = U64_MAX, sector = 0;
	char key[32];

	if (!json_enter(r, '{'))
		return 0;
	while (json_next_member(r, key, sizeof(key))) {
		if (!strcmp(key, "dev_idx"))
			dev = json_read_u64(r);
		else if (!strcmp(key, "sector"))
			sector = json_read_u64(r);
		else
			json_skip(r);
	}
	if (dev > BCH_MAX_DEVS)
		return 0;
	return darray_push(&s->recheck,
			   ((struct bch_scrub_place){.dev = (u8)dev, .sector = sector}));
}

/* Call @fn for each member that the file names. */
static int read_file(struct bch_scrub *s, struct json_reader *r,
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
	bool any;
};

static void load_dev(void *arg, const struct saved_dev *d)
{
	struct loading *w = arg;

	w->any |= apply_dev(w->s, d);
}

static int read_error(const char *path, int ret, struct printbuf *err)
{
	prt_printf(err, "%s: %s", path,
		   ret == -EINVAL ? "is not a checkpoint of a scrub (--restart begins anew)" :
				    strerror(-ret));
	return ret;
}

int cli_checkpoint_load(struct bch_scrub *s, const char *path, struct printbuf *err)
{
	struct loading w = {.s = s};
	struct json_reader r;
	int ret;
	char *buf = slurp(path, &r, &ret);

	if (ret)
		return ret == -ENOENT ? 0 : read_error(path, ret, err);
	ret = read_file(s, &r, load_dev, &w);
	free(buf);
	if (ret)
		return read_error(path, ret, err);
	if (!w.any) {
		/* It was of another filesystem, or it had come to its end. */
		memset(s->devs, 0, sizeof(s->devs));
		s->recheck.nr = 0;
		return 0;
	}
	sort(s->recheck.data, s->recheck.nr, sizeof(s->recheck.data[0]), place_cmp, NULL);
	return 1;
}

static void dev_to_text(void *arg, const struct saved_dev *d)
{
	struct printbuf *out = arg;
	u64 bytes = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(d->bytes); i++)
		bytes += d->bytes[i];
	prt_printf(out, "%s: %s", d->name, d->state);
	if (d->sectors_total)
		prt_printf(out, ", %.1f%%",
			   100.0 * min(d->sector, d->sectors_total) / d->sectors_total);
	prt_str(out, ", read ");
	prt_human_bytes(out, bytes);
	prt_printf(out, ", %llu bad copies\n", d->uncorrected);
}

int cli_checkpoint_to_text(struct printbuf *out, const char *path, struct printbuf *err)
{
	struct json_reader r;
	int ret;
	char *buf = slurp(path, &r, &ret);

	ret = ret ?: read_file(NULL, &r, dev_to_text, out);
	free(buf);
	return ret ? read_error(path, ret, err) : 0;
}
