// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Snapshots of VMs. The strings stay in the reply that they came in, so a list of ten thousand
 * costs one allocation.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

struct hvctl_vm {
	const char *uuid, *name, *state, *reason, *engine, *engine_reason; /* in the reply */
	uint64_t memory, started, saved_at, saved_size; /* the latter two: not in List */
	uint32_t cpus, worker_pid;
	int autostart;
};

struct hvctl_list {
	sd_bus_message *reply;
	size_t size, capacity;
	struct hvctl_vm *vms;
};

static struct hvctl_list *list_new(sd_bus_message *reply)
{
	struct hvctl_list *list = calloc(1, sizeof(*list));

	if (list)
		list->reply = sd_bus_message_ref(reply);
	return list;
}

HVCTL_PUBLIC void hvctl_list_free(hvctl_list *list)
{
	if (!list)
		return;
	sd_bus_message_unref(list->reply);
	free(list->vms);
	free(list);
}

static struct hvctl_vm *list_add(struct hvctl_list *list)
{
	if (list->size == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 16;
		struct hvctl_vm *vms = reallocarray(list->vms, capacity, sizeof(*vms));
		if (!vms)
			return NULL;
		list->vms = vms;
		list->capacity = capacity;
	}
	struct hvctl_vm *vm = &list->vms[list->size++];
	*vm = (struct hvctl_vm){.uuid = "",
				.name = "",
				.state = "",
				.reason = "",
				.engine = "",
				.engine_reason = ""};
	return vm;
}

/* Returns -errno. */
static int list_read(struct hvctl_list *list, sd_bus_message *reply)
{
	int r = sd_bus_message_enter_container(reply, 'a', "(ssssssuttub)");

	while (r >= 0) {
		struct hvctl_vm vm = {0};
		r = sd_bus_message_read(reply, "(ssssssuttub)", &vm.uuid, &vm.name, &vm.state,
					&vm.reason, &vm.engine, &vm.engine_reason, &vm.cpus,
					&vm.memory, &vm.started, &vm.worker_pid, &vm.autostart);
		if (r <= 0)
			break;
		struct hvctl_vm *added = list_add(list);
		if (!added)
			return -ENOMEM;
		*added = vm;
	}
	return r;
}

HVCTL_PUBLIC int hvctl_list_vms(hvctl *h, hvctl_list **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;

	int r = call_method(h, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER, "List", &reply, NULL);
	if (r < 0)
		return r;
	struct hvctl_list *list = list_new(reply);
	r = list ? list_read(list, reply) : -ENOMEM;
	if (r < 0) {
		hvctl_list_free(list);
		return error_set_errno(h, r, "reading the list of VMs");
	}
	*ret = list;
	return 0;
}

/* A property of org.vmms1.VirtualMachine and the member of the struct that takes it. */
static const struct {
	const char *name;
	char type;
	size_t offset;
} properties[] = {
	{"Uuid", 's', offsetof(struct hvctl_vm, uuid)},
	{"Name", 's', offsetof(struct hvctl_vm, name)},
	{"State", 's', offsetof(struct hvctl_vm, state)},
	{"Reason", 's', offsetof(struct hvctl_vm, reason)},
	{"Engine", 's', offsetof(struct hvctl_vm, engine)},
	{"EngineReason", 's', offsetof(struct hvctl_vm, engine_reason)},
	{"Cpus", 'u', offsetof(struct hvctl_vm, cpus)},
	{"Memory", 't', offsetof(struct hvctl_vm, memory)},
	{"Started", 't', offsetof(struct hvctl_vm, started)},
	{"WorkerPid", 'u', offsetof(struct hvctl_vm, worker_pid)},
	{"Autostart", 'b', offsetof(struct hvctl_vm, autostart)},
	{"SavedAt", 't', offsetof(struct hvctl_vm, saved_at)},
	{"SavedSize", 't', offsetof(struct hvctl_vm, saved_size)},
};

static int read_property(sd_bus_message *m, const char *name, struct hvctl_vm *vm)
{
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
		char type[2] = {properties[i].type, '\0'};

		if (strcmp(properties[i].name, name) != 0)
			continue;
		int r = sd_bus_message_enter_container(m, 'v', type);
		if (r < 0)
			return r;
		r = sd_bus_message_read_basic(m, properties[i].type,
					      (char *)vm + properties[i].offset);
		return r < 0 ? r : sd_bus_message_exit_container(m);
	}
	return sd_bus_message_skip(m, "v");
}

static int read_properties(sd_bus_message *m, struct hvctl_vm *vm)
{
	const char *name;

	int r = sd_bus_message_enter_container(m, 'a', "{sv}");
	if (r < 0)
		return r;
	while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read_basic(m, 's', &name);
		if (r >= 0)
			r = read_property(m, name, vm);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
		if (r < 0)
			return r;
	}
	return r;
}

HVCTL_PUBLIC int hvctl_get(hvctl *h, const char *name, hvctl_list **ret)
{
	AUTO_MESSAGE sd_bus_message *reply = NULL;
	AUTO_FREE char *path = NULL;

	int r = vm_path(h, name, &path);
	if (r < 0)
		return r;
	r = call_method(h, path, "org.freedesktop.DBus.Properties", "GetAll", &reply, "s",
			VMMS_IFACE_VM);
	if (r < 0)
		return r;
	struct hvctl_list *list = list_new(reply);
	struct hvctl_vm *vm = list ? list_add(list) : NULL;
	r = vm ? read_properties(reply, vm) : -ENOMEM;
	if (r < 0) {
		hvctl_list_free(list);
		return error_set_errno(h, r, "reading the properties of a VM");
	}
	*ret = list;
	return 0;
}

HVCTL_PUBLIC size_t hvctl_list_size(const hvctl_list *list)
{
	return list->size;
}

HVCTL_PUBLIC const hvctl_vm *hvctl_list_at(const hvctl_list *list, size_t index)
{
	return index < list->size ? &list->vms[index] : NULL;
}

HVCTL_PUBLIC const char *hvctl_vm_uuid(const hvctl_vm *vm)
{
	return vm->uuid;
}

HVCTL_PUBLIC const char *hvctl_vm_name(const hvctl_vm *vm)
{
	return vm->name;
}

HVCTL_PUBLIC const char *hvctl_vm_state(const hvctl_vm *vm)
{
	return vm->state;
}

HVCTL_PUBLIC const char *hvctl_vm_reason(const hvctl_vm *vm)
{
	return vm->reason;
}

HVCTL_PUBLIC const char *hvctl_vm_engine(const hvctl_vm *vm)
{
	return vm->engine;
}

HVCTL_PUBLIC const char *hvctl_vm_engine_reason(const hvctl_vm *vm)
{
	return vm->engine_reason;
}

HVCTL_PUBLIC uint32_t hvctl_vm_cpus(const hvctl_vm *vm)
{
	return vm->cpus;
}

HVCTL_PUBLIC uint64_t hvctl_vm_memory(const hvctl_vm *vm)
{
	return vm->memory;
}

HVCTL_PUBLIC uint64_t hvctl_vm_started(const hvctl_vm *vm)
{
	return vm->started;
}

HVCTL_PUBLIC uint32_t hvctl_vm_worker_pid(const hvctl_vm *vm)
{
	return vm->worker_pid;
}

HVCTL_PUBLIC bool hvctl_vm_autostart(const hvctl_vm *vm)
{
	return vm->autostart != 0;
}

HVCTL_PUBLIC uint64_t hvctl_vm_saved_at(const hvctl_vm *vm)
{
	return vm->saved_at;
}

HVCTL_PUBLIC uint64_t hvctl_vm_saved_size(const hvctl_vm *vm)
{
	return vm->saved_size;
}
