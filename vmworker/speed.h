/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How fast guest code runs here. Some hypervisors run user code directly and emulate kernel code a
 * thousand times slower; nothing but a measurement tells.
 */
#ifndef SPEED_H
#define SPEED_H

#include <stdint.h>

struct json_object;

#define SPEED_UNKNOWN (-1)

/* Instructions a second, or SPEED_UNKNOWN. */
struct speed {
	int64_t kernel, user; /* CPL 0 and CPL 3, long mode */
};

/* Runs a tiny partition for some milliseconds in each mode. Never fails: what a hypervisor does not
 * run is unknown. */
void speed_measure(struct speed *ret);

/* {"kernel":N,"user":N} without what is unknown; the caller's. */
struct json_object *speed_to_json(const struct speed *speed);

#endif
