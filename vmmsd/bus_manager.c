/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.vmms1.Manager at /org/vmms1. */
#include "authz.h"
#include "autostart.h"
#include "bus.h"
#include "bus_group.h"
#include "bus_host.h"
#include "cleanup.h"
#include "cpu_groups.h"
#include "operation.h"

/* A definition that cannot be read is vm_registry_define's to refuse. */
static gboolean check_group(const struct service *service, const char *json, GError **error)
{
	g_autoptr(definition_t) definition = definition_parse(json, NULL);

	return !definition || !definition->sched.group ||
	       cpu_groups_lookup(service->groups, definition->sched.group, error);
}

static int method_define(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;
	const char *json;
	struct vm *vm;
	int r = sd_bus_message_read(call, "s", &json);

	if (r < 0)
		return r;
	if (!authz_check(call, AUTHZ_DEFINE, &error) ||
	    !bus_check_length(json, VMMS_MAX_MESSAGE, "the definition", &error) ||
	    !check_group(service, json, &error))
		return bus_error_set(out, error);
	vm = vm_registry_define(service->registry, json, &error);
	if (!vm)
		return bus_error_set(out, error);
	vm_tell(service, vm, "defined", NULL);
	autostart_follow(service, NULL, FALSE, vm->definition->name, vm->definition->autostart);
	path = bus_vm_path(vm->definition->uuid);
	return sd_bus_reply_method_return(call, "o", path);
}

static int method_lookup(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;
	struct vm *vm = NULL;
	const char *name;
	int r = sd_bus_message_read(call, "s", &name);

	if (r < 0)
		return r;
	if (bus_check_length(name, BUS_NAME_ARGUMENT_MAX, "the name of the VM", &error))
		vm = vm_registry_lookup(service->registry, name, &error);
	if (!vm)
		return bus_error_set(out, error);
	path = bus_vm_path(vm->definition->uuid);
	return sd_bus_reply_method_return(call, "o", path);
}

static int append_vm(sd_bus_message *reply, const struct vm *vm)
{
	const struct definition *d = vm->definition;

	return sd_bus_message_append(reply, "(ssssssuttub)", d->uuid, d->name,
				     vm_state_name(vm->state), vm->reason, vm->engine,
				     vm->engine_reason ? vm->engine_reason : "", d->cpus, d->memory,
				     vm->started_us, vm->worker_pid, (int)d->autostart);
}

/* A list is long: a client that leaves several unread gets no more of them. */
#define LISTS_UNREAD_MAX 16u

static int method_list(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	const GPtrArray *vms = vm_registry_sorted(service->registry);
	automsg reply = NULL;
	uint64_t unread = 0;
	int r;

	(void)sd_bus_get_n_queued_write(sd_bus_message_get_bus(call), &unread);
	if (service->options->mode == MODE_PRIVATE && unread > LISTS_UNREAD_MAX)
		return sd_bus_error_set(out, SD_BUS_ERROR_LIMITS_EXCEEDED,
					"read the lists that were sent before asking for another");
	if ((r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
	    (r = sd_bus_message_open_container(reply, 'a', "(ssssssuttub)")) < 0)
		return r;
	for (guint i = 0; i < vms->len; i++) {
		r = append_vm(reply, vms->pdata[i]);
		if (r < 0)
			return r;
	}
	r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_stop_all(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	g_autoptr(GError) error = NULL;
	struct job *job = NULL;

	if (authz_check(call, AUTHZ_STOP_ALL, &error))
		job = stop_all(service, &error);
	return bus_reply_job(call, job, out, error);
}

struct event_writer {
	sd_bus_message *reply;
	int r;
};

static gboolean append_event(void *context, const struct event *event)
{
	struct event_writer *writer = context;

	writer->r = sd_bus_message_append(writer->reply, "(ttssss)", event->id, event->time_us,
					  event->uuid, event->name, event->event, event->detail);
	return writer->r >= 0;
}

static int method_get_events(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	struct event_writer writer = {0};
	automsg reply = NULL;
	uint64_t after;
	int r = sd_bus_message_read(call, "t", &after);

	(void)out;
	if (r < 0 || (r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
	    (r = sd_bus_message_open_container(reply, 'a', "(ttssss)")) < 0)
		return r;
	writer.reply = reply;
	events_foreach(service->events, after, append_event, &writer);
	if (writer.r < 0)
		return writer.r;
	r = sd_bus_message_close_container(reply);
	return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
		       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)property, (void)userdata, (void)error;
	return sd_bus_message_append(reply, "s", VMMS_VERSION);
}

static int get_mode(sd_bus *bus, const char *path, const char *interface, const char *property,
		    sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct service *service = userdata;

	(void)bus, (void)path, (void)interface, (void)property, (void)error;
	return sd_bus_message_append(reply, "s", service_mode_name(service->options->mode));
}

#define METHOD SD_BUS_VTABLE_UNPRIVILEGED
#define FIXED  SD_BUS_VTABLE_PROPERTY_CONST

const sd_bus_vtable bus_manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD_WITH_ARGS("Define", SD_BUS_ARGS("s", definition), SD_BUS_RESULT("o", vm),
				method_define, METHOD),
	SD_BUS_METHOD_WITH_ARGS("Lookup", SD_BUS_ARGS("s", name), SD_BUS_RESULT("o", vm),
				method_lookup, METHOD),
	SD_BUS_METHOD_WITH_ARGS("List", SD_BUS_NO_ARGS, SD_BUS_RESULT("a(ssssssuttub)", vms),
				method_list, METHOD),
	SD_BUS_METHOD_WITH_ARGS("DescribeHost", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", host),
				bus_host_describe, METHOD),
	SD_BUS_METHOD_WITH_ARGS("SetPower", SD_BUS_ARGS("s", policy), SD_BUS_NO_RESULT,
				bus_host_set_power, METHOD),
	SD_BUS_METHOD_WITH_ARGS("SetLaunch", SD_BUS_ARGS("s", policy), SD_BUS_NO_RESULT,
				bus_host_set_launch, METHOD),
	SD_BUS_METHOD_WITH_ARGS("ListGroups", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", groups),
				bus_group_list, METHOD),
	SD_BUS_METHOD_WITH_ARGS("DefineGroup", SD_BUS_ARGS("s", definition), SD_BUS_NO_RESULT,
				bus_group_define, METHOD),
	SD_BUS_METHOD_WITH_ARGS("EditGroup", SD_BUS_ARGS("s", name, "s", patch), SD_BUS_NO_RESULT,
				bus_group_edit, METHOD),
	SD_BUS_METHOD_WITH_ARGS("DeleteGroup", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT,
				bus_group_delete, METHOD),
	SD_BUS_METHOD_WITH_ARGS("StopAll", SD_BUS_NO_ARGS, SD_BUS_RESULT("o", job), method_stop_all,
				METHOD),
	SD_BUS_METHOD_WITH_ARGS("GetEvents", SD_BUS_ARGS("t", after),
				SD_BUS_RESULT("a(ttssss)", events), method_get_events, METHOD),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, FIXED),
	SD_BUS_PROPERTY("Mode", "s", get_mode, 0, FIXED),
	SD_BUS_SIGNAL_WITH_ARGS(
		"Event",
		SD_BUS_ARGS("t", id, "t", time, "s", uuid, "s", name, "s", event, "s", detail), 0),
	SD_BUS_SIGNAL_WITH_ARGS(
		"JobFinished", SD_BUS_ARGS("o", job, "o", vm, "s", state, "s", error, "s", message),
		0),
	SD_BUS_VTABLE_END,
};
