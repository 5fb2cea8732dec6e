/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between sched_service.c (what), sched_apply.c (by what means) and sched_exclude.c (the rest of
 * the host).
 */
#ifndef SCHED_INTERNAL_H
#define SCHED_INTERNAL_H

#include <systemd/sd-bus.h>

#include "host_topology.h"
#include "sched_plan.h"
#include "sched_service.h"
#include "service.h"

#define SCHED_SYSFS "/sys"
#define SCHED_PROC  "/proc"

enum sched_kind { SCHED_BY_SYSTEMD, SCHED_BY_CGROUP, SCHED_BY_AFFINITY };

struct sched {
	struct service *service;
	enum sched_kind kind;
	char *base;	   /* SCHED_BY_CGROUP: where the VMs' cgroups are */
	char *unavailable; /* SCHED_BY_AFFINITY: why nothing better */
	gboolean has_cpuset;
	struct host_topology *topology; /* NULL when sysfs does not tell */
	GHashTable *entries;		/* vm -> struct sched_entry */
	char *excluded;			/* CPUs that the rest of the host may not use; "" */
};

/* A VM with a worker, and what was last brought into force for it. */
struct sched_entry {
	struct sched *sched;
	struct vm *vm;
	pid_t pid;
	char *dir;	 /* its cgroup; NULL when it has none of its own */
	gboolean split;	 /* DIR/vcpu is there */
	gboolean unsure; /* adopted: nobody knows what is in force */
	uint32_t weight; /* 0: idle */
	uint32_t limit;	 /* of the processors, percent */
	gboolean whole;	 /* the limit is that of the whole cgroup */
	int32_t node;
	char *cpus; /* "0-3"; NULL: any */
	gboolean moved;
	gboolean gone;		     /* its process has ended */
	gboolean bound;		     /* its threads were bound to CPUs one by one */
	const void *wish;	     /* the definition that was applied; only compared */
	struct sched_vp_time *times; /* of sched_stats.c, one per processor, or NULL */
	char *refusal;		     /* of systemd, or NULL */
	sd_bus_slot *call;	     /* SetUnitProperties */
};

const char *sched_kind_name(enum sched_kind kind);
void sched_entry_free(void *entry);
/* Finds or makes the VM's cgroup. */
void sched_entry_open(struct sched_entry *entry);
/* Brings the plan into force and writes vm->sched. */
void sched_entry_apply(struct sched_entry *entry, const struct sched_member *member);
/* Only what concerns threads; they may be new. */
void sched_entry_apply_threads(struct sched_entry *entry, const GArray *cpus);

/* Keeps the rest of the host from CPUs that VMs have for themselves. */
void sched_exclude(struct sched *sched, const GArray *taken);

#endif
