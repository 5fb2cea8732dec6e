/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How VMs share the host's processors while they run. Each change (a start, an end, an edit, a CPU
 * that comes or goes) makes a plan for all (sched_plan.h) and brings what differs from the plan
 * before into force: through systemd where it runs the workers, in cgroups of vmmsd's own where it
 * was given some, and else by sched_setaffinity alone, which can choose CPUs but not weigh. Main
 * thread only.
 */
#ifndef SCHED_SERVICE_H
#define SCHED_SERVICE_H

#include <glib.h>

#include "definition.h"
#include "vm.h"

struct sched;
struct service;
struct worker;

/* After the registry; takes the cgroup that vmmsd was given, if any. Never fails. */
struct sched *sched_new(struct service *service);
void sched_free(struct sched *sched); /* NULL is fine; what is in force stays so */

/* Whether the VM can start beside those that run. NO_CPU with the arithmetic, or
 * INVALID_DEFINITION. */
gboolean sched_check_start(struct sched *sched, const struct vm *vm, GError **error);
/* The same for a definition that a VM is to get; a VM that does not run is not checked. */
gboolean sched_check_edit(struct sched *sched, const struct vm *vm, const struct definition *to,
			  GError **error);

struct cpu_group;
/* The same for a CPU group that is to be made or edited: its CPUs, and the VMs that run. */
gboolean sched_check_group(struct sched *sched, const struct cpu_group *group, GError **error);

/*
 * Its worker is to be launched: the others make room for it, and its unit weighs what it will. Else
 * it would compete for its first steps with a weight that the plan knows nothing of, beside one
 * that was raised for a reservation: with next to nothing.
 */
void sched_prepare(struct sched *sched, const struct vm *vm);
/* The worker's process is there, new or adopted, and its guest may run already. */
void sched_add(struct sched *sched, const struct worker *worker);
/* The worker has its threads, or has made some anew. */
void sched_threads_changed(struct sched *sched, const struct vm *vm);
/* Its process is gone. */
void sched_remove(struct sched *sched, struct vm *vm);

/* There is no such VM any more: nothing of it is left with systemd. */
void sched_vm_deleted(const struct sched *sched, const char *uuid);
/* The same of CPU groups that were deleted, or are within others now: before holds the paths that
 * there were. After sched_update, by which members leave. */
void sched_groups_changed(const struct sched *sched, const char *const *before);

/* Plans anew: after an edit, of a group, too. */
void sched_update(struct sched *sched);
/* From time to time: CPUs may have come or gone. */
void sched_look(struct sched *sched);

struct json_object;
/* For "host": by what means VMs share the processors here, and why by nothing better. The
 * caller's. */
struct json_object *sched_describe(const struct sched *sched);

/* The document for the worker: the definition with a topology in which nothing is open; g_free. */
char *sched_worker_document(const struct sched *sched, const struct definition *definition);

#endif
