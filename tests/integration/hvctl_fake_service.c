// SPDX-License-Identifier: LGPL-2.1-or-later
/* hvctl_fake_service DIRECTORY [N]: serves DIRECTORY/bus, or with "session" in place of a
 * directory the name org.vmms1 on the session bus; N VMs named vm-00000... exist at the start.
 * Prints "ready" when it can be reached and ends with SIGTERM or when its standard input closes. */
#include "hvctl_fake_service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void vm_free(void *data)
{
	struct fake_vm *vm = data;

	g_ptr_array_unref(vm->viewers);
	json_object_put(vm->definition);
	g_free(vm->uuid);
	g_free(vm->name);
	g_free(vm->path);
	g_free(vm);
}

static int by_name(const void *a, const void *b)
{
	const struct fake_vm *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

struct fake_vm *fake_add(struct fake *fake, struct json_object *definition)
{
	struct fake_vm *vm = g_new0(struct fake_vm, 1);

	vm->fake = fake;
	vm->uuid = g_uuid_string_random();
	vm->name = g_strdup(json_object_get_string(json_object_object_get(definition, "name")));
	g_autofree char *part = g_strdelimit(g_strdup(vm->uuid), "-", '_');
	vm->path = g_strconcat(VMMS_VM_PREFIX "/", part, NULL);
	vm->state = "off";
	vm->definition = definition;
	vm->viewers = g_ptr_array_new();
	g_ptr_array_add(fake->vms, vm);
	if (fake->past->len > 0)
		g_ptr_array_sort(fake->vms, by_name);
	return vm;
}

void fake_remove(struct fake *fake, struct fake_vm *vm)
{
	g_ptr_array_remove(fake->vms, vm);
}

struct fake_vm *fake_find(struct fake *fake, const char *name_or_uuid)
{
	for (guint i = 0; i < fake->vms->len; i++) {
		struct fake_vm *vm = fake->vms->pdata[i];
		if (strcmp(vm->name, name_or_uuid) == 0 || strcmp(vm->uuid, name_or_uuid) == 0)
			return vm;
	}
	return NULL;
}

void fake_event(struct fake *fake, const struct fake_vm *vm, const char *event, const char *detail)
{
	struct fake_event *e = g_new0(struct fake_event, 1);

	*e = (struct fake_event){.id = fake->past->len + 1,
				 .time = (uint64_t)g_get_real_time(),
				 .uuid = g_strdup(vm->uuid),
				 .name = g_strdup(vm->name),
				 .event = g_strdup(event),
				 .detail = g_strdup(detail)};
	g_ptr_array_add(fake->past, e);
	for (guint i = 0; i < fake->buses->len; i++)
		sd_bus_emit_signal(fake->buses->pdata[i], VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
				   "Event", "ttssss", e->id, e->time, e->uuid, e->name, e->event,
				   e->detail);
}

void fake_job_finish(struct fake_vm *vm, unsigned job, const char *state, const char *error,
		     const char *message)
{
	char path[64];

	snprintf(path, sizeof(path), VMMS_JOB_PREFIX "/%u", job);
	for (guint i = 0; i < vm->fake->buses->len; i++)
		sd_bus_emit_signal(vm->fake->buses->pdata[i], VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
				   "JobFinished", "oosss", path, vm->path, state,
				   error ? error : "", message);
	vm->job = 0;
}

static void event_free(void *data)
{
	struct fake_event *e = data;

	g_free(e->uuid);
	g_free(e->name);
	g_free(e->event);
	g_free(e->detail);
	g_free(e);
}

static void bus_free(void *bus)
{
	sd_bus_close_unref(bus);
}

static int on_disconnect(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;

	(void)error;
	g_ptr_array_remove(fake->buses, sd_bus_message_get_bus(m));
	return 0;
}

static int serve(struct fake *fake, sd_bus *bus)
{
	int r = sd_bus_add_object_vtable(bus, NULL, VMMS_ROOT_PATH, VMMS_IFACE_MANAGER,
					 fake_manager_vtable, fake);
	if (r >= 0)
		r = sd_bus_add_fallback_vtable(bus, NULL, VMMS_VM_PREFIX, VMMS_IFACE_VM,
					       fake_vm_vtable, fake_vm_find, fake);
	if (r >= 0)
		r = sd_bus_add_fallback_vtable(bus, NULL, VMMS_JOB_PREFIX, VMMS_IFACE_JOB,
					       fake_job_vtable, fake_job_find, fake);
	if (r >= 0)
		r = sd_bus_match_signal(bus, NULL, NULL, "/org/freedesktop/DBus/Local",
					"org.freedesktop.DBus.Local", "Disconnected", on_disconnect,
					fake);
	if (r >= 0)
		r = sd_bus_attach_event(bus, fake->event, 0);
	return r;
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct fake *fake = userdata;
	sd_id128_t id;
	sd_bus *bus;

	(void)source, (void)revents;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client < 0)
		return 0;
	sd_id128_randomize(&id);
	if (sd_bus_new(&bus) < 0)
		return -ENOMEM;
	g_ptr_array_add(fake->buses, bus);
	sd_bus_set_fd(bus, client, client);
	sd_bus_set_server(bus, 1, id);
	sd_bus_negotiate_fds(bus, 1);
	int r = sd_bus_start(bus);
	if (r >= 0)
		r = serve(fake, bus);
	if (r < 0)
		g_ptr_array_remove(fake->buses, bus);
	return 0;
}

static int listen_at(struct fake *fake, const char *directory)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/bus", directory);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 64) < 0)
		return -errno;
	return sd_event_add_io(fake->event, NULL, fd, EPOLLIN, on_accept, fake);
}

static int join_session(struct fake *fake)
{
	sd_bus *bus;

	int r = sd_bus_open_user(&bus);
	if (r < 0)
		return r;
	g_ptr_array_add(fake->buses, bus);
	r = serve(fake, bus);
	return r < 0 ? r : sd_bus_request_name(bus, VMMS_BUS_NAME, 0);
}

/* The test holds the other end: whatever becomes of it, nothing stays behind. */
static int on_stdin(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct fake *fake = userdata;

	(void)fd, (void)revents;
	sd_event_source_disable_unref(source);
	return sd_event_exit(fake->event, 0);
}

int main(int argc, char **argv)
{
	struct fake fake = {
		.buses = g_ptr_array_new_with_free_func(bus_free),
		.vms = g_ptr_array_new_with_free_func(vm_free),
		.past = g_ptr_array_new_with_free_func(event_free),
	};
	sd_event_source *source;
	char text[64];

	if (argc < 2 || sd_event_default(&fake.event) < 0)
		return 2;
	long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	for (int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "{\"version\":1,\"name\":\"vm-%05d\"}", i);
		fake_add(&fake, json_tokener_parse(text));
	}
	int r = strcmp(argv[1], "session") == 0 ? join_session(&fake) : listen_at(&fake, argv[1]);
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
		return 1;
	}
	sd_event_add_io(fake.event, &source, STDIN_FILENO, EPOLLHUP | EPOLLIN, on_stdin, &fake);
	puts("ready");
	fflush(stdout);
	sd_event_loop(fake.event);
	g_ptr_array_unref(fake.buses);
	g_ptr_array_unref(fake.vms);
	g_ptr_array_unref(fake.past);
	sd_event_unref(fake.event);
	return 0;
}
