/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "autostart.h"

#include "operation.h"
#include "systemd_unit.h"

struct setting {
	struct service *service;
	char *uuid;
	gboolean enabled;
	void (*done)(void *context, const GError *error);
	void *context;
};

/* Names of VMs need no escaping in a unit's name: A-Za-z0-9-_. (systemd.unit(5)). */
static char *unit_name(const char *vm_name)
{
	return g_strdup_printf("vmms-vm@%s.service", vm_name);
}

static gboolean store_setting(struct service *service, struct vm *vm, gboolean enabled,
			      GError **error)
{
	return vm_registry_edit(service->registry, vm,
				enabled ? "{\"autostart\":true}" : "{\"autostart\":false}", error);
}

static void on_enabled(void *context, const GError *error)
{
	struct setting *setting = context;
	struct vm *vm = vm_registry_find(setting->service->registry, setting->uuid);
	g_autoptr(GError) store_error = NULL;

	if (!error && !vm)
		store_error = g_error_new(SERVICE_ERROR, SERVICE_ERROR_NO_SUCH_VM,
					  "the VM was deleted before its autostart was set");
	else if (!error)
		(void)store_setting(setting->service, vm, setting->enabled, &store_error);
	setting->done(setting->context, error ? error : store_error);
	g_free(setting->uuid);
	g_free(setting);
}

void autostart_set(struct service *service, struct vm *vm, gboolean enabled,
		   void (*done)(void *context, const GError *error), void *context)
{
	g_autofree char *unit = unit_name(vm->definition->name);
	g_autoptr(GError) error = NULL;
	struct setting *setting;

	if (!service->units) {
		(void)store_setting(service, vm, enabled, &error);
		done(context, error);
		return;
	}
	if (!vm_check_idle(vm, &error)) {
		done(context, error);
		return;
	}
	setting = g_new0(struct setting, 1);
	setting->service = service;
	setting->uuid = g_strdup(vm->definition->uuid);
	setting->enabled = enabled;
	setting->done = done;
	setting->context = context;
	if (systemd_unit_enable(service->units, unit, enabled, on_enabled, setting))
		return;
	error = g_error_new(SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "VM %s: systemd cannot be asked for its autostart",
			    vm->definition->name);
	on_enabled(setting, error);
}

static void on_followed(void *context, const GError *error)
{
	struct service *service = context;

	if (error)
		log_service(service->log, LOG_ERR, "autostart: %s", error->message);
}

static void follow_one(struct service *service, const char *name, gboolean enabled)
{
	g_autofree char *unit = unit_name(name);

	if (!systemd_unit_enable(service->units, unit, enabled, on_followed, service))
		log_service(service->log, LOG_ERR, "autostart: systemd cannot be asked for %s",
			    unit);
}

void autostart_follow(struct service *service, const char *old_name, gboolean old_enabled,
		      const char *new_name, gboolean new_enabled)
{
	gboolean same = g_strcmp0(old_name, new_name) == 0;

	if (!service->units || (same && old_enabled == new_enabled))
		return;
	if (old_enabled && !(same && new_enabled))
		follow_one(service, old_name, FALSE);
	if (new_enabled)
		follow_one(service, new_name, TRUE);
}

void autostart_all(struct service *service)
{
	const GPtrArray *vms = vm_registry_sorted(service->registry);

	for (guint i = 0; i < vms->len; i++) {
		struct vm *vm = vms->pdata[i];
		g_autoptr(GError) error = NULL;

		if (vm->definition->autostart && !vm_state_is_active(vm->state) &&
		    !vm_start(service, vm, &error))
			log_vm(service->log, LOG_ERR, vm, "autostart: %s", error->message);
	}
}
