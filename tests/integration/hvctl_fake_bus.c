// SPDX-License-Identifier: LGPL-2.1-or-later
/* The D-Bus edge of the fake service. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "hvctl_fake_service.h"

#define ERR(part) VMMS_ERROR_PREFIX part

static gboolean is(const struct fake_vm *vm, const char *kind)
{
	return g_str_has_prefix(vm->name, kind);
}

static struct json_object *member(const struct fake_vm *vm, const char *group, const char *key)
{
	struct json_object *object = vm->definition;

	if (group && !json_object_object_get_ex(object, group, &object))
		return NULL;
	return json_object_object_get(object, key);
}

static uint32_t vm_cpus(const struct fake_vm *vm)
{
	struct json_object *count = member(vm, "cpus", "count");

	return count ? (uint32_t)json_object_get_int(count) : 1;
}

static uint64_t vm_memory(const struct fake_vm *vm)
{
	struct json_object *size = member(vm, "memory", "size");

	return size ? json_object_get_uint64(size) : 512u << 20;
}

static int define(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	struct json_object *name;
	const char *text;

	int r = sd_bus_message_read(m, "s", &text);
	if (r < 0)
		return r;
	struct json_object *object = json_tokener_parse(text);
	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, "name", &name)) {
		json_object_put(object);
		return sd_bus_error_set(error, ERR("InvalidDefinition"),
					"definition: $.name: missing; give a name");
	}
	if (fake_find(fake, json_object_get_string(name))) {
		r = sd_bus_error_setf(error, ERR("NameExists"),
				      "a VM named %s exists; choose another name",
				      json_object_get_string(name));
		json_object_put(object);
		return r;
	}
	struct fake_vm *vm = fake_add(fake, object);
	fake_event(fake, vm, "defined", "");
	return sd_bus_reply_method_return(m, "o", vm->path);
}

static int lookup(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const char *name;

	int r = sd_bus_message_read(m, "s", &name);
	if (r < 0)
		return r;
	struct fake_vm *vm = fake_find(userdata, name);
	if (!vm)
		return sd_bus_error_setf(error, ERR("NoSuchVm"),
					 "there is no VM %s; see 'hvctl list'", name);
	return sd_bus_reply_method_return(m, "o", vm->path);
}

static int list(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	sd_bus_message *reply;

	(void)error;
	int r = sd_bus_message_new_method_return(m, &reply);
	if (r < 0)
		return r;
	sd_bus_message_open_container(reply, 'a', "(ssssssuttub)");
	for (guint i = 0; i < fake->vms->len; i++) {
		const struct fake_vm *vm = fake->vms->pdata[i];
		sd_bus_message_append(reply, "(ssssssuttub)", vm->uuid, vm->name, vm->state, "",
				      vm->started ? "direct" : "", "", vm_cpus(vm), vm_memory(vm),
				      vm->started, vm->started ? 4242u : 0u, (int)vm->autostart);
	}
	sd_bus_message_close_container(reply);
	r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int stop_all(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	char path[64];

	(void)error;
	for (guint i = 0; i < fake->vms->len; i++) {
		struct fake_vm *vm = fake->vms->pdata[i];
		vm->state = "off";
		vm->started = 0;
		fake_console_close(vm);
	}
	struct fake_vm host = {.fake = fake, .path = (char *)"/"};
	unsigned job = ++fake->jobs;
	snprintf(path, sizeof(path), VMMS_JOB_PREFIX "/%u", job);
	int r = sd_bus_reply_method_return(m, "o", path);
	fake_job_finish(&host, job, "done", NULL, "");
	return r;
}

static int describe_host(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	(void)userdata;
	(void)error;
	return sd_bus_reply_method_return(
		m, "s",
		"{\"virtualization\":\"amd-v\",\"memoryBytes\":1073741824,\"topology\":"
		"{\"known\":true,\"sockets\":1,\"cores\":2,\"threads\":4,\"online\":\"0-3\",\"offline\":"
		"\"4-5\",\"cpus\":["
		"{\"cpu\":0,\"socket\":0,\"core\":0,\"node\":0,\"siblings\":\"0,2\"},"
		"{\"cpu\":1,\"socket\":0,\"core\":1,\"node\":0,\"siblings\":\"1,3\"},"
		"{\"cpu\":2,\"socket\":0,\"core\":0,\"node\":0,\"siblings\":\"0,2\"},"
		"{\"cpu\":3,\"socket\":0,\"core\":1,\"node\":0,\"siblings\":\"1,3\"}]},\"engines\":[{\"name\":\"direct\","
		"\"usable\":true}],\"capabilities\":{\"KVM_CAP_IRQFD\":1},\"none\":[],\"x\":null}");
}

static int get_events(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	sd_bus_message *reply;
	uint64_t after;

	(void)error;
	int r = sd_bus_message_read(m, "t", &after);
	if (r < 0)
		return r;
	r = sd_bus_message_new_method_return(m, &reply);
	if (r < 0)
		return r;
	sd_bus_message_open_container(reply, 'a', "(ttssss)");
	for (guint i = 0; i < fake->past->len; i++) {
		const struct fake_event *e = fake->past->pdata[i];
		if (e->id > after)
			sd_bus_message_append(reply, "(ttssss)", e->id, e->time, e->uuid, e->name,
					      e->event, e->detail);
	}
	sd_bus_message_close_container(reply);
	r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
		       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)bus, (void)path, (void)interface, (void)userdata, (void)error;
	return sd_bus_message_append(reply, "s",
				     strcmp(property, "Mode") == 0 ? "private" : "0.0-fake");
}

const sd_bus_vtable fake_manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Define", "s", "o", define, 0),
	SD_BUS_METHOD("Lookup", "s", "o", lookup, 0),
	SD_BUS_METHOD("List", "", "a(ssssssuttub)", list, 0),
	SD_BUS_METHOD("StopAll", "", "o", stop_all, 0),
	SD_BUS_METHOD("DescribeHost", "", "s", describe_host, 0),
	SD_BUS_METHOD("GetEvents", "t", "a(ttssss)", get_events, 0),
	SD_BUS_PROPERTY("Version", "s", get_version, 0, 0),
	SD_BUS_PROPERTY("Mode", "s", get_version, 0, 0),
	SD_BUS_SIGNAL("Event", "ttssss", 0),
	SD_BUS_SIGNAL("JobFinished", "oosss", 0),
	SD_BUS_VTABLE_END,
};

/* -- one VM -- */

enum kind { START, SHUTDOWN, STOP, PAUSE, RESUME, RESET, SAVE, DISCARD };

/* What a job wants, and what the state is afterwards. */
static const struct {
	const char *from, *to, *event;
} kinds[] = {
	[START] = {"off", "running", "started"},     [SHUTDOWN] = {"running", "off", "stopped"},
	[STOP] = {NULL, "off", "stopped"},	     [PAUSE] = {"running", "paused", "paused"},
	[RESUME] = {"paused", "running", "resumed"}, [RESET] = {"running", "running", "reset"},
	[SAVE] = {"running", "saved", "saved"},	     [DISCARD] = {"saved", "off", "discarded"},
};

struct pending {
	struct fake_vm *vm;
	enum kind kind;
	unsigned job;
	gboolean force;
};

static void pending_act(const struct pending *p)
{
	struct fake_vm *vm = p->vm;

	if (p->kind == START && is(vm, "broken-")) {
		fake_job_finish(vm, p->job, "failed", ERR("Worker"),
				"the worker of the VM died; see its log");
		return;
	}
	if (p->kind == SHUTDOWN && is(vm, "stubborn-") && !p->force) {
		fake_job_finish(vm, p->job, "failed", ERR("TimedOut"),
				"the guest did not shut down in time; use --force");
		return;
	}
	vm->state = kinds[p->kind].to;
	if (p->kind == START)
		vm->started = (uint64_t)g_get_real_time();
	if (strcmp(vm->state, "off") == 0) {
		vm->started = 0;
		fake_console_close(vm);
	}
	fake_event(vm->fake, vm, kinds[p->kind].event, "");
	fake_job_finish(vm, p->job, "done", NULL, "");
}

static int on_pending(sd_event_source *source, void *userdata)
{
	struct pending *p = userdata;

	sd_event_source_disable_unref(source);
	if (p->vm->job == p->job)
		pending_act(p);
	g_free(p);
	return 0;
}

static int refuse(const struct fake_vm *vm, enum kind kind, sd_bus_error *error)
{
	if (kind == START && is(vm, "denied-"))
		return sd_bus_error_set(error, ERR("Denied"), "you may not start this VM");
	if (kind == START && is(vm, "busy-"))
		return sd_bus_error_set(error, ERR("Busy"), "another job runs on this VM");
	if (vm->job && kind != STOP)
		return sd_bus_error_setf(error, ERR("Busy"), "VM %s has a job", vm->name);
	if (kinds[kind].from && strcmp(vm->state, kinds[kind].from) != 0)
		return sd_bus_error_setf(error, ERR("WrongState"), "VM %s is %s", vm->name,
					 vm->state);
	return 0;
}

static int job_start(sd_bus_message *m, struct fake_vm *vm, enum kind kind, gboolean force,
		     sd_bus_error *error)
{
	char path[64];

	if (kind == START && is(vm, "fatal-"))
		raise(SIGKILL);
	if (kind == START && is(vm, "mute-"))
		return 1;
	int r = refuse(vm, kind, error);
	if (r < 0)
		return r;
	if (vm->job)
		fake_job_finish(vm, vm->job, "canceled", ERR("Canceled"), "stopped by stop");
	unsigned job = vm->job = ++vm->fake->jobs;
	if (kind == STOP || !is(vm, "slow-")) {
		struct pending *p = g_new(struct pending, 1);
		*p = (struct pending){vm, kind, job, force};
		sd_event_source *source;
		sd_event_add_defer(vm->fake->event, &source, on_pending, p);
	}
	snprintf(path, sizeof(path), VMMS_JOB_PREFIX "/%u", job);
	return sd_bus_reply_method_return(m, "o", path);
}

static int on_job(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	static const char *const names[] = {"Start",  "Shutdown", "Stop", "Pause",
					    "Resume", "Reset",	  "Save", "Discard"};
	uint64_t timeout;
	int force = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(names[i], sd_bus_message_get_member(m)) != 0)
			continue;
		if (i == SHUTDOWN && sd_bus_message_read(m, "tb", &timeout, &force) < 0)
			return -EINVAL;
		return job_start(m, userdata, (enum kind)i, force, error);
	}
	return -EINVAL;
}

static int on_edit(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;
	const char *text;

	int r = sd_bus_message_read(m, "s", &text);
	if (r < 0)
		return r;
	struct json_object *patch = json_tokener_parse(text);
	if (!json_object_is_type(patch, json_type_object)) {
		json_object_put(patch);
		return sd_bus_error_set(error, ERR("InvalidDefinition"),
					"the patch is not a JSON object");
	}
	json_object_object_foreach (patch, key, value)
		json_object_object_add(vm->definition, key, json_object_get(value));
	json_object_put(patch);
	return sd_bus_reply_method_return(m, NULL);
}

static int on_rename(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;
	const char *name;

	int r = sd_bus_message_read(m, "s", &name);
	if (r < 0)
		return r;
	if (strchr(name, '/'))
		return sd_bus_error_setf(error, ERR("InvalidName"), "%s is no name", name);
	g_free(vm->name);
	vm->name = g_strdup(name);
	return sd_bus_reply_method_return(m, NULL);
}

static int on_delete(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;

	if (strcmp(vm->state, "off") != 0)
		return sd_bus_error_setf(error, ERR("WrongState"), "VM %s is %s: stop it first",
					 vm->name, vm->state);
	fake_remove(vm->fake, vm);
	return sd_bus_reply_method_return(m, NULL);
}

static int on_autostart(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;
	int enabled;

	(void)error;
	int r = sd_bus_message_read(m, "b", &enabled);
	if (r < 0)
		return r;
	vm->autostart = enabled;
	return sd_bus_reply_method_return(m, NULL);
}

static int on_console(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	uint32_t port, flags;

	int r = sd_bus_message_read(m, "uu", &port, &flags);
	if (r < 0)
		return r;
	int fd = fake_console_open(userdata, flags);
	if (fd < 0)
		return sd_bus_error_set_errno(error, -fd);
	r = sd_bus_reply_method_return(m, "h", fd);
	close(fd);
	return r;
}

static int on_definition(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const struct fake_vm *vm = userdata;

	(void)error;
	return sd_bus_reply_method_return(m, "s", json_object_to_json_string(vm->definition));
}

static int on_describe(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	const struct fake_vm *vm = userdata;
	char text[512];

	(void)error;
	snprintf(text, sizeof(text),
		 "{\"name\":\"%s\",\"uuid\":\"%s\",\"state\":\"%s\",\"engine\":\"\","
		 "\"engineReason\":\"\",\"cpus\":%u,\"memory\":%llu,\"uptime\":null,"
		 "\"workerPid\":%s,\"scheduling\":{\"cpus\":\"%s\"}}",
		 vm->name, vm->uuid, vm->state, vm_cpus(vm), (unsigned long long)vm_memory(vm),
		 vm->started ? "4242" : "null", is(vm, "bound-") ? "0-1,3" : "0-3");
	return sd_bus_reply_method_return(m, "s", text);
}

/* Of a VM whose name begins with "grow-": in a second between two looks one processor ran for
 * 0.6 s, waited for 0.2 s and left the guest 500 times, a limit held it for 0.15 s, and its
 * devices took 0.05 s. */
static int reply_growing(sd_bus_message *m, struct fake_vm *vm)
{
	unsigned long long n = ++vm->looks;
	char text[1024];

	snprintf(text, sizeof(text),
		 "{\"name\":\"%s\",\"uuid\":\"%s\",\"time\":%llu000000000,\"vcpus\":[{\"vcpu\":0,"
		 "\"cpu\":1,\"used\":%llu00000000,\"ready\":%llu00000000,\"slices\":%llu,"
		 "\"exits\":{\"io\":%llu00}}],\"others\":{\"used\":%llu0000000},"
		 "\"throttled\":{\"periods\":%llu,\"throttledPeriods\":1,\"time\":%llu0000000},"
		 "\"pressure\":{\"some\":7500000000}}",
		 vm->name, vm->uuid, n, 6 * n, 2 * n, n, 5 * n, 5 * n, n, 15 * n);
	return sd_bus_reply_method_return(m, "s", text);
}

static int on_statistics(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake_vm *vm = userdata;
	char text[1024];

	if (strcmp(vm->state, "running") != 0)
		return sd_bus_error_setf(error, ERR("WrongState"),
					 "VM %s is %s and counts nothing: start it first", vm->name,
					 vm->state);
	if (is(vm, "grow-"))
		return reply_growing(m, vm);
	snprintf(text, sizeof(text),
		 "{\"name\":\"%s\",\"vcpus\":[{\"vcpu\":0,\"cpu\":3,\"used\":7500000000,"
		 "\"ready\":2500000000,\"slices\":9,\"exits\":{\"io\":40,\"mmio\":2}},"
		 "{\"vcpu\":1,\"cpu\":null,\"used\":null,\"ready\":null,\"slices\":null}]}",
		 vm->name);
	return sd_bus_reply_method_return(m, "s", text);
}

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
			sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const struct fake_vm *vm = userdata;
	const struct {
		const char *name, *value;
	} texts[] = {{"Uuid", vm->uuid}, {"Name", vm->name}, {"State", vm->state}};

	(void)bus, (void)path, (void)interface, (void)error;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (strcmp(texts[i].name, property) == 0)
			return sd_bus_message_append(reply, "s", texts[i].value);
	}
	if (strcmp(property, "Cpus") == 0)
		return sd_bus_message_append(reply, "u", vm_cpus(vm));
	if (strcmp(property, "Autostart") == 0)
		return sd_bus_message_append(reply, "b", (int)vm->autostart);
	return sd_bus_message_append(reply, "t", vm_memory(vm));
}

const sd_bus_vtable fake_vm_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Start", "", "o", on_job, 0),
	SD_BUS_METHOD("Shutdown", "tb", "o", on_job, 0),
	SD_BUS_METHOD("Stop", "", "o", on_job, 0),
	SD_BUS_METHOD("Pause", "", "o", on_job, 0),
	SD_BUS_METHOD("Resume", "", "o", on_job, 0),
	SD_BUS_METHOD("Reset", "", "o", on_job, 0),
	SD_BUS_METHOD("Save", "", "o", on_job, 0),
	SD_BUS_METHOD("Discard", "", "o", on_job, 0),
	SD_BUS_METHOD("Edit", "s", "", on_edit, 0),
	SD_BUS_METHOD("Rename", "s", "", on_rename, 0),
	SD_BUS_METHOD("Delete", "", "", on_delete, 0),
	SD_BUS_METHOD("SetAutostart", "b", "", on_autostart, 0),
	SD_BUS_METHOD("OpenConsole", "uu", "h", on_console, 0),
	SD_BUS_METHOD("GetDefinition", "", "s", on_definition, 0),
	SD_BUS_METHOD("Describe", "", "s", on_describe, 0),
	SD_BUS_METHOD("Type", "sb", "", fake_guest_type, 0),
	SD_BUS_METHOD("SetPair", "ss", "", fake_guest_set_pair, 0),
	SD_BUS_METHOD("DeletePair", "s", "", fake_guest_delete_pair, 0),
	SD_BUS_METHOD("Copy", "hsb", "o", fake_guest_copy, 0),
	SD_BUS_METHOD("Reboot", "t", "o", fake_guest_ask, 0),
	SD_BUS_METHOD("Hibernate", "t", "o", fake_guest_ask, 0),
	SD_BUS_METHOD("Freeze", "t", "o", fake_guest_freeze, 0),
	SD_BUS_METHOD("Thaw", "", "o", fake_guest_thaw, 0),
	SD_BUS_METHOD("GetStatistics", "", "s", on_statistics, 0),
	SD_BUS_PROPERTY("Uuid", "s", get_property, 0, 0),
	SD_BUS_PROPERTY("Name", "s", get_property, 0, 0),
	SD_BUS_PROPERTY("State", "s", get_property, 0, 0),
	SD_BUS_PROPERTY("Cpus", "u", get_property, 0, 0),
	SD_BUS_PROPERTY("Memory", "t", get_property, 0, 0),
	SD_BUS_PROPERTY("Autostart", "b", get_property, 0, 0),
	SD_BUS_VTABLE_END,
};

int fake_vm_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **found,
		 sd_bus_error *error)
{
	struct fake *fake = userdata;

	(void)bus, (void)interface, (void)error;
	for (guint i = 0; i < fake->vms->len; i++) {
		struct fake_vm *vm = fake->vms->pdata[i];
		if (strcmp(vm->path, path) == 0) {
			*found = vm;
			return 1;
		}
	}
	return 0;
}
