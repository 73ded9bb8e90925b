/*
 * Devices of a filesystem by its external UUID or its label: those that udev knows as bcachefs, or,
 * where it knows none, all block devices (spec 09 section 7.1).
 */
#ifndef _HOST_DISCOVER_H
#define _HOST_DISCOVER_H

#include <linux/types.h>
#include "util/darray.h"

struct host_device {
	char *path; /* owned */
	u8 user_uuid[16];
};

struct host_devices {
	DARRAY(struct host_device) d;
};

/* 0 (also when none was found), or -ENOMEM. */
int host_find_devices(const u8 user_uuid[16], struct host_devices *found);
/* The same by the label; they may be of several filesystems. */
int host_find_labelled(const char *label, struct host_devices *found);
void host_devices_exit(struct host_devices *found);

#endif
