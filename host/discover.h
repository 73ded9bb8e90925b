/*
 * Devices of a filesystem by its external UUID: those that udev knows as bcachefs, or, where it
 * knows none, all block devices (spec 09 section 7.1).
 */
#ifndef _HOST_DISCOVER_H
#define _HOST_DISCOVER_H

#include "util/darray.h"

struct host_devices {
	DARRAY(char *) paths; /* owned */
};

/* 0 (also when none was found), or -ENOMEM. */
int host_find_devices(const u8 user_uuid[16], struct host_devices *found);
void host_devices_exit(struct host_devices *found);

#endif
