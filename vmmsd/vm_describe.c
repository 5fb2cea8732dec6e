/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON of one VM. Its members and their order are the contract of docs/json.md. */
#include "json_text.h"
#include "vm.h"

static void add(struct json_object *object, const char *name, struct json_object *value)
{
	(void)json_object_object_add(object, name, value);
}

static struct json_object *text_or_null(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

static struct json_object *number_or_null(uint64_t number)
{
	return number > 0 ? json_object_new_uint64(number) : NULL;
}

/* Whole seconds; NULL when no worker runs the VM. The clock may have been set back since. */
static struct json_object *uptime(const struct vm *vm)
{
	uint64_t now_us = (uint64_t)g_get_real_time();

	if (vm->started_us == 0)
		return NULL;
	return json_object_new_uint64(
		now_us > vm->started_us ? (now_us - vm->started_us) / G_USEC_PER_SEC : 0);
}

/* Whether the engine translate runs it, holds its state, or is the only one that may. */
static gboolean is_translated(const struct vm *vm)
{
	const char *translate = definition_engine_name(ENGINE_TRANSLATE);

	return vm->definition->engine == ENGINE_TRANSLATE ||
	       ((vm_state_is_active(vm->state) || vm->state == VM_STATE_SAVED) &&
		g_str_equal(vm->engine, translate));
}

/* QEMU's translator has none, whatever the definition allows. */
static struct json_object *enlightenments(const struct vm *vm, struct json_object *allowed)
{
	struct json_object *given = json_object_new_object();
	gboolean translated = is_translated(vm);

	json_object_object_foreach (allowed, name, value)
		add(given, name,
		    json_object_new_boolean(!translated && json_object_get_boolean(value)));
	return given;
}

/* These members are shown as the definition has them, but for what the engine has not. */
static void add_devices(struct json_object *object, const struct vm *vm)
{
	static const char *const names[] = {"disks", "nics", "hypervisor"};
	g_autoptr(json_value_t) document = json_tokener_parse(vm->definition->json);

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		add(object, names[i], json_object_get(json_object_object_get(document, names[i])));
	add(object, "enlightenments",
	    enlightenments(vm, json_object_object_get(document, "enlightenments")));
}

/* What is asked for, and what is in force: null for the latter while the VM does not run. */
static struct json_object *scheduling(const struct vm *vm)
{
	struct json_object *object = sched_definition_describe(&vm->definition->sched);
	const struct sched_state *state = vm->sched;
	struct json_object *hints = json_object_new_array();

	for (char **hint = state ? state->hints : NULL; hint && *hint; hint++)
		(void)json_object_array_add(hints, json_object_new_string(*hint));
	add(object, "mechanism", text_or_null(state ? state->mechanism : NULL));
	add(object, "cpuWeight",
	    state && state->cpu_weight > 0 ? json_object_new_int64(state->cpu_weight) : NULL);
	add(object, "cpus", text_or_null(state ? state->cpus : NULL));
	add(object, "note", json_object_new_string(state ? state->note : ""));
	add(object, "hints", hints);
	return object;
}

char *vm_describe(const struct vm *vm, struct json_object *guest)
{
	const struct definition *definition = vm->definition;
	g_autoptr(json_value_t) object = json_object_new_object();

	add(object, "name", json_object_new_string(definition->name));
	add(object, "uuid", json_object_new_string(definition->uuid));
	add(object, "description", json_object_new_string(definition->description));
	add(object, "state", json_object_new_string(vm_state_name(vm->state)));
	add(object, "reason", json_object_new_string(vm->reason));
	add(object, "job", text_or_null(vm->job_kind));
	add(object, "engine", json_object_new_string(vm->engine));
	add(object, "engineReason", json_object_new_string(vm->engine_reason));
	add(object, "engineAsked",
	    json_object_new_string(definition_engine_name(definition->engine)));
	add(object, "cpus", json_object_new_int64(definition->cpus));
	add(object, "memory", json_object_new_uint64(definition->memory));
	add(object, "uptime", uptime(vm));
	add(object, "workerPid", vm->worker_pid ? json_object_new_int64(vm->worker_pid) : NULL);
	add(object, "savedAt", number_or_null(vm->saved.at_us));
	add(object, "savedBytes", number_or_null(vm->saved.size));
	add(object, "kernel", text_or_null(definition->kernel));
	add(object, "initrd", text_or_null(definition->initrd));
	add(object, "cmdline", json_object_new_string(definition->cmdline));
	add(object, "autostart", json_object_new_boolean(definition->autostart));
	add(object, "stopAction",
	    json_object_new_string(definition_stop_action_name(definition->stop_action)));
	add(object, "stopTimeout", json_object_new_int64(definition->stop_timeout_s));
	add(object, "stopOrder", json_object_new_int64(definition->stop_order));
	add(object, "onReboot",
	    json_object_new_string(definition_policy_name(definition->on_reboot)));
	add(object, "onCrash",
	    json_object_new_string(definition_policy_name(definition->on_crash)));
	add_devices(object, vm);
	add(object, "topology", sched_definition_describe_topology(&definition->sched));
	add(object, "scheduling", scheduling(vm));
	add(object, "guest", json_object_get(guest));
	return json_text_print(object);
}
