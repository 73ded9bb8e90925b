/* What a scrub tells as JSON (cli/scrub_json.h). */
#include <linux/kernel.h>
#include <linux/string.h>
#include <time.h>
#include "btree/bkey_ops.h"
#include "cli/scrub_json.h"
#include "format/errcode.h"

const char *const cli_scrub_bytes_fields[SCRUB_KIND_NR] = {
	[SCRUB_node] = "btree_bytes",	 [SCRUB_extent] = "data_bytes",
	[SCRUB_cached] = "cached_bytes", [SCRUB_stripe_data] = "stripe_data_bytes",
	[SCRUB_parity] = "parity_bytes", [SCRUB_super] = "superblock_bytes",
	[SCRUB_layout] = "layout_bytes", [SCRUB_journal] = "journal_bytes",
};

/* RFC 3339. */
static void json_time(struct json *j, const char *key, u64 seconds)
{
	time_t t = seconds;
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_str(j, key, text);
}

void cli_scrub_pass_to_json(struct json *j, const struct bch_scrub *s, u64 started)
{
	json_u64(j, "version", 1);
	json_uuid(j, "uuid", s->c->user_uuid);
	json_time(j, "started", started);
	json_time(j, "updated", time(NULL));
	json_u64(j, "pass_id", started);
	json_str(j, "mode", "offline");
	json_bool(j, "metadata", s->metadata);
	json_bool(j, "data", s->data);
	json_bool(j, "decompress", s->decompress);
}

/* ---- Members ---- */

static bool is_wanted(const struct bch_scrub *s, const struct bch_dev *ca)
{
	return bch_dev_online(ca) && (!s->only || s->only == ca);
}

bool cli_scrub_is_pending(const struct bch_scrub *s, const struct bch_scrub_place *p)
{
	return !is_wanted(s, bch_dev(s->c, p->dev)) || p->sector >= s->devs[p->dev].reached;
}

static u64 nr_uncorrected(const struct bch_scrub *s, unsigned dev)
{
	u64 nr = bch_scrub_dev_bad(&s->devs[dev]);

	darray_for_each(s->recheck, p)
		nr += p->dev == dev && cli_scrub_is_pending(s, p);
	return nr;
}

static const char *dev_state(const struct bch_scrub *s, const struct bch_dev *ca)
{
	return !bch_dev_online(ca)		   ? "offline" :
	       !is_wanted(s, ca)		   ? "not checked" :
	       s->devs[ca->idx].reached == U64_MAX ? "done" :
	       s->err				   ? "error" :
						     "running";
}

static u64 dev_sectors(const struct bch_dev *ca)
{
	return (u64)ca->mi.nbuckets * ca->mi.bucket_size;
}

static u64 sectors_done(const struct bch_scrub *s, const struct bch_dev *ca)
{
	return min(s->devs[ca->idx].pos, dev_sectors(ca));
}

static void dev_to_json(struct json *j, const struct bch_scrub *s, const struct bch_dev *ca)
{
	const struct bch_scrub_dev *d = &s->devs[ca->idx];
	u64 pos = sectors_done(s, ca);

	json_object_begin(j, NULL);
	json_u64(j, "dev_idx", ca->idx);
	json_uuid(j, "dev_uuid", ca->mi.uuid);
	json_str(j, "name", bch_dev_online(ca) ? ca->path : "");
	json_str(j, "state", dev_state(s, ca));
	json_u64(j, "bucket_sectors", ca->mi.bucket_size);
	json_object_begin(j, "pos");
	json_u64(j, "bucket", ca->mi.bucket_size ? pos / ca->mi.bucket_size : 0);
	json_u64(j, "sector", pos);
	json_object_end(j);
	json_u64(j, "sectors_total", dev_sectors(ca));
	json_u64(j, "sectors_done", pos);
	for (unsigned i = 0; i < SCRUB_KIND_NR; i++)
		json_u64(j, cli_scrub_bytes_fields[i], d->bytes[i]);
	json_u64(j, "corrected", 0);
	json_u64(j, "uncorrected", nr_uncorrected(s, ca->idx));
	json_u64(j, "repairable", d->repairable);
	json_u64(j, "lost", d->lost);
	json_u64(j, "undecided", d->undecided);
	json_u64(j, "unverifiable", d->unverified_copies);
	json_u64(j, "unverifiable_bytes", d->unverified);
	json_u64(j, "checked_journal_seq", d->journal_seq);
	json_object_end(j);
}

static const struct bch_dev *member(const struct bch_scrub *s, unsigned i)
{
	const struct bch_dev *ca = bch_dev(s->c, i);

	return ca && ca->mi.alive ? ca : NULL;
}

void cli_scrub_devs_to_json(struct json *j, const struct bch_scrub *s)
{
	json_array_begin(j, "devices");
	for (unsigned i = 0; i < s->c->nr_devices; i++)
		if (member(s, i))
			dev_to_json(j, s, member(s, i));
	json_array_end(j);
}

void cli_scrub_totals_to_json(struct json *j, const struct bch_scrub *s)
{
	u64 sectors = 0, uncorrected = 0;

	for (unsigned i = 0; i < s->c->nr_devices; i++)
		if (member(s, i)) {
			sectors += sectors_done(s, member(s, i));
			uncorrected += nr_uncorrected(s, i);
		}
	json_u64(j, "sectors_done", sectors);
	json_u64(j, "corrected", 0);
	json_u64(j, "uncorrected", uncorrected);
}

/* ---- Errors ---- */

size_t cli_scrub_group_end(const struct bch_scrub *s, size_t i)
{
	const struct bch_scrub_item *a = &s->findings.data[i].item, *b;

	while (++i < s->findings.nr) {
		b = &s->findings.data[i].item;
		if (a->dev != b->dev || a->sector != b->sector || a->sectors != b->sectors ||
		    a->kind != b->kind)
			break;
	}
	return i;
}

void cli_scrub_why_to_text(struct printbuf *out, const struct bch_scrub *s,
			   const struct bch_scrub_finding *f)
{
	prt_str(out, f->why);
	if (f->err && f->fault == SCRUB_io)
		prt_printf(out, " (%s)", bch_err_str(f->err));
	if (f->item.kind == SCRUB_node && f->at)
		prt_printf(out, " at sector %u of the node", f->at);
	if (f->fault == SCRUB_differs)
		prt_printf(out, " (other copy: %s sector %llu)", bch_dev(s->c, f->other_dev)->path,
			   f->other_sector);
}

void cli_scrub_finding_to_json(struct json *j, const struct bch_scrub *s,
			       const struct bch_scrub_finding *f)
{
	bool stripe = cli_scrub_is_of_stripe(&f->item), keyed = f->item.kind < SCRUB_super;
	const struct bch_scrub_item *item = &f->item;
	const struct bch_dev *ca = bch_dev(s->c, item->dev);
	struct printbuf text = PRINTBUF;

	json_u64(j, "dev_idx", item->dev);
	json_str(j, "device", ca->path);
	json_u64(j, "bucket", item->sector / ca->mi.bucket_size);
	json_u64(j, "sector", item->sector);
	json_u64(j, "sectors", item->sectors);
	bch_btree_id_to_text(&text, item->btree);
	if (keyed)
		json_str(j, "btree", printbuf_str(&text));
	if (item->kind == SCRUB_journal)
		json_u64(j, "seq", item->seq);
	if (item->kind == SCRUB_node)
		json_u64(j, "level", item->level);
	if (stripe)
		json_u64(j, "block", item->block);
	if (keyed)
		bch_bpos_to_json(j, "pos", item->pos);
	json_str(j, "data", bch_scrub_kind_names[item->kind]);
	json_str(j, "kind",
		 stripe && f->fault == SCRUB_checksum ? "ec" : bch_scrub_fault_names[f->fault]);
	printbuf_reset(&text);
	cli_scrub_why_to_text(&text, s, f);
	json_str(j, "reason", printbuf_str(&text));
	if (f->fault == SCRUB_differs) {
		json_u64(j, "other_dev_idx", f->other_dev);
		json_u64(j, "other_sector", f->other_sector);
	}
	json_str(j, "remedy", bch_scrub_remedy_names[f->remedy]);
	json_bool(j, "fixed", false);
	printbuf_exit(&text);
}
