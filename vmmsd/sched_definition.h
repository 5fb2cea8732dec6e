/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The members cpus.topology and cpus.scheduling of a definition. Pure. */
#ifndef SCHED_DEFINITION_H
#define SCHED_DEFINITION_H

#include <glib.h>
#include <stdint.h>

#include "placement.h"
#include "topology_guest.h"

struct json_object;

/* Who may not run on the siblings of a core that its threads use. */
enum sched_core { SCHED_CORE_OFF, SCHED_CORE_VM /* others */, SCHED_CORE_VCPU /* nor its own */ };

struct sched_definition {
	gboolean has_topology; /* FALSE: one socket of cores with one thread */
	struct topology_guest topology;
	uint32_t weight;	/* 1 to 10000, per processor */
	uint32_t limit;		/* percent of one CPU; 0: none */
	uint32_t reserve;	/* the same */
	uint32_t device_weight; /* of what serves devices, against weight; 0: as all processors have
				 */
	GArray *affinity;	/* ascending uint32_t; NULL: any CPU */
	guint n_vcpu_affinity;
	GArray **vcpu_affinity; /* of the first processors; an element is NULL for "all" */
	gboolean exclusive;	/* only with affinity */
	gboolean background;
	enum sched_core core_scheduling;
	gboolean core_required; /* no start without it */
	int32_t latency;	/* microseconds; -1: any */
	int32_t numa_node;	/* -1: any */
	enum placement_mode placement;
	char *group; /* the CPU group that it is in, or NULL */
};

/*
 * cpus is what the schema accepted and completed. INVALID_DEFINITION with the JSON path for what
 * the schema cannot say; then ret is empty.
 */
gboolean sched_definition_read(struct json_object *cpus, struct sched_definition *ret,
			       GError **error);
void sched_definition_clear(struct sched_definition *sched);

const char *sched_placement_name(enum placement_mode placement);

/* For "show": the members as written, with null for what is not given. The caller's. */
struct json_object *sched_definition_describe(const struct sched_definition *sched);
/* {"sockets": 1, "cores": 2, "threadsPerCore": 2}, or NULL when it is not given. The caller's. */
struct json_object *sched_definition_describe_topology(const struct sched_definition *sched);

#endif
