/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hypervisor interface (hv.h) of a machine, with what it needs of the engine: a clock, and
 * someone who hears of resets and crashes.
 */
#ifndef GUEST_INTERFACE_H
#define GUEST_INTERFACE_H

#include <stddef.h>

#include "device_env.h"
#include "hv.h"

struct guest_interface;

struct guest_interface_config {
	uint32_t vp_count;
	const struct hv_features *features; /* NULL: hv_features_default */
	struct device_clock clock;
	/* On a VP's thread; both must return at once. */
	void (*request)(void *context, enum machine_request request, const char *how);
	/* What the guest said last (any bytes, size 0: nothing), and its parameters in words. */
	void (*crashed)(void *context, const char *line, size_t size, const char *detail);
	void *context;
};

/* Looks at the host's clock by name, so before a sandbox closes. */
struct guest_interface *guest_interface_new(const struct guest_interface_config *config);
/* While no partition is attached. NULL is fine. */
void guest_interface_free(struct guest_interface *interface);

struct hv *guest_interface_hv(struct guest_interface *interface);

/*
 * The line of a guest's log that tells why it crashed: the last that tells of a panic, else the
 * last that says anything. Sets *size; NULL when there is none. Pure.
 */
const char *guest_interface_crash_line(const char *text, size_t text_size, size_t *size);

#endif
