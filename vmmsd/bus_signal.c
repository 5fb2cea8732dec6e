/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens to VMs, jobs and events, told to every client. */
#include "bus.h"
#include "bus_property.h"
#include "cleanup.h"

#define PROPERTIES_IFACE "org.freedesktop.DBus.Properties"
#define OBJECTS_IFACE	 "org.freedesktop.DBus.ObjectManager"

static const char *const state_properties[] = {"State",	       "Reason",    "Engine",
					       "EngineReason", "Started",   "WorkerPid",
					       "SavedAt",      "SavedSize", NULL};
static const char *const definition_properties[] = {"Name", "Cpus", "Memory", "Autostart", NULL};
static const char *const job_property[] = {"Job", NULL};
static const char *const progress_properties[] = {"State", "Progress", "Error", NULL};

static void signal_send(struct service *service, sd_bus_message *signal, int r)
{
	if (r >= 0)
		bus_broadcast(service->bus, signal);
	else
		log_service(service->log, LOG_ERR, "a signal cannot be made: %s", g_strerror(-r));
}

static void properties_changed(struct service *service, const char *path, const char *interface,
			       const sd_bus_vtable *vtable, const char *const *names)
{
	automsg signal = bus_new_signal(service->bus, path, PROPERTIES_IFACE, "PropertiesChanged");
	int r;

	if (!signal)
		return;
	r = sd_bus_message_append(signal, "s", interface);
	if (r >= 0)
		r = bus_property_append(signal, vtable, path, interface, names, service);
	if (r >= 0)
		r = sd_bus_message_append(signal, "as", 0);
	signal_send(service, signal, r);
}

static void object_added(struct service *service, const char *path, const char *interface,
			 const sd_bus_vtable *vtable)
{
	automsg signal =
		bus_new_signal(service->bus, VMMS_ROOT_PATH, OBJECTS_IFACE, "InterfacesAdded");
	int r;

	if (!signal)
		return;
	if ((r = sd_bus_message_append(signal, "o", path)) >= 0 &&
	    (r = sd_bus_message_open_container(signal, 'a', "{sa{sv}}")) >= 0 &&
	    (r = sd_bus_message_open_container(signal, 'e', "sa{sv}")) >= 0 &&
	    (r = sd_bus_message_append(signal, "s", interface)) >= 0 &&
	    (r = bus_property_append(signal, vtable, path, interface, NULL, service)) >= 0 &&
	    (r = sd_bus_message_close_container(signal)) >= 0)
		r = sd_bus_message_close_container(signal);
	signal_send(service, signal, r);
}

static void object_removed(struct service *service, const char *path, const char *interface)
{
	automsg signal =
		bus_new_signal(service->bus, VMMS_ROOT_PATH, OBJECTS_IFACE, "InterfacesRemoved");

	if (signal)
		signal_send(service, signal,
			    sd_bus_message_append(signal, "oas", path, 1, interface));
}

static void on_vm_changed(void *context, struct vm *vm, enum vm_change change)
{
	struct service *service = context;
	g_autofree char *path = NULL;

	if (!service->serving)
		return;
	path = bus_vm_path(vm->definition->uuid);
	switch (change) {
	case VM_ADDED:
		object_added(service, path, VMMS_IFACE_VM, bus_vm_vtable);
		break;
	case VM_REMOVED:
		object_removed(service, path, VMMS_IFACE_VM);
		break;
	case VM_STATE_CHANGED:
		properties_changed(service, path, VMMS_IFACE_VM, bus_vm_vtable, state_properties);
		break;
	case VM_DEFINITION_CHANGED:
		properties_changed(service, path, VMMS_IFACE_VM, bus_vm_vtable,
				   definition_properties);
		break;
	case VM_JOB_CHANGED:
		properties_changed(service, path, VMMS_IFACE_VM, bus_vm_vtable, job_property);
		break;
	}
}

static void on_job_added(void *context, struct job *job)
{
	struct service *service = context;
	g_autofree char *path = job_path(job);

	if (service->serving)
		object_added(service, path, VMMS_IFACE_JOB, bus_job_vtable);
}

static void on_job_changed(void *context, struct job *job)
{
	struct service *service = context;
	g_autofree char *path = job_path(job);

	if (service->serving)
		properties_changed(service, path, VMMS_IFACE_JOB, bus_job_vtable,
				   progress_properties);
}

static void on_job_finished(void *context, struct job *job)
{
	struct service *service = context;
	automsg signal = NULL;
	g_autofree char *path = job_path(job), *vm = NULL, *sentence = NULL;

	if (!service->serving)
		return;
	on_job_changed(context, job);
	signal = bus_new_signal(service->bus, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "JobFinished");
	if (!signal)
		return;
	vm = job->vm_uuid ? bus_vm_path(job->vm_uuid) : g_strdup("/");
	sentence = g_utf8_make_valid(job->error ? job->error->message : "", -1);
	signal_send(service, signal,
		    sd_bus_message_append(signal, "oosss", path, vm, job_state_name(job->state),
					  job->error ? service_error_bus_name(
							       (enum service_error)job->error->code)
						     : "",
					  sentence));
}

static void on_job_removed(void *context, struct job *job)
{
	struct service *service = context;
	g_autofree char *path = job_path(job);

	if (service->serving)
		object_removed(service, path, VMMS_IFACE_JOB);
}

static void on_event_added(void *context, const struct event *event)
{
	struct service *service = context;
	automsg signal = NULL;

	if (!service->serving)
		return;
	signal = bus_new_signal(service->bus, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "Event");
	if (signal)
		signal_send(service, signal,
			    sd_bus_message_append(signal, "ttssss", event->id, event->time_us,
						  event->uuid, event->name, event->event,
						  event->detail));
}

const struct vm_observer bus_vm_observer = {.changed = on_vm_changed};

const struct job_observer bus_job_observer = {
	.added = on_job_added,
	.changed = on_job_changed,
	.finished = on_job_finished,
	.removed = on_job_removed,
};

const struct event_observer bus_event_observer = {.added = on_event_added};
