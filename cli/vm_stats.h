/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The counters of a VM as vmmsd tells them (docs/json.md, "stats"). What is not known is not 0. */
#ifndef VM_STATS_H
#define VM_STATS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct amount {
	bool known;
	uint64_t value;
};

/* Of one VM: of all its processors together, times in ns. */
struct vm_stats {
	size_t vcpus;
	bool only_affinity; /* this host can choose a VM's CPUs, and weighs nothing */
	struct amount time; /* when, on the host's monotonic clock */
	struct amount used, ready, exits;
	struct amount throttled; /* by its limit */
	struct amount others;	 /* used by the threads that serve devices */
};

struct rate {
	bool known;
	double value;
};

/* A member that is a number and not below 0. object may be NULL. */
struct amount amount_of(struct json_object *object, const char *name);
/* All reasons together, of a processor. */
struct amount amount_of_exits(struct json_object *vcpu);

/* Whether the host of these counters has no means but affinity. document may be NULL. */
bool vm_stats_only_affinity(struct json_object *document);

void vm_stats_read(struct json_object *document, struct vm_stats *ret);

/* What it grew by in a second (ns in a second, or exits). Not known when either is not, when no
 * time has passed, or when it fell: then a VM has begun anew. */
struct rate rate_between(const struct vm_stats *then, const struct vm_stats *now,
			 struct amount from, struct amount to);
/* ready of ready + used. */
struct rate rate_ready(struct rate used, struct rate ready);

#endif
