/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU counts of each disk's requests, by the names that the engine direct has for them. */
#ifndef DISK_COUNTERS_H
#define DISK_COUNTERS_H

#include <glib.h>

#include "engine.h"

/* Of QEMU's answer to query-blockstats: "disk.N.reads" and so on, N being the disk's place among
 * the devices. What is not of these disks is passed over. FALSE: the answer is none. */
gboolean disk_counters_read(const char *answer, const struct engine_devices *devices,
			    engine_counter_visit visit, void *context);

#endif
