/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A worker without a VM: serves org.vmms1.Worker as vmworker does and misbehaves as told.
 *
 * Before the definition is known, the VM's name (--name) tells:
 *   dies-first...      exits with status 3 at once
 *   dies-connected...  is killed by a signal when vmmsd connects
 *   hangs...           never looks at its socket
 * --probe prints what is in $FAKE_WORKER_PROBES/PROGRAM.probe, else $FAKE_WORKER_PROBE; --measure
 * what is in PROGRAM.measure.
 * Disk N is kept open as descriptor 100 + N, queue Q of adapter N as 200 + 16 * N + Q. Afterwards
 * the first word of boot.cmdline in the definition does; see the table of behaviours.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "console_ring.h"
#include "fake_worker.h"
#include "fake_worker_plug.h"
#include "vmms1.h"

void fake_result(struct fake *fake, const char *state, const char *reason, const char *how)
{
	g_autofree char *text = g_strdup_printf(
		"{\"state\":\"%s\",\"reason\":\"%s\",\"how\":\"%s\"}\n", state, reason, how);

	if (fake->result >= 0 && write(fake->result, text, strlen(text)) < 0)
		exit(EXIT_FAILURE);
}

_Noreturn void fake_die(void)
{
	(void)raise(SIGKILL);
	abort();
}

gboolean fake_is(const struct fake *fake, const char *behaviour)
{
	return fake->behaviour && g_str_equal(fake->behaviour, behaviour);
}

const char *fake_behaviour(const void *userdata)
{
	const struct fake *fake = userdata;

	return fake->behaviour ? fake->behaviour : "";
}

static int on_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct fake *fake = userdata;

	(void)source;
	(void)usec;
	fake->state = "ended";
	return sd_event_exit(fake->event, 0);
}

void fake_end_soon(struct fake *fake)
{
	(void)sd_event_add_time_relative(fake->event, NULL, CLOCK_MONOTONIC, 20000, 0, on_end,
					 fake);
}

static char *first_word(const char *definition)
{
	json_object *root = json_tokener_parse(definition), *boot = NULL, *cmdline = NULL;
	char *word = g_strdup("");

	if (json_object_object_get_ex(root, "boot", &boot) &&
	    json_object_object_get_ex(boot, "cmdline", &cmdline)) {
		g_auto(GStrv) words = g_strsplit(json_object_get_string(cmdline), " ", 2);

		g_free(word);
		word = g_strdup(words[0] ? words[0] : "");
	}
	json_object_put(root);
	return word;
}

/* A console ring (docs/console-ring.md) whose data begin in its middle. */
static gboolean console_write(int fd)
{
	static const char text[] = "the kept output";
	struct vmms_console_ring_header header = {
		.magic = {'V', 'M', 'M', 'S', 'C', 'O', 'N', '1'},
		.version = VMMS_CONSOLE_RING_VERSION,
		.header_size = sizeof(header),
		.size = VMMS_CONSOLE_RING_SIZE_MIN,
		.head = sizeof(text) - 1,
		.claim = sizeof(text) - 1,
	};

	return ftruncate(fd, (off_t)(sizeof(header) + header.size)) == 0 &&
	       pwrite(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
	       pwrite(fd, text, sizeof(text) - 1, sizeof(header)) == (ssize_t)sizeof(text) - 1;
}

/* Where a test finds it. */
static void disk_keep(const char *tag, int fd)
{
	int place = g_str_has_suffix(tag, VMMS_FILE_DISK_LIFE) ? 400 : 100;

	if (dup3(fd, place + (int)g_ascii_strtoull(tag + strlen(VMMS_FILE_DISK), NULL, 10),
		 O_CLOEXEC) < 0)
		abort();
}

static void nic_keep(const char *tag, int fd)
{
	char *queue;
	int index = (int)g_ascii_strtoull(tag + strlen(VMMS_FILE_NIC), &queue, 10);

	if (dup3(fd, 200 + 16 * index + (int)g_ascii_strtoull(queue + 1, NULL, 10), O_CLOEXEC) < 0)
		abort();
}

static int take_files(struct fake *fake, sd_bus_message *call)
{
	const char *tag;
	int fd, r;

	r = sd_bus_message_enter_container(call, 'a', "(sh)");
	while (r >= 0 && (r = sd_bus_message_read(call, "(sh)", &tag, &fd)) > 0)
		if (g_str_equal(tag, VMMS_FILE_RESULT))
			fake->result = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		else if (g_str_equal(tag, VMMS_FILE_STATE) &&
			 (r = fake_take_state(fake, call, fd)) < 0)
			return r;
		else if (g_str_has_prefix(tag, VMMS_FILE_DISK))
			disk_keep(tag, fd);
		else if (g_str_has_prefix(tag, VMMS_FILE_NIC))
			nic_keep(tag, fd);
		else if (g_str_equal(tag, VMMS_FILE_CONSOLE0) && !console_write(fd))
			return -EIO;
	return r;
}

struct vp {
	unsigned index;
	sem_t named;
};

static void *vp_main(void *arg)
{
	struct vp *vp = arg;
	char name[16];

	g_snprintf(name, sizeof(name), "vp%u", vp->index);
	(void)prctl(PR_SET_NAME, name);
	(void)sem_post(&vp->named);
	for (;;)
		(void)pause();
	return NULL;
}

/* Threads where a worker would have its processors, and on standard error what it was told. */
static int vps_make(const char *definition)
{
	json_object *root = json_tokener_parse(definition), *cpus = NULL, *count = NULL;
	int n = 1;

	if (json_object_object_get_ex(root, "cpus", &cpus) &&
	    json_object_object_get_ex(cpus, "count", &count))
		n = json_object_get_int(count);
	json_object_put(root);
	(void)fprintf(stderr, "%s\n", definition);
	for (int i = 0; i < n; i++) {
		struct vp vp = {.index = (unsigned)i};
		pthread_t id;

		(void)sem_init(&vp.named, 0, 0);
		if (pthread_create(&id, NULL, vp_main, &vp) != 0)
			return -EAGAIN;
		while (sem_wait(&vp.named) < 0 && errno == EINTR)
			continue;
		(void)sem_destroy(&vp.named);
	}
	return 0;
}

static int method_get_statistics(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;

	(void)error;
	if (fake_is(fake, "hang-in-statistics"))
		return 1;
	if (fake_is(fake, "odd-statistics"))
		return sd_bus_reply_method_return(call, "a{st}", 2, "vp.9.exits.io", (uint64_t)1,
						  "", (uint64_t)2);
	return sd_bus_reply_method_return(call, "a{st}", 6, "vp.0.exits.io", (uint64_t)7,
					  "vp.1.exits.io", (uint64_t)3, "vp.1.kvm.halt_wait_ns",
					  (uint64_t)7000, "exits.io", (uint64_t)10, "console.bytes",
					  (uint64_t)5, "vp.0.kvm.exits", (uint64_t)99);
}

static int method_start(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	const char *definition;
	int r;

	if (sd_bus_message_read(call, "s", &definition) < 0)
		return -EINVAL;
	fake->behaviour = first_word(definition);
	r = take_files(fake, call);
	if (r < 0)
		return r;
	r = fake->restores ? fake_restore(fake, error) : 1;
	if (r <= 0)
		return r < 0 ? r : 1;
	if (fake_is(fake, "never-answer"))
		return 1;
	if (fake_is(fake, "refuse"))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "InvalidImage",
					"initrd: does not fit; give the VM more memory");
	if (fake_is(fake, "no-kvm"))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "NoHypervisor",
					"there is no usable /dev/kvm: load kvm_amd");
	if (fake_is(fake, "die-in-start"))
		fake_die();
	fake->state = "running";
	fake->started_us = (uint64_t)g_get_real_time();
	if (fake_is(fake, "vps") && (r = vps_make(definition)) < 0)
		return r;
	if (fake_is(fake, "flood"))
		fake_flood(call);
	if (fake_is(fake, "power-off")) {
		fake_result(fake, "off", "the guest powered off", "power-off");
		fake_end_soon(fake);
	} else if (fake_is(fake, "panic")) {
		fake_result(fake, "crashed", "the guest panicked", "panic");
		fake_end_soon(fake);
	} else if (fake_is(fake, "garbage")) {
		if (write(fake->result, "\xff{[", 3) != 3)
			return -EIO;
		fake_end_soon(fake);
	}
	return sd_bus_reply_method_return(call, NULL);
}

static int method_pause(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;

	if (fake_is(fake, "die-in-pause"))
		fake_die();
	if (fake_is(fake, "hang-in-pause"))
		return 1;
	if (fake_is(fake, "refuse-pause"))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "Failed", "a processor is stuck");
	fake->state = "paused";
	return sd_bus_reply_method_return(call, NULL);
}

static int method_resume(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;

	if (fake_is(fake, "refuse-resume"))
		return sd_bus_error_set(error, VMMS_ERROR_PREFIX "Failed", "a processor is stuck");
	fake->state = "running";
	return sd_bus_reply_method_return(call, NULL);
}

static int method_reset(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;

	(void)error;
	fake->state = "running";
	return sd_bus_reply_method_return(call, NULL);
}

static int method_power_button(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;

	(void)error;
	if (fake_is(fake, "close-link")) {
		for (guint i = 0; i < fake->links->len; i++)
			sd_bus_close(fake->links->pdata[i]);
		return 1;
	}
	if (fake_is(fake, "panic-at-button")) {
		fake_result(fake, "crashed", "the guest panicked", "panic");
		fake_end_soon(fake);
	} else if (!fake_is(fake, "ignore-button")) {
		fake_result(fake, "off", "the guest powered off", "power-off");
		fake_end_soon(fake);
	}
	return sd_bus_reply_method_return(call, NULL);
}

static int method_stop(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;

	(void)error;
	if (fake_is(fake, "hang-in-stop"))
		return 1;
	fake_result(fake, "off", "turned off", "stop");
	fake_end_soon(fake);
	return sd_bus_reply_method_return(call, NULL);
}

static int method_open_console(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;
	int pair[2], r;

	(void)error;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	r = (int)write(pair[0], fake->name, strlen(fake->name));
	close(pair[0]);
	if (r >= 0)
		r = sd_bus_reply_method_return(call, "h", pair[1]);
	close(pair[1]);
	return r;
}

static int get(sd_bus *bus, const char *path, const char *interface, const char *property,
	       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct fake *fake = userdata;

	(void)bus, (void)path, (void)interface, (void)error;
	if (g_str_equal(property, "Uuid"))
		return sd_bus_message_append(reply, "s", fake->uuid);
	if (g_str_equal(property, "State"))
		return sd_bus_message_append(reply, "s", fake->state);
	return sd_bus_message_append(reply, "t", fake->started_us);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Start", "sa(sh)", NULL, method_start, 0),
	SD_BUS_METHOD("Pause", NULL, NULL, method_pause, 0),
	SD_BUS_METHOD("Resume", NULL, NULL, method_resume, 0),
	SD_BUS_METHOD("Reset", NULL, NULL, method_reset, 0),
	SD_BUS_METHOD("Save", "h", NULL, fake_save, 0),
	SD_BUS_METHOD("PowerButton", NULL, NULL, method_power_button, 0),
	SD_BUS_METHOD("Stop", NULL, NULL, method_stop, 0),
	SD_BUS_METHOD("OpenConsole", "uu", "h", method_open_console, 0),
	SD_BUS_METHOD("GetGuest", NULL, "a(sss)", fake_get_guest, 0),
	SD_BUS_METHOD("Type", "sb", NULL, fake_type, 0),
	SD_BUS_METHOD("SetPair", "ss", NULL, fake_set_pair, 0),
	SD_BUS_METHOD("DeletePair", "s", NULL, fake_delete_pair, 0),
	SD_BUS_METHOD("Copy", "hsb", NULL, fake_copy, 0),
	SD_BUS_METHOD("Freeze", "t", NULL, fake_freeze, 0),
	SD_BUS_METHOD("Thaw", NULL, NULL, fake_thaw, 0),
	SD_BUS_METHOD("Reboot", NULL, NULL, fake_reboot, 0),
	SD_BUS_METHOD("Hibernate", NULL, NULL, fake_hibernate, 0),
	SD_BUS_METHOD("CancelCopy", NULL, NULL, fake_cancel_copy, 0),
	SD_BUS_SIGNAL("CopyProgress", "u", 0),
	SD_BUS_METHOD("Attach", "sa(sh)", NULL, fake_attach, 0),
	SD_BUS_METHOD("DetachDisk", "uu", NULL, fake_detach_disk, 0),
	SD_BUS_METHOD("SuspendDisk", "uu", NULL, fake_detach_disk, 0), /* lets go of it */
	SD_BUS_METHOD("RefreshDisk", "uu", "t", fake_refresh_disk, 0),
	SD_BUS_METHOD("DetachNic", "s", NULL, fake_detach_nic, 0),
	SD_BUS_METHOD("GetStatistics", NULL, "a{st}", method_get_statistics, 0),
	SD_BUS_PROPERTY("Uuid", "s", get, 0, 0),
	SD_BUS_PROPERTY("State", "s", get, 0, 0),
	SD_BUS_PROPERTY("Started", "t", get, 0, 0),
	SD_BUS_SIGNAL("GuestEvent", "ss", 0),
	SD_BUS_VTABLE_END,
};

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct fake *fake = userdata;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	sd_bus *link = NULL;

	(void)source;
	(void)revents;
	if (client < 0)
		return 0;
	if (g_str_has_prefix(fake->name, "dies-connected"))
		fake_die();
	if (sd_bus_new(&link) < 0 || sd_bus_set_fd(link, client, client) < 0 ||
	    sd_bus_set_server(link, 1,
			      SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0)) < 0 ||
	    sd_bus_negotiate_fds(link, 1) < 0 ||
	    sd_bus_add_object_vtable(link, NULL, VMMS_WORKER_PATH, VMMS_IFACE_WORKER, vtable,
				     fake) < 0 ||
	    sd_bus_start(link) < 0 ||
	    sd_bus_attach_event(link, fake->event, SD_EVENT_PRIORITY_NORMAL) < 0)
		return -EIO;
	g_ptr_array_add(fake->links, link);
	return 0;
}

static void link_free(void *link)
{
	sd_bus_flush_close_unref(link);
}

/* what: probe or measure */
static int fake_answer(const char *program, const char *what)
{
	const char *dir = g_getenv("FAKE_WORKER_PROBES"), *probe = g_getenv("FAKE_WORKER_PROBE");
	g_autofree char *base = g_path_get_basename(program);
	g_autofree char *path = g_strdup_printf("%s/%s.%s", dir ? dir : "", base, what);
	g_autofree char *text = NULL;

	if (g_file_get_contents(path, &text, NULL, NULL))
		probe = text;
	puts(probe ? probe
		   : "{\"virtualization\":\"amd-v\",\"usable\":true,\"reason\":\"\","
		     "\"apiVersion\":12,\"maxVps\":240,\"capabilities\":{}}");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct fake fake = {.state = "idle", .result = -1};
	int status;

	if (argc == 2)
		return fake_answer(argv[0], argv[1] + strlen("--"));
	for (int i = 1; i + 1 < argc; i += 2)
		if (g_str_equal(argv[i], "--uuid"))
			fake.uuid = argv[i + 1];
		else if (g_str_equal(argv[i], "--name"))
			fake.name = argv[i + 1];
	/* Of a test that broke off nothing stays for long. */
	(void)alarm(300);
	if (!fake.uuid || !fake.name || sd_listen_fds(1) != 1)
		return EXIT_FAILURE;
	if (g_str_has_prefix(fake.name, "dies-first"))
		return 3;
	if (sd_event_new(&fake.event) < 0)
		return EXIT_FAILURE;
	fake.links = g_ptr_array_new_with_free_func(link_free);
	if (!g_str_has_prefix(fake.name, "hangs") &&
	    sd_event_add_io(fake.event, NULL, SD_LISTEN_FDS_START, EPOLLIN, on_connection, &fake) <
		    0)
		return EXIT_FAILURE;
	status = sd_event_loop(fake.event);
	sd_bus_message_unref(fake.copy);
	g_ptr_array_unref(fake.links);
	sd_event_unref(fake.event);
	g_free(fake.behaviour);
	return status;
}
