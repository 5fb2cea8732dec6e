/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm_plug_check.h"

#include "worker.h"

gboolean vm_plug_is_up(const struct vm *vm)
{
	return (vm->state == VM_STATE_RUNNING || vm->state == VM_STATE_PAUSED) && vm->worker &&
	       vm->worker->link && !vm->worker->launching && !vm->worker->ending;
}

static const char *option_of(enum plug_list list)
{
	return list == PLUG_DISK ? "disk" : "nic";
}

gboolean vm_plug_check(const struct vm *vm, enum plug_list list, const char *what, GError **error)
{
	const char *name = vm->definition->name, *state = vm_state_name(vm->state);

	if (!vm_check_idle(vm, error))
		return FALSE;
	if (!vm_plug_is_up(vm)) {
		if (vm->state == VM_STATE_RUNNING || vm->state == VM_STATE_PAUSED)
			g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WORKER,
				    "VM %s: its worker cannot be asked now; try again", name);
		else if (vm_state_is_active(vm->state) || vm->state == VM_STATE_SAVED)
			g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
				    "VM %s is %s: %s devices while it runs or is paused", name,
				    state, what);
		else
			g_set_error(
				error, SERVICE_ERROR, SERVICE_ERROR_WRONG_STATE,
				"VM %s is %s, and devices are only %sed while it runs: change its "
				"definition with hvctl edit %s --%s",
				name, state, what, name, option_of(list));
		return FALSE;
	}
	if (!g_str_equal(vm->engine, "translate"))
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_NOT_SUPPORTED,
		    "VM %s is of the engine translate, which cannot %s devices while it runs: stop "
		    "it, and use hvctl edit %s --%s",
		    name, what, name, option_of(list));
	return FALSE;
}
