/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between sched_service.c (what), sched_apply.c (by what means) and sched_exclude.c (the rest of
 * the host), sched_hierarchy.c (CPU groups), sched_gone.c (those that are no more).
 */
#ifndef SCHED_INTERNAL_H
#define SCHED_INTERNAL_H

#include <systemd/sd-bus.h>

#include "host_topology.h"
#include "sched_plan.h"
#include "sched_service.h"
#include "service.h"

struct sched_thread;

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
	GHashTable *groups;		/* path of a CPU group -> struct sched_branch */
	GHashTable *gone;		/* set of paths: systemd may still have their slices */
	char *excluded;			/* CPUs that the rest of the host may not use; "" */
	char *excluded_left;		/* those that it may use then; NULL: not confined yet */
	struct host_confine *confine;
};

/* What was last brought into force for a CPU group. */
struct sched_branch {
	uint32_t weight, cap;
	gboolean known; /* it is in force; else everything is set */
	char *fault;	/* why it is not, or NULL */
};

/* A VM with a worker, and what was last brought into force for it. */
struct sched_entry {
	struct sched *sched;
	struct vm *vm;
	pid_t pid;
	char *dir;			     /* its cgroup; NULL when it has none of its own */
	gboolean split;			     /* DIR/vcpu and DIR/devices are there */
	gboolean unsure;		     /* adopted: nobody knows what is in force */
	uint32_t weight;		     /* 0: idle */
	uint32_t limit;			     /* of the processors, percent */
	uint32_t vcpu_weight, device_weight; /* of the sub-groups; 0: as they were made */
	gboolean whole;			     /* the limit is that of the whole cgroup */
	int32_t node;
	char *cpus; /* "0-3"; NULL: any */
	gboolean moved;
	gboolean gone;		     /* its process has ended */
	gboolean bound;		     /* its threads were bound to CPUs one by one */
	const void *wish;	     /* the definition that was applied; only compared */
	struct sched_vp_time *times; /* of sched_stats.c, one per processor, or NULL */
	char *refusal;		     /* of systemd, or NULL */
	char *told;		     /* the note that the last event was about; NULL: none */
	sd_bus_slot *call;	     /* SetUnitProperties */
	char *unit;		 /* of systemd, that its process is in; NULL: that of its service */
	char *branch;		 /* path of the group that its process is in; "": none */
	char *wanted;		 /* the same, to which it was last to be moved; NULL: it was not */
	char *stuck;		 /* why that failed, or NULL */
	struct unit_job *moving; /* systemd moves it */
};

const char *sched_kind_name(enum sched_kind kind);
void sched_entry_free(void *entry);
/* Whether its unit keeps what was set for an earlier worker. */
gboolean sched_unit_has_settings(const struct sched *sched, const struct vm *vm);
/* What the unit of a VM that has no entry yet is to weigh while its worker starts. */
void sched_unit_prepare(const struct sched *sched, const struct vm *vm,
			const struct sched_member *member);
/* Finds or makes the VM's cgroup. */
void sched_entry_open(struct sched_entry *entry);
/* Brings the plan into force and writes vm->sched. */
void sched_entry_apply(struct sched_entry *entry, const struct sched_member *member);
/* sched_split.c: what the processors, and the threads that serve devices, have for themselves.
 * Returns what the whole cgroup is to be limited to, where they cannot be told apart. */
uint32_t sched_split_apply(struct sched_entry *entry, const struct sched_member *member,
			   GString *note);
/* Puts a thread on its side, if there are sides. FALSE: it is a processor, and could not be moved.
 */
gboolean sched_split_enter(const struct sched_entry *entry, const struct sched_thread *thread,
			   GError **error);
/* Only what concerns threads; they may be new. */
void sched_entry_apply_threads(struct sched_entry *entry, const GArray *cpus);

/*
 * CPU groups are branches of the hierarchy of cgroups: slices in vmms.slice, or directories. Before
 * the members': makes them and sets what they share.
 */
void sched_hierarchy_apply(struct sched *sched, const struct sched_plan *plan);
/* After the members left: removes what nobody runs in any more. */
void sched_hierarchy_tidy(struct sched *sched, const struct sched_plan *plan);
/* Stops the slices of groups that are no more, once nobody runs in them. */
void sched_gone_tidy(const struct sched *sched);
/* Of a path: "vmms.slice", "vmms-all-web.slice"; g_free. */
char *sched_slice_name(const char *path);
void sched_branch_free(gpointer branch);
/* The outermost group that the VM is in, once the hierarchy is applied; NULL: none. */
const struct sched_branch *sched_branch_of(const struct sched *sched, const struct vm *vm);
/* Where the process is now, and by that what is said of it. */
void sched_entry_locate(struct sched_entry *entry);
/* Puts the process into the branch of its definition. FALSE: it is on its way, which leads to
 * another plan, and until then nothing is to be set. What failed is added to note. */
gboolean sched_entry_move(struct sched_entry *entry, GString *note);
/* systemd's unit with the process. */
char *sched_entry_unit(const struct sched_entry *entry);
/* A fault of the host, in a sentence of its own. */
void sched_note_add(GString *note, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Keeps the rest of the host from CPUs that VMs have for themselves. */
void sched_exclude(struct sched *sched, const GArray *taken);
void sched_exclude_open(struct sched *sched);
void sched_exclude_close(struct sched *sched);

#endif
