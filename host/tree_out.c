/* What the back ends for trees of files share (host/tree_out.h). */
#include <linux/slab.h>
#include <linux/string.h>
#include "host/tree_out.h"

struct tree_dir *tree_dir_new(struct tree_dir *parent, const char *name)
{
	struct tree_dir *d = kzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return NULL;
	d->name = kmemdup(name, strlen(name) + 1, GFP_KERNEL);
	if (!d->name) {
		kfree(d);
		return NULL;
	}
	d->parent = parent ? tree_dir_ref(parent) : NULL;
	d->refs = 1;
	d->fd = -1;
	return d;
}

struct tree_dir *tree_dir_ref(struct tree_dir *d)
{
	__atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
	return d;
}

void tree_dir_put(struct tree_dir *d)
{
	while (d && !__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL)) {
		struct tree_dir *parent = d->parent;

		kfree(d->name);
		kfree(d);
		d = parent;
	}
}

void tree_path_to_text(struct printbuf *out, const struct tree_dir *d, const char *name)
{
	DARRAY(const char *) parts = {};
	bool ok = !name || !darray_push(&parts, name);
	const char *between = "";

	for (; ok && d && d->parent; d = d->parent)
		ok = !darray_push(&parts, d->name);
	while (ok && parts.nr) {
		prt_bytes(out, between, strlen(between));
		prt_bytes(out, parts.data[parts.nr - 1], strlen(parts.data[parts.nr - 1]));
		between = "/";
		parts.nr--;
	}
	if (!ok)
		out->failed = true;
	darray_exit(&parts);
}

static bool must_escape(const char *name, size_t len, size_t i)
{
	return !name[i] || name[i] == '/' ||
	       (name[i] == '.' && (len == 1 || (len == 2 && name[!i] == '.')));
}

char *tree_name(const char *name, size_t len)
{
	struct printbuf out = PRINTBUF;
	size_t i;

	for (i = 0; i < len; i++) {
		if (must_escape(name, len, i))
			prt_printf(&out, "%%%02X", (u8)name[i]);
		else
			prt_bytes(&out, name + i, 1);
	}
	if (!len)
		prt_str(&out, "%00");
	if (printbuf_failed(&out)) {
		printbuf_exit(&out);
		return NULL;
	}
	return printbuf_steal(&out);
}

void tree_note(struct tree_meta *m, const char *fmt, ...)
{
	va_list args;

	if (m->notes.pos)
		prt_str(&m->notes, "; ");
	va_start(args, fmt);
	prt_vprintf(&m->notes, fmt, args);
	va_end(args);
}

void tree_meta_exit(struct tree_meta *m)
{
	darray_exit(&m->xattrs.d);
	printbuf_exit(&m->xattrs.bytes);
	printbuf_exit(&m->notes);
}
