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

/* A VM that is to be placed. */
struct placement_wish {
	enum placement_mode mode; /* not PLACEMENT_NONE */
	const GArray *allowed;	  /* not empty */
	uint32_t n, reserve;	  /* as of placement_choose */
	const GArray *current;	  /* where it was placed; NULL: it was not */
	GArray *chosen;		  /* the result; NULL before; g_array_unref */
};

/*
 * Chooses for all of them, beside what was added to placement, which is not changed. Who was placed
 * where he may be stays there, unless the whole gets better by that: less reserved than there is
 * not, then fewer processors without a CPU of their own, then fewer siblings in use. It never is
 * worse than with placement_choose for one after the other.
 */
void placement_settle(const struct placement *placement, struct placement_wish *wishes, guint n);

/*
 * Two rules for a VM that is bound to some CPUs, as sentences (g_free'd with the array): leave one
 * CPU more than it has processors, and take a CPU of each core before a core's second thread.
 * Nothing is changed by them. Empty when there is nothing to say.
 */
GPtrArray *placement_hints(const struct host_topology *topology, const GArray *cpus,
			   uint32_t vcpus);

#endif
