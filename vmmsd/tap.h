/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TAP devices on a bridge of the host, for workers, which may open nothing. */
#ifndef TAP_H
#define TAP_H

#include <glib.h>

#include "mac_address.h"

struct tap_spec {
	const char *bridge;
	struct mac_address mac; /* the guest's; that of the host's end is made from it */
	uint32_t mtu;		/* at least; that of a bridge with a larger one is kept */
};

/*
 * Makes a device of its own (vmms0, ...) with n queues, a port of the bridge that is up, and fills
 * fds with the queues; it goes with the last duplicate of them. DENIED, FAILED.
 */
gboolean tap_open(const struct tap_spec *spec, int *fds, size_t n, GError **error);

#endif
