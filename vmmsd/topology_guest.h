/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sockets, cores and threads that a guest sees. Pure. */
#ifndef TOPOLOGY_GUEST_H
#define TOPOLOGY_GUEST_H

#include <glib.h>
#include <stdint.h>

struct topology_guest {
	uint32_t sockets; /* 1 or more */
	uint32_t cores;	  /* per socket; 0: what is left of the count */
	uint32_t threads; /* per core; 0: as the host's */
};

/*
 * The topology with nothing left open: the product is count, and it can be told to a guest, which
 * reads core and socket from bits of the APIC id. host_threads is the host's threads per core; 0
 * when that is not to be asked yet: then an open part stays open, and only what can be known now
 * is checked. Where the host's threads are to be taken and do not divide the count, it is the
 * largest number below that does. The error is the sentence alone, INVALID_DEFINITION.
 */
gboolean topology_guest_resolve(const struct topology_guest *asked, uint32_t count,
				uint32_t host_threads, struct topology_guest *ret, GError **error);

#endif
