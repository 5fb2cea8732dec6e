/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who runs where and with what weight: from the wishes of all VMs that run and the host's topology.
 * Made anew whenever one starts, ends or is edited, or a CPU comes or goes. Pure.
 */
#ifndef SCHED_PLAN_H
#define SCHED_PLAN_H

#include <glib.h>
#include <stdint.h>

#include "cpu_group.h"
#include "host_topology.h"
#include "sched_definition.h"

struct sched_member {
	const char *name;
	uint32_t vcpus;
	const struct sched_definition *wish;
	GArray *current; /* where it is now; owned; NULL: not placed yet */
	/* The plan: */
	GArray *cpus;	     /* where it may run; owned, never empty once made */
	uint32_t cpu_weight; /* 1 to 10000; 0: background */
	gboolean moved;	     /* no CPU of its affinity can be used: it runs elsewhere */
	gboolean strayed;    /* none of the list of one of its processors can be */
	gboolean unkept;     /* what it reserves is not assured now */
	char *shortage;	     /* then the arithmetic, if that of time says why; owned, or NULL */
	char *cap_hint;	     /* of sched_cap_hint; owned, or NULL */
	gboolean bound;	     /* its definition names the CPUs */
};

/* A CPU group that has members which run, directly or in groups within it. */
struct sched_group {
	const struct cpu_group *group; /* borrowed */
	uint32_t cpu_weight;	       /* 0: all of its members are background */
};

struct sched_plan {
	const GPtrArray *cpu_groups; /* borrowed; NULL: none */
	GArray *groups;		     /* struct sched_group, outer ones first */
	GArray *members;	     /* struct sched_member, placed in this order */
	GArray *taken;		     /* CPUs that some have for themselves */
};
typedef struct sched_plan sched_plan_t;

/* cpu_groups (struct cpu_group) is borrowed; NULL: none. */
struct sched_plan *sched_plan_new(const GPtrArray *cpu_groups);
void sched_plan_free(struct sched_plan *plan); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sched_plan_t, sched_plan_free)

/* name and wish are borrowed. */
void sched_plan_add(struct sched_plan *plan, const char *name, uint32_t vcpus,
		    const struct sched_definition *wish);

/* The last member, if it is one that is placed, is on these CPUs ("0-3"; NULL: nowhere yet), and
 * stays there while that is as good as any other place (placement_settle). */
void sched_plan_set_current(struct sched_plan *plan, const char *cpus);

/*
 * Plans for VMs that run, whatever the host has become: where a wish cannot be had any more the
 * next best is planned. FALSE: not all reservations can be kept, and those that are
 * not are marked; error says why.
 */
gboolean sched_plan_make(struct sched_plan *plan, const struct host_topology *topology,
			 GError **error);

/*
 * Whether the last member, which is to be started or edited, can have what it wishes beside the
 * others. NO_CPU, or INVALID_DEFINITION for a topology; the sentence begins with its name.
 */
gboolean sched_plan_check(struct sched_plan *plan, const struct host_topology *topology,
			  GError **error);
/* The same where the last member runs and `was` is what it wished so far: only what is changed is
 * looked at, and no promise is lost that was kept, or lacks more than it did. NULL: it does not
 * run. */
gboolean sched_plan_check_edit(struct sched_plan *plan, const struct sched_definition *was,
			       const struct host_topology *topology, GError **error);
/*
 * Whether all members can go on when the groups become those of the plan; `was` (struct cpu_group;
 * NULL: none) are those so far. What is broken already may stay so, but no promise may be lost that
 * was kept, or lack more than it did, and no member that had CPUs of its group may lose all.
 * NO_CPU.
 */
gboolean sched_plan_check_groups(struct sched_plan *plan, const GPtrArray *was,
				 const struct host_topology *topology, GError **error);

#endif
