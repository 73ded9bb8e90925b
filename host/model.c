/* The model of a device, from sysfs (spec 01 section 9.3). */
#include <linux/kernel.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "host/model.h"

/* One line of a sysfs file without the blanks around it; false: there is no such file. */
static bool read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n, skip;

	if (!f)
		return false;
	n = fread(line, 1, size - 1, f);
	fclose(f);
	while (n && strchr(" \t\n", line[n - 1]))
		n--;
	line[n] = '\0';
	skip = strspn(line, " \t");
	memmove(line, line + skip, n - min(skip, n) + 1);
	return true;
}

void host_model(struct printbuf *out, const char *path)
{
	static const char *const places[] = {"device/model", "../device/model"};
	char sysfs[96], model[256];
	struct stat st;
	unsigned i;

	if (stat(path, &st)) {
		prt_str(out, "(unknown device)");
		return;
	}
	if (!S_ISBLK(st.st_mode)) {
		prt_str(out, "(reg file)");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(sysfs, sizeof(sysfs), "/sys/dev/block/%u:%u/%s", major(st.st_rdev),
			 minor(st.st_rdev), places[i]);
		if (read_line(sysfs, model, sizeof(model))) {
			prt_bytes(out, model, strlen(model));
			return;
		}
	}
	prt_str(out, "(unknown device)");
}
