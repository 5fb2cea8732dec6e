/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the processors of VMs best run on a host with cores, sibling threads and sockets, and what
 * to say of a choice that a user made. Pure.
 */
#ifndef PLACEMENT_H
#define PLACEMENT_H

#include <glib.h>
#include <stdint.h>

#include "host_topology.h"

enum placement_mode {
	PLACEMENT_NONE,	  /* the kernel's scheduler decides */
	PLACEMENT_SPREAD, /* a core each while there are cores, least loaded first */
	PLACEMENT_PACK,	  /* as few cores and sockets as can be, so that the rest can sleep */
};

struct placement; /* the host, and how many processors of VMs are on each CPU already */

struct placement *placement_new(const struct host_topology *topology);
void placement_free(struct placement *placement); /* NULL is fine */
typedef struct placement placement_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(placement_t, placement_free)

/* n processors that may run on any of cpus, with what they reserve together, in percent of a CPU:
 * counted as an equal part on each. */
void placement_add(struct placement *placement, const GArray *cpus, uint32_t n, uint32_t reserve);

/*
 * Chooses n of allowed (all of them when there are fewer) and counts them; CPUs of which that much
 * can still be reserved come before any other rule. Ascending uint32_t, g_array_unref. The same
 * calls give the same answer.
 */
GArray *placement_choose(struct placement *placement, enum placement_mode mode,
			 const GArray *allowed, uint32_t n, uint32_t reserve);

/*
 * Two rules for a VM that is bound to some CPUs, as sentences (g_free'd with the array): leave one
 * CPU more than it has processors, and take a CPU of each core before a core's second thread.
 * Nothing is changed by them. Empty when there is nothing to say.
 */
GPtrArray *placement_hints(const struct host_topology *topology, const GArray *cpus,
			   uint32_t vcpus);

#endif
