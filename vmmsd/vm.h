/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VM as the service holds it: definition, state, and what runs on it. Knows nothing of D-Bus.
 * The registry owns VMs. A change of state goes through vm_apply, which asks the table and writes
 * the store first, then tells the observers (the bus).
 */
#ifndef VM_H
#define VM_H

#include <glib.h>
#include <stdint.h>

#include "definition.h"
#include "sched_state.h"
#include "store.h"
#include "vm_state.h"

struct job;
struct json_object;
struct worker;
struct vm_registry;

struct vm {
	struct vm_registry *registry; /* borrowed */
	struct definition *definition;
	enum vm_state state;
	char *reason;		 /* "" when there is nothing to say */
	uint64_t started_us;	 /* realtime, 0 when no worker runs the VM */
	uint32_t worker_pid;	 /* 0 when there is none */
	gboolean worker_unsaved; /* the store does not have these two yet */
	const char *engine;	 /* "direct", "translate", or "" when not decided; static */
	char *engine_reason;
	struct store_saved saved;  /* engine is static */
	struct job *job;	   /* the job that runs on it, borrowed, or NULL: vm_set_job */
	const char *job_kind;	   /* "start", …; static, NULL when there is no job */
	struct worker *worker;	   /* owned by the operations (worker.h), or NULL */
	struct sched_state *sched; /* of sched_service.c; NULL unless it runs */
};

/*
 * Asks the table, writes the store, then changes the VM and tells the observer. On failure nothing
 * has changed: WRONG_STATE ("VM web1 is running: stop it first") or STORE. reason NULL: "". A state
 * without a worker also takes worker_pid and started_us back to 0.
 */
gboolean vm_apply(struct vm *vm, enum vm_event event, const char *reason, GError **error);
/* The same check without effect. */
gboolean vm_check(const struct vm *vm, enum vm_event event, GError **error);
/* In memory; the next vm_apply stores both with the new state, in one transaction. */
void vm_set_worker(struct vm *vm, uint32_t pid, uint64_t started_us);
/* The same for what vm_apply stores when the VM is saved; a state that has none takes it away. */
void vm_set_saved(struct vm *vm, uint64_t at_us, uint64_t size, const char *engine);
/* engine is static; reason is copied. Tells the observer (VM_STATE_CHANGED) when one changed. */
void vm_set_engine(struct vm *vm, const char *engine, const char *reason);
/* kind is static ("start"); NULL, NULL when the job is over. Tells the observer (VM_JOB_CHANGED).
 */
void vm_set_job(struct vm *vm, struct job *job, const char *kind);
/* BUSY: "VM web1: a start job is running on it; wait for it or cancel it". */
gboolean vm_check_idle(const struct vm *vm, GError **error);

/* The JSON of `hvctl show -o json` (docs/json.md, "show"); g_free. guest is borrowed, or NULL. */
char *vm_describe(const struct vm *vm, struct json_object *guest);

#endif
