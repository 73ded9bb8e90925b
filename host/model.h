/* What a device calls itself. */
#ifndef _HOST_MODEL_H
#define _HOST_MODEL_H

#include "util/printbuf.h"

/* "(reg file)", the model that sysfs tells (a partition's disk's), or "(unknown device)". */
void host_model(struct printbuf *out, const char *path);

#endif
