/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* org.vmms1.VirtualMachine at /org/vmms1/vm/<uuid>. userdata is the service; the path says which.
 */
#include "authz.h"
#include "autostart.h"
#include "bus.h"
#include "bus_console.h"
#include "bus_guest.h"
#include "bus_property.h"
#include "bus_stats.h"
#include "cleanup.h"
#include "cpu_groups.h"
#include "operation.h"
#include "saved_state.h"
#include "sched_service.h"
#include "worker_dir.h"

static struct vm *call_vm(sd_bus_message *call, const struct service *service)
{
	return bus_vm_find(service, sd_bus_message_get_path(call));
}

/* The object was there when sd-bus looked; nothing has run since. */
static int call_begin(sd_bus_message *call, struct service *service, enum authz_action action,
		      struct vm **ret, sd_bus_error *out)
{
	g_autoptr(GError) error = NULL;

	*ret = call_vm(call, service);
	if (!*ret)
		return sd_bus_error_set(out, service_error_bus_name(SERVICE_ERROR_NO_SUCH_VM),
					"the VM does not exist any more");
	return authz_check(call, action, &error) ? 0 : bus_error_set(out, error);
}

static int run_operation(sd_bus_message *call, struct service *service, sd_bus_error *out,
			 struct job *(*operation)(struct service *service, struct vm *vm,
						  GError **error))
{
	g_autoptr(GError) error = NULL;
	struct job *job;
	struct vm *vm;
	int r = call_begin(call, service, AUTHZ_RUN, &vm, out);

	if (r < 0)
		return r;
	job = operation(service, vm, &error);
	return bus_reply_job(call, job, out, error);
}

static int method_start(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_operation(call, userdata, out, vm_start);
}

static int method_stop(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_operation(call, userdata, out, vm_stop);
}

static int method_pause(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_operation(call, userdata, out, vm_pause);
}

static int method_resume(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_operation(call, userdata, out, vm_resume);
}

static int method_reset(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_operation(call, userdata, out, vm_reset);
}

static int method_save(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_operation(call, userdata, out, vm_save);
}

static int method_discard(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_operation(call, userdata, out, vm_discard);
}

static int method_shutdown(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	g_autoptr(GError) error = NULL;
	uint64_t timeout;
	struct job *job;
	struct vm *vm;
	int force;
	int r = sd_bus_message_read(call, "tb", &timeout, &force);

	if (r < 0 || (r = call_begin(call, userdata, AUTHZ_RUN, &vm, out)) < 0)
		return r;
	job = vm_shutdown(userdata, vm, timeout, force != 0, &error);
	return bus_reply_job(call, job, out, error);
}

/* A group that was named and is not there is the patch's fault, whatever the VM does. */
static gboolean check_edit_group(const struct service *service, const struct definition *to,
				 GError **error)
{
	return !to->sched.group || cpu_groups_lookup(service->groups, to->sched.group, error);
}

/* Whether the host can give a VM that runs what the patch asks for. A patch that is not valid is
 * vm_registry_edit's to refuse. */
static gboolean check_edit(struct service *service, const struct vm *vm, const char *patch,
			   GError **error)
{
	g_autoptr(definition_t) to = definition_edit(vm->definition, patch, NULL);

	if (to && !check_edit_group(service, to, error))
		return FALSE;
	return !to || !definition_is_live_change(vm->definition, to) ||
	       sched_check_edit(service->sched, vm, to, error);
}

static int method_edit(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	g_autoptr(GError) error = NULL;
	gboolean autostart;
	const char *patch;
	struct vm *vm;
	int r = sd_bus_message_read(call, "s", &patch);

	if (r < 0 || (r = call_begin(call, service, AUTHZ_DEFINE, &vm, out)) < 0)
		return r;
	autostart = vm->definition->autostart;
	if (!bus_check_length(patch, VMMS_MAX_MESSAGE, "the patch", &error) ||
	    !check_edit(service, vm, patch, &error) ||
	    !vm_registry_edit(service->registry, vm, patch, &error))
		return bus_error_set(out, error);
	sched_update(service->sched);
	vm_tell(service, vm, "edited", NULL);
	autostart_follow(service, vm->definition->name, autostart, vm->definition->name,
			 vm->definition->autostart);
	return sd_bus_reply_method_return(call, NULL);
}

static int method_rename(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	g_autofree char *old = NULL, *detail = NULL;
	g_autoptr(GError) error = NULL;
	const char *name;
	struct vm *vm;
	int r = sd_bus_message_read(call, "s", &name);

	if (r < 0 || (r = call_begin(call, service, AUTHZ_DEFINE, &vm, out)) < 0)
		return r;
	old = g_strdup(vm->definition->name);
	if (!bus_check_length(name, BUS_NAME_ARGUMENT_MAX, "the name", &error) ||
	    !vm_registry_rename(service->registry, vm, name, &error))
		return bus_error_set(out, error);
	detail = g_strdup_printf("from %s", old);
	vm_tell(service, vm, "renamed", detail);
	autostart_follow(service, old, vm->definition->autostart, vm->definition->name,
			 vm->definition->autostart);
	return sd_bus_reply_method_return(call, NULL);
}

static int method_delete(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct service *service = userdata;
	g_autofree char *name = NULL, *uuid = NULL;
	g_autoptr(GError) error = NULL;
	gboolean autostart;
	struct vm *vm;
	int r = call_begin(call, service, AUTHZ_DEFINE, &vm, out);

	if (r < 0)
		return r;
	name = g_strdup(vm->definition->name);
	uuid = g_strdup(vm->definition->uuid);
	autostart = vm->definition->autostart;
	if (!vm_registry_delete(service->registry, vm, &error))
		return bus_error_set(out, error);
	worker_dir_remove(service->options->runtime_dir, uuid);
	saved_state_remove(service->options->state_dir, uuid);
	sched_vm_deleted(service->sched, uuid);
	g_hash_table_remove(service->crashes, uuid);
	events_add(service->events, uuid, name, "deleted", NULL);
	log_service(service->log, LOG_INFO, "%s: deleted", name);
	autostart_follow(service, name, autostart, NULL, FALSE);
	return sd_bus_reply_method_return(call, NULL);
}

static void on_autostart_set(void *context, const GError *error)
{
	automsg call = context;
	autobuserr out = SD_BUS_ERROR_NULL;

	if (!error) {
		(void)sd_bus_reply_method_return(call, NULL);
		return;
	}
	(void)bus_error_set(&out, error);
	(void)sd_bus_reply_method_error(call, &out);
}

static int method_set_autostart(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	struct vm *vm;
	int enabled;
	int r = sd_bus_message_read(call, "b", &enabled);

	if (r < 0 || (r = call_begin(call, userdata, AUTHZ_DEFINE, &vm, out)) < 0)
		return r;
	autostart_set(userdata, vm, enabled != 0, on_autostart_set, sd_bus_message_ref(call));
	return 1;
}

static int method_open_console(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	g_autoptr(GError) error = NULL;
	uint32_t port, flags;
	struct vm *vm;
	int r = sd_bus_message_read(call, "uu", &port, &flags);

	if (r < 0 || (r = call_begin(call, userdata, AUTHZ_CONSOLE, &vm, out)) < 0)
		return r;
	return bus_console_open(call, userdata, vm, port, flags, &error)
		       ? 1
		       : bus_error_set(out, error);
}

static int method_get_definition(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	const struct vm *vm = call_vm(call, userdata);

	(void)out;
	return vm ? sd_bus_reply_method_return(call, "s", vm->definition->json) : -ENOENT;
}

static int method_describe(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	const struct vm *vm = call_vm(call, userdata);

	(void)out;
	return vm ? bus_guest_describe(call, userdata, vm) : -ENOENT;
}

/* The worker knows what the arguments mean; here they are only kept short. */
static gboolean arguments_check(sd_bus_message *call, GError **error)
{
	const char *text;

	for (const char *type = sd_bus_message_get_signature(call, 1); *type == 's'; type++)
		if (sd_bus_message_read(call, "s", &text) < 0 ||
		    !bus_check_length(text, VMMS_MAX_GUEST_TEXT, "the text", error))
			return FALSE;
	return TRUE;
}

/* Type, SetPair, DeletePair. */
static int method_forward(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	g_autoptr(GError) error = NULL;
	struct vm *vm;
	int r = call_begin(call, userdata, AUTHZ_RUN, &vm, out);

	if (r < 0)
		return r;
	return arguments_check(call, &error) && bus_guest_forward(call, userdata, vm, &error)
		       ? 1
		       : bus_error_set(out, error);
}

static int method_copy(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	g_autoptr(GError) error = NULL;
	struct job *job = NULL;
	const char *path;
	struct vm *vm;
	int fd, overwrite;
	int r = sd_bus_message_read(call, "hsb", &fd, &path, &overwrite);

	if (r < 0 || (r = call_begin(call, userdata, AUTHZ_RUN, &vm, out)) < 0)
		return r;
	if (bus_check_length(path, VMMS_MAX_GUEST_TEXT, "the path", &error))
		job = vm_copy(userdata, vm, fd, path, overwrite != 0, &error);
	return bus_reply_job(call, job, out, error);
}

static int run_timed_operation(sd_bus_message *call, struct service *service, sd_bus_error *out,
			       struct job *(*operation)(struct service *service, struct vm *vm,
							uint64_t timeout, GError **error))
{
	g_autoptr(GError) error = NULL;
	uint64_t timeout;
	struct job *job;
	struct vm *vm;
	int r = sd_bus_message_read(call, "t", &timeout);

	if (r < 0 || (r = call_begin(call, service, AUTHZ_RUN, &vm, out)) < 0)
		return r;
	job = operation(service, vm, timeout, &error);
	return bus_reply_job(call, job, out, error);
}

static int method_reboot(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_timed_operation(call, userdata, out, vm_reboot);
}

static int method_hibernate(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_timed_operation(call, userdata, out, vm_hibernate);
}

static int method_freeze(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_timed_operation(call, userdata, out, vm_freeze);
}

static int method_thaw(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return run_operation(call, userdata, out, vm_thaw);
}

/* Whichever of the two a method says. */
static int plug(sd_bus_message *call, struct service *service, sd_bus_error *out,
		enum plug_list list,
		struct job *(*operation)(struct service *service, struct vm *vm,
					 enum plug_list list, const char *text, GError **error))
{
	g_autoptr(GError) error = NULL;
	struct job *job = NULL;
	const char *text;
	struct vm *vm;
	int r = sd_bus_message_read(call, "s", &text);

	if (r < 0 || (r = call_begin(call, service, AUTHZ_DEFINE, &vm, out)) < 0)
		return r;
	if (bus_check_length(text, VMMS_MAX_MESSAGE, "the device", &error))
		job = operation(service, vm, list, text, &error);
	return bus_reply_job(call, job, out, error);
}

static int method_attach_disk(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return plug(call, userdata, out, PLUG_DISK, vm_attach);
}

static int method_attach_nic(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return plug(call, userdata, out, PLUG_NIC, vm_attach);
}

static int method_detach_disk(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return plug(call, userdata, out, PLUG_DISK, vm_detach);
}

static int method_detach_nic(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	return plug(call, userdata, out, PLUG_NIC, vm_detach);
}

static int method_resize_disk(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	g_autoptr(GError) error = NULL;
	struct job *job = NULL;
	const char *which;
	struct vm *vm;
	uint64_t size;
	int force;
	int r = sd_bus_message_read(call, "stb", &which, &size, &force);

	if (r < 0 || (r = call_begin(call, userdata, AUTHZ_DEFINE, &vm, out)) < 0)
		return r;
	if (bus_check_length(which, VMMS_MAX_MESSAGE, "the disk", &error))
		job = vm_resize(userdata, vm, which, size, force != 0, &error);
	return bus_reply_job(call, job, out, error);
}

static int method_get_statistics(sd_bus_message *call, void *userdata, sd_bus_error *out)
{
	g_autoptr(GError) error = NULL;
	struct vm *vm = call_vm(call, userdata);

	if (!vm)
		return -ENOENT;
	return bus_stats_get(call, userdata, vm, &error) ? 1 : bus_error_set(out, error);
}

#define PUT(name, signature, value)                                       \
	static int put_##name(sd_bus_message *reply, const struct vm *vm) \
	{                                                                 \
		return sd_bus_message_append(reply, signature, value);    \
	}

PUT(uuid, "s", vm->definition->uuid)
PUT(name, "s", vm->definition->name)
PUT(state, "s", vm_state_name(vm->state))
PUT(reason, "s", vm->reason)
PUT(engine, "s", vm->engine)
PUT(engine_reason, "s", vm->engine_reason ? vm->engine_reason : "")
PUT(cpus, "u", vm->definition->cpus)
PUT(memory, "t", vm->definition->memory)
PUT(started, "t", vm->started_us)
PUT(worker_pid, "u", vm->worker_pid)
PUT(saved_at, "t", vm->saved.at_us)
PUT(saved_size, "t", vm->saved.size)
PUT(autostart, "b", (int)vm->definition->autostart)

static int put_job(sd_bus_message *reply, const struct vm *vm)
{
	g_autofree char *path = vm->job ? job_path(vm->job) : g_strdup("/");

	return sd_bus_message_append(reply, "o", path);
}

static const struct {
	const char *name;
	int (*put)(sd_bus_message *reply, const struct vm *vm);
} properties[] = {
	{"Uuid", put_uuid},	      {"Name", put_name},
	{"State", put_state},	      {"Reason", put_reason},
	{"Engine", put_engine},	      {"EngineReason", put_engine_reason},
	{"Cpus", put_cpus},	      {"Memory", put_memory},
	{"Started", put_started},     {"WorkerPid", put_worker_pid},
	{"Autostart", put_autostart}, {"Job", put_job},
	{"SavedAt", put_saved_at},    {"SavedSize", put_saved_size},
};

static int get(sd_bus *bus, const char *path, const char *interface, const char *property,
	       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct vm *vm = bus_vm_find(userdata, path);

	(void)bus, (void)interface, (void)error;
	for (size_t i = 0; vm && i < G_N_ELEMENTS(properties); i++)
		if (g_str_equal(properties[i].name, property))
			return properties[i].put(reply, vm);
	return -ENOENT;
}

#define METHOD SD_BUS_VTABLE_UNPRIVILEGED
#define JOB_METHOD(name, handler) \
	SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_NO_ARGS, SD_BUS_RESULT("o", job), handler, METHOD)
#define TIMED_METHOD(name, handler)                                                                \
	SD_BUS_METHOD_WITH_ARGS(name, SD_BUS_ARGS("t", timeout), SD_BUS_RESULT("o", job), handler, \
				METHOD)

const sd_bus_vtable bus_vm_vtable[] = {
	SD_BUS_VTABLE_START(0),
	JOB_METHOD("Start", method_start),
	SD_BUS_METHOD_WITH_ARGS("Shutdown", SD_BUS_ARGS("t", timeout, "b", force),
				SD_BUS_RESULT("o", job), method_shutdown, METHOD),
	JOB_METHOD("Stop", method_stop),
	JOB_METHOD("Pause", method_pause),
	JOB_METHOD("Resume", method_resume),
	JOB_METHOD("Reset", method_reset),
	JOB_METHOD("Save", method_save),
	JOB_METHOD("Discard", method_discard),
	TIMED_METHOD("Reboot", method_reboot),
	TIMED_METHOD("Hibernate", method_hibernate),
	TIMED_METHOD("Freeze", method_freeze),
	JOB_METHOD("Thaw", method_thaw),
	SD_BUS_METHOD_WITH_ARGS("Edit", SD_BUS_ARGS("s", patch), SD_BUS_NO_RESULT, method_edit,
				METHOD),
	SD_BUS_METHOD_WITH_ARGS("Rename", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_rename,
				METHOD),
	SD_BUS_METHOD("Delete", NULL, NULL, method_delete, METHOD),
	SD_BUS_METHOD_WITH_ARGS("SetAutostart", SD_BUS_ARGS("b", enabled), SD_BUS_NO_RESULT,
				method_set_autostart, METHOD),
	SD_BUS_METHOD_WITH_ARGS("OpenConsole", SD_BUS_ARGS("u", port, "u", flags),
				SD_BUS_RESULT("h", stream), method_open_console, METHOD),
	SD_BUS_METHOD_WITH_ARGS("GetDefinition", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", definition),
				method_get_definition, METHOD),
	SD_BUS_METHOD_WITH_ARGS("Describe", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", description),
				method_describe, METHOD),
	SD_BUS_METHOD_WITH_ARGS("Type", SD_BUS_ARGS("s", text, "b", keys), SD_BUS_NO_RESULT,
				method_forward, METHOD),
	SD_BUS_METHOD_WITH_ARGS("SetPair", SD_BUS_ARGS("s", key, "s", value), SD_BUS_NO_RESULT,
				method_forward, METHOD),
	SD_BUS_METHOD_WITH_ARGS("DeletePair", SD_BUS_ARGS("s", key), SD_BUS_NO_RESULT,
				method_forward, METHOD),
	SD_BUS_METHOD_WITH_ARGS("Copy", SD_BUS_ARGS("h", file, "s", path, "b", overwrite),
				SD_BUS_RESULT("o", job), method_copy, METHOD),
	SD_BUS_METHOD_WITH_ARGS("AttachDisk", SD_BUS_ARGS("s", disk), SD_BUS_RESULT("o", job),
				method_attach_disk, METHOD),
	SD_BUS_METHOD_WITH_ARGS("AttachNic", SD_BUS_ARGS("s", nic), SD_BUS_RESULT("o", job),
				method_attach_nic, METHOD),
	SD_BUS_METHOD_WITH_ARGS("DetachDisk", SD_BUS_ARGS("s", disk), SD_BUS_RESULT("o", job),
				method_detach_disk, METHOD),
	SD_BUS_METHOD_WITH_ARGS("DetachNic", SD_BUS_ARGS("s", nic), SD_BUS_RESULT("o", job),
				method_detach_nic, METHOD),
	SD_BUS_METHOD_WITH_ARGS("ResizeDisk", SD_BUS_ARGS("s", disk, "t", size, "b", force),
				SD_BUS_RESULT("o", job), method_resize_disk, METHOD),
	SD_BUS_METHOD_WITH_ARGS("GetStatistics", SD_BUS_NO_ARGS, SD_BUS_RESULT("s", statistics),
				method_get_statistics, METHOD),
	SD_BUS_PROPERTY("Uuid", "s", get, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Name", "s", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("State", "s", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("Reason", "s", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("Engine", "s", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("EngineReason", "s", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("Cpus", "u", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("Memory", "t", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("Started", "t", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("WorkerPid", "u", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("Autostart", "b", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("Job", "o", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("SavedAt", "t", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_PROPERTY("SavedSize", "t", get, 0, BUS_PROPERTY_STATE),
	SD_BUS_VTABLE_END,
};
