/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"

#include <stdlib.h>
#include <string.h>

#include "bus_server.h"
#include "cleanup.h"

struct bus {
	struct service *service;
	sd_bus *broker;		   /* bus modes */
	struct bus_server *server; /* private mode */
};

static int on_broker_gone(sd_bus_message *message, void *userdata, sd_bus_error *unused)
{
	(void)unused;
	if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected") > 0)
		service_fail(userdata, "the connection to the bus is lost");
	return 0;
}

static gboolean broker_connect(struct bus *bus, GError **error)
{
	gboolean system = bus->service->options->mode == MODE_SYSTEM;
	int r = system ? sd_bus_open_system_with_description(&bus->broker, "vmmsd")
		       : sd_bus_open_user_with_description(&bus->broker, "vmmsd");

	if (r >= 0)
		r = sd_bus_add_filter(bus->broker, NULL, on_broker_gone, bus->service);
	if (r >= 0)
		r = sd_bus_attach_event(bus->broker, bus->service->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		return TRUE;
	g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
		    "the %s bus cannot be reached: %s; is dbus running? vmmsd --private DIR needs "
		    "no bus",
		    system ? "system" : "session", g_strerror(-r));
	return FALSE;
}

struct bus *bus_new(struct service *service, GError **error)
{
	struct bus *bus = g_new0(struct bus, 1);

	bus->service = service;
	if (service->options->mode == MODE_PRIVATE || broker_connect(bus, error))
		return bus;
	bus_free(bus);
	return NULL;
}

void bus_free(struct bus *bus)
{
	if (!bus)
		return;
	bus_server_free(bus->server);
	sd_bus_flush_close_unref(bus->broker);
	g_free(bus);
}

sd_bus *bus_broker(const struct bus *bus)
{
	return bus->broker;
}

gboolean bus_serve(struct bus *bus, GError **error)
{
	int r;

	if (!bus->broker) {
		bus->server = bus_server_new(bus->service, error);
		return bus->server != NULL;
	}
	r = bus_add_objects(bus->broker, bus->service);
	if (r >= 0)
		r = sd_bus_request_name(bus->broker, VMMS_BUS_NAME, 0);
	if (r >= 0)
		return TRUE;
	if (r == -EEXIST)
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "the bus name %s is taken: another vmmsd serves this bus",
			    VMMS_BUS_NAME);
	else
		g_set_error(error, SERVICE_ERROR, SERVICE_ERROR_FAILED,
			    "the bus name %s cannot be taken: %s; check the bus policy of vmms",
			    VMMS_BUS_NAME, g_strerror(-r));
	return FALSE;
}

char *bus_vm_path(const char *uuid)
{
	char *path = g_strconcat(VMMS_VM_PREFIX "/", uuid, NULL);

	return g_strdelimit(path, "-", '_');
}

struct vm *bus_vm_find(const struct service *service, const char *path)
{
	char uuid[37];

	if (!g_str_has_prefix(path, VMMS_VM_PREFIX "/"))
		return NULL;
	if (g_strlcpy(uuid, path + strlen(VMMS_VM_PREFIX "/"), sizeof(uuid)) != 36)
		return NULL;
	return vm_registry_find(service->registry, g_strdelimit(uuid, "_", '-'));
}

struct job *bus_job_find(const struct service *service, const char *path)
{
	guint64 id;

	if (!g_str_has_prefix(path, VMMS_JOB_PREFIX "/") ||
	    !g_ascii_string_to_unsigned(path + strlen(VMMS_JOB_PREFIX "/"), 10, 1, UINT32_MAX, &id,
					NULL))
		return NULL;
	return job_find(service->jobs, (uint32_t)id);
}

/* The service goes on to the handlers, which find their object by the path again. */
static int find_vm(sd_bus *connection, const char *path, const char *interface, void *userdata,
		   void **found, sd_bus_error *error)
{
	(void)connection;
	(void)interface;
	(void)error;
	*found = userdata;
	return bus_vm_find(userdata, path) != NULL;
}

static int find_job(sd_bus *connection, const char *path, const char *interface, void *userdata,
		    void **found, sd_bus_error *error)
{
	(void)connection;
	(void)interface;
	(void)error;
	*found = userdata;
	return bus_job_find(userdata, path) != NULL;
}

/* sd-bus frees the list and its strings with free(), which g_malloc is. */
static int enumerate_vms(sd_bus *connection, const char *prefix, void *userdata, char ***nodes,
			 sd_bus_error *error)
{
	struct service *service = userdata;
	const GPtrArray *vms = vm_registry_sorted(service->registry);
	char **list = g_new0(char *, vms->len + 1);

	(void)connection;
	(void)prefix;
	(void)error;
	for (guint i = 0; i < vms->len; i++)
		list[i] = bus_vm_path(((struct vm *)vms->pdata[i])->definition->uuid);
	*nodes = list;
	return 0;
}

static void add_job_path(void *context, struct job *job)
{
	g_ptr_array_add(context, job_path(job));
}

static int enumerate_jobs(sd_bus *connection, const char *prefix, void *userdata, char ***nodes,
			  sd_bus_error *error)
{
	struct service *service = userdata;
	GPtrArray *list = g_ptr_array_new();

	(void)connection;
	(void)prefix;
	(void)error;
	job_foreach(service->jobs, add_job_path, list);
	g_ptr_array_add(list, NULL);
	*nodes = (char **)g_ptr_array_free(list, FALSE);
	return 0;
}

int bus_add_objects(sd_bus *connection, struct service *service)
{
	int r;

	if ((r = sd_bus_add_object_vtable(connection, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					  bus_manager_vtable, service)) < 0 ||
	    (r = sd_bus_add_fallback_vtable(connection, NULL, VMMS_VM_PREFIX, VMMS_IFACE_VM,
					    bus_vm_vtable, find_vm, service)) < 0 ||
	    (r = sd_bus_add_fallback_vtable(connection, NULL, VMMS_JOB_PREFIX, VMMS_IFACE_JOB,
					    bus_job_vtable, find_job, service)) < 0 ||
	    (r = sd_bus_add_node_enumerator(connection, NULL, VMMS_VM_PREFIX, enumerate_vms,
					    service)) < 0 ||
	    (r = sd_bus_add_node_enumerator(connection, NULL, VMMS_JOB_PREFIX, enumerate_jobs,
					    service)) < 0)
		return r;
	return sd_bus_add_object_manager(connection, NULL, VMMS_ROOT_PATH);
}

sd_bus_message *bus_new_signal(const struct bus *bus, const char *path, const char *interface,
			       const char *member)
{
	sd_bus *any = bus->broker ? bus->broker : bus_server_any(bus->server);
	sd_bus_message *signal = NULL;

	if (any)
		(void)sd_bus_message_new_signal(any, &signal, path, interface, member);
	return signal;
}

void bus_broadcast(struct bus *bus, sd_bus_message *signal)
{
	if (bus->broker)
		(void)sd_bus_send(bus->broker, signal, NULL);
	else
		bus_server_broadcast(bus->server, signal);
}
