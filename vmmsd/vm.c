/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm.h"

#include "service_error.h"
#include "vm_internal.h"
#include "vm_registry.h"

struct vm *vm_new(struct vm_registry *registry, struct definition *definition)
{
	struct vm *vm = g_new0(struct vm, 1);

	vm->registry = registry;
	vm->definition = definition;
	vm->state = VM_STATE_OFF;
	vm->reason = g_strdup("");
	vm->engine = "";
	vm->engine_reason = g_strdup("");
	return vm;
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	definition_unref(vm->definition);
	sched_state_free(vm->sched);
	g_free(vm->reason);
	g_free(vm->engine_reason);
	g_free(vm);
}

static gboolean next_state(const struct vm *vm, enum vm_event event, enum vm_state *next,
			   GError **error)
{
	if (vm_state_next(vm->state, event, next))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE, "VM %s is %s: %s",
		    vm->definition->name, vm_state_name(vm->state),
		    vm_state_remedy(vm->state, event));
	return FALSE;
}

gboolean vm_check(const struct vm *vm, enum vm_event event, GError **error)
{
	enum vm_state next;

	return next_state(vm, event, &next, error);
}

/* A restore that is stopped leaves it, too. */
static gboolean has_saved(enum vm_state state)
{
	return state == VM_STATE_SAVED || state == VM_STATE_RESTORING || state == VM_STATE_STOPPING;
}

gboolean vm_apply(struct vm *vm, enum vm_event event, const char *reason, GError **error)
{
	enum vm_state next;

	if (!next_state(vm, event, &next, error))
		return FALSE;
	if (!reason)
		reason = "";
	if (next == vm->state && !vm->worker_unsaved && g_str_equal(reason, vm->reason))
		return TRUE;

	gboolean active = vm_state_is_active(next);
	struct store_vm row = {
		.uuid = vm->definition->uuid,
		.state = next,
		.reason = reason,
		.started_us = active ? vm->started_us : 0,
		.worker_pid = active ? vm->worker_pid : 0,
	};
	if (has_saved(next))
		row.saved = vm->saved;
	if (!store_update_state(vm_registry_store(vm->registry), &row, error)) {
		g_prefix_error(error, "VM %s: ", vm->definition->name);
		return FALSE;
	}
	vm->state = next;
	char *old = vm->reason; /* reason may point into it */
	vm->reason = g_strdup(reason);
	g_free(old);
	vm->started_us = row.started_us;
	vm->worker_pid = row.worker_pid;
	vm->saved = row.saved;
	vm->worker_unsaved = FALSE;
	vm_registry_notify(vm->registry, vm, VM_STATE_CHANGED);
	return TRUE;
}

void vm_set_worker(struct vm *vm, uint32_t pid, uint64_t started_us)
{
	if (vm->worker_pid == pid && vm->started_us == started_us)
		return;
	vm->worker_pid = pid;
	vm->started_us = started_us;
	vm->worker_unsaved = TRUE;
}

void vm_set_saved(struct vm *vm, uint64_t at_us, uint64_t size, const char *engine)
{
	vm->saved = (struct store_saved){.at_us = at_us, .size = size, .engine = engine};
}

void vm_set_engine(struct vm *vm, const char *engine, const char *reason)
{
	if (g_str_equal(vm->engine, engine) && g_str_equal(vm->engine_reason, reason))
		return;
	vm->engine = engine;
	char *old = vm->engine_reason; /* reason may point into it */
	vm->engine_reason = g_strdup(reason);
	g_free(old);
	vm_registry_notify(vm->registry, vm, VM_STATE_CHANGED);
}

void vm_set_job(struct vm *vm, struct job *job, const char *kind)
{
	if (vm->job == job)
		return;
	vm->job = job;
	vm->job_kind = job ? kind : NULL;
	vm_registry_notify(vm->registry, vm, VM_JOB_CHANGED);
}

gboolean vm_check_idle(const struct vm *vm, GError **error)
{
	if (!vm->job)
		return TRUE;
	const char *kind = vm->job_kind ? vm->job_kind : "";
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_BUSY,
		    "VM %s: %s %s job is running on it; wait for it or cancel it",
		    vm->definition->name, kind[0] == 'a' ? "an" : "a", kind);
	return FALSE;
}
