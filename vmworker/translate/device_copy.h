/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices with descriptors of their own: those of the worker end with build, and a guest that
 * begins anew after its QEMU ended needs them again. */
#ifndef DEVICE_COPY_H
#define DEVICE_COPY_H

#include "engine_devices.h"

struct device_copy {
	struct engine_disk *disks;
	struct engine_nic *nics;
	size_t n_disks, n_nics;
};

/* Lets *devices, whose strings stay borrowed, point into *copy. */
void device_copy_make(struct device_copy *copy, struct engine_devices *devices);
void device_copy_clear(struct device_copy *copy); /* also of zeroes */

#endif
