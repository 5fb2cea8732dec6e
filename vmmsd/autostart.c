/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "autostart.h"

#include <string.h>

#include "launch.h"
#include "operation.h"
#include "systemd_unit.h"

/* Where the [Install] section of the unit puts its links. */
#define WANTS_DIRECTORY "/etc/systemd/system/multi-user.target.wants"
#define UNIT_PREFIX	"vmms-vm@"
#define UNIT_SUFFIX	".service"

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
	return g_strconcat(UNIT_PREFIX, vm_name, UNIT_SUFFIX, NULL);
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

/* The names of the VMs whose units are enabled; none when the directory is not there. */
static GHashTable *enabled_names(void)
{
	GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GDir) dir = g_dir_open(WANTS_DIRECTORY, 0, NULL);
	const char *file;

	while (dir && (file = g_dir_read_name(dir))) {
		if (g_str_has_prefix(file, UNIT_PREFIX) && g_str_has_suffix(file, UNIT_SUFFIX))
			g_hash_table_add(names, g_strndup(file + strlen(UNIT_PREFIX),
							  strlen(file) - strlen(UNIT_PREFIX) -
								  strlen(UNIT_SUFFIX)));
	}
	return names;
}

static void on_files_changed(void *context)
{
	struct service *service = context;
	g_autoptr(GHashTable) names = enabled_names();
	/* An edit changes no name, so the order stays while it is walked. */
	const GPtrArray *vms = vm_registry_sorted(service->registry);

	for (guint i = 0; i < vms->len; i++) {
		struct vm *vm = vms->pdata[i];
		gboolean enabled = g_hash_table_contains(names, vm->definition->name);
		g_autoptr(GError) error = NULL;

		if (enabled != (gboolean)vm->definition->autostart &&
		    !store_setting(service, vm, enabled, &error))
			log_vm(service->log, LOG_WARNING, vm,
			       "its autostart, changed by systemctl, is not stored: %s",
			       error->message);
	}
}

void autostart_watch(struct service *service)
{
	int r;

	if (!service->units)
		return;
	r = systemd_units_watch_files(service->units, on_files_changed, service);
	if (r < 0)
		log_service(service->log, LOG_WARNING,
			    "autostart: systemd's changes cannot be watched: %s", g_strerror(-r));
	on_files_changed(service);
}

void autostart_all(struct service *service)
{
	const GPtrArray *vms = vm_registry_sorted(service->registry);
	g_autoptr(GError) off = NULL;

	if (!launch_check(service, &off)) {
		log_service(service->log, LOG_NOTICE, "autostart: %s", off->message);
		return;
	}
	for (guint i = 0; i < vms->len; i++) {
		struct vm *vm = vms->pdata[i];
		g_autoptr(GError) error = NULL;

		if (vm->definition->autostart && !vm_state_is_active(vm->state) &&
		    !vm_start(service, vm, &error))
			log_vm(service->log, LOG_ERR, vm, "autostart: %s", error->message);
	}
}
